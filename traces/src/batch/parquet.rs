//! The results of a batch as one Parquet file, for DuckDB, pandas, Polars and whatever else reads tables.
//!
//! A job is a row. What a row has is listed in [`columns`](crate::batch::columns()), which the schema is made of.

use std::io::Write;
use std::mem;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError as Unwritable;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use crate::batch::Record;
use crate::batch::columns::{Column, Holds, columns};

/// The name and number of the set of columns, which the file has under the key `schema`. A change that breaks a
/// reader raises the number.
const PARQUET_SCHEMA: &str = "pmdscope.parquet/1";
/// How many rows are held, and written as one row group.
const ROWS: usize = 65_536;
/// About how many bytes of values are held at most, where rows are long.
const BYTES: usize = 64 << 20;

/// The file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the Parquet file cannot be written: {0}")]
pub struct ParquetError(#[from] Unwritable);

/// Writes records as rows. It holds one row group, of at most 65,536 rows or about 64 MiB.
pub struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    buffers: Vec<Buffer>,
    rows: usize,
}

/// The values of a column that are not written yet. Only those of its type are used.
struct Buffer {
    column: &'static Column,
    texts: Vec<ByteArray>,
    numbers: Vec<i64>,
    flags: Vec<bool>,
    levels: Levels,
    /// About how much is held.
    bytes: usize,
}

/// Where values stand: in Parquet a missing value, and an empty list, is told by its level.
#[derive(Default)]
struct Levels {
    /// Of a value 1, or 0 if it is missing. In a list: of a value 2, of an empty list 1, of none 0.
    definition: Vec<i16>,
    /// Only of lists: of a further value 1, else 0.
    repetition: Vec<i16>,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// A file without rows.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(to: W) -> Result<Self, ParquetError> {
        let file = SerializedFileWriter::new(to, file_type()?, Arc::new(properties()))?;
        Ok(ParquetWriter { file, buffers: buffers(), rows: 0 })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, record: &Record) -> Result<(), ParquetError> {
        self.buffers.iter_mut().for_each(|buffer| buffer.add(record));
        self.rows += 1;
        let bytes: usize = self.buffers.iter().map(|buffer| buffer.bytes).sum();
        if self.rows >= ROWS || bytes >= BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes what is left, and what readers begin with. Gives back what it wrote to.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<W, ParquetError> {
        if self.rows > 0 {
            self.flush()?;
        }
        Ok(self.file.into_inner()?)
    }

    /// Writes the rows that are held as one row group.
    fn flush(&mut self) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        for buffer in mem::replace(&mut self.buffers, buffers()) {
            buffer.write(&mut group)?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

/// How the file is written. Most columns say few distinct things, for which the usual dictionaries are made; each
/// number of a job and each command is another, and is like the one before.
fn properties() -> WriterProperties {
    let schema = KeyValue::new("schema".to_owned(), PARQUET_SCHEMA.to_owned());
    let by_difference = [("job", Encoding::DELTA_BINARY_PACKED), ("command", Encoding::DELTA_BYTE_ARRAY)];
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![schema]));
    for (column, encoding) in by_difference {
        properties = properties
            .set_column_dictionary_enabled(column.into(), false)
            .set_column_encoding(column.into(), encoding);
    }
    properties.build()
}

fn buffers() -> Vec<Buffer> {
    columns().iter().map(Buffer::new).collect()
}

impl Buffer {
    fn new(column: &'static Column) -> Buffer {
        Buffer {
            column,
            texts: Vec::new(),
            numbers: Vec::new(),
            flags: Vec::new(),
            levels: Levels::default(),
            bytes: 0,
        }
    }

    /// Takes what a record has in this column.
    fn add(&mut self, record: &Record) {
        match self.column.holds {
            Holds::Text(of) => {
                let text = of(record);
                self.levels.value(text.is_some());
                self.texts(text);
            }
            Holds::Number(of) => {
                let number = of(record);
                self.levels.value(number.is_some());
                self.numbers(number);
            }
            Holds::Flag(of) => {
                let flag = of(record);
                self.levels.value(flag.is_some());
                self.flags.extend(flag);
            }
            Holds::Texts(of) => {
                let texts = of(record);
                self.levels.list(texts.as_ref().map(Vec::len));
                self.texts(texts.into_iter().flatten());
            }
            Holds::Numbers(of) => {
                let numbers = of(record);
                self.levels.list(numbers.as_ref().map(Vec::len));
                self.numbers(numbers.into_iter().flatten());
            }
        }
    }

    fn texts(&mut self, texts: impl IntoIterator<Item = String>) {
        for text in texts {
            self.bytes += size_of::<ByteArray>() + text.len();
            self.texts.push(ByteArray::from(text.into_bytes()));
        }
    }

    /// Parquet has no type of its own for numbers without a sign: its logical type says that they have none.
    fn numbers(&mut self, numbers: impl IntoIterator<Item = u64>) {
        let before = self.numbers.len();
        self.numbers.extend(numbers.into_iter().map(u64::cast_signed));
        self.bytes += (self.numbers.len() - before) * size_of::<i64>();
    }

    /// Writes the values as the next column of a row group.
    fn write<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<(), Unwritable> {
        let Levels { definition, repetition } = &self.levels;
        let definition = Some(definition.as_slice());
        let repetition = self.column.holds.is_list().then_some(repetition.as_slice());
        let mut column = group.next_column()?.ok_or_else(|| self.unlike_schema())?;
        match column.untyped() {
            ColumnWriter::ByteArrayColumnWriter(to) => to.write_batch(&self.texts, definition, repetition)?,
            ColumnWriter::Int64ColumnWriter(to) => to.write_batch(&self.numbers, definition, repetition)?,
            ColumnWriter::BoolColumnWriter(to) => to.write_batch(&self.flags, definition, repetition)?,
            _ => return Err(self.unlike_schema()),
        };
        column.close()
    }

    fn unlike_schema(&self) -> Unwritable {
        Unwritable::General(format!("the schema has no column for {}", self.column.name))
    }
}

impl Levels {
    fn value(&mut self, is_there: bool) {
        self.definition.push(i16::from(is_there));
    }

    /// A list of so many values, or none.
    fn list(&mut self, length: Option<usize>) {
        match length {
            None => self.definition.push(0),
            Some(0) => self.definition.push(1),
            Some(length) => self.definition.extend(std::iter::repeat_n(2, length)),
        }
        let further = length.unwrap_or(0).saturating_sub(1);
        self.repetition.push(0);
        self.repetition.extend(std::iter::repeat_n(1, further));
    }
}

impl Holds {
    fn is_list(self) -> bool {
        matches!(self, Holds::Texts(_) | Holds::Numbers(_))
    }
}

/// The type of the file.
fn file_type() -> Result<TypePtr, Unwritable> {
    let fields = columns().iter().map(column_type).collect::<Result<_, _>>()?;
    Ok(Arc::new(Type::group_type_builder("job").with_fields(fields).build()?))
}

/// The type of a column; a list is in two groups, as the format wants it.
fn column_type(column: &Column) -> Result<TypePtr, Unwritable> {
    if !column.holds.is_list() {
        return value_type(column, column.name, Repetition::OPTIONAL);
    }
    let element = value_type(column, "element", Repetition::REQUIRED)?;
    let list =
        Type::group_type_builder("list").with_repetition(Repetition::REPEATED).with_fields(vec![element]);
    let whole = Type::group_type_builder(column.name)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(list.build()?)]);
    Ok(Arc::new(whole.build()?))
}

fn value_type(column: &Column, name: &str, repetition: Repetition) -> Result<TypePtr, Unwritable> {
    let (physical, logical) = match column.holds {
        Holds::Text(_) | Holds::Texts(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Holds::Number(_) | Holds::Numbers(_) => (Physical::INT64, Some(LogicalType::integer(64, false))),
        Holds::Flag(_) => (Physical::BOOLEAN, None),
    };
    let of =
        Type::primitive_type_builder(name, physical).with_repetition(repetition).with_logical_type(logical);
    Ok(Arc::new(of.build()?))
}
