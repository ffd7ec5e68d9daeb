//! A line of the runtime API as words: `;` between commands, `\` before what is meant literally,
//! `<<` at the end for a payload (haproxy 3.4 management 9.3).
//!
//! It knows no command.

/// Most words of one command.
pub(crate) const MAX_WORDS: usize = 64;
/// Longest name of a payload's end mark.
const MAX_MARK: usize = 64;

/// One command of a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Command {
    /// Its words, unescaped.
    pub(crate) words: Vec<String>,
    /// The line that ends its payload (empty for `<<` alone); `None` without payload.
    pub(crate) payload_mark: Option<String>,
}

/// Splits a line (without its line feed). Empty commands are kept: they answer with an empty
/// reply, as in the reference.
pub(crate) fn split(line: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut rest = line;
    loop {
        let (piece, next) = cut(rest);
        commands.push(words_of(piece));
        match next {
            Some(next) => rest = next,
            None => return commands,
        }
    }
}

/// Cuts at the first `;` that is not escaped.
fn cut(text: &str) -> (&str, Option<&str>) {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b';' => return (&text[..at], Some(&text[at + 1..])),
            _ => {}
        }
    }
    (text, None)
}

fn words_of(piece: &str) -> Command {
    let mut command = Command::default();
    let mut word = String::new();
    let mut has_word = false;
    let mut is_escaped = false;
    for letter in piece.chars() {
        if is_escaped {
            word.push(letter);
            (has_word, is_escaped) = (true, false);
        } else if letter == '\\' {
            is_escaped = true;
        } else if letter == ' ' || letter == '\t' || letter == '\r' {
            take_word(&mut command, &mut word, &mut has_word);
        } else {
            word.push(letter);
            has_word = true;
        }
    }
    take_word(&mut command, &mut word, &mut has_word);
    if let Some(last) = command.words.last()
        && let Some(mark) = last.strip_prefix("<<")
        && mark.len() <= MAX_MARK
    {
        command.payload_mark = Some(mark.to_owned());
        command.words.pop();
    }
    command
}

fn take_word(command: &mut Command, word: &mut String, has_word: &mut bool) {
    if *has_word && command.words.len() < MAX_WORDS {
        command.words.push(std::mem::take(word));
    }
    word.clear();
    *has_word = false;
}

#[cfg(test)]
mod tests;
