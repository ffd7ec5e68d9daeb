//! Where to listen: `bind` lines to sockets.
//!
//! Nothing is bound.

use std::net::SocketAddr;
use std::path::PathBuf;

use lbd_core::{BindId, Diag, ListenerId, ProxyId, Span};

use super::context::Compiler;
use crate::address::{Address, AddressSpec};
use crate::config::{BindSpec, ListenAddress, ListenerSpec, Mode};
use crate::draft::{BindDraft, ProxyDraft};
use crate::resolve::number;

impl Compiler<'_> {
    /// The sockets of a list of addresses.
    pub(super) fn listen_addresses(
        &mut self,
        addresses: &[AddressSpec],
        span: Span,
        keyword: &str,
    ) -> Vec<ListenAddress> {
        let prefix = self.draft.global.value.unix_bind.prefix.clone();
        let mut list = Vec::new();
        for spec in addresses {
            match &spec.address {
                Address::Inet { port, .. } => {
                    let ip = self.addresses.ip(spec, keyword, span);
                    if let Some(ip) = self.diags.take(ip) {
                        list.extend(
                            port.ports()
                                .map(|port| ListenAddress::Tcp(SocketAddr::new(ip, port))),
                        );
                    }
                }
                Address::Unix(path) => {
                    let path = format!("{}{path}", prefix.as_deref().unwrap_or(""));
                    list.push(ListenAddress::Unix(PathBuf::from(path)));
                }
                Address::Abstract { name, terminated } => list.push(ListenAddress::Abstract {
                    name: name.clone(),
                    is_padded: !terminated,
                }),
                Address::Fd(fd) => list.push(ListenAddress::Fd(*fd)),
                Address::SockPair(fd) => list.push(ListenAddress::SockPair(*fd)),
                // The rules of `bind` refuse these when the line is read.
                Address::Backend(_) | Address::Ring(_) | Address::Stderr | Address::Stdout => {}
            }
        }
        list
    }

    /// `bind` lines; sockets are added to `listeners`.
    pub(super) fn binds(
        &mut self,
        id: ProxyId,
        proxy: &ProxyDraft,
        listeners: &mut Vec<ListenerSpec>,
    ) -> Vec<BindSpec> {
        let mut next_uid = 1;
        let mut binds = Vec::new();
        for (at, draft) in proxy.binds.iter().enumerate() {
            let bind = BindId(number(at));
            let mut own = Vec::new();
            let sockets: usize = draft.addresses.iter().map(AddressSpec::sockets).sum();
            if draft.options.id.is_some() && sockets > 1 {
                self.fault(Diag::alert(
                    draft.span,
                    format!(
                        "'bind {}' : 'id' can only be used with a single socket",
                        draft.text
                    ),
                ));
            }
            let mut forced = draft.options.id;
            for address in self.listen_addresses(&draft.addresses, draft.span, "bind") {
                let listener = ListenerId(number(listeners.len()));
                own.push(listener);
                listeners.push(ListenerSpec {
                    id: listener,
                    uid: forced.take().unwrap_or(next_uid),
                    proxy: id,
                    bind,
                    address,
                });
                next_uid += 1;
            }
            if proxy.mode() != Mode::Http {
                self.refuse_protocol(&proxy.title(), draft);
            }
            let tls = self.tls_maker().bind_tls(
                &proxy.name,
                proxy.mode() == Mode::Http,
                draft,
                &proxy.crt_uses,
            );
            binds.push(BindSpec {
                tls,
                id: bind,
                name: draft.name.as_deref().map(Into::into),
                text: draft.text.as_str().into(),
                span: draft.span,
                listeners: own,
                options: draft.options.clone(),
            });
        }
        binds
    }

    /// Protocols of HTTP are not spoken where no HTTP is.
    pub(super) fn refuse_protocol(&mut self, title: &str, draft: &BindDraft) {
        let Some(proto) = draft.options.proto.as_deref() else {
            return;
        };
        let message = format!(
            "{title} : MUX protocol '{proto}' is not usable for 'bind {}'.",
            draft.text
        );
        self.fault(Diag::alert(draft.span, message).hint("Remove 'proto', or use 'mode http'."));
    }
}
