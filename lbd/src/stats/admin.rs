//! Changes of servers by the page: a form that names a backend, servers and an action (haproxy 3.4
//! configuration 4.2, `stats admin`).
//!
//! It changes nothing itself: the check runner owns the state of servers.

use lbd_backend::State;
use lbd_backend::health::Which;
use lbd_config::config::ProxySpec;
use lbd_http::uri::param::{form_params, url_decode};
use lbd_proxy::Ending;
use lbd_proxy::service::{Answer, Form, StatsRequest};
use lbd_proxy::state::{Generation, ServerState};
use peers::proto::words::{Said, Subject, Thing};

use super::ask::{Ask, Outcome};
use super::{answer as answer_of, origin};
use crate::check::{AdminOrder, Order};
use crate::run::Daemon;

/// Carries a form out and sends the browser back to the page, with the result in its address.
pub(super) fn answer(
    daemon: &Daemon,
    request: &StatsRequest<'_>,
    form: Form<'_>,
    ask: &Ask,
) -> Answer {
    let outcome = match form {
        _ if !request.is_admin || !origin::is_own(request.head) => Outcome::Denied,
        Form::TooLong => Outcome::Exceeded,
        Form::Content(content) => carry_out(daemon, request, content),
    };
    let mut place = request.page.uri.to_vec();
    place.extend_from_slice(b";st=");
    place.extend_from_slice(outcome.code().as_bytes());
    let filters = [
        (ask.only_up, ";up"),
        (ask.no_maint, ";no-maint"),
        (
            ask.no_refresh && request.page.refresh.is_some(),
            ";norefresh",
        ),
    ];
    for (_, word) in filters.into_iter().filter(|(is_set, _)| *is_set) {
        place.extend_from_slice(word.as_bytes());
    }
    if !ask.scope.is_empty() {
        place.extend_from_slice(b"?scope=");
        place.extend_from_slice(ask.scope.as_bytes());
    }
    let fields: [(&[u8], Vec<u8>); 4] = [
        (b"cache-control", b"no-cache".to_vec()),
        (b"content-type", b"text/plain".to_vec()),
        (b"content-length", b"0".to_vec()),
        (b"location", place),
    ];
    answer_of(303, b"See Other", &fields, None)
}

/// What a form says.
#[derive(Debug, Default)]
struct Change {
    backend: Option<String>,
    action: Option<String>,
    servers: Vec<String>,
}

impl Change {
    fn parse(content: &[u8]) -> Self {
        let mut change = Self::default();
        for (name, value) in form_params(content) {
            let mut decoded = Vec::new();
            if !url_decode(value, true, &mut decoded) {
                decoded = value.to_vec();
            }
            let value = String::from_utf8_lossy(&decoded).into_owned();
            match name {
                b"action" => change.action = Some(value),
                b"b" => change.backend = Some(value),
                b"s" if change.servers.len() < MAX_SERVERS => change.servers.push(value),
                _ => {}
            }
        }
        change
    }
}

/// Servers of one form. A form fits a buffer, which holds fewer unless that was made larger.
const MAX_SERVERS: usize = 100_000;

/// What an action does to a server.
#[derive(Debug)]
enum Action {
    Order(Order<'static>),
    Shutdown,
}

/// The action of this name; the last four are older names.
fn action(name: &str) -> Option<Action> {
    let health = |state| Order::Health {
        which: Which::Health,
        state,
    };
    let agent = |state| Order::Health {
        which: Which::Agent,
        state,
    };
    let check = |which, on| Order::Enable { which, on };
    Some(Action::Order(match name {
        "ready" | "enable" | "start" => Order::Admin(AdminOrder::Ready),
        "drain" | "stop" => Order::Admin(AdminOrder::Drain),
        "maint" | "disable" => Order::Admin(AdminOrder::Maint),
        "dhlth" => check(Which::Health, false),
        "ehlth" => check(Which::Health, true),
        "hrunn" => health(State::Running),
        "hnolb" => health(State::Stopping),
        "hdown" => health(State::Stopped),
        "dagent" => check(Which::Agent, false),
        "eagent" => check(Which::Agent, true),
        "arunn" => agent(State::Running),
        "adown" => agent(State::Stopped),
        "shutdown" => return Some(Action::Shutdown),
        _ => return None,
    }))
}

fn carry_out(daemon: &Daemon, request: &StatsRequest<'_>, content: &[u8]) -> Outcome {
    let change = Change::parse(content);
    // The page may be of an older configuration: names count.
    let _gate = daemon.gate.read();
    let generation = &daemon.shared.current();
    let backend = match &change.backend {
        None => None,
        Some(name) => match find(generation, name) {
            Some(backend) => Some(backend),
            None => return Outcome::Errors,
        },
    };
    let action = match &change.action {
        None => None,
        Some(name) => match action(name) {
            Some(action) => Some(action),
            None => return Outcome::Errors,
        },
    };
    let Some((backend, action)) = backend.zip(action) else {
        return Outcome::Nothing;
    };
    let (mut done, mut unknown) = (0, 0);
    for name in &change.servers {
        match apply(daemon, request, (generation, backend), name, &action) {
            Some(true) => done += 1,
            Some(false) => {}
            None => unknown += 1,
        }
    }
    match (done, unknown) {
        (_, 0) if done > 0 => Outcome::Done,
        (_, 0) => Outcome::Nothing,
        _ if unknown == change.servers.len() => Outcome::Errors,
        _ => Outcome::Partly,
    }
}

/// The backend of a name, or of a number behind `#`.
fn find<'g>(generation: &'g Generation, name: &str) -> Option<&'g ProxySpec> {
    let uid = name
        .strip_prefix('#')
        .and_then(|uid| uid.parse::<u32>().ok());
    let proxies = generation.config.proxies.iter();
    let mut backends = proxies.filter(|proxy| proxy.caps.backend && !proxy.disabled);
    backends.find(|proxy| match uid {
        Some(uid) => proxy.uid == uid,
        None => *proxy.name == *name,
    })
}

/// Whether the server took the action; `None` when there is no such server.
fn apply(
    daemon: &Daemon,
    request: &StatsRequest<'_>,
    (generation, backend): (&Generation, &ProxySpec),
    name: &str,
    action: &Action,
) -> Option<bool> {
    let proxy = generation.proxy(backend.id);
    let server = proxy.servers.iter().find(|server| *server.name == *name)?;
    let order = match action {
        Action::Order(order) => order,
        Action::Shutdown => {
            proxy.end_server_streams(server.id, Ending::Killed, &daemon.shared);
            return Some(true);
        }
    };
    if !concerns(server, order) {
        return Some(false);
    }
    let is_done = daemon.checks.order(backend.id, server.id, order).is_ok();
    if let (true, Order::Admin(state)) = (is_done, order) {
        announce(daemon, request, backend, name, state.word());
    }
    Some(is_done)
}

/// Whether the server has what an order is about.
fn concerns(server: &ServerState, order: &Order<'_>) -> bool {
    let health = server.health();
    let has = |which| {
        health.as_ref().is_some_and(|health| match which {
            Which::Agent => health.agent.is_some(),
            Which::Health => health.check.is_some(),
        })
    };
    match order {
        Order::Enable { which, .. } => has(*which),
        Order::Health { which, .. } if *which == Which::Agent => has(*which),
        _ => true,
    }
}

/// Tells the other nodes of lbd, as the runtime API does.
fn announce(
    daemon: &Daemon,
    request: &StatsRequest<'_>,
    backend: &ProxySpec,
    server: &str,
    state: &str,
) {
    if daemon.config().peers.is_empty() {
        return;
    }
    let source = request.source.map(|source| source.to_string());
    daemon.peers.say(Said {
        thing: Thing {
            subject: Subject::ServerState,
            scope: format!("{}/{server}", backend.name),
            key: String::new(),
        },
        value: Some(state.to_owned()),
        who: source.unwrap_or_else(|| "the statistics page".to_owned()),
        wall_ms: daemon.wall().0 / 1000,
    });
}
