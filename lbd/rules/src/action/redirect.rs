//! `redirect`, as an action and as a directive of its own (haproxy 3.4 configuration 4.2, 4.3).
//!
//! It does not send: the answer is in the context's reply.

use lbd_core::Diag;
use lbd_http::{Head, HeadFull, uri};

use super::{ActionSpec, Args, Built, Form, Rule, Ruleset, Rulesets, edit};
use crate::logformat::{Flags, LogFormat};
use crate::program::{Ctx, Reply, Step, Verdict};
use crate::registry::{BuildCtx, Example};
use crate::word::Word;

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[ActionSpec {
    name: "redirect",
    form: Form::Exact,
    rulesets: Rulesets::HTTP_MESSAGES,
    is_listed: true,
    doc: "Answers with a redirect: 'location' as rendered, 'prefix' before the path, 'scheme' \
          before host and path (manual 4.2).",
    examples: &[
        Example::Ok("redirect location /new code 301"),
        Example::Ok("redirect location /new keep-query ignore-empty set-cookie SEEN=1"),
        Example::Fail("redirect code 301", "redirection type expected"),
        Example::Fail(
            "redirect location / code 304",
            "unsupported HTTP code '304'",
        ),
        Example::Fail(
            "redirect elsewhere",
            "expects 'code', 'prefix', 'location', 'scheme'",
        ),
    ],
    build: |rule: &mut Rule<'_, '_>| {
        let is_response = rule.ruleset.is_response();
        let redirect = Redirect::parse(&mut rule.args, is_response, true, rule.ctx)?;
        let is_final = !redirect.ignore_empty;
        let built = Built::new(move |ctx, _| redirect.run(ctx));
        Ok(if is_final { built.last() } else { built })
    },
}];

/// The directive `redirect …` (words after it); its target is fixed text, not a format.
///
/// # Errors
/// As [`super::parse_rule`].
pub fn parse_redirect(
    name: Word<'_>,
    words: &[Word<'_>],
    ctx: &mut BuildCtx<'_>,
) -> Result<Step, Diag> {
    let mut args = Args::new(name, words);
    let redirect = Redirect::parse(&mut args, false, false, ctx)?;
    let rest = args.rest();
    let cond = super::condition(Ruleset::HttpRequest, name, rest, None, ctx)?;
    Ok(Step {
        cond,
        act: Box::new(move |ctx, _| redirect.run(ctx)),
        place: crate::facts::RulePlace {
            file: name.span.file.0,
            line: name.span.line,
        },
        is_final: true,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Location,
    Prefix,
    Scheme,
}

struct Redirect {
    kind: Kind,
    to: LogFormat,
    code: u16,
    cookie: Option<LogFormat>,
    drop_query: bool,
    keep_query: bool,
    append_slash: bool,
    ignore_empty: bool,
}

enum Cookie<'w> {
    Clear(Word<'w>),
    Format(Word<'w>),
    Set(Word<'w>),
}

impl Redirect {
    fn parse(
        args: &mut Args<'_>,
        is_response: bool,
        is_format: bool,
        ctx: &mut BuildCtx<'_>,
    ) -> Result<Self, Diag> {
        let mut target: Option<(Kind, Word<'_>)> = None;
        let mut cookie = None;
        let mut code = 302;
        let [
            mut drop_query,
            mut keep_query,
            mut append_slash,
            mut ignore_empty,
        ] = [false; 4];
        while !args.is_over() {
            let Some(word) = args.next() else { break };
            let mut value = || {
                let fault = format!("missing argument for '{}'", word.lossy());
                args.next().ok_or_else(|| Diag::alert(word.span, fault))
            };
            match word.text {
                b"location" => target = Some((Kind::Location, value()?)),
                b"prefix" => target = Some((Kind::Prefix, value()?)),
                b"scheme" => target = Some((Kind::Scheme, value()?)),
                b"set-cookie" => cookie = Some(Cookie::Set(value()?)),
                b"set-cookie-fmt" => cookie = Some(Cookie::Format(value()?)),
                b"clear-cookie" => cookie = Some(Cookie::Clear(value()?)),
                b"code" => code = status(value()?)?,
                b"drop-query" => drop_query = true,
                b"keep-query" => keep_query = true,
                b"append-slash" => append_slash = true,
                b"ignore-empty" => ignore_empty = true,
                _ => {
                    let message = format!(
                        "expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', \
                         'set-cookie-fmt', 'clear-cookie', 'drop-query', 'keep-query', \
                         'ignore-empty' or 'append-slash' (was '{}')",
                        word.lossy()
                    );
                    return Err(Diag::alert(word.span, message));
                }
            }
        }
        let Some((kind, to)) = target else {
            let message = "redirection type expected ('prefix', 'location', or 'scheme')";
            return Err(args.fault(message));
        };
        if is_response && kind != Kind::Location {
            let message = "response only supports redirect type 'location'";
            return Err(Diag::alert(to.span, message));
        }
        // The prefix "/" adds nothing, so that a site can redirect to itself.
        let to = if kind == Kind::Prefix && to.is("/") {
            LogFormat::constant(b"")
        } else if is_format {
            LogFormat::parse(to.text, to.span, Flags::HTTP_VALUE, ctx)?
        } else {
            LogFormat::constant(to.text)
        };
        let cookie = cookie.map(|cookie| cookie.compile(ctx)).transpose()?;
        Ok(Self {
            kind,
            to,
            code,
            cookie,
            drop_query,
            keep_query,
            append_slash,
            ignore_empty,
        })
    }

    fn run(&self, ctx: &mut Ctx<'_>) -> Verdict {
        let mut location = Vec::new();
        self.to.render(&edit::view(ctx), &mut location);
        if self.kind == Kind::Location && self.ignore_empty && location.is_empty() {
            return Verdict::Continue;
        }
        if let Some(head) = ctx.request.as_deref() {
            self.complete(head, &mut location);
        }
        let cookie = self.cookie.as_ref().map(|cookie| edit::text(cookie, ctx));
        match self.reply(&location, cookie) {
            Ok(head) => {
                let reply = Reply {
                    head,
                    keep_alive: true,
                    ..Reply::default()
                };
                *ctx.reply = Some(Box::new(reply));
                Verdict::Reply
            }
            Err(HeadFull) => Verdict::Failed,
        }
    }

    fn complete(&self, head: &Head, location: &mut Vec<u8>) {
        let pathq = uri::pathq(head.target());
        if self.kind == Kind::Location {
            if self.keep_query
                && let Some(query) = pathq.and_then(uri::query).filter(|query| !query.is_empty())
            {
                match location.iter().position(|byte| *byte == b'?') {
                    None => location.push(b'?'),
                    Some(at) if at + 1 == location.len() => {}
                    Some(_) => location.push(b'&'),
                }
                location.extend_from_slice(query);
            }
            return;
        }
        if self.kind == Kind::Scheme {
            location.extend_from_slice(b"://");
            location.extend_from_slice(head.first(b"host").unwrap_or_default());
        }
        let path = match pathq {
            None => b"/",
            Some(pathq) if self.drop_query => {
                pathq.split(|byte| *byte == b'?').next().unwrap_or_default()
            }
            Some(pathq) => pathq,
        };
        location.extend_from_slice(path);
        if self.append_slash && location.last().is_some_and(|last| *last != b'/') {
            location.push(b'/');
        }
    }

    fn reply(&self, location: &[u8], cookie: Option<&[u8]>) -> Result<Head, HeadFull> {
        let mut head = Head::new();
        let reason = lbd_http::status::reason(self.code).as_bytes();
        head.start_response(b"HTTP/1.1", self.code, reason)?;
        head.add(b"content-length", b"0")?;
        head.add(b"location", lbd_http::header::trim(location))?;
        if matches!(self.code, 302 | 303 | 307) {
            head.add(b"cache-control", b"no-cache")?;
        }
        if let Some(cookie) = cookie {
            head.add(b"set-cookie", lbd_http::header::trim(cookie))?;
        }
        Ok(head)
    }
}

impl Cookie<'_> {
    fn compile(self, ctx: &mut BuildCtx<'_>) -> Result<LogFormat, Diag> {
        let with = |word: Word<'_>, end: &[u8]| [word.text, end].concat();
        Ok(match self {
            Self::Clear(word) => LogFormat::constant(&with(word, b"; path=/; Max-Age=0;")),
            Self::Set(word) => LogFormat::constant(&with(word, b"; path=/;")),
            Self::Format(word) => {
                let text = with(word, b"; path=/;");
                LogFormat::parse(&text, word.span, Flags::HTTP_VALUE, ctx)?
            }
        })
    }
}

fn status(word: Word<'_>) -> Result<u16, Diag> {
    match word.text {
        b"301" => Ok(301),
        b"302" => Ok(302),
        b"303" => Ok(303),
        b"307" => Ok(307),
        b"308" => Ok(308),
        _ => Err(Diag::alert(
            word.span,
            format!(
                "'code': unsupported HTTP code '{}' (must be one of 301, 302, 303, 307 or 308)",
                word.lossy()
            ),
        )),
    }
}
