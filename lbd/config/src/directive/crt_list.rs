//! Files of `crt-list`: a certificate, options in brackets, names (haproxy 3.4 configuration 5.1).
//!
//! The options are those of `bind` lines; which of them may stand here is listed.

use std::mem;

use lbd_core::{Diag, FileId, Span};

use super::{crt_store, ssl};
use crate::draft::{BindDraft, CrtLine, LoadDraft, Named};
use crate::lex::{Line, Modifier, Word};
use crate::registry;
use crate::section::Site;
use crate::words::Words;

/// Most lines of one list.
pub const MAX_LINES: usize = 1 << 20;

/// Options that a line may have of its own.
const ALLOWED: &[&str] = &[
    "allow-0rtt",
    "alpn",
    "ca-file",
    "ca-verify-file",
    "ciphers",
    "ciphersuites",
    "client-sigalgs",
    "crl-file",
    "curves",
    "ecdhe",
    "no-alpn",
    "no-ca-names",
    "sigalgs",
    "ssl-max-ver",
    "ssl-min-ver",
    "verify",
];

/// Options of the reference that are refused by name.
const WAITING: &[&str] = &["npn"];

/// Reads a list.
pub(super) fn read(site: &mut Site<'_>, file: &Named) -> Result<Vec<CrtLine>, Diag> {
    let text = site.environment.host().read(&file.name).map_err(|error| {
        Diag::alert(
            file.span,
            format!("'crt-list' : cannot open file '{}' : {error}", file.name),
        )
    })?;
    let mut lines = Vec::new();
    for (at, line) in text
        .split(|byte| *byte == b'\n')
        .take(MAX_LINES)
        .enumerate()
    {
        let place = format!("'crt-list' : parsing [{}:{}]", file.name, at + 1);
        if let Some(line) = one(site, file.span, line, &place)? {
            warn_of_filters(site, file.span, &line);
            // At most MAX_LINES.
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            lines.push(CrtLine { number, ..line });
        }
    }
    if lines.is_empty() {
        return Err(Diag::alert(
            file.span,
            format!("'crt-list' : no certificate in file '{}'", file.name),
        ));
    }
    Ok(lines)
}

/// Names that are taken out of nothing are told.
fn warn_of_filters(site: &mut Site<'_>, span: Span, line: &CrtLine) {
    let (mut has_negative, mut has_wide) = (false, false);
    for filter in &line.filters {
        match filter.strip_prefix('!') {
            None => has_wide |= filter.starts_with("*."),
            Some("*") => {}
            Some(name) if name.starts_with('*') => {
                let text = format!(
                    "crt-list: Unsupported exclusion (!) on a wildcard filter \"{filter}\""
                );
                site.diags.push(Diag::warning(span, text));
            }
            Some(_) => has_negative = true,
        }
    }
    if has_negative && !has_wide {
        let text = format!(
            "crt-list: negative filters on crt-list line \"{}\" without a positive wildcard filter \
             won't do anything!",
            line.file.name
        );
        site.diags.push(Diag::warning(span, text));
    }
}

/// Reads one line that came at run time.
pub(crate) fn read_line(site: &mut Site<'_>, line: &str) -> Result<Option<CrtLine>, Diag> {
    let nowhere = Span::line(FileId(0), 0);
    one(site, nowhere, line.as_bytes(), "parsing [CLI:1]")
}

/// Words of a line; none of one that begins with `#`. Brackets are words; quotes, backslashes and
/// other `#` are bytes like others, as in the reference.
fn split(line: &[u8], place: &str, span: Span) -> Result<Vec<String>, Diag> {
    if line.trim_ascii_start().starts_with(b"#") {
        return Ok(Vec::new());
    }
    let mut words: Vec<&[u8]> = Vec::new();
    for part in line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
        let mut rest = part;
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'[' | b']')) {
            words.extend([&rest[..at], &rest[at..=at]]);
            rest = &rest[at + 1..];
        }
        words.push(rest);
    }
    let words = words.into_iter().filter(|word| !word.is_empty());
    words
        .map(|word| {
            let broken = |_| Diag::alert(span, format!("{place}: it is not valid UTF-8"));
            String::from_utf8(word.to_vec()).map_err(broken)
        })
        .collect()
}

fn one(site: &mut Site<'_>, span: Span, line: &[u8], place: &str) -> Result<Option<CrtLine>, Diag> {
    let words = split(line, place, span)?;
    let Some((file, rest)) = words.split_first() else {
        return Ok(None);
    };
    if file == "[" {
        let text = format!("{place}: file must start with a cert");
        return Err(Diag::alert(span, text));
    }
    let file = Named {
        name: file.clone(),
        span,
    };
    let file = ssl::below(site, site.draft.global.crt_base.as_deref(), file);
    let (options_of_line, filters) = match rest.first().map(String::as_str) {
        Some("[") => match rest.iter().position(|word| word == "]") {
            Some(end) => (&rest[1..end], &rest[end + 1..]),
            // The reference takes all that is left for options.
            None => {
                let text = format!("{place}: no closing bracket");
                site.diags.push(Diag::warning(span, text));
                (&rest[1..], &rest[..0])
            }
        },
        _ => (&rest[..0], rest),
    };
    if let Some(stray) = filters.iter().find(|word| *word == "[" || *word == "]") {
        let is_first = stray == "[" && options_of_line.is_empty() && rest.first() != Some(stray);
        let why = match stray.as_str() {
            "]" => "missing '['",
            _ if is_first => "brackets stand directly behind the certificate",
            _ => "too many '['",
        };
        return Err(Diag::alert(span, format!("{place}: {why}")));
    }
    let word = |text: &String| Word {
        text: text.as_bytes().to_vec(),
        span,
    };
    let line = Line {
        words: options_of_line.iter().map(word).collect(),
        modifier: Modifier::Plain,
        starts_section: false,
        span,
    };
    let said = options(site, &mut Words::new(&line), span, place)?;
    Ok(Some(CrtLine {
        file,
        filters: filters.iter().map(|word| word.as_str().into()).collect(),
        ..said
    }))
}

/// Options of a line of its own, in the order of the text.
pub(super) fn options(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    span: Span,
    place: &str,
) -> Result<CrtLine, Diag> {
    let mut own = BindDraft::new("", span);
    let mut load = LoadDraft::default();
    let mut has_settings = false;
    let before = |diag: Diag| Diag {
        message: format!("{place}: {}", diag.message),
        ..diag
    };
    while let Some(name) = words.text()? {
        if crt_store::option(site, &mut load, name, words).map_err(before)? {
            continue;
        }
        let option = registry::bind_option(name).filter(|_| ALLOWED.contains(&name));
        let Some(option) = option else {
            let text = match WAITING.contains(&name) {
                true => format!("{place}: '{name}' is not supported yet"),
                false => format!("{place}: unknown ssl keyword {name}"),
            };
            return Err(Diag::alert(words.last(), text));
        };
        if words.left() < usize::from(option.args) {
            let text = format!("{place}: ssl args out of '[]' for {name}");
            return Err(Diag::alert(words.last(), text));
        }
        has_settings = true;
        (option.apply)(site, &mut own, words).map_err(before)?;
    }
    let file = load.crt.take().map(|(_, file)| file);
    let nothing = Named {
        name: String::new(),
        span,
    };
    Ok(CrtLine {
        number: 0,
        file: file.unwrap_or(nothing),
        load: (load != LoadDraft::default()).then(|| Box::new(load)),
        settings: has_settings.then(|| Box::new(mem::take(&mut own.ssl.settings))),
        filters: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
