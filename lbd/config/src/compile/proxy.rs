//! One proxy, put together of its parts.
//!
//! The parts have files of their own.

use std::sync::Arc;

use lbd_core::{Checkpoint, ProxyId};
use lbd_rules::acl::AclTable;

use super::context::{At, Compiler};
use crate::config::{
    Capabilities, ForwardFor, ForwardedNode, ForwardedSpec, ListenerSpec, ProxyOptions, ProxySpec,
    TcpKeepalive, Timeouts,
};
use crate::draft::{ForwardDraft, ForwardedDraft, ProxyDraft, Settings};
use crate::lex::Word;
use crate::resolve::Ids;

impl Compiler<'_> {
    /// A whole proxy; what has a fault is left out, and the fault recorded.
    pub(super) fn proxy(
        &mut self,
        id: ProxyId,
        draft: &ProxyDraft,
        ids: &Ids,
        listeners: &mut Vec<ListenerSpec>,
    ) -> ProxySpec {
        let acls = self.acls(Some(id), draft);
        let rules = self.rules(id, draft, &acls);
        let frontend = self.frontend(id, draft, &acls, listeners);
        let uids = ids.servers.get(id.index()).map_or(&[][..], Vec::as_slice);
        let timeouts = timeouts(draft);
        let uid = ids.proxies.get(id.index()).copied().unwrap_or_default();
        let backend = self.backend(id, draft, &acls, (uid, uids));
        ProxySpec {
            id,
            name: draft.name.as_str().into(),
            uid,
            is_uid_given: draft.id.is_some(),
            span: draft.span,
            caps: Capabilities {
                frontend: draft.is_front(),
                backend: draft.is_back(),
            },
            mode: draft.mode(),
            disabled: draft.settings.disabled,
            description: draft.description.as_deref().map(Into::into),
            guid: draft.guid.as_ref().map(|guid| guid.name.as_str().into()),
            frontend,
            backend,
            timeouts,
            options: self.options(id, draft, &acls),
            rules,
            stats: self.stats(id, draft, &acls),
            log: self.log(id, draft, &acls),
            errors: self.errors(id, draft, &acls),
        }
    }

    fn options(&mut self, id: ProxyId, draft: &ProxyDraft, acls: &AclTable) -> ProxyOptions {
        let settings = &draft.settings;
        let forwarded = settings
            .forwarded
            .as_ref()
            .map(|forwarded| self.forwarded(id, forwarded, acls));
        ProxyOptions {
            connection: settings.connection,
            abortonclose: settings.flags.get("abortonclose").copied(),
            forwardfor: settings
                .forwardfor
                .as_ref()
                .map(|draft| forward(draft, b"x-forwarded-for")),
            originalto: settings
                .originalto
                .as_ref()
                .map(|draft| forward(draft, b"x-original-to")),
            forwarded,
            buffer_request: settings.flag("http-buffer-request"),
            no_delay: settings.flag("http-no-delay"),
            pretend_keepalive: settings.flag("http-pretend-keepalive"),
            restrict_header_names: settings.restrict_header_names,
            nolinger: settings.flag("nolinger"),
            independent_streams: settings.flag("independent-streams"),
            splice_request: splice(settings, "splice-request"),
            splice_response: splice(settings, "splice-response"),
            contstats: settings.flag("contstats"),
        }
    }

    fn forwarded(&mut self, id: ProxyId, draft: &ForwardedDraft, acls: &AclTable) -> ForwardedSpec {
        let at = At {
            proxy: Some(id),
            acls,
            checkpoint: Checkpoint::BeHrqHdr,
        };
        let mut node = |part: &Option<Option<Word>>| match part {
            None => None,
            Some(None) => Some(ForwardedNode::Default),
            Some(Some(word)) => self
                .expr(at, word, "failed to parse 'option forwarded' expression : ")
                .map(|expr| ForwardedNode::Expr(Arc::new(expr))),
        };
        ForwardedSpec {
            proto: draft.proto,
            host: node(&draft.host),
            by: node(&draft.by),
            by_port: node(&draft.by_port),
            for_: node(&draft.for_),
            for_port: node(&draft.for_port),
        }
    }

    /// Gives proxies the capture slots that rules have added.
    pub(super) fn captures_into(&mut self, proxies: &mut [ProxySpec]) {
        let captures = std::mem::take(&mut self.names.captures);
        for (proxy, (request, response)) in proxies.iter_mut().zip(captures) {
            proxy.frontend.request_captures = request;
            proxy.frontend.response_captures = response;
        }
    }
}

fn forward(draft: &ForwardDraft, default: &[u8]) -> ForwardFor {
    ForwardFor {
        header: draft.header.clone().unwrap_or_else(|| default.to_vec()),
        except: draft.except,
        if_none: draft.if_none,
    }
}

/// As in the reference, time in the queue and in the tarpit is that of a connection unless said.
fn timeouts(draft: &ProxyDraft) -> Timeouts {
    let said = draft.settings.timeouts;
    Timeouts {
        tarpit: said.tarpit.or(said.connect),
        queue: match draft.is_back() {
            true => said.queue.or(said.connect),
            false => said.queue,
        },
        ..said
    }
}

/// Keepalive of one side, when it is on.
pub(super) fn keepalive(is_on: bool, counts: TcpKeepalive) -> Option<TcpKeepalive> {
    is_on.then_some(counts)
}

/// A direction's own switch goes before that of both.
fn splice(settings: &Settings, own: &str) -> Option<bool> {
    let flag = |name| settings.flags.get(name).copied();
    flag(own).or_else(|| flag("splice-auto"))
}
