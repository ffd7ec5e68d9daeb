//! Why a packet was not accepted, and how often.
//!
//! It does not decide: the codec and `instance::receive` do.

use std::error::Error;
use std::fmt;

/// The rule a packet broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rejection {
    /// No address, although we have some (RFC 9568 §5.2.5).
    AddressNone,
    /// The version 2 authentication is not of the configured type.
    AuthMismatch,
    /// An authentication type that nothing defines.
    AuthType,
    /// An IPsec authentication header, which is not supported.
    AuthenticationHeader,
    /// The checksum is wrong by every way to compute it.
    Checksum,
    /// The length is not what the count of addresses makes of it.
    CountLength,
    /// The other address family than the instance's.
    Family,
    /// A fragment.
    Fragment,
    /// `auth_hmac`: the code is wrong.
    HmacInvalid,
    /// `auth_hmac`: scheme or reserved field are unknown.
    HmacMalformed,
    /// `auth_hmac`: no trailer although it is enforced.
    HmacMissing,
    /// `auth_hmac`: seen before, or older than what was seen.
    HmacReplayed,
    /// `auth_hmac`: outside the window of time.
    HmacStale,
    /// A trailer although `auth_hmac` is not configured.
    HmacUnexpected,
    /// `auth_hmac`: no key of that number.
    HmacUnknownKey,
    /// TTL or hop limit below 255, or outside a peer's `min_ttl`, `max_ttl` (RFC 9568 §7.1).
    Hops,
    /// An advertisement interval of 0.
    Interval,
    /// Version 2: the interval is not ours (RFC 3768 §7.1).
    IntervalMismatch,
    /// The IP header is cut or inconsistent.
    IpHeader,
    /// The IP header's length is more than was received.
    IpLength,
    /// To the group although the instance is unicast.
    Multicast,
    /// Not from one of the configured peers.
    NotPeer,
    /// The instance is in no state to hear anything.
    NotRunning,
    /// From our own address.
    OwnSource,
    /// We own the addresses and the strict rules let an owner hear nobody.
    OwnerDeaf,
    /// The password is wrong.
    Password,
    /// The IP protocol is not VRRP.
    Protocol,
    /// The source cannot be a router: unspecified, multicast, or over IPv6 not link-local.
    Source,
    /// Shorter than the fixed part.
    TooShort,
    /// The packet type is not 1.
    Type,
    /// To one of our addresses although the instance is multicast.
    Unicast,
    /// Not the instance's version.
    Version,
    /// The identifier is 0 or not the instance's.
    Vrid,
}

impl Rejection {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 33] = [
        Self::AddressNone,
        Self::AuthMismatch,
        Self::AuthType,
        Self::AuthenticationHeader,
        Self::Checksum,
        Self::CountLength,
        Self::Family,
        Self::Fragment,
        Self::HmacInvalid,
        Self::HmacMalformed,
        Self::HmacMissing,
        Self::HmacReplayed,
        Self::HmacStale,
        Self::HmacUnexpected,
        Self::HmacUnknownKey,
        Self::Hops,
        Self::Interval,
        Self::IntervalMismatch,
        Self::IpHeader,
        Self::IpLength,
        Self::Multicast,
        Self::NotPeer,
        Self::NotRunning,
        Self::OwnSource,
        Self::OwnerDeaf,
        Self::Password,
        Self::Protocol,
        Self::Source,
        Self::TooShort,
        Self::Type,
        Self::Unicast,
        Self::Version,
        Self::Vrid,
    ];

    /// A word for metrics and status, lower case with underscores.
    pub const fn name(self) -> &'static str {
        self.texts().0
    }

    const fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::AddressNone => ("address_none", "no virtual address"),
            Self::AuthMismatch => ("auth_mismatch", "authentication is not of our type"),
            Self::AuthType => ("auth_type", "authentication type is unknown"),
            Self::AuthenticationHeader => (
                "authentication_header",
                "IPsec authentication header is not supported",
            ),
            Self::Checksum => ("checksum", "checksum is wrong"),
            Self::CountLength => (
                "count_length",
                "length does not match the count of addresses",
            ),
            Self::Family => ("family", "address family is not ours"),
            Self::Fragment => ("fragment", "packet is a fragment"),
            Self::HmacInvalid => ("hmac_invalid", "authentication code is wrong"),
            Self::HmacMalformed => ("hmac_malformed", "authentication trailer is malformed"),
            Self::HmacMissing => ("hmac_missing", "authentication trailer is missing"),
            Self::HmacReplayed => ("hmac_replayed", "authentication trailer was seen before"),
            Self::HmacStale => (
                "hmac_stale",
                "authentication trailer is outside the window of time",
            ),
            Self::HmacUnexpected => (
                "hmac_unexpected",
                "authentication trailer although auth_hmac is not configured",
            ),
            Self::HmacUnknownKey => ("hmac_unknown_key", "authentication key is unknown"),
            Self::Hops => ("hops", "TTL or hop limit shows a packet from elsewhere"),
            Self::Interval => ("interval", "advertisement interval is 0"),
            Self::IntervalMismatch => ("interval_mismatch", "advertisement interval is not ours"),
            Self::IpHeader => ("ip_header", "IP header is malformed"),
            Self::IpLength => ("ip_length", "packet is shorter than its IP header says"),
            Self::Multicast => ("multicast", "multicast to a unicast instance"),
            Self::NotPeer => ("not_peer", "source is not a configured peer"),
            Self::NotRunning => ("not_running", "instance is not running"),
            Self::OwnSource => ("own_source", "source is our own address"),
            Self::OwnerDeaf => ("owner_deaf", "the address owner listens to nobody"),
            Self::Password => ("password", "password is wrong"),
            Self::Protocol => ("protocol", "IP protocol is not VRRP"),
            Self::Source => ("source", "source cannot be a router on this link"),
            Self::TooShort => ("too_short", "packet is shorter than a header"),
            Self::Type => ("type", "packet is no advertisement"),
            Self::Unicast => ("unicast", "unicast to a multicast instance"),
            Self::Version => ("version", "VRRP version is not ours"),
            Self::Vrid => ("vrid", "virtual router id is not ours"),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.texts().1)
    }
}

impl Error for Rejection {}

/// How many packets were refused, by reason. Written by one instance, read by status pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejections([u64; Rejection::ALL.len()]);

impl Rejections {
    /// Counts one; whether it was the first of its reason.
    pub fn count(&mut self, reason: Rejection) -> bool {
        let count = &mut self.0[reason as usize];
        *count = count.saturating_add(1);
        *count == 1
    }

    /// How many there were for this reason.
    pub fn of(&self, reason: Rejection) -> u64 {
        self.0[reason as usize]
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }
}

impl Default for Rejections {
    fn default() -> Self {
        Self([0; Rejection::ALL.len()])
    }
}
