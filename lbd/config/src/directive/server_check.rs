//! Options of servers about health checks and agents (5.2).
//!
//! What a check sends and expects is the backend's: [`super::check`].

use lbd_core::Diag;

use super::server_option::{MAX, option};
use super::{number, one_of};
use crate::address::{AddressRules, AddressSpec};
use crate::config::Mode;
use crate::draft::ServerDraft;
use crate::registry::ServerOption;
use crate::section::Site;
use crate::units::TimeUnit;
use crate::words::Words;

/// Options.
pub const OPTIONS: &[ServerOption] = &[
    option(
        "addr",
        1,
        "Address to check instead of the server's.",
        "addr 127.0.0.1",
        |site, s, words| {
            s.health.address = Some(check_address(site, words, "addr")?);
            Ok(())
        },
    ),
    option(
        "agent-addr",
        1,
        "Address of the agent.",
        "agent-addr 127.0.0.1",
        |site, s, words| {
            s.health.agent_address = Some(check_address(site, words, "agent-addr")?);
            Ok(())
        },
    ),
    option(
        "agent-check",
        0,
        "Asks an agent on the server for its state.",
        "agent-check agent-port 7000",
        |_, s, _| {
            s.health.agent = true;
            Ok(())
        },
    ),
    option(
        "agent-inter",
        1,
        "Interval of agent checks.",
        "agent-inter 5s",
        |_, s, words| {
            s.health.agent_inter = Some(time(s, words, "agent-inter")?);
            Ok(())
        },
    ),
    option(
        "agent-port",
        1,
        "Port of the agent.",
        "agent-port 7000",
        |_, s, words| {
            s.health.agent_port = u16::try_from(number(words, "agent-port", 1, 65535)?).ok();
            Ok(())
        },
    ),
    option(
        "agent-send",
        1,
        "What is sent to the agent.",
        "agent-send hello",
        |_, s, words| {
            s.health.agent_send = Some(
                words
                    .expect("agent-send", "<value> as argument.")?
                    .as_bytes()
                    .to_vec(),
            );
            Ok(())
        },
    ),
    option(
        "check",
        0,
        "Checks the health of this server.",
        "check",
        |_, s, _| {
            s.health.check = true;
            Ok(())
        },
    ),
    option(
        "check-proto",
        1,
        "Protocol of checks without negotiation: h1, h2, none.",
        "check-proto h1",
        |_, s, words| {
            let here = words.here();
            let name = words.expect("check-proto", "a MUX protocol as argument.")?;
            let proto = super::check::proto(name)
                .map_err(|text| Diag::alert(here, format!("'check-proto' : {text}")))?;
            s.health.proto = Some(proto);
            Ok(())
        },
    ),
    option(
        "check-send-proxy",
        0,
        "Checks begin with a PROXY header.",
        "check-send-proxy",
        |_, s, _| {
            s.health.send_proxy = true;
            Ok(())
        },
    ),
    option(
        "check-sni-auto",
        0,
        "Checks ask for the host of their request.",
        "check-sni-auto",
        |_, s, _| {
            s.health.no_sni_auto = false;
            Ok(())
        },
    ),
    option(
        "check-via-socks4",
        0,
        "Checks go through the SOCKS4 proxy.",
        "check-via-socks4",
        |_, s, _| {
            s.health.via_socks4 = true;
            Ok(())
        },
    ),
    option(
        "downinter",
        1,
        "Interval of checks while down.",
        "downinter 10s",
        |_, s, words| {
            s.health.downinter = Some(time(s, words, "downinter")?);
            Ok(())
        },
    ),
    option(
        "error-limit",
        1,
        "Observed errors in a row that trigger 'on-error'.",
        "error-limit 5",
        |_, s, words| {
            s.health.error_limit = u32::try_from(number(words, "error-limit", 1, MAX)?).ok();
            Ok(())
        },
    ),
    option(
        "fall",
        1,
        "Failed checks in a row until down.",
        "fall 3",
        |_, s, words| {
            s.health.fall = u32::try_from(number(words, "fall", 1, MAX)?).ok();
            Ok(())
        },
    ),
    option(
        "fastinter",
        1,
        "Interval of checks between up and down.",
        "fastinter 1s",
        |_, s, words| {
            s.health.fastinter = Some(time(s, words, "fastinter")?);
            Ok(())
        },
    ),
    option(
        "init-state",
        1,
        "State at the start: fully-up, up, down, fully-down, none.",
        "init-state down",
        |_, s, words| {
            let state = one_of(
                words,
                &["none", "fully-up", "up", "down", "fully-down"],
                |given| {
                    format!(
                        "'init-state' expects one of 'none', 'fully-up', 'up', 'down', or 'fully-down' but got '{given}'"
                    )
                },
            )?;
            s.health.init_state = Some(state).filter(|state| *state != "none");
            Ok(())
        },
    ),
    option(
        "inter",
        1,
        "Interval of checks.",
        "inter 2s",
        |_, s, words| {
            s.health.inter = Some(time(s, words, "inter")?);
            Ok(())
        },
    ),
    option(
        "healthcheck",
        1,
        "The 'healthcheck' section whose check takes the place of the backend's.",
        "healthcheck web",
        |_, s, words| {
            let name = words.expect("healthcheck", "a healthcheck name as argument.")?;
            s.health.section = Some(crate::draft::Named {
                name: name.to_owned(),
                span: words.last(),
            });
            Ok(())
        },
    ),
    option(
        "no-agent-check",
        0,
        "Cancels 'agent-check'.",
        "no-agent-check",
        |_, s, _| {
            s.health.agent = false;
            Ok(())
        },
    ),
    option("no-check", 0, "Cancels 'check'.", "no-check", |_, s, _| {
        s.health.check = false;
        Ok(())
    }),
    option(
        "no-check-send-proxy",
        0,
        "Cancels 'check-send-proxy'.",
        "no-check-send-proxy",
        |_, s, _| {
            s.health.send_proxy = false;
            Ok(())
        },
    ),
    option(
        "no-check-sni-auto",
        0,
        "Checks ask for no name unless 'check-sni' says one.",
        "no-check-sni-auto",
        |_, s, _| {
            s.health.no_sni_auto = true;
            Ok(())
        },
    ),
    option(
        "observe",
        1,
        "Judges health from traffic, too: layer4, layer7, none.",
        "observe layer4",
        |site, s, words| {
            let here = words.here();
            let what = one_of(words, &["none", "layer4", "layer7"], |given| {
                format!("'observe' expects one of 'none', 'layer4', 'layer7' but got '{given}'")
            })?;
            if what == "layer7" && site.proxy.mode() != Mode::Http {
                return Err(Diag::alert(
                    here,
                    "'layer7' can only be used in http proxies.",
                ));
            }
            s.health.observe = Some(what).filter(|what| *what != "none");
            Ok(())
        },
    ),
    option(
        "on-error",
        1,
        "What observed errors do: fastinter, fail-check, sudden-death, mark-down.",
        "on-error mark-down",
        |_, s, words| {
            s.health.on_error = Some(one_of(
                words,
                &["fastinter", "fail-check", "sudden-death", "mark-down"],
                |given| {
                    format!(
                        "'on-error' expects one of 'fastinter', 'fail-check', 'sudden-death' or 'mark-down' but got '{given}'"
                    )
                },
            )?);
            Ok(())
        },
    ),
    option(
        "on-marked-down",
        1,
        "'shutdown-sessions' ends sessions of a server that goes down.",
        "on-marked-down shutdown-sessions",
        |_, s, words| {
            one_of(words, &["shutdown-sessions"], |given| {
                format!("'on-marked-down' expects 'shutdown-sessions' but got '{given}'")
            })?;
            s.health.shutdown_on_down = true;
            Ok(())
        },
    ),
    option(
        "on-marked-up",
        1,
        "'shutdown-backup-sessions' ends sessions of backups.",
        "on-marked-up shutdown-backup-sessions",
        |_, s, words| {
            one_of(words, &["shutdown-backup-sessions"], |given| {
                format!("'on-marked-up' expects 'shutdown-backup-sessions' but got '{given}'")
            })?;
            s.health.shutdown_backups_on_up = true;
            Ok(())
        },
    ),
    option(
        "port",
        1,
        "Port to check instead of the server's.",
        "port 8081",
        |_, s, words| {
            s.health.port = u16::try_from(number(words, "port", 1, 65535)?).ok();
            Ok(())
        },
    ),
    option(
        "rise",
        1,
        "Passed checks in a row until up.",
        "rise 2",
        |_, s, words| {
            s.health.rise = u32::try_from(number(words, "rise", 1, MAX)?).ok();
            Ok(())
        },
    ),
];

fn time(
    s: &ServerDraft,
    words: &mut Words<'_>,
    keyword: &str,
) -> Result<std::time::Duration, Diag> {
    let time = words.time(keyword, TimeUnit::Millisecond)?;
    if time.is_zero() {
        return Err(Diag::alert(
            words.last(),
            format!(
                "invalid value 0 for argument '{keyword}' of server {}.",
                s.name
            ),
        ));
    }
    Ok(time)
}

fn check_address(
    site: &Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
) -> Result<AddressSpec, Diag> {
    let text = words.expect(keyword, "an IPv4 or IPv6 address as argument.")?;
    site.address(keyword, text, words.last(), &AddressRules::SOURCE)
}
