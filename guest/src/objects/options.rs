//! The options of a build folder.

use std::collections::BTreeMap;

/// The options of a configuration.
#[derive(Debug)]
pub(super) struct Options(BTreeMap<String, String>);

impl Options {
    pub(super) fn parse(text: &str) -> Options {
        let option = |line: &str| {
            let (name, value) = line.strip_prefix("CONFIG_")?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        Options(text.lines().filter_map(option).collect())
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value == "y" || value == "m")
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        Some(self.0.get(name)?.trim_matches('"').to_owned())
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_values() {
        let options = Options::parse(
            "# CONFIG_NONE is not set\nCONFIG_MMU=y\nCONFIG_BIG=m\nCONFIG_N=12\nCONFIG_T=\"a b\"\n",
        );
        assert!(
            options.is_set("MMU") && options.is_set("BIG") && !options.is_set("NONE") && !options.is_set("N")
        );
        assert_eq!((options.number("N"), options.number("T")), (Some(12), None));
        assert_eq!(options.text("T").as_deref(), Some("a b"));
    }
}
