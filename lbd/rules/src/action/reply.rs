//! Actions that answer: return, deny, tarpit, auth.
//!
//! What an answer says is in the crate's `reply`.

use lbd_core::Diag;

use super::{ActionSpec, Built, Form, Rule, Ruleset, Rulesets, edit};
use crate::fetch::request::basic;
use crate::program::{Act, Ctx, Verdict};
use crate::registry::Example;
use crate::reply::ReplySpec;
use crate::word::Word;

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "auth",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Asks for a user and a password: 401 with the realm, which is the proxy's name \
              unless given (manual 4.3).",
        examples: &[
            Example::Ok("auth realm Staff"),
            Example::Fail("auth realm", "missing realm value"),
        ],
        build: auth,
    },
    ActionSpec {
        name: "deny",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_MESSAGES,
        is_listed: true,
        doc: "Ends with the proxy's answer to a status (403 for requests, 502 for responses) or \
              a given one (manual 4.3).",
        examples: &[
            Example::Ok("deny"),
            Example::Ok("deny deny_status 429"),
            Example::Ok("deny status 429 content-type text/plain string slow"),
            Example::Fail("deny deny_status 99", "Unexpected status code '99'"),
        ],
        build: deny,
    },
    ActionSpec {
        name: "return",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_MESSAGES,
        is_listed: true,
        doc: "Ends with a given answer (manual 4.3).",
        examples: &[
            Example::Ok("return status 200 content-type text/plain lf-string %[str(a)]"),
            Example::Ok("return status 204 hdr X-A b"),
            Example::Fail(
                "return status 200 string a",
                "a content type must be defined when non-empty payload is configured",
            ),
        ],
        build: |rule| {
            let (spec, taken) = ReplySpec::parse(rule.args.rest(), 200, rule.ctx)?;
            rule.args.skip(taken);
            Ok(answer(spec, Manner::Own))
        },
    },
    ActionSpec {
        name: "tarpit",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "As 'deny' with status 500, after 'timeout tarpit' (manual 4.3).",
        examples: &[Example::Ok("tarpit"), Example::Ok("tarpit deny_status 429")],
        build: deny,
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Deny,
    Own,
    Tarpit,
}

fn deny(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    let manner = if rule.name.is("tarpit") {
        Manner::Tarpit
    } else {
        Manner::Deny
    };
    let default_status = match (manner, rule.ruleset) {
        (Manner::Tarpit, _) => 500,
        (_, Ruleset::HttpRequest) => 403,
        _ => 502,
    };
    let spec = if rule.args.is_over() {
        legacy(&[], rule, default_status)?
    } else if rule.args.peek().is_some_and(|word| word.is("deny_status")) {
        let rest = rule.args.rest();
        let is_alone = rest
            .get(2)
            .is_none_or(|word| word.is("if") || word.is("unless"));
        let mut words: Vec<Word<'_>> = rest.to_vec();
        if let Some(first) = words.first_mut() {
            first.text = b"status";
        }
        if is_alone {
            let spec = legacy(words.get(..2).unwrap_or(&words), rule, default_status)?;
            rule.args.skip(2);
            spec
        } else {
            let (spec, taken) = ReplySpec::parse(&words, default_status, rule.ctx)?;
            rule.args.skip(taken);
            spec
        }
    } else {
        let (spec, taken) = ReplySpec::parse(rule.args.rest(), default_status, rule.ctx)?;
        rule.args.skip(taken);
        spec
    };
    Ok(answer(spec, manner))
}

/// Without arguments or with a status only, the proxy's own answers are meant.
fn legacy(
    status: &[Word<'_>],
    rule: &mut Rule<'_, '_>,
    default_status: u16,
) -> Result<ReplySpec, Diag> {
    let mut words = status.to_vec();
    words.push(Word::new("default-errorfiles", rule.name.span));
    ReplySpec::parse(&words, default_status, rule.ctx).map(|(spec, _)| spec)
}

fn answer(spec: ReplySpec, manner: Manner) -> Built {
    let status = spec.status();
    let is_default = spec.is_default();
    Built::new(move |ctx, _| {
        match manner {
            Manner::Deny if is_default => return Verdict::Deny { status },
            Manner::Tarpit if is_default => return Verdict::Tarpit { status },
            _ => {}
        }
        let mut reply = spec.build(&edit::view(ctx));
        reply.is_deny = manner != Manner::Own;
        reply.is_tarpit = manner == Manner::Tarpit;
        *ctx.reply = Some(Box::new(reply));
        Verdict::Reply
    })
    .last()
}

fn auth(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    let mut realm = None;
    if rule.args.take("realm") {
        let word = rule.args.value("missing realm value.")?;
        realm = Some(word.text.to_vec());
    }
    Ok(Built::new(move |ctx, _| challenge(ctx, realm.as_deref())).last())
}

/// What `stats auth` stands for: asks for a user and a password unless `is_known` knows those that
/// came.
pub fn require_account(
    realm: Vec<u8>,
    is_known: impl Fn(&[u8], &[u8]) -> bool + Send + Sync + 'static,
) -> Act {
    Box::new(move |ctx, _| {
        let view = edit::view(ctx);
        let given = view.request.and_then(|head| basic(head, &view));
        match given.is_some_and(|(user, password)| is_known(user, password)) {
            true => Verdict::Continue,
            false => challenge(ctx, Some(&realm)),
        }
    })
}

/// Answers 401, or 407 where the request came as to a proxy; the realm is the proxy's name unless
/// given.
fn challenge(ctx: &mut Ctx<'_>, realm: Option<&[u8]>) -> Verdict {
    let view = edit::view(ctx);
    let is_proxied = view.stream.is_some_and(|stream| stream.is_proxied);
    let (status, field): (_, &[u8]) = match is_proxied {
        true => (407, b"proxy-authenticate"),
        false => (401, b"www-authenticate"),
    };
    let mut reply = ReplySpec::for_status(status, &view);
    let own_name = view
        .proxy
        .map_or(&b""[..], |proxy| view.world.proxy_name(proxy).as_bytes());
    let challenge = [b"Basic realm=\"", realm.unwrap_or(own_name), b"\""].concat();
    if reply.head.set(field, &challenge).is_err() {
        return Verdict::Failed;
    }
    *ctx.reply = Some(Box::new(reply));
    Verdict::Reply
}
