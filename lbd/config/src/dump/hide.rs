//! What of a line others may see, and what stands in the place of the rest.
//!
//! Hashes are those of the reference's anonymised dumps, so that both can be compared.

use std::fmt::Write as _;
use std::net::IpAddr;

use xxhash_rust::xxh32::xxh32;

/// In the place of words that are left out.
const REST: &str = "[...]";
/// Bits of a hash: few enough that many texts have the same.
const HASH_MASK: u32 = 0xff_ffff;

/// A line with its names hashed and its details left out.
pub(super) fn line(words: &[&str], starts_section: bool, key: u32) -> String {
    let Some((&keyword, arguments)) = words.split_first() else {
        return String::new();
    };
    let mut shown = Shown {
        text: keyword.to_owned(),
        arguments,
        key,
    };
    if starts_section {
        shown.id();
        return shown.text;
    }
    match keyword {
        "anonkey" => {}
        // Values of the environment are where secrets are put.
        "presetenv" | "setenv" => shown.plain(1),
        "default_backend" | "use_backend" | "user" => shown.id(),
        "maxconn" | "mode" => {
            shown.plain(1);
            return shown.text;
        }
        "timeout" => {
            shown.plain(2);
            return shown.text;
        }
        "acl" | "cookie" => {
            shown.id();
            shown.plain(1);
        }
        "nameserver" | "peer" | "server" => {
            shown.id();
            shown.address();
        }
        "bind" | "log" | "source" => shown.address(),
        "errorfile" => {
            shown.plain(1);
            shown.hash("PATH(", ")");
        }
        "filter" | "http-after-response" | "http-request" | "http-response" => shown.plain(1),
        "stats" => shown.stats(),
        _ => shown.plain(2),
    }
    shown.end()
}

/// A line as far as it is shown.
struct Shown<'a> {
    text: String,
    /// Not yet shown.
    arguments: &'a [&'a str],
    key: u32,
}

impl<'a> Shown<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let (first, rest) = self.arguments.split_first()?;
        self.arguments = rest;
        Some(first)
    }

    fn plain(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(word) = self.take() {
                self.text.push(' ');
                self.text.push_str(word);
            }
        }
    }

    fn id(&mut self) {
        self.hash("ID(", ")");
    }

    fn hash(&mut self, before: &str, after: &str) {
        if let Some(word) = self.take() {
            // Writing to a String cannot fail.
            let _ = write!(self.text, " {before}{}{after}", hash(word, self.key));
        }
    }

    fn address(&mut self) {
        if let Some(word) = self.take() {
            let _ = write!(self.text, " {}", address(word, self.key));
        }
    }

    fn stats(&mut self) {
        let what = self.arguments.first().copied();
        self.plain(1);
        match what {
            Some("auth") => self.hash("", ""),
            Some("socket") => self.address(),
            _ => self.plain(1),
        }
    }

    fn end(mut self) -> String {
        let is_whole = self.arguments.is_empty() && !self.text.starts_with("anonkey");
        self.text.push(' ');
        if !is_whole {
            self.text.push_str(REST);
        }
        self.text
    }
}

/// What stands for a text: the same for the same text and key.
pub fn hash(text: &str, key: u32) -> String {
    format!("{:06x}", xxh32(text.as_bytes(), key) & HASH_MASK)
}

/// What stands for the address of a host; that of the machine itself tells nothing and stays.
pub fn host_address(ip: IpAddr, key: u32) -> String {
    match ip {
        ip if ip.is_loopback() => ip.to_string(),
        IpAddr::V4(ip) => format!("IPV4({})", hash(&ip.to_string(), key)),
        IpAddr::V6(ip) => format!("IPV6({})", hash(&ip.to_string(), key)),
    }
}

/// An address with its host hashed; those that say nothing about whose they are stay.
fn address(text: &str, key: u32) -> String {
    let is_public = matches!(text, "" | "global" | "stderr" | "stdout")
        || text.starts_with("fd@")
        || text.starts_with("sockpair@")
        || text.starts_with("localhost");
    if is_public {
        return text.to_owned();
    }
    let families = ["ipv4@", "ipv6@", "tcp4@", "tcp6@"];
    let bare = families
        .into_iter()
        .find_map(|family| text.strip_prefix(family))
        .unwrap_or(text);
    let (host, port) = match bare.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (bare, None),
    };
    if matches!(host, "" | "*" | "0.0.0.0") {
        return text.to_owned();
    }
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    let digits = |port: &str| {
        let port = port.trim_start_matches('+');
        let length = port.bytes().take_while(u8::is_ascii_digit).count();
        port[..length].to_owned()
    };
    let port = port.map(|port| format!(":{}", digits(port)));
    let port = port.unwrap_or_default();
    match plain.parse::<IpAddr>() {
        Ok(ip) if ip.is_loopback() => text.to_owned(),
        Ok(ip) => format!("{}{port}", host_address(ip, key)),
        Err(_) => hash(text, key),
    }
}
