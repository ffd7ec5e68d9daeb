//! Which certificate answers for a server name: exact names before wildcards, then the default.
//!
//! The order is the reference's (haproxy 3.4 configuration 5.1, `crt`, `crt-list`, `strict-sni`).

use std::collections::HashMap;

use crate::certificate::KeyKind;

#[cfg(test)]
mod tests;

/// What a client can do with keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Verifies ECDSA.
    pub ecdsa: bool,
    /// Verifies RSA.
    pub rsa: bool,
}

/// Names to places in a list of entries.
#[derive(Debug, Default)]
pub struct Index {
    exact: HashMap<Box<str>, Vec<Place>>,
    /// By what follows the `*`, the dot included.
    wildcards: HashMap<Box<str>, Vec<Place>>,
    /// Names that a line excludes: name (or suffix of a wildcard) to entries.
    excluded: HashMap<Box<str>, Vec<usize>>,
    defaults: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    entry: usize,
    kind: KeyKind,
}

impl Index {
    /// Adds an entry under a name; `*.example.com` is a wildcard, a leading `!` excludes.
    pub fn add(&mut self, name: &str, entry: usize, kind: KeyKind) {
        let (name, negated) = match name.strip_prefix('!') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let name = name.to_ascii_lowercase();
        let place = Place { entry, kind };
        if negated {
            self.excluded.entry(name.into()).or_default().push(entry);
        } else if name == "*" {
            self.add_default(entry, kind);
        } else if let Some(suffix) = name.strip_prefix('*') {
            self.wildcards.entry(suffix.into()).or_default().push(place);
        } else {
            self.exact.entry(name.into()).or_default().push(place);
        }
    }

    /// Adds an entry for names that nothing else answers for.
    pub fn add_default(&mut self, entry: usize, kind: KeyKind) {
        self.defaults.push(Place { entry, kind });
    }

    /// Whether there is a default.
    pub fn has_default(&self) -> bool {
        !self.defaults.is_empty()
    }

    /// The entry for a name; `None` when only the default is left.
    pub fn find(&self, name: &str, abilities: Abilities) -> Option<usize> {
        let name = name.to_ascii_lowercase();
        let exact = self.exact.get(name.as_str());
        if let Some(entry) = exact.and_then(|places| choose(places, abilities, |_| true)) {
            return Some(entry);
        }
        let suffix = name.find('.').map(|dot| &name[dot..])?;
        let places = self.wildcards.get(suffix)?;
        let excluded = self.excluded.get(name.as_str());
        choose(places, abilities, |entry| {
            !excluded.is_some_and(|list| list.contains(&entry))
        })
    }

    /// The default for a client.
    pub fn fallback(&self, abilities: Abilities) -> Option<usize> {
        choose(&self.defaults, abilities, |_| true)
    }
}

/// ECDSA before RSA when the client verifies both; what it cannot verify only when nothing else is
/// there, so that it is the client that refuses.
fn choose(places: &[Place], can: Abilities, wanted: impl Fn(usize) -> bool) -> Option<usize> {
    let first = |kind: KeyKind| {
        places
            .iter()
            .find(|place| place.kind == kind && wanted(place.entry))
            .map(|place| place.entry)
    };
    let ecdsa = || first(KeyKind::Ecdsa);
    let rsa = || first(KeyKind::Rsa);
    can.ecdsa
        .then(ecdsa)
        .flatten()
        .or_else(|| can.rsa.then(rsa).flatten())
        .or_else(ecdsa)
        .or_else(rsa)
}
