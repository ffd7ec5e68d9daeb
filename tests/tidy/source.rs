//! A Rust source with its code, comments and literals told apart.
//!
//! It is no parser: it knows where strings and comments begin and end, and nothing else.

pub(crate) struct Source {
    pub path: String,
    /// The lines with comments and the content of literals blanked.
    pub code: Vec<String>,
    /// The lines with everything but comments blanked.
    pub comments: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    Comment,
    Literal,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let characters: Vec<char> = text.chars().collect();
        let parts = parts(&characters);
        let only = |wanted: Part| -> Vec<String> {
            let kept: String = characters
                .iter()
                .zip(&parts)
                .map(|(&c, &part)| if part == wanted || c == '\n' { c } else { ' ' })
                .collect();
            kept.lines().map(str::to_owned).collect()
        };
        Self {
            path: path.to_owned(),
            code: only(Part::Code),
            comments: only(Part::Comment),
        }
    }
}

fn parts(text: &[char]) -> Vec<Part> {
    let mut parts = vec![Part::Code; text.len()];
    let mut at = 0;
    while at < text.len() {
        let (end, part) = span(text, at);
        parts[at..end].fill(part);
        at = end;
    }
    parts
}

/// Where the comment, literal or single character of code at `at` ends.
fn span(text: &[char], at: usize) -> (usize, Part) {
    let next = text.get(at + 1).copied().unwrap_or('\0');
    let in_word = at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_');
    match text[at] {
        '/' if next == '/' => {
            let length = text[at..].iter().position(|&c| c == '\n');
            (length.map_or(text.len(), |n| at + n), Part::Comment)
        }
        '/' if next == '*' => (block_comment(text, at), Part::Comment),
        'r' if !in_word || text[at - 1] == 'b' || text[at - 1] == 'c' => match raw_string(text, at)
        {
            Some(end) => (end, Part::Literal),
            None => (at + 1, Part::Code),
        },
        '"' => (quoted(text, at, '"'), Part::Literal),
        // A lifetime has no closing quote two or more characters on.
        '\'' if next == '\\' || text.get(at + 2) == Some(&'\'') => {
            (quoted(text, at, '\''), Part::Literal)
        }
        _ => (at + 1, Part::Code),
    }
}

fn block_comment(text: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < text.len() {
        match (text[at], text.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn raw_string(text: &[char], start: usize) -> Option<usize> {
    let hashes = text[start + 1..].iter().take_while(|&&c| c == '#').count();
    let open = start + 1 + hashes;
    if text.get(open) != Some(&'"') {
        return None;
    }
    let mut end = vec!['"'];
    end.resize(hashes + 1, '#');
    let found = text[open + 1..]
        .windows(end.len())
        .position(|window| window == end);
    Some(found.map_or(text.len(), |n| open + 1 + n + end.len()))
}

fn quoted(text: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < text.len() {
        match text[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests;
