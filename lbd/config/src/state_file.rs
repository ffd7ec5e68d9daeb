//! Server state files: what `show servers state` printed, read before the servers start
//! (haproxy 3.4 management 9.3, configuration 4.2 `load-server-state-from-file`).
//!
//! It applies nothing: a server's line is handed to its health machine. What a file says and cannot
//! be is a warning, never a refusal.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use lbd_backend::State;
use lbd_backend::health::{CheckStatus, Saved};
use lbd_backend::spec::MAX_WEIGHT;
use lbd_core::{Diag, Diags};

use crate::config::SavedServer;
use crate::draft::{Draft, ProxyDraft, StateSource};
use crate::host::Host;

/// The lines of a file by backend and server; of two for one server the first counts.
#[derive(Debug, Default)]
pub(crate) struct StateFile {
    lines: BTreeMap<(String, String), StateLine>,
}

/// The columns of one server from `srv_addr` on.
#[derive(Debug, Clone)]
pub(crate) struct StateLine {
    columns: Vec<String>,
}

/// What a file's text is unfit for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfit {
    /// This line, counted from the one behind the version, is cut or has another number of
    /// columns.
    Corrupt(usize),
    /// There is nothing.
    Empty,
    /// It does not begin with a known version.
    Version,
}

/// A backend whose own file is read.
#[derive(Debug, Clone, Copy)]
struct Owner<'a> {
    name: &'a str,
    uid: u32,
}

impl StateFile {
    /// The file of `server-state-file`; empty when there is none or it is unfit, which is told.
    pub(crate) fn global(draft: &Draft, host: &dyn Host, diags: &mut Diags) -> Self {
        let Some(name) = &draft.global.state_file else {
            return Self::default();
        };
        let path = path(draft, name);
        let text = match host.read(&path) {
            Ok(text) => text,
            Err(error) => {
                let text = format!("Can't open global server state file '{path}': {error}");
                diags.push(unreadable(text, &error));
                return Self::default();
            }
        };
        Self::parse(&text, None, diags).unwrap_or_else(|unfit| {
            diags.push(match unfit {
                Unfit::Corrupt(line) => Diag::warning(
                    None,
                    format!("corrupted global server state file '{path}' at line {line}."),
                ),
                Unfit::Empty => {
                    Diag::notice(None, format!("Empty global server state file '{path}'."))
                }
                Unfit::Version => Diag::warning(
                    None,
                    format!("Can't get version of the global server state file '{path}'."),
                ),
            });
            Self::default()
        })
    }

    /// The file of one backend.
    pub(crate) fn local(
        draft: &Draft,
        proxy: &ProxyDraft,
        uid: u32,
        host: &dyn Host,
        diags: &mut Diags,
    ) -> Self {
        let name = proxy.settings.state_file.as_deref();
        let path = path(draft, name.unwrap_or(&proxy.name));
        let title = &proxy.name;
        let text = match host.read(&path) {
            Ok(text) => text,
            Err(error) => {
                let text =
                    format!("Proxy '{title}': Can't open server state file '{path}': {error}.");
                diags.push(unreadable(text, &error));
                return Self::default();
            }
        };
        let owner = Owner {
            name: &proxy.name,
            uid,
        };
        let file = Self::parse(&text, Some(owner), diags).unwrap_or_else(|unfit| {
            diags.push(match unfit {
                Unfit::Corrupt(line) => Diag::warning(
                    None,
                    format!(
                        "Proxy '{title}': corrupted server state file '{path}' at line {line}."
                    ),
                ),
                Unfit::Empty => Diag::notice(
                    None,
                    format!("Proxy '{title}': Empty server state file '{path}'."),
                ),
                Unfit::Version => Diag::warning(
                    None,
                    format!(
                        "Proxy '{title}': Can't get version of the server state file '{path}'."
                    ),
                ),
            });
            Self::default()
        });
        for (_, server) in file.lines.keys() {
            if !proxy.servers.iter().any(|known| known.name == *server) {
                diags.push(Diag::warning(
                    None,
                    format!("Proxy '{title}': can't find server '{server}' in backend '{title}'"),
                ));
            }
        }
        file
    }

    /// What it says of a server.
    pub(crate) fn line(&self, backend: &str, server: &str) -> Option<&StateLine> {
        let key = (backend.to_owned(), server.to_owned());
        self.lines.get(&key)
    }

    fn parse(text: &[u8], owner: Option<Owner<'_>>, diags: &mut Diags) -> Result<Self, Unfit> {
        if text.is_empty() {
            return Err(Unfit::Empty);
        }
        let text = String::from_utf8_lossy(text);
        let mut lines = text.split_inclusive('\n');
        if lines.next() != Some("1\n") {
            return Err(Unfit::Version);
        }
        let mut file = Self::default();
        for (line, number) in lines.zip(1..) {
            let corrupt = Unfit::Corrupt(number);
            if line.len() > MAX_LINE {
                return Err(corrupt);
            }
            let line = line.strip_suffix('\n').ok_or(corrupt)?;
            let words: Vec<&str> = line.split([' ', '\t']).filter(|w| !w.is_empty()).collect();
            if words.first().is_none_or(|word| word.starts_with('#')) {
                continue;
            }
            if !COLUMNS.contains(&words.len()) {
                return Err(corrupt);
            }
            let backend = match owner {
                None => words[1],
                Some(owner) if is_of(owner, &words, diags) => owner.name,
                Some(_) => continue,
            };
            let key = (backend.to_owned(), words[3].to_owned());
            let columns = words[4..].iter().map(|&word| word.to_owned()).collect();
            file.lines.entry(key).or_insert(StateLine { columns });
        }
        Ok(file)
    }
}

/// Whether a line of a backend's own file is about it: by name, or by a number that was given.
fn is_of(owner: Owner<'_>, words: &[&str], diags: &mut Diags) -> bool {
    let is_id = words[0].parse() == Ok(owner.uid);
    let is_name = words[1] == owner.name;
    let mut warn = |what: &str, saved: &str, running: &str| {
        diags.push(Diag::warning(
            None,
            format!(
                "Proxy '{}': backend {what} mismatch: from server state file: '{saved}', from \
                 running config '{running}'",
                owner.name
            ),
        ));
    };
    match (is_id, is_name) {
        (true, true) => true,
        (false, true) => {
            warn("ID", words[0], &owner.uid.to_string());
            true
        }
        (true, false) => {
            warn("name", words[1], owner.name);
            words[15] == "1"
        }
        (false, false) => false,
    }
}

fn path(draft: &Draft, name: &str) -> String {
    match &draft.global.state_base {
        Some(base) if !name.starts_with('/') => {
            format!("{}/{name}", base.strip_suffix('/').unwrap_or(base))
        }
        _ => name.to_owned(),
    }
}

/// A file that is not there yet is no news for the first start.
fn unreadable(text: String, error: &str) -> Diag {
    if error.starts_with("No such file") {
        Diag::notice(None, text)
    } else {
        Diag::warning(None, text)
    }
}

/// Where a backend's states come from.
pub(crate) fn source(proxy: &ProxyDraft) -> Option<StateSource> {
    let source = proxy.settings.state_source;
    let is_served = proxy.is_back() && !proxy.settings.disabled && !proxy.servers.is_empty();
    (is_served && source != StateSource::None).then_some(source)
}

impl StateLine {
    /// `srv_addr`, when there was one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.read(0)
    }

    /// `srv_port`, or the distance of a mapped one.
    pub(crate) fn port(&self) -> Option<i32> {
        self.read(14)
    }

    /// `srv_fqdn`, when there was one.
    pub(crate) fn host_name(&self) -> Option<&str> {
        self.columns
            .get(13)
            .map(String::as_str)
            .filter(|name| *name != "-")
    }

    fn read<T: FromStr>(&self, column: usize) -> Option<T> {
        self.columns.get(column)?.parse().ok()
    }

    /// All that is not the address.
    ///
    /// # Errors
    /// The columns whose values cannot be, each with its value.
    pub(crate) fn server(&self) -> Result<SavedServer, Vec<String>> {
        let mut faults = Vec::new();
        let mut number = |column: usize, name: &str, fits: fn(u64) -> bool| {
            let value = self.read(column).filter(|&n| fits(n));
            if value.is_none() {
                let text = self.columns.get(column).map_or("", String::as_str);
                faults.push(format!("invalid {name} value '{text}'"));
            }
            value.unwrap_or_default()
        };
        let state = number(1, "srv_op_state", |n| n <= 3);
        let admin = number(2, "srv_admin_state", |n| {
            matches!(n & !RECOMPUTED, 0 | 1 | 4 | 5 | 8 | 9 | 12 | 13)
        });
        let weight = number(3, "srv_uweight", |n| n <= u64::from(MAX_WEIGHT));
        let configured = number(4, "srv_iweight", |n| n <= u64::from(MAX_WEIGHT));
        let age = number(5, "srv_last_time_change", |n| n <= u64::from(u32::MAX));
        let status = number(6, "srv_check_status", |n| status(n).is_some());
        number(7, "srv_check_result", |n| n <= 4);
        let health = number(8, "srv_check_health", |n| n <= u64::from(u32::MAX));
        let check = number(9, "srv_check_state", |n| n < 32);
        let agent = number(10, "srv_agent_state", |n| n < 32);
        number(11, "bk_f_forced_id", |n| n <= 1);
        number(12, "srv_f_forced_id", |n| n <= 1);
        let port = self.columns.get(14).map_or("", String::as_str);
        if self.port().is_none_or(|port| port > i32::from(u16::MAX)) {
            faults.push(format!("invalid srv_port value '{port}'"));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let is_off = |bits: u64| bits & CONFIGURED != 0 && bits & ENABLED == 0;
        let given_port = |column| self.read(column).filter(|&port: &u16| port > 0);
        Ok(SavedServer {
            health: Saved {
                state: match state {
                    0 => State::Stopped,
                    1 => State::Starting,
                    2 => State::Running,
                    _ => State::Stopping,
                },
                forced_maint: admin & FORCED_MAINT != 0,
                was_disabled: admin & CONFIGURED_MAINT != 0,
                forced_drain: admin & FORCED_DRAIN != 0,
                weight: narrow(weight),
                configured_weight: narrow(configured),
                age: Duration::from_secs(age),
                status: self::status(status).unwrap_or(CheckStatus::Initializing),
                health: narrow(health),
                check_off: is_off(check),
                agent_off: is_off(agent),
            },
            check_port: given_port(17),
            check_address: self.read(18),
            agent_address: self.read(19),
            agent_port: given_port(20),
        })
    }
}

fn status(number: u64) -> Option<CheckStatus> {
    CheckStatus::of_number(u32::try_from(number).ok()?)
}

/// How many columns a line may have: those of SSL, checks and agent came later.
const COLUMNS: std::ops::RangeInclusive<usize> = 20..=25;

/// Longest line, as in the reference.
const MAX_LINE: usize = 2000;

/// Bits of `srv_admin_state` that are found out anew: inherited maintenance and drain, a name
/// that did not resolve, a name that was set at run time.
const RECOMPUTED: u64 = 0x02 | 0x10 | 0x20 | 0x40;
const FORCED_MAINT: u64 = 0x01;
const CONFIGURED_MAINT: u64 = 0x04;
const FORCED_DRAIN: u64 = 0x08;

/// Bits of a check's state.
const CONFIGURED: u64 = 2;
const ENABLED: u64 = 4;
