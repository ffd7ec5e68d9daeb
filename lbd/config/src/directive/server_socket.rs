//! Options of servers about connections: sockets, PROXY headers, source addresses (5.2).
//!
//! Load and checks are elsewhere: [`super::server_option`], [`super::server_check`].

use lbd_core::Diag;

use super::bind_option::{known_namespace, md5_key};
use super::server_option::option;
use crate::address::AddressRules;
use crate::config::{ProxyV2Option, WebsocketVersion};
use crate::draft::{ServerDraft, SourceDraft, UseSrcDraft};
use crate::registry::ServerOption;
use crate::section::Site;
use crate::units::TimeUnit;
use crate::words::Words;

/// Options.
pub const OPTIONS: &[ServerOption] = &[
    option(
        "cc",
        1,
        "Congestion control of connections to this server.",
        "cc cubic",
        |_, s, words| {
            s.congestion = Some(words.expect("cc", "an algorithm name")?.to_owned());
            Ok(())
        },
    ),
    option(
        "namespace",
        1,
        "Network namespace of connections to this server: a name below /var/run/netns.",
        "namespace blue",
        |site, s, words| {
            let name = words.expect("namespace", "<name> as argument.")?;
            if name == "*" {
                let text = "'namespace' : '*' is not supported yet (PROXY headers that name one)";
                return Err(Diag::alert(words.last(), text).hint("Name the namespace."));
            }
            known_namespace(site, name, words.last())?;
            s.namespace = Some(name.into());
            Ok(())
        },
    ),
    option(
        "no-send-proxy",
        0,
        "Cancels 'send-proxy'.",
        "no-send-proxy",
        |_, s, _| {
            s.send_proxy = s.send_proxy.filter(|version| *version != 1);
            Ok(())
        },
    ),
    option(
        "no-send-proxy-v2",
        0,
        "Cancels 'send-proxy-v2'.",
        "no-send-proxy-v2",
        |_, s, _| {
            no_version_2(s);
            Ok(())
        },
    ),
    option(
        "no-send-proxy-v2-ssl",
        0,
        "Cancels 'send-proxy-v2-ssl'.",
        "no-send-proxy-v2-ssl",
        |_, s, _| {
            no_version_2(s);
            Ok(())
        },
    ),
    option(
        "no-send-proxy-v2-ssl-cn",
        0,
        "Cancels 'send-proxy-v2-ssl-cn'.",
        "no-send-proxy-v2-ssl-cn",
        |_, s, _| {
            no_version_2(s);
            Ok(())
        },
    ),
    option("no-tfo", 0, "Cancels 'tfo'.", "no-tfo", |_, s, _| {
        s.fast_open = false;
        Ok(())
    }),
    option(
        "proto",
        1,
        "Protocol without negotiation: h1, h2.",
        "proto h2",
        |_, s, words| {
            let here = words.here();
            match words.expect("proto", "a protocol name")? {
                name @ ("h1" | "h2" | "none") => {
                    s.proto = Some(name.to_owned());
                    Ok(())
                }
                name @ ("fcgi" | "qmux" | "spop" | "quic") => Err(Diag::alert(
                    here,
                    format!("'proto' : '{name}' is not supported yet"),
                )
                .hint("Only 'h1' and 'h2' are known so far.")),
                name => Err(Diag::alert(
                    here,
                    format!("'proto' :  unknown MUX protocol '{name}'"),
                )),
            }
        },
    ),
    option(
        "proxy-v2-options",
        1,
        "Additions to the PROXY v2 header: ssl, cert-cn, ssl-cipher, cert-sig, cert-key, authority, crc32c, unique-id.",
        "send-proxy-v2 proxy-v2-options crc32c",
        |_, s, words| {
            let list = words.expect("proxy-v2-options", "a list of options")?;
            let span = words.last();
            for item in list.split(',') {
                s.proxy_options.push(match item {
                    "authority" => ProxyV2Option::Authority,
                    "crc32c" => ProxyV2Option::Crc32c,
                    "unique-id" => ProxyV2Option::UniqueId,
                    "ssl" => ProxyV2Option::Ssl,
                    "cert-cn" => ProxyV2Option::CertCn,
                    "cert-key" => ProxyV2Option::CertKey,
                    "cert-sig" => ProxyV2Option::CertSig,
                    "ssl-cipher" => ProxyV2Option::SslCipher,
                    other => {
                        return Err(Diag::alert(
                            span,
                            format!("'{other}' : proxy v2 option not implemented"),
                        ));
                    }
                });
            }
            Ok(())
        },
    ),
    option(
        "send-proxy",
        0,
        "Connections begin with a PROXY v1 header.",
        "send-proxy",
        |_, s, _| {
            // Beside version 2 it changes nothing.
            s.send_proxy.get_or_insert(1);
            Ok(())
        },
    ),
    option(
        "send-proxy-v2",
        0,
        "Connections begin with a PROXY v2 header.",
        "send-proxy-v2",
        |_, s, _| {
            s.send_proxy = Some(2);
            Ok(())
        },
    ),
    option(
        "send-proxy-v2-ssl",
        0,
        "Connections begin with a PROXY v2 header that tells of the client's TLS.",
        "send-proxy-v2-ssl",
        |_, s, _| {
            s.send_proxy = Some(2);
            s.proxy_options.push(ProxyV2Option::Ssl);
            Ok(())
        },
    ),
    option(
        "send-proxy-v2-ssl-cn",
        0,
        "Connections begin with a PROXY v2 header that tells of the client's TLS and its \
         certificate's common name.",
        "send-proxy-v2-ssl-cn",
        |_, s, _| {
            s.send_proxy = Some(2);
            s.proxy_options.push(ProxyV2Option::CertCn);
            Ok(())
        },
    ),
    option(
        "set-proxy-v2-tlv-fmt",
        1,
        "Adds a TLV of this type to the PROXY v2 header.",
        "send-proxy-v2 set-proxy-v2-tlv-fmt(0x20) %[fc_src]",
        |_, _, words| {
            // Reached only without parentheses: with them the name is found by its beginning.
            Err(Diag::alert(
                words.last(),
                "'set-proxy-v2-tlv-fmt' : expects set-proxy-v2-tlv(<TLV ID>)",
            ))
        },
    ),
    option(
        "socks4",
        1,
        "Connects through a SOCKS4 proxy.",
        "socks4 127.0.0.1:1080",
        |site, s, words| {
            let text = words.expect("socks4", "<addr>:<port> as argument.")?;
            let span = words.last();
            s.socks4 = Some((
                site.address("socks4", text, span, &AddressRules::CONNECT)?,
                span,
            ));
            Ok(())
        },
    ),
    option(
        "source",
        -1,
        "Address to connect from.",
        "source 127.0.0.1",
        source,
    ),
    option(
        "tcp-md5sig",
        1,
        "Password of the TCP MD5 signatures (RFC 2385) of connections to this server.",
        "tcp-md5sig secret",
        |_, s, words| {
            s.md5_key = Some(md5_key(words)?);
            Ok(())
        },
    ),
    option(
        "tcp-ut",
        1,
        "Time that unacknowledged data may wait.",
        "tcp-ut 30s",
        |_, s, words| {
            s.user_timeout = Some(words.time("tcp-ut", TimeUnit::Millisecond)?);
            Ok(())
        },
    ),
    option("tfo", 0, "TCP fast open.", "tfo", |_, s, _| {
        s.fast_open = true;
        Ok(())
    }),
    option("usesrc", 1, "Only behind 'source'.", "", |_, _, words| {
        Err(Diag::alert(
            words.last(),
            "'usesrc' only allowed after a 'source' statement.",
        ))
    }),
    option(
        "ws",
        1,
        "Version of HTTP for WebSockets: auto, h1, h2.",
        "ws h1",
        |_, s, words| {
            let here = words.here();
            s.websocket = Some(match words.text()? {
                Some("auto") => None,
                Some("h1") => Some(WebsocketVersion::H1),
                Some("h2") => Some(WebsocketVersion::H2),
                _ => {
                    let text = "'ws' has to be 'auto', 'h1' or 'h2'.";
                    return Err(Diag::alert(here, text));
                }
            });
            Ok(())
        },
    ),
];

/// Takes back version 2 of the PROXY header with what it tells of TLS.
fn no_version_2(server: &mut ServerDraft) {
    if server.send_proxy == Some(2) {
        server.send_proxy = None;
        server.proxy_options.retain(|option| !option.is_of_tls());
    }
}

fn source(site: &mut Site<'_>, s: &mut ServerDraft, words: &mut Words<'_>) -> Result<(), Diag> {
    s.source = Some(source_words(site, words, &AddressRules::SERVER_SOURCE)?);
    Ok(())
}

/// `<addr>[:<port>] [usesrc …] [interface …]`, of a server or a backend.
///
/// # Errors
/// In the reference's words.
pub fn source_words(
    site: &Site<'_>,
    words: &mut Words<'_>,
    rules: &AddressRules,
) -> Result<SourceDraft, Diag> {
    let text = words.expect(
        "source",
        "<addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>.",
    )?;
    let span = words.last();
    let mut draft = SourceDraft {
        address: site.address("source", text, span, rules)?,
        interface: None,
        usesrc: None,
        span,
    };
    loop {
        if words.take_if("usesrc") {
            draft.usesrc = Some(use_src(site, words)?);
        } else if words.take_if("interface") {
            draft.interface = Some(words.expect("interface", "an interface name")?.to_owned());
        } else {
            return Ok(draft);
        }
    }
}

fn use_src(site: &Site<'_>, words: &mut Words<'_>) -> Result<UseSrcDraft, Diag> {
    let text = words.expect(
        "usesrc",
        "<addr>[:<port>], 'client', 'clientip', or 'hdr_ip(name,#)' as argument.",
    )?;
    let span = words.last();
    if let Some(arguments) = text
        .strip_prefix("hdr_ip(")
        .and_then(|t| t.strip_suffix(')'))
    {
        let (name, occurrence) = arguments.split_once(',').unwrap_or((arguments, "-1"));
        let number = occurrence.trim().parse::<i32>().ok().filter(|n| *n >= -10);
        let Some(number) = number.filter(|_| !name.trim().is_empty()) else {
            return Err(Diag::alert(
                span,
                "usesrc hdr_ip(name,num) does not support negative occurrences values smaller \
                 than 10 (got an invalid argument)",
            ));
        };
        let name = name.trim().to_ascii_lowercase().into_bytes();
        return Ok(UseSrcDraft::Header(name, number));
    }
    match text {
        "client" => Ok(UseSrcDraft::Client),
        "clientip" => Ok(UseSrcDraft::ClientIp),
        _ => site
            .address("usesrc", text, span, &AddressRules::SOURCE)
            .map(UseSrcDraft::Address),
    }
}

/// `set-proxy-v2-tlv-fmt(<type>) <format>`.
///
/// # Errors
/// In the reference's words.
pub fn tlv(name: &str, s: &mut ServerDraft, words: &mut Words<'_>) -> Result<(), Diag> {
    let span = words.last();
    let id = name
        .strip_prefix("set-proxy-v2-tlv-fmt(")
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(|| {
            Diag::alert(
                span,
                "'set-proxy-v2-tlv-fmt' : expects set-proxy-v2-tlv(<TLV ID>)",
            )
        })?;
    let id = match id.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => id.parse::<u32>().ok(),
    };
    let Some(id) = id else {
        return Err(Diag::alert(
            span,
            "'set-proxy-v2-tlv-fmt' : could not find a valid number for the TLV ID",
        ));
    };
    let Ok(id) = u8::try_from(id) else {
        return Err(Diag::alert(
            span,
            "'set-proxy-v2-tlv-fmt' : the maximum allowed TLV ID is 255",
        ));
    };
    match words.take() {
        Some(word) => {
            s.tlvs.push((id, word.clone()));
            Ok(())
        }
        None => Err(Diag::alert(
            span,
            "'set-proxy-v2-tlv-fmt' : could not read set-proxy-v2-tlv-fmt command",
        )),
    }
}
