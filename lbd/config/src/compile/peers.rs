//! `peers` sections: who is this node, where it listens, which tables are shared.
//!
//! Lines are read in `directive::peers`.

use std::sync::Arc;

use lbd_core::{Diag, TableId};

use super::context::Compiler;
use super::tls::Place;
use crate::address::{Address, PortSpec};
use crate::config::{ListenAddress, PeerSpec, PeersSpec, ServerAddress};
use crate::draft::{LogPlace, PeerDraft, PeersDraft};
use crate::resolve::number;

impl Compiler<'_> {
    /// The sections that take part.
    pub(super) fn peers(&mut self) -> Vec<PeersSpec> {
        let draft = self.draft;
        let environment = || self.environment.value("HAPROXY_LOCALPEER");
        let local = draft.global.value.localpeer.clone().or_else(environment);
        let local = local.unwrap_or_default();
        let sections = draft.peers.iter();
        sections
            .filter_map(|section| self.section(section, &local))
            .collect()
    }

    fn section(&mut self, draft: &PeersDraft, local: &str) -> Option<PeersSpec> {
        let at = draft.peers.iter().position(|peer| peer.name.name == local);
        let Some(at) = at.filter(|_| !draft.disabled) else {
            if !draft.disabled {
                self.fault(Diag::warning(
                    draft.span,
                    format!(
                        "Removing incomplete section 'peers {}' (no peer named '{local}').",
                        draft.name
                    ),
                ));
            }
            return None;
        };
        let own = &draft.peers[at];
        let said = draft.bind.addresses.first();
        let said = said.map(|address| (address, draft.bind.span));
        let (address, span) = match (said, &own.address) {
            (Some(_), Some((_, span))) => {
                self.fault(Diag::alert(
                    *span,
                    format!(
                        "'{}' : the local peer has its address on the 'bind' line.",
                        own.name.name
                    ),
                ));
                return None;
            }
            (Some((address, span)), None) => (address, span),
            (None, Some((address, span))) => (address, *span),
            (None, None) => {
                self.fault(Diag::warning(
                    draft.span,
                    format!(
                        "Removing incomplete section 'peers {}' (no address of the local peer \
                         '{local}').",
                        draft.name
                    ),
                ));
                return None;
            }
        };
        let bind = self
            .listen_addresses(std::slice::from_ref(address), span, "peer")
            .into_iter()
            .next()?;
        let bind_tls = self
            .tls_maker()
            .bind_tls(&draft.name, false, &draft.bind, &[]);
        if bind_tls.is_some() && !own.server.ssl.on {
            self.fault(
                Diag::warning(
                    own.name.span,
                    format!(
                        "Peers section '{}': at a reload the old process cannot teach the new one, \
                         because the local peer '{local}' is called in clear and listens with 'ssl'.",
                        draft.name
                    ),
                )
                .hint("Say 'default-server ssl' with the peers' certificate and ca-file."),
            );
        }
        let mut logs = Vec::new();
        for place in &draft.logs {
            match place {
                LogPlace::Global(_) => {
                    for log in &self.draft.global.logs {
                        logs.extend(self.log_target(log));
                    }
                }
                LogPlace::Target(log) => logs.extend(self.log_target(log)),
            }
        }
        let mut peers = Vec::new();
        for peer in &draft.peers {
            peers.push(self.peer(draft, peer, &bind, peer.name.name == local)?);
        }
        Some(PeersSpec {
            name: draft.name.as_str().into(),
            span: draft.span,
            disabled: draft.disabled,
            shards: draft.shards,
            peers,
            local: at,
            bind,
            bind_options: draft.bind.options.clone(),
            bind_tls,
            logs,
            tables: self.shared(draft),
        })
    }

    fn peer(
        &mut self,
        section: &PeersDraft,
        draft: &PeerDraft,
        bind: &ListenAddress,
        is_local: bool,
    ) -> Option<PeerSpec> {
        let name = &draft.name.name;
        let address = match &draft.address {
            _ if is_local => match bind {
                ListenAddress::Tcp(address) => ServerAddress::Inet(*address),
                ListenAddress::Unix(path) => ServerAddress::Unix(path.clone()),
                ListenAddress::Abstract { name, is_padded } => ServerAddress::Abstract {
                    name: name.clone(),
                    is_padded: *is_padded,
                },
                ListenAddress::Fd(_) | ListenAddress::SockPair(_) => ServerAddress::None,
            },
            None => {
                self.fault(Diag::alert(
                    draft.name.span,
                    format!("'server {name}' : a remote peer needs an address."),
                ));
                return None;
            }
            Some((spec, span)) => match &spec.address {
                Address::Unix(path) => ServerAddress::Unix(path.into()),
                Address::Abstract { name, terminated } => ServerAddress::Abstract {
                    name: name.clone(),
                    is_padded: !terminated,
                },
                Address::Inet { port, .. } => {
                    let ip = self.addresses.ip(spec, "peer", *span);
                    let ip = self.diags.take(ip)?;
                    let port = match port {
                        PortSpec::Port(port) => *port,
                        _ => 0,
                    };
                    ServerAddress::Inet((ip, port).into())
                }
                _ => ServerAddress::None,
            },
        };
        let mut shard = draft.shard;
        if is_local && shard != 0 {
            self.fault(Diag::warning(
                draft.name.span,
                format!(
                    "Peers section '{}': shard ignored for '{name}' local peer",
                    section.name
                ),
            ));
            shard = 0;
        } else if shard > section.shards {
            self.fault(Diag::warning(
                draft.name.span,
                format!(
                    "Peers section '{}': shard ignored for '{name}' local peer because {shard} \
                     shard value is greater than the section number of shards ({})",
                    section.name, section.shards
                ),
            ));
            shard = 0;
        }
        let tls = match draft.server.ssl.on {
            false => None,
            true => {
                let title = format!("'server {name}'");
                let place = Place {
                    proxy: &section.name,
                    title: &title,
                    span: draft.name.span,
                };
                Some(Arc::new(self.tls_maker().server_tls(&draft.server, place)?))
            }
        };
        Some(PeerSpec {
            name: name.as_str().into(),
            address,
            shard,
            tls,
        })
    }

    /// Tables of the section itself, and of proxies that name it.
    fn shared(&mut self, section: &PeersDraft) -> Vec<(Box<str>, TableId)> {
        let tables = self.draft.tables().enumerate();
        let ours = tables.filter(|(_, table)| {
            let named = table.peers.as_ref();
            named.is_some_and(|named| named.name == section.name)
                || section.tables.iter().any(|own| own.name == table.name)
        });
        ours.map(|(at, table)| (table.wire_name.as_str().into(), TableId(number(at))))
            .collect()
    }

    /// Tables that name a section which is not there.
    pub(super) fn unknown_sections(&mut self) {
        for table in self.draft.tables() {
            let Some(named) = &table.peers else { continue };
            if !self
                .draft
                .peers
                .iter()
                .any(|section| section.name == named.name)
            {
                let known = self.draft.peers.iter().map(|section| section.name.as_str());
                let hint = crate::suggest::hint(&named.name, known);
                self.diags.push(
                    Diag::alert(
                        named.span,
                        format!(
                            "Proxy '{}': unable to find sync peers '{}'.",
                            table.name, named.name
                        ),
                    )
                    .hint(hint),
                );
            }
        }
    }
}
