//! Names of functions that are called by their types: `FUNCTION` or `FUNCTION:PARAMETER=VALUE,...`.

use std::sync::{Mutex, PoisonError};

use pmdscope_guest::kernel::Prototype;
use pmdscope_guest::routine::{Installs, PastPresent, Precondition, WALKER, WRITER};
use pmdscope_guest::{Kernel, Role, Routine};

/// Why a function of a kernel cannot be called by its types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The name is not one.
    #[error(
        "'{0}' is no function with values: write FUNCTION:PARAMETER=VALUE,PARAMETER=VALUE, such as f:flags=0x2"
    )]
    Name(String),
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
    /// The values for parameters, by their names.
    pub(super) values: Vec<(&'a str, u64)>,
}

/// Splits a name into its parts.
pub(super) fn parse(name: &str) -> Result<Parsed<'_>, FunctionError> {
    let malformed = || FunctionError::Name(name.to_owned());
    let (symbol, rest) = name.split_once(':').map_or((name, None), |(symbol, rest)| (symbol, Some(rest)));
    let is_name = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !is_name(symbol) {
        return Err(malformed());
    }
    let mut values = Vec::new();
    for setting in rest.into_iter().flat_map(|rest| rest.split(',')) {
        let (parameter, value) = setting.split_once('=').ok_or_else(malformed)?;
        let number = match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => value.parse(),
        };
        let value = number.map_err(|_| malformed())?;
        if !is_name(parameter) || values.iter().any(|(known, _)| *known == parameter) {
            return Err(malformed());
        }
        values.push((parameter, value));
    }
    Ok(Parsed { symbol, values })
}

/// Returns the prototype of a function that a kernel has.
pub(super) fn prototype_of(kernel: &Kernel, parsed: &Parsed<'_>) -> Result<Prototype, FunctionError> {
    let function = parsed.symbol.to_owned();
    if kernel.symbol(parsed.symbol).is_none() {
        return Err(FunctionError::NoFunction(function));
    }
    let prototype =
        kernel.prototype(parsed.symbol).ok_or_else(|| FunctionError::NoPrototype(function.clone()))?;
    let names = || prototype.parameters.iter().filter_map(|parameter| parameter.name.as_deref());
    match parsed.values.iter().find(|(parameter, _)| !names().any(|name| name == *parameter)) {
        None => Ok(prototype),
        Some((parameter, _)) => Err(FunctionError::NoParameter {
            function,
            parameter: (*parameter).to_owned(),
            known: names().collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Returns the routine of this role and name, which lives as long as the program runs.
pub(super) fn intern(role: Role, name: &str, symbol: &str) -> &'static Routine {
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
        returns_entry: false,
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
        let parsed = parse("change_huge_pmd:cp_flags=0x2,full=10").unwrap();
        assert_eq!(
            (parsed.symbol, &parsed.values[..]),
            ("change_huge_pmd", &[("cp_flags", 2), ("full", 10)][..])
        );
        assert!(parse("zap_huge_pmd").unwrap().values.is_empty());
        for wrong in ["", "a b", "f:", "f:x", "f:x=", "f:x=y", "f:x=1,x=2", "f:=1", "f:x=-1", "f:x=0x", "a;b"]
        {
            assert!(matches!(parse(wrong), Err(FunctionError::Name(_))), "{wrong}");
        }
    }

    #[test]
    fn a_routine_is_made_once() {
        let one = intern(Role::Walker, "f:x=1", "f");
        assert!(std::ptr::eq(one, intern(Role::Walker, "f:x=1", "f")));
        assert!(!std::ptr::eq(one, intern(Role::Writer, "f:x=1", "f")));
        assert_eq!((one.name, one.symbols), ("f:x=1", &["f"][..]));
    }
}
