//! The statistics page of a proxy: who may see it and who may change servers by it.
//!
//! What it shows is made by the daemon.

use lbd_core::{Diag, ProxyId};
use lbd_rules::acl::AclTable;
use lbd_rules::action::{self, parse_rule, require_account};
use lbd_rules::facts::RulePlace;
use lbd_rules::program::{Program, Step};
use lbd_rules::word::Word;

use super::context::{At, Compiler, as_words};
use crate::config::{DEFAULT_STATS_REALM, DEFAULT_STATS_URI, StatsSpec};
use crate::draft::{ProxyDraft, StatsDraft};
use crate::password;

impl Compiler<'_> {
    /// The page, when the proxy has one.
    pub(super) fn stats(
        &mut self,
        id: ProxyId,
        proxy: &ProxyDraft,
        acls: &AclTable,
    ) -> Option<Box<StatsSpec>> {
        let draft = proxy.settings.stats.as_ref()?;
        let at = At {
            proxy: Some(id),
            acls,
            checkpoint: action::Ruleset::HttpRequest.checkpoint(proxy.is_back()),
        };
        let has_accounts = !draft.accounts.is_empty();
        if !draft.rules.is_empty() && (has_accounts || draft.realm.is_some()) {
            self.fault(Diag::alert(
                draft.section,
                format!(
                    "{}: stats 'auth'/'realm' and 'http-request' can't be used at the same time.",
                    proxy.title()
                ),
            ));
        }
        let steps = match has_accounts {
            true => vec![self.accounts(draft)],
            false => self.stats_rules(at, draft),
        };
        let what = "error detected while parsing a 'stats admin' rule : ";
        let admin = draft
            .admin
            .iter()
            .filter_map(|sentence| self.condition_of(at, sentence, what))
            .collect();
        let uri = draft.uri.as_deref().unwrap_or(DEFAULT_STATS_URI.as_bytes());
        let node = draft.node.as_ref();
        let node = node.map(|name| name.clone().unwrap_or_else(|| self.node()).into());
        Some(Box::new(StatsSpec {
            uri: uri.into(),
            rules: Program {
                steps: steps.into_boxed_slice(),
            },
            admin,
            refresh: draft.refresh,
            scopes: draft
                .scopes
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            shows_version: draft.show_version,
            shows_legends: draft.legends,
            shows_modules: draft.modules,
            node,
            description: draft.description.as_deref().map(Into::into),
        }))
    }

    /// The rule that `stats auth` stands for.
    fn accounts(&mut self, draft: &StatsDraft) -> Step {
        let mut known: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for (user, password, span) in &draft.accounts {
            if known.iter().any(|(name, _)| name == user) {
                let user = String::from_utf8_lossy(user);
                self.fault(Diag::warning(
                    *span,
                    format!("uri auth: ignoring duplicated user '{user}'."),
                ));
                continue;
            }
            known.push((user.clone(), password.clone()));
        }
        let realm = draft.realm.as_deref();
        let realm = realm.unwrap_or(DEFAULT_STATS_REALM.as_bytes()).to_vec();
        let is_known = move |user: &[u8], given: &[u8]| {
            let found = known.iter().find(|(name, _)| name == user);
            found.is_some_and(|(_, password)| password::same(given, password))
        };
        Step {
            cond: None,
            act: require_account(realm, is_known),
            place: RulePlace {
                file: draft.section.file.0,
                line: draft.section.line,
            },
            is_final: false,
        }
    }

    fn stats_rules(&mut self, at: At<'_>, draft: &StatsDraft) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for sentence in &draft.rules {
            let mut words = as_words(&sentence.words);
            // Without a realm of its own a challenge is for the page, not for the proxy.
            if let Some(first) = words.first().copied()
                && first.is("auth")
                && !words.get(1).is_some_and(|word| word.is("realm"))
            {
                let said = [
                    Word::new(b"realm", first.span),
                    Word::new(DEFAULT_STATS_REALM.as_bytes(), first.span),
                ];
                words.splice(1..1, said);
            }
            let step = self.build(at, sentence.span, |ctx| {
                parse_rule(action::Ruleset::HttpRequest, &words, ctx)
            });
            if steps.last().is_some_and(|step| step.cond.is_none()) {
                self.fault(Diag::warning(
                    sentence.span,
                    "previous 'stats' action has no condition attached, further entries are NOOP.",
                ));
            }
            steps.extend(step);
        }
        steps
    }
}
