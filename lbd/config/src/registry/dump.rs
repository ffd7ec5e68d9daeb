//! The output of `-dKcfg`: all keywords of the configuration, in HAProxy's format.
//!
//! Fetches, converters and ACLs are listed by the caller from `lbd-rules`.

use std::fmt::Write as _;

use super::{BIND_OPTIONS, DIRECTIVES, OPTIONS, SERVER_OPTIONS, Sections, Side};

/// Appends the keywords of a class; `cfg` is the only one of this crate.
pub fn dump_keywords(class: &str, out: &mut String) {
    if class == "cfg" {
        out.push_str("# List of registered configuration keywords:\n");
        cfg(out);
    }
}

fn cfg(out: &mut String) {
    section(out, "global", Sections::GLOBAL);
    section(out, "listen", Sections::PROXY);
    let mut binds: Vec<_> = BIND_OPTIONS
        .iter()
        .flat_map(|family| family.iter())
        .collect();
    binds.sort_by_key(|option| option.name);
    let is_tls = |name: &str| {
        let mut all = crate::directive::ssl_bind::OPTIONS.iter();
        all.any(|option| option.name == name)
    };
    // The word that switches TLS on is missing in the reference's own list.
    for option in binds.into_iter().filter(|option| option.name != "ssl") {
        let class = if is_tls(option.name) { "ssl " } else { "" };
        line(
            out,
            &format!("bind <addr> {class}{}", option.name),
            i64::from(option.args),
        );
    }
    let mut servers: Vec<_> = SERVER_OPTIONS
        .iter()
        .flat_map(|family| family.iter())
        .collect();
    servers.sort_by_key(|option| option.name);
    for option in servers {
        // The name carries its argument in parentheses.
        let args = match option.name {
            "set-proxy-v2-tlv-fmt" | "usesrc" => 0,
            _ => i64::from(option.args),
        };
        line(out, &format!("server <name> <addr> {}", option.name), args);
    }
    let mut options: Vec<_> = OPTIONS.iter().flat_map(|family| family.iter()).collect();
    options.sort_by_key(|option| option.name);
    for option in options {
        let side = match option.side {
            Side::Back => " BE",
            Side::Both => " FE BE",
            Side::Front => " FE",
        };
        let http = if option.http_only { " HTTP" } else { "" };
        let _ = writeln!(out, "\toption {} [{side}{http} ]", option.name);
    }
    for rule in lbd_rules::action::keyword_lines() {
        let _ = writeln!(out, "\t{rule}");
    }
    section(out, "userlist", Sections::USERLIST);
}

fn section(out: &mut String, title: &str, sections: Sections) {
    let _ = writeln!(out, "{title}");
    let mut names: Vec<&str> = DIRECTIVES
        .iter()
        .flat_map(|family| family.iter())
        .filter(|directive| directive.sections.meets(sections))
        .map(|directive| directive.name)
        .collect();
    names.sort_unstable();
    for name in names {
        let _ = writeln!(out, "\t{name}");
    }
}

fn line(out: &mut String, text: &str, args: i64) {
    let _ = match args {
        0 => writeln!(out, "\t{text}"),
        n => writeln!(out, "\t{text} +{n}"),
    };
}
