//! Options of `bind` about sockets and the first bytes (5.1).
//!
//! Those of unix sockets and the runtime API are in [`super::bind_unix`].

use std::time::Duration;

use lbd_core::{Diag, Level, Span};

use super::{guid, number};
use crate::draft::BindDraft;
use crate::registry::{BindOption, Effect};
use crate::section::Site;
use crate::units::{self, TimeUnit};
use crate::words::Words;

const fn option(
    name: &'static str,
    args: u8,
    doc: &'static str,
    example: &'static str,
    apply: fn(&mut Site<'_>, &mut BindDraft, &mut Words<'_>) -> Result<(), Diag>,
) -> BindOption {
    BindOption {
        name,
        args,
        effect: Effect::Supported,
        doc,
        example,
        apply,
    }
}

/// Options.
pub const OPTIONS: &[BindOption] = &[
    option(
        "accept-netscaler-cip",
        1,
        "Expects the NetScaler client IP header with this magic number.",
        "accept-netscaler-cip 1234",
        |_, draft, words| {
            let n = number(words, "accept-netscaler-cip", 1, i64::from(u32::MAX))?;
            draft.options.netscaler_cip = u32::try_from(n).ok();
            Ok(())
        },
    ),
    option(
        "accept-proxy",
        0,
        "Expects a PROXY protocol header.",
        "accept-proxy",
        |_, draft, _| {
            draft.options.accept_proxy = true;
            Ok(())
        },
    ),
    option(
        "backlog",
        1,
        "Length of the accept queue.",
        "backlog 1000",
        |_, draft, words| {
            draft.options.backlog =
                u32::try_from(number(words, "backlog", 1, i64::from(i32::MAX))?).ok();
            Ok(())
        },
    ),
    option(
        "cc",
        1,
        "Congestion control of accepted connections.",
        "cc cubic",
        |_, draft, words| {
            draft.options.congestion = Some(text(words, "cc", "a congestion control algorithm")?);
            Ok(())
        },
    ),
    option(
        "defer-accept",
        0,
        "Accepts when the first bytes have come.",
        "defer-accept",
        |_, draft, _| {
            draft.options.defer_accept = true;
            Ok(())
        },
    ),
    option(
        "guid-prefix",
        1,
        "Prefix of the names that the line's sockets have in statistics files.",
        "guid-prefix web",
        |_, draft, words| {
            let prefix = guid::argument(words, "guid-prefix")?;
            draft.options.guid_prefix = Some(prefix.into());
            Ok(())
        },
    ),
    option(
        "id",
        1,
        "Numeric id of the first socket.",
        "id 7",
        |_, draft, words| {
            draft.options.id = u32::try_from(words.exact_int("id", 1..=i64::from(i32::MAX))?).ok();
            Ok(())
        },
    ),
    option(
        "idle-ping",
        1,
        "Time between pings of idle clients, which must answer each; HTTP/2 only.",
        "idle-ping 10s",
        |_, draft, words| {
            draft.options.idle_ping = Some(words.time("idle-ping", TimeUnit::Millisecond)?);
            Ok(())
        },
    ),
    option(
        "interface",
        1,
        "Listens on this interface only.",
        "interface eth0",
        |_, draft, words| {
            draft.options.interface = Some(text(words, "interface", "an interface name")?);
            Ok(())
        },
    ),
    BindOption {
        effect: Effect::NoEffect("it is a remark for the operator"),
        ..option("label", 1, "A label.", "label web", |_, _, words| {
            text(words, "label", "a label").map(|_| ())
        })
    },
    option(
        "maxconn",
        1,
        "Connections of this socket at once.",
        "maxconn 100",
        |_, draft, words| {
            let n = number(words, "maxconn", 0, i64::from(i32::MAX))?;
            draft.maxconn = u32::try_from(n).ok();
            draft.options.maxconn = u32::try_from(n).unwrap_or(0);
            Ok(())
        },
    ),
    option(
        "mss",
        1,
        "Maximum segment size; negative to lower the default.",
        "mss 1400",
        |_, draft, words| {
            let n = number(words, "mss", -65535, 65535)?;
            if n == 0 {
                return Err(Diag::alert(
                    words.last(),
                    "'mss' : expects an MSS with and absolute value between 1 and 65535",
                ));
            }
            draft.options.mss = i32::try_from(n).ok();
            Ok(())
        },
    ),
    option(
        "name",
        1,
        "Name of the sockets in statistics.",
        "name web",
        |_, draft, words| {
            draft.name = Some(words.expect("name", "a name")?.to_owned());
            Ok(())
        },
    ),
    BindOption {
        effect: Effect::NoEffect("workers serve their connections in turn"),
        ..option(
            "nice",
            1,
            "Priority of the connections, -1024 to 1024.",
            "nice 10",
            |_, _, words| number(words, "nice", -1024, 1024).map(|_| ()),
        )
    },
    option(
        "process",
        1,
        "Removed; 'thread' took its place.",
        "",
        |_, _, words| {
            let given = words.expect("process", "a process set")?;
            Err(Diag::alert(
            words.last(),
            format!("'process {given}' on 'bind' lines is not supported anymore, please use 'thread' instead."),
        )
        .hint("Remove 'process' and its argument; write 'thread 1' to accept on one worker only."))
        },
    ),
    option(
        "namespace",
        1,
        "Network namespace of the socket: a name below /var/run/netns.",
        "namespace blue",
        |site, draft, words| {
            let here = words.here();
            let Some(name) = words.text()? else {
                return Err(Diag::alert(here, "'namespace' : missing namespace id"));
            };
            known_namespace(site, name, words.last())?;
            draft.options.namespace = Some(name.into());
            Ok(())
        },
    ),
    option(
        "proto",
        1,
        "Protocol without negotiation: h1, h2.",
        "proto h2",
        |_, draft, words| {
            let here = words.here();
            let name = words.expect("proto", "a protocol name")?;
            match name {
                "h1" | "h2" => {
                    draft.options.proto = Some(name.into());
                    Ok(())
                }
                "qmux" | "quic" | "fcgi" | "spop" | "none" => Err(Diag::alert(
                    here,
                    format!("'proto' : '{name}' is not supported yet"),
                )
                .hint("Only 'h1' and 'h2' are known so far.")),
                _ => Err(Diag::alert(
                    here,
                    format!("'proto' :  unknown MUX protocol '{name}'"),
                )),
            }
        },
    ),
    option(
        "shards",
        1,
        "Sockets for each address: a number, by-thread, by-group.",
        "shards by-thread",
        |site, draft, words| {
            let here = words.here();
            let said = words.expect("shards", "a number, 'by-thread' or 'by-group'")?;
            suspect_shards(site, said, here);
            draft.options.shards = match said {
                "by-thread" => None,
                "by-group" | "by-process" => Some(1),
                text => match text.parse::<u16>().ok().filter(|n| *n > 0) {
                    Some(n) => Some(n),
                    None => {
                        return Err(Diag::alert(
                            here,
                            format!(
                                "'shards' : invalid value '{text}', a number, 'by-thread' or 'by-group' is expected"
                            ),
                        ));
                    }
                },
            };
            Ok(())
        },
    ),
    option(
        "tcp-md5sig",
        1,
        "Password of the TCP MD5 signatures (RFC 2385) of all its connections.",
        "tcp-md5sig secret",
        |_, draft, words| {
            draft.options.md5_key = Some(md5_key(words)?);
            Ok(())
        },
    ),
    option(
        "tcp-ut",
        1,
        "Time that unacknowledged data may wait.",
        "tcp-ut 30s",
        |_, draft, words| {
            let time = words.time("tcp-ut", TimeUnit::Millisecond)?;
            draft.options.user_timeout = Some(time).filter(|time| *time > Duration::ZERO);
            Ok(())
        },
    ),
    option("tfo", 0, "TCP fast open.", "tfo", |_, draft, _| {
        draft.options.fast_open = true;
        Ok(())
    }),
    option(
        "thread",
        1,
        "Workers that accept: a list of sets.",
        "thread 1",
        |_, draft, words| {
            let given = words.expect("thread", "a thread set")?;
            let span = words.last();
            let sets = units::thread_sets(given, 64)
                .map_err(|error| Diag::alert(span, format!("'thread' : {error}")))?;
            draft.options.threads = (1..=64u16)
                .filter(|n| sets.iter().any(|set| set.contains(u32::from(*n))))
                .collect();
            Ok(())
        },
    ),
    option(
        "transparent",
        0,
        "Binds addresses that this machine does not have.",
        "transparent",
        |_, draft, _| {
            draft.options.transparent = true;
            Ok(())
        },
    ),
    option(
        "v4v6",
        0,
        "An IPv6 socket takes IPv4, too.",
        "v4v6",
        |_, draft, _| {
            draft.options.v4v6 = true;
            draft.options.v6only = false;
            Ok(())
        },
    ),
    option(
        "v6only",
        0,
        "An IPv6 socket takes IPv6 only.",
        "v6only",
        |_, draft, _| {
            draft.options.v6only = true;
            draft.options.v4v6 = false;
            Ok(())
        },
    ),
];

/// Several sockets for one address are not possible without `SO_REUSEPORT`.
fn suspect_shards(site: &mut Site<'_>, said: &str, span: Span) {
    if site.environment.enabled("REUSEPORT") {
        return;
    }
    let level = match said {
        "by-thread" => Level::Diag,
        _ if said.parse().is_ok_and(|shards: u16| shards > 1) => Level::Warning,
        _ => return,
    };
    let message = "one socket serves all workers in spite of 'shards': 'noreuseport' is set";
    site.diags.push(Diag::new(level, span, message));
}

fn text(words: &mut Words<'_>, keyword: &str, what: &str) -> Result<Box<str>, Diag> {
    Ok(words.expect(keyword, what)?.into())
}

/// Refuses a network namespace that this machine does not have.
pub(super) fn known_namespace(site: &Site<'_>, name: &str, span: Span) -> Result<(), Diag> {
    if !name.contains('/') && site.environment.host().has_namespace(name) {
        return Ok(());
    }
    let hint = format!("'ip netns add {name}' makes it; its file is in /var/run/netns.");
    Err(Diag::alert(span, format!("Cannot open namespace '{name}'.")).hint(hint))
}

/// The password of `tcp-md5sig`.
pub(super) fn md5_key(words: &mut Words<'_>) -> Result<Box<[u8]>, Diag> {
    let here = words.here();
    let Some(key) = words.text()? else {
        let missing = "'tcp-md5sig' : missing TCP MD5 signature password";
        return Err(Diag::alert(here, missing));
    };
    if key.len() > MAX_MD5_KEY {
        let long =
            format!("'tcp-md5sig' : password too long (at most {MAX_MD5_KEY} characters expected)");
        return Err(Diag::alert(words.last(), long));
    }
    Ok(key.as_bytes().into())
}

/// Longest key that the kernel takes (`TCP_MD5SIG_MAXKEYLEN`).
const MAX_MD5_KEY: usize = 80;
