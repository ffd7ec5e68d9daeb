//! One line: where its comment begins, and which words it has.

use lbd_core::{FileId, Span};

/// A word without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// It had quotes: it is no brace, and its blanks count.
    pub(crate) is_quoted: bool,
    pub(crate) span: Span,
}

/// The line up to the `#` or `!` that begins a comment.
pub(crate) fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut is_escaped = false;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '#' | '!') => return line[..at].trim_end(),
            (None, _) => {}
        }
    }
    line.trim_end()
}

/// Splits at blanks; quotes keep them, `\` within quotes escapes as in a shell.
pub(crate) fn split(line: &str) -> Result<Vec<Word>, String> {
    let mut words: Vec<Word> = Vec::new();
    let mut current: Option<Word> = None;
    let mut characters = line.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c.is_whitespace() {
            words.extend(finish(current.take(), at));
            continue;
        }
        let word = current.get_or_insert_with(|| Word {
            text: String::new(),
            is_quoted: false,
            span: Span {
                file: FileId(0),
                line: 0,
                column: u32::try_from(at + 1).unwrap_or(u32::MAX),
                len: 0,
            },
        });
        if c != '"' && c != '\'' {
            word.text.push(c);
            continue;
        }
        word.is_quoted = true;
        loop {
            match characters.next() {
                None => return Err("unmatched quote".to_owned()),
                Some((_, end)) if end == c => break,
                Some((_, '\\')) => escape(&mut characters, &mut word.text),
                Some((_, other)) => word.text.push(other),
            }
        }
    }
    words.extend(finish(current, line.len()));
    Ok(words)
}

/// Ends a word; braces that stand at its edges are words of their own.
fn finish(word: Option<Word>, end: usize) -> Vec<Word> {
    let Some(mut word) = word else {
        return Vec::new();
    };
    word.span.len = u32::try_from(end + 1)
        .unwrap_or(0)
        .saturating_sub(word.span.column);
    if word.is_quoted || word.text.starts_with("${") {
        return vec![word];
    }
    let brace = |text: &str, column: u32| Word {
        text: text.to_owned(),
        is_quoted: false,
        span: Span {
            column,
            len: 1,
            ..word.span
        },
    };
    let (first, last) = (word.span.column, word.span.column + word.span.len - 1);
    let mut parts = Vec::new();
    let mut text = word.text.as_str();
    let mut column = first;
    if let Some(rest) = text.strip_prefix('}') {
        parts.push(brace("}", first));
        (text, column) = (rest, column + 1);
    }
    let has_open = text.ends_with('{');
    let has_close = text.len() > 1 && text.ends_with('}') && !text.contains('{');
    let body = if has_open || has_close {
        &text[..text.len() - 1]
    } else {
        text
    };
    if !body.is_empty() {
        parts.push(Word {
            text: body.to_owned(),
            is_quoted: false,
            span: Span {
                column,
                len: u32::try_from(body.len()).unwrap_or(0),
                ..word.span
            },
        });
    }
    if has_open {
        parts.push(brace("{", last));
    } else if has_close {
        parts.push(brace("}", last));
    }
    parts
}

type Characters<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

fn escape(characters: &mut Characters<'_>, text: &mut String) {
    let Some((_, c)) = characters.next() else {
        text.push('\\');
        return;
    };
    match c {
        'a' => text.push('\x07'),
        'b' => text.push('\x08'),
        'E' => text.push('\x1b'),
        'f' => text.push('\x0c'),
        'n' => text.push('\n'),
        'r' => text.push('\r'),
        't' => text.push('\t'),
        'v' => text.push('\x0b'),
        'x' | 'X' => text.push(number(characters, String::new(), 16, 2)),
        '0'..='7' => text.push(number(characters, c.to_string(), 8, 3)),
        'c' => {
            if let Some((_, control)) = characters.next() {
                text.push(char::from((control as u32 & 0x1f) as u8));
            }
        }
        other => text.push(other),
    }
}

fn number(characters: &mut Characters<'_>, mut digits: String, base: u32, most: usize) -> char {
    while digits.len() < most {
        match characters.peek() {
            Some((_, c)) if c.is_digit(base) => digits.push(*c),
            _ => break,
        }
        characters.next();
    }
    let value = u32::from_str_radix(&digits, base).unwrap_or(0);
    char::from_u32(value).unwrap_or('\u{fffd}')
}
