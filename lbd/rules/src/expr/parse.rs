//! The parser of sample expressions: names, arguments, the chain of types.
//!
//! Faults are worded as the reference words them, because users search for those sentences.

use lbd_core::{Diag, Span, Type};

use super::{Expr, Link, MAX_CONVERTERS, args};
use crate::arg::{self, Arg, ArgSpec, SpecFault};
use crate::cast;
use crate::registry::{BuildCtx, Fetch, find_converter, find_fetch};
use crate::unsupported::{self, Class};
use crate::word::Word;

/// Fetches of which the first of several values counts where one is wanted; of all others the
/// last (a header without occurrence number, a cookie given twice).
const FIRST_COUNTS: &[&str] = &["query", "req.body_param", "url_param", "urlp", "urlp_val"];

/// The expression at the start of `words`.
pub(super) fn words(words: &[Word<'_>], ctx: &mut BuildCtx<'_>) -> Result<(Expr, usize), Diag> {
    let Some(first) = words.first().filter(|word| !word.text.is_empty()) else {
        return Err(Diag::alert(
            words.first().map(|word| word.span),
            "missing fetch method",
        ));
    };
    let mut chain = Chain::begin(first.text, first.span, ctx)?;
    chain.converters(first.text, ctx)?;
    if chain.at < first.text.len() {
        return Err(chain.fault("missing comma after fetch keyword".to_owned()));
    }
    let mut taken = 1;
    // Converters may stand in words of their own; the first word that names none ends it.
    while let Some(next) = words.get(taken) {
        let start = next
            .text
            .iter()
            .position(|byte| *byte != b',')
            .unwrap_or(next.text.len());
        let name = name_at(&next.text[start..]);
        if name.is_empty() || find_converter(name).is_none() {
            break;
        }
        chain.text.push(b',');
        chain.text.extend_from_slice(&next.text[start..]);
        chain.span = next.span;
        chain.at = start;
        chain.converter(next.text, ctx)?;
        chain.converters(next.text, ctx)?;
        if chain.at < next.text.len() {
            return Err(chain.fault(format!("missing comma after '{name}'")));
        }
        taken += 1;
    }
    Ok((chain.end(), taken))
}

/// The longest expression at the start of `text`.
pub(super) fn prefix(
    text: &[u8],
    span: Span,
    ctx: &mut BuildCtx<'_>,
) -> Result<(Expr, usize), Diag> {
    let mut chain = Chain::begin(text, span, ctx)?;
    chain.converters(text, ctx)?;
    let at = chain.at;
    chain.text.truncate(at);
    Ok((chain.end(), at))
}

pub(crate) fn name_at(text: &[u8]) -> &str {
    let end = text
        .iter()
        .position(|byte| !args::is_name_byte(*byte))
        .unwrap_or(text.len());
    // Name bytes are ASCII.
    std::str::from_utf8(&text[..end]).unwrap_or_default()
}

struct Chain {
    text: Vec<u8>,
    span: Span,
    at: usize,
    fetch: &'static Fetch,
    eval: crate::registry::Eval,
    links: Vec<Link>,
    out: Type,
}

impl Chain {
    fn begin(text: &[u8], span: Span, ctx: &mut BuildCtx<'_>) -> Result<Self, Diag> {
        let name = name_at(text);
        if name.is_empty() {
            let message = match text {
                [] => "missing fetch method".to_owned(),
                _ => format!(
                    "missing fetch method before '{}'",
                    String::from_utf8_lossy(text)
                ),
            };
            return Err(Diag::alert(span, message));
        }
        let Some(fetch) = find_fetch(name) else {
            return Err(unknown(Class::Fetch, name, span));
        };
        let (found, after) = arguments(text, name.len(), fetch.args, span, ctx)
            .map_err(|fault| fault.into_diag(span, |_| format!("fetch method '{name}' : ")))?;
        let eval = (fetch.build)(ctx, found).map_err(|error| {
            let message = format!("invalid args in fetch method '{name}' : {}", error.message);
            Diag::alert(error.span.unwrap_or(span), message)
        })?;
        let out = match fetch.out {
            Type::Same => Type::Any,
            out => out,
        };
        Ok(Self {
            text: text.to_vec(),
            span,
            at: after,
            fetch,
            eval,
            links: Vec::new(),
            out,
        })
    }

    /// Links converters for as long as a comma follows.
    fn converters(&mut self, text: &[u8], ctx: &mut BuildCtx<'_>) -> Result<(), Diag> {
        while text.get(self.at) == Some(&b',') {
            while text.get(self.at) == Some(&b',') {
                self.at += 1;
            }
            if self.at == text.len() {
                return Ok(());
            }
            self.converter(text, ctx)?;
        }
        Ok(())
    }

    fn converter(&mut self, text: &[u8], ctx: &mut BuildCtx<'_>) -> Result<(), Diag> {
        let span = self.span;
        let name = name_at(&text[self.at..]);
        let Some(converter) = find_converter(name) else {
            return Err(unknown(Class::Converter, name, span));
        };
        if self.links.len() >= MAX_CONVERTERS {
            return Err(self.fault(format!("more than {MAX_CONVERTERS} converters")));
        }
        if !cast::exists(self.out, converter.from) {
            return Err(self.fault(format!("converter '{name}' cannot be applied")));
        }
        let (found, after) = arguments(text, self.at + name.len(), converter.args, span, ctx)
            .map_err(|fault| {
                fault.into_diag(span, |at| {
                    format!("invalid arg {at} in converter '{name}' : ")
                })
            })?;
        let convert = (converter.build)(ctx, found).map_err(|error| {
            let message = format!("invalid args in converter '{name}' : {}", error.message);
            Diag::alert(error.span.unwrap_or(span), message)
        })?;
        self.out = match converter.to {
            Type::Same if converter.from == Type::Any => self.out,
            Type::Same => converter.from,
            to => to,
        };
        self.links.push(Link {
            name: converter.name,
            from: converter.from,
            convert,
        });
        self.at = after;
        Ok(())
    }

    fn fault(&self, message: String) -> Diag {
        Diag::alert(self.span, message)
    }

    fn end(self) -> Expr {
        Expr {
            text: self.text.into(),
            takes_first: FIRST_COUNTS.contains(&self.fetch.name),
            reads_head: super::place::reads_head(self.fetch),
            fetch: self.fetch,
            eval: self.eval,
            links: self.links.into(),
            out: self.out,
        }
    }
}

fn unknown(class: Class, name: &str, span: Span) -> Diag {
    let what = match class {
        Class::Fetch => "fetch method",
        Class::Converter => "converter",
        Class::Acl => "ACL keyword",
    };
    match unsupported::find(class, name) {
        Some(why) => Diag::alert(span, format!("{what} '{name}' is not supported yet"))
            .hint(format!("It needs {}.", why.reason)),
        None => {
            let diag = Diag::alert(span, format!("unknown {what} '{name}'"));
            match crate::registry::nearest(class, name) {
                Some(near) => diag.hint(format!("Did you mean '{near}'?")),
                None => diag,
            }
        }
    }
}

/// A fault in arguments: with the position for the usual prefix, or a sentence of its own.
enum ArgFault {
    At(usize, String),
    Alone(String),
}

impl ArgFault {
    fn into_diag(self, span: Span, prefix: impl FnOnce(usize) -> String) -> Diag {
        match self {
            Self::At(at, message) => Diag::alert(span, prefix(at) + &message),
            Self::Alone(message) => Diag::alert(span, message),
        }
    }
}

/// Reads `(…)` at `at` for these specs; returns typed arguments and where they end.
fn arguments(
    text: &[u8],
    at: usize,
    specs: &[ArgSpec],
    _span: Span,
    ctx: &mut BuildCtx<'_>,
) -> Result<(Vec<Arg>, usize), ArgFault> {
    let wanted = specs.iter().filter(|spec| !spec.optional).count();
    let has_parens = text.get(at) == Some(&b'(');
    let mut pos = at + usize::from(has_parens);
    // Without parentheses one empty argument is read, as the reference does.
    let body = |pos: usize| if has_parens { &text[pos..] } else { &[] };
    let keyword = name_before(text, at);
    let mut found = Vec::with_capacity(specs.len());
    let is_empty = !has_parens || text.get(pos) == Some(&b')');
    if !(is_empty && wanted == 0) {
        for (number, spec) in specs.iter().enumerate() {
            let (word, read) = args::word(body(pos))
                .ok_or_else(|| ArgFault::At(number + 1, "unterminated quote".to_owned()))?;
            pos += read;
            let typed = arg::parse(*spec, &word, number + 1, ctx).map_err(|fault| match fault {
                SpecFault::Text(message) => ArgFault::At(number + 1, message),
                SpecFault::Name(message) => ArgFault::Alone(format!(
                    "{message} referenced in arg {} of sample fetch keyword '{keyword}'",
                    number + 1
                )),
                SpecFault::Capability(what) => ArgFault::Alone(format!(
                    "this proxy, referenced in arg {} of sample fetch keyword '{keyword}', has \
                     not {what} capability",
                    number + 1
                )),
            })?;
            found.push(typed);
            if body(pos).first() != Some(&b',') || number + 1 == specs.len() {
                break;
            }
            pos += 1;
        }
    }
    if found.len() < wanted {
        let message = format!(
            "missing arguments (got {}/{wanted}), type '{}' expected",
            found.len(),
            specs
                .get(found.len())
                .map_or("string", |spec| spec.kind.name())
        );
        return Err(ArgFault::At(found.len() + 1, message));
    }
    if !has_parens {
        return Ok((found, at));
    }
    match text.get(pos) {
        Some(b')') => Ok((found, pos + 1)),
        None => Err(ArgFault::At(found.len().max(1), "expected ')'".to_owned())),
        Some(_) => {
            let rest = String::from_utf8_lossy(&text[pos..]);
            Err(ArgFault::At(
                found.len().max(1),
                format!("expected ')' before '{rest}'"),
            ))
        }
    }
}

fn name_before(text: &[u8], at: usize) -> String {
    let start = text[..at]
        .iter()
        .rposition(|byte| !args::is_name_byte(*byte))
        .map_or(0, |p| p + 1);
    String::from_utf8_lossy(&text[start..at]).into_owned()
}
