//! Health checks of a backend: rules to a script.
//!
//! `expect` and what is HTTP only have files of their own: [`super::check_expect`],
//! [`super::check_http`]. Running is `lbd_backend::check`'s.

use std::sync::Arc;

use lbd_backend::check::{
    Connect, Kind, MysqlVersion, Pattern, Proto, Script, Send, Step, connect_script, ldap_script,
    mysql_script, pgsql_script, redis_script, smtp_script, spop_script, ssl_hello_script,
};
use lbd_core::{Checkpoint, Diag, ProxyId, Span};
use lbd_rules::acl::AclTable;
use lbd_rules::expr::Expr;
use lbd_rules::logformat::{Flags, LogFormat};
use lbd_rules::var::{Scope, Var};

use super::context::{At, Compiler, as_words, said};
use crate::config::{CheckSpec, CheckToken, ExternalCheck};
use crate::draft::{CheckDraft, CheckKind, ProxyDraft, Sentence};
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
        let kind = draft.kind.as_ref().filter(|_| proxy.is_back());
        let (script, tokens) = self.script(at, draft, kind.map(|(kind, _)| kind));
        self.unused_rules(draft, at);
        let external = match kind {
            Some((CheckKind::External, _)) => self.external(proxy),
            _ => {
                self.unused_program(proxy);
                None
            }
        };
        CheckSpec {
            script: Arc::new(script.with_disable_on_404(draft.disable_on_404)),
            tokens: Arc::new(tokens),
            disable_on_404: draft.disable_on_404,
            send_state: draft.send_state,
            external,
        }
    }

    /// The steps of a check of this kind, and what they refer to by number.
    pub(super) fn script(
        &mut self,
        at: At<'_>,
        draft: &CheckDraft,
        kind: Option<&CheckKind>,
    ) -> (Script, Vec<CheckToken>) {
        let mut builder = Builder {
            at,
            tokens: Vec::new(),
            is_http: false,
            keyword: "tcp-check",
        };
        let script = match kind {
            None | Some(CheckKind::External) => connect_script(),
            Some(CheckKind::Http { .. }) => self.http_script(draft, &mut builder),
            Some(CheckKind::Tcp) if draft.tcp.is_empty() => connect_script(),
            Some(CheckKind::Tcp) => {
                let steps = self.steps_of(&mut builder, &draft.tcp);
                Script::new(Kind::Tcp, steps)
            }
            Some(CheckKind::Ldap) => ldap_script(),
            Some(CheckKind::Redis) => redis_script(),
            Some(CheckKind::Spop) => {
                // Behind the length there is the rest of a buffer.
                let size = self.draft.global.value.tune.bufsize.saturating_sub(4);
                spop_script(number(size))
            }
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
        (script, builder.tokens)
    }

    /// The program that checks, with what it needs.
    fn external(&mut self, proxy: &ProxyDraft) -> Option<ExternalCheck> {
        let title = format!("Proxy '{}' : ", proxy.name);
        let global = &self.draft.global.value;
        let (is_allowed, may_fork) = (global.external_check, global.insecure_fork);
        let at = proxy.settings.check.kind.as_ref().map(|(_, span)| *span);
        if !is_allowed {
            let message = format!(
                "{title}'option external-check' unable to find required 'global.external-check'."
            );
            let diag = Diag::alert(at, message);
            self.fault(diag.hint("Say 'external-check' in the global section."));
        }
        if !may_fork && !self.environment.host().may_fork() {
            let message = format!(
                "{title}'insecure-fork-wanted' not enabled in the global section, 'option \
                 external-check' will likely fail."
            );
            self.fault(Diag::warning(at, message));
        }
        let Some(command) = &proxy.settings.check.command else {
            let message = format!(
                "{title}'option external-check' unable to find required 'external-check command'."
            );
            self.fault(Diag::alert(at, message));
            return None;
        };
        Some(ExternalCheck {
            command: command.as_str().into(),
            path: proxy.settings.check.path.as_deref().map(Into::into),
        })
    }

    fn unused_program(&mut self, proxy: &ProxyDraft) {
        let check = &proxy.settings.check;
        let said = [
            ("external-check command", &check.command),
            ("external-check path", &check.path),
        ];
        for (name, value) in said {
            if value.is_some() && proxy.is_back() {
                let message = format!(
                    "'{name}' will be ignored for {} (requires 'option external-check').",
                    proxy.title()
                );
                self.fault(Diag::warning(proxy.span, message));
            }
        }
    }

    /// Rules that no option asks for have faults all the same.
    pub(super) fn unused_rules(&mut self, draft: &CheckDraft, at: At<'_>) {
        let kind = draft.kind.as_ref().map(|(kind, _)| kind);
        let http = (!matches!(kind, Some(CheckKind::Http { .. }))).then_some(&draft.http);
        let tcp = (kind != Some(&CheckKind::Tcp)).then_some(&draft.tcp);
        for (rules, is_http, keyword) in [(http, true, "http-check"), (tcp, false, "tcp-check")] {
            let mut builder = Builder {
                at,
                tokens: Vec::new(),
                is_http,
                keyword,
            };
            self.steps_of(&mut builder, rules.map_or(&[], Vec::as_slice));
        }
    }

    pub(super) fn steps_of(&mut self, builder: &mut Builder<'_>, rules: &[Sentence]) -> Vec<Step> {
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
                    let name = text(word);
                    let proto = crate::directive::check::proto(&name)
                        .map_err(|said| rule.fault(word.span, &format!("'proto' : {said}")))?;
                    if builder.is_http == (proto == Proto::None) {
                        let what = format!(
                            "'proto' : invalid MUX protocol '{name}' for {}",
                            builder.keyword
                        );
                        return Err(rule.fault(word.span, &what));
                    }
                    connect.proto = Some(proto);
                }
                "ssl" => connect.ssl = true,
                "sni" => connect.sni = Some(text(rule.argument("sni", "a string")?)),
                "alpn" => {
                    let word = rule.argument("alpn", "the comma-delimited ALPN protocol suite")?;
                    let list = crate::directive::ssl::split_protocols(&text(word));
                    let list =
                        list.map_err(|said| rule.fault(word.span, &format!("'alpn' : {said}")))?;
                    connect.alpn = Some(list);
                }
                other => {
                    let what = format!(
                        "expects 'comment', 'port', 'addr', 'send-proxy', 'ssl', 'sni', 'alpn' or \
                         'via-socks4', 'linger', 'default' but got '{other}' as argument"
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
                Pattern::Token(builder.token(CheckToken::Format(format)))
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
        Ok(Step::Send(Send {
            data,
            is_hex: kind == "send-binary-lf",
            implicit: false,
            comment,
        }))
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
