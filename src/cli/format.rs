//! The values of `--format`, out of the registry of formats.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use pmdscope_traces::formats::Format;

/// Takes the name of one of these formats.
pub fn one_of<Encoder: Send + Sync>(
    formats: &'static [&'static Format<Encoder>],
) -> impl TypedValueParser<Value = &'static Format<Encoder>> {
    let names = formats.iter().map(|format| PossibleValue::new(format.name).help(format.about));
    PossibleValuesParser::new(names).try_map(|name| {
        formats.iter().copied().find(|format| format.name == name).ok_or("it is in no registry of formats")
    })
}
