//! `pmdscope man` and `pmdscope completions`, generated from the description of the command line.

use anyhow::{Context, Result, bail};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, line_break, roman};

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
        for (name, text) in pages(&whole, &whole)? {
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
    output::write(&page(command, &whole)?, None)?;
    Ok(Exit::Clean)
}

pub fn completions(args: &CompletionsArgs) -> Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut text);
    output::write(&String::from_utf8(text)?, None)?;
    Ok(Exit::Clean)
}

/// Returns every page with its name: a command's own page, then those of its subcommands.
fn pages(command: &Command, whole: &Command) -> Result<Vec<(String, String)>> {
    let mut all = vec![(page_name(command), page(command, whole)?)];
    for inner in command.get_subcommands() {
        all.extend(pages(inner, whole)?);
    }
    Ok(all)
}

/// Returns the name of a command's page, such as `pmdscope-repro-save`.
fn page_name(command: &Command) -> String {
    command.get_bin_name().unwrap_or(command.get_name()).replace(' ', "-")
}

fn page(command: &Command, whole: &Command) -> Result<String> {
    let of_page = command.clone().display_name(page_name(command));
    let help = AfterHelp::of(command);
    let mut text = Vec::new();
    let man = Man::new(of_page).source(made_by()).manual("pmdscope");
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if !help.before_examples.is_empty() {
        let mut paragraph = Roff::new();
        paragraph.control("PP", []).text([roman(help.before_examples.join(" "))]);
        paragraph.to_writer(&mut text)?;
    }
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    if !help.examples.is_empty() {
        lines("EXAMPLES", &help.examples).to_writer(&mut text)?;
    }
    let status = if help.status.is_empty() { DONE.lines().map(str::to_owned).collect() } else { help.status };
    lines("EXIT STATUS", &status).to_writer(&mut text)?;
    terms("FILES", &files(command)).to_writer(&mut text)?;
    terms("ENVIRONMENT", &environment(command)).to_writer(&mut text)?;
    see_also(command, whole).to_writer(&mut text)?;
    Ok(String::from_utf8(text)?)
}

/// The exit status of commands that find nothing.
const DONE: &str = "0  it did what was asked\n2  bad usage or bad input\n4  internal fault";

/// The text below a command's help, in its parts.
#[derive(Default)]
struct AfterHelp {
    before_examples: Vec<String>,
    examples: Vec<String>,
    status: Vec<String>,
}

impl AfterHelp {
    fn of(command: &Command) -> Self {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let mut parts = AfterHelp::default();
        let (mut in_examples, mut in_status) = (false, false);
        for line in help.lines() {
            in_examples |= line == "Examples:";
            in_status |= line.starts_with("Exit status");
            let part = match (in_status, in_examples) {
                (true, _) => &mut parts.status,
                (false, true) => &mut parts.examples,
                (false, false) => &mut parts.before_examples,
            };
            // The section's title says it.
            let is_title = matches!(line, "Examples:" | "Exit status:");
            let is_gap_above = line.is_empty() && part.is_empty();
            if !is_title && !is_gap_above {
                part.push(line.to_owned());
            }
        }
        parts
    }
}

/// A section of lines that are unchanged.
fn lines(title: &str, all: &[impl AsRef<str>]) -> Roff {
    let mut section = Roff::new();
    section.control("SH", [title]).control("nf", []);
    section.text(all.iter().flat_map(|line| [roman(line.as_ref()), line_break()]).collect::<Vec<_>>());
    section.control("fi", []);
    section
}

/// A section of names with what each is.
fn terms(title: &str, all: &[(&str, &str)]) -> Roff {
    let mut section = Roff::new();
    section.control("SH", [title]);
    for (term, meaning) in all {
        section.control("TP", []).text([bold(*term)]).text([roman(*meaning)]);
    }
    section
}

/// Whether a command, or one in it, has an option.
fn has_option(command: &Command, id: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_id() == id)
        || command.get_subcommands().any(|inner| has_option(inner, id))
}

/// The files that a command uses beside those that it is given.
fn files(command: &Command) -> Vec<(&'static str, &'static str)> {
    let mut files = Vec::new();
    if has_option(command, "no_cache") {
        files.push((
            "$XDG_CACHE_HOME/pmdscope, ~/.cache/pmdscope",
            "What was unpacked of kernels. It may be removed at any time. --no-cache keeps nothing there.",
        ));
    }
    if has_option(command, "output") {
        files.push((
            "-o, --output",
            "A file appears whole or not at all: it is written beside its place, and renamed.",
        ));
    }
    if files.is_empty() {
        files.push(("none", "Nothing is read or kept beside the files that are named."));
    }
    files
}

/// The variables of the environment that a command heeds.
fn environment(command: &Command) -> Vec<(&'static str, &'static str)> {
    let mut variables = Vec::new();
    if has_option(command, "no_cache") {
        variables.push((
            "XDG_CACHE_HOME, HOME",
            "Where unpacked kernels are kept. Without both nothing is kept, and a line says so.",
        ));
    }
    if has_option(command, "tree") {
        variables.push(("PATH", "Where perl is, which runs the script of --tree."));
    }
    variables.push((
        "NO_COLOR, CLICOLOR_FORCE, CLICOLOR, TERM",
        "Whether there are colours: NO_COLOR turns them off, and else CLICOLOR_FORCE on.",
    ));
    variables
}

/// The pages of the command that a command is in, and of the others in that; of the program those of its commands.
fn see_also(command: &Command, whole: &Command) -> Roff {
    let name = page_name(command);
    let mut parents = vec![whole];
    let inside = |parent: &Command| name.starts_with(&format!("{}-", page_name(parent)));
    while let Some(inner) = parents.last().and_then(|last| last.get_subcommands().find(|inner| inside(inner)))
    {
        parents.push(inner);
    }
    let mut pages: Vec<String> = parents.iter().map(|parent| page_name(parent)).collect();
    let siblings = parents.last().into_iter().flat_map(|parent| parent.get_subcommands());
    pages.extend(siblings.map(page_name));
    pages.extend(command.get_subcommands().map(page_name));
    pages.retain(|page| *page != name);
    pages.sort();
    pages.dedup();
    let mut section = Roff::new();
    section.control("SH", ["SEE ALSO"]);
    section.text([roman(pages.iter().map(|page| format!("{page}(1)")).collect::<Vec<_>>().join(", "))]);
    section
}
