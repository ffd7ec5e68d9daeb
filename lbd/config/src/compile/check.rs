//! Health checks of a backend: rules to a script.
//!
//! `expect` has a file of its own: [`super::check_expect`]. Running is `lbd_backend::check`'s.

use std::sync::Arc;

use lbd_backend::check::{
    Connect, Kind, MysqlVersion, Pattern, Script, Send, Step, connect_script, ldap_script,
    mysql_script, pgsql_script, redis_script, smtp_script, ssl_hello_script,
};
use lbd_core::{Checkpoint, Diag, ProxyId, Span};
use lbd_rules::acl::AclTable;
use lbd_rules::expr::Expr;
use lbd_rules::logformat::{Flags, LogFormat};
use lbd_rules::var::{Scope, Var};

use super::context::{At, Compiler, as_words, said};
use crate::config::{CheckRequestSpec, CheckSpec, CheckToken};
use crate::draft::{CheckKind, ProxyDraft, Sentence};
use crate::lex::Word;
use crate::resolve::number;

/// A script while it is built.
pub(super) struct Builder<'a> {
    pub(super) at: At<'a>,
    pub(super) tokens: Vec<CheckToken>,
    pub(super) is_http: bool,
    /// `http-check` or `tcp-check`.
    pub(super) keyword: &'static str,
}

impl Builder<'_> {
    /// The number by which a script calls for a token.
    pub(super) fn token(&mut self, token: CheckToken) -> u32 {
        self.tokens.push(token);
        number(self.tokens.len() - 1)
    }
}

/// The words of a rule, taken one after the other.
pub(super) struct Rule<'a> {
    pub(super) words: &'a [Word],
    pub(super) next: usize,
    pub(super) span: Span,
    /// `'http-check send' : `.
    pub(super) title: String,
}

impl<'a> Rule<'a> {
    pub(super) fn take(&mut self) -> Option<&'a Word> {
        let word = self.words.get(self.next)?;
        self.next += 1;
        Some(word)
    }

    /// The argument of an option.
    pub(super) fn argument(&mut self, option: &str, what: &str) -> Result<&'a Word, Diag> {
        let span = self.here();
        self.take()
            .ok_or_else(|| self.fault(span, &format!("'{option}' expects {what} as argument.")))
    }

    pub(super) fn here(&self) -> Span {
        self.words
            .get(self.next)
            .or_else(|| self.words.last())
            .map_or(self.span, |word| word.span)
    }

    pub(super) fn fault(&self, span: Span, text: &str) -> Diag {
        Diag::alert(span, format!("{}{text}.", self.title).replace("..", "."))
    }
}

pub(super) fn text(word: &Word) -> String {
    String::from_utf8_lossy(&word.text).into_owned()
}

impl Compiler<'_> {
    /// The checks of a proxy's servers.
    pub(super) fn check(&mut self, id: ProxyId, proxy: &ProxyDraft, acls: &AclTable) -> CheckSpec {
        let draft = &proxy.settings.check;
        let at = At {
            proxy: Some(id),
            acls,
            checkpoint: Checkpoint::BeChkRul,
        };
        let mut builder = Builder {
            at,
            tokens: Vec::new(),
            is_http: false,
            keyword: "tcp-check",
        };
        let kind = draft.kind.as_ref().filter(|_| proxy.is_back());
        let script = match kind.map(|(kind, _)| kind) {
            None | Some(CheckKind::External) => connect_script(),
            Some(CheckKind::Http { .. }) => self.http_script(proxy, &mut builder),
            Some(CheckKind::Tcp) if draft.tcp.is_empty() => connect_script(),
            Some(CheckKind::Tcp) => {
                let steps = self.steps_of(&mut builder, &draft.tcp);
                Script::new(Kind::Tcp, steps)
            }
            Some(CheckKind::Ldap) => ldap_script(),
            Some(CheckKind::Redis) => redis_script(),
            Some(CheckKind::SslHello) => ssl_hello_script(),
            Some(CheckKind::Smtp { hello, domain }) => smtp_script(&format!("{hello} {domain}")),
            Some(CheckKind::Pgsql { user }) => pgsql_script(user),
            Some(CheckKind::Mysql { user, version }) => {
                let version = match *version {
                    "pre-41" => MysqlVersion::Pre41,
                    "post-80" => MysqlVersion::Post80,
                    _ => MysqlVersion::Post41,
                };
                mysql_script(user.as_deref().map(|user| (user, version)))
            }
        };
        CheckSpec {
            script: Arc::new(script.with_disable_on_404(draft.disable_on_404)),
            tokens: Arc::new(builder.tokens),
            disable_on_404: draft.disable_on_404,
            send_state: draft.send_state,
        }
    }

    fn http_script(&mut self, proxy: &ProxyDraft, builder: &mut Builder<'_>) -> Script {
        let draft = &proxy.settings.check;
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

    fn steps_of(&mut self, builder: &mut Builder<'_>, rules: &[Sentence]) -> Vec<Step> {
        let mut steps = Vec::new();
        for sentence in rules {
            let Some((name, rest)) = sentence.words.split_first() else {
                continue;
            };
            let name = text(name);
            let base = name.split('(').next().unwrap_or(&name);
            let mut rule = Rule {
                words: rest,
                next: 0,
                span: sentence.span,
                title: format!("'{} {base}' : ", builder.keyword),
            };
            let step = match base {
                "connect" => self.connect(builder, &mut rule),
                "comment" => rule
                    .argument("comment", "a string")
                    .map(|word| Step::Comment(text(word))),
                "expect" => self.expect(builder, &mut rule),
                "send" if builder.is_http => self.http_send(builder, &mut rule),
                "send" | "send-lf" | "send-binary" | "send-binary-lf" => {
                    self.tcp_send(builder, &mut rule, base)
                }
                _ => self.action(builder, &mut rule, &name, base),
            };
            if let Some(step) = self.diags.take(step) {
                steps.push(step);
            }
        }
        steps
    }

    fn connect(&mut self, builder: &mut Builder<'_>, rule: &mut Rule<'_>) -> Result<Step, Diag> {
        let mut connect = Connect::default();
        while let Some(word) = rule.take() {
            match text(word).as_str() {
                "default" => connect.default = true,
                "port" => self.connect_port(builder, rule, &mut connect)?,
                "addr" => {
                    let word = rule.argument("addr", "<ipv4|ipv6>")?;
                    let name = text(word);
                    let rules = crate::address::AddressRules::SOURCE;
                    let spec = crate::address::parse(&name, &rules, self.environment)
                        .map_err(|error| rule.fault(word.span, &format!("'addr' : {error}")))?;
                    connect.addr = Some(self.addresses.socket(&spec, "addr", word.span)?);
                }
                "send-proxy" => connect.send_proxy = true,
                "via-socks4" => connect.via_socks4 = true,
                "linger" => connect.linger = true,
                "comment" => connect.comment = Some(text(rule.argument("comment", "a string")?)),
                "proto" => {
                    let word = rule.argument("proto", "a MUX protocol")?;
                    let proto = text(word);
                    if !matches!(proto.as_str(), "h1" | "none") {
                        let what = format!("'proto' : '{proto}' is not supported yet");
                        return Err(rule.fault(word.span, &what));
                    }
                    connect.proto = Some(proto);
                }
                other @ ("ssl" | "sni" | "alpn") => {
                    let what = format!("'{other}' is not supported yet (TLS)");
                    return Err(rule.fault(word.span, &what));
                }
                other => {
                    let what = format!(
                        "expects 'comment', 'port', 'addr', 'send-proxy', 'via-socks4', 'linger', \
                         'proto' or 'default' but got '{other}' as argument"
                    );
                    return Err(rule.fault(word.span, &what));
                }
            }
        }
        Ok(Step::Connect(connect))
    }

    fn connect_port(
        &mut self,
        builder: &mut Builder<'_>,
        rule: &mut Rule<'_>,
        connect: &mut Connect,
    ) -> Result<(), Diag> {
        let word = rule.argument("port", "a port number or a sample expression")?;
        let name = text(word);
        if name.bytes().all(|b| b.is_ascii_digit()) {
            let port = name.parse::<u16>().ok().filter(|port| *port > 0);
            connect.port = Some(port.ok_or_else(|| {
                let what = format!(
                    "expects a valid TCP port (from range 1 to 65535) or a sample expression, got \
                     {name}"
                );
                rule.fault(word.span, &what)
            })?);
            return Ok(());
        }
        if let Some(expr) = self.expr(builder.at, word, &rule.title.clone()) {
            connect.port_token = Some(builder.token(CheckToken::Expr(expr)));
        }
        Ok(())
    }

    fn tcp_send(
        &mut self,
        builder: &mut Builder<'_>,
        rule: &mut Rule<'_>,
        kind: &str,
    ) -> Result<Step, Diag> {
        let what = match kind {
            "send-binary" => "binary string",
            _ => "string",
        };
        let word = rule.argument(kind, &format!("a {what}"))?;
        let data = match kind {
            "send" => Pattern::Bytes(word.text.clone()),
            "send-binary" => Pattern::Bytes(hex(word).map_err(|error| {
                let what = format!("'{}' invalid binary string ({error})", text(word));
                rule.fault(word.span, &what)
            })?),
            _ => {
                let format = self
                    .format(builder.at, word, Flags::NONE, kind)
                    .unwrap_or_else(|| LogFormat::constant(b""));
                Pattern::Token(builder.token(match kind {
                    "send-lf" => CheckToken::Format(format),
                    _ => CheckToken::HexFormat(format),
                }))
            }
        };
        let mut comment = None;
        while let Some(word) = rule.take() {
            match word == "comment" {
                true => comment = Some(text(rule.argument("comment", "a string")?)),
                false => {
                    let what = format!("expects 'comment' but got '{}' as argument", text(word));
                    return Err(rule.fault(word.span, &what));
                }
            }
        }
        Ok(Step::Send(Send { data, comment }))
    }

    fn http_send(&mut self, builder: &mut Builder<'_>, rule: &mut Rule<'_>) -> Result<Step, Diag> {
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
        Ok(Step::Send(Send { data, comment }))
    }

    fn action(
        &mut self,
        builder: &mut Builder<'_>,
        rule: &mut Rule<'_>,
        name: &str,
        base: &str,
    ) -> Result<Step, Diag> {
        let span = rule.span;
        let inner = name
            .strip_prefix(base)
            .and_then(|rest| rest.strip_prefix('('))
            .and_then(|rest| rest.strip_suffix(')'))
            .ok_or_else(|| rule.fault(span, "expects a variable name between parentheses"))?;
        let (scope, variable) = inner
            .split_once('.')
            .ok_or_else(|| rule.fault(span, &format!("invalid variable name '{inner}'")))?;
        let scope = match scope {
            "check" => Scope::Check,
            "proc" => Scope::Proc,
            other => {
                let what = format!("scope '{other}' is not available in checks, use 'check'");
                return Err(rule.fault(span, &what));
            }
        };
        let id = self.vars.intern(variable);
        let var = Var { scope, id };
        let words = as_words(rule.words.get(rule.next..).unwrap_or_default());
        let title = rule.title.clone();
        let token = match base {
            "unset-var" => Some(CheckToken::UnsetVar(var)),
            "set-var-fmt" => match rule.take() {
                Some(word) => self
                    .format(builder.at, word, Flags::NONE, base)
                    .map(|value| CheckToken::SetVarFormat { var, value }),
                None => return Err(rule.fault(span, "expects a log format")),
            },
            _ => self
                .build(builder.at, span, |ctx| {
                    Expr::parse_words(&words, ctx).map_err(|diag| said(diag, &title))
                })
                .map(|(value, _)| CheckToken::SetVar { var, value }),
        };
        // A fault in the value was recorded where it was found.
        let token = token.unwrap_or(CheckToken::UnsetVar(var));
        Ok(Step::Action(builder.token(token)))
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

/// Bytes of hexadecimal digits.
pub(super) fn hex(word: &Word) -> Result<Vec<u8>, &'static str> {
    let digits: Option<Vec<u8>> = word
        .text
        .iter()
        .map(|byte| {
            char::from(*byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    let digits = digits.ok_or("an hexadecimal digit is expected")?;
    if !digits.len().is_multiple_of(2) {
        return Err("an even number of hex digit is expected");
    }
    Ok(digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect())
}
