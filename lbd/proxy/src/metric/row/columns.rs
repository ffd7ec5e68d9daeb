//! The columns of a row, and the texts in them.
//!
//! Which column shows which is [`super::super::column`]'s matter.

use std::sync::atomic::Ordering::Relaxed;

use lbd_backend::health::{HealthSnapshot, ProbeSnapshot, Which};
use lbd_backend::{Algorithm, KeySpec, State};
use lbd_config::config::{ListenAddress, Mode, ServerAddress};

use super::{FBS, Object, Row};
use crate::metric::Field::{self, Empty, S32, Str, U32, U64};
use crate::state::counters::Shards;

impl Row<'_> {
    pub(in crate::metric) fn queue_now(&self) -> Field {
        match &self.object {
            Object::Backend(view) => U32(view.queued),
            Object::Server(_, _, view) => U32(view.queued),
            _ => Empty,
        }
    }

    pub(in crate::metric) fn queue_max(&self) -> Field {
        match &self.object {
            Object::Backend(view) => U32(view.queued_max),
            Object::Server(_, _, view) => U32(view.queued_max),
            _ => Empty,
        }
    }

    pub(in crate::metric) fn sessions_now(&self) -> u32 {
        match &self.object {
            Object::Backend(_) => self.proxy.streams.get(),
            Object::Frontend => self.proxy.sessions.get(),
            Object::Listener(_, _, state) => state.connections.get(),
            Object::Server(_, _, view) => view.served,
        }
    }

    pub(in crate::metric) fn sessions_max(&self) -> u32 {
        match &self.object {
            Object::Backend(_) => self.proxy.streams.max(),
            Object::Frontend => self.proxy.sessions.max(),
            Object::Listener(_, _, state) => state.connections.max(),
            Object::Server(_, _, view) => view.served_max,
        }
    }

    pub(in crate::metric) fn session_limit(&self) -> Field {
        match &self.object {
            Object::Backend(_) => U32(self.spec.backend.roster.fullconn),
            Object::Frontend => U32(self.proxy.maxconn.load(Relaxed)),
            Object::Listener(bind, ..) => U32(bind.options.maxconn),
            Object::Server(_, _, view) if view.maxconn > 0 => U32(view.maxconn),
            Object::Server(..) => Empty,
        }
    }

    pub(in crate::metric) fn weight(&self) -> Field {
        match &self.object {
            Object::Backend(view) => U32(view.weight),
            Object::Server(_, _, view) => U32(view.weight),
            _ => Empty,
        }
    }

    pub(in crate::metric) fn user_weight(&self) -> Field {
        match &self.object {
            Object::Backend(view) => U32(view.weight),
            Object::Server(_, _, view) => U32(view.placement.weight),
            _ => Empty,
        }
    }

    pub(in crate::metric) fn active(&self) -> Field {
        match &self.object {
            Object::Backend(view) => U32(view.active),
            Object::Server(spec, ..) => U32(u32::from(!spec.roster.backup)),
            _ => Empty,
        }
    }

    pub(in crate::metric) fn backup(&self) -> Field {
        match &self.object {
            Object::Backend(view) => U32(view.backup),
            Object::Server(spec, ..) => U32(u32::from(spec.roster.backup)),
            _ => Empty,
        }
    }

    /// Whether the health check is turned on; an agent alone does not count.
    fn has_check(&self) -> bool {
        let check = self
            .health
            .as_ref()
            .and_then(|health| health.check.as_ref());
        check.is_some_and(|check| check.enabled)
    }

    /// A number of a server that is checked.
    pub(in crate::metric) fn checked(&self, read: impl Fn(&HealthSnapshot) -> Field) -> Field {
        let health = self.health.as_deref().filter(|_| self.has_check());
        health.map_or(Empty, read)
    }

    pub(in crate::metric) fn downs(&self) -> Field {
        match &self.object {
            Object::Backend(_) => U64(self.proxy.availability.downs() + self.totals.earlier_downs),
            _ => self.checked(|health| U64(health.downs + self.totals.earlier_downs)),
        }
    }

    pub(in crate::metric) fn last_change(&self) -> Field {
        match &self.object {
            Object::Backend(_) => U32(narrow(
                self.proxy.availability.seconds_since_change(self.now),
            )),
            Object::Server(_, _, view) => {
                let since = self.health.as_ref().map_or_else(
                    || self.now.since(view.placement.since),
                    |health| health.since_change(self.now),
                );
                U32(narrow(since.as_secs()))
            }
            _ => Empty,
        }
    }

    pub(in crate::metric) fn downtime(&self) -> Field {
        match &self.object {
            Object::Backend(_) if self.proxy.servers.is_empty() => Empty,
            Object::Backend(_) => U32(narrow(self.proxy.availability.downtime(self.now))),
            _ => self.checked(|health| U32(narrow(health.downtime(self.now).as_secs()))),
        }
    }

    pub(in crate::metric) fn queue_limit(&self) -> Field {
        match &self.object {
            Object::Server(spec, ..) if spec.roster.maxqueue > 0 => U32(spec.roster.maxqueue),
            _ => Empty,
        }
    }

    pub(in crate::metric) fn throttle(&self) -> Field {
        match &self.object {
            Object::Server(_, _, view) if view.placement.state == State::Starting => {
                view.throttle.map_or(Empty, U32)
            }
            _ => Empty,
        }
    }

    pub(in crate::metric) fn chosen(&self) -> u64 {
        match &self.object {
            Object::Server(_, _, view) => view.chosen + self.totals.earlier_choices,
            Object::Backend(_) => {
                let servers = self.proxy.servers.iter();
                let chosen = servers
                    .filter_map(|s| self.proxy.roster.server(s.id, self.now))
                    .map(|v| v.chosen);
                chosen.sum::<u64>() + self.totals.earlier_choices
            }
            _ => 0,
        }
    }

    pub(in crate::metric) fn tracked(&self) -> Field {
        self.health
            .as_ref()
            .and_then(|health| health.track.clone())
            .map_or(Empty, Str)
    }

    pub(in crate::metric) fn probe(
        &self,
        which: Which,
        read: impl Fn(&ProbeSnapshot) -> Field,
    ) -> Field {
        self.running_probe(which).map_or(Empty, read)
    }

    /// A check that goes on.
    pub(super) fn running_probe(&self, which: Which) -> Option<&ProbeSnapshot> {
        let health = self.health.as_deref()?;
        let probe = match which {
            Which::Agent => &health.agent,
            Which::Health => &health.check,
        };
        let probe = probe.as_ref();
        probe.filter(|probe| probe.enabled && !probe.paused)
    }

    pub(in crate::metric) fn observed(&self) -> Field {
        let Object::Server(spec, ..) = &self.object else {
            return Empty;
        };
        if spec.health.observe.is_none() {
            return Empty;
        }
        self.health.as_ref().map_or(Empty, |health| {
            U64(health.failed_observations + self.totals.earlier_observations)
        })
    }

    pub(in crate::metric) fn http(&self, class: usize) -> Field {
        let is_http = self.spec.mode == Mode::Http;
        self.on(
            FBS,
            if is_http {
                U64(self.totals.responses[class])
            } else {
                Empty
            },
        )
    }

    pub(in crate::metric) fn requests(&self) -> Field {
        match self.object {
            // The reference's frontends have it in every mode.
            Object::Frontend => U64(self.totals.requests),
            _ => self.in_http(FBS, U64(self.totals.requests)),
        }
    }

    pub(in crate::metric) fn last_session(&self) -> Field {
        match Shards::since_last_session(self.totals.last_session, self.now) {
            None => S32(-1),
            Some(ago) => S32(i32::try_from(ago).unwrap_or(i32::MAX)),
        }
    }

    pub(in crate::metric) fn address(&self) -> Field {
        match &self.object {
            _ if !self.shows.details => Empty,
            Object::Listener(_, spec, _) => Str(listen_text(&spec.address)),
            Object::Server(_, state, _) => Str(server_text(&state.address())),
            _ => Empty,
        }
    }

    pub(in crate::metric) fn protocol(&self) -> Field {
        let Object::Listener(_, spec, _) = &self.object else {
            return Empty;
        };
        let word = match &spec.address {
            ListenAddress::Tcp(address) if address.is_ipv6() => "tcpv6",
            ListenAddress::Tcp(_) | ListenAddress::Fd(_) => "tcpv4",
            ListenAddress::Unix(_) | ListenAddress::Abstract { .. } => "unix_stream",
            ListenAddress::SockPair(_) => "sockpair",
        };
        Str(word.to_owned())
    }

    pub(in crate::metric) fn cookie(&self) -> Field {
        match &self.object {
            _ if !self.shows.details => Empty,
            Object::Backend(_) => match &self.spec.backend.cookie {
                Some(cookie) => Str(cookie.name.clone()),
                None => Empty,
            },
            Object::Server(spec, ..) => match &spec.cookie {
                Some(value) => Str(String::from_utf8_lossy(value).into_owned()),
                None => Empty,
            },
            _ => Empty,
        }
    }

    pub(in crate::metric) fn mode(&self) -> &'static str {
        match self.spec.mode {
            Mode::Http => "http",
            Mode::Tcp => "tcp",
        }
    }

    pub(in crate::metric) fn algorithm(&self) -> Field {
        let word = match &self.spec.backend.roster.algorithm {
            Algorithm::First => "first",
            Algorithm::Hash(key) => match key {
                KeySpec::Expr => "hash",
                KeySpec::Header { .. } => "hdr",
                KeySpec::RdpCookie(_) => "rdp-cookie",
                KeySpec::Source => "source",
                KeySpec::Uri { .. } => "uri",
                KeySpec::UrlParam { .. } => "url_param",
            },
            Algorithm::LeastConn => "leastconn",
            // The reference has no word for it.
            Algorithm::Random(_) => "unknown",
            Algorithm::RoundRobin => "roundrobin",
            Algorithm::StaticRr => "static-rr",
            Algorithm::Sticky => "sticky",
        };
        match self.shows.details {
            true => Str(word.to_owned()),
            false => Empty,
        }
    }

    pub(in crate::metric) fn idle_limit(&self) -> Field {
        match &self.object {
            Object::Server(_, state, _) => u32::try_from(state.max_idle).map_or(Empty, U32),
            _ => Empty,
        }
    }

    pub(in crate::metric) fn revision(&self) -> u32 {
        match &self.object {
            Object::Server(_, state, _) => state.epoch(),
            _ => 0,
        }
    }
}

/// The `check_status` word, with `* ` before it while a check runs.
pub(in crate::metric) fn status_name(probe: &ProbeSnapshot) -> String {
    let star = if probe.running { "* " } else { "" };
    format!("{star}{}", probe.status.name())
}

pub(in crate::metric) fn probe_code(probe: &ProbeSnapshot) -> Field {
    if probe.status.has_code() {
        U32(probe.code)
    } else {
        Empty
    }
}

pub(in crate::metric) fn probe_duration(probe: &ProbeSnapshot) -> Field {
    probe.duration.map_or(Empty, |time| {
        U64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    })
}

pub(in crate::metric) fn probe_text(probe: &ProbeSnapshot) -> Field {
    if probe.text.is_empty() {
        return Empty;
    }
    Str(String::from_utf8_lossy(&probe.text).into_owned())
}

/// A number that fits its column, at most the largest.
pub(in crate::metric) fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A listening address as the statistics show it.
fn listen_text(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp(address) => address.to_string(),
        ListenAddress::Unix(_) | ListenAddress::Abstract { .. } => "unix".to_owned(),
        ListenAddress::Fd(fd) => format!("fd@{fd}"),
        ListenAddress::SockPair(fd) => format!("sockpair@{fd}"),
    }
}

/// A server's address as the statistics show it.
fn server_text(address: &ServerAddress) -> String {
    match address {
        ServerAddress::Inet(address) => address.to_string(),
        ServerAddress::MappedPort(ip, offset) if ip.is_ipv6() => format!("[{ip}]:+{offset}"),
        ServerAddress::MappedPort(ip, offset) => format!("{ip}:+{offset}"),
        ServerAddress::Unix(_) | ServerAddress::Abstract { .. } => "unix".to_owned(),
        ServerAddress::SockPair(_) => "sockpair".to_owned(),
        ServerAddress::Transparent { port } => format!("0.0.0.0:{port}"),
        ServerAddress::None => String::new(),
    }
}
