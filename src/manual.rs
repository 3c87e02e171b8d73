//! `pmdscope man` and `pmdscope completions`: what is made of the command line's own description.

use anyhow::{Context, Result, bail};
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::exit::Exit;
use crate::output;

pub fn man(args: &ManArgs) -> Result<Exit> {
    let mut whole = Cli::command();
    // So that each command knows what it is called from here on.
    whole.build();
    if let (true, Some(folder)) = (args.all, &args.output) {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        for (name, text) in pages(&whole)? {
            output::write(&text, Some(&folder.join(format!("{name}.1"))))?;
        }
        return Ok(Exit::Clean);
    }
    let mut command = &whole;
    for name in &args.command {
        let Some(inner) = command.find_subcommand(name) else {
            let known: Vec<_> = commands_of(command).map(Command::get_name).collect();
            match known[..] {
                [] => bail!("{} has no command '{name}'", command.get_bin_name().unwrap_or("pmdscope")),
                _ => bail!("no command is named '{name}' there: there are {}", known.join(", ")),
            }
        };
        command = inner;
    }
    output::write(&page(command)?, None)?;
    Ok(Exit::Clean)
}

pub fn completions(args: &CompletionsArgs) -> Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut text);
    output::write(&String::from_utf8(text)?, None)?;
    Ok(Exit::Clean)
}

/// The commands in a command, without the one that clap adds.
fn commands_of(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|inner| inner.get_name() != "help")
}

/// Every page, each with its name: a command's own, then those of the commands in it.
fn pages(command: &Command) -> Result<Vec<(String, String)>> {
    let mut all = vec![(page_name(command), page(command)?)];
    for inner in commands_of(command) {
        all.extend(pages(inner)?);
    }
    Ok(all)
}

/// `pmdscope-repro-save`.
fn page_name(command: &Command) -> String {
    command.get_bin_name().unwrap_or(command.get_name()).replace(' ', "-")
}

fn page(command: &Command) -> Result<String> {
    let name = page_name(command);
    let of_page = command.clone().display_name(name);
    let mut text = Vec::new();
    let source = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    Man::new(of_page).source(source).manual("pmdscope").render(&mut text)?;
    Ok(String::from_utf8(text)?)
}
