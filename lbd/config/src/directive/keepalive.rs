//! Counts and times of TCP keepalive probes.
//!
//! Whether there are any is said by `option clitcpka`, `srvtcpka` and `tcpka`.

use lbd_core::Diag;

use super::directive;
use crate::config::TcpKeepalive;
use crate::draft::Settings;
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::units::TimeUnit;
use crate::words::Words;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "clitcpka-cnt",
        Sections::FRONT,
        "Probes until a client counts as gone (4.2).",
        &[
            Example::Ok("clitcpka-cnt 5"),
            Example::Fail("clitcpka-cnt", "expects"),
        ],
        |site, words| count(site, words, "clitcpka-cnt", client),
    ),
    directive(
        "clitcpka-idle",
        Sections::FRONT,
        "Idle time before the first probe to a client (4.2).",
        &[Example::Ok("clitcpka-idle 30s")],
        |site, words| {
            time(site, words, "clitcpka-idle", client, |k, t| {
                k.idle = Some(t)
            })
        },
    ),
    directive(
        "clitcpka-intvl",
        Sections::FRONT,
        "Time between probes to a client (4.2).",
        &[Example::Ok("clitcpka-intvl 10s")],
        |site, words| {
            time(site, words, "clitcpka-intvl", client, |k, t| {
                k.interval = Some(t)
            })
        },
    ),
    directive(
        "srvtcpka-cnt",
        Sections::BACK,
        "Probes until a server counts as gone (4.2).",
        &[Example::Ok("srvtcpka-cnt 5")],
        |site, words| count(site, words, "srvtcpka-cnt", server),
    ),
    directive(
        "srvtcpka-idle",
        Sections::BACK,
        "Idle time before the first probe to a server (4.2).",
        &[Example::Ok("srvtcpka-idle 30s")],
        |site, words| {
            time(site, words, "srvtcpka-idle", server, |k, t| {
                k.idle = Some(t)
            })
        },
    ),
    directive(
        "srvtcpka-intvl",
        Sections::BACK,
        "Time between probes to a server (4.2).",
        &[Example::Ok("srvtcpka-intvl 10s")],
        |site, words| {
            time(site, words, "srvtcpka-intvl", server, |k, t| {
                k.interval = Some(t)
            })
        },
    ),
];

type Pick = fn(&mut Settings) -> &mut TcpKeepalive;

fn client(settings: &mut Settings) -> &mut TcpKeepalive {
    &mut settings.client_keepalive
}

fn server(settings: &mut Settings) -> &mut TcpKeepalive {
    &mut settings.server_keepalive
}

fn count(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    pick: Pick,
) -> Result<(), Diag> {
    let n = words.exact_int(keyword, 1..=i64::from(i32::MAX))?;
    pick(&mut site.proxy.settings).count = u32::try_from(n).ok();
    words.end(keyword)
}

fn time(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    pick: Pick,
    set: fn(&mut TcpKeepalive, std::time::Duration),
) -> Result<(), Diag> {
    let time = words.time(keyword, TimeUnit::Second)?;
    set(pick(&mut site.proxy.settings), time);
    words.end(keyword)
}
