//! Options of servers about load, persistence and identity (5.2).
//!
//! Checks are in [`super::server_check`], sockets in [`super::server_socket`].

use std::net::IpAddr;

use lbd_core::Diag;

use super::{guid, number, one_of};
use crate::draft::{InitAddr, Named, ServerDraft};
use crate::registry::{Effect, ServerOption};
use crate::section::Site;
use crate::units::TimeUnit;
use crate::words::Words;

/// Most methods of `init-addr`, as in the reference.
const MAX_INIT_ADDR: usize = 7;

pub(super) const fn option(
    name: &'static str,
    args: i8,
    doc: &'static str,
    example: &'static str,
    apply: fn(&mut Site<'_>, &mut ServerDraft, &mut Words<'_>) -> Result<(), Diag>,
) -> ServerOption {
    ServerOption {
        name,
        args,
        in_default: true,
        effect: Effect::Supported,
        doc,
        example,
        apply,
    }
}

/// Only on `server` and `server-template`.
pub(super) const fn own(option: ServerOption) -> ServerOption {
    ServerOption {
        in_default: false,
        ..option
    }
}

pub(super) const MAX: i64 = i32::MAX as i64;

/// Options.
pub const OPTIONS: &[ServerOption] = &[
    option(
        "backup",
        0,
        "Used when no other server is up.",
        "backup",
        |_, s, _| {
            s.backup = true;
            Ok(())
        },
    ),
    option(
        "cookie",
        1,
        "Value of the persistence cookie.",
        "cookie s1",
        |_, s, words| {
            s.cookie = Some(
                words
                    .expect("cookie", "<value> as argument.")?
                    .as_bytes()
                    .to_vec(),
            );
            Ok(())
        },
    ),
    option(
        "disabled",
        0,
        "Starts in maintenance.",
        "disabled",
        |_, s, _| {
            s.disabled = true;
            Ok(())
        },
    ),
    option(
        "enabled",
        0,
        "Cancels 'disabled' of default-server.",
        "enabled",
        |_, s, _| {
            s.disabled = false;
            Ok(())
        },
    ),
    own(option(
        "guid",
        1,
        "Globally unique identifier.",
        "guid be:s1",
        |_, s, words| {
            s.guid = Some(guid::named(words)?);
            Ok(())
        },
    )),
    option(
        "hash-key",
        1,
        "What places the server on the ring: id, id32, guid, addr, addr-port.",
        "hash-key addr",
        |_, s, words| {
            let key = one_of(words, &["id", "id32", "guid", "addr", "addr-port"], |_| {
                "'hash-key' has to be 'id', 'id32', 'guid', 'addr', or 'addr-port'".to_owned()
            })?;
            s.hash_key = match key {
                "addr" => lbd_backend::HashKey::Addr,
                "addr-port" => lbd_backend::HashKey::AddrPort,
                "guid" => lbd_backend::HashKey::Guid,
                "id32" => lbd_backend::HashKey::Id32,
                _ => lbd_backend::HashKey::Id,
            };
            Ok(())
        },
    ),
    own(option("id", 1, "Numeric id.", "id 100", |_, s, words| {
        let n = number(words, "id", 1, MAX)?;
        s.id = u32::try_from(n).ok().map(|n| (n, words.last()));
        Ok(())
    })),
    option(
        "idle-ping",
        1,
        "Time between pings on idle connections, each to be answered; HTTP/2 only.",
        "idle-ping 10s",
        |_, s, words| {
            s.idle_ping = Some(words.time("idle-ping", TimeUnit::Millisecond)?);
            Ok(())
        },
    ),
    option(
        "init-addr",
        1,
        "Where the first address comes from: last, libc, none, an IP.",
        "init-addr last,libc,none",
        init_addr,
    ),
    option(
        "maxconn",
        1,
        "Connections at once.",
        "maxconn 100",
        |_, s, words| {
            s.maxconn = u32::try_from(number(words, "maxconn", 0, MAX)?).ok();
            Ok(())
        },
    ),
    option(
        "maxqueue",
        1,
        "Requests that may wait.",
        "maxqueue 100",
        |_, s, words| {
            s.maxqueue = u32::try_from(number(words, "maxqueue", 0, MAX)?).ok();
            Ok(())
        },
    ),
    option(
        "max-reuse",
        1,
        "Times that a connection is reused; -1 for no limit.",
        "max-reuse 100",
        |_, s, words| {
            s.max_reuse = i32::try_from(number(words, "max-reuse", -1, MAX)?).ok();
            Ok(())
        },
    ),
    option(
        "minconn",
        1,
        "Limit of connections under low load.",
        "minconn 10",
        |_, s, words| {
            s.minconn = u32::try_from(number(words, "minconn", 0, MAX)?).ok();
            Ok(())
        },
    ),
    option(
        "no-backup",
        0,
        "Cancels 'backup'.",
        "no-backup",
        |_, s, _| {
            s.backup = false;
            Ok(())
        },
    ),
    option(
        "non-stick",
        0,
        "Stick tables do not learn this server.",
        "non-stick",
        |_, s, _| {
            s.non_stick = true;
            Ok(())
        },
    ),
    option(
        "pool-low-conn",
        1,
        "Idle connections that each worker keeps beyond its need.",
        "pool-low-conn 10",
        |_, s, words| {
            s.pool_low_conn = u32::try_from(number(words, "pool-low-conn", 0, MAX)?).ok();
            Ok(())
        },
    ),
    option(
        "pool-conn-name",
        1,
        "Name of a connection: only requests with the same one reuse it.",
        "pool-conn-name hdr(host)",
        |_, s, words| {
            let word = words.take().cloned();
            s.pool_conn_name = Some(word.ok_or_else(|| {
                Diag::alert(
                    words.last(),
                    "'pool-conn-name' expects <value> as argument.",
                )
            })?);
            Ok(())
        },
    ),
    option(
        "pool-max-conn",
        1,
        "Idle connections kept; -1 for no limit.",
        "pool-max-conn 100",
        |_, s, words| {
            s.pool_max_conn = i32::try_from(number(words, "pool-max-conn", -1, MAX)?).ok();
            Ok(())
        },
    ),
    option(
        "pool-purge-delay",
        1,
        "Time in which half of the idle connections are closed.",
        "pool-purge-delay 5s",
        |_, s, words| {
            s.pool_purge_delay = Some(words.time("pool-purge-delay", TimeUnit::Millisecond)?);
            Ok(())
        },
    ),
    option(
        "redir",
        1,
        "Answers GET and HEAD by a redirect to this prefix.",
        "redir http://img.example.com",
        |_, s, words| {
            s.redir = Some(
                words
                    .expect("redir", "<prefix> as argument.")?
                    .as_bytes()
                    .to_vec(),
            );
            Ok(())
        },
    ),
    option(
        "slowstart",
        1,
        "Time in which weight and maxconn grow after coming up.",
        "slowstart 30s",
        |_, s, words| {
            s.slowstart = Some(words.time("slowstart", TimeUnit::Second)?);
            Ok(())
        },
    ),
    option("stick", 0, "Cancels 'non-stick'.", "stick", |_, s, _| {
        s.non_stick = false;
        Ok(())
    }),
    option(
        "strict-maxconn",
        0,
        "Never more connections than maxconn, idle ones included.",
        "maxconn 10 strict-maxconn",
        |_, s, _| {
            s.strict_maxconn = true;
            Ok(())
        },
    ),
    option(
        "track",
        1,
        "Takes the state of another server: [<backend>/]<server>.",
        "track other",
        |_, s, words| {
            let name = words
                .expect("track", "[<proxy>/]<server> as argument.")?
                .to_owned();
            let span = words.last();
            s.track = Some(Named { name, span });
            Ok(())
        },
    ),
    option(
        "weight",
        1,
        "Share of the load, 0 to 256.",
        "weight 10",
        |_, s, words| {
            let n = words.int("weight", i64::from(i32::MIN)..=i64::from(i32::MAX))?;
            let weight = u32::try_from(n).ok();
            let weight = weight.filter(|w| *w <= lbd_backend::spec::MAX_WEIGHT);
            s.weight = Some(weight.ok_or_else(|| {
                let text = format!("weight of server {} is not within 0 and 256 ({n}).", s.name);
                Diag::alert(words.last(), text)
            })?);
            Ok(())
        },
    ),
];

fn init_addr(_: &mut Site<'_>, s: &mut ServerDraft, words: &mut Words<'_>) -> Result<(), Diag> {
    let list = words.expect("init-addr", "a list of methods")?;
    let span = words.last();
    s.init_addr.clear();
    for method in list.split(',').filter(|method| !method.is_empty()) {
        let method = match method {
            "last" => InitAddr::Last,
            "libc" => InitAddr::Libc,
            "none" => InitAddr::None,
            other => match other.parse::<IpAddr>() {
                Ok(_) if s.init_addr.iter().any(|m| matches!(m, InitAddr::Ip(_))) => {
                    return Err(Diag::alert(
                        span,
                        format!(
                            "'init-addr' : initial address already specified, cannot add '{other}'."
                        ),
                    ));
                }
                Ok(ip) => InitAddr::Ip(ip),
                Err(_) => {
                    return Err(Diag::alert(
                        span,
                        format!(
                            "'init-addr' : unknown init-addr method '{other}', supported methods \
                             are 'libc', 'last', 'none'."
                        ),
                    ));
                }
            },
        };
        s.init_addr.push(method);
    }
    if s.init_addr.len() > MAX_INIT_ADDR {
        return Err(Diag::alert(
            span,
            format!("'init-addr' : too many init-addr methods when trying to add '{list}'"),
        ));
    }
    Ok(())
}
