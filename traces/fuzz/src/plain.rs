//! What may go to a terminal, whatever the file said that it was made from.

use anstream::adapter::strip_str;

/// Nothing but lines, and colours of ours, which a terminal is known by.
pub fn assert_plain(text: &str) {
    let text = strip_str(text).to_string();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

/// One line, as every error is.
pub fn assert_one_line(text: &str) {
    assert!(text.chars().all(|c| !c.is_control()), "{text:?}");
}
