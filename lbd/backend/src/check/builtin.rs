//! Prepared scripts: plain connection, HTTP, agent, and the protocols of `option …-check`.
//!
//! It parses no configuration: names and users are given.

use super::script::{
    CodeSource, Connect, Expect, Kind, Match, Matcher, Pattern, Script, Send, Step, Text,
};
use super::spop;
use crate::health::CheckStatus;
use lbd_core::bits;

/// Client version of `option mysql-check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MysqlVersion {
    /// `post-41`.
    Post41,
    /// `post-80`.
    Post80,
    /// `pre-41`.
    Pre41,
}

/// The request of an HTTP check, rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRequest {
    /// Method, `OPTIONS` by default.
    pub method: Vec<u8>,
    /// Target, `/` by default.
    pub uri: Vec<u8>,
    /// Version, `HTTP/1.0` by default.
    pub version: Vec<u8>,
    /// Headers in their order; one with an empty value is left out.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Default for CheckRequest {
    fn default() -> Self {
        Self {
            method: b"OPTIONS".to_vec(),
            uri: b"/".to_vec(),
            version: b"HTTP/1.0".to_vec(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

impl CheckRequest {
    /// The request as it is sent: the length of the body is added unless there is none and the
    /// method has none as a rule, `connection: close` where a connection would stay otherwise.
    /// Framing is not the configuration's: its `content-length` and `transfer-encoding` are left
    /// out.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = [
            &self.method,
            &b" "[..],
            &self.uri,
            b" ",
            &self.version,
            b"\r\n",
        ]
        .concat();
        let mut put = |name: &[u8], value: &[u8]| {
            out.extend_from_slice(&name.to_ascii_lowercase());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        };
        let mut persistence = false;
        for (name, value) in self.headers.iter().filter(|(_, value)| !value.is_empty()) {
            let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
            if is(b"content-length") || is(b"transfer-encoding") {
                continue;
            }
            put(name, value);
            persistence |= is(b"connection");
        }
        let bodiless: [&[u8]; 4] = [b"OPTIONS", b"GET", b"HEAD", b"DELETE"];
        if !self.body.is_empty() || !bodiless.contains(&self.method.as_slice()) {
            put(b"content-length", self.body.len().to_string().as_bytes());
        }
        let is_old = matches!(self.version.as_slice(), b"HTTP/1.0" | b"HTTP/0.9");
        if !persistence && !is_old {
            put(b"connection", b"close");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }
}

/// `check` alone: a connection is enough.
pub fn connect_script() -> Script {
    Script::new(Kind::Protocol, Vec::new())
}

/// `option httpchk` without `http-check` rules; the renderer gives the request for that number.
pub fn http_script(request: u32) -> Script {
    let send = Step::Send(Send {
        data: Pattern::Token(request),
        is_hex: false,
        implicit: false,
        comment: None,
    });
    Script::new(Kind::Http, vec![send])
}

/// `agent-check`, with `agent-send`.
pub fn agent_script(greeting: &[u8]) -> Script {
    let mut steps = vec![Step::Connect(Connect {
        default: true,
        ..Connect::default()
    })];
    if !greeting.is_empty() {
        steps.push(send(greeting));
    }
    steps.push(Step::Expect(Expect::new(Match::Agent)));
    Script::new(Kind::Protocol, steps)
}

/// `option redis-check`.
pub fn redis_script() -> Script {
    let expect = Expect {
        error_status: Some(CheckStatus::L7Status),
        on_error: Some(Text::Line(0)),
        on_success: Some(Text::Literal("Redis server is ok".into())),
        ..Expect::new(Match::String(Pattern::Bytes(b"+PONG\r\n".to_vec())))
    };
    let steps = vec![send(b"*1\r\n$4\r\nPING\r\n"), Step::Expect(expect)];
    Script::new(Kind::Protocol, steps)
}

/// `option smtpchk`; `hello` is `HELO localhost` unless configured.
pub fn smtp_script(hello: &str) -> Script {
    let wanted = |error, on_error, test: fn(&[u8]) -> bool| Expect {
        error_status: Some(error),
        on_error: Some(on_error),
        ..Expect::new(Match::Regex(Matcher::new(test)))
    };
    let first_line = Expect {
        min_recv: Some(4),
        ..wanted(CheckStatus::L7Response, Text::Line(0), |d| {
            reply_code(d).is_some_and(|(_, end)| matches!(end, b' ' | b'\r'))
        })
    };
    let good = Expect {
        status_code: Some(CodeSource::FirstThree),
        ..wanted(CheckStatus::L7Status, Text::Line(4), |d| {
            reply_code(d).is_some_and(|(class, end)| class == b'2' && matches!(end, b' ' | b'\r'))
        })
    };
    let greeted = Expect {
        min_recv: Some(4),
        ..good.clone()
    };
    let answered = Expect {
        what: Match::Regex(Matcher::new(is_good_smtp_reply)),
        on_success: Some(Text::Line(4)),
        ..good.clone()
    };
    let quit = Expect {
        what: Match::Regex(Matcher::new(|d| {
            reply_code(d)
                .is_some_and(|(class, end)| class == b'2' && matches!(end, b'-' | b' ' | b'\r'))
        })),
        min_recv: Some(4),
        on_success: Some(Text::Line(4)),
        ..good
    };
    let steps = vec![
        lingering(),
        Step::Expect(first_line),
        Step::Expect(greeted),
        send(format!("{hello}\r\n").as_bytes()),
        Step::Expect(answered),
        send(b"QUIT\r\n"),
        Step::Expect(quit),
    ];
    Script::new(Kind::Protocol, steps)
}

/// `option pgsql-check user <user>`: the first message of protocol 3.0.
pub fn pgsql_script(user: &str) -> Script {
    let mut parameters = b"\x00\x03\x00\x00user\x00".to_vec();
    parameters.extend_from_slice(user.as_bytes());
    parameters.extend_from_slice(b"\x00\x00");
    let mut startup = (bits::count32(parameters.len()) + 4).to_be_bytes().to_vec();
    startup.extend_from_slice(&parameters);
    let no_error = Expect {
        negate: true,
        min_recv: Some(5),
        error_status: Some(CheckStatus::L7Response),
        on_error: Some(Text::Payload(6)),
        ..Expect::new(Match::Regex(Matcher::new(|d| d.first() == Some(&b'E'))))
    };
    let authentication = Expect {
        min_recv: Some(9),
        error_status: Some(CheckStatus::L7Status),
        on_success: Some(Text::Literal("PostgreSQL server is ok".into())),
        on_error: Some(Text::Literal("PostgreSQL unknown error".into())),
        ..Expect::new(Match::BinaryRegex(Matcher::new(|hex| {
            let known = ["00", "02", "03", "04", "05", "06", "07", "09", "0A"];
            hex.starts_with(b"52000000")
                && hex.get(10..16) == Some(b"000000")
                && hex
                    .get(16..18)
                    .is_some_and(|m| known.iter().any(|k| k.as_bytes() == m))
        })))
    };
    let steps = vec![
        lingering(),
        send(&startup),
        Step::Expect(no_error),
        Step::Expect(authentication),
    ];
    Script::new(Kind::Protocol, steps)
}

/// `option mysql-check`, with a login when there is a user.
pub fn mysql_script(user: Option<(&str, MysqlVersion)>) -> Script {
    let mut steps = vec![lingering()];
    if let Some((user, version)) = user {
        steps.push(send(&mysql_login(user, version)));
    }
    steps.push(Step::Expect(Expect::new(Match::Mysql(false))));
    if user.is_some() {
        steps.push(Step::Expect(Expect::new(Match::Mysql(true))));
    }
    Script::new(Kind::Protocol, steps)
}

/// A login without password, then the command to quit.
fn mysql_login(user: &str, version: MysqlVersion) -> Vec<u8> {
    let mut body: Vec<u8> = match version {
        MysqlVersion::Pre41 => vec![0x00, 0x80, 0x00, 0x00, 0x01],
        MysqlVersion::Post41 => vec![0x00, 0x82, 0x00, 0x00, 0x00, 0x80, 0x00, 0x01, 0x21],
        MysqlVersion::Post80 => vec![0x00, 0x82, 0x08, 0x00, 0x00, 0x80, 0x00, 0x01, 0x21],
    };
    if version != MysqlVersion::Pre41 {
        body.extend_from_slice(&[0; 23]);
    }
    body.extend_from_slice(user.as_bytes());
    body.extend_from_slice(&[0, 0]);
    if version == MysqlVersion::Post80 {
        body.extend_from_slice(b"mysql_native_password\0");
    }
    let mut out = bits::count32(body.len()).to_le_bytes()[..3].to_vec();
    out.push(1);
    out.extend_from_slice(&body);
    out.extend_from_slice(&[1, 0, 0, 0, 1]);
    out
}

/// `option ldap-check`: an anonymous bind of version 3 (RFC 4511 §4.2).
pub fn ldap_script() -> Script {
    let bind = [
        0x30, 0x0c, 0x02, 0x01, 0x01, 0x60, 0x07, 0x02, 0x01, 0x03, 0x04, 0, 0x80, 0,
    ];
    let sequence = Expect {
        min_recv: Some(14),
        on_error: Some(Text::Literal("Not LDAPv3 protocol".into())),
        ..Expect::new(Match::BinaryRegex(Matcher::new(|hex| {
            hex.starts_with(b"30")
        })))
    };
    let steps = vec![
        send(&bind),
        Step::Expect(sequence),
        Step::Expect(Expect::new(Match::LdapBind)),
    ];
    Script::new(Kind::Protocol, steps)
}

/// `option spop-check`: the first frame of an engine, for a check only, and what the agent says.
///
/// `max_frame` is the size of the largest frame that may be exchanged, in bytes.
pub fn spop_script(max_frame: u32) -> Script {
    let steps = vec![
        lingering(),
        send(&spop::hello(max_frame)),
        Step::Expect(Expect::new(Match::Spop { max_frame })),
    ];
    Script::new(Kind::Protocol, steps)
}

/// `option ssl-hello-chk`: an SSLv3 hello, which any TLS server answers with a hello or an alert.
pub fn ssl_hello_script() -> Script {
    let ciphers: Vec<u8> = (0x01..=0x1bu8)
        .chain(0x2f..=0x3a)
        .flat_map(|cipher| [0x00, cipher])
        .collect();
    let mut hello = vec![0x03, 0x00];
    // Time and random bytes: they only have to be there.
    hello.extend_from_slice(&[0; 4]);
    hello.extend_from_slice(b"LBD-SSL-HELLO\nLBD-SSL-HELLO\n");
    hello.push(0);
    hello.extend_from_slice(&bits::low16(ciphers.len() as u64).to_be_bytes());
    hello.extend_from_slice(&ciphers);
    hello.extend_from_slice(&[1, 0]);
    let mut record = vec![0x16, 0x03, 0x00];
    record.extend_from_slice(&bits::low16(hello.len() as u64 + 4).to_be_bytes());
    record.extend_from_slice(&[0x01, 0x00]);
    record.extend_from_slice(&bits::low16(hello.len() as u64).to_be_bytes());
    record.extend_from_slice(&hello);
    let expect = Expect {
        min_recv: Some(5),
        ok_status: Some(CheckStatus::L6Ok),
        error_status: Some(CheckStatus::L6Response),
        tout_status: Some(CheckStatus::L6Timeout),
        ..Expect::new(Match::Regex(Matcher::new(|d| {
            matches!(d.first(), Some(0x15 | 0x16))
        })))
    };
    Script::new(Kind::Protocol, vec![send(&record), Step::Expect(expect)])
}

fn send(bytes: &[u8]) -> Step {
    Step::Send(Send {
        data: Pattern::Bytes(bytes.to_vec()),
        is_hex: false,
        implicit: false,
        comment: None,
    })
}

/// Some servers log an error when the connection is reset instead of closed.
fn lingering() -> Step {
    Step::Connect(Connect {
        default: true,
        linger: true,
        ..Connect::default()
    })
}

/// Class digit of a three-digit reply code, and the byte behind it.
fn reply_code(data: &[u8]) -> Option<(u8, u8)> {
    let code = data.get(..3)?;
    let end = *data.get(3)?;
    code.iter()
        .all(u8::is_ascii_digit)
        .then_some((code[0], end))
}

/// Any number of continued lines (`250-…`) of class 2, then a last one.
fn is_good_smtp_reply(mut data: &[u8]) -> bool {
    loop {
        match reply_code(data) {
            Some((b'2', b' ' | b'\r')) => return true,
            Some((b'2', b'-')) => {}
            _ => return false,
        }
        match data.windows(2).position(|w| w == b"\r\n") {
            Some(at) => data = &data[at + 2..],
            None => return false,
        }
    }
}
