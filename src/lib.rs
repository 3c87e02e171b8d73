//! pmdscope shows what lockless page-table walkers see while an entry changes.
//!
//! This library holds the whole program except its entry point, so that fuzz targets can reach the code that reads
//! workers' messages. Other programs use the crates that this one is made of.
// The sandbox's test makes raw system calls, which need unsafe code.
#![cfg_attr(not(test), forbid(unsafe_code))]
// These macros panic if the stream cannot be written.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod batch;
mod bisect;
mod cli;
mod command;
mod compare;
mod confined;
mod contract;
mod decode;
mod described;
mod exit;
mod expected;
mod explain;
mod failure;
mod functions;
mod input;
mod kernel;
mod kernel_arg;
mod kernel_facts;
mod list;
mod manual;
mod objects;
mod output;
mod pasted;
mod patch;
mod plan;
mod predicates;
mod probe;
mod reporter;
mod repro;
mod run;
mod start;
mod study;
mod subject;
mod survey;
mod sweep;
mod sweep_study;
mod tally;
mod values;
mod version;

#[doc(hidden)]
pub use batch::from_worker;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use pmdscope_traces::{json, schemas};

use crate::cli::{Cli, Command, SchemaArgs};
use crate::exit::Exit;
use crate::failure::{one_line, status_of};

/// Runs the program: a command, or the task of a worker or a confined process that it started.
pub fn main() -> ExitCode {
    if batch::is_worker() {
        return ended(batch::worker());
    }
    if confined::is_confined_run() {
        return ended(confined::serve());
    }
    // SIGXFSZ would kill the process at the file size limit. With a handler, the write returns an error instead.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    ended(match &cli.command {
        Command::Compare(args) => compare::compare(args),
        Command::Run(args) => run::run(args),
        Command::Sweep(args) => sweep::run(args),
        Command::Survey(args) => survey::survey(args),
        Command::Batch(args) => batch::batch(args),
        Command::Merge(args) => batch::merge(args),
        Command::Report(args) => batch::report(args),
        Command::Diff(args) => batch::diff(args),
        Command::Patch(args) => patch::patch(args),
        Command::Objects(args) => objects::objects(args),
        Command::Bisect(args) => bisect::bisect(args),
        Command::Probe(args) => probe::probe(args),
        Command::Contract(args) => contract::contract(args),
        Command::Repro(args) => repro::repro(args),
        Command::Kernel(args) => kernel::kernel(args),
        Command::Decode(args) => decode::decode(args),
        Command::Explain(args) => explain::explain(args),
        Command::List(args) => list::list(args),
        Command::Schema(args) => schema(args),
        Command::Man(args) => manual::man(args),
        Command::Version => version(),
        Command::Completions(args) => manual::completions(args),
    })
}

/// Converts a command's result to an exit status; prints an error as one line.
fn ended(result: Result<Exit>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::tell(&one_line(&error));
            status_of(&error).into()
        }
    }
}

/// Prints help and version to standard output unchanged, and a usage mistake as one line.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Clean.into();
    }
    let cli = Cli::command();
    // Follow the subcommands that were named, as far as they exist: the hint names the innermost one's help.
    let words = std::env::args_os().skip(1).map_while(|word| word.into_string().ok());
    let mut help = "pmdscope".to_owned();
    let mut command = None;
    for word in words {
        let Some(inner) = command.unwrap_or(&cli).find_subcommand(&word) else { break };
        help = format!("{help} {}", inner.get_name());
        command = Some(inner);
    }
    help += " --help";
    let is_lacking = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    // Whoever types the name alone wants to know what it can do. The status is that of a mistake, as git's and clap's is,
    // not cargo's 0: here 0 says that nothing was found, and a script that lost its arguments must not pass.
    if is_lacking && command.is_none() {
        let _ = anstream::stderr().lock().write_all(cli.clone().render_help().ansi().to_string().as_bytes());
        return Exit::Usage.into();
    }
    if is_lacking {
        let commands: Vec<_> =
            command.unwrap_or(&cli).get_subcommands().map(clap::Command::get_name).collect();
        output::tell(&format!("no command given: there are {} (see {help})", commands.join(", ")));
        return Exit::Usage.into();
    }
    let text = error.render().to_string();
    let mistake: Vec<_> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    let mut mistake = mistake.join(" ").replace(" tip: ", "; ");
    let lacks_argument = error.kind() == ErrorKind::MissingRequiredArgument;
    let is_decode = command.is_some_and(|command| command.get_name() == "decode");
    if lacks_argument && is_decode && lacking(error).any(|argument| argument.starts_with("--arch")) {
        mistake += "; pmdscope explain finds the architectures and versions that fit a value";
    }
    output::tell(&format!("{} (see {help})", mistake.strip_prefix("error: ").unwrap_or(&mistake)));
    Exit::Usage.into()
}

/// The same as `--version`.
fn version() -> Result<Exit> {
    output::write(&Cli::command().render_long_version(), None)?;
    Ok(Exit::Clean)
}

/// The arguments that are missing.
fn lacking(error: &clap::Error) -> impl Iterator<Item = &str> {
    let names = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(names)) => &names[..],
        _ => &[],
    };
    names.iter().map(String::as_str)
}

fn schema(args: &SchemaArgs) -> Result<Exit> {
    let schema = schemas::schema(&args.name).with_context(|| {
        format!("no schema is named '{}': there are {}", args.name, schemas::SCHEMAS.join(", "))
    })?;
    output::write(&json::pretty(&schema)?, None)?;
    Ok(Exit::Clean)
}
