//! What is tracked: scripts, files, processes, the balancer.
//!
//! Weights and states are the machine's.

use std::time::Duration;

use lbd_core::Span;
use vrrp_proto::track::Delays;

use super::Command;
/// `vrrp_script`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// What runs.
    pub command: Command,
    /// `interval`.
    pub interval: Duration,
    /// `timeout`; the interval if it is not set.
    pub timeout: Duration,
    /// `weight`.
    pub weight: i16,
    /// `weight … reverse`.
    pub is_reversed: bool,
    /// `rise`.
    pub rise: u32,
    /// `fall`.
    pub fall: u32,
    /// `init_fail`.
    pub init_fail: bool,
    /// Where it is defined.
    pub span: Span,
}

/// `track_file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackFile {
    /// Its name.
    pub name: String,
    /// The file that holds a number.
    pub path: String,
    /// `weight`.
    pub weight: i16,
    /// `weight … reverse`.
    pub is_reversed: bool,
    /// `init_file`: the value that is written at start, and whether over another one.
    pub init: Option<(i32, bool)>,
    /// Where it is defined.
    pub span: Span,
}

/// `vrrp_track_process`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackProcess {
    /// Its name.
    pub name: String,
    /// The program, and parameters if they count.
    pub words: Vec<String>,
    /// `param_match`.
    pub parameters: ParamMatch,
    /// `weight`.
    pub weight: i16,
    /// `weight … reverse`.
    pub is_reversed: bool,
    /// `quorum`.
    pub quorum: u32,
    /// `quorum_max`.
    pub quorum_max: Option<u32>,
    /// `fork_delay`, `terminate_delay`, `delay`.
    pub delays: Delays,
    /// `full_command`.
    pub full_command: bool,
    /// Where it is defined.
    pub span: Span,
}

/// How parameters of a process are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParamMatch {
    /// Not at all, unless some are given; then all of them.
    #[default]
    Exact,
    /// All, and there may be none when none is given.
    ExactOrNone,
    /// The last may be longer.
    Initial,
    /// There may be more.
    Partial,
}

/// `track_balancer`, lbd's own: the link to the balancer on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balancer {
    /// Its name.
    pub name: String,
    /// `socket`: where the balancer listens.
    pub socket: String,
    /// `timeout`: no beat for so long is a hang.
    pub timeout: Duration,
    /// `backend`: each must have a usable server.
    pub backends: Vec<String>,
    /// `frontend`: each must be up.
    pub frontends: Vec<String>,
    /// `rise` of the conditions.
    pub rise: u32,
    /// `fall` of the conditions.
    pub fall: u32,
    /// Where it is defined.
    pub span: Span,
}

/// What an instance tracks, in the order of its `spec.trackers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Track {
    /// Whether the link of `Config::balancers` is alive.
    Balancer(usize),
    /// The conditions of `Config::balancers`.
    Conditions(usize),
    /// `Config::files`.
    File(usize),
    /// An interface.
    Interface(String),
    /// `Config::processes`.
    Process(usize),
    /// `Config::scripts`.
    Script(usize),
    /// `track_src_ip`.
    Source,
}
