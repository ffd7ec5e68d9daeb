//! One `acl` line after its name: criterion, flags, operator, patterns (manual 7.1).
//!
//! Which ACLs exist is the table's business.

use std::sync::Arc;

use lbd_core::{Diag, Span};

use super::groups::{self, Groups};
use super::{AclExpr, Test, keyword, slip};
use crate::cast;
use crate::expr::{Expr, is_name_byte, name_at};
use crate::pattern::load::set_from_file;
use crate::pattern::parse::dotted;
use crate::pattern::{MatchKind, MatchOptions, Matcher, Usage};
use crate::registry::{BuildCtx, find_converter};
use crate::word::Word;

const NO_PATTERN: &str = "no pattern to match against were provided, so this ACL will never match.
  If this is what you intended, please add '--' to get rid of this warning.
  If you intended to match only for existence, please use '-m found'.
  If you wanted to force an int to match as a bool, please use '-m bool'.";

/// Compiles a line; `label` says for the runtime API which ACL it is.
pub(super) fn line(
    words: &[Word<'_>],
    label: &str,
    span: Span,
    ctx: &mut BuildCtx<'_>,
) -> Result<AclExpr, Diag> {
    let Some(subject) = words.first().filter(|word| !word.text.is_empty()) else {
        return Err(Diag::alert(
            span,
            "missing fetch method in ACL expression ''",
        ));
    };
    let (whole, taken) = subject_words(words);
    let subject = &Word {
        text: &whole,
        ..*subject
    };
    let criterion = Criterion::parse(*subject, ctx)?;
    if words.len() == taken && !matches!(criterion.kind, Some(MatchKind::Found | MatchKind::Bool)) {
        let message = format!(
            "parsing acl keyword '{}' :\n  {NO_PATTERN}\n",
            subject.lossy()
        );
        ctx.warn(Diag::warning(subject.span, message));
    }
    let mut flags = Flags {
        kind: criterion.kind,
        options: criterion.options,
        label,
        span,
        ..Flags::default_at(span)
    };
    let patterns = flags.parse(&words[taken..], ctx)?;
    patterns.iter().for_each(|word| slip::suspect(*word, ctx));
    if criterion.is_keyword && flags.is_explicit {
        warn_of_overwrite(
            &criterion.keyword,
            criterion.kind,
            flags.kind,
            subject.span,
            ctx,
        );
    }
    if criterion.keyword.as_ref() == groups::KEYWORD {
        return group_line(criterion, flags, patterns, *subject, ctx);
    }
    let kind = flags.require_kind(&criterion, subject.span)?;
    let test = match kind {
        MatchKind::Found => Test::Found,
        MatchKind::Bool => Test::Bool,
        kind => {
            flags.inline(kind, patterns, ctx)?;
            Test::Patterns(flags.lists.into())
        }
    };
    Ok(AclExpr {
        expr: criterion.expr,
        keyword: criterion.keyword,
        test,
    })
}

/// A line of [`groups::KEYWORD`], which takes names of groups and nothing else.
fn group_line(
    criterion: Criterion,
    mut flags: Flags<'_>,
    patterns: &[Word<'_>],
    subject: Word<'_>,
    ctx: &mut BuildCtx<'_>,
) -> Result<AclExpr, Diag> {
    let is_plain = criterion.is_keyword && !flags.is_explicit && flags.lists.is_empty();
    if !is_plain || patterns.is_empty() {
        return Err(groups::none_said(subject.span));
    }
    flags.inline(MatchKind::Str, patterns, ctx)?;
    let groups = Groups::of(&criterion.expr, flags.lists.into(), patterns, ctx);
    Ok(AclExpr {
        test: Test::Groups(groups.ok_or_else(|| groups::none_said(subject.span))?),
        expr: criterion.expr,
        keyword: criterion.keyword,
    })
}

/// The text of the subject, and how many words it takes: behind a comma at a word's end the next
/// word may be a converter.
fn subject_words(words: &[Word<'_>]) -> (Vec<u8>, usize) {
    let mut whole = words
        .first()
        .map_or_else(Vec::new, |word| word.text.to_vec());
    let mut taken = 1;
    while whole.ends_with(b",")
        && let Some(next) = words.get(taken)
        && find_converter(name_at(next.text)).is_some()
    {
        whole.extend_from_slice(next.text);
        taken += 1;
    }
    (whole, taken)
}

/// The subject of a line: what is fetched, and what that implies for matching.
struct Criterion {
    expr: Expr,
    keyword: Box<str>,
    /// Whether it is an ACL keyword, whose method stands in its name.
    is_keyword: bool,
    kind: Option<MatchKind>,
    options: MatchOptions,
}

impl Criterion {
    fn parse(subject: Word<'_>, ctx: &mut BuildCtx<'_>) -> Result<Self, Diag> {
        let end = subject.text.iter().position(|byte| !is_name_byte(*byte));
        let (name, tail) = subject.text.split_at(end.unwrap_or(subject.text.len()));
        let name = String::from_utf8_lossy(name).into_owned();
        let known = keyword::find(&name);
        // An ACL keyword is the expression of its fetch with the same arguments.
        let mut text = known
            .as_ref()
            .map_or(name.as_str(), |k| k.fetch)
            .as_bytes()
            .to_vec();
        text.extend_from_slice(tail);
        let parsed = Expr::parse_prefix(&text, subject.span, ctx);
        let (expr, taken) = parsed.map_err(|mut diag| {
            diag.message = match &known {
                Some(known) => {
                    let own = format!("fetch method '{}' : ", known.fetch);
                    let rest = diag.message.strip_prefix(&own).unwrap_or(&diag.message);
                    format!("ACL keyword '{name}' : {rest}")
                }
                None => format!("{} in ACL expression '{}'", diag.message, subject.lossy()),
            };
            diag
        })?;
        if taken < text.len() {
            let message = match known {
                Some(_) => format!("ACL keyword '{name}' : missing comma after fetch keyword"),
                None => format!(
                    "missing comma after fetch keyword in ACL expression '{}'",
                    subject.lossy()
                ),
            };
            return Err(Diag::alert(subject.span, message));
        }
        let has_converters = expr.converters().next().is_some();
        let (kind, options) = match &known {
            Some(known) if !has_converters => (Some(known.kind), known.options()),
            Some(known) => {
                let kind = MatchKind::default_for(expr.out_type());
                warn_of_overwrite(&name, Some(known.kind), kind, subject.span, ctx);
                (kind, MatchOptions::default())
            }
            None => (
                MatchKind::default_for(expr.out_type()),
                MatchOptions::default(),
            ),
        };
        let is_keyword = known.is_some() && !has_converters;
        Ok(Self {
            expr,
            keyword: name.into(),
            is_keyword,
            kind,
            options,
        })
    }
}

/// A suffix such as `_beg` is lost when a converter follows or `-m` says otherwise.
fn warn_of_overwrite(
    name: &str,
    original: Option<MatchKind>,
    chosen: Option<MatchKind>,
    span: Span,
    ctx: &mut BuildCtx<'_>,
) {
    if original.is_some_and(|kind| kind != MatchKind::Str) && original != chosen {
        let message = format!(
            "original matching method '{name}' was overwritten and will not be applied as \
             expected"
        );
        ctx.warn(Diag::warning(span, message));
    }
}

/// What the flags of a line say, and the lists they load.
struct Flags<'l> {
    kind: Option<MatchKind>,
    /// Whether `-m` was given.
    is_explicit: bool,
    options: MatchOptions,
    label: &'l str,
    span: Span,
    is_map: bool,
    id: Option<u32>,
    /// Host names are no addresses (`-n`).
    forbids_names: bool,
    lists: Vec<Arc<Matcher>>,
}

impl Flags<'_> {
    fn default_at(span: Span) -> Self {
        Self {
            kind: None,
            is_explicit: false,
            options: MatchOptions::default(),
            label: "",
            span,
            is_map: false,
            id: None,
            forbids_names: false,
            lists: Vec::new(),
        }
    }

    /// Reads flags up to the first pattern; returns the patterns.
    fn parse<'w>(
        &mut self,
        words: &'w [Word<'w>],
        ctx: &mut BuildCtx<'_>,
    ) -> Result<&'w [Word<'w>], Diag> {
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            if word.is("--") {
                return Ok(after);
            }
            let takes_value = word.is("-f") || word.is("-m") || word.is("-u");
            let value = after.first().copied().unwrap_or(Word {
                text: b"",
                span: word.span,
            });
            match word.text {
                b"-i" => self.options.ignore_case = true,
                b"-n" => self.forbids_names = true,
                b"-M" => self.is_map = true,
                b"-f" => self.load(value, ctx)?,
                b"-m" => self.method(value)?,
                b"-u" => self.unique_id(value)?,
                text if text.first() == Some(&b'-') => {
                    let message = format!(
                        "'{}' is not a valid ACL option. Please use '--' before any pattern \
                         beginning with a '-'",
                        word.lossy()
                    );
                    return Err(Diag::alert(word.span, message));
                }
                _ => return Ok(rest),
            }
            rest = after.get(usize::from(takes_value)..).unwrap_or_default();
        }
        Ok(rest)
    }

    fn method(&mut self, value: Word<'_>) -> Result<(), Diag> {
        let Some(kind) = MatchKind::named(&value.lossy()) else {
            let message = format!(
                "unknown matching method '{}' when parsing ACL expression",
                value.lossy()
            );
            return Err(Diag::alert(value.span, message));
        };
        if self.is_explicit {
            let message = "only one explicit matching method can be defined with '-m' parameter. \
                           if migrating from an old version, just keep the last one";
            return Err(Diag::alert(value.span, message));
        }
        if !self.lists.is_empty() {
            let message = "'-m' must only be specified before patterns and files in parsing ACL \
                           expression";
            return Err(Diag::alert(value.span, message));
        }
        self.options.is_dotted = false;
        self.is_explicit = true;
        self.kind = Some(kind);
        Ok(())
    }

    fn unique_id(&mut self, value: Word<'_>) -> Result<(), Diag> {
        let id = cast::whole_int(value.text).and_then(|id| u32::try_from(id).ok());
        let Some(id) = id else {
            let message = "the argument of -u must be an integer";
            return Err(Diag::alert(value.span, message));
        };
        self.id = Some(id);
        Ok(())
    }

    fn load(&mut self, value: Word<'_>, ctx: &mut BuildCtx<'_>) -> Result<(), Diag> {
        let Some(kind) = self.kind else {
            let message = "matching method must be specified first (using '-m') when using a \
                           sample fetch of this type";
            return Err(Diag::alert(value.span, message));
        };
        let usage = Usage {
            what: self.label.to_owned(),
            span: Some(self.span),
        };
        let reference = value.lossy();
        let set = set_from_file(
            ctx.patterns,
            ctx.names,
            &reference,
            self.is_map,
            self.id,
            usage,
        );
        let set = set.map_err(|why| Diag::alert(value.span, why))?;
        let matcher = Matcher::new(&set, kind, self.options, None).map_err(|why| {
            Diag::alert(value.span, format!("{why} in pattern file <{reference}>"))
        })?;
        self.lists.push(matcher);
        Ok(())
    }

    fn require_kind(&self, criterion: &Criterion, span: Span) -> Result<MatchKind, Diag> {
        let Some(kind) = self.kind else {
            let message = format!(
                "matching method must be specified first (using '-m') when using a sample fetch \
                 of this type ('{}')",
                criterion.keyword
            );
            return Err(Diag::alert(span, message));
        };
        if !cast::exists(criterion.expr.out_type(), kind.input()) {
            let message = format!(
                "matching method '{}' cannot be used with fetch keyword '{}'",
                kind.name(),
                criterion.keyword
            );
            return Err(Diag::alert(span, message));
        }
        Ok(kind)
    }

    /// Makes a list of the patterns on the line itself; integers may have an operator before them.
    fn inline(
        &mut self,
        kind: MatchKind,
        patterns: &[Word<'_>],
        ctx: &mut BuildCtx<'_>,
    ) -> Result<(), Diag> {
        if patterns.is_empty() && !self.lists.is_empty() {
            return Ok(());
        }
        let usage = Usage {
            what: self.label.to_owned(),
            span: Some(self.span),
        };
        let set = ctx.patterns.add_inline(self.id, usage);
        let set = set.map_err(|why| Diag::alert(self.span, why))?;
        let mut operator = None;
        for word in patterns {
            let refused = |why| Diag::alert(word.span, why);
            if matches!(kind, MatchKind::Int | MatchKind::Len) {
                if let Some(found) = Operator::named(word.text) {
                    operator = Some(found);
                    continue;
                }
                if let Some(operator) = operator {
                    let range = operator.apply(*word, self.options.is_dotted)?;
                    set.load(0, range.as_bytes(), None).map_err(refused)?;
                    continue;
                }
            }
            let address = match kind {
                MatchKind::Ip if !self.forbids_names => host_address(word.text, ctx),
                _ => None,
            };
            let text = address.as_ref().map_or(word.text, |ip| ip.as_bytes());
            set.load(0, text, None).map_err(refused)?;
        }
        let matcher = Matcher::new(&set, kind, self.options, None).map_err(|why| {
            Diag::alert(patterns.first().map_or(self.span, |word| word.span), why)
        })?;
        self.lists.push(matcher);
        // Sets are shared by the configuration's store, which outlives the matcher.
        Ok(())
    }
}

/// The address of a host name that stands for one (7.1.6), in text.
fn host_address(text: &[u8], ctx: &BuildCtx<'_>) -> Option<String> {
    let is_name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    // The name may be looked up only when it is no address; IPv6 has colons, networks a slash.
    let is_name = text.iter().all(is_name_byte) && text.iter().any(u8::is_ascii_alphabetic);
    let name = std::str::from_utf8(text).ok().filter(|_| is_name)?;
    Some(ctx.names.host_address(name)?.to_string())
}

#[derive(Clone, Copy)]
enum Operator {
    Eq,
    Ge,
    Gt,
    Le,
    Lt,
}

impl Operator {
    fn named(text: &[u8]) -> Option<Self> {
        Some(match text {
            b"eq" => Self::Eq,
            b"ge" => Self::Ge,
            b"gt" => Self::Gt,
            b"le" => Self::Le,
            b"lt" => Self::Lt,
            _ => return None,
        })
    }

    /// The range that operator and number make, in the form of an integer pattern.
    fn apply(self, word: Word<'_>, is_dotted: bool) -> Result<String, Diag> {
        let number = if is_dotted {
            dotted(word.text)
        } else {
            cast::whole_int(word.text)
        };
        let Some(number) = number else {
            let message = match word.text.contains(&b':') {
                true => format!("'{}' : ranges cannot follow an operator", word.lossy()),
                false => {
                    format!(
                        "'{}' is neither a number nor a supported operator",
                        word.lossy()
                    )
                }
            };
            return Err(Diag::alert(word.span, message));
        };
        let shown = |number: i64| match is_dotted {
            true => format!("{}.{}", number >> 16, number & 0xffff),
            false => number.to_string(),
        };
        Ok(match self {
            Self::Eq => shown(number),
            Self::Ge => format!("{}:", shown(number)),
            Self::Gt => format!("{}:", shown(number.saturating_add(1))),
            Self::Le => format!(":{}", shown(number)),
            Self::Lt => format!(":{}", shown(number.saturating_sub(1))),
        })
    }
}
