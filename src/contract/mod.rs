//! `pmdscope contract`.

mod observe;
mod subject;

use anyhow::{Result, ensure};
use pmdscope_traces::contract::{ContractJudged, ContractReport};
use pmdscope_traces::{formats, text};

use crate::cli::ContractArgs;
use crate::exit::Exit;
use crate::expected::contract_expectations;
use crate::output::EncodeFailure;
use crate::version::made_by;
use crate::{confined, output};

pub use self::subject::{ProbeFile, column, incomplete_column};

pub fn contract(args: &ContractArgs) -> Result<Exit> {
    ensure!(!args.probe.is_empty(), "name a probe, which pmdscope probe makes of a kernel tree");
    let encoder = &args.format.encoder;
    let expectations = contract_expectations(args.expect.as_deref(), encoder.is_test_results())?;
    let probes: Vec<ProbeFile> =
        args.probe.iter().map(|path| ProbeFile::read(path)).collect::<Result<_>>()?;
    let (printed, exit) = output::checked(args.report.self_check, || {
        let columns = probes.iter().map(confined::contract).collect::<Result<Vec<_>>>()?;
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
