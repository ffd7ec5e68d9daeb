//! What a configuration says about a backend and its servers, as far as decisions need it.
//!
//! It parses nothing: names, ports and defaults have been resolved by the configuration.

use std::net::IpAddr;
use std::time::Duration;

use lbd_core::{Time, bits};

use crate::key::KeySpec;

/// How a server is chosen (haproxy 3.4 configuration 4.2, `balance`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Algorithm {
    /// `first`: the lowest server id with a free slot.
    First,
    /// `source`, `uri`, `url_param`, `hdr()`, `rdp-cookie` and `hash`: by a key of the request.
    Hash(KeySpec),
    /// `leastconn`: the least streams per weight, in turn among equals.
    LeastConn,
    /// `random(<draws>)`: the less loaded of that many drawn servers, at least 1.
    Random(u32),
    /// `roundrobin`: in turn, by weight; weights may change while running.
    RoundRobin,
    /// `static-rr`: in turn, by the weights of the configuration.
    StaticRr,
    /// `sticky`: one elected server until it fails.
    Sticky,
}

/// First argument of `hash-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HashType {
    /// A ring: most keys keep their server when another one comes or goes.
    Consistent,
    /// A static array of all servers by weight.
    #[default]
    MapBased,
}

/// Second argument of `hash-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HashFunction {
    /// CRC-32 as in Ethernet and gzip.
    Crc32,
    /// Bernstein's times 33.
    Djb2,
    /// The key is a decimal number, taken as it is.
    None,
    /// The hash of the sdbm database library.
    #[default]
    Sdbm,
    /// The hash made for haproxy's wt6 tests.
    Wt6,
}

/// `hash-preserve-affinity`: when a key leaves its server because of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Affinity {
    /// Never.
    #[default]
    Always,
    /// When the server has no free slot.
    Maxconn,
    /// When the server's queue is full too.
    Maxqueue,
}

/// All that `hash-type` and its companions say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HashSpec {
    /// Map or ring.
    pub kind: HashType,
    /// From key to number.
    pub function: HashFunction,
    /// Whether the number is mixed once more (`avalanche`).
    pub avalanche: bool,
    /// `hash-balance-factor` in percent, above 100; 0 turns it off.
    pub balance_factor: u32,
    /// `hash-preserve-affinity`.
    pub affinity: Affinity,
}

/// `hash-key`: what places a server on the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HashKey {
    /// The address.
    Addr,
    /// Address and port.
    AddrPort,
    /// The globally unique identifier (`guid`).
    Guid,
    /// The numeric id.
    #[default]
    Id,
    /// The numeric id, mixed before use.
    Id32,
}

/// A backend as the roster needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendSpec {
    /// `balance`.
    pub algorithm: Algorithm,
    /// `hash-type`, `hash-balance-factor`, `hash-preserve-affinity`.
    pub hash: HashSpec,
    /// `option allbackups`.
    pub all_backups: bool,
    /// `fullconn` in streams; 0 stands for always full, hence for plain `maxconn`.
    pub fullconn: u32,
    /// `option redispatch`.
    pub redispatch: bool,
    /// `option persist`.
    pub persist: bool,
    /// `max-keep-alive-queue`; 0 for no limit.
    pub max_keep_alive_queue: u32,
}

impl Default for BackendSpec {
    /// A backend without any statement: map-based sdbm, and `random` with a single draw, which is
    /// what haproxy 3.4 was seen to do (`balance random` draws twice).
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Random(1),
            hash: HashSpec::default(),
            all_backups: false,
            fullconn: 0,
            redispatch: false,
            persist: false,
            max_keep_alive_queue: 0,
        }
    }
}

/// A server as the roster needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSpec {
    /// Its name.
    pub name: String,
    /// Its numeric id (`id`), unique in the backend, at least 1.
    pub puid: u32,
    /// `weight`, 0 to 256.
    pub weight: u32,
    /// `backup`.
    pub backup: bool,
    /// `maxconn`; 0 for no limit.
    pub maxconn: u32,
    /// `minconn`; 0 for the same as `maxconn`.
    pub minconn: u32,
    /// `maxqueue`; 0 for no limit.
    pub maxqueue: u32,
    /// `slowstart`, counted in whole seconds rounded up; zero for none.
    pub slowstart: Duration,
    /// `hash-key`.
    pub hash_key: HashKey,
    /// Address, when it has one and it is IPv4 or IPv6.
    pub addr: Option<IpAddr>,
    /// Port; 0 when it has none.
    pub port: u16,
    /// `guid`.
    pub guid: Option<String>,
}

impl ServerSpec {
    /// A plain server of weight 1 without limits.
    pub fn new(name: impl Into<String>, puid: u32) -> Self {
        Self {
            name: name.into(),
            puid,
            weight: 1,
            backup: false,
            maxconn: 0,
            minconn: 0,
            maxqueue: 0,
            slowstart: Duration::ZERO,
            hash_key: HashKey::Id,
            addr: None,
            port: 0,
            guid: None,
        }
    }

    /// `slowstart` in whole seconds, rounded up.
    pub fn slowstart_secs(&self) -> u64 {
        bits::held64(self.slowstart.as_millis().div_ceil(1000))
    }
}

/// Operational state of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum State {
    /// Down.
    Stopped,
    /// Up, with a weight and a limit that still grow (`slowstart`).
    Starting,
    /// Up.
    #[default]
    Running,
    /// Up for streams that belong to it, closed to new ones (`disable-on-404`).
    Stopping,
}

/// What decides whether and how much traffic a server gets; the health machine emits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Operational state.
    pub state: State,
    /// In maintenance, whatever the origin.
    pub maint: bool,
    /// Draining, whatever the origin.
    pub drain: bool,
    /// Weight as last set by configuration, agent or operator, 0 to 256.
    pub weight: u32,
    /// When `state` last changed: start of the slow start.
    pub since: Time,
}

impl Placement {
    /// A server of that weight which is up.
    pub fn running(weight: u32) -> Self {
        Self {
            state: State::Running,
            maint: false,
            drain: false,
            weight,
            since: Time::ZERO,
        }
    }

    /// Whether state and administration (not weight) let it take new streams.
    pub fn is_open(&self) -> bool {
        !self.maint && !self.drain && matches!(self.state, State::Starting | State::Running)
    }
}

/// Largest configured weight.
pub const MAX_WEIGHT: u32 = 256;
