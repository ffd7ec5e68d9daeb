//! The statistics page of a proxy.
//!
//! What it shows is made by the daemon.

use std::time::Duration;

use lbd_rules::acl::Cond;
use lbd_rules::program::Program;

/// `stats` of a proxy.
#[derive(Debug)]
pub struct StatsSpec {
    /// What the path and query of a request for it begin with.
    pub uri: Box<[u8]>,
    /// Who may see it: `stats http-request` rules, or what `stats auth` stands for.
    pub rules: Program,
    /// Conditions of which one must hold for changes.
    pub admin: Vec<Cond>,
    /// How often a browser shall ask again.
    pub refresh: Option<Duration>,
    /// Names of proxies to show; all when empty. `.` is the proxy of the page.
    pub scopes: Box<[Box<str>]>,
    /// Whether the version is told.
    pub shows_version: bool,
    /// Whether addresses, cookies and other details are shown.
    pub shows_legends: bool,
    /// Whether the counters of modules are shown.
    pub shows_modules: bool,
    /// Name of the node.
    pub node: Option<Box<str>>,
    /// A line about the node.
    pub description: Option<Box<str>>,
}

/// `stats uri` unless said.
pub const DEFAULT_STATS_URI: &str = "/haproxy?stats";

/// `stats realm` unless said.
pub const DEFAULT_STATS_REALM: &str = "HAProxy Statistics";
