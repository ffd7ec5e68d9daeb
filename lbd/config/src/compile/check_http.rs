//! HTTP checks: `option httpchk` and `http-check send` to requests.
//!
//! The other steps are in [`super::check`].

use lbd_backend::check::{Kind, Pattern, Script, Send, Step};
use lbd_core::{Diag, Span};
use lbd_rules::logformat::{Flags, LogFormat};

use super::check::{Builder, Rule, text};
use super::context::Compiler;
use crate::config::{CheckRequestSpec, CheckToken};
use crate::draft::{CheckDraft, CheckKind, Sentence};

impl Compiler<'_> {
    pub(super) fn http_script(&mut self, draft: &CheckDraft, builder: &mut Builder<'_>) -> Script {
        builder.is_http = true;
        builder.keyword = "http-check";
        self.http_order(&draft.http);
        let mut steps = self.steps_of(builder, &draft.http);
        if let Some((
            CheckKind::Http {
                method,
                uri,
                version,
                host,
            },
            span,
        )) = &draft.kind
        {
            let option = FromOption {
                method: method.as_deref(),
                uri: uri.as_deref(),
                version: version.as_deref(),
                host: host.as_deref(),
            };
            merge(builder, &mut steps, &option, &draft.http, *span);
        }
        Script::new(Kind::Http, steps)
    }

    /// As in the reference: connect, send, expect follow each other in this order.
    fn http_order(&mut self, rules: &[Sentence]) {
        let mut last: Option<&str> = None;
        for (step, rule) in rules.iter().enumerate() {
            let name = rule.words.first().map(text).unwrap_or_default();
            let fault = match (last, name.as_str()) {
                (Some(last), "send") if last != "connect" => Some((
                    "send",
                    "missing connect rule",
                    "Add 'http-check connect' before it: each request needs a connection of its \
                     own.",
                )),
                (Some(last), "expect") if last != "send" && last != "expect" => Some((
                    "expect",
                    "missing send rule",
                    "Add 'http-check send' before it.",
                )),
                (Some(last), "connect") if last != "expect" => Some((
                    "connect",
                    "missing expect rule",
                    "Add 'http-check expect' before it.",
                )),
                _ => None,
            };
            if let Some((kind, what, hint)) = fault {
                let message = format!(
                    "'http-check {kind}' : unable to add http-check {kind} rule at step {step} \
                     ({what})."
                );
                self.fault(Diag::alert(rule.span, message).hint(hint));
            }
            last = match name.as_str() {
                "send" => Some("send"),
                "expect" => Some("expect"),
                "connect" => Some("connect"),
                _ => last,
            };
        }
    }

    pub(super) fn http_send(
        &mut self,
        builder: &mut Builder<'_>,
        rule: &mut Rule<'_>,
    ) -> Result<Step, Diag> {
        let mut request = CheckRequestSpec {
            method: Vec::new(),
            uri: LogFormat::constant(b""),
            version: Vec::new(),
            headers: Vec::new(),
            body: None,
        };
        let mut comment = None;
        while let Some(word) = rule.take() {
            let option = text(word);
            match option.as_str() {
                "meth" => request.method = rule.argument("meth", "a string")?.text.clone(),
                "uri" => {
                    request.uri = LogFormat::constant(&rule.argument("uri", "a string")?.text);
                }
                "ver" => request.version = rule.argument("ver", "a string")?.text.clone(),
                "body" => {
                    let body = &rule.argument("body", "a string")?.text;
                    request.body = Some(LogFormat::constant(body));
                }
                "uri-lf" | "body-lf" => {
                    let word = rule.argument(&option, "a string")?;
                    let format = self.format(builder.at, word, Flags::HTTP, &option);
                    match option.as_str() {
                        "uri-lf" => {
                            request.uri = format.unwrap_or_else(|| LogFormat::constant(b"/"))
                        }
                        _ => request.body = format,
                    }
                }
                "hdr" => {
                    let name = rule.argument("hdr", "<name> and <value>")?;
                    let value = rule.argument("hdr", "<name> and <value>")?;
                    let format = self.format(builder.at, value, Flags::HTTP, "hdr");
                    request
                        .headers
                        .extend(format.map(|format| (name.text.clone(), format)));
                }
                "comment" => comment = Some(text(rule.argument("comment", "a string")?)),
                other => {
                    let what = format!(
                        "expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or \
                         'body-lf' but got '{other}' as argument"
                    );
                    return Err(rule.fault(word.span, &what));
                }
            }
        }
        let data = Pattern::Token(builder.token(CheckToken::Request(Box::new(request))));
        Ok(Step::Send(Send {
            data,
            is_hex: false,
            implicit: false,
            comment,
        }))
    }
}

/// What `option httpchk` says of the request.
struct FromOption<'a> {
    method: Option<&'a str>,
    uri: Option<&'a str>,
    version: Option<&'a str>,
    host: Option<&'a str>,
}

/// Joins the option's request with that of the first `send`: what the later line says wins.
fn merge(
    builder: &mut Builder<'_>,
    steps: &mut Vec<Step>,
    option: &FromOption<'_>,
    rules: &[Sentence],
    span: Span,
) {
    let first_send = rules
        .iter()
        .find(|rule| rule.words.first().is_some_and(|word| word == "send"));
    let option_wins = first_send.is_some_and(|rule| span > rule.span);
    let token = steps.iter().find_map(|step| match step {
        Step::Send(Send {
            data: Pattern::Token(token),
            ..
        }) => Some(*token),
        _ => None,
    });
    let token = token.unwrap_or_else(|| {
        let request = CheckRequestSpec {
            method: Vec::new(),
            uri: LogFormat::constant(b""),
            version: Vec::new(),
            headers: Vec::new(),
            body: None,
        };
        let token = builder.token(CheckToken::Request(Box::new(request)));
        let send = Send {
            data: Pattern::Token(token),
            is_hex: false,
            implicit: true,
            comment: None,
        };
        steps.insert(0, Step::Send(send));
        token
    });
    let index = usize::try_from(token).unwrap_or(usize::MAX);
    let Some(CheckToken::Request(request)) = builder.tokens.get_mut(index) else {
        return;
    };
    if let Some(method) = option.method
        && (request.method.is_empty() || option_wins)
    {
        request.method = method.as_bytes().to_vec();
    }
    if let Some(uri) = option.uri
        && (request.uri.is_empty() || option_wins)
    {
        request.uri = LogFormat::constant(uri.as_bytes());
    }
    if let Some(version) = option.version
        && (request.version.is_empty() || option_wins)
    {
        request.version = version.as_bytes().to_vec();
    }
    if let Some(host) = option.host
        && (request.headers.is_empty() || option_wins)
    {
        request.headers = vec![(b"Host".to_vec(), LogFormat::constant(host.as_bytes()))];
    }
    finish(builder);
}

/// Gives every request the reference's method, URI and version where nothing is said.
fn finish(builder: &mut Builder<'_>) {
    for token in &mut builder.tokens {
        let CheckToken::Request(request) = token else {
            continue;
        };
        if request.method.is_empty() {
            request.method = b"OPTIONS".to_vec();
        }
        if request.uri.is_empty() {
            request.uri = LogFormat::constant(b"/");
        }
        if request.version.is_empty() {
            request.version = b"HTTP/1.0".to_vec();
        }
    }
}
