//! Text from untrusted files, made safe to print within a line.

/// Decodes text, and replaces control characters, which could move a terminal's cursor.
pub(super) fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace(char::is_control, "\u{fffd}")
}

/// Formats the first bytes of a file: quoted if they are text, in hexadecimal otherwise.
pub(super) fn first_bytes(bytes: &[u8]) -> String {
    let first = &bytes[..bytes.len().min(16)];
    let line = first.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    if !line.is_empty() && line.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return format!("'{}'", String::from_utf8_lossy(line));
    }
    first.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
