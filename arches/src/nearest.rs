//! Errors for unknown names, which suggest the nearest known name.

use std::fmt;

/// A name that is not one of the known names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    what: &'static str,
    given: String,
    nearest: Option<&'static str>,
    known: Vec<&'static str>,
}

impl UnknownName {
    /// Makes the error for the name `given`. `what` is the kind of thing (`"architecture"`), `known` the names
    /// that exist.
    pub fn new(what: &'static str, given: &str, known: impl IntoIterator<Item = &'static str>) -> Self {
        // Names are short, so only rather similar ones are worth proposing.
        const ALIKE: f64 = 0.7;
        let known: Vec<_> = known.into_iter().collect();
        let lower = given.to_lowercase();
        let nearest = known
            .iter()
            .map(|name| (strsim::jaro_winkler(&lower, name), *name))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name);
        UnknownName { what, given: given.to_owned(), nearest, known }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown {} '{}': ", self.what, self.given)?;
        match self.nearest {
            Some(name) => write!(f, "did you mean '{name}'?"),
            None => write!(f, "known are {}", self.known.join(", ")),
        }
    }
}

impl std::error::Error for UnknownName {}
