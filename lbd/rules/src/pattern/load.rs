//! Lists and maps from files: the name's prefix, and lines to entries (manual 2.7, 7.1).
//!
//! The bytes come from the configuration's host; nothing is opened here.

use std::sync::Arc;

use super::{PatternSet, PatternStore, Usage};
use crate::registry::Names;

/// The set that `reference` names, loaded at its first use. `usage` says who uses it.
///
/// # Errors
/// When the file cannot be read, or is used both as a list and as a map.
pub fn set_from_file(
    store: &mut PatternStore,
    names: &dyn Names,
    reference: &str,
    is_map: bool,
    id: Option<u32>,
    usage: Usage,
) -> Result<Arc<PatternSet>, String> {
    if let Some(set) = store.find(reference) {
        if set.is_map() != is_map {
            let (is, not) = if set.is_map() {
                ("two", "one")
            } else {
                ("one", "two")
            };
            return Err(format!(
                "The file \"{reference}\" is already used as {is} column file. \
                 It cannot be used by as {not} column file."
            ));
        }
        set.add_usage(usage);
        return Ok(Arc::clone(set));
    }
    let text = contents(names, reference)?;
    let set = store.add_file(id, reference, is_map, usage)?;
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        if let Some((key, value)) = split_line(line, is_map) {
            set.load(number, key, value)?;
        }
    }
    Ok(set)
}

/// `virt@` has no file, `opt@` may lack it, `file@` says what is the default anyway.
fn contents(names: &dyn Names, reference: &str) -> Result<Vec<u8>, String> {
    if reference.starts_with("virt@") {
        return Ok(Vec::new());
    }
    let (path, is_optional) = match reference.strip_prefix("opt@") {
        Some(path) => (path, true),
        None => (reference.strip_prefix("file@").unwrap_or(reference), false),
    };
    match names.read_file(path) {
        Ok(text) => Ok(text),
        Err(_) if is_optional => Ok(Vec::new()),
        Err(_) => Err(format!("failed to open pattern file <{path}>")),
    }
}

/// A line without its end: leading blanks are dropped, a sharp in the first column is a comment.
fn split_line(line: &[u8], is_map: bool) -> Option<(&[u8], Option<&[u8]>)> {
    if line.first() == Some(&b'#') {
        return None;
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let line = line.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let start = line.iter().position(|byte| !is_blank(byte))?;
    let line = &line[start..];
    if !is_map {
        return Some((line, None));
    }
    let key_end = line.iter().position(is_blank).unwrap_or(line.len());
    let rest = &line[key_end..];
    let value_start = rest
        .iter()
        .position(|byte| !is_blank(byte))
        .unwrap_or(rest.len());
    let value = &rest[value_start..];
    let value_end = value
        .iter()
        .rposition(|byte| !is_blank(byte))
        .map_or(0, |at| at + 1);
    Some((&line[..key_end], Some(&value[..value_end])))
}
