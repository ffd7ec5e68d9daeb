//! Keywords by name.
//!
//! It keeps one table per registry, made at the first look-up.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{
    BIND_OPTIONS, BindOption, DIRECTIVES, Directive, OPTIONS, ProxyOption, SERVER_OPTIONS,
    Sections, ServerOption, TIMEOUTS, TimeoutName,
};

type Table<T> = LazyLock<HashMap<&'static str, &'static T>>;

/// The keyword `name` that is valid in any of `sections`.
pub fn directive(name: &str, sections: Sections) -> Option<&'static Directive> {
    static GLOBAL: Table<Directive> = LazyLock::new(|| among(Sections::GLOBAL));
    static PROXY: Table<Directive> = LazyLock::new(|| among(Sections::PROXY));
    static USERLIST: Table<Directive> = LazyLock::new(|| among(Sections::USERLIST));
    static ERRORS: Table<Directive> = LazyLock::new(|| among(Sections::HTTP_ERRORS));
    static PEERS: Table<Directive> = LazyLock::new(|| among(Sections::PEERS));
    static CRT_STORE: Table<Directive> = LazyLock::new(|| among(Sections::CRT_STORE));
    static HEALTHCHECK: Table<Directive> = LazyLock::new(|| among(Sections::HEALTHCHECK));
    [
        (Sections::GLOBAL, &GLOBAL),
        (Sections::PROXY, &PROXY),
        (Sections::USERLIST, &USERLIST),
        (Sections::HTTP_ERRORS, &ERRORS),
        (Sections::PEERS, &PEERS),
        (Sections::CRT_STORE, &CRT_STORE),
        (Sections::HEALTHCHECK, &HEALTHCHECK),
    ]
    .into_iter()
    .filter(|(kind, _)| kind.meets(sections))
    .find_map(|(_, table)| table.get(name).copied())
}

fn among(sections: Sections) -> HashMap<&'static str, &'static Directive> {
    DIRECTIVES
        .iter()
        .flat_map(|family| family.iter())
        .filter(|directive| directive.sections.meets(sections))
        .map(|directive| (directive.name, directive))
        .collect()
}

/// A word behind `option`.
pub fn option(name: &str) -> Option<&'static ProxyOption> {
    static TABLE: Table<ProxyOption> = LazyLock::new(|| {
        OPTIONS
            .iter()
            .flat_map(|family| family.iter())
            .map(|option| (option.name, option))
            .collect()
    });
    TABLE.get(name).copied()
}

/// A word behind `timeout`.
pub fn timeout(name: &str) -> Option<&'static TimeoutName> {
    TIMEOUTS.iter().find(|timeout| timeout.name == name)
}

/// A word on a `bind` line.
pub fn bind_option(name: &str) -> Option<&'static BindOption> {
    static TABLE: Table<BindOption> = LazyLock::new(|| {
        BIND_OPTIONS
            .iter()
            .flat_map(|family| family.iter())
            .map(|option| (option.name, option))
            .collect()
    });
    TABLE.get(name).copied()
}

/// A word on a `server` line.
pub fn server_option(name: &str) -> Option<&'static ServerOption> {
    static TABLE: Table<ServerOption> = LazyLock::new(|| {
        SERVER_OPTIONS
            .iter()
            .flat_map(|family| family.iter())
            .map(|option| (option.name, option))
            .collect()
    });
    TABLE.get(name).copied()
}
