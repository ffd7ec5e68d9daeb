//! Every keyword and option of the reference in `peers` sections: taken, or refused by name with the
//! reason and a hint; never in another way.

use std::sync::LazyLock;

use lbd_config::host::MemoryHost;
use lbd_config::loader::Sources;
use lbd_config::{registry, render, unsupported};

use crate::support;

/// The words of the reference's `peers` sections (configuration 11.2).
const KEYWORDS: &[&str] = &[
    "bind",
    "default-bind",
    "default-server",
    "disabled",
    "enabled",
    "log",
    "peer",
    "server",
    "shards",
    "table",
];

/// Options that ask for what sessions of peers do not have, by the manual or here; each is refused
/// with its name.
const REFUSED_SERVER: &[&str] = &[
    "addr",
    "agent-addr",
    "agent-check",
    "agent-inter",
    "agent-port",
    "agent-send",
    "check",
    "check-alpn",
    "check-pool-conn-name",
    "check-proto",
    "check-reuse-pool",
    "check-send-proxy",
    "check-sni",
    "check-sni-auto",
    "check-ssl",
    "check-via-socks4",
    "error-limit",
    "fall",
    "fastinter",
    "downinter",
    "healthcheck",
    "init-addr",
    "init-state",
    "inter",
    "log-proto",
    "namespace",
    "observe",
    "on-error",
    "on-marked-down",
    "on-marked-up",
    "port",
    "proto",
    "proxy-v2-options",
    "resolve-net",
    "resolve-opts",
    "resolve-prefer",
    "resolvers",
    "rise",
    "send-proxy",
    "send-proxy-v2",
    "send-proxy-v2-ssl",
    "send-proxy-v2-ssl-cn",
    "set-proxy-v2-tlv-fmt",
    "sni",
    "socks4",
    "source",
    "tcp-md5sig",
    "tcp-ut",
    "tfo",
    "track",
    "no-check",
    "no-agent-check",
    "no-check-sni-auto",
    "no-check-reuse-pool",
    "no-send-proxy",
    "no-send-proxy-v2",
    "no-send-proxy-v2-ssl",
    "no-send-proxy-v2-ssl-cn",
    "no-tfo",
    "no-check-send-proxy",
    "idle-ping",
    "pool-low-conn",
    "cc",
];

fn judge(lines: &str) -> (String, bool) {
    let text = format!(
        "global\n localpeer A\npeers P\n{lines}\nlisten l\n mode http\n bind :80\n timeout client 1s\n \
         timeout server 1s\n timeout connect 1s\n"
    );
    static PEM: LazyLock<String> = LazyLock::new(support::certificate);
    let mut host = MemoryHost::new();
    for file in FILES {
        host = host.file(file, PEM.clone());
    }
    let sources = Sources::from_text("x.cfg", text);
    let (config, diags) = lbd_config::load(&sources, &host);
    (render::render(&diags, &sources, 1, false), config.is_some())
}

/// Files that examples name.
const FILES: &[&str] = &[
    "ca.pem",
    "client.pem",
    "site.pem",
    "crl.pem",
    "a.pem",
    "peer.pem",
];

/// Whether what is refused names a word of the example (options may stand behind one that they belong
/// to), and where it is.
fn is_named(example: &str, said: &str) -> bool {
    let mut words = example.split(' ');
    words.any(|word| said.contains(&format!("'{word}'"))) && said.contains("[x.cfg:")
}

#[test]
fn each_word_of_a_section_is_known() {
    for word in KEYWORDS {
        let directive = registry::directive(word, registry::Sections::PEERS);
        assert!(directive.is_some(), "{word}");
    }
}

#[test]
fn each_server_option_is_taken_or_refused_by_name() {
    let mut differing = Vec::new();
    let options = registry::SERVER_OPTIONS
        .iter()
        .flat_map(|family| family.iter());
    // 'usesrc' stands behind 'source' only and has no example of its own.
    for option in options.filter(|option| !option.example.is_empty()) {
        for form in [
            format!(
                " peer A 127.0.0.1:1\n peer B 127.0.0.1:2 {}",
                option.example
            ),
            format!(
                " bind 127.0.0.1:1\n server A\n server B 127.0.0.1:2 {}",
                option.example
            ),
        ] {
            let (said, is_taken) = judge(&form);
            let is_refused_well = is_named(option.example, &said) && said.contains("hint: ");
            if is_taken == REFUSED_SERVER.contains(&option.name) {
                differing.push(format!("{}: taken {is_taken}: {said}", option.name));
            } else if !is_taken && !is_refused_well {
                differing.push(format!("{}: {said}", option.name));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn what_is_not_supported_anywhere_is_refused_by_name_here_as_well() {
    for entry in unsupported::SERVER_OPTIONS {
        let line = format!(" peer A 127.0.0.1:1\n peer B 127.0.0.1:2 {} x", entry.name);
        let (said, is_taken) = judge(&line);
        assert!(!is_taken, "{}", entry.name);
        assert!(is_named(entry.name, &said), "{}: {said}", entry.name);
    }
    for entry in unsupported::BIND_OPTIONS {
        let line = format!(" bind 127.0.0.1:1 {} x\n server A", entry.name);
        let (said, is_taken) = judge(&line);
        assert!(!is_taken, "{}", entry.name);
        assert!(is_named(entry.name, &said), "{}: {said}", entry.name);
    }
}

#[test]
fn each_bind_option_is_taken_or_refused_by_name() {
    for option in registry::BIND_OPTIONS
        .iter()
        .flat_map(|family| family.iter())
    {
        for line in ["bind 127.0.0.1:1", "default-bind"] {
            let text = match line {
                "default-bind" => {
                    format!(" {line} {}\n bind 127.0.0.1:1\n server A", option.example)
                }
                line => format!(" {line} {}\n server A", option.example),
            };
            let (said, is_taken) = judge(&text);
            let is_good = is_taken || is_named(option.example, &said);
            assert!(is_good, "{}: {said}", option.name);
        }
    }
}
