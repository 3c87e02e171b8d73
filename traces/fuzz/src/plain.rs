//! What may go to a terminal, whatever the file said that it was made from.

/// Nothing but lines, and styles of ours. A library that takes styles out would take out with them what is looked for
/// here.
pub fn assert_plain(text: &str) {
    assert!(without_styles(text).chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

/// One line, as every error is.
pub fn assert_one_line(text: &str) {
    assert!(text.chars().all(|c| !c.is_control()), "{text:?}");
}

/// The text without `ESC [ digits m`.
fn without_styles(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        match rest.strip_prefix('m') {
            Some(rest) => plain += rest,
            None => plain += &format!("\u{1b}[{part}"),
        }
    }
    plain
}
