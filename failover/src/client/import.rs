//! `lbctl import`: what becomes of each line of a `haproxy.cfg` and a `keepalived.conf`.
//!
//! Whether a line is understood is not judged here: `lbd -c` does it for the balancer, the reader of
//! `lbd-failover` for the addresses.

mod judge;
mod rewrite;

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use judge::Refusal;
use rewrite::Line;

/// Where both configurations go.
const DIRECTORY: &str = "/etc/lbd";

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Orders {
    haproxy: Option<String>,
    keepalived: Option<String>,
    output: Option<PathBuf>,
    writes: bool,
}

/// Runs the command with the words behind it; false when a line is refused.
///
/// # Errors
/// When the words are wrong or a file cannot be read or written.
pub(super) fn main(words: &[String]) -> Result<bool, String> {
    let orders = parse(words)?;
    let mut is_well = true;
    let mut files = Vec::new();
    for (source, name, kind) in [
        (&orders.haproxy, "lbd.cfg", Kind::Balancer),
        (&orders.keepalived, "failover.conf", Kind::Addresses),
    ] {
        let Some(source) = source else { continue };
        let text = fs::read_to_string(source).map_err(|error| format!("{source}: {error}"))?;
        let lines = match kind {
            Kind::Balancer => rewrite::haproxy(&text),
            Kind::Addresses => rewrite::keepalived(&text),
        };
        let new = rewrite::text(&lines);
        let refusals = match kind {
            Kind::Balancer => judge::haproxy(&new)?,
            Kind::Addresses => judge::keepalived(source, &new),
        };
        let report = report(source, &lines, &refusals);
        // A reader that has seen enough closes the pipe.
        let _ = std::io::stdout().write_all(report.as_bytes());
        is_well &= refusals.is_empty();
        files.push((name, new));
    }
    if orders.writes {
        if !is_well {
            return Err("nothing was written: mend what is refused first".to_owned());
        }
        let directory = orders.output.unwrap_or_else(|| DIRECTORY.into());
        for (name, text) in files {
            write(&directory.join(name), &text)?;
        }
    }
    Ok(is_well)
}

#[derive(Clone, Copy)]
enum Kind {
    Addresses,
    Balancer,
}

fn parse(words: &[String]) -> Result<Orders, String> {
    let mut orders = Orders::default();
    let mut is_check = false;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--haproxy" => orders.haproxy = Some(value()?.clone()),
            "--keepalived" => orders.keepalived = Some(value()?.clone()),
            "--output" => orders.output = Some(value()?.into()),
            "--check" => is_check = true,
            "--write" => orders.writes = true,
            _ => return Err(format!("import: unknown word '{word}'")),
        }
    }
    if orders.haproxy.is_none() && orders.keepalived.is_none() {
        return Err("import: name a file with --haproxy or --keepalived".to_owned());
    }
    if is_check && orders.writes {
        return Err("import: either --check or --write".to_owned());
    }
    Ok(orders)
}

/// One line for each line of the file, and what has no line at the end.
fn report(name: &str, lines: &[Line], refusals: &[Refusal]) -> String {
    let mut text = String::new();
    let (mut same, mut changed, mut refused) = (0, 0, 0);
    for (index, line) in lines.iter().enumerate() {
        let number = index + 1;
        let mut against = refusals
            .iter()
            .filter(|refusal| refusal.line == Some(number));
        if let Some(first) = against.next() {
            refused += 1;
            text.push_str(&format!("{name}:{number}: refused: {}\n", line.old.trim()));
            for refusal in std::iter::once(first).chain(against) {
                text.push_str(&format!("    {}\n", refusal.why));
            }
        } else if let Some(change) = &line.change {
            changed += 1;
            text.push_str(&format!(
                "{name}:{number}: changed: {}\n    to: {}\n    {}\n",
                line.old.trim(),
                change.new.trim(),
                change.why
            ));
        } else if !line.is_blank() {
            same += 1;
            text.push_str(&format!("{name}:{number}: same: {}\n", line.old.trim()));
        }
    }
    for refusal in refusals.iter().filter(|refusal| refusal.line.is_none()) {
        refused += 1;
        text.push_str(&format!("{name}: refused: {}\n", refusal.why));
    }
    text.push_str(&format!(
        "{name}: {same} same, {changed} changed, {refused} refused\n"
    ));
    text
}

/// Writes a configuration; the one before is kept beside it.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let kept = path.with_added_extension("before-import");
    match fs::copy(path, &kept) {
        Ok(_) => println!("{} is kept as {}", path.display(), kept.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error)),
    }
    // Passwords of users and of VRRP may stand in it.
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o640)
        .open(path)
        .map_err(fail)?;
    file.write_all(text.as_bytes()).map_err(fail)?;
    println!("{} is written", path.display());
    Ok(())
}

#[cfg(test)]
mod tests;
