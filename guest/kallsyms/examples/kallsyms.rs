//! Prints the kallsyms table of an unpacked kernel image, as `/proc/kallsyms` would.
//!
//! `kallsyms IMAGE little|big [BASE]`: BASE, in hexadecimal, is the value of `kallsyms_relative_base` if it
//! differs from the one in the file, or the address of `kallsyms_offsets` if the table is PC-relative.

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use pmdscope_kallsyms::{Base, Endian, Symbols, Table};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: kallsyms IMAGE little|big [BASE]";
    let image = std::fs::read(args.next().ok_or(usage)?)?;
    let endian = match args.next().as_deref() {
        Some("little") => Endian::Little,
        Some("big") => Endian::Big,
        _ => return Err(usage.into()),
    };
    let base = args.next().map(|hex| u64::from_str_radix(hex.trim_start_matches("0x"), 16)).transpose()?;

    let start = Instant::now();
    let table = Table::find(&image, endian)?;
    let found = start.elapsed();
    let base = match table.relative_base() {
        Some(slot) => Base::Relative(base.unwrap_or(slot.value)),
        None => Base::OffsetsAt(base.unwrap_or(table.positions().offsets as u64)),
    };
    let start = Instant::now();
    let symbols = table.symbols(base)?;
    let read = start.elapsed();
    let bytes = symbols.to_bytes();
    let start = Instant::now();
    let same = Symbols::from_bytes(&bytes)? == symbols;
    let loaded = start.elapsed();

    eprintln!("layout: {}; absolute per-CPU: {}", table.layout(), table.is_absolute_percpu());
    eprintln!("{:x?} {:x?}", table.positions(), table.relative_base());
    eprintln!("{} symbols, {base:x?}", symbols.len());
    eprintln!(
        "found in {found:?}, read in {read:?}, loaded from {} bytes in {loaded:?} ({same})",
        bytes.len()
    );
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for symbol in symbols.iter() {
        writeln!(out, "{:016x} {} {}", symbol.address, char::from(symbol.kind), symbol.name)?;
    }
    out.flush()?;
    Ok(())
}
