//! Files of routines: what the types of a kernel's functions do not tell, in TOML.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use pmdscope_emu::{check_function_name, kernel_routine};
use pmdscope_guest::Role;
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::input;

/// A routine of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// Its name in the file, and on the command line.
    pub short: String,
    /// Its name everywhere else, which says all that the file says of it.
    pub full: String,
    /// Whether it is a writer or a walker; `None` if what it does tells that.
    pub role: Option<String>,
}

/// The routines of a file; none if there is no file.
#[derive(Debug, Default)]
pub struct RoutineFile(Vec<Described>);

/// A file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    routine: Vec<Table>,
}

/// One of its routines.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    symbol: String,
    name: Option<String>,
    role: Option<String>,
    #[serde(default)]
    arguments: toml::Table,
    returns: Option<String>,
}

/// Maximum number of bytes of a file: each routine takes some hundred.
const MOST_BYTES: u64 = 1 << 20;

/// The key of a table of members that says of what structure they are.
const NEW: &str = "new";

impl RoutineFile {
    /// Reads a file, if one is given.
    ///
    /// # Errors
    /// Says which routine is wrong, and what would be right. Whether a kernel has it is not known here.
    pub fn read(file: Option<&Path>) -> Result<RoutineFile> {
        let Some(path) = file else { return Ok(RoutineFile::default()) };
        let text = input::text(path, MOST_BYTES)?;
        let wrong = || path.display().to_string();
        let File { routine } = toml::from_str(&text)
            .map_err(|error| anyhow::anyhow!("{}", error.to_string().trim_end()))
            .with_context(wrong)?;
        let mut all: Vec<Described> = Vec::new();
        for table in routine {
            let symbol = table.symbol.clone();
            let described =
                described(table).with_context(|| format!("{}: routine {symbol}", path.display()))?;
            ensure!(
                all.iter().all(|known| known.short != described.short),
                "{}: two routines are called {}: give one of them another name",
                path.display(),
                described.short
            );
            all.push(described);
        }
        Ok(RoutineFile(all))
    }

    /// Returns the routines.
    pub fn all(&self) -> &[Described] {
        &self.0
    }

    /// Returns the name that says all of a routine, if the file has one of this name; if not, the name itself.
    pub fn full<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.iter().find(|one| one.short == name).map_or(name, |one| &one.full)
    }
}

fn described(table: Table) -> Result<Described> {
    let Table { symbol, name, role, arguments, returns } = table;
    if let Some(role) = &role {
        let known = [Role::Writer, Role::Walker].map(Role::name);
        ensure!(known.contains(&role.as_str()), "'{role}' is no role: {}", known.join(" or "));
    }
    let mut full = symbol.clone();
    add(&mut full, "", &arguments)?;
    if let Some(returns) = returns {
        full += &format!(":return={returns}");
    }
    check_function_name(&full)?;
    let short = name.unwrap_or(symbol);
    ensure!(!short.contains([':', ',']), "'{short}' is no name: leave out colons and commas");
    let known = [Role::Writer, Role::Walker].into_iter().any(|role| kernel_routine(role, &short).is_ok());
    ensure!(!known, "{short} is a routine already: give this one another name");
    Ok(Described { short, full, role })
}

/// Adds settings to a name: those of parameters, or of the members of what `above` points to.
fn add(name: &mut String, above: &str, values: &toml::Table) -> Result<()> {
    for (key, value) in values {
        let path = format!("{above}{key}");
        match value {
            _ if key == NEW && !above.is_empty() => {}
            Value::Integer(number) => *name += &format!(":{path}={:#x}", number.cast_unsigned()),
            Value::Boolean(is) => *name += &format!(":{path}={}", u8::from(*is)),
            Value::String(word) => *name += &format!(":{path}={word}"),
            Value::Table(members) => {
                match members.get(NEW) {
                    None => {}
                    Some(Value::String(structure)) => *name += &format!(":{path}=@{structure}"),
                    Some(_) => bail!("{path}.{NEW} is the name of a structure, in quotes"),
                }
                add(name, &format!("{path}."), members)?;
            }
            _ => bail!("{path} is a number, a word in quotes, or a table of members"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RoutineFile, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("routines.toml");
        std::fs::write(&file, text).unwrap();
        RoutineFile::read(Some(&file)).map_err(|error| {
            let text = format!("{error:#}");
            text.replace(&file.display().to_string(), "FILE")
        })
    }

    #[test]
    fn a_routine_has_a_name_that_says_all_of_it() {
        let file = read(
            "[[routine]]\n\
             name = \"hmm\"\n\
             symbol = \"hmm_vma_walk_pmd\"\n\
             role = \"walker\"\n\
             returns = \"error\"\n\
             arguments.walk.private = { new = \"hmm_vma_walk\", range = { new = \"hmm_range\", end = \"next-address\" } }\n\
             [[routine]]\n\
             symbol = \"f\"\n\
             arguments = { flags = 3, all = true, 1 = \"vma\" }\n",
        )
        .unwrap();
        let full = "hmm_vma_walk_pmd:walk.private=@hmm_vma_walk:walk.private.range=@hmm_range:\
                    walk.private.range.end=next-address:return=error";
        assert_eq!(file.full("hmm"), full);
        assert_eq!(file.all()[0].role.as_deref(), Some("walker"));
        let (f, settings) = file.full("f").split_once(':').unwrap();
        let mut settings: Vec<&str> = settings.split(':').collect();
        settings.sort_unstable();
        assert_eq!((f, settings), ("f", vec!["1=vma", "all=1", "flags=0x3"]));
        assert_eq!(file.full("gup-fast-read"), "gup-fast-read", "what it does not have is what it was");
    }

    #[test]
    fn a_mistake_names_the_routine() {
        let wrong = |text: &str| read(&format!("[[routine]]\nsymbol = \"f\"\n{text}")).unwrap_err();
        assert_eq!(wrong("role = \"agent\""), "FILE: routine f: 'agent' is no role: writer or walker");
        let says = wrong("arguments = { pmd = \"entri\" }");
        assert!(
            says.starts_with("FILE: routine f: 'entri' is nothing that can be passed: a number"),
            "{says}"
        );
        let says = wrong("returns = \"folio\"");
        assert!(
            says.starts_with("FILE: routine f: 'folio' is no way in which a return value reads"),
            "{says}"
        );
        let says = wrong("arguments = { pmd = 1.5 }");
        assert_eq!(says, "FILE: routine f: pmd is a number, a word in quotes, or a table of members");
        let says = wrong("arguments = { walk = { new = 1 } }");
        assert_eq!(says, "FILE: routine f: walk.new is the name of a structure, in quotes");
        assert!(wrong("argument = 1").contains("unknown field `argument`"), "{}", wrong("argument = 1"));
        let says = wrong("[[routine]]\nsymbol = \"f\"");
        assert_eq!(says, "FILE: two routines are called f: give one of them another name");
        assert!(wrong("name = \"a,b\"").contains("leave out colons and commas"));
        let says = wrong("name = \"gup-fast-read\"");
        assert_eq!(says, "FILE: routine f: gup-fast-read is a routine already: give this one another name");
    }
}
