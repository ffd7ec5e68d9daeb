//! Where servers start: addresses of their lines, names looked up, what state files add.
//!
//! Their other options are in [`super::server`].

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use lbd_core::{Diag, Span};

use super::context::Compiler;
use super::server::Shared;
use crate::address::{Address, HostSpec, PortSpec, Transport};
use crate::config::{Mode, SavedServer, ServerAddress};
use crate::draft::{InitAddr, ProxyDraft, ServerDraft, StateSource};
use crate::state_file::{self, StateFile, StateLine};

impl Compiler<'_> {
    /// Streams are not carried by datagrams.
    pub(super) fn check_transport(&mut self, proxy: &ProxyDraft, draft: &ServerDraft) {
        let transport = draft.address.as_ref().map(|address| address.transport);
        if transport == Some(Transport::Datagram) {
            let mode = match proxy.mode() {
                Mode::Http => "http",
                Mode::Tcp => "tcp",
            };
            let message = format!("unsupported transport for server address in '{mode}' backend.");
            self.fault(Diag::alert(draft.address_span.or(draft.span), message));
        }
    }

    /// Protocols of HTTP are not spoken to servers of mode tcp, and of mode http only these are.
    pub(super) fn check_protocol(&mut self, proxy: &ProxyDraft, draft: &ServerDraft, span: Span) {
        let Some(proto) = draft.proto.as_deref() else {
            return;
        };
        if (proto == "none") != (proxy.mode() == Mode::Http) {
            return;
        }
        let message = format!(
            "{} : MUX protocol '{proto}' is not usable for server '{}'.",
            proxy.title(),
            draft.name
        );
        self.fault(Diag::alert(span, message).hint("Remove 'proto', or change the mode."));
    }

    /// The state file of a backend that has one of its own.
    pub(super) fn own_states(&mut self, shared: Shared<'_>) -> Option<StateFile> {
        let Shared { proxy, uid, .. } = shared;
        match state_file::source(proxy)? {
            StateSource::Local => Some(StateFile::local(
                self.draft,
                proxy,
                uid,
                self.environment.host(),
                &mut self.diags,
            )),
            _ => {
                if self.draft.global.state_file.is_none() {
                    self.fault(Diag::warning(
                        proxy.span,
                        format!(
                            "backend '{}' configured to load server state file from global \
                             section 'server-state-file' directive. Unfortunately, \
                             'server-state-file' is not set!",
                            proxy.name
                        ),
                    ));
                }
                None
            }
        }
    }

    pub(super) fn saved(
        &mut self,
        line: &StateLine,
        proxy: &ProxyDraft,
        draft: &ServerDraft,
    ) -> Option<Arc<SavedServer>> {
        match line.server() {
            Ok(saved) => Some(Arc::new(saved)),
            Err(faults) => {
                let text = format!(
                    "server-state application failed for server '{}/{}', {}",
                    proxy.name,
                    draft.name,
                    faults.join(", ")
                );
                self.fault(Diag::warning(None, text));
                None
            }
        }
    }

    /// The address, and whether a name was left unresolved as `init-addr` allows.
    pub(super) fn server_address(
        &mut self,
        draft: &ServerDraft,
        title: &str,
        line: Option<&StateLine>,
    ) -> (ServerAddress, bool) {
        let span = draft.address_span.or(draft.span);
        let Some(spec) = &draft.address else {
            return (ServerAddress::None, false);
        };
        match &spec.address {
            Address::Unix(path) => (ServerAddress::Unix(path.into()), false),
            Address::Abstract { name, terminated } => {
                let name = name.clone();
                let is_padded = !terminated;
                (ServerAddress::Abstract { name, is_padded }, false)
            }
            Address::SockPair(fd) => (ServerAddress::SockPair(*fd), false),
            Address::Inet { host, port } => match host {
                HostSpec::Any4 | HostSpec::Any6 => (transparent(*port), false),
                HostSpec::Ip(ip) if ip.is_unspecified() => (transparent(*port), false),
                HostSpec::Ip(ip) => (at_port(*ip, *port), false),
                HostSpec::Name(name, family) => {
                    match self.first_address(draft, (name, *family), title, span, line) {
                        Some(ip) => (at_port(ip, *port), false),
                        None => (ServerAddress::None, true),
                    }
                }
            },
            _ => (ServerAddress::None, false),
        }
    }

    fn first_address(
        &mut self,
        draft: &ServerDraft,
        (name, family): (&str, crate::host::Family),
        title: &str,
        span: Option<Span>,
        line: Option<&StateLine>,
    ) -> Option<IpAddr> {
        let default = [InitAddr::Last, InitAddr::Libc];
        let methods = match draft.init_addr.is_empty() {
            true => default.as_slice(),
            false => draft.init_addr.as_slice(),
        };
        for method in methods {
            match method {
                InitAddr::Last => {
                    // The address of another name is worth nothing.
                    let line = line.filter(|line| line.host_name() == Some(name));
                    if let Some(ip) = line.and_then(StateLine::address) {
                        return Some(ip);
                    }
                }
                InitAddr::Ip(ip) => return Some(*ip),
                InitAddr::None => return None,
                InitAddr::Libc => {
                    if let Some(ip) = self.addresses.name(name, family) {
                        return Some(ip);
                    }
                }
            }
        }
        if draft.is_refused || self.environment.host().ignores_unresolved() {
            return None;
        }
        self.fault(
            Diag::alert(
                span,
                format!("'{title}' : could not resolve address '{name}'."),
            )
            .hint(
                "Check the name, or add 'init-addr last,libc,none' to start with the server down.",
            ),
        );
        None
    }
}

/// The address with the port that was saved, which may have been set at run time.
pub(super) fn ported(address: ServerAddress, line: &StateLine) -> ServerAddress {
    let port = line.port();
    match (address, port) {
        (ServerAddress::Inet(address), Some(port)) => {
            let port = u16::try_from(port).unwrap_or_else(|_| address.port());
            ServerAddress::Inet(SocketAddr::new(address.ip(), port))
        }
        (ServerAddress::MappedPort(ip, _), Some(offset)) => ServerAddress::MappedPort(ip, offset),
        (address, _) => address,
    }
}

fn transparent(port: PortSpec) -> ServerAddress {
    ServerAddress::Transparent {
        port: match port {
            PortSpec::Port(port) => port,
            _ => 0,
        },
    }
}

fn at_port(ip: IpAddr, port: PortSpec) -> ServerAddress {
    match port {
        PortSpec::Port(port) | PortSpec::Range(port, _) => {
            ServerAddress::Inet(SocketAddr::new(ip, port))
        }
        PortSpec::Offset(offset) => ServerAddress::MappedPort(ip, offset),
        PortSpec::None => ServerAddress::MappedPort(ip, 0),
    }
}
