//! `pmdscope man` and `pmdscope completions`, generated from the description of the command line.

use anyhow::{Context, Result, bail};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, line_break, roman};

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::exit::Exit;
use crate::output;
use crate::version::made_by;

pub fn man(args: &ManArgs) -> Result<Exit> {
    let mut whole = Cli::command().disable_help_subcommand(true);
    // This gives each command its full name.
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
            let known: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
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

/// Returns every page with its name: a command's own page, then those of its subcommands.
fn pages(command: &Command) -> Result<Vec<(String, String)>> {
    let mut all = vec![(page_name(command), page(command)?)];
    for inner in command.get_subcommands() {
        all.extend(pages(inner)?);
    }
    Ok(all)
}

/// Returns the name of a command's page, such as `pmdscope-repro-save`.
fn page_name(command: &Command) -> String {
    command.get_bin_name().unwrap_or(command.get_name()).replace(' ', "-")
}

fn page(command: &Command) -> Result<String> {
    let name = page_name(command);
    let of_page = command.clone().display_name(name);
    let mut text = Vec::new();
    let man = Man::new(of_page).source(made_by()).manual("pmdscope");
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    examples(command).to_writer(&mut text)?;
    Ok(String::from_utf8(text)?)
}

/// Returns a section with the text below a command's help, line by line and unchanged.
fn examples(command: &Command) -> Roff {
    let mut section = Roff::new();
    if let Some(help) = command.get_after_help() {
        section.control("SH", ["EXAMPLES AND EXIT STATUS"]).control("nf", []);
        section
            .text(help.to_string().lines().flat_map(|line| [roman(line), line_break()]).collect::<Vec<_>>());
        section.control("fi", []);
    }
    section
}
