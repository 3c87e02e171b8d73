//! Makes reports safe to show: anyone may have written their files, and their text must not control a terminal.

use std::borrow::Cow;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::words::{is_unprintable, one_line};

/// Returns the report with every unprintable character in its texts escaped.
///
/// A tab, as disassemblers write it, becomes a space.
pub(crate) fn printable<T: Serialize + DeserializeOwned + Clone>(report: &T) -> Cow<'_, T> {
    if is_printable(report) {
        return Cow::Borrowed(report);
    }
    let escaped = serde_json::to_value(report).map(escaped).and_then(serde_json::from_value);
    // Only texts were changed, and any text is valid, so the result is still a report.
    escaped.map_or(Cow::Borrowed(report), Cow::Owned)
}

fn escaped(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(one_line(&text.replace('\t', " "))),
        Value::Array(items) => items.into_iter().map(escaped).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, escaped(value))).collect(),
        other => other,
    }
}

fn is_printable(report: &impl Serialize) -> bool {
    serde_json::to_writer(Looking, report).is_ok()
}

/// A writer of JSON that fails at the first unprintable character. It receives whole characters and whole
/// escapes.
struct Looking;

impl io::Write for Looking {
    fn write(&mut self, written: &[u8]) -> io::Result<usize> {
        let escape = written.first() == Some(&b'\\') && !matches!(written, b"\\\"" | b"\\\\");
        match std::str::from_utf8(written) {
            Ok(text) if !escape && !text.contains(is_unprintable) => Ok(written.len()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_unprintable_is_left_and_all_else_stays(texts in prop::collection::vec("\\PC*|[\\x00-\\x1f]*|.*", 0..4)) {
            let shown = printable(&texts).into_owned();
            prop_assert!(shown.iter().flat_map(|text| text.chars()).all(|c| !is_unprintable(c)));
            for (text, shown) in texts.iter().zip(&shown) {
                if !text.chars().any(is_unprintable) {
                    prop_assert_eq!(text, shown);
                }
            }
        }
    }

    #[test]
    fn what_is_printable_is_not_copied() {
        assert_eq!(*printable(&vec!["mov\tx0".to_owned()]), ["mov x0"]);
        let plain = vec!["mov x0, \"\\n\" \u{e4}".to_owned()];
        assert!(matches!(printable(&plain), Cow::Borrowed(_)));
        for text in [
            "\n",
            "\u{1b}[2J",
            "\u{7f}",
            "\u{9b}2J",
            "\u{2028}",
            "\u{202e}",
            "\u{2066}",
            "\u{ad}",
            "\u{feff}",
        ] {
            assert!(matches!(printable(&vec![text.to_owned()]), Cow::Owned(_)), "{text:?}");
        }
    }
}
