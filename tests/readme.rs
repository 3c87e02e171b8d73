//! What the README and the pages in docs/ show as output is what the program prints.
//!
//! In a block marked `console` each line that begins with `$ ` is run by a shell with the built
//! program on its path, and what follows up to the next such line must be what it printed. What is
//! between `<!-- $ COMMAND -->` and `<!-- end -->` must be the Markdown that the command printed.
//! Commands of a page follow one another in a folder of its own, so that one may use what another wrote.
//! `UPDATE_GOLDEN=1` writes what it prints now. Where a command names a file in `kernels/` that is not there,
//! what the page shows of it is left as it is: `script/fetch-kernels` fetches what is still to be had.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md")];
    let docs = fs::read_dir(root.join("docs")).into_iter().flatten().flatten();
    pages.extend(docs.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "md")));
    pages.sort();
    pages
}

/// A file in `kernels/` that a command names and that is not there.
fn missing_kernel(command: &str) -> Option<&str> {
    let of_kernels = |word: &&str| word.starts_with("kernels/");
    let exists = |word: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(word).exists();
    command.split_whitespace().filter(of_kernels).find(|word| !exists(word))
}

/// An empty folder for the commands of a page, which may write files, with the examples and the kernels that there
/// are in it.
fn folder_for(page: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages").join(page.file_stem().expect("a name"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder under target/tmp can be made");
    for shared in ["kernels", "examples"] {
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

/// The page with all output as it should be, and how many commands it has.
fn as_it_should_be(page: &str, folder: &Path) -> (String, usize) {
    #[derive(PartialEq)]
    enum Within {
        Prose,
        Console,
        Markdown,
    }
    let mut text = String::new();
    let mut commands = 0;
    let mut within = Within::Prose;
    let mut left_as_it_is = false;
    for line in page.lines() {
        let console = (within == Within::Console).then(|| line.strip_prefix("$ ")).flatten();
        let markdown = line.strip_prefix("<!-- $ ").and_then(|rest| rest.strip_suffix(" -->"));
        let fence = within != Within::Markdown && line.starts_with("```");
        if fence || line == "<!-- end -->" {
            left_as_it_is = false;
            within = if line == "```console" { Within::Console } else { Within::Prose };
            text += &format!("{line}\n");
        } else if let Some(command) = console.or(markdown) {
            let missing = missing_kernel(command);
            left_as_it_is = missing.is_some();
            text += &format!("{line}\n");
            match missing {
                // Not by a macro, whose output is kept back where a test passes.
                Some(kernel) => {
                    let _ = writeln!(std::io::stderr(), "SKIPPED: {kernel} is not there: $ {command}");
                }
                None => {
                    commands += 1;
                    text += &printed_by(command, folder);
                }
            }
            if markdown.is_some() {
                within = Within::Markdown;
            }
        } else if within == Within::Prose || left_as_it_is {
            text += &format!("{line}\n");
        }
    }
    (text, commands)
}

#[test]
fn pages_show_what_the_program_prints() {
    let mut commands = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).expect("the page can be read");
        let (expected, here) = as_it_should_be(&page, &folder_for(&path));
        commands += here;
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
