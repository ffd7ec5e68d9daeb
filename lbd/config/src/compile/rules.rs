//! ACLs and rulesets of a proxy, those of its defaults section first.
//!
//! Actions are `lbd_rules::action`'s.

use lbd_core::{Checkpoint, Diag, ProxyId};
use lbd_rules::acl::AclTable;
use lbd_rules::action::{self, parse_redirect, parse_rule};
use lbd_rules::program::{Program, Step};

use super::context::{At, Compiler, as_words};
use crate::config::Rules;
use crate::draft::{ProxyDraft, RuleDraft, Ruleset};

/// Steps of all rulesets.
#[derive(Default)]
struct Steps {
    tcp_connection: Vec<Step>,
    tcp_session: Vec<Step>,
    tcp_content: Vec<Step>,
    tcp_response: Vec<Step>,
    http_request: Vec<Step>,
    http_response: Vec<Step>,
    http_after_response: Vec<Step>,
}

impl Compiler<'_> {
    /// The ACLs of a section's own lines.
    pub(super) fn acls(&mut self, id: Option<ProxyId>, proxy: &ProxyDraft) -> AclTable {
        let table = AclTable::new();
        // `acl()` of a line names those of the lines before.
        let at = At {
            proxy: id,
            acls: &table,
            checkpoint: Checkpoint::FeHrqHdr,
        };
        for line in &proxy.acls {
            let words = as_words(&line.words);
            let added = self.build(at, line.span, |ctx| table.add(&words, ctx));
            if added.is_none()
                && let Some(name) = words.first()
            {
                self.failed_acls.insert(name.lossy().into_owned());
            }
        }
        table
    }

    /// All rulesets of a proxy.
    pub(super) fn rules(&mut self, id: ProxyId, proxy: &ProxyDraft, acls: &AclTable) -> Rules {
        let mut steps = Steps::default();
        // A `listen` section is its own backend: there its facts are known from the beginning.
        let is_back = proxy.is_back();
        if let Some(defaults) = proxy.from.and_then(|from| self.draft.defaults.get(from)) {
            let inherited = self.acls(Some(id), defaults);
            self.steps(Some(id), is_back, &defaults.rules, &inherited, &mut steps);
        }
        self.steps(Some(id), is_back, &proxy.rules, acls, &mut steps);
        let program = |steps: Vec<Step>| Program {
            steps: steps.into_boxed_slice(),
        };
        Rules {
            tcp_connection: program(steps.tcp_connection),
            tcp_session: program(steps.tcp_session),
            tcp_content: program(steps.tcp_content),
            inspect_delay: proxy.settings.inspect_delay,
            http_request: program(steps.http_request),
            tcp_response: program(steps.tcp_response),
            response_inspect_delay: proxy.settings.response_inspect_delay,
            http_response: program(steps.http_response),
            http_after_response: program(steps.http_after_response),
        }
    }

    /// Compiles the rules of named defaults that no proxy takes, for their faults.
    pub(super) fn unused_defaults(&mut self) {
        for (at, defaults) in self.draft.defaults.iter().enumerate() {
            let is_used = self
                .draft
                .proxies
                .iter()
                .any(|proxy| proxy.from == Some(at));
            if !is_used && !defaults.rules.is_empty() {
                let acls = self.acls(None, defaults);
                self.steps(None, false, &defaults.rules, &acls, &mut Steps::default());
            }
        }
    }

    fn steps(
        &mut self,
        id: Option<ProxyId>,
        is_back: bool,
        rules: &[RuleDraft],
        acls: &AclTable,
        steps: &mut Steps,
    ) {
        let http = |steps: &Steps| {
            [
                steps.http_request.len(),
                steps.http_response.len(),
                steps.http_after_response.len(),
            ]
        };
        let own = http(steps);
        // `redirect` lines run behind all `http-request` rules, as in the reference.
        let (redirects, others): (Vec<_>, Vec<_>) = rules
            .iter()
            .partition(|rule| rule.ruleset == Ruleset::Redirect);
        for rule in others.into_iter().chain(redirects) {
            let (ruleset, list) = match rule.ruleset {
                Ruleset::TcpConnection => {
                    (action::Ruleset::TcpConnection, &mut steps.tcp_connection)
                }
                Ruleset::TcpSession => (action::Ruleset::TcpSession, &mut steps.tcp_session),
                Ruleset::TcpContent => (action::Ruleset::TcpContent, &mut steps.tcp_content),
                Ruleset::TcpResponse => (action::Ruleset::TcpResponse, &mut steps.tcp_response),
                Ruleset::HttpRequest | Ruleset::Redirect => {
                    (action::Ruleset::HttpRequest, &mut steps.http_request)
                }
                Ruleset::HttpResponse => (action::Ruleset::HttpResponse, &mut steps.http_response),
                Ruleset::HttpAfterResponse => (
                    action::Ruleset::HttpAfterResponse,
                    &mut steps.http_after_response,
                ),
            };
            let at = At {
                proxy: id,
                acls,
                checkpoint: ruleset.checkpoint(is_back),
            };
            let sentence = &rule.sentence;
            let words = as_words(&sentence.words);
            let is_redirect = rule.ruleset == Ruleset::Redirect;
            let step = self.build(at, sentence.span, |ctx| match is_redirect {
                true => {
                    let name = lbd_rules::word::Word::new("redirect", sentence.span);
                    parse_redirect(name, &words, ctx)
                }
                false => parse_rule(ruleset, &words, ctx),
            });
            let first = match rule.ruleset {
                Ruleset::HttpRequest => own[0],
                Ruleset::HttpResponse => own[1],
                Ruleset::HttpAfterResponse => own[2],
                _ => usize::MAX,
            };
            let previous = list.last().filter(|_| list.len() > first);
            if previous.is_some_and(|step| step.is_final && step.cond.is_none()) {
                self.fault(Diag::warning(
                    sentence.span,
                    format!(
                        "previous '{}' action is final and has no condition attached, further \
                         entries are NOOP.",
                        rule.ruleset.name()
                    ),
                ));
            }
            list.extend(step);
        }
    }
}
