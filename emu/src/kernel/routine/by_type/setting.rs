//! What a name says of a function beside its symbol: `PARAMETER=VALUE` for its parameters and for what they point to, and
//! how its return value reads.

use super::argument::{Argument, WORDS};
use super::name::FunctionError;

/// What a parameter, or a member of what one points to, is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// A number.
    Number(u64),
    /// What is known here by a word, such as the mapping.
    Known(Argument),
    /// The address of a structure of zeroes.
    New(String),
}

/// One setting of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting<'a> {
    /// The parameter, by its name, or by its number from 1 on.
    pub(super) parameter: &'a str,
    /// The members that lead to what is set: each points to the structure of the next. Empty for the parameter itself.
    pub(super) members: Vec<&'a str>,
    pub(super) given: Given,
}

/// How a return value reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Returns {
    /// A number, of which nothing is concluded.
    Number,
    /// Nothing that means anything.
    Nothing,
    /// A number that is negative if the function refused, as an `int`.
    Error,
    /// The page that it took: the address of its `struct page` or folio. It refused if that is 0 or an error.
    Page,
    /// The entry that it decided on.
    Entry,
}

impl Returns {
    const ALL: [(&'static str, Returns); 5] = [
        ("number", Returns::Number),
        ("nothing", Returns::Nothing),
        ("error", Returns::Error),
        ("page", Returns::Page),
        ("entry", Returns::Entry),
    ];
}

/// The name of the setting for how the return value reads. No parameter has this name in C.
const RETURN: &str = "return";

/// What the settings of a name say.
pub(super) type Settings<'a> = (Vec<Setting<'a>>, Option<Returns>);

/// Reads settings; `name` is the whole name, for errors.
pub(super) fn read<'a>(
    name: &str,
    settings: impl Iterator<Item = &'a str>,
) -> Result<Settings<'a>, FunctionError> {
    let malformed = || FunctionError::Name(name.to_owned());
    let (mut all, mut returns) = (Vec::new(), None);
    for setting in settings {
        let (path, value) = setting.split_once('=').ok_or_else(malformed)?;
        if path == RETURN {
            let known = Returns::ALL.iter().find(|(word, _)| *word == value).map(|(_, of)| *of);
            let known = known.ok_or_else(|| FunctionError::Returns {
                word: value.to_owned(),
                known: words(Returns::ALL.iter().map(|(word, _)| *word)),
            })?;
            if returns.replace(known).is_some() {
                return Err(malformed());
            }
            continue;
        }
        let mut parts = path.split('.');
        let parameter = parts.next().unwrap_or_default();
        let members: Vec<&str> = parts.collect();
        let is_known = |known: &Setting<'_>| known.parameter == parameter && known.members == members;
        if ![&[parameter], &members[..]].concat().into_iter().all(is_name) || all.iter().any(is_known) {
            return Err(malformed());
        }
        all.push(Setting { parameter, members, given: given(name, value)? });
    }
    Ok((all, returns))
}

/// Whether a word can be a name in C, or a number.
pub(super) fn is_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn given(name: &str, value: &str) -> Result<Given, FunctionError> {
    if let Some(structure) = value.strip_prefix('@') {
        return match is_name(structure) {
            true => Ok(Given::New(structure.to_owned())),
            false => Err(FunctionError::Name(name.to_owned())),
        };
    }
    let number = match value.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => value.parse(),
    };
    if let Ok(number) = number {
        return Ok(Given::Number(number));
    }
    let known = WORDS.iter().find(|(word, _)| *word == value);
    known.map(|(_, argument)| Given::Known(argument.clone())).ok_or_else(|| FunctionError::Word {
        word: value.to_owned(),
        known: words(WORDS.iter().map(|(word, _)| *word)),
    })
}

fn words<'a>(all: impl Iterator<Item = &'a str>) -> String {
    all.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_of_a_parameter_or_of_what_it_points_to() {
        let settings = ["flags=0x2", "walk.private=@hmm_vma_walk", "walk.private.end=next-address", "2=vma"];
        let (all, returns) = read("f", settings.into_iter().chain(["return=page"])).unwrap();
        let setting = |parameter, members: &[&'static str], given| Setting {
            parameter,
            members: members.to_vec(),
            given,
        };
        let next = Argument::Address { other: false, after: 1 };
        assert_eq!(
            all,
            [
                setting("flags", &[], Given::Number(2)),
                setting("walk", &["private"], Given::New("hmm_vma_walk".to_owned())),
                setting("walk", &["private", "end"], Given::Known(next)),
                setting("2", &[], Given::Known(Argument::Vma)),
            ]
        );
        assert_eq!(returns, Some(Returns::Page));
    }

    #[test]
    fn a_mistake_is_named() {
        let wrong = |setting: &str| read("f", [setting].into_iter()).unwrap_err().to_string();
        assert!(
            wrong("a=mapping").starts_with("'mapping' is nothing that can be passed: a number, @STRUCT, or ")
        );
        assert_eq!(
            wrong("return=pages"),
            "'pages' is no way in which a return value reads: number, nothing, error, page, entry"
        );
        for malformed in ["a", "=1", "a.=1", ".a=1", "a=@", "a=@b c", "a b=1"] {
            assert!(matches!(read("f", [malformed].into_iter()), Err(FunctionError::Name(_))), "{malformed}");
        }
        for twice in [["a=1", "a=2"], ["return=page", "return=page"], ["a.b=1", "a.b=1"]] {
            assert!(matches!(read("f", twice.into_iter()), Err(FunctionError::Name(_))), "{twice:?}");
        }
    }
}
