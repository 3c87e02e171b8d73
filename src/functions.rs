//! What the functions of a kernel do to an entry when each runs alone.

use std::collections::BTreeSet;

use anyhow::Result;
use pmdscope_emu::{
    Environment, HugePage, KernelEnvironment, Observation, Passed, Seen, contract_of, declaration,
    flag_settings, function, functions, functions_above, kernel_routines, recipe_calling, source_name,
    symbol_of,
};
use pmdscope_guest::kernel::Prototype;
use pmdscope_guest::{Kernel, Role, Routine};
use pmdscope_traces::functions::{
    AboveReport, ContractReport, FUNCTIONS_SCHEMA, FunctionReport, FunctionSeen, FunctionsReport,
    PassedEntries, RecipeReport,
};
use pmdscope_traces::{EntryName, Hex, Predicates, Value};

use crate::described::Described;
use crate::study::is_given;
use crate::subject::KernelSubject;
use crate::version::made_by;

/// Runs every function of a kernel that takes the address of an entry alone, and those that are described, and reports
/// what each does.
pub fn observe(subject: &KernelSubject, described: &[Described]) -> Result<FunctionsReport> {
    let kernel = &subject.kernel;
    let mut environment =
        KernelEnvironment::new(std::rc::Rc::clone(kernel), subject.encoding, HugePage::Usual)?;
    let mut report = not_observed(subject, None);
    for recipe in &mut report.recipes {
        let role = if recipe.role == Role::Writer.name() { Role::Writer } else { Role::Walker };
        let routine = kernel_routines(role).find(|routine| routine.name == recipe.name);
        if let Some(routine) = routine.filter(|_| recipe.function.is_some()) {
            let observation = environment.observe(routine)?;
            recipe.locked_by_caller = observation.locked_by_caller;
            recipe.seen = seen(&observation);
            // The encoding is known now that the kernel runs.
            let encoding = *environment.encoding();
            let contract =
                contract(&environment, routine.function_in(kernel).map_or("", |(symbol, _)| symbol));
            for seen in &mut recipe.seen {
                seen.given = is_given(routine, &Predicates::of_model(&encoding, seen.value.0))
                    && is_passed(contract.as_ref(), seen.entry);
            }
        }
    }
    for found in functions(kernel)? {
        let recipes = [Role::Writer, Role::Walker].into_iter();
        let recipes = recipes.filter_map(|role| recipe_calling(role, &found.name));
        let recipes = recipes.map(|routine| routine.name.to_owned()).collect();
        let mut one = FunctionReport {
            recipes,
            ..nothing_seen(found.name.clone(), declaration(&found.name, &found.prototype))
        };
        observe_one(&mut environment, &mut one);
        let variants = variants(&mut environment, &found.prototype, &one)?;
        report.functions.push(one);
        report.functions.extend(variants);
    }
    for found in functions_above(kernel)? {
        // What a recipe calls is listed with the recipes.
        if Role::ALL.into_iter().any(|role| recipe_calling(role, &found.name).is_some()) {
            continue;
        }
        let called = function(kernel, Role::Writer, &found.name).ok();
        match called.and_then(|routine| environment.accesses_itself(routine).ok()) {
            None => report.above.not_called.push(found.name),
            Some(None) => report.above.stopped.push(found.name),
            Some(Some(false)) => report.above.elsewhere += 1,
            Some(Some(true)) => {
                let declaration = declaration(&found.name, &found.prototype);
                let mut one = FunctionReport { walks: true, ..nothing_seen(found.name, declaration) };
                observe_one(&mut environment, &mut one);
                let variants = variants(&mut environment, &found.prototype, &one)?;
                report.functions.push(one);
                report.functions.extend(variants);
            }
        }
    }
    report.functions.sort_by(|one, next| symbol_of(&one.name).cmp(symbol_of(&next.name)));
    for Described { full, role, .. } in described {
        if let Some(known) = report.functions.iter_mut().find(|known| known.name == *full) {
            known.role.clone_from(role);
            continue;
        }
        let declaration = declared(kernel, symbol_of(full));
        let mut one = FunctionReport { role: role.clone(), ..nothing_seen(full.clone(), declaration) };
        observe_one(&mut environment, &mut one);
        report.functions.push(one);
    }
    Ok(report)
}

fn nothing_seen(name: String, prototype: String) -> FunctionReport {
    FunctionReport {
        name,
        prototype,
        role: None,
        recipes: Vec::new(),
        refused: None,
        walks: false,
        through: None,
        locked_by_caller: false,
        returns_locked: false,
        releases_lock: false,
        contract: None,
        provided: Vec::new(),
        seen: Vec::new(),
    }
}

/// Returns the contract of a function, if it has one.
fn contract(environment: &KernelEnvironment, name: &str) -> Option<ContractReport> {
    let contract = contract_of(symbol_of(name), environment.encoding().version())?;
    let passed = match contract.passed {
        Passed::Mappings => PassedEntries::Mappings,
        Passed::KernelTables => PassedEntries::KernelTables,
        Passed::OtherMappings => PassedEntries::OtherMappings,
    };
    Some(ContractReport { passed, source: contract.source.to_owned() })
}

/// Whether the callers of a function pass it entries of a kind.
fn is_passed(contract: Option<&ContractReport>, kind: EntryName) -> bool {
    let EntryName::Kind(kind) = kind else { return true };
    contract.is_none_or(|contract| match contract.passed {
        PassedEntries::Mappings => kind.is_mapping(),
        PassedEntries::KernelTables => !kind.is_swap(),
        PassedEntries::OtherMappings => false,
    })
}

/// Runs a function, if the kernel has it and it can be called.
fn observe_one(environment: &mut KernelEnvironment, one: &mut FunctionReport) {
    match function(&environment.kernel_rc(), Role::Writer, &one.name) {
        Err(why) => one.refused = Some(why.to_string()),
        Ok(routine) => observed(environment, routine, one),
    }
}

/// The way that a function goes on one entry.
#[derive(PartialEq, Eq)]
enum Way {
    /// By its instructions.
    Path(u64),
    /// By what it does to the entry, and whom it calls for that.
    Deeds {
        whole: bool,
        reads: bool,
        locks: bool,
        clears_bad: bool,
        stores: Vec<u64>,
        calls: BTreeSet<String>,
    },
}

/// Maximum number of variants of one function.
const MOST_VARIANTS: usize = 8;

/// Returns the variants of a function: the values of its flags with which it goes another way, on some kind of entry,
/// than without any flag and with those before.
///
/// Flags are tried one by one. A variant that does not run to an end is none. Of a function that walks down to the entry,
/// which goes many ways before it is there, a variant must also do something else to some entry.
fn variants(
    environment: &mut KernelEnvironment,
    prototype: &Prototype,
    base: &FunctionReport,
) -> Result<Vec<FunctionReport>> {
    if base.refused.is_some() || base.through.is_some() {
        return Ok(Vec::new());
    }
    let kernel = environment.kernel_rc();
    let ways = |environment: &mut KernelEnvironment, name: &str| -> Result<Option<Vec<Way>>> {
        let Ok(routine) = function(&kernel, Role::Writer, name) else { return Ok(None) };
        let Ok(observation) = environment.observe(routine) else { return Ok(None) };
        let way = |seen: &Seen| match base.walks {
            false => Way::Path(seen.path),
            true => Way::Deeds {
                whole: seen.is_whole(),
                reads: seen.reads,
                locks: seen.locks,
                clears_bad: seen.clears_bad,
                stores: seen.stores.clone(),
                calls: seen.calls.clone(),
            },
        };
        Ok(observation.runs().then(|| observation.seen.iter().map(way).collect()))
    };
    let Some(usual) = ways(environment, &base.name)? else { return Ok(Vec::new()) };
    let (mut known, mut variants) = (vec![usual], Vec::new());
    for setting in flag_settings(prototype) {
        let variant = format!("{}:{setting}", base.name);
        let Some(ways) = ways(environment, &variant)? else { continue };
        if known.contains(&ways) || variants.len() >= MOST_VARIANTS {
            continue;
        }
        known.push(ways);
        let mut one = FunctionReport { name: variant, ..base.clone() };
        if let Ok(routine) = function(&kernel, Role::Writer, &one.name) {
            observed(environment, routine, &mut one);
        }
        variants.push(one);
    }
    Ok(variants)
}

/// Runs a function, and fills in what it does. What cannot be run says why.
fn observed(environment: &mut KernelEnvironment, routine: &Routine, one: &mut FunctionReport) {
    match environment.observe(routine) {
        Err(error) => one.refused = Some(error.to_string()),
        Ok(observation) => {
            one.contract = contract(environment, &one.name);
            one.seen = seen(&observation);
            for seen in &mut one.seen {
                seen.given = is_passed(one.contract.as_ref(), seen.entry);
            }
            one.through = observation.through.map(str::to_owned);
            one.locked_by_caller = observation.locked_by_caller;
            one.returns_locked = observation.returns_locked;
            one.releases_lock = observation.releases_lock;
            one.provided.clone_from(&observation.provided);
        }
    }
}

fn seen(observation: &Observation) -> Vec<FunctionSeen> {
    let seen = |seen: &Seen| FunctionSeen {
        entry: EntryName::Kind(seen.kind),
        value: Value(seen.entry),
        given: true,
        ended: seen.ended.clone(),
        whole: seen.is_whole(),
        reads: seen.reads,
        stores: seen.stores.iter().copied().map(Value).collect(),
        clears_bad: seen.clears_bad,
        locks: seen.locks,
        warnings: seen.warnings.iter().map(|place| place.to_string()).collect(),
        calls: seen.calls.iter().cloned().collect(),
    };
    observation.seen.iter().map(seen).collect()
}

/// Returns a report of the functions of a kernel of which nothing was run; `why` says why not.
pub fn not_observed(subject: &KernelSubject, why: Option<String>) -> FunctionsReport {
    FunctionsReport {
        schema: FUNCTIONS_SCHEMA.to_owned(),
        made_by: made_by(),
        arch: subject.kernel.arch().to_string(),
        linux: subject.encoding.version().to_string(),
        guest: subject.info(),
        recipes: recipes(&subject.kernel),
        functions: Vec::new(),
        untyped: !subject.kernel.has_prototypes(),
        above: AboveReport::default(),
        incomplete: why,
    }
}

/// Returns every recipe, with the function that it calls in a kernel.
pub fn recipes(kernel: &Kernel) -> Vec<RecipeReport> {
    let recipe = |routine: &'static Routine| RecipeReport {
        name: routine.name.to_owned(),
        role: routine.role.name().to_owned(),
        meaning: routine.meaning.to_owned(),
        address: routine.function_in(kernel).map(|(_, address)| Hex(address)),
        function: routine.function_in(kernel).map(|(symbol, _)| declared(kernel, symbol)),
        symbols: routine.symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
        locked_by_caller: false,
        seen: Vec::new(),
    };
    // An agent is no function of the kernel.
    [Role::Writer, Role::Walker].into_iter().flat_map(kernel_routines).map(recipe).collect()
}

fn declared(kernel: &Kernel, symbol: &str) -> String {
    // This may be a part of a function, or a variant of it.
    kernel
        .prototype(source_name(symbol))
        .map_or_else(|| format!("{symbol}()"), |prototype| declaration(symbol, &prototype))
}
