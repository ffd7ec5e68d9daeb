//! Switches of `option` that concern HTTP messages.
//!
//! Those of connections are in [`super::options`].

use lbd_core::Diag;

use super::options::flag;
use crate::config::{ConnectionMode, HeaderNamePolicy};
use crate::draft::{ForwardDraft, ForwardedDraft};
use crate::lex::{Modifier, Word};
use crate::registry::{Effect, Example, OptionKind, ProxyOption, Side};
use crate::section::Site;
use crate::words::Words;

/// Options.
pub const OPTIONS: &[ProxyOption] = &[
    deprecated("accept-invalid-http-request", Side::Front, |site, words| {
        accept_invalid(
            site,
            words,
            "accept-unsafe-violations-in-http-request",
            "request",
        )
    }),
    deprecated("accept-invalid-http-response", Side::Back, |site, words| {
        accept_invalid(
            site,
            words,
            "accept-unsafe-violations-in-http-response",
            "response",
        )
    }),
    flag(
        "accept-unsafe-violations-in-http-request",
        Side::Front,
        true,
        "Requests with certain faults pass.",
    ),
    flag(
        "accept-unsafe-violations-in-http-response",
        Side::Back,
        true,
        "Responses with certain faults pass.",
    ),
    flag(
        "checkcache",
        Side::Back,
        true,
        "Refuses cacheable answers that set cookies.",
    ),
    flag(
        "disable-h2-upgrade",
        Side::Front,
        true,
        "HTTP/2 prefaces are not recognized on clear ports.",
    ),
    ProxyOption {
        kind: OptionKind::Negatable(forwarded),
        examples: &[
            Example::Ok("forwarded"),
            Example::Ok("forwarded proto host for for_port by"),
            Example::Fail("forwarded x", "only supports optional values"),
        ],
        ..flag(
            "forwarded",
            Side::Both,
            false,
            "Adds the header of RFC 7239.",
        )
    },
    ProxyOption {
        kind: OptionKind::Plain(|site, words| {
            site.proxy.settings.forwardfor = Some(forward(words, "forwardfor")?);
            Ok(())
        }),
        examples: &[
            Example::Ok("forwardfor"),
            Example::Ok("forwardfor except 127.0.0.0/8 header X-Client if-none"),
            Example::Fail("forwardfor x", "only supports optional values"),
        ],
        ..flag("forwardfor", Side::Both, false, "Adds X-Forwarded-For.")
    },
    flag(
        "h1-case-adjust-bogus-client",
        Side::Front,
        false,
        "Names of response headers are spelled by 'h1-case-adjust'.",
    ),
    flag(
        "h1-case-adjust-bogus-server",
        Side::Back,
        false,
        "Names of request headers are spelled by 'h1-case-adjust'.",
    ),
    flag(
        "http-buffer-request",
        Side::Both,
        true,
        "The request body is awaited before a server is chosen.",
    ),
    flag(
        "http-drop-request-trailers",
        Side::Back,
        true,
        "Trailers of requests are removed.",
    ),
    flag(
        "http-drop-response-trailers",
        Side::Front,
        true,
        "Trailers of responses are removed.",
    ),
    flag(
        "http-ignore-probes",
        Side::Front,
        true,
        "Connections without data are closed silently.",
    ),
    connection(
        "http-keep-alive",
        "Connections are kept on both sides; the default.",
        |site, words| set_connection(site, words, "http-keep-alive", ConnectionMode::KeepAlive),
    ),
    flag(
        "http-no-delay",
        Side::Both,
        true,
        "Data is never held back to be sent together.",
    ),
    flag(
        "http-pretend-keepalive",
        Side::Back,
        true,
        "Servers are told that the connection is kept.",
    ),
    ProxyOption {
        kind: OptionKind::Plain(restrict_names),
        examples: &[
            Example::Ok("http-restrict-req-hdr-names reject"),
            Example::Fail("http-restrict-req-hdr-names", "missing parameter"),
            Example::Fail("http-restrict-req-hdr-names x", "invalid parameter"),
        ],
        ..flag(
            "http-restrict-req-hdr-names",
            Side::Both,
            false,
            "What happens to unusual header names.",
        )
    },
    connection(
        "http-server-close",
        "Connections to servers are closed after each answer.",
        |site, words| {
            set_connection(
                site,
                words,
                "http-server-close",
                ConnectionMode::ServerClose,
            )
        },
    ),
    connection(
        "httpclose",
        "Connections are closed on both sides after each answer.",
        |site, words| set_connection(site, words, "httpclose", ConnectionMode::Close),
    ),
    flag(
        "http-use-proxy-header",
        Side::Front,
        true,
        "Requests to a proxy (their target begins with neither '/' nor '*') authenticate by \
         Proxy-Authorization and 407.",
    ),
    flag(
        "idle-close-on-response",
        Side::Front,
        true,
        "Idle connections are closed after an answer only, at a soft stop.",
    ),
    ProxyOption {
        kind: OptionKind::Plain(|site, words| {
            site.proxy.settings.originalto = Some(forward(words, "originalto")?);
            Ok(())
        }),
        examples: &[
            Example::Ok("originalto"),
            Example::Ok("originalto except 10.0.0.1 header X-Dst"),
        ],
        ..flag("originalto", Side::Both, false, "Adds X-Original-To.")
    },
    flag(
        "prefer-last-server",
        Side::Back,
        true,
        "A kept connection stays on its server.",
    ),
];

const fn connection(
    name: &'static str,
    doc: &'static str,
    read: fn(&mut Site<'_>, &mut Words<'_>) -> Result<(), Diag>,
) -> ProxyOption {
    ProxyOption {
        kind: OptionKind::Negatable(read),
        ..flag(name, Side::Both, false, doc)
    }
}

const fn deprecated(
    name: &'static str,
    side: Side,
    read: fn(&mut Site<'_>, &mut Words<'_>) -> Result<(), Diag>,
) -> ProxyOption {
    ProxyOption {
        name,
        side,
        http_only: false,
        kind: OptionKind::Plain(read),
        effect: Effect::Supported,
        doc: "Deprecated name of accept-unsafe-violations-in-http-request and -response.",
        examples: &[],
    }
}

fn accept_invalid(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    name: &'static str,
    side: &str,
) -> Result<(), Diag> {
    let span = words.last();
    site.warn(
        span,
        format!(
            "option 'accept-invalid-http-{side}' is deprecated. please use 'option {name}' if \
             absolutely needed."
        ),
    );
    site.proxy.settings.set_flag(name, Modifier::Plain);
    words.end(&format!("option accept-invalid-http-{side}"))
}

fn set_connection(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    name: &str,
    mode: ConnectionMode,
) -> Result<(), Diag> {
    words.end(&format!("option {name}"))?;
    let current = &mut site.proxy.settings.connection;
    match words.modifier() {
        Modifier::Plain => *current = mode,
        Modifier::No if *current == mode => *current = ConnectionMode::KeepAlive,
        Modifier::No => {}
        Modifier::Default => {
            return Err(Diag::alert(
                words.last(),
                format!("negation/default is not supported for option '{name}'."),
            ));
        }
    }
    Ok(())
}

fn forward(words: &mut Words<'_>, option: &str) -> Result<ForwardDraft, Diag> {
    let mut draft = ForwardDraft {
        header: None,
        except: None,
        if_none: false,
    };
    while let Some(word) = words.text()? {
        match word {
            "except" => {
                let here = words.here();
                let text = words.text()?.unwrap_or("");
                draft.except = Some(network(text).ok_or_else(|| {
                    Diag::alert(
                        here,
                        format!("'option {option} except' expects <address>[/mask] as argument."),
                    )
                })?);
            }
            "header" => {
                let header = words.expect(
                    &format!("option {option} header"),
                    "<header_name> as argument.",
                )?;
                draft.header = Some(header.to_ascii_lowercase().into_bytes());
            }
            "if-none" if option == "forwardfor" => draft.if_none = true,
            _ => {
                return Err(Diag::alert(
                    words.last(),
                    match option {
                        "forwardfor" => {
                            "'option forwardfor' only supports optional values: 'except', \
                             'header' and 'if-none'."
                        }
                        _ => {
                            "'option originalto' only supports optional values: 'except' and \
                             'header'."
                        }
                    },
                ));
            }
        }
    }
    Ok(draft)
}

/// An address with a prefix length; an IPv4 mask must be one, too.
fn network(text: &str) -> Option<(std::net::IpAddr, u8)> {
    match crate::address::parse_network(text).ok()? {
        crate::address::Network::V4 { address, mask } => {
            let bits = mask.to_bits();
            let prefix = bits.leading_ones();
            (bits.count_ones() == prefix)
                .then(|| u8::try_from(prefix).ok())
                .flatten()
                .map(|prefix| (address.into(), prefix))
        }
        crate::address::Network::V6 { address, prefix } => Some((address.into(), prefix)),
    }
}

fn forwarded(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    match words.modifier() {
        Modifier::Plain => {}
        Modifier::No => {
            site.proxy.settings.forwarded = None;
            return words.end("option forwarded");
        }
        Modifier::Default => {
            return Err(Diag::alert(
                words.last(),
                "negation/default is not supported for option 'forwarded'.",
            ));
        }
    }
    let span = words.last();
    let mut draft = ForwardedDraft::default();
    if words.left() == 0 {
        draft.proto = true;
        draft.for_ = Some(None);
    }
    while let Some(word) = words.text()? {
        let (name, value) = match word.strip_suffix("-expr") {
            Some(name) => (name, Some(expression(words, word)?)),
            None => (word, None),
        };
        match name {
            "proto" if value.is_none() => draft.proto = true,
            "host" => draft.host = Some(value),
            "by" => draft.by = Some(value),
            "for" => draft.for_ = Some(value),
            "by_port" => draft.by_port = Some(value),
            "for_port" => draft.for_port = Some(value),
            _ => {
                return Err(Diag::alert(
                    words.last(),
                    "'option forwarded' only supports optional values: 'proto', 'host', \
                     'host-expr', 'by', 'by-expr', 'by_port', 'by_port-expr', 'for', 'for-expr', \
                     'for_port' and 'for_port-expr'.",
                ));
            }
        }
    }
    for (port, node, name) in [
        (&mut draft.by_port, &draft.by, "by"),
        (&mut draft.for_port, &draft.for_, "for"),
    ] {
        if port.is_some() && node.is_none() {
            *port = None;
            site.diags.push(Diag::warning(
                span,
                format!(
                    "'option forwarded' : '{name}_port' will be ignored because both '{name}' and \
                     '{name}-expr' are unset"
                ),
            ));
        }
    }
    site.proxy.settings.forwarded = Some(draft);
    Ok(())
}

fn expression(words: &mut Words<'_>, option: &str) -> Result<Word, Diag> {
    match words.take() {
        Some(word) => Ok(word.clone()),
        None => Err(Diag::alert(
            words.last(),
            format!("'{option}' expects <expr> as argument."),
        )),
    }
}

fn restrict_names(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let option = "option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete'";
    let here = words.here();
    site.proxy.settings.restrict_header_names = match words.text()? {
        Some("preserve") => HeaderNamePolicy::Preserve,
        Some("reject") => HeaderNamePolicy::Reject,
        Some("delete") => HeaderNamePolicy::Delete,
        None => {
            return Err(Diag::alert(
                here,
                format!("missing parameter. {option} option."),
            ));
        }
        Some(other) => {
            return Err(Diag::alert(
                here,
                format!("invalid parameter '{other}'. {option} option."),
            ));
        }
    };
    words.end("option http-restrict-req-hdr-names")
}
