//! The grammar of addresses: prefix, host, port.
//!
//! It does not split lists: `bind` does that at its commas.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Address, AddressError, AddressRules, AddressSpec, FdRule, HostSpec, MAX_ABSTRACT,
    MAX_HOST_NAME, MAX_PATH, PortRule, PortSpec, Transport,
};
use crate::host::{Environment, Family};
use crate::lex::MAX_LINE_BYTES;

type Parsed<T> = Result<T, AddressError>;

/// What comes behind a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Abstract(bool),
    Fd,
    Inet(Family),
    SockPair,
    Unix,
}

struct Prefix {
    name: &'static str,
    kind: Kind,
    transport: Option<Transport>,
    mptcp: bool,
}

const fn prefix(name: &'static str, kind: Kind, transport: Option<Transport>) -> Prefix {
    Prefix {
        name,
        kind,
        transport,
        mptcp: false,
    }
}

const fn mptcp(name: &'static str, family: Family) -> Prefix {
    Prefix {
        name,
        kind: Kind::Inet(family),
        transport: Some(Transport::Stream),
        mptcp: true,
    }
}

const STREAM: Option<Transport> = Some(Transport::Stream);
const DATAGRAM: Option<Transport> = Some(Transport::Datagram);

const PREFIXES: &[Prefix] = &[
    prefix("abns@", Kind::Abstract(false), None),
    prefix("abnsz@", Kind::Abstract(true), None),
    prefix("fd@", Kind::Fd, None),
    prefix("ip@", Kind::Inet(Family::Any), None),
    prefix("ipv4@", Kind::Inet(Family::V4), None),
    prefix("ipv6@", Kind::Inet(Family::V6), None),
    mptcp("mptcp@", Family::Any),
    mptcp("mptcp4@", Family::V4),
    mptcp("mptcp6@", Family::V6),
    prefix("sockpair@", Kind::SockPair, None),
    prefix("tcp@", Kind::Inet(Family::Any), STREAM),
    prefix("tcp4@", Kind::Inet(Family::V4), STREAM),
    prefix("tcp6@", Kind::Inet(Family::V6), STREAM),
    prefix("udp@", Kind::Inet(Family::Any), DATAGRAM),
    prefix("udp4@", Kind::Inet(Family::V4), DATAGRAM),
    prefix("udp6@", Kind::Inet(Family::V6), DATAGRAM),
    prefix("unix@", Kind::Unix, None),
    prefix("uxdg@", Kind::Unix, DATAGRAM),
    prefix("uxst@", Kind::Unix, STREAM),
];

fn error(message: String) -> AddressError {
    AddressError {
        message,
        hint: String::new(),
    }
}

fn with_hint(message: String, hint: &str) -> AddressError {
    AddressError {
        message,
        hint: hint.to_owned(),
    }
}

/// Puts in variables written without quotes, `$NAME` and `${NAME}`, which addresses alone allow;
/// one that is not set gives nothing.
///
/// # Errors
/// When the result is longer than a line may be.
pub fn expand(text: &str, environment: &Environment<'_>) -> Result<String, AddressError> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        let (brace, body) = match after.strip_prefix('{') {
            Some(body) => (true, body),
            None => (false, after),
        };
        let length = body
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
            .count();
        out.push_str(&environment.value(&body[..length]).unwrap_or_default());
        if out.len() > MAX_LINE_BYTES {
            return Err(error(format!(
                "address too long, limited to {MAX_LINE_BYTES} bytes"
            )));
        }
        rest = &body[length..];
        if brace {
            rest = rest.strip_prefix('}').unwrap_or(rest);
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Reads one address as `rules` allow.
///
/// # Errors
/// When it is none, or not acceptable here.
pub fn parse(
    word: &str,
    rules: &AddressRules,
    environment: &Environment<'_>,
) -> Result<AddressSpec, AddressError> {
    let expanded = expand(word, environment)?;
    if expanded.is_empty() {
        return Err(error(format!(
            "'{word}' resolves to an empty address (environment variable missing?)"
        )));
    }
    if rules.sinks
        && let Some(address) = sink(&expanded)?
    {
        return Ok(AddressSpec {
            address,
            transport: Transport::Datagram,
            mptcp: false,
            text: word.to_owned(),
        });
    }
    let (forced, rest) = forced_transport(&expanded, word)?;
    let default = match rules.default_datagram || !rules.stream {
        true => Transport::Datagram,
        false => Transport::Stream,
    };
    let known = PREFIXES.iter().find(|prefix| rest.starts_with(prefix.name));
    let (kind, body) = match known {
        Some(prefix) => (prefix.kind, &rest[prefix.name.len()..]),
        None if rest.starts_with('/') => (Kind::Unix, rest),
        None => (Kind::Inet(Family::Any), rest),
    };
    let transport = known.and_then(|prefix| prefix.transport).or(forced);
    let transport = transport.unwrap_or(default);
    let address = match kind {
        Kind::Abstract(terminated) => Address::Abstract {
            name: path(body, word, MAX_ABSTRACT)?.into_bytes(),
            terminated,
        },
        Kind::Fd => Address::Fd(descriptor(body, word, rules.fd)?),
        Kind::Inet(family) => inet(body, family, word, rules)?,
        Kind::SockPair => Address::SockPair(descriptor(body, word, FdRule::Socket)?),
        Kind::Unix => {
            let room = MAX_PATH.saturating_sub(rules.prefix_length);
            Address::Unix(path(body, word, room)?)
        }
    };
    let refused = match transport {
        Transport::Stream => (!rules.stream).then_some("stream"),
        Transport::Datagram => (!rules.datagram).then_some("dgram"),
    };
    if let Some(name) = refused {
        return Err(error(format!(
            "{name}-type address not acceptable in '{word}'"
        )));
    }
    Ok(AddressSpec {
        address,
        transport,
        mptcp: known.is_some_and(|prefix| prefix.mptcp),
        text: word.to_owned(),
    })
}

/// Takes off what forces a transport; refuses the protocols that are not spoken.
fn forced_transport<'a>(expanded: &'a str, word: &str) -> Parsed<(Option<Transport>, &'a str)> {
    let (forced, rest) = match expanded.split_once('+') {
        Some(("stream", rest)) => (STREAM, rest),
        Some(("dgram", rest)) => (DATAGRAM, rest),
        Some(("quic", _)) => return Err(quic(word)),
        _ => (None, expanded),
    };
    if rest.starts_with("quic4@") || rest.starts_with("quic6@") {
        return Err(quic(word));
    }
    if rest.starts_with("rhttp@") {
        return Err(with_hint(
            format!(
                "Address '{rest}' is experimental, must be allowed via a global \
                 'expose-experimental-directives'"
            ),
            "Reverse HTTP is not supported.",
        ));
    }
    Ok((forced, rest))
}

fn quic(text: &str) -> AddressError {
    with_hint(
        format!("QUIC address '{text}' is not supported"),
        "HTTP/3 is not built in; use a TCP address with 'ssl alpn h2,http/1.1'.",
    )
}

fn sink(text: &str) -> Parsed<Option<Address>> {
    let named = |name: &str| match name {
        "" => Err(error(format!("missing name in '{text}'"))),
        name => Ok(name.to_owned()),
    };
    Ok(match text.split_once('@') {
        Some(("ring", name)) => Some(Address::Ring(named(name)?)),
        Some(("backend", name)) => Some(Address::Backend(named(name)?)),
        _ if text == "stdout" => Some(Address::Stdout),
        _ if text == "stderr" => Some(Address::Stderr),
        _ => None,
    })
}

fn path(body: &str, text: &str, room: usize) -> Parsed<String> {
    if body.len() > room {
        return Err(error(format!("socket path '{text}' too long (max {room})")));
    }
    if body.is_empty() {
        return Err(error(format!("missing socket path in '{text}'")));
    }
    Ok(body.to_owned())
}

fn descriptor(body: &str, text: &str, rule: FdRule) -> Parsed<i32> {
    let valid = body.bytes().all(|b| b.is_ascii_digit());
    let Some(fd) = body.parse().ok().filter(|_| valid) else {
        return Err(error(format!(
            "file descriptor '{body}' is not a valid integer in '{text}'"
        )));
    };
    match rule {
        FdRule::Refused => Err(error(format!(
            "a file descriptor is not acceptable here in '{text}'"
        ))),
        FdRule::Any | FdRule::Socket => Ok(fd),
    }
}

fn inet(body: &str, family: Family, text: &str, rules: &AddressRules) -> Parsed<Address> {
    // The last colon separates the port, unless a bracket comes behind it.
    let (host, port) = match body.rfind([':', ']']) {
        Some(at) if body.as_bytes()[at] == b':' => (&body[..at], Some(&body[at + 1..])),
        _ => (body, None),
    };
    let missing = || {
        with_hint(
            format!("missing port specification in '{text}'"),
            "Write the port behind a colon, as in '192.0.2.1:80', '[2001:db8::1]:80' or ':80'.",
        )
    };
    let port = match (port, rules.port) {
        (Some(_), PortRule::Refused) => {
            return Err(error(format!(
                "port specification not permitted here in '{text}'"
            )));
        }
        (None | Some(""), PortRule::Mandatory) => return Err(missing()),
        (None | Some(""), _) => PortSpec::None,
        (Some(port), _) => parse_port(port, text, rules)?,
    };
    let host = parse_host(host, family).ok_or_else(|| {
        let hint = match body.matches(':').count() {
            2.. if !body.contains('[') => {
                "The last colon of an IPv6 address starts the port: write it in brackets."
            }
            _ => "",
        };
        with_hint(format!("invalid address: '{host}' in '{text}'"), hint)
    })?;
    Ok(Address::Inet { host, port })
}

fn number(digits: &str, text: &str) -> Parsed<u32> {
    if let Some(bad) = digits.chars().find(|c| !c.is_ascii_digit()) {
        return Err(error(format!(
            "invalid character '{bad}' in port number '{digits}' in '{text}'"
        )));
    }
    digits
        .parse()
        .ok()
        .filter(|port| *port <= 65_535)
        .ok_or_else(|| error(format!("invalid port '{digits}'")))
}

fn parse_port(port: &str, text: &str, rules: &AddressRules) -> Parsed<PortSpec> {
    if let Some((sign, digits)) = port
        .strip_prefix('+')
        .map(|digits| (1, digits))
        .or_else(|| port.strip_prefix('-').map(|digits| (-1, digits)))
    {
        if !rules.offset {
            return Err(error(format!("port offset not permitted here in '{text}'")));
        }
        if digits.is_empty() {
            return Ok(PortSpec::Offset(0));
        }
        let offset = number(digits, text)?;
        // Checked to be at most 65535.
        return Ok(PortSpec::Offset(sign * i32::try_from(offset).unwrap_or(0)));
    }
    if !port.starts_with(|c: char| c.is_ascii_digit()) {
        let first = port.chars().next().unwrap_or(' ');
        return Err(error(format!(
            "invalid character '{first}' in port number '{port}' in '{text}'"
        )));
    }
    let (low_text, high_text) = match port.split_once('-') {
        Some(_) if !rules.range => {
            return Err(error(format!("port range not permitted here in '{text}'")));
        }
        Some(pair) => pair,
        None => (port, port),
    };
    let checked = |digits: &str| {
        let port = number(digits, text)?;
        match u16::try_from(port) {
            Ok(port) if port > 0 || rules.port != PortRule::Mandatory => Ok(port),
            _ => Err(error(format!("invalid port '{digits}'"))),
        }
    };
    let (low, high) = (checked(low_text)?, checked(high_text)?);
    Ok(match low.cmp(&high) {
        std::cmp::Ordering::Greater => {
            return Err(error(format!("invalid port range '{low}-{high}'")));
        }
        std::cmp::Ordering::Equal if low == 0 => PortSpec::None,
        std::cmp::Ordering::Equal => PortSpec::Port(low),
        std::cmp::Ordering::Less => PortSpec::Range(low, high),
    })
}

fn parse_host(host: &str, family: Family) -> Option<HostSpec> {
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|inner| inner.len() >= 2)?,
        None => host,
    };
    if host.is_empty() || host == "*" {
        return Some(match family {
            Family::V6 => HostSpec::Any6,
            Family::Any | Family::V4 => HostSpec::Any4,
        });
    }
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return match family {
            Family::V4 => None,
            Family::Any | Family::V6 if address.is_unspecified() => Some(HostSpec::Any6),
            Family::Any | Family::V6 => Some(HostSpec::Ip(IpAddr::V6(address))),
        };
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return match family {
            Family::V6 => None,
            Family::Any | Family::V4 if address.is_unspecified() => Some(HostSpec::Any4),
            Family::Any | Family::V4 => Some(HostSpec::Ip(IpAddr::V4(address))),
        };
    }
    is_host_name(host).then(|| HostSpec::Name(host.to_owned(), family))
}

/// Labels of at most 63 letters, digits, `-` and `_`, separated by dots; what looks like an IPv4
/// address with too many or too large numbers is none.
fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let labels_fit = name.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    });
    let is_dotted_numbers = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let numbers = name.split('.').count();
    name.len() <= MAX_HOST_NAME && labels_fit && !(is_dotted_numbers && numbers >= 4)
}
