//! `pmdscope contract`.

mod bundled;
mod observe;
mod subject;

use anyhow::Result;
use pmdscope_arches::{Arch, Encoding, Version};
use pmdscope_traces::contract::{ContractJudged, ContractReport};
use pmdscope_traces::{formats, text};

use crate::cli::ContractArgs;
use crate::exit::Exit;
use crate::expected::contract_expectations;
use crate::output::EncodeFailure;
use crate::subject::GuestSubject;
use crate::values::chosen;
use crate::version::made_by;
use crate::{confined, output};

use self::subject::bundled_column;
pub use self::subject::{ProbeFile, column, incomplete_column};

pub fn contract(args: &ContractArgs) -> Result<Exit> {
    let encoder = &args.format.encoder;
    let expectations = contract_expectations(args.expect.as_deref(), encoder.is_test_results())?;
    let probes: Vec<ProbeFile> =
        args.probe.iter().map(|path| ProbeFile::read(path)).collect::<Result<_>>()?;
    let bundled = if probes.is_empty() { bundled_guests(args)? } else { Vec::new() };
    let (printed, exit) = output::checked(args.report.self_check, || {
        let mut columns = probes.iter().map(confined::contract).collect::<Result<Vec<_>>>()?;
        for guest in &bundled {
            columns.push(bundled_column(guest)?);
        }
        let report = ContractReport::new(made_by(), columns);
        let exit = match encoder.is_test_results() {
            true => Exit::of_conclusion(ContractJudged::new(&report, &expectations).conclusion()),
            false => Exit::of([report.verdict]),
        };
        Ok((encoder.encode(&report, &expectations).map_err(EncodeFailure)?, exit))
    })?;
    let to = args.report.output.as_deref();
    let terminal = output::terminal(to).filter(|_| args.format.name == formats::CONTRACT[0].name);
    output::write(&text::fit(&printed, terminal), to)?;
    Ok(exit)
}

/// Returns the bundled guests of the architectures and versions that are asked for: all of the newest, if none are. A
/// version that an architecture has no guest of is left out, unless nothing else is asked for.
fn bundled_guests(args: &ContractArgs) -> Result<Vec<GuestSubject>> {
    let arches: Vec<Arch> = chosen(&args.arch, Arch::ALL.to_vec())?;
    let versions: Vec<Version> = chosen(&args.linux, vec![Version::NEWEST])?;
    let platforms = arches.into_iter().flat_map(Arch::platforms);
    let wanted = platforms.flat_map(|platform| versions.iter().map(move |version| (platform, *version)));
    let opened = wanted.map(|((arch, mmu), version)| {
        let encoding = Encoding::at(arch, mmu, version)?;
        GuestSubject::bundled_for(encoding)
    });
    let (mut guests, mut refused) = (Vec::new(), None);
    for guest in opened {
        match guest {
            Ok(guest) => guests.push(guest),
            Err(error) => drop(refused.get_or_insert(error)),
        }
    }
    match refused {
        Some(error) if guests.is_empty() => Err(error),
        _ => Ok(guests),
    }
}
