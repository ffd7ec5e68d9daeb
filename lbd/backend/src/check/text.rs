//! How failures of checks are worded.
//!
//! It decides nothing.

use super::script::{Expect, Match, Pattern, Step};

/// ` at step 3 of tcp-check (expect string '+PONG') comment: '…'`.
pub(super) fn at_step(number: u32, step: Option<&Step>) -> String {
    let Some(step) = step.filter(|_| number > 0) else {
        return " at initial connection step of tcp-check".to_owned();
    };
    let (what, comment) = match step {
        Step::Connect(connect) => (
            match connect.port {
                Some(port) => format!(" (connect port {port})"),
                None => " (connect)".to_owned(),
            },
            &connect.comment,
        ),
        Step::Expect(expect) => (
            format!(" (expect {})", wanted(&expect.what)),
            &expect.comment,
        ),
        Step::Send(send) => (" (send)".to_owned(), &send.comment),
        Step::Action(_) | Step::Comment(_) => (String::new(), &None),
    };
    let comment = comment
        .as_ref()
        .map(|c| format!(" comment: '{c}'"))
        .unwrap_or_default();
    format!(" at step {number} of tcp-check{what}{comment}")
}

fn wanted(what: &Match) -> String {
    match what {
        Match::Agent | Match::LdapBind | Match::Mysql(_) | Match::Spop { .. } => {
            "custom function".to_owned()
        }
        Match::Binary(Pattern::Bytes(bytes)) => format!("binary '{}'", hex(bytes)),
        Match::Binary(Pattern::Token(_)) => "log-format binary".to_owned(),
        Match::BinaryRegex(_) => "binary regex".to_owned(),
        Match::Header(_) => "HTTP header pattern".to_owned(),
        Match::Regex(_) => "regex".to_owned(),
        Match::Status(_) => "HTTP status codes".to_owned(),
        Match::StatusRegex(_) => "HTTP status regex".to_owned(),
        Match::String(Pattern::Bytes(bytes)) => {
            format!("string '{}'", String::from_utf8_lossy(bytes))
        }
        Match::String(Pattern::Token(_)) => "log-format string".to_owned(),
    }
}

/// `TCPCHK did not match content '+PONG' at step 3`.
pub(super) fn mismatch(expect: &Expect, number: u32, matched: bool) -> String {
    let verdict = if matched {
        "TCPCHK matched unwanted content"
    } else {
        "TCPCHK did not match content"
    };
    let what = match &expect.what {
        Match::Agent | Match::LdapBind | Match::Mysql(_) | Match::Spop { .. } => {
            " (custom function)".to_owned()
        }
        Match::Binary(Pattern::Bytes(_)) => " (binary)".to_owned(),
        Match::Binary(Pattern::Token(_)) => " (log-format binary)".to_owned(),
        Match::BinaryRegex(_) => " (binary regex)".to_owned(),
        Match::Header(_) => " (header pattern)".to_owned(),
        Match::Regex(_) | Match::StatusRegex(_) => " (regex)".to_owned(),
        Match::Status(_) => "(status codes)".to_owned(),
        Match::String(Pattern::Bytes(bytes)) => format!(" '{}'", String::from_utf8_lossy(bytes)),
        Match::String(Pattern::Token(_)) => " (log-format string)".to_owned(),
    };
    format!("{verdict}{what} at step {number}")
}

/// Upper-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02X}")).collect()
}

/// The bytes of hexadecimal digits.
pub(super) fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect()
}
