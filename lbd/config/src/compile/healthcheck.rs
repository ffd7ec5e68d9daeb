//! Checks of `healthcheck` sections: for each proxy whose servers run them, since their expressions
//! may be about its own backend.
//!
//! The steps are compiled like a proxy's: [`super::check`].

use std::sync::Arc;

use lbd_core::{Checkpoint, Diag, ProxyId};
use lbd_rules::acl::AclTable;

use super::context::{At, Compiler};
use crate::config::CheckSpec;
use crate::draft::{CheckDraft, Named};

impl Compiler<'_> {
    /// What the section of this name says; without one, nothing is to be checked.
    pub(super) fn healthcheck_rules(&self, section: Option<&Named>) -> Option<&CheckDraft> {
        let name = &section?.name;
        let mut sections = self.draft.healthchecks.iter();
        let found = sections.find(|section| section.name == *name)?;
        Some(&found.check)
    }

    /// The check of a section as servers of `proxy` run it; that it is not there is told.
    pub(super) fn healthcheck(
        &mut self,
        section: &Named,
        proxy: ProxyId,
        server: &str,
    ) -> Option<Arc<CheckSpec>> {
        let sections = &self.draft.healthchecks;
        let Some(at) = sections.iter().position(|s| s.name == section.name) else {
            let message = format!(
                "healthcheck section '{}' not found for server '{server}'.",
                section.name
            );
            let known = sections.iter().map(|section| section.name.as_str());
            let hint = crate::suggest::hint(&section.name, known);
            self.fault(Diag::alert(section.span, message).hint(hint));
            return None;
        };
        if let Some(known) = self.healthchecks.get(&(at, proxy)) {
            return Some(Arc::clone(known));
        }
        let draft = &sections[at].check;
        let acls = AclTable::new();
        let place = At {
            proxy: Some(proxy),
            acls: &acls,
            checkpoint: Checkpoint::BeChkRul,
        };
        let kind = draft.kind.as_ref().map(|(kind, _)| kind);
        let (script, tokens) = self.script(place, draft, kind);
        if kind.is_none() {
            self.unused_rules(draft, place);
        }
        let spec = Arc::new(CheckSpec {
            script: Arc::new(script.with_disable_on_404(draft.disable_on_404)),
            tokens: Arc::new(tokens),
            disable_on_404: draft.disable_on_404,
            send_state: draft.send_state,
            external: None,
        });
        self.healthchecks.insert((at, proxy), Arc::clone(&spec));
        Some(spec)
    }

    /// Sections that no server names have faults all the same, and those without type rules that
    /// do nothing.
    pub(super) fn unused_healthchecks(&mut self) {
        for (at, section) in self.draft.healthchecks.iter().enumerate() {
            let used: Vec<ProxyId> = self.healthchecks.keys().map(|(_, proxy)| *proxy).collect();
            let is_used = self.healthchecks.keys().any(|(known, _)| *known == at);
            if !is_used {
                let named = Named {
                    name: section.name.clone(),
                    span: section.span,
                };
                // Any proxy will do: only faults are wanted.
                let proxy = used.first().copied().unwrap_or(ProxyId(0));
                self.healthcheck(&named, proxy, "");
            }
            let check = &section.check;
            let rules = match (&check.kind, check.http.is_empty(), check.tcp.is_empty()) {
                (None, false, _) => ("http-check", "httpchk"),
                (None, true, false) => ("tcp-check", "tcp-check"),
                _ => continue,
            };
            let message = format!(
                "healthcheck section '{}' : {} rules without 'type {}', so the rules are ignored.",
                section.name, rules.0, rules.1
            );
            self.fault(Diag::warning(section.span, message));
        }
    }
}
