//! Network namespaces (`namespace` of bind and server lines): sockets made in another one than the
//! process's.
//!
//! It makes no namespace. Their descriptors are opened at the start: files may be out of reach and
//! rights gone later.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::{fmt, io};

use parking_lot::RwLock;

use crate::sys;

/// The namespaces that configurations have named, and the process's own.
#[derive(Debug, Default)]
pub struct Namespaces(RwLock<Open>);

#[derive(Debug, Default)]
struct Open {
    own: Option<File>,
    named: BTreeMap<Box<str>, File>,
}

/// A namespace that cannot be opened.
#[derive(Debug)]
pub struct Unopened {
    name: String,
    error: io::Error,
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot open namespace '{}': {}", self.name, self.error)
    }
}

impl std::error::Error for Unopened {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl Namespaces {
    /// Opens those of these names; nothing when there is none.
    ///
    /// # Errors
    /// The first that cannot be opened.
    pub fn open<'n>(names: impl Iterator<Item = &'n str>) -> Result<Self, Unopened> {
        let spaces = Self::default();
        spaces.extend(names)?;
        Ok(spaces)
    }

    /// Opens those of these names that are not open yet.
    ///
    /// # Errors
    /// The first that cannot be opened.
    pub fn extend<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<(), Unopened> {
        let file = |name: &str, path: &Path| {
            File::open(path).map_err(|error| Unopened {
                name: name.to_owned(),
                error,
            })
        };
        let mut spaces = self.0.write();
        for name in names {
            if !spaces.named.contains_key(name) {
                let space = file(name, &Path::new(DIRECTORY).join(name))?;
                spaces.named.insert(name.into(), space);
            }
        }
        if !spaces.named.is_empty() && spaces.own.is_none() {
            spaces.own = Some(file("own", Path::new("/proc/self/ns/net"))?);
        }
        Ok(())
    }

    /// Calls `make` on this thread within the namespace of that name; in the process's own without
    /// a name. Sockets belong to the namespace in which they were made.
    ///
    /// # Errors
    /// When the namespace is unknown, or the process may not enter it (`CAP_SYS_ADMIN`).
    pub fn within<T>(&self, name: Option<&str>, make: impl FnOnce() -> T) -> io::Result<T> {
        let Some(name) = name else {
            return Ok(make());
        };
        let unknown = || io::Error::from(io::ErrorKind::NotFound);
        let spaces = self.0.read();
        let space = spaces.named.get(name).ok_or_else(unknown)?;
        let own = spaces.own.as_ref().ok_or_else(unknown)?;
        sys::enter_namespace(space.as_fd())?;
        let made = make();
        if sys::enter_namespace(own.as_fd()).is_err() {
            // This thread would serve everybody from there: no error path may let it live.
            std::process::abort();
        }
        Ok(made)
    }
}

/// Where `ip netns` keeps them.
const DIRECTORY: &str = "/var/run/netns";
