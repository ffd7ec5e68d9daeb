//! How a stream ended: whose fault, in which phase, which letters, which answer.
//!
//! It sends nothing. The letters are those of haproxy 3.4 configuration 8.5.

use lbd_rules::facts::TermLetters;

use crate::live::Ending;

/// What a stream was doing when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Nothing special: it was complete.
    #[default]
    Done,
    /// Waiting for the request.
    Request,
    /// Waiting in a queue.
    Queue,
    /// Connecting to the server.
    Connect,
    /// Waiting for the response head.
    Headers,
    /// Moving data.
    Data,
    /// Sending the last data to the client while the server has closed.
    Last,
    /// Held back by `tarpit`.
    Tarpit,
}

impl Phase {
    fn letter(self) -> u8 {
        match self {
            Self::Done => b'-',
            Self::Request => b'R',
            Self::Queue => b'Q',
            Self::Connect => b'C',
            Self::Headers => b'H',
            Self::Data => b'D',
            Self::Last => b'L',
            Self::Tarpit => b'T',
        }
    }
}

/// Why a stream ended before its natural end, by culprit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamError {
    /// The client closed or reset.
    ClientAbort,
    /// The client let a timeout pass.
    ClientTimeout,
    /// The client's message is invalid; the status to answer.
    ClientFault(u16),
    /// The server refused, closed or reset.
    ServerAbort,
    /// A reused connection broke before any answer and the request must not be sent again: the
    /// client is left to repeat it.
    ServerGone,
    /// The server did not take a request that was sent as early data.
    EarlyRefused,
    /// The server let a timeout pass.
    ServerTimeout,
    /// The server's message is invalid.
    ServerFault,
    /// No server can take the stream.
    NoServer,
    /// A rule decided; the status to answer, 0 for none.
    Rule(u16),
    /// A rule refused the response; the status to answer.
    ResponseRule(u16),
    /// Memory, descriptors or ports ran out.
    Resource,
    /// Our own fault.
    Internal,
    /// Ended from outside.
    Ended(Ending),
}

impl StreamError {
    fn letter(self) -> u8 {
        match self {
            Self::ClientAbort => b'C',
            Self::ClientTimeout => b'c',
            Self::ServerAbort | Self::ServerGone | Self::EarlyRefused | Self::NoServer => b'S',
            Self::ServerTimeout => b's',
            Self::ClientFault(_) | Self::ServerFault | Self::Rule(_) | Self::ResponseRule(_) => {
                b'P'
            }
            Self::Resource => b'R',
            Self::Internal => b'I',
            Self::Ended(Ending::ServerDown) => b'D',
            Self::Ended(Ending::BackupReplaced) => b'U',
            Self::Ended(Ending::Killed | Ending::Stopped) => b'K',
        }
    }

    /// The status that answers the client when nothing has been sent yet; `None`: close without.
    pub fn status(self, phase: Phase) -> Option<u16> {
        match self {
            Self::ClientFault(status) | Self::Rule(status) | Self::ResponseRule(status) => {
                Some(status).filter(|status| *status != 0)
            }
            Self::ClientTimeout if phase == Phase::Request => Some(408),
            // The request's head was in time; the rest of it is what did not come.
            Self::ClientTimeout => Some(400),
            Self::ClientAbort => match phase {
                // Nobody is there to read it.
                Phase::Queue | Phase::Connect => None,
                Phase::Tarpit => Some(500),
                _ => Some(400),
            },
            Self::NoServer => Some(503),
            Self::ServerAbort | Self::ServerTimeout => match (phase, self) {
                (Phase::Queue | Phase::Connect, _) => Some(503),
                (_, Self::ServerTimeout) => Some(504),
                _ => Some(502),
            },
            Self::ServerFault => Some(502),
            // RFC 8470 5.2: the client may send it again.
            Self::EarlyRefused => Some(425),
            Self::ServerGone => None,
            Self::Resource => match phase {
                Phase::Queue | Phase::Connect => Some(503),
                _ => Some(500),
            },
            Self::Internal => Some(500),
            // Who is ended from outside is told nothing, in whatever phase, as in the reference.
            Self::Ended(_) => None,
        }
    }

    /// Writes the first two letters; the cookie's are kept.
    pub fn mark(self, phase: Phase, letters: &mut TermLetters) {
        if letters.cause == b'-' {
            letters.cause = self.letter();
            letters.phase = match self {
                // The reference says so of every phase.
                Self::Ended(_) => Phase::Connect.letter(),
                _ => phase.letter(),
            };
        }
    }
}

/// Marks an answer that lbd gave by itself: redirects, monitor, services.
pub fn mark_local(phase: Phase, letters: &mut TermLetters) {
    if letters.cause == b'-' {
        letters.cause = b'L';
        letters.phase = phase.letter();
    }
}

#[cfg(test)]
mod tests;
