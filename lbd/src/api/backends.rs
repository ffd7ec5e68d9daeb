//! Backends at run time: which of them rules may choose, and how their cookies are made (haproxy 3.4
//! management 9.3). There are no `resolvers` sections, which `show resolvers` says.
//!
//! Servers are in `servers.rs` and `growing.rs`.

use std::sync::Arc;

use lbd_config::config::AccessLevel;
use lbd_core::ProxyId;
use lbd_proxy::state::Generation;

use super::command::{ApiCommand, Call, Severity, command};

pub(super) const COMMANDS: &[ApiCommand] = &[
    command(
        &["disable", "dynamic-cookie", "backend"],
        "disable dynamic-cookie backend <bk>",
        "make no more cookies from the servers' addresses",
        AccessLevel::Admin,
        |call| switch_cookies(call, false),
    ),
    command(
        &["enable", "dynamic-cookie", "backend"],
        "enable dynamic-cookie backend <bk>",
        "make cookies from the servers' addresses, with a key",
        AccessLevel::Admin,
        |call| switch_cookies(call, true),
    ),
    command(
        &["publish", "backend"],
        "publish backend <backend>",
        "let rules choose a backend",
        AccessLevel::Admin,
        |call| publish(call, true),
    ),
    command(
        &["set", "dynamic-cookie-key", "backend"],
        "set dynamic-cookie-key backend <bk> <k>",
        "change the key by which cookies are made from addresses",
        AccessLevel::Admin,
        set_key,
    ),
    command(
        &["show", "resolvers"],
        "show resolvers [id]",
        "counters of resolvers",
        AccessLevel::User,
        |call| match call.arg(0) {
            "" => call.out.push_str("No resolvers found\n"),
            _ => call.fail("Can't find that resolvers section"),
        },
    ),
    command(
        &["unpublish", "backend"],
        "unpublish backend <backend>",
        "make rules pass a backend by",
        AccessLevel::Admin,
        |call| publish(call, false),
    ),
];

/// The backend that the first argument names.
fn find(call: &Call<'_>) -> Option<(Arc<Generation>, ProxyId)> {
    let generation = call.daemon.shared.current();
    let backend = generation.backend_named(call.arg(0).as_bytes())?;
    Some((generation, backend))
}

fn publish(call: &mut Call<'_>, is_published: bool) {
    let Some((generation, backend)) = find(call) else {
        return call.fail("No such backend.");
    };
    if generation.config.proxies[backend.index()].disabled {
        return call.say(Severity::Info, "No effect on a disabled backend.");
    }
    generation.proxy(backend).publish(is_published);
    let word = match is_published {
        true => "Backend published.",
        false => "Backend unpublished.",
    };
    call.say(Severity::Info, word);
}

/// The backend of a command about cookies; says why when there is none.
fn with_cookies(call: &mut Call<'_>) -> Option<(Arc<Generation>, ProxyId)> {
    if call.arg(0).is_empty() {
        call.fail("A backend name is expected.");
        return None;
    }
    let found = find(call);
    if found.is_none() {
        call.fail("No such backend.");
    }
    found
}

fn switch_cookies(call: &mut Call<'_>, is_on: bool) {
    let Some((generation, backend)) = with_cookies(call) else {
        return;
    };
    generation.proxy(backend).dynamic_cookie.write().is_on = is_on;
    generation.renew_cookies(backend);
}

fn set_key(call: &mut Call<'_>) {
    let Some((generation, backend)) = with_cookies(call) else {
        return;
    };
    if call.arg(1).is_empty() {
        return call.fail("String value expected.");
    }
    let key = Some(call.arg(1).as_bytes().to_vec());
    generation.proxy(backend).dynamic_cookie.write().key = key;
    generation.renew_cookies(backend);
}
