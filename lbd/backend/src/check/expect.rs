//! Whether an answer is what a step expects.
//!
//! It keeps no state: it is asked again when more has come.

use super::http::HttpReply;
use super::packet::{self, Packet};
use super::script::{Expect, HeaderExpect, Match, Pattern, TextMatch};
use super::spop;
use super::text::{hex, unhex};
use super::{Answer, Renderer};
use crate::health::{AgentReply, CheckStatus, decode_agent};

/// What became of an expectation.
#[derive(Debug)]
pub(super) enum Verdict {
    Agent(AgentReply),
    /// The check has passed, whatever follows.
    Done(Vec<u8>),
    Fail {
        status: CheckStatus,
        matched: bool,
        info: Vec<u8>,
        code: Option<u32>,
    },
    Pass,
    Wait,
}

/// Judges the bytes received; `last` when no more will be looked at, `is_final` when this is the
/// last step.
pub(super) fn judge_bytes(
    expect: &Expect,
    data: &[u8],
    last: bool,
    is_final: bool,
    renderer: &mut dyn Renderer,
) -> Verdict {
    let answer = Answer {
        payload: data,
        http: None,
    };
    let least = expect.min_recv.unwrap_or(0) as usize;
    if !last && data.len() < least {
        return Verdict::Wait;
    }
    let matched = match &expect.what {
        Match::Agent => {
            return decode_agent(data, last).map_or(Verdict::Wait, Verdict::Agent);
        }
        Match::LdapBind if !data.is_empty() => {
            return judge_packet(packet::ldap_bind(data), last, true);
        }
        Match::Mysql(second) if !data.is_empty() => {
            return judge_packet(packet::mysql(data, *second), last, is_final);
        }
        Match::Spop { max_frame } if !data.is_empty() => {
            return judge_packet(spop::answer(data, *max_frame), last, is_final);
        }
        Match::LdapBind | Match::Mysql(_) | Match::Spop { .. } => false,
        Match::String(pattern) | Match::Binary(pattern) => {
            let binary = matches!(expect.what, Match::Binary(_));
            let wanted = match resolve(pattern, binary, answer, renderer) {
                Ok(wanted) => wanted,
                Err(info) => return broken(info),
            };
            if data.len() < wanted.len() && !last {
                return Verdict::Wait;
            }
            contains(data, &wanted)
        }
        Match::Regex(matcher) => (matcher.0)(data),
        Match::BinaryRegex(matcher) => (matcher.0)(hex(data).as_bytes()),
        Match::Header(_) | Match::Status(_) | Match::StatusRegex(_) => false,
    };
    if !matched && !last && expect.min_recv.is_none() {
        return Verdict::Wait;
    }
    let status = expect.error_status.unwrap_or(CheckStatus::L7Response);
    conclude(expect, matched, status, Vec::new())
}

/// Judges an HTTP answer whose head is complete.
pub(super) fn judge_http(
    expect: &Expect,
    reply: &HttpReply,
    renderer: &mut dyn Renderer,
) -> Verdict {
    let answer = Answer {
        payload: &reply.body,
        http: Some(reply),
    };
    let matched = match &expect.what {
        Match::Status(ranges) => ranges
            .iter()
            .any(|(low, high)| (*low..=*high).contains(&reply.status)),
        Match::StatusRegex(matcher) => (matcher.0)(reply.status.to_string().as_bytes()),
        Match::Header(header) => match has_header(header, reply, answer, renderer) {
            Ok(matched) => matched,
            Err(info) => return broken(info),
        },
        _ => return judge_body(expect, reply, answer, renderer),
    };
    let status = expect.error_status.unwrap_or(CheckStatus::L7Status);
    let info = if expect.on_error.is_none() {
        reply.reason.clone()
    } else {
        Vec::new()
    };
    conclude(expect, matched, status, info)
}

fn judge_body(
    expect: &Expect,
    reply: &HttpReply,
    answer: Answer<'_>,
    renderer: &mut dyn Renderer,
) -> Verdict {
    let last = reply.complete;
    let body = reply.body.as_slice();
    let status = expect.error_status.unwrap_or(CheckStatus::L7Response);
    let say = |info: &str| {
        if expect.on_error.is_none() {
            info.as_bytes().to_vec()
        } else {
            Vec::new()
        }
    };
    if body.is_empty() {
        if !last {
            return Verdict::Wait;
        }
        let info = say("HTTP content check could not find a response body");
        return Verdict::Fail {
            status,
            matched: false,
            info,
            code: None,
        };
    }
    if !last && body.len() < expect.min_recv.unwrap_or(0) as usize {
        return Verdict::Wait;
    }
    let matched = match &expect.what {
        Match::String(pattern) => match resolve(pattern, false, answer, renderer) {
            Ok(wanted) if body.len() < wanted.len() && !last => return Verdict::Wait,
            Ok(wanted) => contains(body, &wanted),
            Err(info) => return broken(info),
        },
        Match::Regex(matcher) => (matcher.0)(body),
        _ => false,
    };
    if !matched && !last && expect.min_recv.is_none() {
        return Verdict::Wait;
    }
    let info = if expect.negate {
        say("HTTP check matched unwanted content")
    } else {
        say("HTTP content check did not match")
    };
    conclude(expect, matched, status, info)
}

fn conclude(expect: &Expect, matched: bool, status: CheckStatus, info: Vec<u8>) -> Verdict {
    if matched != expect.negate {
        Verdict::Pass
    } else {
        Verdict::Fail {
            status,
            matched,
            info,
            code: None,
        }
    }
}

fn broken(info: &str) -> Verdict {
    let info = info.as_bytes().to_vec();
    Verdict::Fail {
        status: CheckStatus::L7Response,
        matched: false,
        info,
        code: None,
    }
}

fn judge_packet(packet: Packet, last: bool, is_final: bool) -> Verdict {
    let status = CheckStatus::L7Response;
    match packet {
        Packet::Short if !last => Verdict::Wait,
        Packet::Short => Verdict::Fail {
            status,
            matched: false,
            info: Vec::new(),
            code: None,
        },
        Packet::Invalid(info) => broken(info),
        Packet::Error { code, text } => Verdict::Fail {
            status: CheckStatus::L7Status,
            matched: false,
            info: text,
            code: Some(code),
        },
        Packet::Good(text) if is_final => Verdict::Done(text),
        Packet::Good(_) => Verdict::Pass,
    }
}

fn resolve(
    pattern: &Pattern,
    binary: bool,
    answer: Answer<'_>,
    renderer: &mut dyn Renderer,
) -> Result<Vec<u8>, &'static str> {
    let token = match pattern {
        Pattern::Bytes(bytes) => return Ok(bytes.clone()),
        Pattern::Token(token) => *token,
    };
    let text = renderer.render(token, answer);
    if text.is_empty() {
        return Err("log-format string evaluated to an empty string");
    }
    if binary {
        let broken = "Failed to parse hexastring resulting of eval of a log-format string";
        return unhex(&text).ok_or(broken);
    }
    Ok(text)
}

fn has_header(
    header: &HeaderExpect,
    reply: &HttpReply,
    answer: Answer<'_>,
    renderer: &mut dyn Renderer,
) -> Result<bool, &'static str> {
    for (name, value) in &reply.headers {
        if !compare(&header.name, name, true, answer, renderer)? {
            continue;
        }
        let Some(wanted) = &header.value else {
            return Ok(true);
        };
        if header.full {
            if compare(wanted, value, false, answer, renderer)? {
                return Ok(true);
            }
            continue;
        }
        for part in value.split(|&b| b == b',') {
            if compare(wanted, part.trim_ascii(), false, answer, renderer)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn compare(
    wanted: &TextMatch,
    text: &[u8],
    fold: bool,
    answer: Answer<'_>,
    renderer: &mut dyn Renderer,
) -> Result<bool, &'static str> {
    let mut bytes = |pattern| {
        let bytes = resolve(pattern, false, answer, renderer)?;
        Ok(if fold {
            bytes.to_ascii_lowercase()
        } else {
            bytes
        })
    };
    Ok(match wanted {
        TextMatch::Begin(pattern) => text.starts_with(&bytes(pattern)?),
        TextMatch::End(pattern) => text.ends_with(&bytes(pattern)?),
        TextMatch::Exact(pattern) => text == bytes(pattern)?,
        TextMatch::Regex(matcher) => (matcher.0)(text),
        TextMatch::Sub(pattern) => contains(text, &bytes(pattern)?),
    })
}

fn contains(data: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || data.windows(wanted.len()).any(|window| window == wanted)
}
