//! `pmdscope sweep`.

use anyhow::Result;
use pmdscope_arches::EntrySet;
use pmdscope_guest::Role;
use pmdscope_traces::{json, text};

use crate::cli::{SweepArgs, SweepFormat};
use crate::confined;
use crate::exit::Exit;
use crate::output;
use crate::subject::GuestSubject;
use crate::values;

pub fn run(args: &SweepArgs) -> Result<Exit> {
    let platform = &args.platform;
    let encoding = values::encoding(&platform.arch, platform.mmu.as_deref(), platform.linux.as_deref())?;
    let set: EntrySet = args.entries.parse()?;
    let guest = match &args.guest {
        Some(path) => GuestSubject::from_file(path, encoding)?,
        None => GuestSubject::bundled_for(encoding)?,
    };
    let guest = guest.on_named(args.engine.as_deref())?;
    let writer = guest.guest.routine(Role::Writer, &args.writer)?;
    let (printed, verdict) = output::checked(args.report.self_check, || {
        let report = confined::sweep(&guest, set, writer)?;
        let printed = match args.format {
            SweepFormat::Text => text::sweep(&report),
            SweepFormat::Json => json::pretty(&report)?,
        };
        Ok((printed, report.verdict))
    })?;
    let to = args.report.output.as_deref();
    let terminal = output::terminal(to).filter(|_| args.format == SweepFormat::Text);
    output::write(&text::fit(&printed, terminal), to)?;
    Ok(Exit::of([verdict]))
}
