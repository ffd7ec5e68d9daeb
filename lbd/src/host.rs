//! The real outside for the configuration: files, environment, users, the system's resolver.
//!
//! It decides nothing about what it reads.

mod passphrase;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lbd_config::host::{Family, Host, MAX_FILE_BYTES};

use crate::bind::plain;

/// Features that `feature()` knows, named as the reference names its build options.
pub(crate) const FEATURES: &[&str] = &[
    "ACCEPT4",
    "CPU_AFFINITY",
    "EPOLL",
    "GETADDRINFO",
    "LINUX_SPLICE",
    "LINUX_TPROXY",
    "NETFILTER",
    "NS",
    // TLS is there, by AWS-LC: what a configuration asks these for is whether `ssl` may be said.
    "OPENSSL",
    "OPENSSL_AWSLC",
    "PCRE",
    "PRCTL",
    "RT",
    "SSL",
    "SYSTEMD",
    "TFO",
    "THREAD",
    "TPROXY",
];

/// Threads that look names up at the same time.
const MAX_LOOKUPS: usize = 32;
/// Longest time that all look-ups of one start may take together.
const LOOKUP_TIME: Duration = Duration::from_secs(10);

/// Longest time that a command may take to say a passphrase: somebody may have to type it.
const PASSPHRASE_TIME: Duration = Duration::from_secs(60);

/// This machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct SystemHost {
    /// Host names give IPv4 addresses only (`-4`).
    pub(crate) ipv4_only: bool,
    /// `-dS`.
    pub(crate) no_splice: bool,
    /// `-dR`.
    pub(crate) no_reuseport: bool,
    /// `-dF`.
    pub(crate) no_fast_forward: bool,
    /// Options of `enabled()` that the command line turned off and that nothing else knows.
    pub(crate) switched_off: Vec<&'static str>,
    /// `-dI`.
    pub(crate) insecure_fork: bool,
    /// `-dr`.
    pub(crate) ignore_unresolved: bool,
    /// `-dV`.
    pub(crate) no_server_verify: bool,
    /// Variables that the program itself gives to the configuration.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Host for SystemHost {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let file = File::open(path).map_err(|error| plain(&error))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| plain(&error))?;
        if bytes.len() > MAX_FILE_BYTES {
            return Err("File too large".to_owned());
        }
        Ok(bytes)
    }

    fn list(&self, dir: &str) -> Result<Vec<String>, String> {
        let entries = std::fs::read_dir(dir).map_err(|error| plain(&error))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.collect())
    }

    fn is_dir(&self, path: &str) -> bool {
        std::path::Path::new(path).is_dir()
    }

    fn unix_time(&self) -> Option<i64> {
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok()
    }

    fn is_world_readable(&self, path: &str) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o004 != 0)
    }

    fn passphrase(&self, command: &[String], path: &str) -> Result<Vec<u8>, String> {
        passphrase::ask(command, path, PASSPHRASE_TIME)
    }

    fn env(&self, name: &str) -> Option<String> {
        let own = self.variables.iter().find(|(known, _)| *known == name);
        own.map(|(_, value)| value.clone())
            .or_else(|| std::env::var(name).ok())
    }

    fn env_names(&self) -> Vec<String> {
        let own = self.variables.iter().map(|(name, _)| (*name).to_owned());
        let all = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let mut names: Vec<String> = all.chain(own).collect();
        names.sort();
        names.dedup();
        names
    }

    fn lookup(&self, name: &str, family: Family) -> Result<Vec<IpAddr>, String> {
        let wanted = [(name.to_owned(), family)];
        self.lookup_all(&wanted)
            .pop()
            .unwrap_or_else(|| Err("no answer".to_owned()))
    }

    fn lookup_all(&self, names: &[(String, Family)]) -> Vec<Result<Vec<IpAddr>, String>> {
        let ipv4_only = self.ipv4_only;
        lookup_all(names, LOOKUP_TIME, move |name, family| {
            resolve(
                name,
                if ipv4_only && family == Family::Any {
                    Family::V4
                } else {
                    family
                },
            )
        })
    }

    fn has_namespace(&self, name: &str) -> bool {
        File::open(std::path::Path::new("/var/run/netns").join(name)).is_ok()
    }

    fn ignores_unresolved(&self) -> bool {
        self.ignore_unresolved
    }

    fn may_fork(&self) -> bool {
        self.insecure_fork
    }

    fn user(&self, name: &str) -> Option<u32> {
        nix::unistd::User::from_name(name)
            .ok()?
            .map(|user| user.uid.as_raw())
    }

    fn group(&self, name: &str) -> Option<u32> {
        nix::unistd::Group::from_name(name)
            .ok()?
            .map(|group| group.gid.as_raw())
    }

    fn hostname(&self) -> String {
        let name = nix::unistd::gethostname()
            .ok()
            .and_then(|name| name.into_string().ok());
        name.unwrap_or_else(|| "localhost".to_owned())
    }

    fn features(&self) -> &[&str] {
        FEATURES
    }

    fn enabled(&self, option: &str) -> bool {
        match option {
            // What lbd does not have is answered as the reference does, so that a file for both
            // takes the same branches.
            "EPOLL" | "GETADDRINFO" | "POLL" => !self.switched_off.contains(&option),
            "FAST-FORWARD" => !self.no_fast_forward,
            "SERVER-SSL-VERIFY-NONE" => self.no_server_verify,
            "SPLICE" => !self.no_splice,
            "REUSEPORT" => !self.no_reuseport,
            _ => false,
        }
    }
}

/// Resolves through the system's library.
fn resolve(name: &str, family: Family) -> Result<Vec<IpAddr>, String> {
    let found = (name, 0).to_socket_addrs().map_err(|error| plain(&error))?;
    let addresses: Vec<IpAddr> = found
        .map(|address| address.ip())
        .filter(|ip| match family {
            Family::Any => true,
            Family::V4 => ip.is_ipv4(),
            Family::V6 => ip.is_ipv6(),
        })
        .collect();
    if addresses.is_empty() {
        return Err("no address of the wanted family".to_owned());
    }
    Ok(addresses)
}

type Answer = Result<Vec<IpAddr>, String>;

/// Asks for all names on a few threads; who has not answered in `time` is given up. The threads
/// are left behind then: the resolver's library cannot be interrupted.
fn lookup_all(
    names: &[(String, Family)],
    time: Duration,
    resolve: impl Fn(&str, Family) -> Answer + Clone + Send + 'static,
) -> Vec<Answer> {
    let mut distinct: Vec<(String, Family)> = names.to_vec();
    distinct.sort();
    distinct.dedup();
    let queue = Arc::new(Mutex::new(distinct.clone().into_iter()));
    let (sender, receiver) = mpsc::channel();
    for _ in 0..distinct.len().min(MAX_LOOKUPS) {
        let (queue, sender, resolve) = (Arc::clone(&queue), sender.clone(), resolve.clone());
        std::thread::spawn(move || {
            loop {
                let next = queue.lock().map_or(None, |mut queue| queue.next());
                let Some((name, family)) = next else { break };
                let answer = resolve(&name, family);
                if sender.send(((name, family), answer)).is_err() {
                    break;
                }
            }
        });
    }
    drop(sender);
    let mut answers: HashMap<(String, Family), Answer> = HashMap::new();
    let end = Instant::now() + time;
    while let Ok((asked, answer)) = receiver.recv_timeout(end.duration_since(Instant::now())) {
        answers.insert(asked, answer);
    }
    let missing = || Err(format!("no answer within {} s", time.as_secs()));
    names
        .iter()
        .map(|asked| answers.get(asked).cloned().unwrap_or_else(missing))
        .collect()
}

#[cfg(test)]
mod tests;
