//! `pmdscope decode`.

use anyhow::Result;
use pmdscope_traces::{DECODE_SCHEMA, DecodeReport, DecodedEntry, json, text};

use crate::cli::{DecodeArgs, DecodeFormat};
use crate::exit::Exit;
use crate::explain::pasted_values;
use crate::output;
use crate::reporter::encoding_name;
use crate::values::encoding;

pub fn decode(args: &DecodeArgs) -> Result<Exit> {
    let encoding =
        encoding(&args.platform.arch, args.platform.mmu.as_deref(), args.platform.linux.as_deref())?;
    let values = pasted_values(&args.values)?;
    let executed = if encoding.arch().executed() { "model" } else { "model, not executed" };
    let report = DecodeReport {
        schema: DECODE_SCHEMA.to_owned(),
        encoding: encoding_name(&encoding),
        predicates: executed.to_owned(),
        entries: values.iter().map(|pasted| DecodedEntry::of_model(&encoding, pasted.value)).collect(),
    };
    let printed = match args.format {
        DecodeFormat::Text => text::decode(&report, output::terminal(None)),
        DecodeFormat::Json => json::pretty(&report)?,
    };
    output::write(&printed, None)?;
    Ok(Exit::Clean)
}
