//! The environment as the configuration sees it: the process's own with `setenv` and its like laid
//! over.
//!
//! It never changes the process's environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Host;
use crate::HAPROXY_VERSION;

/// Variables during one reading of the configuration (haproxy 3.4 configuration 2.3 and 3.1).
pub struct Environment<'h> {
    host: &'h dyn Host,
    /// `None`: unset here whatever the process has.
    changed: BTreeMap<String, Option<String>>,
    /// After `resetenv`: only these of the process's variables are left.
    kept: Option<BTreeSet<String>>,
    /// Options of `enabled()` that the configuration changed.
    switched: BTreeMap<&'static str, bool>,
}

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("changed", &self.changed)
            .field("kept", &self.kept)
            .field("switched", &self.switched)
            .finish_non_exhaustive()
    }
}

impl<'h> Environment<'h> {
    /// The environment of `host` with `HAPROXY_BRANCH` and `HAPROXY_STARTUP_VERSION` defined. The
    /// variables with the default log formats are the caller's to [`set`](Self::set).
    pub fn new(host: &'h dyn Host) -> Self {
        let branch = HAPROXY_VERSION
            .rsplit_once('.')
            .map_or(HAPROXY_VERSION, |(branch, _)| branch);
        let mut environment = Self {
            host,
            changed: BTreeMap::new(),
            kept: None,
            switched: BTreeMap::new(),
        };
        environment.set("HAPROXY_BRANCH", branch);
        environment.set("HAPROXY_STARTUP_VERSION", HAPROXY_VERSION);
        environment
    }

    /// The outside below.
    pub fn host(&self) -> &'h dyn Host {
        self.host
    }

    /// Value of a variable, `None` when it is not set.
    pub fn value(&self, name: &str) -> Option<String> {
        if let Some(changed) = self.changed.get(name) {
            return changed.clone();
        }
        if self.kept.as_ref().is_some_and(|kept| !kept.contains(name)) {
            return None;
        }
        self.host.env(name)
    }

    /// Whether a run-time option (`EPOLL`, `SPLICE`…) is on from here on (`enabled()`).
    pub fn enabled(&self, option: &str) -> bool {
        let changed = self.switched.get(option).copied();
        changed.unwrap_or_else(|| self.host.enabled(option))
    }

    /// Turns a run-time option on or off for the lines that follow (`nosplice`, `noepoll`…).
    pub fn switch(&mut self, option: &'static str, is_on: bool) {
        self.switched.insert(option, is_on);
    }

    /// `setenv`: sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.changed.insert(name.to_owned(), Some(value.to_owned()));
    }

    /// `presetenv`: sets a variable that is not set yet.
    pub fn preset(&mut self, name: &str, value: &str) {
        if self.value(name).is_none() {
            self.set(name, value);
        }
    }

    /// `unsetenv`: removes a variable.
    pub fn unset(&mut self, name: &str) {
        self.changed.insert(name.to_owned(), None);
    }

    /// `resetenv`: removes every variable that `keep` does not name.
    pub fn reset(&mut self, keep: &[&str]) {
        let keep: BTreeSet<String> = keep.iter().map(|&name| name.to_owned()).collect();
        self.changed.retain(|name, _| keep.contains(name));
        self.kept = Some(match self.kept.take() {
            Some(before) => before.intersection(&keep).cloned().collect(),
            None => keep,
        });
    }

    /// Names of all variables that are set, sorted (`show env`, suggestions).
    pub fn names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = self.host.env_names().into_iter().collect();
        names.extend(self.changed.keys().cloned());
        names.retain(|name| self.value(name).is_some());
        names.into_iter().collect()
    }
}
