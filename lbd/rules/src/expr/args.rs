//! The text between parentheses: quotes, escapes and commas to argument texts (manual 2.2).
//!
//! Types are the work of `arg`.

/// Whether `byte` may stand in the name of a fetch, converter, ACL or variable.
pub fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'+')
}

/// Reads one argument at the start of `text` up to an unquoted comma or closing parenthesis.
/// Returns its bytes and how many were read; `None` when a quote is not closed.
pub(crate) fn word(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut out = Vec::new();
    let mut quote = None;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (byte, quote) {
            (b',' | b')', None) => break,
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            (b'\\', None | Some(b'"')) => {
                let escaped = match text.get(at + 1) {
                    Some(b'n') => Some(b'\n'),
                    Some(b'r') => Some(b'\r'),
                    Some(b't') => Some(b'\t'),
                    Some(plain @ (b'\\' | b'"' | b' ' | b'\'')) => Some(*plain),
                    // Anything else keeps its backslash, which means something to a regex, and
                    // its own meaning: a comma still ends the argument.
                    _ => None,
                };
                at += usize::from(escaped.is_some());
                out.push(escaped.unwrap_or(b'\\'));
            }
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    quote.is_none().then_some((out, at))
}
