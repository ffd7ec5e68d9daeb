//! The reference of all keywords as Markdown, made from their descriptors.
//!
//! `lbd` puts the runtime API's commands behind it and keeps all in `packaging/doc/keywords.md`.

use std::fmt::Write as _;

use super::{
    BIND_OPTIONS, DIRECTIVES, Directive, Effect, OPTIONS, SERVER_OPTIONS, Sections, Side, TIMEOUTS,
};
use crate::unsupported::{self, Unsupported};

/// The whole text.
pub fn reference() -> String {
    let mut out = String::from(
        "# Keywords of the configuration\n\nMade from the program's own tables; numbers in \
         parentheses are sections of HAProxy's configuration manual. A keyword without effect is \
         read, and told once when the configuration is loaded.\n",
    );
    directives(&mut out, "global", Sections::GLOBAL);
    directives(
        &mut out,
        "defaults, frontend, listen, backend",
        Sections::PROXY,
    );
    timeouts(&mut out);
    options(&mut out);
    bind(&mut out);
    server(&mut out);
    directives(&mut out, "userlist", Sections::USERLIST);
    directives(&mut out, "http-errors", Sections::HTTP_ERRORS);
    directives(&mut out, "peers", Sections::PEERS);
    directives(&mut out, "crt-store", Sections::CRT_STORE);
    directives(&mut out, "healthcheck", Sections::HEALTHCHECK);
    missing(&mut out);
    out
}

fn directives(out: &mut String, title: &str, sections: Sections) {
    let mut list: Vec<&Directive> = DIRECTIVES
        .iter()
        .flat_map(|family| family.iter())
        .filter(|directive| directive.sections.meets(sections))
        .collect();
    list.sort_by_key(|directive| directive.name);
    let _ = write!(out, "\n## {title}\n\n");
    for directive in list {
        entry(
            out,
            directive.name,
            &places(directive.sections),
            directive.doc,
            directive.effect,
        );
    }
}

fn places(sections: Sections) -> String {
    if !sections.meets(Sections::PROXY) || sections.has(Sections::PROXY) {
        return String::new();
    }
    let names: Vec<&str> = [
        (Sections::DEFAULTS, "defaults"),
        (Sections::FRONTEND, "frontend"),
        (Sections::LISTEN, "listen"),
        (Sections::BACKEND, "backend"),
    ]
    .into_iter()
    .filter(|(set, _)| sections.has(*set))
    .map(|(_, name)| name)
    .collect();
    format!(" [{}]", names.join(", "))
}

fn entry(out: &mut String, name: &str, places: &str, doc: &str, effect: Effect) {
    let _ = match effect {
        Effect::Supported => writeln!(out, "- `{name}`{places}: {doc}"),
        Effect::NoEffect(reason) => writeln!(out, "- `{name}`{places}: {doc} No effect: {reason}."),
    };
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Back => " [defaults, listen, backend]",
        Side::Both => "",
        Side::Front => " [defaults, frontend, listen]",
    }
}

fn timeouts(out: &mut String) {
    out.push_str("\n## timeout\n\n");
    for timeout in TIMEOUTS {
        entry(
            out,
            timeout.name,
            side(timeout.side),
            timeout.doc,
            Effect::Supported,
        );
    }
}

fn options(out: &mut String) {
    out.push_str("\n## option\n\n");
    let mut list: Vec<_> = OPTIONS.iter().flat_map(|family| family.iter()).collect();
    list.sort_by_key(|option| option.name);
    for option in list {
        entry(
            out,
            option.name,
            side(option.side),
            option.doc,
            option.effect,
        );
    }
}

fn bind(out: &mut String) {
    out.push_str("\n## Options of bind\n\n");
    let mut list: Vec<_> = BIND_OPTIONS
        .iter()
        .flat_map(|family| family.iter())
        .collect();
    list.sort_by_key(|option| option.name);
    for option in list {
        entry(out, option.name, "", option.doc, option.effect);
    }
}

fn server(out: &mut String) {
    out.push_str("\n## Options of server\n\n");
    let mut list: Vec<_> = SERVER_OPTIONS
        .iter()
        .flat_map(|family| family.iter())
        .collect();
    list.sort_by_key(|option| option.name);
    for option in list {
        entry(out, option.name, "", option.doc, option.effect);
    }
}

fn missing(out: &mut String) {
    out.push_str("\n## Not supported yet\n\nRefused by name.\n");
    for (title, list) in [
        ("sections", unsupported::SECTIONS),
        ("global", unsupported::GLOBAL),
        ("proxies", unsupported::PROXY),
        ("option", unsupported::OPTIONS),
        ("bind", unsupported::BIND_OPTIONS),
        ("server", unsupported::SERVER_OPTIONS),
    ] {
        let _ = write!(out, "\n### {title}\n\n");
        for Unsupported { name, missing, .. } in list {
            let _ = writeln!(out, "- `{name}`: {}", missing.name());
        }
    }
}
