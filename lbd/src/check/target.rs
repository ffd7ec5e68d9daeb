//! Where a check connects to, and what it says before the check proper begins.
//!
//! It opens nothing.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use lbd_backend::check::{Connect, Proto};
use lbd_config::config::{ServerAddress, ServerSpec};

/// A place to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Name with its leading zero byte, padded if the address says so.
    Abstract(Vec<u8>),
    Inet(SocketAddr),
    Unix(PathBuf),
}

/// Address and port as changed at run time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) address: Option<IpAddr>,
    pub(super) port: Option<u16>,
}

/// What a `connect` step makes of a server's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Where the server is.
    pub(super) place: Place,
    /// The SOCKS proxy on the way there.
    pub(super) socks: Option<SocketAddr>,
    /// Whether a PROXY header comes first.
    pub(super) send_proxy: bool,
    /// TLS, when it is spoken then.
    pub(super) tls: Option<Cover>,
    /// What is spoken then, when negotiation does not decide.
    pub(super) proto: Option<Proto>,
}

/// What a check asks for by TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cover {
    /// The name that the configuration gives.
    pub(super) sni: Option<String>,
    /// Without a name the host of the check's request is one (`check-sni-auto`).
    pub(super) sni_auto: bool,
    /// Protocols offered; the server line's own unless given.
    pub(super) alpn: Option<Vec<Vec<u8>>>,
}

/// Where a health check's `connect` step leads; `port` is what its port expression gave. `None`
/// when the server has no address to check.
pub(super) fn health(
    spec: &ServerSpec,
    address: &ServerAddress,
    moved: Moved,
    step: &Connect,
    port: Option<u16>,
) -> Option<Target> {
    let check = spec.check.as_ref();
    let of_check = check.and_then(|check| check.address);
    let set = |port: &u16| *port != 0;
    let of_step = step.port.or(port).or_else(|| Some(step.addr?.port()));
    let of_server = match moved.port {
        Some(port) => Some(port),
        None => check.and_then(|check| check.port),
    };
    let given_port = of_step.filter(set).or_else(|| of_server.filter(set));
    let unix = check.and_then(|check| check.unix.as_ref());
    let place = match (step.addr, moved.address.or(of_check), unix) {
        (Some(addr), ..) => inet(addr.ip(), given_port, address),
        (None, Some(ip), _) => inet(ip, given_port, address),
        (None, None, Some(path)) => Some(Place::Unix(path.clone())),
        (None, None, None) => server(address, given_port),
    }?;
    let default = step.default;
    let socks = spec
        .socks4
        .filter(|_| step.via_socks4 || (default && check.is_some_and(|check| check.via_socks4)));
    let send_proxy = step.send_proxy || (default && check.is_some_and(|check| check.send_proxy));
    let of_server = step.proto.or_else(|| {
        let own = check.and_then(|check| check.proto).filter(|_| default);
        own.or_else(|| (spec.proto.as_deref() == Some("h2")).then_some(Proto::Http2))
    });
    Some(Target {
        place,
        socks,
        send_proxy,
        tls: cover(spec, step),
        proto: of_server,
    })
}

/// TLS of a `connect` step; what it does not say is the server's when it asks for `default`.
fn cover(spec: &ServerSpec, step: &Connect) -> Option<Cover> {
    let ssl = spec.ssl.as_ref()?;
    if !(step.ssl || step.default && ssl.for_checks) {
        return None;
    }
    let of_server = Some(ssl).filter(|_| step.default);
    let sni = || of_server?.check_sni.as_deref().map(str::to_owned);
    let alpn = || of_server?.check_alpn.as_ref().map(|list| list.to_vec());
    let is_auto = spec.check.as_ref().is_some_and(|check| check.sni_auto);
    Some(Cover {
        sni: step.sni.clone().or_else(sni),
        sni_auto: is_auto && step.implicit,
        alpn: step.alpn.clone().or_else(alpn),
    })
}

/// Where the agent of a server is.
pub(super) fn agent(spec: &ServerSpec, address: &ServerAddress, moved: Moved) -> Option<Target> {
    let agent = spec.agent.as_ref()?;
    let port = moved.port.filter(|&port| port != 0).or(Some(agent.port));
    let place = match moved.address.or(agent.address) {
        Some(ip) => inet(ip, port, address),
        None => server(address, port),
    }?;
    Some(Target {
        place,
        socks: None,
        send_proxy: false,
        tls: None,
        proto: None,
    })
}

fn inet(ip: IpAddr, port: Option<u16>, server: &ServerAddress) -> Option<Place> {
    let port = match (port, server) {
        (Some(port), _) => port,
        (None, ServerAddress::Inet(address)) => address.port(),
        (None, _) => return None,
    };
    Some(Place::Inet(SocketAddr::new(ip, port)))
}

fn server(address: &ServerAddress, port: Option<u16>) -> Option<Place> {
    match address {
        ServerAddress::Inet(address) => {
            let port = port.unwrap_or_else(|| address.port());
            Some(Place::Inet(SocketAddr::new(address.ip(), port)))
        }
        ServerAddress::MappedPort(ip, _) => Some(Place::Inet(SocketAddr::new(*ip, port?))),
        ServerAddress::Unix(path) => Some(Place::Unix(path.clone())),
        ServerAddress::Abstract { name, is_padded } => {
            let mut full = vec![0];
            full.extend_from_slice(name);
            if *is_padded {
                full.resize(SUN_PATH, 0);
            }
            Some(Place::Abstract(full))
        }
        ServerAddress::SockPair(_) | ServerAddress::Transparent { .. } | ServerAddress::None => {
            None
        }
    }
}

/// Size of `sockaddr_un::sun_path`.
const SUN_PATH: usize = 108;
