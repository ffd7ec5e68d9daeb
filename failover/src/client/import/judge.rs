//! Who understands a file, and what is said against its lines.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use lbd_core::Level;
use vrrp_config::config::User;
use vrrp_config::{Host, Program};

use crate::host::Machine;

/// What is said against a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// From 1; none when it is about the whole file.
    pub(super) line: Option<usize>,
    pub(super) why: String,
}

/// Lets the balancer check a text.
pub(super) fn haproxy(text: &str) -> Result<Vec<Refusal>, String> {
    let directory = std::env::temp_dir().join(format!("lbctl-import-{}", std::process::id()));
    let path = directory.join("haproxy.cfg");
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    // Nobody else may read it: it has passwords, perhaps.
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&directory)
        .map_err(fail)?;
    let checked = write(&path, text).map_err(fail).and_then(|()| {
        let program = balancer();
        Command::new(&program)
            .args(["-c", "-f"])
            .arg(&path)
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))
    });
    // What stays behind is in a directory of its own.
    let _ = fs::remove_dir_all(&directory);
    let output = checked?;
    let said = String::from_utf8_lossy(&output.stderr);
    let refusals = parse(&said, &path.to_string_lossy());
    if refusals.is_empty() && output.status.code() == Some(1) {
        return Err(format!("lbd -c: {}", said.trim()));
    }
    Ok(refusals)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    std::io::Write::write_all(&mut file, text.as_bytes())
}

/// The `lbd` beside this program, else the package's.
fn balancer() -> PathBuf {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(|d| d.join("lbd"));
    let packaged = PathBuf::from("/usr/sbin/lbd");
    beside.filter(|path| path.exists()).unwrap_or(packaged)
}

/// Alerts of `lbd -c` about the file at `path`.
pub(super) fn parse(said: &str, path: &str) -> Vec<Refusal> {
    let mut refusals: Vec<Refusal> = Vec::new();
    let place = format!("parsing [{path}:");
    for line in said.lines() {
        if let Some(hint) = line.trim_start().strip_prefix("hint: ") {
            if let Some(last) = refusals.last_mut() {
                last.why.push_str(&format!(" ({hint})"));
            }
            continue;
        }
        let Some(message) = line.strip_prefix("[ALERT]") else {
            continue;
        };
        let message = message.split_once(" : ").map_or(message, |(_, rest)| rest);
        let message = message.strip_prefix("config : ").unwrap_or(message);
        // The last lines say once more that there were errors.
        if message.starts_with("Error(s) found") || message.starts_with("Fatal errors found") {
            continue;
        }
        let placed = message.strip_prefix(&place).and_then(|rest| {
            let (number, why) = rest.split_once(']')?;
            let why = why.trim_start_matches([' ', ':']);
            Some((number.parse().ok()?, why))
        });
        refusals.push(match placed {
            Some((number, why)) => Refusal {
                line: Some(number),
                why: why.to_owned(),
            },
            None => Refusal {
                line: None,
                why: message.to_owned(),
            },
        });
    }
    refusals
}

/// Reads a text as the configuration of the addresses.
pub(super) fn keepalived(name: &str, text: &str) -> Vec<Refusal> {
    let path = fs::canonicalize(name).unwrap_or_else(|_| name.into());
    let path = path.to_string_lossy();
    let host = Draft {
        machine: Machine::new(None),
        name: path.clone().into_owned(),
        text: text.to_owned(),
    };
    let reading = vrrp_config::read(&path, &host);
    let alerts = reading
        .diags
        .0
        .iter()
        .filter(|diag| diag.level == Level::Alert);
    alerts
        .map(|diag| {
            let source = |file: u32| {
                usize::try_from(file)
                    .ok()
                    .and_then(|at| reading.sources.get(at))
            };
            let place = diag
                .span
                .and_then(|span| Some((span, source(span.file.0)?)));
            let hint = if diag.hint.is_empty() {
                String::new()
            } else {
                format!(" ({})", diag.hint)
            };
            match place {
                Some((span, _)) if span.file.0 == 0 => Refusal {
                    line: usize::try_from(span.line).ok(),
                    why: format!("{}{hint}", diag.message),
                },
                Some((span, source)) => Refusal {
                    line: None,
                    why: format!("{}:{}: {}{hint}", source.name, span.line, diag.message),
                },
                None => Refusal {
                    line: None,
                    why: format!("{}{hint}", diag.message),
                },
            }
        })
        .collect()
}

/// This machine, with one file as it would be.
#[derive(Debug)]
struct Draft {
    machine: Machine,
    name: String,
    text: String,
}

impl Host for Draft {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == self.name {
            return Ok(self.text.clone());
        }
        self.machine.read(path)
    }

    fn glob(&self, base: &str, pattern: &str) -> Vec<String> {
        self.machine.glob(base, pattern)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.machine.variable(name)
    }

    fn config_id(&self) -> String {
        self.machine.config_id()
    }

    fn random(&self, low: u64, high: u64) -> u64 {
        self.machine.random(low, high)
    }

    fn has_interface(&self, name: &str) -> bool {
        self.machine.has_interface(name)
    }

    fn user(&self, user: &str, group: Option<&str>) -> Result<User, String> {
        self.machine.user(user, group)
    }

    fn program(&self, path: &str, user: Option<User>) -> Program {
        self.machine.program(path, user)
    }
}
