//! The proxy is the server: a row's frames are a client's.

use super::*;
use crate::frames::*;

const CONFIG: &str = "
frontend fe
    bind <fe> proto h2
    timeout client 20s
    default_backend be
backend be
    timeout server 20s
    server s1 <origin>
";

/// A request that follows each row, to see that the connection goes on.
const LAST: u32 = 1001;

pub(crate) struct Stage {
    proxy: Proxy,
    _log: SyslogSink,
    _origin: Origin,
}

impl Stage {
    pub(crate) fn start(program: &Program) -> Self {
        let log = SyslogSink::udp();
        let origin = Origin::answering("s1", |request, _| Reply::ok(&request.body));
        let proxy = builder(program, CONFIG, &log)
            .with("origin", origin.address())
            .listener("fe")
            .start();
        Self {
            proxy,
            _log: log,
            _origin: origin,
        }
    }

    /// What was said instead, when it is not what a row asks for.
    pub(crate) fn run(&self, rule: &Rule) -> Result<(), String> {
        let address = self.proxy.address("fe");
        let mut peer = match rule.sent.first() {
            Some(say::Say::Bytes(_)) => Peer::raw(address),
            _ => Peer::connect(address),
        };
        rule.sent.iter().for_each(|say| say.send(&mut peer));
        let mut said = Vec::new();
        match rule.expect {
            Expect::Goaway(_) | Expect::Closed => said = peer.rest(),
            Expect::Says(kind, flags, payload) => {
                return peer.wait_frame(kind, flags, payload);
            }
            Expect::FirstSettings => {
                return match peer.frame() {
                    Some(frame) if frame.kind == SETTINGS && frame.flags == 0 => Ok(()),
                    other => Err(format!("{other:?}")),
                };
            }
            Expect::Reset(stream, _) | Expect::Answer(stream, _) => {
                said = peer.stream(stream);
            }
            Expect::Ignored => {}
        }
        if said
            .last()
            .is_none_or(|text| !matches!(text.as_str(), "end" | "silence"))
        {
            peer.get(LAST, "/x");
            said.extend(peer.stream(LAST));
        }
        check(rule.expect, &said)
    }
}

/// Whether what was said is what is expected.
pub(crate) fn check(expect: Expect, said: &[String]) -> Result<(), String> {
    let has = |text: &str| said.iter().any(|one| one.starts_with(text));
    let goes_on = !has("GOAWAY") && !has("end") && !has("silence");
    let is_met = match expect {
        Expect::Goaway(code) => said.contains(&format!("GOAWAY {code}")) && has("end"),
        Expect::Closed => has("end"),
        Expect::Reset(stream, code) => {
            goes_on && said.contains(&format!("RST_STREAM {stream} {code}"))
        }
        Expect::Answer(stream, status) => {
            goes_on && has(&format!("HEADERS {stream} {status}")) && !has("RST_STREAM")
        }
        Expect::Ignored => goes_on && !has("RST_STREAM"),
        Expect::Says(..) | Expect::FirstSettings => true,
    };
    match is_met {
        true => Ok(()),
        false => Err(format!("{said:?}")),
    }
}
