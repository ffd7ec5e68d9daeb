//! crt-lists, directories and what `ssl-f-use` makes: `show|add|del ssl crt-list`.
//!
//! What a line says is read elsewhere; here it is put in place and taken away.

use std::sync::Arc;

use super::{BindUse, Store};
use crate::bind::{Entry, Origin};

/// A list.
#[derive(Debug, Clone, Default)]
pub struct CrtList {
    /// Its lines in their order.
    pub lines: Vec<ListLine>,
    /// It is a directory, where each certificate is once.
    pub is_directory: bool,
    /// Places in the store's lines of those that use it.
    pub binds: Vec<usize>,
}

/// A line of a list.
#[derive(Debug, Clone)]
pub struct ListLine {
    /// The certificate.
    pub name: Arc<str>,
    /// Its number; 0 for what was there at the start in a directory.
    pub number: u32,
    /// Its options as they are shown; empty for none.
    pub options: Arc<str>,
    /// Names.
    pub filters: Arc<[Box<str>]>,
}

/// What a new line becomes on one `bind` line.
#[derive(Debug)]
pub struct Prepared {
    /// Place in the store's lines.
    pub bind: usize,
    /// The entry.
    pub entry: Entry,
}

impl Store {
    /// The names of all lists in their order.
    pub fn list_names(&self) -> Vec<Arc<str>> {
        self.inner.lock().lists.keys().cloned().collect()
    }

    /// A list.
    pub fn list(&self, name: &str) -> Option<CrtList> {
        self.inner.lock().lists.get(name).cloned()
    }

    /// Adds a list that was read, or another line that uses it.
    pub fn use_list(&self, name: &str, bind: usize, read: impl FnOnce() -> CrtList) {
        let mut inner = self.inner.lock();
        let list = inner.lists.entry(name.into()).or_insert_with(read);
        if !list.binds.contains(&bind) {
            list.binds.push(bind);
        }
    }

    /// Whether a line for `name` may be added to a list.
    ///
    /// # Errors
    /// In the reference's words.
    pub fn may_add_line(&self, list: &str, name: &str) -> Result<(), String> {
        let inner = self.inner.lock();
        let found = inner.lists.get(list).ok_or_else(|| no_list(list))?;
        let slot = inner.certs.get(name);
        let slot = slot.ok_or_else(|| format!("certificate '{name}' does not exist!"))?;
        if slot.certificate.is_none() {
            return Err(format!("certificate '{name}' is empty!"));
        }
        if found.is_directory && found.lines.iter().any(|line| &*line.name == name) {
            return Err("file already exists in this directory!".to_owned());
        }
        Ok(())
    }

    /// Whether there is such a list.
    ///
    /// # Errors
    /// In the reference's words.
    pub fn has_list(&self, list: &str) -> Result<(), String> {
        match self.inner.lock().lists.contains_key(list) {
            true => Ok(()),
            false => Err(no_list(list)),
        }
    }

    /// The number that the next line of a list gets.
    pub fn next_line(&self, list: &str) -> u32 {
        let inner = self.inner.lock();
        let lines = inner.lists.get(list).map(|list| list.lines.iter());
        let last = lines.and_then(|lines| lines.map(|line| line.number).max());
        last.unwrap_or(0).saturating_add(1)
    }

    /// Puts a line at the end of a list, and what it becomes on each `bind` line that uses it.
    pub fn add_line(&self, list: &str, line: ListLine, prepared: Vec<Prepared>) {
        let mut inner = self.inner.lock();
        if let Some(found) = inner.lists.get_mut(list) {
            found.lines.push(line);
        }
        for Prepared { bind, entry } in prepared {
            let Some(bind) = inner.binds.get(bind) else {
                continue;
            };
            let mut entries = bind.tls.entries();
            entries.push(entry);
            bind.tls.replace(entries);
        }
    }

    /// `del ssl crt-list`: takes a line away. `name` may have `:` and the line's number behind it.
    ///
    /// # Errors
    /// In the reference's words; nothing changed.
    pub fn delete_line(&self, list: &str, name: &str) -> Result<Arc<str>, String> {
        let mut inner = self.inner.lock();
        let found = inner.lists.get(list);
        let found = found.ok_or_else(|| format!("crt-list '{list}' does not exist!"))?;
        let (name, number) = match inner.certs.contains_key(name) {
            true => (name, None),
            false => numbered(name)?,
        };
        if !inner.certs.contains_key(name) {
            return Err(format!("certificate '{name}' does not exist!"));
        }
        let lines = found.lines.iter().enumerate();
        let lines: Vec<(usize, u32)> = lines
            .filter(|(_, line)| &*line.name == name)
            .map(|(at, line)| (at, line.number))
            .collect();
        let at = which(&lines, name, number, list)?;
        let line = &found.lines[at];
        let origin = Origin {
            list: list.into(),
            line: line.number,
        };
        let is_of_line =
            |entry: &Entry| *entry.name == *name && entry.origin.as_ref() == Some(&origin);
        let binds: Vec<BindUse> = found
            .binds
            .iter()
            .filter_map(|at| inner.binds.get(*at).cloned())
            .collect();
        let mut places = String::new();
        for bind in &binds {
            let mut is_default = false;
            bind.tls
                .each(|entry| is_default |= is_of_line(entry) && entry.is_default);
            if is_default && !bind.tls.is_strict {
                places.push_str(&format!("\n\t- {}", bind.place));
            }
        }
        if !places.is_empty() {
            return Err(format!(
                "certificate '{name}' cannot be deleted, it is used as default certificate by the \
                 following frontends:{places}"
            ));
        }
        for bind in &binds {
            let mut entries = bind.tls.entries();
            entries.retain(|entry| !is_of_line(entry));
            bind.tls.replace(entries);
        }
        let name = Arc::clone(&line.name);
        if let Some(found) = inner.lists.get_mut(list) {
            found.lines.remove(at);
        }
        Ok(name)
    }
}

/// A name with a line's number behind it.
fn numbered(text: &str) -> Result<(&str, Option<u32>), String> {
    let Some((name, number)) = text.rsplit_once(':') else {
        return Ok((text, None));
    };
    match number.parse() {
        Ok(number) => Ok((name, Some(number))),
        Err(_) => Err(format!("wrong line number after colons in '{text}'!")),
    }
}

/// The place of the line that is meant.
fn which(
    lines: &[(usize, u32)],
    name: &str,
    number: Option<u32>,
    list: &str,
) -> Result<usize, String> {
    let numbers: Vec<String> = lines.iter().map(|(_, line)| line.to_string()).collect();
    let numbers = numbers.join(", ");
    match (lines, number) {
        ([], _) => Err(format!(
            "certificate '{name}' can't be found in crt-list '{list}'!"
        )),
        ([(at, _)], None) => Ok(*at),
        (_, None) => Err(format!(
            "found the certificate '{name}' in several entries, please specify a line number \
             preceded by colons ({numbers})!"
        )),
        (lines, Some(number)) => lines
            .iter()
            .find(|(_, line)| *line == number)
            .map(|(at, _)| *at)
            .ok_or_else(|| {
                format!(
                    "found a certificate '{name}' but the line number is incorrect, please specify \
                     a correct line number preceded by colons ({numbers})!"
                )
            }),
    }
}

fn no_list(list: &str) -> String {
    format!("crt-list '{list}' does not exist!")
}
