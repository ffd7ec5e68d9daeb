//! `show fd`: the descriptors of the process and whose they are (haproxy 3.4 management 9.3).
//!
//! The reference shows its own table, lbd what the system knows: the layout is the same as far as both
//! say the same.

use std::fmt::Write;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::time::Duration;

use lbd_config::config::{AccessLevel, ListenAddress, ServerAddress};
use lbd_proxy::live::SessionView;
use lbd_proxy::state::Generation;

use super::command::{ApiCommand, Call, command};
use crate::descriptors::{self, Descriptor, Kind, Place};

pub(super) const COMMANDS: &[ApiCommand] = &[command(
    &["show", "fd"],
    "show fd [-!plcfbsd]* [num]",
    "descriptors of the process, or one of them",
    AccessLevel::Operator,
    show,
)];

/// Whose a descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A connection of a client.
    Front,
    Listener,
    Other,
    Pipe,
    /// A connection to a server.
    Server,
    /// A connection to where a backend without servers goes.
    Dispatch,
}

const ALL: [Class; 6] = [
    Class::Front,
    Class::Listener,
    Class::Other,
    Class::Pipe,
    Class::Server,
    Class::Dispatch,
];

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Wanted {
    /// `None` for all.
    classes: Option<Vec<Class>>,
    fd: Option<RawFd>,
}

impl Wanted {
    /// Reads words as the reference does.
    fn parse(words: &[String]) -> Option<Self> {
        let mut wanted = Self::default();
        for word in words {
            if word.starts_with(|first: char| first.is_ascii_digit()) {
                // The number of a group of threads, of which there is one, may stand before.
                let fd = word.rsplit('/').next().unwrap_or_default();
                if !fd.is_empty() {
                    wanted.fd = Some(fd.parse().ok()?);
                }
                return Some(wanted);
            }
            let mut inverted = false;
            for letter in word.chars() {
                let chosen: &[Class] = match letter {
                    '-' | '!' => {
                        inverted = true;
                        continue;
                    }
                    'p' => &[Class::Pipe],
                    'l' => &[Class::Listener],
                    'c' => &[Class::Front, Class::Server, Class::Dispatch],
                    'f' => &[Class::Front],
                    'b' => &[Class::Server, Class::Dispatch],
                    's' => &[Class::Server],
                    'd' => &[Class::Dispatch],
                    _ => return None,
                };
                let known = wanted.classes.take();
                wanted.classes = Some(match inverted {
                    true => {
                        let known = known.unwrap_or_else(|| ALL.to_vec());
                        known
                            .into_iter()
                            .filter(|class| !chosen.contains(class))
                            .collect()
                    }
                    false => [known.unwrap_or_default(), chosen.to_vec()].concat(),
                });
            }
        }
        Some(wanted)
    }

    fn has(&self, fd: RawFd, class: Class) -> bool {
        let is_it = self.fd.is_none_or(|wanted| wanted == fd);
        is_it
            && self
                .classes
                .as_ref()
                .is_none_or(|classes| classes.contains(&class))
    }
}

/// Longest wait for a busy worker's list of sessions.
const PATIENCE: Duration = Duration::from_millis(500);

fn show(call: &mut Call<'_>) {
    let Some(wanted) = Wanted::parse(call.args) else {
        return call.fail("Invalid FD type");
    };
    let generation = call.daemon.shared.current();
    let owners = Owners {
        sessions: call.daemon.shared.sessions(PATIENCE),
        generation: &generation,
    };
    for each in descriptors::all() {
        let (class, text) = owners.describe(&each, call);
        if !wanted.has(each.fd, class) {
            continue;
        }
        let (events, pollers) = watchers(&each);
        // Writing to a string cannot fail.
        let _ = writeln!(
            call.out,
            "{:7} : st={events:#08x}(W:{} R:{}) ref=0 gid=1 poller={pollers} {text}",
            each.fd,
            if events & OUT != 0 { 'A' } else { 'a' },
            if events & IN != 0 { 'A' } else { 'a' },
        );
    }
}

const IN: u32 = 1;
const OUT: u32 = 4;
/// The events above and those of ends and errors; the rest are ways of telling.
const EVENTS: u32 = 0x20_1f;

/// Events that are waited for, and the event loops that do.
fn watchers(each: &Descriptor) -> (u32, String) {
    let events = each.watched.iter().fold(0, |all, (_, events)| all | events);
    let pollers: Vec<String> = each.watched.iter().map(|(fd, _)| fd.to_string()).collect();
    let pollers = match pollers.is_empty() {
        true => "-".to_owned(),
        false => pollers.join(","),
    };
    (events & EVENTS, pollers)
}

/// Who may own descriptors.
struct Owners<'g> {
    sessions: Vec<SessionView>,
    generation: &'g Generation,
}

impl Owners<'_> {
    fn describe(&self, each: &Descriptor, call: &Call<'_>) -> (Class, String) {
        match &each.kind {
            Kind::Pipe => (Class::Pipe, "pipe".to_owned()),
            Kind::Other(name) => (Class::Other, name.clone()),
            Kind::Listener(place) => {
                let frontend = self.listens(place).unwrap_or("GLOBAL");
                let name = call.caller.name(frontend);
                (
                    Class::Listener,
                    format!("l.st=RDY fe={name} {}", local(place)),
                )
            }
            Kind::Connection { local: own, peer } => self.connection(each.fd, own, peer, call),
        }
    }

    /// The frontend that listens at a place.
    fn listens(&self, place: &Place) -> Option<&str> {
        let config = &self.generation.config;
        let found = config
            .listeners
            .iter()
            .find(|line| match (&line.address, place) {
                (ListenAddress::Tcp(address), Place::Inet(found)) => address == found,
                (ListenAddress::Unix(path), Place::Unix(found)) => {
                    path.display().to_string() == *found
                }
                _ => false,
            })?;
        Some(&config.proxies.get(found.proxy.index())?.name)
    }

    fn connection(&self, fd: RawFd, own: &Place, peer: &Place, call: &Call<'_>) -> (Class, String) {
        let ends = match peer.port() {
            Some(port) => format!("{} rport={port}", local(own)),
            None => local(own),
        };
        let name = |text: &str| call.caller.name(text);
        let front = self.sessions.iter().find(|view| view.fd == fd);
        if let Some(view) = front {
            let frontend = name(&view.generation.proxy(view.frontend).name);
            return (Class::Front, format!("back=0 {ends} fe={frontend}"));
        }
        let back = self.sessions.iter().find(|view| view.server_fd == fd);
        if let Some((view, backend)) = back.and_then(|view| Some((view, view.backend?))) {
            let proxy = view.generation.proxy(backend);
            return match view
                .server
                .and_then(|server| proxy.servers.get(server.index()))
            {
                Some(server) => {
                    let (proxy, server) = (name(&proxy.name), name(&server.name));
                    (Class::Server, format!("back=1 {ends} sv={proxy}/{server}"))
                }
                None => (
                    Class::Dispatch,
                    format!("back=1 {ends} px={}", name(&proxy.name)),
                ),
            };
        }
        // An idle one belongs to whoever is at its other end.
        if let Place::Inet(address) = peer
            && let Some((proxy, server)) = self.served_at(*address)
        {
            let (proxy, server) = (name(proxy), name(server));
            return (
                Class::Server,
                format!("back=1 {ends} sv={proxy}/{server} idle"),
            );
        }
        let frontend = self.listens(own);
        let frontend = frontend.map_or_else(|| "GLOBAL".to_owned(), name);
        (Class::Front, format!("back=0 {ends} fe={frontend}"))
    }

    fn served_at(&self, address: SocketAddr) -> Option<(&str, &str)> {
        let mut all = self.generation.proxies.iter().flat_map(|proxy| {
            let servers = proxy.servers.iter();
            servers.map(move |server| (&*proxy.name, server))
        });
        let found = all.find(|(_, server)| match &*server.address() {
            ServerAddress::Inet(known) => *known == address,
            _ => false,
        });
        found.map(|(proxy, server)| (proxy, &*server.name))
    }
}

fn local(place: &Place) -> String {
    match place.port() {
        Some(port) => format!("fam={} lport={port}", place.family()),
        None => format!("fam={}", place.family()),
    }
}

#[cfg(test)]
mod tests;
