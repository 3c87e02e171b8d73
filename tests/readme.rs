//! The README and the pages in docs/ show what the program prints.
//!
//! In a block marked `console`, a shell runs each line that begins with `$ `, with the built program on its path.
//! The lines up to the next such line must be what the command printed. The lines between `<!-- $ COMMAND -->` and
//! `<!-- end -->` must be the Markdown that the command printed. The commands of a page run one after another in a
//! folder of their own, so that one may use what another wrote. `UPDATE_GOLDEN=1` writes what the commands print
//! now.
//!
//! If a command names a kernel that is missing from `kernels/`, the page keeps its output as it is. The same holds
//! for every later command that reads a file which that command would have written. `script/fetch-kernels` fetches
//! the kernels that can still be downloaded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use pmdscope_needs::Need;

use crate::common::scratch::Scratch;

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md")];
    let docs = fs::read_dir(root.join("docs")).into_iter().flatten().flatten();
    pages.extend(docs.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "md")));
    pages.sort();
    pages
}

/// Returns a kernel in `kernels/` that a command names and that is missing or hidden.
fn missing_kernel(command: &str) -> Option<&str> {
    let of_kernels = |word: &&str| word.starts_with("kernels/");
    let exists = |word: &str| {
        // A pattern matches whichever kernels exist.
        let path = if word.contains('*') { "kernels" } else { word };
        !Need::Kernels.is_hidden() && Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
    };
    // A kernel may have a label: before=kernels/FILE.
    let unlabelled = |word| str::split_once(word, '=').map_or(word, |(_, file)| file);
    command.split_whitespace().map(unlabelled).filter(of_kernels).find(|word| !exists(word))
}

/// Returns the words of a command that may name files that it reads, and the files and folders that it writes.
///
/// It writes what follows `-o` or `>`.
fn read_and_written(command: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut read, mut written) = (Vec::new(), Vec::new());
    let mut next_is_written = false;
    for word in command.split_whitespace() {
        let target =
            word.trim_start_matches('2').strip_prefix('>').map(|target| target.trim_start_matches('>'));
        match target {
            _ if next_is_written => written.push(bare(word)),
            Some(target) if !target.is_empty() => written.push(bare(target)),
            Some(_) => {}
            None => read.push(bare(word)),
        }
        next_is_written = !next_is_written && (matches!(word, "-o" | "--output") || target == Some(""));
    }
    (read, written)
}

/// Whether a command reads one of these files, or something in one of these folders.
fn reads(command: &str, files: &BTreeSet<String>) -> bool {
    let (read, _) = read_and_written(command);
    read.iter().any(|word| files.iter().any(|file| Path::new(word).starts_with(file)))
}

/// Removes from a word what the shell or a sentence puts around a name.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| "'\"|;&<>()".contains(c))
}

/// Makes an empty folder for the commands of a page, with links to the examples, the guests and the kernels.
///
/// The commands may write files there.
fn folder_for(page: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages").join(page.file_stem().expect("a name"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder under target/tmp can be made");
    for shared in ["kernels", "examples", "guest"] {
        std::os::unix::fs::symlink(root.join(shared), folder.join(shared)).expect("a link");
    }
    folder
}

fn printed_by(command: &str, folder: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_pmdscope"));
    let mut path = vec![program.parent().expect("the program is in a directory").to_owned()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let output = Command::new("bash")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", env::join_paths(path).expect("no path has a colon"))
        .output()
        .expect("bash runs");
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("the program prints UTF-8");
    assert!(!text.contains("panicked"), "{command}: {text}");
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A page with the output that it should show, and how many commands were run and skipped.
#[derive(Debug, Default)]
struct Checked {
    text: String,
    run: usize,
    skipped: usize,
}

/// Runs the commands of a page.
fn checked(page: &str, folder: &Path) -> Checked {
    #[derive(PartialEq)]
    enum Within {
        Prose,
        Console,
        Markdown,
    }
    let mut checked = Checked::default();
    let mut within = Within::Prose;
    let mut left_as_it_is = false;
    // The files that skipped commands would have written.
    let mut absent: BTreeSet<String> = BTreeSet::new();
    for line in page.lines() {
        let console = (within == Within::Console).then(|| line.strip_prefix("$ ")).flatten();
        let markdown = line.strip_prefix("<!-- $ ").and_then(|rest| rest.strip_suffix(" -->"));
        let fence = within != Within::Markdown && line.starts_with("```");
        if fence || line == "<!-- end -->" {
            left_as_it_is = false;
            within = if line == "```console" { Within::Console } else { Within::Prose };
            checked.text += &format!("{line}\n");
        } else if let Some(command) = console.or(markdown) {
            checked.text += &format!("{line}\n");
            let missing = missing_kernel(command);
            left_as_it_is = missing.is_some() || reads(command, &absent);
            if left_as_it_is {
                let why = missing.map_or_else(|| "what it reads was not made".to_owned(), str::to_owned);
                Need::DocumentedKernel.skip(&format!("{why}: $ {command}"));
                absent.extend(read_and_written(command).1.into_iter().map(str::to_owned));
                checked.skipped += 1;
            } else {
                for file in read_and_written(command).1 {
                    absent.remove(file);
                }
                checked.text += &printed_by(command, folder);
                checked.run += 1;
            }
            if markdown.is_some() {
                within = Within::Markdown;
            }
        } else if within == Within::Prose || left_as_it_is {
            checked.text += &format!("{line}\n");
        }
    }
    checked
}

#[test]
fn pages_show_what_the_program_prints() {
    let mut commands = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).expect("the page can be read");
        let Checked { text: expected, run, .. } = checked(&page, &folder_for(&path));
        commands += run;
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, expected).expect("the page can be written");
            continue;
        }
        for (n, (is, should_be)) in page.lines().zip(expected.lines()).enumerate() {
            assert_eq!(
                is,
                should_be,
                "{}, line {}: UPDATE_GOLDEN=1 script/test writes what the program prints now",
                path.display(),
                n + 1
            );
        }
        assert_eq!(page.lines().count(), expected.lines().count(), "{}", path.display());
    }
    assert!(commands >= 5, "only {commands} commands were found and run");
}

#[test]
fn what_reads_the_output_of_a_skipped_command_is_skipped_too() {
    let scratch = Scratch::new("what-reads-the-output-of-a-skipped-command");
    let page = "\
```console
$ pmdscope run --kernel kernels/none_of_this_name.deb >run.txt
$ grep FINDING run.txt
as the page has it
$ grep FINDING run.txt >found.txt
$ cat found.txt | wc -l
17
$ pmdscope compare --kernel before=kernels/none_of_this_name.deb --kernel after=kernels/none_of_this_name.deb
nothing of the kind
$ pmdscope repro save --kernel kernels/none_of_this_name.deb -o saved.repro
$ pmdscope repro show 'saved.repro'; echo shown
nothing of the kind
$ echo anew >run.txt
$ cat run.txt
a line that is not what it prints
```
";
    let Checked { text, run, skipped } = checked(page, scratch.path());
    assert_eq!(text, page.replace("a line that is not what it prints", "anew"));
    assert_eq!((run, skipped), (2, 7));
}
