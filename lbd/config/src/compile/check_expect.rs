//! `expect` of checks: what an answer is tested for, and what is told of the outcome.
//!
//! The other rules are in [`super::check`].

use lbd_backend::check::{
    CodeSource, Expect, HeaderExpect, Match, Matcher, Pattern, Step, Text, TextMatch,
};
use lbd_backend::health::CheckStatus;
use lbd_core::Diag;
use lbd_rules::logformat::{Flags, LogFormat};
use lbd_rules::regex::Regex;

use super::check::{Builder, Rule, hex, text};
use super::context::Compiler;
use crate::config::CheckToken;
use crate::lex::Word;

/// Answers that are not HTTP.
const TCP_PATTERNS: &[&str] = &[
    "binary",
    "rbinary",
    "binary-lf",
    "string",
    "rstring",
    "string-lf",
];
/// HTTP answers.
const HTTP_PATTERNS: &[&str] = &[
    "string",
    "rstring",
    "string-lf",
    "status",
    "rstatus",
    "hdr",
    "fhdr",
];

impl Compiler<'_> {
    /// `expect …`.
    pub(super) fn expect(
        &mut self,
        builder: &mut Builder<'_>,
        rule: &mut Rule<'_>,
    ) -> Result<Step, Diag> {
        if rule.words.is_empty() {
            return Err(rule.fault(
                rule.span,
                "expects at least a matching pattern as arguments",
            ));
        }
        let mut negate = false;
        let mut what = None;
        let mut expect = Expect::new(Match::String(Pattern::Bytes(Vec::new())));
        while let Some(word) = rule.take() {
            let mut name = text(word);
            if name == "!" {
                negate = true;
                continue;
            }
            if let Some(rest) = name.strip_prefix('!') {
                negate = true;
                name = rest.to_owned();
            }
            let patterns = match builder.is_http {
                true => HTTP_PATTERNS,
                false => TCP_PATTERNS,
            };
            if patterns.contains(&name.as_str()) {
                if what.is_some() {
                    return Err(rule.fault(word.span, "only one pattern expected"));
                }
                what = Some(self.pattern(builder, rule, &name)?);
                expect.negate = negate;
            } else if negate && what.is_none() {
                return Err(rule.fault(word.span, &format!("[!] not supported with '{name}'")));
            } else if !self.expect_option(builder, rule, &name, &mut expect)? {
                return Err(unknown(builder, rule, word, &name));
            }
        }
        let Some(what) = what else {
            return Err(rule.fault(rule.span, "pattern not found"));
        };
        expect.what = what;
        Ok(Step::Expect(expect))
    }

    fn pattern(
        &mut self,
        builder: &mut Builder<'_>,
        rule: &mut Rule<'_>,
        name: &str,
    ) -> Result<Match, Diag> {
        if matches!(name, "hdr" | "fhdr") {
            return self
                .header(builder, rule, name == "fhdr")
                .map(Match::Header);
        }
        let word = rule.argument(name, "a <pattern>")?;
        Ok(match name {
            "string" => Match::String(Pattern::Bytes(word.text.clone())),
            "binary" => Match::Binary(Pattern::Bytes(hex(word).map_err(|error| {
                rule.fault(word.span, &format!("invalid binary string ({error})"))
            })?)),
            "rstring" => Match::Regex(matcher(rule, word)?),
            "rbinary" => Match::BinaryRegex(matcher(rule, word)?),
            "rstatus" => Match::StatusRegex(matcher(rule, word)?),
            "status" => Match::Status(statuses(rule, word)?),
            _ => {
                let format = self
                    .format(builder.at, word, Flags::NONE, name)
                    .unwrap_or_else(|| LogFormat::constant(b""));
                let token = Pattern::Token(builder.token(CheckToken::Format(format)));
                match name {
                    "binary-lf" => Match::Binary(token),
                    _ => Match::String(token),
                }
            }
        })
    }

    /// `hdr { name | name-lf } [-m <method>] <name> [{ value | value-lf } [-m <method>] <value>]`.
    fn header(
        &mut self,
        builder: &mut Builder<'_>,
        rule: &mut Rule<'_>,
        full: bool,
    ) -> Result<HeaderExpect, Diag> {
        let here = rule.here();
        let is_format = match rule.take() {
            Some(word) if word == "name" => false,
            Some(word) if word == "name-lf" => true,
            _ => {
                let what = format!(
                    "'{}' expects at the name keyword as first argument followed by a pattern",
                    if full { "fhdr" } else { "hdr" }
                );
                return Err(rule.fault(here, &what));
            }
        };
        let name = self.text_match(builder, rule, is_format, true)?;
        let value = match rule.words.get(rule.next) {
            Some(word) if word == "value" || word == "value-lf" => {
                let is_format = word == "value-lf";
                rule.next += 1;
                Some(self.text_match(builder, rule, is_format, false)?)
            }
            _ => None,
        };
        Ok(HeaderExpect { name, value, full })
    }

    fn text_match(
        &mut self,
        builder: &mut Builder<'_>,
        rule: &mut Rule<'_>,
        is_format: bool,
        is_name: bool,
    ) -> Result<TextMatch, Diag> {
        let mut method = "str".to_owned();
        if rule.words.get(rule.next).is_some_and(|word| word == "-m") {
            rule.next += 1;
            let word = rule.argument(
                "-m",
                "at a matching pattern ('str', 'beg', 'end', 'sub' or 'reg')",
            )?;
            method = text(word);
            if !matches!(method.as_str(), "str" | "beg" | "end" | "sub" | "reg") {
                let what = format!(
                    "'-m' only supports 'str', 'beg', 'end', 'sub' or 'reg' (got '{method}')"
                );
                return Err(rule.fault(word.span, &what));
            }
            if method == "reg" && is_format {
                let what = "log-format string is not supported with a regex matching method";
                return Err(rule.fault(word.span, what));
            }
        }
        let word = rule.argument("hdr", "a pattern")?;
        if method == "reg" {
            return matcher_of(rule, word, is_name).map(TextMatch::Regex);
        }
        let pattern = match is_format {
            true => {
                let format = self
                    .format(builder.at, word, Flags::NONE, "hdr")
                    .unwrap_or_else(|| LogFormat::constant(b""));
                Pattern::Token(builder.token(CheckToken::Format(format)))
            }
            false if is_name => Pattern::Bytes(word.text.to_ascii_lowercase()),
            false => Pattern::Bytes(word.text.clone()),
        };
        Ok(match method.as_str() {
            "beg" => TextMatch::Begin(pattern),
            "end" => TextMatch::End(pattern),
            "sub" => TextMatch::Sub(pattern),
            _ => TextMatch::Exact(pattern),
        })
    }

    /// Whether the word is an option, which was then read.
    fn expect_option(
        &mut self,
        builder: &mut Builder<'_>,
        rule: &mut Rule<'_>,
        name: &str,
        expect: &mut Expect,
    ) -> Result<bool, Diag> {
        match name {
            "min-recv" if builder.is_http || builder.keyword == "tcp-check" => {
                let word = rule.argument(name, "a integer")?;
                let n = text(word).parse::<i64>().ok();
                let Some(n) = n.filter(|n| (-1..=i64::from(i32::MAX)).contains(n)) else {
                    let what = "'min-recv' expects -1 or an integer from 0 to INT_MAX";
                    return Err(rule.fault(word.span, what));
                };
                expect.min_recv = u32::try_from(n).ok();
            }
            "comment" => expect.comment = Some(text(rule.argument(name, "a string")?)),
            "ok-status" => {
                expect.ok_status = Some(status(rule, name, &["L4OK", "L6OK", "L7OK", "L7OKC"])?);
            }
            "error-status" => {
                let known = &["L4CON", "L6RSP", "L7RSP", "L7STS"];
                expect.error_status = Some(status(rule, name, known)?);
            }
            "tout-status" => {
                expect.tout_status = Some(status(rule, name, &["L4TOUT", "L6TOUT", "L7TOUT"])?);
            }
            "on-success" | "on-error" => {
                let word = rule.argument(name, "a string")?;
                let format = self.format(builder.at, word, Flags::NONE, name);
                let told = format.map(|format| match format.is_constant() {
                    true => Text::Literal(text(word)),
                    false => Text::Token(builder.token(CheckToken::Format(format))),
                });
                match name {
                    "on-success" => expect.on_success = told,
                    _ => expect.on_error = told,
                }
            }
            "status-code" => {
                let word = rule.argument(name, "an expression")?;
                if let Some(expr) = self.expr(builder.at, word, &rule.title.clone()) {
                    let token = builder.token(CheckToken::Expr(expr));
                    expect.status_code = Some(CodeSource::Token(token));
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn unknown(builder: &Builder<'_>, rule: &Rule<'_>, word: &Word, name: &str) -> Diag {
    match builder.is_http {
        true => {
            let diag = rule.fault(
                word.span,
                &format!(
                    "'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', \
                     '[!]status', '[!]rstatus', [!]hdr, [!]fhdr or comment but got '{name}' as \
                     argument"
                ),
            );
            match name {
                "body" => {
                    diag.hint("To look into the body write 'string <text>' or 'rstring <regex>'.")
                }
                _ => diag.hint(crate::suggest::hint(name, HTTP_PATTERNS.iter().copied())),
            }
        }
        false => rule
            .fault(
                word.span,
                &format!(
                    "'only supports min-recv, '[!]binary', '[!]string', '[!]rstring', \
                     '[!]string-lf' or comment but got '{name}' as argument"
                ),
            )
            .hint(crate::suggest::hint(name, TCP_PATTERNS.iter().copied())),
    }
}

fn matcher(rule: &Rule<'_>, word: &Word) -> Result<Matcher, Diag> {
    matcher_of(rule, word, false)
}

/// A regular expression; names of fields match whatever their case.
fn matcher_of(rule: &Rule<'_>, word: &Word, ignore_case: bool) -> Result<Matcher, Diag> {
    let regex =
        Regex::new(&word.text, ignore_case).map_err(|error| rule.fault(word.span, &error))?;
    Ok(Matcher::new(move |text| regex.is_match(text)))
}

fn status(
    rule: &mut Rule<'_>,
    option: &str,
    known: &'static [&'static str],
) -> Result<CheckStatus, Diag> {
    let word = rule.argument(option, "a string")?;
    let name = text(word);
    let status = CheckStatus::parse(&name).filter(|_| known.contains(&name.as_str()));
    status.ok_or_else(|| {
        let list = known
            .iter()
            .map(|name| format!("'{name}'"))
            .collect::<Vec<_>>()
            .join(", ");
        rule.fault(
            word.span,
            &format!("'{option}' only supports {list} status (got '{name}')"),
        )
    })
}

/// `200,210-219`.
fn statuses(rule: &Rule<'_>, word: &Word) -> Result<Vec<(u16, u16)>, Diag> {
    let list = text(word);
    list.split(',')
        .map(|range| {
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            let pair = low.parse::<u16>().ok().zip(high.parse::<u16>().ok());
            pair.filter(|(low, high)| low <= high).ok_or_else(|| {
                rule.fault(
                    word.span,
                    &format!("invalid range of status codes '{list}'"),
                )
            })
        })
        .collect()
}
