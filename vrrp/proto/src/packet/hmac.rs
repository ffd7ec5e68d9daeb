//! keepalived 2.4's `auth_hmac`: a trailer with an HMAC-SHA256 of 128 bits and a sequence made of time.
//!
//! It reads no clock: the wall clock is an argument. Format: draft-cassen-vrrp-auth-hmac.

use std::fmt;
use std::net::IpAddr;

use hmac::{Hmac, Mac};
use lbd_core::WallTime;
use sha2::Sha256;

use super::{Family, Rejection, Version};

/// The trailer of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer<'a> {
    /// 1 for HMAC-SHA256 cut to 128 bits.
    pub scheme: u8,
    /// The key it was made with.
    pub key: u8,
    /// Zero.
    pub reserved: u16,
    /// Seconds since 1970 (32 bits), fraction (16 bits), counter (16 bits).
    pub sequence: u64,
    /// The code.
    pub code: &'a [u8; CODE],
}

impl<'a> Trailer<'a> {
    /// None unless `bytes` has exactly the length of a trailer.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let whole: &[u8; LENGTH] = bytes.try_into().ok()?;
        Some(Self {
            scheme: whole[0],
            key: whole[1],
            reserved: u16::from_be_bytes([whole[2], whole[3]]),
            sequence: u64::from_be_bytes(*whole[4..].first_chunk()?),
            code: whole.last_chunk()?,
        })
    }
}

/// A secret with its number.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: u8,
    secret: Vec<u8>,
}

impl Key {
    /// `id` is 1 to 255, the secret 32 to 64 bytes; otherwise the text says what is wrong.
    pub fn new(id: u8, secret: Vec<u8>) -> Result<Self, &'static str> {
        if id == 0 {
            return Err("key id must be 1 to 255");
        }
        if !(KEY_MIN..=KEY_MAX).contains(&secret.len()) {
            return Err("key must have 32 to 64 bytes");
        }
        Ok(Self { id, secret })
    }

    /// The number that packets name it by.
    pub fn id(&self) -> u8 {
        self.id
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, ..)", self.id)
    }
}

/// What is done with packets that have no trailer, and whether ours have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Sign; refuse what has no trailer.
    #[default]
    Enforce,
    /// Sign; accept what has no trailer.
    Permissive,
    /// Do not sign; accept what has no trailer, but check a trailer that is there.
    ReceiveOnly,
}

/// How old packets are told from new ones (`anti_replay`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The sequence of each sender grows.
    Monotonic,
    /// Also, it is within this many seconds of our clock, 1 to 300.
    Time {
        /// `time_window`.
        window: u16,
    },
}

impl Replay {
    /// The default window: three intervals, 5 to 300 seconds.
    pub fn default_for(interval: std::time::Duration) -> Self {
        let window = u16::try_from(3 * interval.as_secs()).unwrap_or(WINDOW_MAX);
        Self::Time {
            window: window.clamp(WINDOW_FLOOR, WINDOW_MAX),
        }
    }
}

/// The configured keys and rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    keys: Vec<Key>,
    active: u8,
    mode: Mode,
    replay: Replay,
}

impl Spec {
    /// The text says what is wrong: a number twice, no key of the active number, a bad window.
    pub fn new(
        keys: Vec<Key>,
        active: u8,
        mode: Mode,
        replay: Replay,
    ) -> Result<Self, &'static str> {
        let is_twice = |(at, key): (usize, &Key)| keys[..at].iter().any(|k| k.id == key.id);
        if keys.iter().enumerate().any(is_twice) {
            return Err("two keys have the same id");
        }
        if !keys.iter().any(|key| key.id == active) {
            return Err("active_key names no key");
        }
        if matches!(replay, Replay::Time { window } if !(1..=WINDOW_MAX).contains(&window)) {
            return Err("time_window must be 1 to 300 seconds");
        }
        Ok(Self {
            keys,
            active,
            mode,
            replay,
        })
    }

    /// What is done with packets that have no trailer.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether own packets get a trailer.
    pub fn signs(&self) -> bool {
        self.mode != Mode::ReceiveOnly
    }

    /// Whether a clock that is off by so much gets near the edge of the window.
    pub fn is_drifting(&self, ahead: i32) -> bool {
        match self.replay {
            Replay::Monotonic => false,
            Replay::Time { window } => ahead.unsigned_abs() > u32::from(window) / 2,
        }
    }

    fn key(&self, id: u8) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }
}

/// The sequence of the packets sent. It grows even when the clock stands still or goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The next number. A clock set back by more than the window starts anew from the clock, as
    /// receivers would refuse everything else; in monotonic mode nothing but growth counts.
    pub fn next(&mut self, spec: &Spec, wall: WallTime) -> u64 {
        let clock = from_clock(wall);
        let is_stranded = match spec.replay {
            Replay::Monotonic => false,
            Replay::Time { window } => seconds_between(self.0, clock) > i32::from(window),
        };
        self.0 = if is_after(clock, self.0) || is_stranded {
            clock
        } else {
            self.0.wrapping_add(1)
        };
        self.0
    }
}

/// What the code binds beside the packet.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The version of the packet.
    pub version: Version,
    /// The virtual router.
    pub vrid: u8,
    /// The sender's address.
    pub source: IpAddr,
}

/// The trailer for a packet.
pub fn sign(spec: &Spec, sequence: u64, binding: Binding, pdu: &[u8]) -> [u8; LENGTH] {
    let mut trailer = [0; LENGTH];
    trailer[0] = SCHEME_SHA256;
    trailer[1] = spec.active;
    trailer[4..PREFIX].copy_from_slice(&sequence.to_be_bytes());
    if let Some(mac) = spec.key(spec.active).and_then(|key| start(key, binding)) {
        let code = finish(mac, pdu, &trailer[..PREFIX]).finalize().into_bytes();
        trailer[PREFIX..].copy_from_slice(&code[..CODE]);
    }
    trailer
}

/// Remembers the last sequence of each sender.
#[derive(Clone, Debug)]
pub struct Verifier {
    senders: Vec<Seen>,
    max_senders: usize,
    clock: u64,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    source: IpAddr,
    sequence: u64,
    used: u64,
}

impl Verifier {
    /// For a group of `peers` unicast peers, 0 for multicast.
    pub fn new(peers: usize) -> Self {
        Self {
            senders: Vec::new(),
            max_senders: peers.max(MULTICAST_SENDERS),
            clock: 0,
        }
    }

    /// Checks a trailer; `Ok` gives by how many seconds our clock is ahead of the sender's.
    pub fn verify(
        &mut self,
        spec: &Spec,
        wall: WallTime,
        binding: Binding,
        pdu: &[u8],
        trailer: &Trailer<'_>,
    ) -> Result<i32, Rejection> {
        if trailer.scheme != SCHEME_SHA256 || trailer.reserved != 0 {
            return Err(Rejection::HmacMalformed);
        }
        let clock = from_clock(wall);
        let ahead = seconds_between(clock, trailer.sequence);
        // Before the code is computed: a flood of old captures shall not cost a hash each.
        if is_outside(spec, ahead) {
            return Err(Rejection::HmacStale);
        }
        let key = spec.key(trailer.key).ok_or(Rejection::HmacUnknownKey)?;
        let mut prefix = [0; PREFIX];
        prefix[0] = trailer.scheme;
        prefix[1] = trailer.key;
        prefix[4..].copy_from_slice(&trailer.sequence.to_be_bytes());
        let mac = start(key, binding).ok_or(Rejection::HmacUnknownKey)?;
        finish(mac, pdu, &prefix)
            .verify_truncated_left(trailer.code)
            .map_err(|_| Rejection::HmacInvalid)?;
        self.remember(spec, clock, binding.source, trailer.sequence)?;
        Ok(ahead)
    }

    /// The last sequence of each sender that proved itself.
    pub fn marks(&self) -> impl Iterator<Item = (IpAddr, u64)> {
        self.senders.iter().map(|seen| (seen.source, seen.sequence))
    }

    /// Takes the marks of another one, which are no older than none.
    pub fn resume(&mut self, marks: &[(IpAddr, u64)]) {
        for &(source, sequence) in marks.iter().take(self.max_senders) {
            self.clock += 1;
            let used = self.clock;
            self.senders.push(Seen {
                source,
                sequence,
                used,
            });
        }
    }

    /// Only reached with a right code, so that forged sources cannot push senders out.
    fn remember(
        &mut self,
        spec: &Spec,
        clock: u64,
        source: IpAddr,
        sequence: u64,
    ) -> Result<(), Rejection> {
        self.clock += 1;
        let used = self.clock;
        if let Some(seen) = self.senders.iter_mut().find(|seen| seen.source == source) {
            // A mark outside the window orders only what the window refuses anyway; forgetting it
            // lets a sender return whose clock was set back.
            let is_expired = is_outside(spec, seconds_between(clock, seen.sequence));
            if !is_expired && !is_after(sequence, seen.sequence) {
                return Err(Rejection::HmacReplayed);
            }
            (seen.sequence, seen.used) = (sequence, used);
            return Ok(());
        }
        if self.senders.len() >= self.max_senders {
            let oldest = (0..self.senders.len()).min_by_key(|&at| self.senders[at].used);
            if let Some(at) = oldest {
                self.senders.swap_remove(at);
            }
        }
        self.senders.push(Seen {
            source,
            sequence,
            used,
        });
        Ok(())
    }
}

fn is_outside(spec: &Spec, ahead: i32) -> bool {
    match spec.replay {
        Replay::Monotonic => false,
        Replay::Time { window } => ahead.unsigned_abs() > u32::from(window),
    }
}

/// Everything before the packet: family, version, identifier, zero, source in 16 bytes.
fn start(key: &Key, binding: Binding) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.secret).ok()?;
    let family = match Family::of(binding.source) {
        Family::Ipv4 => 4,
        Family::Ipv6 => 6,
    };
    let mut address = [0; 16];
    match binding.source {
        IpAddr::V4(four) => address[..4].copy_from_slice(&four.octets()),
        IpAddr::V6(six) => address = six.octets(),
    }
    mac.update(&[family, binding.version.number(), binding.vrid, 0]);
    mac.update(&address);
    Some(mac)
}

/// The packet with its checksum as zero, the trailer's beginning, and zeros for the code.
fn finish(mut mac: Hmac<Sha256>, pdu: &[u8], prefix: &[u8]) -> Hmac<Sha256> {
    let (head, rest) = pdu.split_at(pdu.len().min(6));
    mac.update(head);
    mac.update(&[0; 2]);
    mac.update(rest.get(2..).unwrap_or_default());
    mac.update(prefix);
    mac.update(&[0; CODE]);
    mac
}

fn from_clock(wall: WallTime) -> u64 {
    let fraction = (u64::from(wall.subsec_micros()) << 16) / 1_000_000;
    (wall.secs() << 32) | (fraction << 16)
}

/// By serial number arithmetic (RFC 1982), which survives the wrap.
fn is_after(a: u64, b: u64) -> bool {
    a.wrapping_sub(b) as i64 > 0
}

/// `a - b` in whole seconds.
fn seconds_between(a: u64, b: u64) -> i32 {
    ((a >> 32) as u32).wrapping_sub((b >> 32) as u32) as i32
}

/// The bytes of a trailer.
pub const LENGTH: usize = PREFIX + CODE;
const PREFIX: usize = 12;
const CODE: usize = 16;
const SCHEME_SHA256: u8 = 1;
const KEY_MIN: usize = 32;
const KEY_MAX: usize = 64;
const WINDOW_FLOOR: u16 = 5;
const WINDOW_MAX: u16 = 300;
/// Senders remembered when there is no list of peers; more than one only while they contend.
const MULTICAST_SENDERS: usize = 4;
