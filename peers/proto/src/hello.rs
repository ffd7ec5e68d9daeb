//! How a connection of peers begins: three lines, and a line with a code for an answer.
//!
//! Whose names are right is the section's business.

/// The protocol's name.
const MAGIC: &str = "HAProxyS";

/// Longest hello; a longer one is refused.
pub const MAX_LEN: usize = 1024;

/// The answer to a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The names match.
    Accepted = 200,
    /// A second connection for the local peer.
    TryAgain = 300,
    /// Not this protocol.
    Protocol = 501,
    /// A version that is not known.
    Version = 502,
    /// The second line is not this node's name.
    LocalName = 503,
    /// The caller's name is not in the section.
    RemoteName = 504,
}

/// The lines of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello<'a> {
    /// Minor version; the major one is 2.
    pub minor: u32,
    /// Who is called.
    pub callee: &'a str,
    /// Who calls.
    pub caller: &'a str,
    /// The caller's life, if it is a node of lbd.
    pub life: Option<u64>,
}

/// How the word begins by which nodes of lbd know each other, and behind which their life stands: a
/// number that is another one after each start. HAProxy looks at nothing behind the numbers of the
/// third line, nor behind the code of an answer.
const SIBLING: &str = "lbd/1:";

/// The word of this node.
pub fn sibling(life: u64) -> String {
    format!("{SIBLING}{life:x}")
}

fn life_of<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<u64> {
    let digits = words.find_map(|word| word.strip_prefix(SIBLING))?;
    u64::from_str_radix(digits, 16).ok()
}

/// Writes a caller's lines.
pub fn put(out: &mut Vec<u8>, minor: u32, callee: &str, caller: &str, (pid, life): (u32, u64)) {
    let word = sibling(life);
    let text = format!("{MAGIC} 2.{minor}\n{callee}\n{caller} {pid} 1 {word}\n");
    out.extend_from_slice(text.as_bytes());
}

/// The caller's lines at the start of `bytes` and their length; `None` when more must come.
///
/// # Errors
/// The answer that refuses it.
pub fn take(bytes: &[u8]) -> Result<Option<(Hello<'_>, usize)>, Status> {
    let mut lines = [""; 3];
    let mut at = 0;
    for (number, line) in lines.iter_mut().enumerate() {
        let rest = &bytes[at..];
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            return match bytes.len() > MAX_LEN {
                true => Err(Status::Protocol),
                // A first line of another protocol need not be waited for.
                false if number == 0 && !is_begun(rest) => Err(Status::Protocol),
                false => Ok(None),
            };
        };
        // The same whether it came in one piece or in several.
        if at + end >= MAX_LEN {
            return Err(Status::Protocol);
        }
        let text = std::str::from_utf8(&rest[..end]).map_err(|_| Status::Protocol)?;
        *line = text.strip_suffix('\r').unwrap_or(text);
        at += end + 1;
        if number == 0 {
            version(line)?;
        }
    }
    let (caller, rest) = lines[2].split_once(' ').ok_or(Status::Protocol)?;
    let hello = Hello {
        minor: version(lines[0])?,
        callee: lines[1],
        caller,
        life: life_of(rest.split(' ')),
    };
    Ok(Some((hello, at)))
}

fn is_begun(bytes: &[u8]) -> bool {
    let len = bytes.len().min(MAGIC.len());
    bytes[..len] == MAGIC.as_bytes()[..len]
}

fn version(line: &str) -> Result<u32, Status> {
    let rest = line.strip_prefix(MAGIC).ok_or(Status::Protocol)?;
    let version = rest.strip_prefix(' ').ok_or(Status::Protocol)?;
    let (major, minor) = version.split_once('.').ok_or(Status::Version)?;
    match (major.parse::<u32>(), minor.parse::<u32>()) {
        (Ok(2), Ok(minor @ 0..=1)) => Ok(minor),
        _ => Err(Status::Version),
    }
}

/// An answer to a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Its code.
    pub code: u32,
    /// The life of who answers, if it is a node of lbd.
    pub life: Option<u64>,
}

/// The answer at the start of `bytes` and the line's length. `None` when more must come.
///
/// # Errors
/// A line that is none, or too long.
pub fn take_status(bytes: &[u8]) -> Result<Option<(Answer, usize)>, NoAnswer> {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
        return if bytes.len() > MAX_LEN {
            Err(NoAnswer)
        } else {
            Ok(None)
        };
    };
    if end >= MAX_LEN {
        return Err(NoAnswer);
    }
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let text = std::str::from_utf8(&bytes[..digits.min(end)]).map_err(|_| NoAnswer)?;
    let code = text.parse().map_err(|_| NoAnswer)?;
    let rest = std::str::from_utf8(&bytes[digits.min(end)..end]).unwrap_or("");
    let life = life_of(rest.trim_end_matches('\r').split(' '));
    Ok(Some((Answer { code, life }, end + 1)))
}

/// A line that is no answer to a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAnswer;

#[cfg(test)]
mod tests;
