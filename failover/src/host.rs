//! This machine as the configuration sees it: files, users, interfaces, programs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::unistd::{Group, User};
use vrrp_config::config;
use vrrp_config::{Host, Program};

/// This machine.
#[derive(Debug)]
pub struct Machine {
    config_id: String,
}

impl Machine {
    /// With `-i`, or the first part of the node's name.
    pub fn new(config_id: Option<String>) -> Self {
        let config_id = config_id.unwrap_or_else(|| {
            let name = nix::unistd::gethostname().unwrap_or_default();
            let name = name.to_string_lossy();
            name.split('.').next().unwrap_or_default().to_owned()
        });
        Self { config_id }
    }
}

impl Host for Machine {
    fn read(&self, path: &str) -> Result<String, String> {
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        if bytes.len() > MAX_FILE {
            return Err(format!("larger than {MAX_FILE} bytes"));
        }
        // Comments may be in any encoding.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn glob(&self, base: &str, pattern: &str) -> Vec<String> {
        let full = Path::new(base).join(pattern);
        let mut found = vec![PathBuf::new()];
        for part in full.components() {
            let text = part.as_os_str().to_string_lossy();
            let mut next = Vec::new();
            for path in &found {
                for alternative in braces(&text, 0) {
                    if alternative.contains(['*', '?', '[']) {
                        next.extend(matching(path, &alternative));
                    } else {
                        next.push(path.join(&alternative));
                    }
                }
            }
            found = next;
        }
        found.retain(|path| path.is_file());
        let mut names: Vec<_> = found
            .into_iter()
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn config_id(&self) -> String {
        self.config_id.clone()
    }

    fn random(&self, low: u64, high: u64) -> u64 {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let seed = clock.map_or(0, |d| u64::from(d.subsec_nanos())) ^ u64::from(std::process::id());
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
        low + mixed % (high - low).saturating_add(1).max(1)
    }

    fn has_interface(&self, name: &str) -> bool {
        nix::net::if_::if_nametoindex(name).is_ok()
    }

    fn user(&self, user: &str, group: Option<&str>) -> Result<config::User, String> {
        let found = match user.parse::<u32>() {
            Ok(uid) => User::from_uid(uid.into()),
            Err(_) => User::from_name(user),
        };
        let found = found
            .ok()
            .flatten()
            .ok_or_else(|| format!("unknown user '{user}'"))?;
        let gid = match group {
            None => found.gid,
            Some(name) => Group::from_name(name)
                .ok()
                .flatten()
                .map(|group| group.gid)
                .or_else(|| name.parse::<u32>().ok().map(Into::into))
                .ok_or_else(|| format!("unknown group '{name}'"))?,
        };
        Ok(config::User {
            uid: found.uid.as_raw(),
            gid: gid.as_raw(),
        })
    }

    fn program(&self, path: &str, user: Option<config::User>) -> Program {
        let Some(path) = find(path) else {
            return Program::Missing;
        };
        let Ok(metadata) = fs::metadata(&path) else {
            return Program::Missing;
        };
        if !metadata.is_file() {
            return Program::Missing;
        }
        let uid = user.map_or_else(|| nix::unistd::geteuid().as_raw(), |user| user.uid);
        let mode = metadata.mode();
        let is_executable = match user {
            Some(user) if user.uid == metadata.uid() => mode & 0o100 != 0,
            Some(user) if user.gid == metadata.gid() => mode & 0o010 != 0,
            Some(user) if user.uid != 0 => mode & 0o001 != 0,
            _ => mode & 0o111 != 0,
        };
        if !is_executable {
            return Program::NotExecutable;
        }
        if uid == 0 && is_changeable(&path) {
            return Program::Insecure;
        }
        Program::Found
    }
}

/// The program's path, found as a shell finds it.
fn find(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name));
    }
    let path = std::env::var("PATH").unwrap_or_else(|_| DEFAULT_PATH.to_owned());
    path.split(':')
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.is_file())
}

/// Whether somebody else than root can change the file, or a directory on the way to it.
fn is_changeable(path: &Path) -> bool {
    let Ok(full) = path.canonicalize() else {
        return true;
    };
    full.ancestors().any(|part| match fs::metadata(part) {
        Ok(metadata) => {
            let by_group = metadata.mode() & 0o020 != 0 && metadata.gid() != 0;
            let is_sticky = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
            let by_others = metadata.mode() & 0o002 != 0 && !is_sticky;
            metadata.uid() != 0 || by_group || by_others
        }
        Err(_) => true,
    })
}

fn matching(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    let root = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let pattern: Vec<char> = pattern.chars().collect();
    let fits = |name: &str| {
        let name_chars: Vec<char> = name.chars().collect();
        (!name.starts_with('.') || pattern.first() == Some(&'.')) && like(&name_chars, &pattern)
    };
    entries
        .flatten()
        .filter(|entry| fits(&entry.file_name().to_string_lossy()))
        .map(|entry| directory.join(entry.file_name()))
        .collect()
}

/// `{a,b}` to its alternatives.
fn braces(text: &str, depth: usize) -> Vec<String> {
    let Some((before, rest)) = text.split_once('{') else {
        return vec![text.to_owned()];
    };
    let mut level = 1usize;
    let mut parts = vec![String::new()];
    for (at, c) in rest.char_indices() {
        match c {
            '{' => level += 1,
            '}' => level -= 1,
            _ => {}
        }
        if level == 0 {
            let after = &rest[at + 1..];
            let mut all = Vec::new();
            for part in parts {
                if depth < MAX_BRACES {
                    all.extend(braces(&format!("{before}{part}{after}"), depth + 1));
                }
            }
            return all;
        }
        if c == ',' && level == 1 {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    vec![text.to_owned()]
}

/// Shell patterns: `*`, `?`, `[abc]`, `[!abc]`, `[a-z]`.
fn like(name: &[char], pattern: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return name.is_empty();
    };
    match first {
        '*' => (0..=name.len()).any(|skip| like(&name[skip..], rest)),
        '?' => !name.is_empty() && like(&name[1..], rest),
        '[' => {
            let Some(end) = rest.iter().skip(1).position(|c| *c == ']').map(|at| at + 1) else {
                return false;
            };
            let Some(c) = name.first() else { return false };
            let (not, set) = match rest[..end].split_first() {
                Some(('!' | '^', set)) => (true, set),
                _ => (false, &rest[..end]),
            };
            let within = set.contains(c)
                || set
                    .windows(3)
                    .any(|range| range[1] == '-' && range[0] <= *c && *c <= range[2]);
            within != not && like(&name[1..], &rest[end + 1..])
        }
        c => name.first() == Some(c) && like(&name[1..], rest),
    }
}

const MAX_FILE: usize = 64 << 20;
const MAX_BRACES: usize = 8;
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[cfg(test)]
mod tests;
