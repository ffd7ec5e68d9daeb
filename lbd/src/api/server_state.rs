//! `show servers state` and `show servers conn`.
//!
//! The first is also what a server state file holds.

use std::fmt::Write;
use std::net::IpAddr;

use lbd_backend::State;
use lbd_backend::health::{CheckStatus, ProbeSnapshot, Which};
use lbd_config::config::{ProxySpec, ServerAddress, ServerSpec};
use lbd_proxy::state::{ProxyState, ServerState};

use super::command::Call;
use super::session::Caller;

/// Calls `visit` for every server of the backends that argument 0 wants.
fn each(
    call: &mut Call<'_>,
    visit: impl Fn(&ProxySpec, &ProxyState, &ServerSpec, &ServerState, &mut Call<'_>),
) {
    let generation = call.daemon.shared.current();
    let wanted = call.arg(0).to_owned();
    for spec in generation
        .config
        .proxies
        .iter()
        .filter(|spec| spec.caps.backend)
    {
        if !wanted.is_empty() && *spec.name != *wanted {
            continue;
        }
        let proxy = generation.proxy(spec.id);
        for server in &proxy.servers {
            visit(spec, proxy, &server.spec, server, call);
        }
    }
}

fn is_known(call: &mut Call<'_>) -> bool {
    let wanted = call.arg(0);
    let config = call.daemon.config();
    let is_known = wanted.is_empty()
        || config
            .proxies
            .iter()
            .any(|spec| spec.caps.backend && *spec.name == *wanted);
    if !is_known {
        call.fail("Can't find backend.");
    }
    is_known
}

/// The address and port columns of a server.
fn address_and_port(address: &ServerAddress, caller: &Caller) -> (String, String) {
    match address {
        ServerAddress::Inet(address) => (caller.host(address.ip()), address.port().to_string()),
        ServerAddress::MappedPort(ip, offset) => (caller.host(*ip), offset.to_string()),
        ServerAddress::Transparent { port } => ("0.0.0.0".to_owned(), port.to_string()),
        _ => (caller.name("-"), "0".to_owned()),
    }
}

/// `show servers state`.
pub(super) fn show_state(call: &mut Call<'_>) {
    if !is_known(call) {
        return;
    }
    call.out.push_str(
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight \
         srv_iweight srv_time_since_last_change srv_check_status srv_check_result \
         srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn \
         srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr \
         srv_agent_port\n",
    );
    each(call, |spec, proxy, server_spec, server, call| {
        let now = call.daemon.shared.now();
        let Some(view) = proxy.roster.server(server.id, now) else {
            return;
        };
        let (address, mut port) = address_and_port(&server.address(), call.caller);
        if *server.address() == ServerAddress::None {
            // A name that did not resolve: the port stands behind it.
            let text = server_spec.text.rsplit_once(':');
            port = text.map_or("0", |(_, port)| port).to_owned();
        }
        let health = server.health();
        let check = health.as_ref().and_then(|health| health.check.as_ref());
        let agent = health.as_ref().and_then(|health| health.agent.as_ref());
        let state = health
            .as_ref()
            .map_or(view.placement.state, |health| health.state);
        let since = health.as_ref().map_or_else(
            || now.since(view.placement.since),
            |health| health.since_change(now),
        );
        let flags = health
            .as_ref()
            .map_or(0, |health| u32::from(health.admin.bits()));
        let flags = flags
            | if server_spec.disabled {
                SAID_DISABLED
            } else {
                0
            };
        // A server that begins in maintenance has its checks paused, even if there are none.
        let unchecked = match view.placement.maint && server_spec.disabled {
            true => CHECK_PAUSED,
            false => 0,
        };
        let check_spec = server_spec.check.as_ref();
        let agent_spec = server_spec.agent.as_ref();
        let checks = &call.daemon.checks;
        let check_moved = checks.moved(spec.id, server.id, Which::Health);
        let agent_moved = checks.moved(spec.id, server.id, Which::Agent);
        // The reference shows these as they are in anonymised output, though they name hosts as well.
        let caller = &*call.caller;
        let ip = |moved: Option<IpAddr>, given: Option<IpAddr>| {
            moved
                .or(given)
                .map_or_else(|| "-".into(), |ip| caller.host(ip))
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            call.out,
            "{} {} {} {} {address} {} {flags} {} {} {} {} {} {} {} {} {} {} {} {port} - {} {} {} \
             {} {}",
            spec.uid,
            call.caller.name(&spec.name),
            server_spec.roster.puid,
            call.caller.name(&server.name),
            state_number(state),
            view.placement.weight,
            server_spec.roster.weight,
            since.as_secs(),
            check.map_or(NO_CHECK, |probe| probe.status).number(),
            check.map_or(0, |probe| probe.status.result().number()),
            check.map_or(0, |probe| probe.health),
            check.map_or(unchecked, probe_state),
            agent.map_or(0, |probe| probe_state(probe) + IS_AGENT),
            u32::from(spec.is_uid_given),
            u32::from(server_spec.is_uid_given),
            server_spec
                .fqdn
                .as_deref()
                .map_or_else(|| "-".into(), |name| call.caller.name(name)),
            u32::from(server_spec.ssl.as_ref().is_some_and(|ssl| ssl.for_traffic)),
            check_moved
                .1
                .or_else(|| check_spec.and_then(|check| check.port))
                .unwrap_or(0),
            ip(check_moved.0, check_spec.and_then(|check| check.address)),
            ip(agent_moved.0, agent_spec.and_then(|agent| agent.address)),
            agent_moved
                .1
                .or_else(|| agent_spec.map(|agent| agent.port))
                .unwrap_or(0),
        );
    });
}

/// What stands for the status of a server that is not checked.
const NO_CHECK: CheckStatus = CheckStatus::Initializing;

/// Bit of a check's state: paused.
const CHECK_PAUSED: u32 = 8;

/// Bit of the administrative state of a server whose line says `disabled`, whatever came later.
const SAID_DISABLED: u32 = 4;

/// Bit of a check's state that tells an agent's.
const IS_AGENT: u32 = 16;

/// Number of an operational state in the state file.
fn state_number(state: State) -> u32 {
    match state {
        State::Stopped => 0,
        State::Starting => 1,
        State::Running => 2,
        State::Stopping => 3,
    }
}

/// Bits of a check's state: 1 in progress, 2 configured, 4 enabled, 8 paused.
fn probe_state(probe: &ProbeSnapshot) -> u32 {
    let bit = |is_set: bool, bit: u32| if is_set { bit } else { 0 };
    bit(probe.running, 1) + 2 + bit(probe.enabled, 4) + bit(probe.paused, CHECK_PAUSED)
}

/// `show servers conn`.
pub(super) fn show_conn(call: &mut Call<'_>) {
    if !is_known(call) {
        return;
    }
    let workers = call.daemon.shared.setup().workers;
    let _ = writeln!(
        call.out,
        "# bkname/svname bkid/svid addr port - purge_delay served used_cur used_max need_est \
         idle_sess unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[{workers}]"
    );
    each(call, |spec, proxy, server_spec, server, call| {
        let now = call.daemon.shared.now();
        let Some(view) = proxy.roster.server(server.id, now) else {
            return;
        };
        let (address, port) = address_and_port(&server.address(), call.caller);
        let totals = server.counters.totals(now);
        let _ = write!(
            call.out,
            "{}/{} {}/{} {address} {port} - {} {} {} {} {} 0 0 {} {} {}",
            call.caller.name(&spec.name),
            call.caller.name(&server.name),
            spec.uid,
            server_spec.roster.puid,
            server_spec.pool_purge_delay.as_millis(),
            view.served,
            totals.used,
            view.served_max,
            totals.used,
            totals.idle,
            server.max_idle,
            totals.idle,
        );
        for worker in 0..call.daemon.shared.setup().workers {
            let _ = write!(call.out, " {}", server.counters.of(worker).idle.get());
        }
        call.out.push('\n');
    });
}
