//! First words of lines, options, and words of `bind` and `server` lines.

use lbd_config::registry::{
    BIND_OPTIONS, DIRECTIVES, Directive, Example, OPTIONS, OptionKind, SERVER_OPTIONS, Sections,
    Side, TIMEOUTS,
};

use crate::collect;
use crate::trial::{MODES, PROXIES, Trial, Wanted, proxy};

/// Each example of each first word in each section of its kind, in both modes where it is a proxy's.
pub(crate) fn directives() -> Vec<Trial> {
    let all = DIRECTIVES.iter().flat_map(|family| family.iter());
    collect(all.flat_map(|directive| {
        let examples = directive.examples.iter();
        examples.flat_map(|example| {
            let mut trials = single(directive, *example);
            if directive.sections.meets(Sections::PROXY) {
                trials.extend(in_proxies(directive, *example));
            }
            trials
        })
    }))
}

fn parts(example: Example) -> (&'static str, Wanted) {
    match example {
        Example::Ok(text) => (text, Wanted::Accepted),
        Example::Fail(text, message) => (text, Wanted::Refused(message)),
    }
}

/// In the sections that are no proxies.
fn single(directive: &Directive, example: Example) -> Vec<Trial> {
    let (line, wanted) = parts(example);
    let kinds: [(Sections, &str, bool); 6] = [
        (Sections::GLOBAL, "global", true),
        (Sections::USERLIST, "userlist <p>u", false),
        (Sections::HTTP_ERRORS, "http-errors <p>e", false),
        (Sections::PEERS, "peers <p>p", true),
        (Sections::CRT_STORE, "crt-store <p>", true),
        (Sections::HEALTHCHECK, "healthcheck <p>h", false),
    ];
    let places = kinds.into_iter();
    let places = places.filter(|(set, ..)| directive.sections.has(*set));
    places
        .map(|(_, header, is_alone)| {
            let name = format!("'{line}' in {header}");
            // Groups and users that lines of a list name must be there.
            let rest = match (header.starts_with("userlist"), directive.name) {
                (true, "group") => {
                    "    user joe insecure-password x\n    user jim insecure-password x\n"
                }
                (true, _) => "    group ops\n",
                _ => "",
            };
            let trial = Trial::new(name, format!("{header}\n    {line}\n{rest}"), wanted);
            if is_alone { trial.alone() } else { trial }
        })
        .collect()
}

/// In every kind of proxies: where it is for as the example says, elsewhere as the reference.
fn in_proxies(directive: &Directive, example: Example) -> Vec<Trial> {
    let (line, wanted) = parts(example);
    let mut trials = Vec::new();
    for kind in PROXIES {
        let wanted = match directive.sections.has(section(kind)) {
            true => wanted,
            false => Wanted::AsReference,
        };
        for mode in MODES {
            let name = format!("'{line}' in {kind}, mode {mode}");
            // Servers of this name are there already.
            let line = line.replace("server s1 ", "server new1 ");
            trials.push(Trial::new(name, proxy(kind, mode, &line), wanted));
        }
    }
    trials
}

fn section(kind: &str) -> Sections {
    match kind {
        "defaults" => Sections::DEFAULTS,
        "frontend" => Sections::FRONTEND,
        "listen" => Sections::LISTEN,
        _ => Sections::BACKEND,
    }
}

/// Options with their negations, and timeouts; they are read in all proxies, with a warning where
/// the proxy has not the side that they concern.
pub(crate) fn options() -> Vec<Trial> {
    let mut trials = Vec::new();
    for option in OPTIONS.iter().flat_map(|family| family.iter()) {
        if let OptionKind::Flag = option.kind {
            for before in ["", "no ", "default "] {
                let line = format!("{before}option {}", option.name);
                trials.extend(in_all_proxies(&line, Wanted::Accepted, Side::Both));
            }
        }
        for example in option.examples {
            let (text, wanted) = parts(*example);
            // A check by a program needs one.
            let before = match option.name {
                "external-check" => "external-check command /bin/true\n",
                _ => "",
            };
            let line = format!("{before}option {text}");
            trials.extend(in_all_proxies(&line, wanted, option.side));
        }
    }
    for timeout in TIMEOUTS {
        let line = format!("timeout {} 5s", timeout.name);
        trials.extend(in_all_proxies(&line, Wanted::Accepted, Side::Both));
    }
    collect(trials)
}

/// What is refused is not looked at in a proxy without the `side` it concerns.
fn in_all_proxies(line: &str, wanted: Wanted, side: Side) -> Vec<Trial> {
    let mut trials = Vec::new();
    for kind in PROXIES {
        let wanted = match (side, kind) {
            (Side::Front, "backend") | (Side::Back, "frontend") => Wanted::AsReference,
            _ => wanted,
        };
        for mode in MODES {
            let name = format!("'{line}' in {kind}, mode {mode}");
            trials.push(Trial::new(name, proxy(kind, mode, line), wanted));
        }
    }
    trials
}

/// `proto h2` where no HTTP is spoken.
const NO_PROTOCOL: Wanted = Wanted::Refused("MUX protocol 'h2' is not usable for");

/// Words of `bind`, `default-bind` and `stats socket` lines.
pub(crate) fn bind_words() -> Vec<Trial> {
    let all = BIND_OPTIONS.iter().flat_map(|family| family.iter());
    let words = all.filter(|option| !option.example.is_empty());
    collect(words.flat_map(|option| {
        let word = option.example;
        let mut trials = Vec::new();
        for mode in MODES {
            for kind in ["frontend", "listen"] {
                let name = format!("bind word '{word}' in {kind}, mode {mode}");
                let line = format!("bind 127.0.0.1:8001 {word}");
                let wanted = match (option.name, mode) {
                    ("proto", "tcp") => NO_PROTOCOL,
                    _ => Wanted::Accepted,
                };
                trials.push(Trial::new(name, proxy(kind, mode, &line), wanted));
            }
        }
        let peers = format!("peers <p>\n    bind 127.0.0.1:8002 {word}\n    server me\n");
        let name = format!("bind word '{word}' in peers");
        trials.push(Trial::new(name, peers, Wanted::AsReference).alone());
        let peers =
            format!("peers <p>\n    default-bind {word}\n    bind 127.0.0.1:8002\n    server me\n");
        let name = format!("bind word '{word}' in default-bind");
        trials.push(Trial::new(name, peers, Wanted::AsReference).alone());
        let global = format!("global\n    stats socket 127.0.0.1:8003 {word}\n");
        let name = format!("bind word '{word}' on a stats socket");
        let wanted = match option.name {
            "proto" => NO_PROTOCOL,
            _ => Wanted::Accepted,
        };
        trials.push(Trial::new(name, global, wanted).alone());
        trials
    }))
}

/// Words of `server`, `default-server` and `server-template` lines.
pub(crate) fn server_words() -> Vec<Trial> {
    let all = SERVER_OPTIONS.iter().flat_map(|family| family.iter());
    let words = all.filter(|option| !option.example.is_empty());
    collect(words.flat_map(|option| {
        let word = option.example;
        let mut trials = Vec::new();
        for mode in MODES {
            // Redirections are of HTTP, and tracking needs another server.
            let accepted = match (option.name, mode) {
                ("redir", "tcp") => Wanted::AsReference,
                ("proto", "tcp") => NO_PROTOCOL,
                _ => Wanted::Accepted,
            };
            for kind in ["listen", "backend"] {
                for start in [
                    "server s2 127.0.0.1:82",
                    "server-template t 1-2 127.0.0.1:83",
                ] {
                    let name = format!("'{start} {word}' in {kind}, mode {mode}");
                    let text = proxy(kind, mode, &format!("{start} {word}"));
                    let wanted = match (option.name, start.contains("template")) {
                        // A name of one server only.
                        ("guid", true) => Wanted::AsReference,
                        _ => accepted,
                    };
                    trials.push(Trial::new(name, text, wanted));
                }
            }
            for kind in ["defaults", "listen", "backend"] {
                let wanted = match (option.in_default, option.name) {
                    // The server that is tracked would track itself.
                    (true, "track") => Wanted::AsReference,
                    (true, _) => accepted,
                    (false, _) => Wanted::Refused("not accepted in default-server"),
                };
                let line = format!("default-server {word}");
                let name = format!("'{line}' in {kind}, mode {mode}");
                let lines = match kind {
                    "defaults" => line,
                    _ => format!("{line}\nserver s2 127.0.0.1:82"),
                };
                trials.push(Trial::new(name, proxy(kind, mode, &lines), wanted));
            }
        }
        let peers = format!("peers <p>\n    server me\n    server b 192.0.2.1:1024 {word}\n");
        let name = format!("server word '{word}' in peers");
        trials.push(Trial::new(name, peers, Wanted::AsReference).alone());
        trials
    }))
}
