//! Host names of servers, logs and sources, looked up all at once.
//!
//! The looking up is the host's.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use lbd_core::{Diag, Span};

use crate::address::{Address, AddressSpec, HostSpec, PortSpec};
use crate::draft::{Draft, InitAddr, LogPlace, ServerDraft, UseSrcDraft};
use crate::host::{Family, Host};

type Name = (String, Family);

/// What the host said about each name.
#[derive(Debug, Default)]
pub struct Addresses {
    known: HashMap<Name, Result<IpAddr, String>>,
}

impl Addresses {
    /// Looks up every name of the draft.
    pub fn new(draft: &Draft, host: &dyn Host) -> Self {
        let mut names: Vec<Name> = Vec::new();
        let mut add = |spec: &AddressSpec| {
            if let Some((name, family)) = spec.host_name() {
                let name = (name.to_owned(), family);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        };
        draft.global.logs.iter().for_each(|log| add(&log.address));
        for proxy in &draft.proxies {
            for place in &proxy.settings.logs {
                if let LogPlace::Target(log) = place {
                    add(&log.address);
                }
            }
            proxy
                .binds
                .iter()
                .flat_map(|bind| &bind.addresses)
                .for_each(&mut add);
            proxy.dispatch.iter().for_each(|(address, _)| add(address));
            let sources = proxy.settings.source.iter();
            let sources = sources.chain(proxy.servers.iter().filter_map(|s| s.source.as_ref()));
            for source in sources {
                add(&source.address);
                if let Some(UseSrcDraft::Address(address)) = &source.usesrc {
                    add(address);
                }
            }
            proxy
                .servers
                .iter()
                .for_each(|server| server_names(server, &mut add));
        }
        for section in &draft.peers {
            section.bind.addresses.iter().for_each(&mut add);
            for place in &section.logs {
                if let LogPlace::Target(log) = place {
                    add(&log.address);
                }
            }
            let peers = section
                .peers
                .iter()
                .filter_map(|peer| peer.address.as_ref());
            peers.for_each(|(address, _)| add(address));
        }
        for socket in &draft.global.sockets {
            socket.bind.addresses.iter().for_each(&mut add);
        }
        let found = host.lookup_all(&names);
        let known = names.into_iter().zip(found).map(|(name, result)| {
            let first = result
                .and_then(|list| list.first().copied().ok_or_else(|| "no address".to_owned()));
            (name, first)
        });
        Self {
            known: known.collect(),
        }
    }

    /// The address of a name.
    pub fn name(&self, name: &str, family: Family) -> Option<IpAddr> {
        let known = self.known.get(&(name.to_owned(), family))?;
        known.as_ref().ok().copied()
    }

    /// The IP of a host part; what stands for any address is the unspecified one.
    ///
    /// # Errors
    /// When a name has none.
    pub fn ip(&self, spec: &AddressSpec, keyword: &str, span: Span) -> Result<IpAddr, Diag> {
        match &spec.address {
            Address::Inet { host, .. } => match host {
                HostSpec::Any4 => Ok(Ipv4Addr::UNSPECIFIED.into()),
                HostSpec::Any6 => Ok(Ipv6Addr::UNSPECIFIED.into()),
                HostSpec::Ip(ip) => Ok(*ip),
                HostSpec::Name(name, family) => self.name(name, *family).ok_or_else(|| {
                    let error = spec.unresolved();
                    Diag::alert(span, format!("'{keyword}' : {}", error.message)).hint(error.hint)
                }),
            },
            _ => Err(Diag::alert(
                span,
                format!("'{keyword}' : '{}' is no IP address", spec.text),
            )),
        }
    }

    /// IP and port; a port that is not given is 0.
    ///
    /// # Errors
    /// As [`Addresses::ip`].
    pub fn socket(
        &self,
        spec: &AddressSpec,
        keyword: &str,
        span: Span,
    ) -> Result<SocketAddr, Diag> {
        let port = match &spec.address {
            Address::Inet {
                port: PortSpec::Port(port) | PortSpec::Range(port, _),
                ..
            } => *port,
            _ => 0,
        };
        Ok(SocketAddr::new(self.ip(spec, keyword, span)?, port))
    }
}

fn server_names(server: &ServerDraft, add: &mut impl FnMut(&AddressSpec)) {
    let by_libc = server.init_addr.is_empty() || server.init_addr.contains(&InitAddr::Libc);
    if let Some(address) = &server.address
        && by_libc
    {
        add(address);
    }
    let health = &server.health;
    let others = [&health.address, &health.agent_address];
    others.into_iter().flatten().for_each(&mut *add);
    if let Some((address, _)) = &server.socks4 {
        add(address);
    }
}
