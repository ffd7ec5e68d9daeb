//! What is loaded into the process: the program and its libraries, as a list (`-dL`) and as an
//! archive that goes with a core file (`-dA`) (haproxy 3.4 management 3).
//!
//! It reads `/proc/self/maps`, which names files by where they really are.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A file with code that is mapped into the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    path: String,
    start: u64,
    /// Behind its last byte.
    end: u64,
}

/// Size of a block of an archive.
const BLOCK: usize = 512;
/// Longest name of an archive's entry without and in a prefix.
const NAME: usize = 100;
const PREFIX: usize = 155;

/// What is loaded now, the program first.
pub(crate) fn loaded() -> io::Result<Vec<Object>> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let mut objects = parse(&maps);
    let program = std::env::current_exe()?;
    objects.sort_by_key(|object| Path::new(&object.path) != program);
    Ok(objects)
}

/// Files of which code is mapped, in the order of their addresses.
fn parse(maps: &str) -> Vec<Object> {
    let mut all: Vec<(Object, bool)> = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(range), Some(rights)) = (fields.next(), fields.next()) else {
            continue;
        };
        let Some(path) = line.find('/').map(|at| &line[at..]) else {
            continue;
        };
        let hex = |text| u64::from_str_radix(text, 16).ok();
        let Some((Some(start), Some(end))) = range
            .split_once('-')
            .map(|(low, high)| (hex(low), hex(high)))
        else {
            continue;
        };
        let has_code = rights.contains('x');
        match all.iter_mut().find(|(object, _)| object.path == path) {
            Some((object, is_code)) => {
                object.end = object.end.max(end);
                *is_code |= has_code;
            }
            None => all.push((
                Object {
                    path: path.to_owned(),
                    start,
                    end,
                },
                has_code,
            )),
        }
    }
    all.retain(|(_, is_code)| *is_code);
    all.into_iter().map(|(object, _)| object).collect()
}

/// One path a line, with its range of addresses when asked for.
pub(crate) fn list(objects: &[Object], with_ranges: bool) -> String {
    let mut out = String::new();
    for object in objects {
        if with_ranges {
            let (start, end) = (object.start, object.end);
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "{start:#014x}-{:#014x} ({:#09x}) ",
                end - 1,
                end - start
            );
        }
        out.push_str(&object.path);
        out.push('\n');
    }
    out
}

/// Writes the files themselves to an archive in tar format.
///
/// # Errors
///
/// When a file cannot be read or the archive cannot be written.
pub(crate) fn archive(objects: &[Object], path: &Path) -> io::Result<()> {
    let mut out = io::BufWriter::new(File::create(path)?);
    let root = format!("core-{}", std::process::id());
    for object in objects {
        let file = File::open(&object.path)?;
        let data = file.metadata()?;
        let mode = data.permissions().mode() & 0o555;
        out.write_all(&header(
            &format!("{root}{}", object.path),
            mode,
            data.len(),
        )?)?;
        let copied = io::copy(&mut file.take(data.len()), &mut out)?;
        if copied < data.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let rest = usize::try_from(copied % BLOCK as u64).unwrap_or(0);
        if rest > 0 {
            out.write_all(&[0; BLOCK][rest..])?;
        }
    }
    out.write_all(&[0; 2 * BLOCK])?;
    out.flush()
}

/// The block before a file's content (POSIX ustar).
fn header(name: &str, mode: u32, size: u64) -> io::Result<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    let (prefix, name) = split_name(name).ok_or(io::ErrorKind::InvalidFilename)?;
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{size:011o}").as_bytes());
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(265, b"root");
    put(297, b"root");
    put(345, prefix.as_bytes());
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    block[148..156].copy_from_slice(sum.as_bytes());
    Ok(block)
}

/// A name in two parts that fit, split at a slash.
fn split_name(name: &str) -> Option<(&str, &str)> {
    if name.len() <= NAME {
        return Some(("", name));
    }
    name.match_indices('/')
        .map(|(at, _)| (&name[..at], &name[at + 1..]))
        .find(|(prefix, rest)| prefix.len() <= PREFIX && !rest.is_empty() && rest.len() <= NAME)
}
