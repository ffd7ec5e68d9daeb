//! Cookie persistence: which server a cookie names, and what becomes of cookies on both ways
//! (haproxy 3.4 configuration 4.2 `cookie`, 8.5 for the two letters of the log).
//!
//! It edits no message: the caller finds the cookies and carries the decisions out.

mod date;
mod dynamic;

use lbd_core::{ServerId, WallTime};

pub use dynamic::{dynamic_cookie, rdp_target};

/// What `cookie` does with the application's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieMode {
    /// `insert`: a cookie of our own.
    Insert,
    /// Neither of the others: the application sets the cookie, it is only read.
    Passive,
    /// `prefix`: the server's name is put before the application's value.
    Prefix,
    /// `rewrite`: the application's value is replaced.
    Rewrite,
}

/// The `cookie` statement of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieSpec {
    /// Name of the cookie.
    pub name: String,
    /// What it does.
    pub mode: CookieMode,
    /// `indirect`: neither does the server see it nor the client what the server sets.
    pub indirect: bool,
    /// `nocache`.
    pub nocache: bool,
    /// `postonly`.
    pub postonly: bool,
    /// `preserve`.
    pub preserve: bool,
    /// `httponly`.
    pub httponly: bool,
    /// `secure`.
    pub secure: bool,
    /// `domain`, in their order.
    pub domains: Vec<String>,
    /// `maxidle` in seconds; 0 for none.
    pub maxidle: u32,
    /// `maxlife` in seconds; 0 for none.
    pub maxlife: u32,
    /// `attr`, in their order.
    pub attributes: Vec<String>,
}

impl CookieSpec {
    /// A cookie of that name without options.
    pub fn new(name: impl Into<String>, mode: CookieMode) -> Self {
        Self {
            name: name.into(),
            mode,
            indirect: false,
            nocache: false,
            postonly: false,
            preserve: false,
            httponly: false,
            secure: false,
            domains: Vec::new(),
            maxidle: 0,
            maxlife: 0,
            attributes: Vec::new(),
        }
    }
}

/// What the client's cookie was worth: third letter of the termination state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCookie {
    /// `D`: its server is down.
    Down,
    /// `E`: unused for too long.
    Expired,
    /// `I`: it matches no server.
    Invalid,
    /// `N`: there was none.
    #[default]
    None,
    /// `O`: given too long ago.
    Old,
    /// `U`: not looked at (`use-server`, `ignore-persist`).
    Unused,
    /// `V`: valid.
    Valid,
}

impl ClientCookie {
    /// The letter in the log.
    pub fn letter(self) -> char {
        match self {
            Self::Down => 'D',
            Self::Expired => 'E',
            Self::Invalid => 'I',
            Self::None => 'N',
            Self::Old => 'O',
            Self::Unused => 'U',
            Self::Valid => 'V',
        }
    }
}

/// What was done with the response's cookie: fourth letter of the termination state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServerCookie {
    /// `D`: the server's was removed.
    Deleted,
    /// `I`: one was inserted.
    Inserted,
    /// `N`: there was none.
    #[default]
    None,
    /// `P`: the server's went through.
    Passive,
    /// `R`: the server's was changed.
    Rewritten,
    /// `U`: the dates of the client's were renewed.
    Updated,
}

impl ServerCookie {
    /// The letter in the log.
    pub fn letter(self) -> char {
        match self {
            Self::Deleted => 'D',
            Self::Inserted => 'I',
            Self::None => 'N',
            Self::Passive => 'P',
            Self::Rewritten => 'R',
            Self::Updated => 'U',
        }
    }
}

/// Persistence of one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CookieState {
    /// Worth of the client's cookie.
    pub client: ClientCookie,
    /// What was done in the response.
    pub server: ServerCookie,
    /// The stream goes to the server that its cookie names.
    pub direct: bool,
    /// Seconds since the epoch when the client was last seen, 0 for unknown.
    pub last_seen: u64,
    /// Seconds since the epoch when it was first seen, 0 for unknown.
    pub first_seen: u64,
}

impl CookieState {
    /// The stream was sent to another server than its cookie named.
    pub fn redispatched(&mut self) {
        self.direct = false;
        if self.client == ClientCookie::Valid {
            self.client = ClientCookie::Down;
        }
    }
}

/// What else decides about the client's cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CookieContext {
    /// `option persist`, or `force-persist` for this stream: a server that is down will do.
    pub even_down: bool,
    /// `ignore-persist` for this stream, or a server is assigned already (`use-server`).
    pub ignored: bool,
    /// Now.
    pub now: WallTime,
}

/// What to do with a cookie of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestEdit {
    /// Leave it.
    Keep,
    /// Take it out of the header, with the header when nothing else is in it.
    Remove,
    /// Take that many bytes off the start of its value.
    Strip(usize),
}

/// What to do with a `Set-Cookie` of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseEdit<'a> {
    /// Leave it.
    Keep,
    /// Put this and `~` before its value.
    Prefix(&'a [u8]),
    /// Take the whole header out.
    Remove,
    /// Make this its value.
    Replace(&'a [u8]),
}

/// A `Set-Cookie` to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insertion {
    /// Value of the header.
    pub value: Vec<u8>,
    /// Add `Cache-control: private` too when the response could be cached (`nocache`).
    pub private: bool,
}

/// Cookie persistence of one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persistence {
    spec: CookieSpec,
    /// Values with their servers, in the order of the servers.
    servers: Vec<(Vec<u8>, ServerId)>,
}

impl Persistence {
    /// Persistence over the servers that have a cookie, in the order of the configuration;
    /// several may share one value.
    pub fn new(spec: CookieSpec, servers: Vec<(Vec<u8>, ServerId)>) -> Self {
        Self { spec, servers }
    }

    /// The statement.
    pub fn spec(&self) -> &CookieSpec {
        &self.spec
    }

    /// The value that names that server.
    pub fn cookie_of(&self, server: ServerId) -> Option<&[u8]> {
        self.servers
            .iter()
            .find(|(_, s)| *s == server)
            .map(|(value, _)| value.as_slice())
    }

    /// Takes a request cookie of our name: the server it names, when it may be used, and what to
    /// do with the cookie. `is_stopped` says whether a server is down.
    pub fn on_request(
        &self,
        state: &mut CookieState,
        value: &[u8],
        context: &CookieContext,
        is_stopped: impl Fn(ServerId) -> bool,
    ) -> (Option<ServerId>, RequestEdit) {
        let mut named = value;
        let mut edit = RequestEdit::Keep;
        if self.spec.mode == CookieMode::Prefix {
            if let Some(at) = value.iter().position(|&b| b == PREFIX_END) {
                named = &value[..at];
                edit = RequestEdit::Strip(at + 1);
            }
        } else {
            named = self.read_dates(state, value);
            if self.spec.mode == CookieMode::Insert && self.spec.indirect {
                edit = RequestEdit::Remove;
            }
        }
        if self.is_outdated(state, context.now) {
            named = &[];
        }
        let ignored = context.ignored || state.direct || named.is_empty();
        let server = if ignored {
            None
        } else {
            self.find(state, named, context, is_stopped)
        };
        if server.is_some() {
            state.direct = true;
        } else if state.client == ClientCookie::None {
            state.client = if context.ignored {
                ClientCookie::Unused
            } else {
                ClientCookie::Invalid
            };
        }
        (server, edit)
    }

    /// Takes a `Set-Cookie` of our name that `server` sent; `ignored` under `ignore-persist`.
    pub fn on_response(
        &self,
        state: &mut CookieState,
        server: Option<ServerId>,
        ignored: bool,
    ) -> ResponseEdit<'_> {
        if ignored {
            return ResponseEdit::Keep;
        }
        state.server = ServerCookie::Passive;
        let inserting = server.is_some() && self.spec.mode == CookieMode::Insert;
        if self.spec.preserve {
            return ResponseEdit::Keep;
        }
        if inserting || (state.direct && self.spec.indirect) {
            state.server = ServerCookie::Deleted;
            return ResponseEdit::Remove;
        }
        let Some(value) = server.and_then(|s| self.cookie_of(s)) else {
            return ResponseEdit::Keep;
        };
        match self.spec.mode {
            CookieMode::Insert | CookieMode::Passive => ResponseEdit::Keep,
            CookieMode::Prefix => {
                state.server = ServerCookie::Rewritten;
                ResponseEdit::Prefix(value)
            }
            CookieMode::Rewrite => {
                state.server = ServerCookie::Rewritten;
                ResponseEdit::Replace(value)
            }
        }
    }

    /// The cookie to be added to a response of `server` when all of its own were looked at;
    /// `ignored` under `ignore-persist`, `is_post` for a request by POST.
    pub fn insertion(
        &self,
        state: &mut CookieState,
        server: ServerId,
        is_post: bool,
        ignored: bool,
        now: WallTime,
    ) -> Option<Insertion> {
        let spec = &self.spec;
        let kept = state.server == ServerCookie::Passive && spec.preserve;
        let held_back = ignored || kept || (spec.postonly && !is_post);
        if spec.mode != CookieMode::Insert || held_back || !self.is_wanted(state, now) {
            return None;
        }
        let cookie = self.cookie_of(server);
        let mut value = spec.name.as_bytes().to_vec();
        value.push(b'=');
        match cookie {
            None => value.extend_from_slice(b"; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"),
            Some(cookie) => {
                value.extend_from_slice(cookie);
                self.write_dates(&mut value, state, now);
                value.extend_from_slice(b"; path=/");
            }
        }
        for domain in &spec.domains {
            value.extend_from_slice(b"; domain=");
            value.extend_from_slice(domain.as_bytes());
        }
        if spec.httponly {
            value.extend_from_slice(b"; HttpOnly");
        }
        if spec.secure {
            value.extend_from_slice(b"; Secure");
        }
        for attribute in &spec.attributes {
            value.extend_from_slice(b"; ");
            value.extend_from_slice(attribute.as_bytes());
        }
        let renewed = cookie.is_some() && state.direct;
        state.server = if renewed {
            ServerCookie::Updated
        } else {
            ServerCookie::Inserted
        };
        Some(Insertion {
            value,
            private: spec.nocache && cookie.is_some(),
        })
    }

    /// Whether the client lacks a cookie for this server or its dates are to be renewed.
    fn is_wanted(&self, state: &CookieState, now: WallTime) -> bool {
        let (idle, life) = (self.spec.maxidle > 0, self.spec.maxlife > 0);
        let stale = (idle || state.last_seen > 0) && state.last_seen < now.secs();
        !state.direct || stale || life != (state.first_seen > 0)
    }

    /// Keeps the dates behind the bars and gives what is before them.
    fn read_dates<'a>(&self, state: &mut CookieState, value: &'a [u8]) -> &'a [u8] {
        let mut parts = value.splitn(3, |&b| b == DATE_BAR);
        let named = parts.next().unwrap_or_default();
        if let Some(last) = parts.next() {
            let behind = &value[named.len() + 1..];
            state.last_seen = date::decode(behind).unwrap_or(state.last_seen);
            if parts.next().is_some() {
                let first = &behind[last.len() + 1..];
                state.first_seen = date::decode(first).unwrap_or(state.first_seen);
            }
        }
        named
    }

    fn write_dates(&self, value: &mut Vec<u8>, state: &CookieState, now: WallTime) {
        if self.spec.maxidle == 0 && self.spec.maxlife == 0 {
            return;
        }
        let today = now.secs() + 3;
        value.push(DATE_BAR);
        value.extend_from_slice(&date::encode(today));
        if self.spec.maxlife > 0 {
            let first = if state.first_seen > 0 {
                state.first_seen
            } else {
                today
            };
            value.push(DATE_BAR);
            value.extend_from_slice(&date::encode(first));
        }
    }

    /// Whether the dates are too old, or further in the future than clocks differ.
    fn is_outdated(&self, state: &mut CookieState, now: WallTime) -> bool {
        let beyond = |seen: u64, most: u32| {
            let now = now.secs();
            seen > 0
                && most > 0
                && (now.saturating_sub(seen) > u64::from(most)
                    || seen.saturating_sub(now) > MAX_CLOCK_SKEW)
        };
        state.client = if beyond(state.first_seen, self.spec.maxlife) {
            ClientCookie::Old
        } else if beyond(state.last_seen, self.spec.maxidle) {
            ClientCookie::Expired
        } else {
            return false;
        };
        (state.first_seen, state.last_seen) = (0, 0);
        true
    }

    /// The first usable server of that value.
    fn find(
        &self,
        state: &mut CookieState,
        named: &[u8],
        context: &CookieContext,
        is_stopped: impl Fn(ServerId) -> bool,
    ) -> Option<ServerId> {
        for (value, server) in &self.servers {
            if value != named {
                continue;
            }
            let stopped = is_stopped(*server);
            state.client = if stopped {
                ClientCookie::Down
            } else {
                ClientCookie::Valid
            };
            if !stopped || context.even_down {
                return Some(*server);
            }
        }
        None
    }
}

const PREFIX_END: u8 = b'~';
const DATE_BAR: u8 = b'|';
/// Cookies dated further in the future than a day are not believed.
const MAX_CLOCK_SKEW: u64 = 86_400;

#[cfg(test)]
mod tests;
