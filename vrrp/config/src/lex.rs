//! Text to lines of words: comments, quotes, `@id` lines, parameters, sequences, lists, includes.
//!
//! It knows no keyword but the `include` family.

mod expand;
mod word;

use lbd_core::{Diag, Diags, FileId, Span};

use crate::{Host, Source};
use expand::Parameters;
pub(crate) use word::Word;

/// A line that counts.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) words: Vec<Word>,
}

pub(crate) struct Lexed {
    pub(crate) lines: Vec<Line>,
    pub(crate) sources: Vec<Source>,
    pub(crate) diags: Diags,
    /// The first file could not be read.
    pub(crate) is_unreadable: bool,
}

/// Reads a file and what it includes.
pub(crate) fn read(path: &str, host: &dyn Host) -> Lexed {
    let mut lexer = Lexer {
        host,
        id: host.config_id(),
        parameters: Parameters::default(),
        out: Lexed {
            lines: Vec::new(),
            sources: Vec::new(),
            diags: Diags::default(),
            is_unreadable: false,
        },
        work: 0,
        is_full: false,
    };
    if let Err(reason) = lexer.file(path, 0) {
        lexer.out.is_unreadable = true;
        let text = format!("unable to find or read configuration file '{path}': {reason}");
        lexer
            .out
            .diags
            .push(Diag::alert(None, text).hint("Name the file with -f, and make it readable."));
    }
    lexer.out
}

struct Lexer<'h> {
    host: &'h dyn Host,
    id: String,
    parameters: Parameters,
    out: Lexed,
    /// Bytes of lines that were looked at, those that make others included: files within files and
    /// sequences within sequences grow beyond all bounds otherwise.
    work: usize,
    is_full: bool,
}

/// Where a line stands, for everything made from it.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: FileId,
    line: u32,
    /// The line as written, when columns can be told.
    raw: Option<&'a str>,
    depth: usize,
}

impl Place<'_> {
    fn span(&self) -> Span {
        Span::line(self.file, self.line)
    }
}

impl Lexer<'_> {
    fn file(&mut self, path: &str, depth: usize) -> Result<(), String> {
        if self.out.sources.len() >= MAX_FILES {
            self.is_full = true;
            return Err(format!("more than {MAX_FILES} files"));
        }
        let text = self.host.read(path)?;
        let file = FileId(u32::try_from(self.out.sources.len()).unwrap_or(u32::MAX));
        self.out.sources.push(Source {
            name: path.to_owned(),
            text: text.clone(),
        });
        let outer = self.parameters.enter(directory(path));
        let mut lines = (1u32..).zip(text.lines());
        while let Some((number, first)) = lines.next() {
            let mut place = Place {
                file,
                line: number,
                raw: Some(first),
                depth,
            };
            let mut text = word::without_comment(first).to_owned();
            while let Some(cut) = text.strip_suffix('\\') {
                let Some((_, next)) = lines.next() else { break };
                text = format!("{cut}\n{}", word::without_comment(next));
                place.raw = None;
            }
            self.line(&text, place, 0);
            if self.is_full {
                break;
            }
        }
        self.parameters.leave(outer);
        Ok(())
    }

    fn line(&mut self, text: &str, place: Place<'_>, rounds: usize) {
        self.work = self.work.saturating_add(text.len() + LINE_WORK);
        let is_much = self.out.lines.len() >= MAX_LINES || self.work > MAX_WORK;
        if is_much || rounds > MAX_ROUNDS {
            if !self.is_full {
                self.is_full = true;
                let text = format!(
                    "more than {MAX_LINES} lines or {MAX_WORK} bytes, or a parameter that names itself"
                );
                self.out.diags.push(Diag::alert(place.span(), text));
            }
            return;
        }
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if let Some(rest) = text.strip_prefix('@') {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let is_meant = match name.strip_prefix('^') {
                Some(not) => not != self.id,
                None => name == self.id,
            };
            if is_meant {
                self.line(rest, place, rounds + 1);
            }
            return;
        }
        if let Some((name, value)) = expand::definition(text) {
            self.parameters.set(name, value.trim());
            return;
        }
        if self.include(text, place) {
            return;
        }
        if text.starts_with('~') {
            return self.block(text, place, rounds);
        }
        let (expanded, is_changed) = self.parameters.substitute(text, self.host);
        if is_changed {
            let place = Place { raw: None, ..place };
            for part in expanded.split('\n') {
                self.line(part, place, rounds + 1);
            }
            return;
        }
        if text.contains('\n') {
            // A continued line that defines nothing.
            let place = Place { raw: None, ..place };
            return self.line(&text.replace('\n', " "), place, rounds + 1);
        }
        self.words(text, place);
    }

    /// `~SEQ(…) rest`, `~LST(…) rest`: the rest once for each value.
    fn block(&mut self, text: &str, place: Place<'_>, rounds: usize) {
        let place = Place { raw: None, ..place };
        match expand::block(text) {
            Ok((rounds_of, rest)) => {
                for values in rounds_of {
                    for (name, value) in &values {
                        self.parameters.set(name, value);
                    }
                    self.line(rest, place, rounds + 1);
                    if self.is_full {
                        return;
                    }
                }
            }
            Err(reason) => self.out.diags.push(Diag::alert(place.span(), reason)),
        }
    }

    fn words(&mut self, text: &str, place: Place<'_>) {
        match word::split(text) {
            Ok(mut words) => {
                // Columns are those of the line as written, if it is what was split.
                let shift = place.raw.and_then(|raw| raw.find(text));
                for word in &mut words {
                    word.span.file = place.file;
                    word.span.line = place.line;
                    match shift {
                        Some(by) => word.span.column += u32::try_from(by).unwrap_or(0),
                        None => (word.span.column, word.span.len) = (0, 0),
                    }
                }
                self.out.lines.push(Line { words });
            }
            Err(reason) => {
                let diag = Diag::alert(place.span(), reason);
                self.out
                    .diags
                    .push(diag.hint("Close the quote on the same line."));
            }
        }
    }

    /// Whether the line was an include.
    fn include(&mut self, text: &str, place: Place<'_>) -> bool {
        let (keyword, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let must_exist = match keyword {
            "include" => false,
            "includea" | "includeb" | "includem" | "includer" | "includew" => true,
            _ => return false,
        };
        let pattern = rest.trim().trim_matches(['"', '\'']);
        if pattern.is_empty() || place.depth >= MAX_INCLUDES {
            // Files that include themselves would tell it again and again.
            self.is_full |= place.depth >= MAX_INCLUDES;
            let text = "include without a file, or too many files within files";
            self.out.diags.push(Diag::alert(place.span(), text));
            return true;
        }
        let paths = self.host.glob(self.parameters.directory(), pattern);
        if paths.is_empty() {
            // keepalived: a plain include that finds nothing is told and not an error.
            let text = format!("no file matches '{pattern}'");
            self.out.diags.push(if must_exist {
                Diag::alert(place.span(), text)
            } else {
                Diag::warning(place.span(), text)
            });
        }
        for path in paths {
            if self.is_full {
                break;
            }
            if let Err(reason) = self.file(&path, place.depth + 1) {
                let text = format!("unable to read '{path}': {reason}");
                self.out.diags.push(if must_exist {
                    Diag::alert(place.span(), text)
                } else {
                    Diag::warning(place.span(), text)
                });
            }
        }
        true
    }
}

fn directory(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((directory, _)) => directory,
        None => ".",
    }
}

/// Lines of a configuration, after sequences and lists.
const MAX_LINES: usize = 1_000_000;
/// Bytes of them, and of what they are made from.
const MAX_WORK: usize = 64 << 20;
/// What a line costs besides its bytes: one without any is made as easily.
const LINE_WORK: usize = 64;
/// Files that are read, one that is read again included.
const MAX_FILES: usize = 4096;
/// Substitutions in one another.
const MAX_ROUNDS: usize = 64;
/// Files within files.
const MAX_INCLUDES: usize = 16;

#[cfg(test)]
mod tests;
