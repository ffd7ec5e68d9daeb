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
                at += 1;
                let Some(&next) = text.get(at) else {
                    out.push(b'\\');
                    break;
                };
                match next {
                    b'n' => out.push(b'\n'),
                    b'r' => out.push(b'\r'),
                    b't' => out.push(b'\t'),
                    b'\\' | b'"' | b' ' | b'\'' => out.push(next),
                    b',' | b'(' | b')' if quote.is_none() => out.push(next),
                    // Anything else keeps its backslash: it means something to a regex.
                    _ => out.extend([b'\\', next]),
                }
            }
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    quote.is_none().then_some((out, at))
}
