//! Text out of files of other people, made fit to be part of a line of output.

/// The text without control characters, which could move the cursor of a terminal.
pub(super) fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace(char::is_control, "\u{fffd}")
}

/// The first bytes of a file: quoted if they are text, in hexadecimal otherwise.
pub(super) fn first_bytes(bytes: &[u8]) -> String {
    let first = &bytes[..bytes.len().min(16)];
    let line = first.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    if !line.is_empty() && line.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return format!("'{}'", String::from_utf8_lossy(line));
    }
    first.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
