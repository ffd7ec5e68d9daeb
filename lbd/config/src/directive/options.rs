//! `option` and its switches that concern connections.
//!
//! Those of HTTP are in [`super::options_http`], checks in [`super::check`], logs in
//! [`super::log`].

use lbd_core::Diag;

use super::directive;
use crate::lex::Modifier;
use crate::registry::{self, Directive, Effect, Example, OptionKind, ProxyOption, Sections, Side};
use crate::section::{Section, Site};
use crate::words::Words;
use crate::{suggest, unsupported};

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[directive(
    "option",
    Sections::PROXY,
    "Switches of a proxy; 'no option' and 'default option' cancel those of the defaults (4.2).",
    &[
        Example::Fail("option", "expects an option name"),
        Example::Fail("option dontlognul", "did you mean 'dontlognull' maybe"),
        Example::Fail(
            "option forceclose",
            "is not supported any more since HAProxy 2.0",
        ),
    ],
    option,
)];

/// What the reference says of `option transparent`.
pub(super) const TRANSPARENT: &str = "option 'transparent' is deprecated in 3.3 and will be removed \
    in 3.5. The modern way to do the same is to create a server with address 0.0.0.0. It is still \
    possible to silence this warning by setting 'expose-deprecated-directives' in the 'global' \
    section, but do not wait to fix your configuration!";

/// A switch.
pub(super) const fn flag(
    name: &'static str,
    side: Side,
    http_only: bool,
    doc: &'static str,
) -> ProxyOption {
    ProxyOption {
        name,
        side,
        http_only,
        kind: OptionKind::Flag,
        effect: Effect::Supported,
        doc,
        examples: &[],
    }
}

/// A switch that cannot change anything.
pub(super) const fn idle(option: ProxyOption, reason: &'static str) -> ProxyOption {
    ProxyOption {
        effect: Effect::NoEffect(reason),
        ..option
    }
}

/// Options.
pub const OPTIONS: &[ProxyOption] = &[
    flag(
        "abortonclose",
        Side::Both,
        false,
        "A request is given up when its client has gone.",
    ),
    flag(
        "allbackups",
        Side::Back,
        false,
        "All backup servers share the load.",
    ),
    flag(
        "clitcpka",
        Side::Front,
        false,
        "TCP keepalive towards clients.",
    ),
    flag(
        "contstats",
        Side::Front,
        false,
        "Counters follow long transfers.",
    ),
    flag(
        "independent-streams",
        Side::Both,
        false,
        "Writing does not refresh the timeout of reading.",
    ),
    flag(
        "nolinger",
        Side::Both,
        false,
        "Connections are closed by a reset.",
    ),
    flag(
        "persist",
        Side::Back,
        false,
        "A cookie leads to its server even when that is down.",
    ),
    ProxyOption {
        name: "redispatch",
        side: Side::Back,
        http_only: false,
        kind: OptionKind::Negatable(redispatch),
        effect: Effect::Supported,
        doc: "The last retry may go to another server; with a number, every n-th.",
        examples: &[
            Example::Ok("redispatch"),
            Example::Ok("redispatch 1"),
            Example::Ok("redispatch -1"),
        ],
    },
    flag(
        "socket-stats",
        Side::Front,
        false,
        "Counters for each listening socket.",
    ),
    flag(
        "splice-auto",
        Side::Both,
        false,
        "Bodies are spliced where it pays.",
    ),
    flag("splice-request", Side::Both, false, "Requests are spliced."),
    flag(
        "splice-response",
        Side::Both,
        false,
        "Responses are spliced.",
    ),
    flag(
        "srvtcpka",
        Side::Back,
        false,
        "TCP keepalive towards servers.",
    ),
    flag(
        "tcp-smart-accept",
        Side::Front,
        false,
        "The first acknowledgement waits for data.",
    ),
    flag(
        "tcp-smart-connect",
        Side::Back,
        false,
        "The last acknowledgement of a connect waits for data.",
    ),
    ProxyOption {
        name: "tcpka",
        side: Side::Both,
        http_only: false,
        kind: OptionKind::Plain(|site, words| {
            let section = site.section;
            let settings = &mut site.proxy.settings;
            if section != Section::Backend {
                settings.set_flag("clitcpka", Modifier::Plain);
            }
            if section != Section::Frontend {
                settings.set_flag("srvtcpka", Modifier::Plain);
            }
            words.end("option tcpka")
        }),
        effect: Effect::Supported,
        doc: "TCP keepalive on both sides.",
        examples: &[Example::Ok("tcpka")],
    },
    flag(
        "transparent",
        Side::Back,
        false,
        "Connects to the address that the client asked for.",
    ),
    idle(
        ProxyOption {
            kind: OptionKind::Negatable(small_buffers),
            examples: &[Example::Ok("use-small-buffers queue")],
            ..flag(
                "use-small-buffers",
                Side::Back,
                false,
                "Queued requests use small buffers.",
            )
        },
        "there are no small buffers",
    ),
];

fn option(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let Some(name) = words.text()? else {
        return Err(Diag::alert(
            words.last(),
            "'option' expects an option name.",
        ));
    };
    let here = words.last();
    let Some(option) = registry::option(name) else {
        return Err(unknown(name, here));
    };
    let lacks = match (option.side, site.section) {
        (Side::Front, Section::Backend) => Some("frontend"),
        (Side::Back, Section::Frontend) => Some("backend"),
        _ => None,
    };
    if let Some(lacks) = lacks {
        let title = site.proxy.title();
        site.warn(
            here,
            format!("'{name}' ignored because {title} has no {lacks} capability."),
        );
        return Ok(());
    }
    if let Effect::NoEffect(reason) = option.effect {
        site.no_effect(option.name, here, reason);
    }
    let modifier = words.modifier();
    match option.kind {
        OptionKind::Flag => {
            words.end(&format!("option {name}"))?;
            if name == "transparent" && !site.draft.global.deprecated {
                site.warn(here, TRANSPARENT);
            }
            site.proxy.settings.set_flag(option.name, modifier);
            Ok(())
        }
        OptionKind::Negatable(read) => read(site, words),
        OptionKind::Plain(_) if modifier != Modifier::Plain => Err(Diag::alert(
            here,
            format!("negation/default is not supported for option '{name}'."),
        )),
        OptionKind::Plain(read) => read(site, words),
    }
}

fn unknown(name: &str, here: lbd_core::Span) -> Diag {
    if let Some(entry) = unsupported::option(name) {
        return entry.diag_as(here, &format!("option '{name}'"));
    }
    if let Some(removed) = super::removed::option(name) {
        return removed.option_diag(here);
    }
    let known = registry::OPTIONS
        .iter()
        .flat_map(|family| family.iter())
        .map(|option| option.name);
    Diag::alert(
        here,
        match suggest::nearest(name, known) {
            Some(near) => format!("unknown option '{name}'; did you mean '{near}' maybe ?"),
            None => format!("unknown option '{name}'."),
        },
    )
}

fn redispatch(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    site.proxy.settings.redispatch = match words.modifier() {
        Modifier::Plain => {
            let interval = match words.left() {
                0 => -1,
                _ => words.int(
                    "option redispatch",
                    i64::from(i32::MIN)..=i64::from(i32::MAX),
                )?,
            };
            Some(i32::try_from(interval).unwrap_or(-1)).filter(|interval| *interval != 0)
        }
        Modifier::No | Modifier::Default => None,
    };
    words.end("option redispatch")
}

fn small_buffers(_: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    while words.left() > 0 {
        super::one_of(words, &["queue", "l7-retries", "check"], |given| {
            format!(
                "invalid parameter '{given}'. option 'use-small-buffers' expects 'queue', \
                 'l7-retries' or 'check' value."
            )
        })?;
    }
    Ok(())
}
