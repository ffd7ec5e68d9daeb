//! A [`Host`] in memory, for tests and for configurations that are embedded in the program.
//!
//! It reads nothing of the machine it runs on.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Family, Host};

/// Files, names, users and variables given by the caller; every field may be filled directly.
#[derive(Debug, Clone, Default)]
pub struct MemoryHost {
    /// Content of files by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Paths that exist but cannot be read, with the error's text.
    pub unreadable: BTreeMap<String, String>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// Host names.
    pub names: BTreeMap<String, Vec<IpAddr>>,
    /// Users.
    pub users: BTreeMap<String, u32>,
    /// Groups.
    pub groups: BTreeMap<String, u32>,
    /// Build features.
    pub features: Vec<&'static str>,
    /// Run-time options that are on.
    pub enabled: Vec<&'static str>,
}

impl MemoryHost {
    /// An empty machine named `localhost`, whose only user and group is root.
    pub fn new() -> Self {
        let mut host = Self::default();
        host.users.insert("root".into(), 0);
        host.groups.insert("root".into(), 0);
        host.enabled = vec!["FAST-FORWARD", "REUSEPORT", "SPLICE"];
        host
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Adds an address to a host name.
    #[must_use]
    pub fn name(mut self, name: &str, address: IpAddr) -> Self {
        self.names.entry(name.into()).or_default().push(address);
        self
    }

    fn prefix(dir: &str) -> String {
        format!("{}/", dir.trim_end_matches('/'))
    }
}

impl Host for MemoryHost {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if let Some(error) = self.unreadable.get(path) {
            return Err(error.clone());
        }
        match self.files.get(path) {
            Some(content) => Ok(content.clone()),
            None if self.is_dir(path) => Err("Is a directory".into()),
            None => Err("No such file or directory".into()),
        }
    }

    fn list(&self, dir: &str) -> Result<Vec<String>, String> {
        if let Some(error) = self.unreadable.get(dir) {
            return Err(error.clone());
        }
        let prefix = Self::prefix(dir);
        let mut names: Vec<String> = self
            .files
            .keys()
            .chain(self.unreadable.keys())
            .filter_map(|path| path.strip_prefix(&prefix))
            .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        names.dedup();
        if names.is_empty() && !self.is_dir(dir) {
            return Err("No such file or directory".into());
        }
        Ok(names)
    }

    /// A path is a directory when a file lies below it, or when it was added as a file whose name
    /// ends in a slash.
    fn is_dir(&self, path: &str) -> bool {
        let prefix = Self::prefix(path);
        self.files
            .keys()
            .chain(self.unreadable.keys())
            .any(|file| file.starts_with(&prefix))
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn env_names(&self) -> Vec<String> {
        self.env.keys().cloned().collect()
    }

    fn lookup(&self, name: &str, family: Family) -> Result<Vec<IpAddr>, String> {
        let found: Vec<IpAddr> = self
            .names
            .get(name)
            .into_iter()
            .flatten()
            .filter(|address| match family {
                Family::Any => true,
                Family::V4 => address.is_ipv4(),
                Family::V6 => address.is_ipv6(),
            })
            .copied()
            .collect();
        if found.is_empty() {
            return Err("Name or service not known".into());
        }
        Ok(found)
    }

    fn user(&self, name: &str) -> Option<u32> {
        self.users.get(name).copied()
    }

    fn group(&self, name: &str) -> Option<u32> {
        self.groups.get(name).copied()
    }

    fn hostname(&self) -> String {
        "localhost".into()
    }

    /// One that is there as a file in `/var/run/netns`.
    fn has_namespace(&self, name: &str) -> bool {
        self.files.contains_key(&format!("/var/run/netns/{name}"))
    }

    fn features(&self) -> &[&str] {
        &self.features
    }

    fn enabled(&self, option: &str) -> bool {
        self.enabled.contains(&option)
    }
}
