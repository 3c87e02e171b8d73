//! `pmdscope decode`.

use anyhow::{Result, ensure};
use pmdscope_traces::{DECODE_SCHEMA, DecodeReport, DecodedEntry, Level, Value, json, text};

use crate::cli::{DecodeArgs, DecodeFormat};
use crate::exit::Exit;
use crate::explain::pasted_values;
use crate::output;
use crate::pasted::PastedValue;
use crate::reporter::encoding_name;
use crate::values::encoding;

pub fn decode(args: &DecodeArgs) -> Result<Exit> {
    let encoding =
        encoding(&args.platform.arch, args.platform.mmu.as_deref(), args.platform.linux.as_deref())?;
    let pasted = pasted_values(&args.values)?;
    let is_pmd = |pasted: &&PastedValue| pasted.level.is_none_or(|level| level == Level::Pmd);
    let values: Vec<&PastedValue> = pasted.iter().filter(is_pmd).collect();
    let others: Vec<String> = pasted
        .iter()
        .filter(|pasted| !is_pmd(pasted))
        .filter_map(|pasted| Some(format!("{} {}", pasted.level?, Value(pasted.value))))
        .collect();
    let others = others.join(", ");
    ensure!(
        !values.is_empty(),
        "only PMDs can be decoded, and there is none among {others}: see pmdscope explain"
    );
    if !others.is_empty() {
        output::tell(&format!("only PMDs are decoded, so not {others}"));
    }
    let report = DecodeReport {
        schema: DECODE_SCHEMA.to_owned(),
        encoding: encoding_name(&encoding),
        predicates: "model".to_owned(),
        entries: values.iter().map(|pasted| DecodedEntry::of_model(&encoding, pasted.value)).collect(),
    };
    let printed = match args.format {
        DecodeFormat::Text => text::decode(&report, output::terminal(None)),
        DecodeFormat::Json => json::pretty(&report)?,
    };
    output::write(&printed, None)?;
    Ok(Exit::Clean)
}
