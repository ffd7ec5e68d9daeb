//! Authentication of version 2: none, or a password in clear text (RFC 2338 §5.3.6).
//!
//! The authentication header (AH) is refused; what protects is `hmac`.

use std::fmt;

/// How version 2 packets are authenticated.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Authentication {
    /// Type 0; the eight bytes are sent as zeros and ignored on reception.
    #[default]
    None,
    /// Type 1, `auth_type PASS`: eight bytes, padded with zeros.
    Pass([u8; LENGTH]),
}

impl Authentication {
    /// From `auth_pass`: keepalived uses the first eight characters.
    pub fn password(text: &str) -> Self {
        let mut bytes = [0; LENGTH];
        for (to, from) in bytes.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Self::Pass(bytes)
    }

    pub(super) const fn type_number(&self) -> u8 {
        match self {
            Self::None => TYPE_NONE,
            Self::Pass(_) => TYPE_PASS,
        }
    }

    pub(super) const fn data(&self) -> [u8; LENGTH] {
        match self {
            Self::None => [0; LENGTH],
            Self::Pass(password) => *password,
        }
    }

    /// Whether a received packet's field is what this instance expects.
    pub fn check(&self, field: Field<'_>) -> Result<(), super::Rejection> {
        match (self, field) {
            (Self::None, Field::None) => Ok(()),
            (Self::Pass(ours), Field::Pass(theirs)) if same(ours, theirs) => Ok(()),
            (Self::Pass(_), Field::Pass(_)) => Err(super::Rejection::Password),
            _ => Err(super::Rejection::AuthMismatch),
        }
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Pass(_) => "Pass(..)",
        })
    }
}

/// The authentication a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// Type 0, or version 3.
    None,
    /// Type 1.
    Pass(&'a [u8; LENGTH]),
}

/// Compares without telling by its time where the difference is.
fn same(a: &[u8; LENGTH], b: &[u8; LENGTH]) -> bool {
    a.iter().zip(b).fold(0, |seen, (x, y)| seen | (x ^ y)) == 0
}

/// The bytes of authentication data that follow the addresses of every version 2 packet.
pub const LENGTH: usize = 8;
pub(super) const TYPE_NONE: u8 = 0;
pub(super) const TYPE_PASS: u8 = 1;
pub(super) const TYPE_AH: u8 = 2;

/// Why `auth_type AH` is refused.
pub const AH_REFUSED: &str = "auth_type AH is not supported: its HMAC-MD5 inside an IPsec header is \
     obsolete and was dropped by RFC 3768; use auth_hmac, or auth_type PASS with partners that have \
     nothing else";
