//! Every help text has examples, and each of them runs.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::kernels::packages;
use crate::common::scratch::Scratch;
use crate::common::{pmdscope, pmdscope_in};

/// The subcommands, as `pmdscope --help` lists them.
fn subcommands() -> Vec<String> {
    let help = pmdscope("--help").stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn help_of(command: &str) -> String {
    let ran = pmdscope(&format!("{command} --help"));
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "pmdscope {command} --help");
    ran.stdout
}

/// Returns the example command lines of a help text, without the program's name.
fn examples_of(help: &str) -> Vec<String> {
    let mut lines = help.lines();
    let mut examples = Vec::new();
    while let Some(line) = lines.next() {
        let Some(first) = line.strip_prefix("  pmdscope ").or((line == "  pmdscope").then_some("")) else {
            continue;
        };
        let mut example = first.to_owned();
        while let Some(begun) = example.strip_suffix('\\') {
            example = format!("{begun}{}", lines.next().expect("the line goes on").trim());
        }
        examples.push(example);
    }
    examples
}

#[test]
fn every_subcommand_is_in_the_contract_of_this_version() {
    let subcommands: BTreeSet<String> = subcommands().into_iter().collect();
    for name in [
        "compare", "run", "sweep", "batch", "merge", "report", "diff", "survey", "patch", "repro", "kernel",
        "decode", "explain", "list", "schema",
    ] {
        assert!(subcommands.contains(name), "{subcommands:?}");
    }
}

#[test]
fn a_heading_stands_above_what_it_is_of_and_nothing_else() {
    let commands = subcommands().into_iter().chain(["repro save".to_owned()]);
    let mut headings = BTreeSet::new();
    for command in commands {
        let mut heading = String::new();
        for line in help_of(&command).lines() {
            if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
                name.clone_into(&mut heading);
            }
            let option = line.trim_start().split_once("--").filter(|(short, _)| short.len() <= "-o, ".len());
            let Some((_, option)) = option.filter(|_| line.starts_with("  ")) else { continue };
            let option = option.split([' ', '=']).next().unwrap_or_default();
            let is_bound = option.starts_with("max-") || option == "timeout";
            match heading.as_str() {
                "Bounds" => assert!(is_bound, "pmdscope {command}: --{option} is no bound"),
                "Only some" => assert!(
                    !["output", "format", "expect"].contains(&option),
                    "pmdscope {command}: --{option} does not choose some"
                ),
                _ => assert!(!is_bound || heading != "Options", "pmdscope {command}: --{option} is a bound"),
            }
            headings.insert(heading.clone());
        }
    }
    for known in ["Options", "Bounds", "Only some"] {
        assert!(headings.contains(known), "{headings:?}");
    }
}

#[test]
fn every_help_has_examples_and_each_runs() {
    let scratch = Scratch::new("every-help-has-examples-and-each-runs");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    std::os::unix::fs::symlink(examples, scratch.path().join("examples")).expect("a link");
    let mut written = 0;
    // Which kernels exist depends on the machine: any one replaces those of the examples.
    let kernels = packages(&[]);
    for command in subcommands() {
        let help = help_of(&command);
        assert!(help.contains("Example"), "pmdscope {command} --help");
        let examples = examples_of(&help);
        assert!(!examples.is_empty(), "pmdscope {command} --help");
        for example in examples {
            // A kernel that the reader built, a tree of the reader's, and what is made of one.
            if example.contains("/vmlinux")
                || ["objects", "bisect", "probe", "contract"].contains(&command.as_str())
            {
                continue;
            }
            let of_kernel = |word: &&str| word.ends_with(".deb") || word.starts_with("/boot/");
            let named: Vec<&str> = example.split_whitespace().filter(of_kernel).collect();
            let example = match (named.is_empty(), kernels.first()) {
                (true, _) => example,
                (false, Some(kernel)) => {
                    let kernel = kernel.display().to_string();
                    named.iter().fold(example.clone(), |example, name| example.replace(name, &kernel))
                        + " --no-cache"
                }
                (false, None) => continue,
            };
            assert!(example.starts_with(&command), "an example of {command}: {example}");
            let ran = pmdscope_in(scratch.path(), &example);
            assert!(matches!(ran.status, Some(0 | 1)), "pmdscope {example}: {:?} {}", ran.status, ran.stderr);
            assert_eq!(ran.stderr, "", "pmdscope {example}");
            if let Some((_, rest)) = example.split_once(" -o ") {
                let file = rest.split_whitespace().next().expect("a file");
                let path = scratch.path().join(file);
                let empty = match path.is_dir() {
                    true => std::fs::read_dir(&path).expect("the example wrote it").count() == 0,
                    false => std::fs::read(&path).expect("the example wrote it").is_empty(),
                };
                // A command that fills a folder may also say so.
                assert!(!empty && (ran.stdout.is_empty() || path.is_dir()), "pmdscope {example}");
                written += 1;
            } else {
                assert!(!ran.stdout.is_empty(), "pmdscope {example}");
            }
        }
    }
    assert!(written > 0, "no example writes a file");
}

#[test]
fn the_exit_statuses_are_told() {
    let help = help_of("");
    let told = help.split_once("Exit status:").expect("pmdscope --help tells them").1;
    for (status, meaning) in
        [(0, "nothing"), (1, "findings"), (2, "bad usage"), (3, "bound"), (4, "internal")]
    {
        let line = told.lines().find(|line| line.trim_start().starts_with(&status.to_string()));
        assert!(line.is_some_and(|line| line.contains(meaning)), "{status}: {told}");
    }
    for command in ["run", "compare"] {
        let help = help_of(command);
        let told = help
            .split_once("Exit status:")
            .unwrap_or_else(|| panic!("pmdscope {command} --help tells them"))
            .1;
        for status in ["0 ", "1 findings", "2 ", "3 ", "4 "] {
            assert!(told.contains(status), "{command}: {told}");
        }
    }
}

#[test]
fn help_is_the_same_however_it_is_asked_for() {
    for command in subcommands() {
        assert_eq!(help_of(&command), pmdscope(&format!("help {command}")).stdout, "{command}");
        let short = pmdscope(&format!("{command} -h"));
        assert_eq!(short.status, Some(0), "{command} -h");
        assert!(short.stdout.contains("Example"), "{command} -h");
    }
}

#[test]
fn options_that_take_a_name_say_where_the_names_are_listed() {
    for command in ["run", "compare"] {
        let help = help_of(command);
        for list in ["entries", "writers", "walkers"] {
            assert!(help.contains(&format!("`pmdscope list {list}`")), "{command}: {list}");
        }
    }
}

#[test]
fn every_architecture_that_is_listed_is_named_in_the_help_of_what_it_can_do() {
    let arches = pmdscope("list arches").stdout;
    let decode = help_of("decode");
    let run = help_of("run");
    for line in arches.lines() {
        let name = line.split_whitespace().next().expect("a name");
        assert!(decode.contains(name), "decode --help does not name {name}");
        assert!(run.contains(name), "run --help does not name {name}");
    }
}

#[test]
fn no_line_of_help_is_wider_than_a_mail() {
    for command in subcommands().iter().map(String::as_str).chain([""]) {
        for line in help_of(command).lines() {
            assert!(line.chars().count() <= 100, "pmdscope {command} --help: {line}");
        }
    }
}

#[test]
fn the_version_names_the_engine_and_the_sources() {
    let short = concat!("pmdscope ", env!("CARGO_PKG_VERSION"), " (Unicorn 2.1.5)\n");
    let ran = pmdscope("-V");
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), short));
    let ran = pmdscope("--version");
    let sources = ran.stdout.strip_prefix(short).and_then(|rest| rest.strip_prefix("sources "));
    let sources = sources.unwrap_or_else(|| panic!("{}", ran.stdout)).trim_end();
    assert!(sources.len() == 16 && sources.bytes().all(|digit| digit.is_ascii_hexdigit()), "{sources}");
}

/// Status 0 would say that nothing was found.
#[test]
fn the_name_alone_gets_the_short_help() {
    let ran = pmdscope("");
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert_eq!(ran.stderr, pmdscope("-h").stdout);
}

#[test]
fn the_version_is_had_as_a_command_too() {
    let version = pmdscope("--version");
    assert!(version.stdout.contains("\nsources "), "{}", version.stdout);
    assert_eq!(pmdscope("version"), version);
}
