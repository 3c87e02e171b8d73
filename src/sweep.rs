//! A writer over very many entries.

use std::str::FromStr;

use anyhow::{Result, bail};
use pmdscope_arches::Encoding;
use pmdscope_emu::Bounds;
use pmdscope_guest::Writer;
use pmdscope_traces::sweep::SweepReport;

use crate::plan::GuestSource;

#[derive(Debug, Clone, Copy)]
pub struct Set;

impl FromStr for Set {
    type Err = anyhow::Error;

    fn from_str(_: &str) -> Result<Self> {
        bail!("not yet")
    }
}

impl Set {
    pub fn name(self) -> &'static str {
        "swap"
    }

    pub fn domain(self, _: &Encoding) -> Result<(), String> {
        Ok(())
    }
}

pub fn sweep(_: &Encoding, _: &GuestSource, _: Set, _: Writer, _: &Bounds) -> Result<SweepReport> {
    bail!("not yet")
}

pub fn lost(_: &Encoding, _: &GuestSource, _: Set, _: Writer, _: &str) -> Result<SweepReport> {
    bail!("not yet")
}
