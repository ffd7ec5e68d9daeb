//! The statements of all files in order, one at a time, with `.if` blocks resolved.
//!
//! It holds no environment: the caller passes it with each line, because `setenv` changes it
//! between two lines.

use lbd_core::{Diag, Diags, FileId, Level, Span};

use super::block::Blocks;
use super::{
    Line, MAX_FATAL_ERRORS, MAX_LINE_BYTES, MAX_NESTED_CONDITIONS, MODIFIABLE, Modifier, Piece,
    SECTIONS, Variables, Word, shown, split,
};
use crate::condition;
use crate::host::Environment;
use crate::loader::Sources;
use crate::suggest;

/// Pulls statements out of sources.
#[derive(Debug)]
pub struct Reader<'a> {
    sources: &'a Sources,
    file: FileId,
    place: Place,
    /// Findings of the caller's list that were looked at already.
    seen: usize,
}

/// Where the reader stands in one file.
#[derive(Debug, Default)]
struct Place {
    offset: usize,
    line: u32,
    blocks: Blocks,
    section: Option<String>,
    orphan_reported: bool,
    /// Position of the end of a last line without line feed.
    missing_lf: Option<usize>,
    alerts: usize,
    ended: bool,
}

/// Variables as seen from one line.
struct Scope<'a> {
    environment: &'a Environment<'a>,
    file: &'a str,
    line: u32,
    section: &'a str,
}

impl Variables for Scope<'_> {
    fn value(&self, name: &str) -> Option<String> {
        match name {
            ".FILE" => Some(self.file.to_owned()),
            ".LINE" => Some(self.line.to_string()),
            ".SECTION" => Some(self.section.to_owned()),
            _ => self.environment.value(name),
        }
    }

    fn is_pseudo(&self, name: &str) -> bool {
        matches!(name, ".FILE" | ".LINE" | ".SECTION")
    }
}

impl<'a> Reader<'a> {
    /// A reader at the start of the first source.
    pub fn new(sources: &'a Sources) -> Self {
        Self {
            sources,
            file: FileId(0),
            place: Place::default(),
            seen: 0,
        }
    }

    /// The next statement, or `None` after the last. Faults in between go to `diags`; alerts that
    /// the caller adds there between two calls count for [`MAX_FATAL_ERRORS`] too. A new file shows
    /// by the line's span; it always starts a section.
    pub fn next_line(&mut self, environment: &Environment<'_>, diags: &mut Diags) -> Option<Line> {
        loop {
            self.count_alerts(diags);
            let source = self.sources.get(self.file)?;
            if self.place.ended || self.place.offset >= source.text.len() {
                self.end_file(diags);
                self.next_file(diags);
                continue;
            }
            if self.place.alerts >= MAX_FATAL_ERRORS {
                diags.push(Diag::alert(
                    Span::line(self.file, self.place.line),
                    format!(
                        "too many fatal errors ({}), stopping now",
                        self.place.alerts
                    ),
                ));
                self.next_file(diags);
                continue;
            }
            let rest = &source.text[self.place.offset..];
            let (raw, step) = match memchr::memchr(b'\n', rest) {
                Some(length) => (&rest[..length], length + 1),
                None => {
                    self.place.missing_lf = Some(rest.len());
                    (rest, rest.len())
                }
            };
            self.place.offset += step;
            self.place.line = self.place.line.saturating_add(1);
            if let Some(line) = self.statement(raw, &source.name, environment, diags) {
                return Some(line);
            }
        }
    }

    fn count_alerts(&mut self, diags: &Diags) {
        // A caller that took its findings away starts a new list.
        self.seen = self.seen.min(diags.0.len());
        self.place.alerts += diags.0[self.seen..]
            .iter()
            .filter(|diag| diag.level == Level::Alert)
            .count();
        self.seen = diags.0.len();
    }

    fn next_file(&mut self, diags: &Diags) {
        self.file.0 += 1;
        self.place = Place::default();
        self.seen = diags.0.len();
    }

    fn end_file(&mut self, diags: &mut Diags) {
        let span = Span::line(self.file, self.place.line);
        if let Some(position) = self.place.missing_lf {
            diags.push(
                Diag::alert(
                    span,
                    format!(
                        "Missing LF on last line, file might have been truncated at position {}",
                        position + 1
                    ),
                )
                .hint("End the last line with a line feed."),
            );
        }
        if let Some(line) = self.place.blocks.unclosed() {
            diags.push(
                Diag::alert(span, "non-terminated '.if' block")
                    .hint(format!("Add '.endif'; the block starts at line {line}.")),
            );
        }
    }

    /// Leaves the rest of the file out, after a fault that says so.
    fn give_up(&mut self) {
        self.place.ended = true;
        self.place.missing_lf = None;
        self.place.blocks = Blocks::default();
    }

    fn at(&self, offset: usize, length: usize) -> Span {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Span {
            file: self.file,
            line: self.place.line,
            column: number(offset + 1),
            len: number(length),
        }
    }

    fn statement(
        &mut self,
        raw: &[u8],
        file: &str,
        environment: &Environment<'_>,
        diags: &mut Diags,
    ) -> Option<Line> {
        if let Some(position) = memchr::memchr(0, raw) {
            diags.push(
                Diag::alert(
                    self.at(position, 1),
                    format!("Stray NUL character at position {}", position + 1),
                )
                .hint("The file is binary or damaged; the rest of it was not read."),
            );
            self.give_up();
            return None;
        }
        if raw.len() > MAX_LINE_BYTES {
            diags.push(Diag::alert(
                Span::line(self.file, self.place.line),
                format!("line too long, limited to {MAX_LINE_BYTES} bytes"),
            ));
            return None;
        }
        if let Some(offset) = raw.iter().position(|b| !b.is_ascii_whitespace())
            && raw[offset] == b'['
        {
            diags.push(
                Diag::alert(self.at(offset, 1), "scopes in brackets are not supported")
                    .hint("Remove the line; use .if blocks to switch parts on and off."),
            );
            return None;
        }
        let scope = Scope {
            environment,
            file,
            line: self.place.line,
            section: self.place.section.as_deref().unwrap_or(""),
        };
        match split(raw, &scope) {
            Ok(pieces) => self.keep(pieces, environment, diags),
            Err(error) => {
                diags.push(
                    Diag::alert(self.at(error.offset, 1), error.to_string()).hint(error.hint()),
                );
                None
            }
        }
    }

    fn keep(
        &mut self,
        pieces: Vec<Piece>,
        environment: &Environment<'_>,
        diags: &mut Diags,
    ) -> Option<Line> {
        let first = pieces.first()?;
        if first.text.is_empty() && pieces.len() == 1 {
            return None;
        }
        if first.text.first() == Some(&b'.') {
            self.directive(&pieces, environment, diags);
            return None;
        }
        if self.place.blocks.masked() {
            return None;
        }
        if let Some(number) = pieces.iter().position(|piece| piece.text.is_empty()) {
            self.empty_argument(number, &pieces[number], environment, diags);
            return None;
        }
        self.line(pieces, diags)
    }

    fn empty_argument(
        &self,
        number: usize,
        piece: &Piece,
        environment: &Environment<'_>,
        diags: &mut Diags,
    ) {
        let mut hint = "Remove the argument, or give the variable a default: \"${NAME-default}\"; \
                        a list that may be empty is written \"${NAME[*]}\"."
            .to_owned();
        if piece.unset_variable
            && let Some(source) = self.sources.get(self.file)
        {
            let name = source.word_at(self.place.line, piece.mark);
            let known = environment.names();
            if let Some(near) = suggest::nearest(&name, known.iter().map(String::as_str)) {
                hint = format!("Variable {name} is not set; maybe you meant {near}.");
            } else {
                hint = format!("Variable {name} is not set. {hint}");
            }
        }
        diags.push(
            Diag::alert(
                self.at(piece.mark, 1),
                format!(
                    "argument number {number} at position {} is empty and marks the end of the \
                     argument list",
                    piece.mark + 1
                ),
            )
            .hint(hint),
        );
    }

    fn line(&mut self, pieces: Vec<Piece>, diags: &mut Diags) -> Option<Line> {
        let mut words: Vec<Word> = pieces
            .into_iter()
            .map(|piece| Word {
                span: self.at(piece.start, piece.end.saturating_sub(piece.start)),
                text: piece.text,
            })
            .collect();
        let modifier = match words.first()?.text.as_slice() {
            b"no" => Modifier::No,
            b"default" => Modifier::Default,
            _ => Modifier::Plain,
        };
        if modifier != Modifier::Plain {
            let span = words.remove(0).span;
            let keyword = words.first().map(|word| word.text.as_slice());
            if !MODIFIABLE
                .iter()
                .any(|known| Some(known.as_bytes()) == keyword)
            {
                let diag = Diag::alert(
                    span,
                    "negation/default currently supported only for options, log, busy-polling, \
                     set-dumpable, strict-limits, insecure-fork-wanted and numa-cpu-mapping",
                );
                diags.push(match keyword {
                    None if modifier == Modifier::Default => {
                        diag.hint("The section is named 'defaults'.")
                    }
                    _ => diag,
                });
                return None;
            }
        }
        let first = words.first()?;
        let starts_section = SECTIONS.iter().any(|name| first == name);
        if starts_section {
            let name = words.get(1).unwrap_or(first);
            self.place.section = Some(String::from_utf8_lossy(&name.text).into_owned());
        } else if self.place.section.is_none() {
            if !self.place.orphan_reported {
                self.place.orphan_reported = true;
                diags.push(orphan(first));
            }
            return None;
        }
        Some(Line {
            words,
            modifier,
            starts_section,
            span: Span::line(self.file, self.place.line),
        })
    }

    fn directive(&mut self, pieces: &[Piece], environment: &Environment<'_>, diags: &mut Diags) {
        let (Some(name), arguments) = (pieces.first(), pieces.get(1..).unwrap_or_default()) else {
            return;
        };
        let text = shown(&name.text);
        match text.as_str() {
            ".if" | ".elif" => self.condition(name, arguments, environment, diags),
            ".else" | ".endif" => self.other_branch(name, &text, arguments, diags),
            _ if self.place.blocks.masked() => {}
            ".alert" => self.message(Level::Alert, name, arguments, diags),
            ".warning" => self.message(Level::Warning, name, arguments, diags),
            ".notice" => self.message(Level::Notice, name, arguments, diags),
            ".diag" => self.message(Level::Diag, name, arguments, diags),
            _ => {
                let known = [
                    ".alert", ".diag", ".elif", ".else", ".endif", ".if", ".notice", ".warning",
                ];
                let mut diag = Diag::alert(
                    self.at(name.start, name.end - name.start),
                    format!("unknown directive '{text}'"),
                );
                if let Some(near) = suggest::nearest(&text, known) {
                    diag = diag.hint(format!("Maybe you meant '{near}'."));
                }
                diags.push(diag);
            }
        }
    }

    fn message(&self, level: Level, name: &Piece, arguments: &[Piece], diags: &mut Diags) {
        let span = self.at(name.start, name.end - name.start);
        if let Some(extra) = arguments.get(1) {
            diags.push(Diag::alert(
                self.at(extra.start, extra.end - extra.start),
                format!(
                    "Unexpected argument '{}' for '{}'. Use quotes if the message should contain \
                     spaces",
                    shown(&extra.text),
                    shown(&name.text),
                ),
            ));
            return;
        }
        let text = arguments.first().map(|piece| piece.text.as_slice());
        let text = shown(text.unwrap_or_default());
        diags.push(Diag::new(level, span, format!("'{text}'")));
    }

    fn condition(
        &mut self,
        name: &Piece,
        arguments: &[Piece],
        environment: &Environment<'_>,
        diags: &mut Diags,
    ) {
        let span = self.at(name.start, name.end - name.start);
        let is_if = name.text == b".if";
        let wanted = if is_if {
            let Some(wanted) = self.place.blocks.enter(self.place.line) else {
                let message = format!("too many nested '.if', max is {MAX_NESTED_CONDITIONS}");
                diags.push(Diag::alert(span, message));
                self.give_up();
                return;
            };
            wanted
        } else {
            match self.place.blocks.elif() {
                Ok(wanted) => wanted,
                Err(message) => return diags.push(Diag::alert(span, message)),
            }
        };
        if !wanted {
            return;
        }
        let texts: Vec<&[u8]> = arguments
            .iter()
            .map(|piece| piece.text.as_slice())
            .collect();
        let value = condition::evaluate(&texts.join(&b' '), environment);
        self.place.blocks.decide(value.as_ref().ok().copied());
        if let Err(error) = value {
            let directive = if is_if { ".if" } else { ".elif" };
            let message = format!(
                "{} in '{directive}' at position {}",
                error.message,
                error.offset + 1
            );
            let place = self.at(position(arguments, error.offset), 1);
            diags.push(Diag::alert(place, message).hint(error.hint));
        }
    }

    fn other_branch(&mut self, name: &Piece, text: &str, arguments: &[Piece], diags: &mut Diags) {
        if let Some(extra) = arguments.first() {
            diags.push(Diag::alert(
                self.at(extra.start, extra.end - extra.start),
                format!("Unexpected argument '{}' for '{text}'", shown(&extra.text)),
            ));
        }
        let result = match text {
            ".endif" => self.place.blocks.leave(),
            _ => self.place.blocks.otherwise(),
        };
        if let Err(message) = result {
            let span = self.at(name.start, name.end - name.start);
            diags.push(Diag::alert(span, message));
        }
    }
}

/// Offset in the line of the byte at `offset` of the arguments joined by single spaces; exact
/// where the word is written as it reads.
fn position(arguments: &[Piece], offset: usize) -> usize {
    let mut left = offset;
    for piece in arguments {
        if left <= piece.text.len() {
            return (piece.start + left).min(piece.end);
        }
        left -= piece.text.len() + 1;
    }
    arguments.last().map_or(0, |piece| piece.end)
}

fn orphan(word: &Word) -> Diag {
    let text = shown(&word.text);
    let diag = Diag::alert(
        word.span,
        format!("unknown keyword '{text}' out of section"),
    );
    match suggest::nearest(&text, SECTIONS.iter().copied()) {
        Some(near) => diag.hint(format!("Maybe you meant '{near}'.")),
        None => diag.hint(
            "Every file must begin with a section (global, defaults, frontend, backend, listen...); \
             the lines up to the next section were skipped.",
        ),
    }
}
