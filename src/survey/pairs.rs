//! The pairs of a survey: who changes an entry of a kind, against everyone who reads it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use pmdscope_arches::{Encoding, EntryKind, Form, platform_name};
use pmdscope_emu::{CLEARS_BAD, symbol_of};
use pmdscope_guest::Role;
use pmdscope_traces::functions::{
    AboveReport, FunctionReport, FunctionSeen, FunctionsReport, Numbers, PassedEntries, RecipeReport, UNTYPED,
};
use pmdscope_traces::{EntryName, Skipped, quoted};

use super::not_run;
use crate::cli::{BoundArgs, Marks, SurveyArgs};
use crate::described::RoutineFile;
use crate::kernel_arg::{KernelArg, ends};

/// A kernel, with what its functions were seen to do.
pub struct Surveyed {
    file: PathBuf,
    types: Option<PathBuf>,
    report: FunctionsReport,
    kinds: Vec<KindPairs>,
    /// Whether it marks mappings as soft-dirty.
    has_soft_dirty: bool,
}

/// The writers and walkers of one kind of entry.
struct KindPairs {
    kind: EntryKind,
    marks: Vec<String>,
    /// Those that work on the page tables of a process.
    process: Pairs,
    /// Those that work on the kernel's own. Its walkers only read there.
    kernel: Pairs,
    /// The routines to which no caller passes such an entry.
    no_caller: Vec<String>,
}

/// Writers and walkers, each of which is run against each.
#[derive(Default)]
struct Pairs {
    writers: Vec<String>,
    walkers: Vec<String>,
}

impl Pairs {
    fn has(&self, writer: &str, walker: &str) -> bool {
        self.writers.iter().any(|known| known == writer) && self.walkers.iter().any(|known| known == walker)
    }
}

impl KindPairs {
    fn both(&self) -> [&Pairs; 2] {
        [&self.process, &self.kernel]
    }
}

impl Surveyed {
    /// Chooses the pairs of a kernel.
    pub fn new(
        arg: &KernelArg,
        types: Option<PathBuf>,
        report: FunctionsReport,
        encoding: &Encoding,
        kinds: &[EntryKind],
        args: &SurveyArgs,
        routines: &RoutineFile,
    ) -> Result<Surveyed> {
        if let Some(why) = &report.incomplete {
            anyhow::bail!("{}: its functions were not run, each alone: {why}", arg.path.display());
        }
        let wanted = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|one| routines.full(one) == name)
        };
        let pairs = |kind: &EntryKind| {
            let (mut process, mut kernel, mut no_caller) = (Pairs::default(), Pairs::default(), Vec::new());
            let called = Called::new(&report, *kind);
            for Candidate { name, symbols, role, seen, passed } in candidates(&report, *kind) {
                // Whoever calls it has judged the entry bad, whatever it is.
                if symbols.contains(&CLEARS_BAD) || passed == Some(PassedEntries::OtherMappings) {
                    continue;
                }
                if !called.has(&symbols) || !seen.given {
                    no_caller.push(name.to_owned());
                    continue;
                }
                let is = |of: Role| role.is_none_or(|role| role == of);
                let changes = !seen.stores.is_empty() || seen.clears_bad;
                let of_kernel = passed == Some(PassedEntries::KernelTables);
                let pairs = if of_kernel { &mut kernel } else { &mut process };
                if is(Role::Writer) && changes && wanted(&args.writer, name) {
                    pairs.writers.push(name.to_owned());
                }
                // One at a time changes the kernel's own: addresses there belong to one owner, or a lock is held.
                let meets = !(of_kernel && changes);
                if is(Role::Walker) && seen.reads && meets && wanted(&args.walker, name) {
                    pairs.walkers.push(name.to_owned());
                }
            }
            KindPairs { kind: *kind, marks: marks_of(*kind, args.marks), process, kernel, no_caller }
        };
        let kinds: Vec<KindPairs> = kinds.iter().map(pairs).collect();
        for (option, names) in [("--writer", &args.writer), ("--walker", &args.walker)] {
            let known = |name: &str| {
                let functions = report.functions.iter().map(|function| function.name.as_str());
                functions
                    .chain(report.recipes.iter().map(|recipe| recipe.name.as_str()))
                    .any(|one| one == name)
            };
            let unknown = names.iter().find(|name| !known(routines.full(name)));
            ensure!(
                unknown.is_none(),
                "{}: {option} {}: this kernel has no such function that takes the address of an entry (see pmdscope \
                 kernel list-functions)",
                arg.path.display(),
                unknown.map_or("", String::as_str)
            );
        }
        let has_soft_dirty = has_soft_dirty(&report, encoding);
        Ok(Surveyed { file: arg.path.clone(), types, report, kinds, has_soft_dirty })
    }

    /// Returns the writers of all kinds of entry, some more than once.
    pub fn writers(&self) -> Vec<&str> {
        let all = self.kinds.iter().flat_map(KindPairs::both);
        all.flat_map(|pairs| pairs.writers.iter().map(String::as_str)).collect()
    }

    /// Returns the walkers of all kinds of entry, some more than once.
    pub fn walkers(&self) -> Vec<&str> {
        let all = self.kinds.iter().flat_map(KindPairs::both);
        all.flat_map(|pairs| pairs.walkers.iter().map(String::as_str)).collect()
    }

    /// Whether a pair is one of its pairs on a kind of entry.
    pub fn has(&self, kind: EntryKind, writer: &str, walker: &str) -> bool {
        let of_kind = self.kinds.iter().filter(|pairs| pairs.kind == kind);
        of_kind.flat_map(KindPairs::both).any(|pairs| pairs.has(writer, walker))
    }

    /// Adds an include of pairs to a matrix.
    fn include(
        &self,
        matrix: &mut String,
        kind: EntryKind,
        marks: &[String],
        writers: &[String],
        walkers: &[String],
    ) {
        let list = |names: &[String]| {
            let names: Vec<String> = names.iter().map(|name| string(name)).collect();
            format!("[{}]", names.join(", "))
        };
        let file = glob::Pattern::escape(&self.file.to_string_lossy());
        let _ = writeln!(matrix, "\n[[include]]\nkernels = [{}]", string(&file));
        if let Some(types) = &self.types {
            let _ = writeln!(matrix, "types = [{}]", string(&types.to_string_lossy()));
        }
        let kind = string(kind.name());
        let _ = writeln!(matrix, "entries = [{{ kind = {kind}, marks = [{}] }}]", list(marks));
        let _ = writeln!(matrix, "writers = {}\nwalkers = {}", list(writers), list(walkers));
    }

    fn platform(&self) -> String {
        self.report.guest.release.clone().unwrap_or_else(|| self.report.linux.clone())
    }

    /// Returns what was not run, as what the batch leaves out.
    pub fn not_run(&self) -> Vec<Skipped> {
        let kinds: Vec<EntryKind> = self.kinds.iter().map(|pairs| pairs.kind).collect();
        let mut all = not_run(&self.report, &self.platform(), &kinds);
        for pairs in self.kinds.iter().filter(|pairs| !pairs.no_caller.is_empty()) {
            let names = pairs.no_caller.join(", ");
            let reason = format!("no function here was seen to pass {} to {names}", pairs.kind);
            all.push(Skipped { encoding: self.platform(), lacks: None, reason });
        }
        for (passed, why) in [
            (
                PassedEntries::KernelTables,
                "work on the kernel's own page tables, and were run against those alone that only read there",
            ),
            (
                PassedEntries::OtherMappings,
                "work on mappings that have no transparent huge pages, and were not run",
            ),
        ] {
            let of_these =
                self.report.functions.iter().filter(|function| passed_to(function) == Some(passed));
            let named = of_these.filter_map(|function| {
                Some(format!("{} ({})", function.name, function.contract.as_ref()?.source))
            });
            let named: Vec<String> = named.collect();
            if !named.is_empty() {
                let reason = format!("these {why}: {}", named.join(", "));
                all.push(Skipped { encoding: self.platform(), lacks: None, reason });
            }
        }
        all
    }

    /// Describes the kernel's functions in some lines.
    pub fn summary(&self) -> String {
        let Numbers { take, walk, run } = self.report.numbers();
        let found = match self.report.untyped {
            true => UNTYPED.to_owned(),
            false => format!(
                "{take} functions take the address of an entry, {walk} walk down to one; {run} run to an end"
            ),
        };
        let platform = platform_name(&self.report.arch, None::<&str>);
        let mut text = format!("{platform} {}: {found}\n", self.platform());
        for pairs in &self.kinds {
            let number = |of: fn(&Pairs) -> &Vec<String>| {
                pairs.both().map(|pairs| of(pairs).len()).iter().sum::<usize>()
            };
            let _ = writeln!(
                text,
                "  {}: {} change it, {} read it",
                pairs.kind,
                number(|pairs| &pairs.writers),
                number(|pairs| &pairs.walkers)
            );
        }
        let lost: Vec<&str> =
            self.report.functions.iter().filter(|one| !one.runs()).map(|one| &*one.name).collect();
        if !lost.is_empty() {
            let _ = writeln!(text, "  not run: {} (see pmdscope kernel list-functions)", lost.join(", "));
        }
        let AboveReport { stopped, not_called, .. } = &self.report.above;
        let unknown = stopped.len() + not_called.len();
        if unknown > 0 {
            let _ = writeln!(
                text,
                "  not known whether they walk down to an entry: {unknown} more (see pmdscope kernel list-functions)"
            );
        }
        text
    }
}

/// Whether a function of a kernel was seen to mark a mapping as soft-dirty, as none does without CONFIG_MEM_SOFT_DIRTY.
fn has_soft_dirty(report: &FunctionsReport, encoding: &Encoding) -> bool {
    // A store of anything else than a mapping of the same page may have any bits.
    let mut seen = report.functions.iter().flat_map(|function| &function.seen);
    seen.any(|seen| {
        let page = encoding.huge_page_of(seen.value.0);
        let maps = |entry: u64| matches!(encoding.form(entry), Form::Leaf | Form::InvalidLeaf);
        let mut stores = seen
            .stores
            .iter()
            .map(|value| value.0)
            .filter(|entry| maps(*entry) && page.is_some() && encoding.huge_page_of(*entry) == page);
        stores.any(|entry| encoding.marks_of(entry).soft_dirty)
    })
}

/// A routine on an entry of one kind.
struct Candidate<'a> {
    name: &'a str,
    /// Its symbols in the kernel.
    symbols: Vec<&'a str>,
    /// Its role, if it has only one.
    role: Option<Role>,
    seen: &'a FunctionSeen,
    /// What its contract says that callers pass to it.
    passed: Option<PassedEntries>,
}

fn passed_to(function: &FunctionReport) -> Option<PassedEntries> {
    Some(function.contract.as_ref()?.passed)
}

fn role_of(recipe: &RecipeReport) -> Role {
    if recipe.role == Role::Writer.name() { Role::Writer } else { Role::Walker }
}

/// Returns what each routine was seen to do to an entry of a kind. A function that a recipe calls is left to the recipe
/// in the recipe's role.
fn candidates(report: &FunctionsReport, kind: EntryKind) -> Vec<Candidate<'_>> {
    let of_kind = |seen: &&FunctionSeen| seen.entry == EntryName::Kind(kind) && seen.whole;
    let recipes = report.recipes.iter().filter_map(|recipe| {
        let symbols = recipe.symbols.iter().map(String::as_str).collect();
        let seen = recipe.seen.iter().find(of_kind)?;
        Some(Candidate { name: &recipe.name, symbols, role: Some(role_of(recipe)), seen, passed: None })
    });
    let functions = report.functions.iter().filter_map(|function| {
        let has = |role| {
            let mut names =
                report.recipes.iter().filter(|recipe| role_of(recipe) == role).map(|one| &one.name);
            names.any(|name| function.recipes.contains(name))
        };
        let role = match (has(Role::Writer), has(Role::Walker)) {
            (false, false) => None,
            (true, false) => Some(Role::Walker),
            (false, true) => Some(Role::Writer),
            (true, true) => return None,
        };
        let role = match function.role.as_deref() {
            Some(said) => Some(if said == Role::Writer.name() { Role::Writer } else { Role::Walker }),
            None => role,
        };
        let seen = function.seen.iter().find(of_kind)?;
        let symbol = symbol_of(&function.name);
        let passed = passed_to(function);
        Some(Candidate { name: &function.name, symbols: vec![symbol], role, seen, passed })
    });
    recipes.chain(functions).collect()
}

/// The functions to which some caller passes entries of one kind.
struct Called<'a>(Vec<&'a str>);

impl<'a> Called<'a> {
    /// Finds them: who is called by nobody is a beginning, and whom they call on such an entry.
    ///
    /// So is who takes the lock itself. Whatever a caller has seen before, the entry may be another when it is locked; and
    /// further callers may be none of these, which take the address of an entry.
    fn new(report: &'a FunctionsReport, kind: EntryKind) -> Called<'a> {
        let of_kind = |seen: &&FunctionSeen| seen.entry == EntryName::Kind(kind);
        let recipes = report.recipes.iter().map(|recipe| {
            let symbols: Vec<&str> = recipe.symbols.iter().map(String::as_str).collect();
            (symbols, &recipe.seen, recipe.locked_by_caller, false)
        });
        let symbol = |name: &'a str| vec![symbol_of(name)];
        let functions = report
            .functions
            .iter()
            .map(|one| (symbol(&one.name), &one.seen, one.locked_by_caller, one.walks));
        let all: Vec<_> = recipes.chain(functions).collect();
        let is_given = |seen: &[FunctionSeen]| seen.iter().find(of_kind).is_none_or(|of_kind| of_kind.given);
        let begins = |symbols: &[&str], seen: &[FunctionSeen], locked_by_caller: bool| {
            // Who walks down to an entry goes one way of many here: what it calls is called by it, and by others.
            let callers = all.iter().filter(|(.., walks)| !walks);
            let mut calls = callers.flat_map(|(_, seen, ..)| seen.iter()).flat_map(|seen| &seen.calls);
            let locks = !locked_by_caller && seen.iter().find(of_kind).is_some_and(|of_kind| of_kind.locks);
            locks || !calls.any(|called| symbols.contains(&called.as_str()))
        };
        let roots = all
            .iter()
            .filter(|(symbols, seen, by_caller, _)| is_given(seen) && begins(symbols, seen, *by_caller));
        let mut called: Vec<&str> = roots.flat_map(|(symbols, ..)| symbols.iter().copied()).collect();
        let mut done = 0;
        while done < called.len() {
            let caller = called[done];
            done += 1;
            let of_caller =
                all.iter().filter(|(symbols, seen, ..)| is_given(seen) && symbols.contains(&caller));
            let on_kind = of_caller.flat_map(|(_, seen, ..)| seen.iter());
            let on_kind = on_kind.filter(of_kind);
            for name in on_kind.flat_map(|seen| &seen.calls) {
                if !called.contains(&name.as_str()) {
                    called.push(name);
                }
            }
        }
        Called(called)
    }

    fn has(&self, symbols: &[&str]) -> bool {
        symbols.iter().any(|symbol| self.0.contains(symbol))
    }
}

/// Returns the marks of an entry: a mapping is in use.
fn marks_of(kind: EntryKind, asked: Marks) -> Vec<String> {
    let is_mapping = kind.is_mapping();
    let is_marked = !matches!(kind, EntryKind::None | EntryKind::Table);
    let in_use = Marks { young: asked.young || is_mapping, dirty: asked.dirty || is_mapping, ..asked };
    if is_marked { in_use.names() } else { Vec::new() }
}

/// Returns the matrix of all pairs of all kernels.
pub fn matrix(kernels: &[Surveyed], args: &SurveyArgs) -> Result<String> {
    let mut text =
        "# The pairs of a survey: who changes an entry, against everyone who reads it.\n".to_owned();
    let mut pairs = 0;
    for kernel in kernels {
        let all = kernel.kinds.iter().flat_map(|of_kind| of_kind.both().map(|pairs| (of_kind, pairs)));
        for (KindPairs { kind, marks, .. }, Pairs { writers, walkers }) in all {
            if writers.is_empty() || walkers.is_empty() {
                continue;
            }
            pairs += writers.len() * walkers.len();
            kernel.include(&mut text, *kind, marks, writers, walkers);
            // Who writes an entry as dirty marks it as soft-dirty as well on some architectures: whether a writer keeps
            // that mark is seen where the entry is clean. One walker is enough, as the writer is judged.
            let young = kind.is_mapping();
            let soft_dirty = Marks { young, soft_dirty: true, ..Marks::default() }.names();
            let has_marks = kind.is_mapping() || kind.is_migration();
            if kernel.has_soft_dirty && has_marks && *marks != soft_dirty {
                pairs += writers.len();
                kernel.include(&mut text, *kind, &soft_dirty, writers, &walkers[..1]);
            }
        }
    }
    ensure!(pairs > 0, "no function changes an entry of a kind that is asked for while another reads it");
    let BoundArgs { max_behaviours, max_accesses, max_instructions, timeout } = args.bounds;
    let _ = writeln!(
        text,
        "\n[bounds]\nmax-behaviours = {max_behaviours}\nmax-accesses = {max_accesses}\n\
         max-instructions = {max_instructions}\ntimeout = {timeout}"
    );
    Ok(text)
}

/// Writes a text as a string of TOML, whose escapes include those of JSON.
fn string(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// Returns the command that runs the survey, without how it is run.
pub fn command(args: &SurveyArgs) -> String {
    let mut words = vec!["pmdscope".to_owned(), "survey".to_owned()];
    let file = |path: &Path| path.to_string_lossy().into_owned();
    let changed: Vec<&Path> = args.change.iter().map(|kernel| &*kernel.path).collect();
    words.extend(ends(&changed).iter().map(|end| quoted(end)));
    let mut option = |option: &str, value: String| words.extend([option.to_owned(), quoted(&value)]);
    for kernel in &args.kernel {
        let label = kernel.label.as_ref().map(|label| format!("{label}=")).unwrap_or_default();
        option("--kernel", format!("{label}{}", file(&kernel.path)));
    }
    args.types.iter().for_each(|types| option("--types", file(types)));
    args.routines.iter().for_each(|routines| option("--routines", file(routines)));
    for (name, values) in [("--entry", &args.entry), ("--writer", &args.writer), ("--walker", &args.walker)] {
        if !values.is_empty() {
            option(name, values.join(","));
        }
    }
    for (name, value) in args.bounds.options() {
        option(name, value.to_string());
    }
    words.extend(args.marks.names().into_iter().map(|mark| format!("--{mark}")));
    words.join(" ")
}
