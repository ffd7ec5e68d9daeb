//! `ocsp-update.*` in `global` (3.1).
//!
//! Which certificates are concerned is said by `load` and crt-list lines.

use lbd_core::Diag;

use super::{directive, end, one_of};
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::words::Words;

const GLOBAL: Sections = Sections::GLOBAL;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "ocsp-update.disable",
        GLOBAL,
        "Whether no OCSP answer is updated by itself, whatever else is said (3.1).",
        &[
            Example::Ok("ocsp-update.disable on"),
            Example::Fail("ocsp-update.disable x", "expects"),
        ],
        |site, words| {
            let is_on = on_off(words, "ocsp-update.disable")?;
            site.draft.global.value.ssl.ocsp.is_disabled = is_on;
            end(words, "ocsp-update.disable")
        },
    ),
    directive(
        "ocsp-update.httpproxy",
        GLOBAL,
        "Address of a proxy that responders are asked through (3.1).",
        &[
            Example::Ok("ocsp-update.httpproxy 127.0.0.1:3128"),
            Example::Ok("ocsp-update.httpproxy 192.0.2.1"),
            Example::Fail("ocsp-update.httpproxy", "expects"),
            Example::Fail("ocsp-update.httpproxy 127.0.0.1:x", "invalid"),
        ],
        |site, words| {
            let text = words.expect("ocsp-update.httpproxy", "an address as argument.")?;
            let port = text.rsplit_once(':').map(|(_, port)| port);
            let address = match port {
                _ if text.ends_with(']') || port.is_none() => format!("{text}:80"),
                Some(port) if port.parse::<u16>().is_ok() => text.to_owned(),
                _ => {
                    return Err(Diag::alert(
                        words.last(),
                        format!("'ocsp-update.httpproxy' : invalid address '{text}'."),
                    ));
                }
            };
            site.draft.global.value.ssl.ocsp_proxy = Some(address);
            end(words, "ocsp-update.httpproxy")
        },
    ),
    directive(
        "ocsp-update.maxdelay",
        GLOBAL,
        "Longest time between two updates of an OCSP answer, in seconds (3.1).",
        &[
            Example::Ok("ocsp-update.maxdelay 7200"),
            Example::Fail("ocsp-update.maxdelay 1", "higher than"),
            Example::Fail("ocsp-update.maxdelay", "expects"),
        ],
        |site, words| delay(site, words, "ocsp-update.maxdelay", true),
    ),
    directive(
        "ocsp-update.mindelay",
        GLOBAL,
        "Shortest time between two updates of an OCSP answer, in seconds (3.1).",
        &[
            Example::Ok("ocsp-update.mindelay 60"),
            Example::Fail("ocsp-update.mindelay 100000", "higher than"),
        ],
        |site, words| delay(site, words, "ocsp-update.mindelay", false),
    ),
    directive(
        "ocsp-update.mode",
        GLOBAL,
        "Whether certificates that do not say 'ocsp-update' are updated (3.1).",
        &[
            Example::Ok("ocsp-update.mode on"),
            Example::Fail("ocsp-update.mode x", "expects"),
        ],
        |site, words| {
            let is_on = on_off(words, "ocsp-update.mode")?;
            site.draft.global.value.ssl.ocsp.is_default = is_on;
            end(words, "ocsp-update.mode")
        },
    ),
    directive(
        "tune.ssl.ocsp-update.maxdelay",
        GLOBAL,
        "The old name of ocsp-update.maxdelay (3.1).",
        &[Example::Ok("tune.ssl.ocsp-update.maxdelay 7200")],
        |site, words| delay(site, words, "tune.ssl.ocsp-update.maxdelay", true),
    ),
    directive(
        "tune.ssl.ocsp-update.mindelay",
        GLOBAL,
        "The old name of ocsp-update.mindelay (3.1).",
        &[Example::Ok("tune.ssl.ocsp-update.mindelay 60")],
        |site, words| delay(site, words, "tune.ssl.ocsp-update.mindelay", false),
    ),
];

fn on_off(words: &mut Words<'_>, keyword: &str) -> Result<bool, Diag> {
    let said = one_of(words, &["on", "off"], |_| {
        format!("'{keyword}' expects 'on' or 'off' as argument.")
    })?;
    Ok(said == "on")
}

fn delay(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    is_longest: bool,
) -> Result<(), Diag> {
    let seconds = words.int(keyword, 1..=i64::from(i32::MAX))?;
    let here = words.last();
    let policy = &mut site.draft.global.value.ssl.ocsp;
    match is_longest {
        true => policy.max = seconds,
        false => policy.min = seconds,
    }
    if policy.min > policy.max {
        return Err(Diag::alert(
            here,
            format!(
                "'{keyword}' : the longest delay ({} s) must be higher than the shortest ({} s).",
                policy.max, policy.min
            ),
        ));
    }
    end(words, keyword)
}
