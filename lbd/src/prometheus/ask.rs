//! What a scrape asks for: the parameters of its query (haproxy 3.4, its exporter's README).
//!
//! It shows nothing.

use std::collections::HashSet;

use lbd_http::uri::param::url_decode;

/// A group of metrics that a scrape may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Backend,
    Certificate,
    Frontend,
    Global,
    Listener,
    Peers,
    Server,
    StickTable,
}

impl Scope {
    /// By their names in a query; `resolver` is known, too, and shows nothing.
    const NAMES: [(&'static str, Self); 8] = [
        ("backend", Self::Backend),
        ("certificate", Self::Certificate),
        ("frontend", Self::Frontend),
        ("global", Self::Global),
        ("listener", Self::Listener),
        ("peers", Self::Peers),
        ("server", Self::Server),
        ("sticktable", Self::StickTable),
    ];

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    scopes: u8,
    /// Names that are wanted; nothing else is when there is one.
    included: HashSet<String>,
    excluded: HashSet<String>,
    /// `no-maint`: without servers in maintenance.
    pub(super) no_maint: bool,
    /// `extra-counters`: with the columns of modules.
    pub(super) extra_counters: bool,
    /// `desc-labels`: with the label `desc`.
    pub(super) desc_labels: bool,
}

impl Ask {
    /// Reads a query, as it stands behind the `?`.
    ///
    /// # Errors
    /// What is wrong with it: a scope that nobody knows, or a coding that is none.
    pub(super) fn parse(query: &[u8]) -> Result<Self, String> {
        let mut ask = Self {
            scopes: u8::MAX,
            included: HashSet::new(),
            excluded: HashSet::new(),
            no_maint: false,
            extra_counters: false,
            desc_labels: false,
        };
        let mut has_scope = false;
        for pair in query.split(|byte| *byte == b'&') {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(parts.next().unwrap_or_default())?;
            let value = parts.next().map(decode).transpose()?;
            match name.as_str() {
                "scope" => {
                    let value = value.ok_or("the parameter 'scope' needs a value")?;
                    if !std::mem::replace(&mut has_scope, true) {
                        ask.scopes = 0;
                    }
                    ask.add_scope(&value)?;
                }
                "metrics" => ask.add_names(&value.unwrap_or_default()),
                "no-maint" => ask.no_maint = true,
                "extra-counters" => ask.extra_counters = true,
                "desc-labels" => ask.desc_labels = true,
                _ => {}
            }
        }
        Ok(ask)
    }

    /// An empty one takes back those before it.
    fn add_scope(&mut self, name: &str) -> Result<(), String> {
        match name {
            "" => self.scopes = 0,
            "*" => self.scopes = u8::MAX,
            "resolver" => {}
            name => {
                let known = Scope::NAMES.iter().find(|(known, _)| *known == name);
                let (_, scope) = known.ok_or_else(|| format!("unknown scope '{name}'"))?;
                self.scopes |= scope.bit();
            }
        }
        Ok(())
    }

    fn add_names(&mut self, list: &str) {
        for name in list.split(',').filter(|name| !name.is_empty()) {
            match name.strip_prefix('-') {
                Some(name) => self.excluded.insert(name.to_owned()),
                None => self.included.insert(name.to_owned()),
            };
        }
    }

    /// Whether a group is wanted.
    pub(super) fn has(&self, scope: Scope) -> bool {
        self.scopes & scope.bit() != 0
    }

    /// Whether the metric of this name is.
    pub(super) fn wants(&self, name: &str) -> bool {
        (self.included.is_empty() || self.included.contains(name)) && !self.excluded.contains(name)
    }
}

fn decode(text: &[u8]) -> Result<String, String> {
    let mut decoded = Vec::with_capacity(text.len());
    match url_decode(text, true, &mut decoded) {
        true => Ok(String::from_utf8_lossy(&decoded).into_owned()),
        false => Err("malformed percent coding".to_owned()),
    }
}

#[cfg(test)]
mod tests;
