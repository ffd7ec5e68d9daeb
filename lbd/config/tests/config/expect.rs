//! Configurations with the dump or the findings that they must give.

use std::fmt::Write as _;

use lbd_config::config::{BackendChoice, Config, LogLine};
use lbd_config::host::MemoryHost;
use lbd_config::loader::Sources;
use lbd_config::render;
use proptest::prelude::*;

fn host() -> MemoryHost {
    MemoryHost::new()
        .file(
            "/errors/503.http",
            "HTTP/1.0 503 Sorry\r\n\r\n<p>sorry</p>\n",
        )
        .name("app.example", "192.0.2.7".parse().unwrap())
}

/// What a configuration says, shortly.
fn dump(config: &Config) -> String {
    let mut out = String::new();
    let global = &config.global;
    let _ = writeln!(
        out,
        "global maxconn={:?} threads={:?} sockets={} logs={}",
        global.maxconn,
        global.threads,
        global.stats_sockets.len(),
        global.logs.len()
    );
    for proxy in &config.proxies {
        let _ = writeln!(
            out,
            "{} {} {:?} fe={} be={} disabled={}",
            proxy.uid,
            proxy.name,
            proxy.mode,
            proxy.caps.frontend,
            proxy.caps.backend,
            proxy.disabled
        );
        let _ = writeln!(out, "  timeouts {:?}", proxy.timeouts);
        let rules = &proxy.rules;
        let _ = writeln!(
            out,
            "  rules conn={} sess={} content={} req={} res={} after={} tcpres={}",
            rules.tcp_connection.steps.len(),
            rules.tcp_session.steps.len(),
            rules.tcp_content.steps.len(),
            rules.http_request.steps.len(),
            rules.http_response.steps.len(),
            rules.http_after_response.steps.len(),
            rules.tcp_response.steps.len()
        );
        let _ = writeln!(
            out,
            "  log targets={:?} format={}",
            proxy
                .log
                .targets
                .iter()
                .map(|target| &target.address)
                .collect::<Vec<_>>(),
            match &proxy.log.format {
                LogLine::Default => "default".to_owned(),
                LogLine::Format(format) => String::from_utf8_lossy(format.text()).into_owned(),
            }
        );
        let _ = writeln!(
            out,
            "  errors {:?}",
            proxy.errors.keys().collect::<Vec<_>>()
        );
        let _ = writeln!(out, "  options {:?}", proxy.options);
        let front = &proxy.frontend;
        for bind in &front.binds {
            let _ = write!(out, "  bind {:?} {}:", bind.name, bind.text);
            for id in &bind.listeners {
                let listener = &config.listeners[id.index()];
                let _ = write!(out, " {}={:?}", listener.uid, listener.address);
            }
            out.push('\n');
        }
        for rule in &front.use_backend {
            let target = match &rule.target {
                BackendChoice::Fixed(id) => config.proxies[id.index()].name.to_string(),
                BackendChoice::Dynamic(format) => {
                    String::from_utf8_lossy(format.text()).into_owned()
                }
            };
            let _ = writeln!(out, "  use_backend {target} cond={}", rule.cond.is_some());
        }
        if let Some(id) = front.default_backend {
            let _ = writeln!(out, "  default_backend {}", config.proxies[id.index()].name);
        }
        let back = &proxy.backend;
        let _ = writeln!(
            out,
            "  captures {:?} {:?}",
            front.request_captures, front.response_captures
        );
        let _ = writeln!(
            out,
            "  roster {:?} retries={} redispatch={:?} {:?} {:?}",
            back.roster, back.retries, back.redispatch, back.reuse, back.retry_on
        );
        let _ = writeln!(out, "  cookie {:?}", back.cookie);
        for step in back.check.script.steps() {
            let _ = writeln!(out, "  check {step:?}");
        }
        for server in &back.servers {
            let _ = writeln!(
                out,
                "  server {:?} {:?} check={} track={:?} fqdn={:?}",
                server.roster,
                server.address,
                server.check.is_some(),
                server.track,
                server.fqdn
            );
            let _ = writeln!(out, "    health {:?}", server.health);
        }
    }
    out
}

fn findings(name: &str, text: &str) -> (Option<Config>, String) {
    let sources = Sources::from_text(name, text);
    let (config, diags) = lbd_config::load(&sources, &host());
    let shown = render::render(&diags, &sources, 1, true);
    (config, shown)
}

#[test]
fn good_configurations_give_their_dump() {
    let files = crate::support::configurations(&crate::support::data("ok"));
    assert!(!files.is_empty());
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (config, shown) = findings(&name, &crate::support::text(&path));
        let config = config.unwrap_or_else(|| panic!("{name} is refused\n{shown}"));
        let found = format!("{shown}{}", dump(&config));
        crate::support::expect(&path.with_extension("txt"), &found);
    }
}

#[test]
fn bad_configurations_give_all_their_faults() {
    let files = crate::support::configurations(&crate::support::data("bad"));
    assert!(!files.is_empty());
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (config, shown) = findings(&name, &crate::support::text(&path));
        assert!(config.is_none(), "{name} is accepted\n{shown}");
        crate::support::expect(&path.with_extension("txt"), &shown);
    }
}

#[test]
fn a_process_wide_maxconn_reaches_frontends_and_fullconn() {
    let text = "defaults\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n\
                frontend f\n bind :80\n default_backend b\n\
                frontend g\n maxconn 50\n bind :81\n default_backend b\n\
                backend b\n server s 127.0.0.1:80\nbackend c\n fullconn 7\n";
    let (config, shown) = findings("a.cfg", text);
    let mut config = config.unwrap_or_else(|| panic!("{shown}"));
    config.set_process_maxconn(1000);
    assert_eq!(config.proxy("f").unwrap().frontend.maxconn, 1000);
    assert_eq!(config.proxy("g").unwrap().frontend.maxconn, 50);
    assert_eq!(config.proxy("b").unwrap().backend.roster.fullconn, 105);
    assert_eq!(config.proxy("c").unwrap().backend.roster.fullconn, 7);
}

#[test]
fn the_sign_of_a_list_of_statuses_is_that_of_all_its_ranges() {
    for (words, expected) in [
        ("400,402-404", vec![(400, 400), (402, 404)]),
        ("400-499 -450 +500", vec![(400, 449), (451, 500)]),
        ("+501,505", vec![(400, 499), (501, 501), (505, 505)]),
        ("-400-489,495-499", vec![(490, 494)]),
        (
            "-490-499 +501,599,503-504",
            vec![(400, 489), (501, 501), (503, 504), (599, 599)],
        ),
    ] {
        let text = format!("global\n\thttp-err-codes {words}\n");
        let (config, faults) = findings("codes.cfg", &text);
        let config = config.unwrap_or_else(|| panic!("{words}: {faults}"));
        assert_eq!(config.global.http_err_codes, expected, "{words}");
    }
}

/// Lines that look like a configuration.
fn line() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("frontend".to_owned()),
        Just("backend".to_owned()),
        Just("listen".to_owned()),
        Just("defaults".to_owned()),
        Just("global".to_owned()),
        Just("from".to_owned()),
        Just("no".to_owned()),
        Just("option".to_owned()),
        Just("httpchk".to_owned()),
        Just("http-check".to_owned()),
        Just("expect".to_owned()),
        Just("send".to_owned()),
        Just("tcp-request".to_owned()),
        Just("content".to_owned()),
        Just("http-request".to_owned()),
        Just("acl".to_owned()),
        Just("if".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("server".to_owned()),
        Just("bind".to_owned()),
        Just(":80-90".to_owned()),
        Just("127.0.0.1:80".to_owned()),
        Just("timeout".to_owned()),
        Just("10s".to_owned()),
        Just("log".to_owned()),
        Just("source".to_owned()),
        Just("usesrc".to_owned()),
        Just("balance".to_owned()),
        Just("cookie".to_owned()),
        Just("stats".to_owned()),
        Just("socket".to_owned()),
        Just("cpu-map".to_owned()),
        Just("userlist".to_owned()),
        Just("user".to_owned()),
        "[a-z!$%(),.:@0-9-]{0,12}",
        "\\PC{0,6}",
    ];
    prop::collection::vec(word, 0..8).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(lines in prop::collection::vec(line(), 0..30)) {
        let text = lines.join("\n");
        let _ = findings("a.cfg", &text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let sources = Sources::from_text("a.cfg", bytes);
        let _ = lbd_config::load(&sources, &host());
    }

    #[test]
    fn every_keyword_bears_any_arguments(
        at in 0usize..1000,
        arguments in prop::collection::vec("[ -~]{0,10}", 0..5),
    ) {
        let all: Vec<&str> = lbd_config::registry::DIRECTIVES
            .iter()
            .flat_map(|family| family.iter())
            .map(|directive| directive.name)
            .collect();
        let name = all[at % all.len()];
        let tail = arguments.join(" ");
        for section in ["global", "defaults d", "listen l", "userlist u"] {
            let _ = findings("a.cfg", &format!("{section}\n {name} {tail}\n"));
        }
    }
}

#[test]
fn host_names_stand_for_addresses_in_conditions_unless_forbidden() {
    let text = |flag: &str, name: &str| {
        format!(
            "defaults\n timeout client 1s\n mode http\nfrontend f\n bind :80\n acl a src {flag} {name}\n \
             http-request deny if a\n"
        )
    };
    let host = MemoryHost::default().name("lb.example", [10, 0, 0, 1].into());
    let verdict = |flag: &str, name: &str| {
        let sources = Sources::from_text("names.cfg", text(flag, name));
        lbd_config::load(&sources, &host).0.is_some()
    };
    assert!(verdict("", "lb.example"));
    assert!(!verdict("-n", "lb.example"));
    assert!(!verdict("", "nosuch.example"));
}
