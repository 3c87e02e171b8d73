//! pmdscope: what lockless page-table walkers see while an entry changes.
//!
//! This is the program, all but its entry, so that what it reads of its workers can be fuzzed. Other programs use the
//! crates that it is made of.
// A test of what a process may not do makes system calls.
#![cfg_attr(not(test), forbid(unsafe_code))]
// These panic where nothing can be written.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod batch;
mod cli;
mod command;
mod compare;
mod confined;
mod decode;
mod exit;
mod expected;
mod explain;
mod failure;
mod input;
mod kernel;
mod kernel_facts;
mod list;
mod manual;
mod output;
mod pasted;
mod plan;
mod predicates;
mod reporter;
mod repro;
mod run;
mod start;
mod study;
mod subject;
mod sweep;
mod sweep_study;
mod tally;
mod values;
mod version;

#[doc(hidden)]
pub use batch::from_worker;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use pmdscope_traces::{json, schemas};

use crate::cli::{Cli, Command, SchemaArgs};
use crate::exit::Exit;
use crate::failure::{one_line, status_of};

/// The program.
pub fn main() -> ExitCode {
    if batch::is_worker() {
        return ended(batch::worker());
    }
    if confined::is_confined_run() {
        return ended(confined::serve());
    }
    // A file that may not grow is an error where it is written, not the end of this process.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    ended(match &cli.command {
        Command::Compare(args) => compare::compare(args),
        Command::Run(args) => run::run(args),
        Command::Sweep(args) => sweep::run(args),
        Command::Batch(args) => batch::batch(args),
        Command::Merge(args) => batch::merge(args),
        Command::Report(args) => batch::report(args),
        Command::Diff(args) => batch::diff(args),
        Command::Repro(args) => repro::repro(args),
        Command::Kernel(args) => kernel::kernel(args),
        Command::Decode(args) => decode::decode(args),
        Command::Explain(args) => explain::explain(args),
        Command::List(args) => list::list(args),
        Command::Schema(args) => schema(args),
        Command::Man(args) => manual::man(args),
        Command::Completions(args) => manual::completions(args),
    })
}

/// The exit status of what was done, with one line for what went wrong.
fn ended(result: Result<Exit>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::tell(&one_line(&error));
            status_of(&error).into()
        }
    }
}

/// Help and version go to standard output as they are; a mistake gets its one line.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Clean.into();
    }
    let cli = Cli::command();
    // As far as commands within commands were named.
    let words = std::env::args_os().skip(1).map_while(|word| word.into_string().ok());
    let mut help = "pmdscope".to_owned();
    let mut command = None;
    for word in words {
        let Some(inner) = command.unwrap_or(&cli).find_subcommand(&word) else { break };
        help = format!("{help} {}", inner.get_name());
        command = Some(inner);
    }
    help += " --help";
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
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
