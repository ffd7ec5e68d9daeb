//! Retry and redispatch: whether a failed attempt is repeated, where and when (haproxy 3.4
//! configuration 4.2 `retries`, `option redispatch`, `retry-on`).
//!
//! It keeps no request: the caller says whether it can send it again.

use lbd_core::bits;
use std::time::Duration;

use crate::spec::State;

/// Conditions of `retry-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryOn(u32);

/// How an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection.
    Connection,
    /// The server closed without an answer, or the request could not be sent.
    EmptyResponse,
    /// The answer makes no sense.
    JunkResponse,
    /// No answer in time.
    ResponseTimeout,
    /// The answer has this status.
    Status(u16),
    /// The server refused early data.
    ZeroRttRejected,
}

const CONN_FAILURE: u32 = 1;
const EMPTY_RESPONSE: u32 = 1 << 1;
const JUNK_RESPONSE: u32 = 1 << 2;
const RESPONSE_TIMEOUT: u32 = 1 << 3;
const ZERO_RTT_REJECTED: u32 = 1 << 4;
const FIRST_STATUS_BIT: u32 = 5;

/// Statuses that `retry-on` knows.
pub const RETRY_STATUSES: [u16; 12] = [401, 403, 404, 408, 421, 425, 429, 500, 501, 502, 503, 504];

impl RetryOn {
    /// `none`.
    pub const NONE: Self = Self(0);

    /// The set of a word of `retry-on`, `none` excepted (it stands alone: `NONE`); `None` for a
    /// word that has no meaning.
    pub fn parse(word: &str) -> Option<Self> {
        let bits = match word {
            "0rtt-rejected" => ZERO_RTT_REJECTED,
            "all-retryable-errors" => {
                let causes = CONN_FAILURE | EMPTY_RESPONSE | JUNK_RESPONSE;
                let statuses = [500, 502, 503, 504].iter().filter_map(|s| status_bit(*s));
                statuses.fold(causes | RESPONSE_TIMEOUT | ZERO_RTT_REJECTED, |all, bit| {
                    all | bit
                })
            }
            "conn-failure" => CONN_FAILURE,
            "empty-response" => EMPTY_RESPONSE,
            "junk-response" => JUNK_RESPONSE,
            "response-timeout" => RESPONSE_TIMEOUT,
            number => status_bit(number.parse().ok()?)?,
        };
        Some(Self(bits))
    }

    /// Both sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether that failure is in the set.
    pub fn covers(self, failure: Failure) -> bool {
        let bit = match failure {
            Failure::Connection => CONN_FAILURE,
            Failure::EmptyResponse => EMPTY_RESPONSE,
            Failure::JunkResponse => JUNK_RESPONSE,
            Failure::ResponseTimeout => RESPONSE_TIMEOUT,
            Failure::Status(status) => status_bit(status).unwrap_or(0),
            Failure::ZeroRttRejected => ZERO_RTT_REJECTED,
        };
        self.0 & bit != 0
    }

    /// Whether requests must be kept until an answer comes.
    pub fn needs_request(self) -> bool {
        self.0 & !CONN_FAILURE != 0
    }

    /// Whether a request may be lost on a reused connection without harm.
    pub fn makes_reuse_safe(self) -> bool {
        let all = CONN_FAILURE | EMPTY_RESPONSE | RESPONSE_TIMEOUT;
        self.0 & all == all
    }
}

impl Default for RetryOn {
    /// `conn-failure`.
    fn default() -> Self {
        Self(CONN_FAILURE)
    }
}

fn status_bit(status: u16) -> Option<u32> {
    let at = RETRY_STATUSES.iter().position(|s| *s == status)?;
    Some(1 << (FIRST_STATUS_BIT + bits::count32(at)))
}

/// What a backend says about retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySpec {
    /// `retries`.
    pub retries: u32,
    /// Interval of `option redispatch` (-1 when it is not given); `None` without the option.
    pub redispatch: Option<i32>,
    /// `retry-on`.
    pub on: RetryOn,
    /// `timeout connect`, when set.
    pub connect_timeout: Option<Duration>,
}

impl Default for RetrySpec {
    /// Three retries after connection failures, on the same server.
    fn default() -> Self {
        Self {
            retries: 3,
            redispatch: None,
            on: RetryOn::default(),
            connect_timeout: None,
        }
    }
}

/// The attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Retries made before it.
    pub retries: u32,
    /// The request can be sent again from its start.
    pub replayable: bool,
    /// Bound to its server by `force-persist`.
    pub forced: bool,
    /// The server came from persistence.
    pub direct: bool,
    /// State of the server now.
    pub server: State,
    /// Usable servers of the backend that are not backups.
    pub active: u32,
    /// The algorithm is a hash.
    pub hashed: bool,
    /// It was made on a reused connection.
    pub reused: bool,
    /// The failure came while waiting, not at once from the call to connect.
    pub delayed: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Report the failure.
    GiveUp,
    /// Give the slot back, forget persistence, and ask the roster again, avoiding the server.
    Redispatch {
        /// After that time.
        after: Duration,
    },
    /// Try the same server again.
    SameServer {
        /// After that time.
        after: Duration,
    },
}

impl RetrySpec {
    /// What to do after that failure.
    pub fn decide(&self, failure: Failure, attempt: &Attempt) -> Retry {
        let possible = failure == Failure::Connection || attempt.replayable;
        if attempt.retries >= self.retries || !possible || !self.on.covers(failure) {
            return Retry::GiveUp;
        }
        let elsewhere = self.goes_elsewhere(attempt);
        let same = !elsewhere || attempt.active <= 1;
        let waits = failure == Failure::Connection && attempt.delayed && same && !attempt.reused;
        let after = if waits { self.pause() } else { Duration::ZERO };
        if elsewhere {
            Retry::Redispatch { after }
        } else {
            Retry::SameServer { after }
        }
    }

    /// The server is down; or this retry is one at which the option redispatches; or any server
    /// is as good as the failed one.
    fn goes_elsewhere(&self, attempt: &Attempt) -> bool {
        let Some(interval) = self.redispatch else {
            return false;
        };
        if attempt.forced {
            return false;
        }
        let number = i64::from(attempt.retries) + 1;
        let every = if interval > 0 {
            i64::from(interval)
        } else {
            i64::from(self.retries) + 1 + i64::from(interval)
        };
        let turn = interval != 0 && every != 0 && number % every == 0;
        let free = !attempt.direct && attempt.active > 1 && !attempt.hashed;
        matches!(attempt.server, State::Stopped | State::Starting) || turn || free
    }

    /// A second before the same server is tried again, less when connections time out sooner.
    fn pause(&self) -> Duration {
        let second = Duration::from_secs(1);
        self.connect_timeout.map_or(second, |t| t.min(second))
    }
}

#[cfg(test)]
mod tests;
