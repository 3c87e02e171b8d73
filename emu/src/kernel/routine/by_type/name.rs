//! Names of functions that are called by their types: `FUNCTION` or `FUNCTION:PARAMETER=VALUE:...`.

use std::sync::{Mutex, PoisonError};

use pmdscope_guest::kernel::{Parameter, Prototype};
use pmdscope_guest::routine::{Installs, PastPresent, Precondition, WALKER, WRITER};
use pmdscope_guest::{Kernel, Role, Routine};

use super::setting::{self, Returns, Setting};

/// Returns the name that a function has in the sources: a symbol without what the compiler adds, after a dot, to that of a
/// part or a variant of a function.
pub fn source_name(symbol: &str) -> &str {
    symbol.split('.').next().unwrap_or(symbol)
}

/// Returns the symbol that the name of a function called by its types begins with.
pub fn symbol_of(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

/// Why a function of a kernel cannot be called by its types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The name is not one.
    #[error(
        "'{0}' is no function with values: write FUNCTION:PARAMETER=VALUE:PARAMETER=VALUE, such as f:flags=0x2"
    )]
    Name(String),
    /// A value is none.
    #[error("'{word}' is nothing that can be passed: a number, @STRUCT, or {known}")]
    Word {
        /// The value.
        word: String,
        /// What it can be.
        known: String,
    },
    /// A way in which a return value reads is none.
    #[error("'{word}' is no way in which a return value reads: {known}")]
    Returns {
        /// The way.
        word: String,
        /// What it can be.
        known: String,
    },
    /// A structure has no such member, or the kernel does not describe it.
    #[error("{path}: this kernel does not say where {structure}.{member} is")]
    NoMember {
        /// The parameter and members that lead there.
        path: String,
        /// The structure.
        structure: String,
        /// The member.
        member: String,
    },
    /// A member is set of what points to nothing known.
    #[error("{path}: nothing says what {above} points to: give it with {above}=@STRUCT")]
    NoStructure {
        /// The parameter and members that lead there.
        path: String,
        /// What it is a member of.
        above: String,
    },
    /// Who calls a callback passes a parameter.
    #[error("{function}() is called by {caller}(), which passes {path}: only {walk}.private can be given")]
    Callback {
        /// The function.
        function: String,
        /// Who calls it.
        caller: &'static str,
        /// What was given.
        path: String,
        /// The parameter for the walk.
        walk: String,
    },
    /// The kernel has no such function.
    #[error("this kernel has no function {0}()")]
    NoFunction(String),
    /// The kernel does not describe the function.
    #[error("this kernel does not describe the parameters of {0}(), so that nothing says how to call it")]
    NoPrototype(String),
    /// The function takes nothing that has to do with page tables.
    #[error("{0}() takes neither an entry nor anything that leads to one")]
    Unrelated(String),
    /// The function has no such parameter.
    #[error("{function}() has no parameter '{parameter}': it has {known}")]
    NoParameter {
        /// The function.
        function: String,
        /// The parameter.
        parameter: String,
        /// The parameters that it has.
        known: String,
    },
    /// It takes a parameter of which it is not known what to pass.
    #[error("{function}() takes a {type_name}, and nothing says what to pass for it")]
    Parameter {
        /// The function.
        function: String,
        /// The type.
        type_name: String,
    },
}

/// A name in its parts.
pub(super) struct Parsed<'a> {
    pub(super) symbol: &'a str,
    pub(super) settings: Vec<Setting<'a>>,
    /// How its return value reads; `None` if its type says that.
    pub(super) returns: Option<Returns>,
}

/// Splits a name into its parts.
pub(super) fn parse(name: &str) -> Result<Parsed<'_>, FunctionError> {
    let mut parts = name.split(':');
    let symbol = parts.next().unwrap_or_default();
    if !setting::is_name(symbol) {
        return Err(FunctionError::Name(name.to_owned()));
    }
    let (settings, returns) = setting::read(name, parts)?;
    Ok(Parsed { symbol, settings, returns })
}

/// Returns the prototype of a function that a kernel has.
///
/// Where the kernel does not describe it, settings by number give its parameters.
pub(super) fn prototype_of(kernel: &Kernel, parsed: &Parsed<'_>) -> Result<Prototype, FunctionError> {
    let function = parsed.symbol.to_owned();
    if kernel.symbol(parsed.symbol).is_none() {
        return Err(FunctionError::NoFunction(function));
    }
    let prototype = match kernel.prototype(parsed.symbol) {
        Some(prototype) => prototype,
        None => given_prototype(parsed).ok_or_else(|| FunctionError::NoPrototype(function.clone()))?,
    };
    let mut settings = parsed.settings.iter();
    match settings.find(|setting| position(&prototype, setting.parameter).is_none()) {
        None => Ok(prototype),
        Some(Setting { parameter, .. }) => {
            let names = prototype.parameters.iter().filter_map(|parameter| parameter.name.as_deref());
            let known = names.collect::<Vec<_>>().join(", ");
            Err(FunctionError::NoParameter { function, parameter: (*parameter).to_owned(), known })
        }
    }
}

/// Returns the place of the parameter with a name or a number, from 0 on.
pub(super) fn position(prototype: &Prototype, parameter: &str) -> Option<usize> {
    let is_named = |one: &Parameter| one.name.as_deref() == Some(parameter);
    let numbered = || parameter.parse::<usize>().ok()?.checked_sub(1);
    let found = prototype.parameters.iter().position(is_named).or_else(numbered)?;
    (found < prototype.parameters.len()).then_some(found)
}

/// Returns a prototype of as many numbers as settings give, if these are for all of the first parameters.
fn given_prototype(parsed: &Parsed<'_>) -> Option<Prototype> {
    let own = || parsed.settings.iter().filter(|setting| setting.members.is_empty());
    let parameter =
        |number: usize| Parameter { name: Some(number.to_string()), type_name: "long".to_owned() };
    let count = own().count();
    let all = (1..=count).all(|number| own().any(|setting| setting.parameter == number.to_string()));
    (all && count > 0).then(|| Prototype {
        parameters: (1..=count).map(parameter).collect(),
        returns: "long".to_owned(),
        variadic: false,
    })
}

/// Returns the settings of a function's flags with which it may go another way, one flag at a time: `cp_flags=0x2`.
pub fn flag_settings(prototype: &Prototype) -> impl Iterator<Item = String> + '_ {
    prototype.parameters.iter().flat_map(|parameter| {
        let name = parameter.name.as_deref().unwrap_or_default();
        let values: Vec<u64> = match parameter.type_name.as_str() {
            "bool" | "_Bool" if !name.is_empty() => vec![1],
            of if name.ends_with("flags") && !of.contains('*') => (0..32).map(|bit| 1 << bit).collect(),
            _ => Vec::new(),
        };
        values.into_iter().map(move |value| format!("{name}={value:#x}"))
    })
}

/// Returns the routine of this role and name, which lives as long as the program runs.
pub(super) fn intern(role: Role, name: &str, symbol: &str, returns_entry: bool) -> &'static Routine {
    static ALL: Mutex<Vec<&'static Routine>> = Mutex::new(Vec::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.iter().find(|known| known.role == role && known.name == name) {
        return known;
    }
    let symbol: &'static str = symbol.to_owned().leak();
    let base = if role == Role::Writer { WRITER } else { WALKER };
    let routine: &'static Routine = Box::leak(Box::new(Routine {
        role,
        name: name.to_owned().leak(),
        symbols: vec![symbol].leak(),
        meaning: "a function of the kernel, called by its types",
        precondition: Precondition::Any,
        installs: Installs::Entry,
        invalidates: false,
        returns_entry,
        past_present: PastPresent::Path,
        declared: true,
        ..base
    }));
    all.push(routine);
    routine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_values_for_parameters() {
        let parsed = parse("change_huge_pmd:cp_flags=0x2:full=10:return=error").unwrap();
        let parameters: Vec<&str> = parsed.settings.iter().map(|setting| setting.parameter).collect();
        assert_eq!((parsed.symbol, &parameters[..]), ("change_huge_pmd", &["cp_flags", "full"][..]));
        assert_eq!(parsed.returns, Some(Returns::Error));
        assert!(parse("zap_huge_pmd").unwrap().settings.is_empty());
        for wrong in ["", "a b", "f:", "f:x", "f:x=1:x=2", "f:=1", "a;b"] {
            assert!(matches!(parse(wrong), Err(FunctionError::Name(_))), "{wrong}");
        }
        for wrong in ["f:x=", "f:x=y", "f:x=-1", "f:x=0x", "f:x=1,y=2"] {
            assert!(matches!(parse(wrong), Err(FunctionError::Word { .. })), "{wrong}");
        }
    }

    #[test]
    fn numbers_stand_for_parameters_whose_names_nothing_tells() {
        let given = |name| given_prototype(&parse(name).unwrap()).map(|prototype| prototype.parameters.len());
        assert_eq!(given("f:1=vma:2=entry:3=0"), Some(3));
        assert_eq!(given("f:2=entry:1=walk:1.private=@x"), Some(2));
        assert_eq!(given("f:2=entry"), None, "nothing is known of the first");
        assert_eq!(given("f"), None);
        let prototype = given_prototype(&parse("f:1=vma:2=entry").unwrap()).unwrap();
        assert_eq!(
            ["1", "2", "3", "0", "x"].map(|one| position(&prototype, one)),
            [Some(0), Some(1), None, None, None]
        );
    }

    #[test]
    fn a_routine_is_made_once() {
        let one = intern(Role::Walker, "f:x=1", "f", false);
        assert!(std::ptr::eq(one, intern(Role::Walker, "f:x=1", "f", false)));
        assert!(!std::ptr::eq(one, intern(Role::Writer, "f:x=1", "f", false)));
        assert_eq!((one.name, one.symbols), ("f:x=1", &["f"][..]));
    }
}
