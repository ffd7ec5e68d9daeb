//! The files of a configuration, in the order in which they are read.
//!
//! It does not look into them: that is the lexer's work.

#[cfg(test)]
mod tests;

use lbd_core::{Diag, Diags, FileId};

use crate::host::Host;

/// Most bytes of all files of one configuration.
pub const MAX_CONFIG_BYTES: usize = 64 << 20;
/// Most files of one configuration.
pub const MAX_CONFIG_FILES: usize = 10_000;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path as given, for messages and `.FILE`.
    pub name: String,
    /// Its content.
    pub text: Vec<u8>,
}

impl Source {
    /// The name of a variable that starts at `offset` of line `line` (from 1).
    pub(crate) fn word_at(&self, line: u32, offset: usize) -> String {
        let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let line = self.text.split(|&b| b == b'\n').nth(index);
        let rest = line.and_then(|line| line.get(offset..)).unwrap_or_default();
        rest.iter()
            .take_while(|&&b| b.is_ascii_alphanumeric() || b == b'_')
            .map(|&b| char::from(b))
            .collect()
    }
}

/// All files of one configuration; [`FileId`] is the index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// A configuration that is not in a file; `name` stands for one in messages.
    pub fn from_text(name: &str, text: impl Into<Vec<u8>>) -> Self {
        Self(vec![Source {
            name: name.to_owned(),
            text: text.into(),
        }])
    }

    /// Adds a file behind the others.
    pub fn push(&mut self, name: &str, text: impl Into<Vec<u8>>) {
        self.0.push(Source {
            name: name.to_owned(),
            text: text.into(),
        });
    }

    /// The file of an id.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        self.0.get(usize::try_from(file.0).ok()?)
    }

    /// Path of a file; `?` for an id that is not of these sources.
    pub fn name(&self, file: FileId) -> &str {
        self.get(file).map_or("?", |source| &source.name)
    }

    /// All files in order.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Paths separated by semicolons, the value of `HAPROXY_CFGFILES`.
    pub fn list(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|source| source.name.as_str()).collect();
        names.join(";")
    }
}

/// Reads what the `-f` arguments name: files, and of a directory its files that end in `.cfg` and
/// do not start with a dot, in the order of their bytes. Gives what could be read together with all
/// faults.
pub fn load(arguments: &[&str], host: &dyn Host) -> (Sources, Diags) {
    let mut diags = Diags::default();
    let mut paths = Vec::new();
    for &argument in arguments {
        match host.is_dir(argument) {
            true => expand(argument, host, &mut paths, &mut diags),
            false => paths.push(argument.to_owned()),
        }
    }
    let mut sources = Sources::default();
    let mut left = MAX_CONFIG_BYTES;
    if paths.len() > MAX_CONFIG_FILES {
        diags.push(Diag::alert(
            None,
            format!(
                "too many configuration files ({}), limited to {MAX_CONFIG_FILES}",
                paths.len()
            ),
        ));
        paths.clear();
    }
    for path in paths {
        match host.read(&path) {
            Err(error) => {
                // The reference finds a missing file before it tries to open it.
                let what = match error.starts_with("No such file") {
                    true => "Cannot open configuration file/directory",
                    false => "Could not open configuration file",
                };
                diags.push(Diag::alert(None, format!("{what} {path} : {error}")));
            }
            Ok(text) if text.len() > left => {
                diags.push(
                    Diag::alert(
                        None,
                        format!(
                            "Loading {path}: input is too large {}MB, limited to {}MB",
                            (MAX_CONFIG_BYTES - left + text.len()) >> 20,
                            MAX_CONFIG_BYTES >> 20
                        ),
                    )
                    .hint("Put long lists of patterns into files of their own (acl -f, maps)."),
                );
                break;
            }
            Ok(text) => {
                left -= text.len();
                sources.push(&path, text);
            }
        }
    }
    (sources, diags)
}

fn expand(dir: &str, host: &dyn Host, paths: &mut Vec<String>, diags: &mut Diags) {
    let mut names = match host.list(dir) {
        Ok(names) => names,
        Err(error) => {
            diags.push(Diag::alert(
                None,
                format!("Cannot open configuration directory {dir} : {error}"),
            ));
            return;
        }
    };
    names.retain(|name| name.ends_with(".cfg") && !name.starts_with('.'));
    names.sort_unstable();
    let before = paths.len();
    paths.extend(
        names
            .into_iter()
            .map(|name| format!("{dir}/{name}"))
            .filter(|path| !host.is_dir(path)),
    );
    if paths.len() == before {
        diags.push(
            Diag::alert(
                None,
                format!("Cannot open configuration directory {dir} : no configuration file in it"),
            )
            .hint("Only files whose name ends in .cfg and does not start with a dot are read."),
        );
    }
}
