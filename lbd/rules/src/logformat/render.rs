//! Rendering of log lines: one pass over the nodes, nothing allocated beyond the output.
//!
//! How a value is escaped or quoted is the encoder's business.

use std::net::{IpAddr, SocketAddr};

use lbd_core::{Type, Value, WallTime};
use lbd_http::uri;

use super::alias::Alias;
use super::date;
use super::encode::{Encoder, Escapes, Out};
use super::flags::Flags;
use super::small::{SmallText, write_ip};
use super::times::{Times, between, is_http};
use super::{Cast, LogFormat, Node, Source};
use crate::cast;
use crate::expr::Expr;
use crate::facts::{Endpoint, StreamFacts, Target, TermLetters, TlsFacts};
use crate::view::{ProcessFact, View};

pub(super) fn render<O: Out>(format: &LogFormat, view: &View<'_>, origin: &str, out: &mut O) {
    let line = format.line;
    let mut r = Render {
        enc: Encoder::new(out),
        view,
        origin,
        times: None,
    };
    r.enc.flags = line;
    if line.has(Flags::JSON) {
        r.enc.part(b'{');
    } else if line.has(Flags::CBOR) {
        r.enc.cbor_byte(0xbf);
    }
    let (mut ends_in_space, mut is_first) = (true, true);
    for node in &format.nodes {
        match node {
            Node::Text(_) | Node::Space if line.has(Flags::ENCODED) => {}
            Node::Text(text) => {
                r.enc.out.bytes(text);
                ends_in_space = false;
            }
            Node::Space => {
                if !ends_in_space {
                    r.enc.out.byte(b' ');
                    ends_in_space = true;
                }
            }
            Node::Field(field) => {
                if line.has(Flags::ENCODED) {
                    // A value without a name cannot be represented.
                    let Some(name) = &field.name else { continue };
                    r.key(line, name, is_first);
                    is_first = false;
                }
                let start = r.enc.out.size();
                r.enc.flags = field.flags;
                r.enc.cast = field.cast;
                match &field.source {
                    Source::Alias(alias) => r.alias(alias.alias),
                    Source::Expr(expr) => {
                        r.expr(expr);
                        ends_in_space = false;
                    }
                }
                if r.enc.out.size() == start {
                    r.null();
                }
                r.enc.close_text();
                ends_in_space &= r.enc.out.size() == start;
            }
        }
    }
    r.enc.flags = line;
    if line.has(Flags::JSON) {
        r.enc.part(b'}');
    } else if line.has(Flags::CBOR) {
        r.enc.cbor_byte(0xff);
    }
}

struct Render<'r, 'a, O> {
    enc: Encoder<'r, O>,
    view: &'r View<'a>,
    origin: &'r str,
    /// Computed for the first timer of a line.
    times: Option<Times>,
}

impl<O: Out> Render<'_, '_, O> {
    fn key(&mut self, line: Flags, name: &[u8], is_first: bool) {
        self.enc.flags = line;
        self.enc.cast = Cast::None;
        if line.has(Flags::CBOR) {
            return self.enc.cbor_string(0x60, name);
        }
        if !is_first {
            self.enc.out.bytes(b", ");
        }
        self.enc.out.byte(b'"');
        self.enc.out.bytes(name);
        self.enc.out.bytes(b"\": ");
    }

    fn null(&mut self) {
        if self.enc.flags.has(Flags::JSON) {
            self.enc.out.bytes(b"null");
        } else if self.enc.flags.has(Flags::CBOR) {
            self.enc.cbor_byte(0xf6);
        }
    }

    fn expr(&mut self, expr: &Expr) {
        let flags = self.enc.flags;
        let value = expr.value(self.view).value();
        let mut wanted = Type::Str;
        if matches!(value, Some(Value::Bin(_)))
            && flags.has(Flags::BIN)
            && self.enc.cast != Cast::Str
        {
            wanted = Type::Bin;
        }
        if flags.has(Flags::ENCODED) {
            wanted = match (self.enc.cast, value) {
                (Cast::Raw, _) => {
                    self.enc.flags = Flags::NONE;
                    Type::Bin
                }
                (Cast::Str, _) => Type::Str,
                (Cast::Int, _) => Type::Int,
                (Cast::Bool, _) => Type::Bool,
                (Cast::None, Some(Value::Int(_))) => Type::Int,
                (Cast::None, Some(Value::Bool(_))) => Type::Bool,
                (Cast::None, Some(Value::Bin(_))) if flags.has(Flags::CBOR) => Type::Bin,
                (Cast::None, _) => wanted,
            };
        }
        let value = value.and_then(|value| cast::to(value, wanted, self.view.arena));
        if self.enc.flags.has(Flags::HTTP) {
            if let Some(Value::Str(text) | Value::Bin(text)) = value {
                self.enc.escaped(text, Escapes::Http, true);
            }
            return;
        }
        match value {
            Some(Value::Bin(bytes)) => self.enc.escaped(bytes, Escapes::Nothing, true),
            Some(Value::Int(number)) => self.enc.int(number),
            Some(Value::Bool(holds)) => self.enc.bool(holds),
            Some(Value::Str(text) | Value::Method(text)) => self.enc.text(text),
            _ => self.enc.text(b""),
        }
    }

    fn alias(&mut self, alias: Alias) {
        use Alias as A;
        match alias {
            A::ClientIp => self.ip(self.view.src()),
            A::ClientPort => self.client_port(self.view.src()),
            A::FrontendIp => self.ip(self.view.dst()),
            A::FrontendPort => self.client_port(self.view.dst()),
            A::BackendIp | A::BackendPort | A::ServerIp | A::ServerPort => self.server_end(alias),
            A::BackendName | A::FrontendName | A::FrontendTransport | A::ServerName => {
                self.name(alias);
            }
            A::Date | A::DateGmt | A::DateLocal | A::Millis | A::Timestamp => {
                let at = self.accepted();
                self.date(alias, at);
            }
            A::RequestDate | A::RequestDateGmt | A::RequestDateLocal => {
                let timers = self.view.stream.map(|stream| stream.timers);
                let started = timers.and_then(|timers| timers.request_start_wall);
                let at = started.unwrap_or_else(|| self.accepted());
                self.date(alias, at);
            }
            A::TimeActive
            | A::TimeConnect
            | A::TimeData
            | A::TimeHandshake
            | A::TimeIdle
            | A::TimeQueue
            | A::TimeRequest
            | A::TimeRequestTotal
            | A::TimeResponse
            | A::TimeTotal
            | A::TimeUser => self.timer(alias),
            A::Method | A::Path | A::PathOnly | A::Query | A::Request | A::Uri | A::Version => {
                self.request(alias);
            }
            A::CapturedRequest
            | A::CapturedRequestList
            | A::CapturedResponse
            | A::CapturedResponseList => self.captures(alias),
            A::TlsCipher => self.tls(|tls| tls.cipher),
            A::TlsVersion => self.tls(|tls| tls.version),
            A::Origin => self.enc.text(self.origin.as_bytes()),
            A::Hostname => self.enc.text(self.view.world.hostname().as_bytes()),
            A::Global => {}
            _ => self.counter(alias),
        }
    }

    /// A part of the session with the client; nothing of a connection in clear.
    fn tls(&mut self, part: fn(&TlsFacts) -> &'static str) {
        let tls = self.view.session.and_then(|session| session.tls.as_deref());
        self.enc.text(tls.map_or("", part).as_bytes());
    }

    fn ip(&mut self, end: Endpoint) {
        match end {
            Endpoint::Unknown => self.enc.text(b""),
            Endpoint::Unix => self.enc.text(b"unix"),
            Endpoint::Inet(address) if self.enc.flags.has(Flags::HEX) => match address.ip() {
                IpAddr::V4(ip) => self.enc.hex_int(u64::from(u32::from(ip)), 8),
                IpAddr::V6(ip) => {
                    let mut text = [0; 32];
                    for (at, byte) in ip.octets().iter().enumerate() {
                        for (half, nibble) in [byte >> 4, byte & 15].into_iter().enumerate() {
                            text[at * 2 + half] = b"0123456789ABCDEF"[usize::from(nibble)];
                        }
                    }
                    self.enc.raw_text(&text);
                }
            },
            Endpoint::Inet(address) => {
                let mut text = SmallText::default();
                write_ip(address.ip(), &mut text);
                self.enc.text(text.bytes_so_far());
            }
        }
    }

    fn client_port(&mut self, end: Endpoint) {
        match end {
            Endpoint::Unknown => self.enc.text(b""),
            Endpoint::Unix => {
                let uid = self
                    .view
                    .session
                    .map_or(0, |s| self.view.world.listener_uid(s.listener));
                self.enc.int(uid);
            }
            Endpoint::Inet(address) => self.port(address),
        }
    }

    fn port(&mut self, address: SocketAddr) {
        if self.enc.flags.has(Flags::HEX) {
            self.enc.hex_int(u64::from(address.port()), 4);
        } else {
            self.enc.int(i64::from(address.port()));
        }
    }

    fn server_end(&mut self, alias: Alias) {
        let end = self
            .view
            .stream
            .map_or(Endpoint::Unknown, |stream| match alias {
                Alias::BackendIp | Alias::BackendPort => stream.server_src,
                _ => stream.server_dst,
            });
        match (alias, end) {
            (Alias::BackendIp | Alias::ServerIp, _) => self.ip(end),
            (_, Endpoint::Inet(address)) => self.port(address),
            (_, Endpoint::Unix) => self.enc.int(0),
            (_, Endpoint::Unknown) => self.enc.text(b""),
        }
    }

    fn name(&mut self, alias: Alias) {
        let (view, world) = (self.view, self.view.world);
        let frontend = view.session.map(|session| session.frontend).or(view.proxy);
        let backend = view.stream.and_then(|stream| stream.backend).or(frontend);
        let proxy_name = |proxy| match proxy {
            Some(proxy) => world.proxy_name(proxy).as_bytes(),
            None => b"",
        };
        match alias {
            Alias::FrontendName => self.enc.text(proxy_name(frontend)),
            Alias::BackendName => self.enc.text(proxy_name(backend)),
            Alias::FrontendTransport => {
                self.enc.open_text();
                self.enc.raw_text(proxy_name(frontend));
                if view
                    .session
                    .is_some_and(|s| world.bind_is_tls(s.frontend, s.bind))
                {
                    self.enc.part(b'~');
                }
            }
            _ => {
                let target = view.stream.map_or(Target::None, |stream| stream.target);
                let name = match (target, backend) {
                    (Target::Server(server), Some(backend)) => world.server_name(backend, server),
                    (Target::Service(name), _) => name,
                    _ => "<NOSRV>",
                };
                self.enc.text(name.as_bytes());
            }
        }
    }

    fn accepted(&self) -> WallTime {
        match (self.view.stream, self.view.session) {
            (Some(stream), _) => stream.timers.start_wall,
            (None, Some(session)) => session.accepted_wall,
            (None, None) => self.view.wall,
        }
    }

    fn date(&mut self, alias: Alias, at: WallTime) {
        use Alias as A;
        let (secs, millis) = (at.secs(), at.subsec_micros() / 1000);
        match alias {
            A::Timestamp if self.enc.flags.has(Flags::HEX) => {
                self.enc.hex_int(secs & 0xffff_ffff, 4);
            }
            A::Timestamp => self.enc.int(secs as i64),
            A::Millis if self.enc.flags.has(Flags::HEX) => self.enc.hex_int(u64::from(millis), 2),
            A::Millis if self.enc.flags.has(Flags::ENCODED) => self.enc.int(i64::from(millis)),
            A::Millis => {
                let digit = |n: u32| b'0' + (n % 10) as u8;
                self.enc
                    .out
                    .bytes(&[digit(millis / 100), digit(millis / 10), digit(millis)]);
            }
            _ => {
                let is_gmt = matches!(alias, A::DateGmt | A::RequestDateGmt);
                let offset = if is_gmt {
                    0
                } else {
                    self.view.world.utc_offset(at)
                };
                let mut text = SmallText::default();
                date::write_date(secs, offset, &mut text);
                if matches!(alias, A::Date | A::RequestDate) {
                    date::write_millis(at.subsec_micros(), &mut text);
                } else {
                    date::write_offset(offset, &mut text);
                }
                if self.enc.flags.has(Flags::ENCODED) {
                    self.enc.raw_text(text.bytes_so_far());
                } else {
                    self.enc.out.bytes(text.bytes_so_far());
                }
            }
        }
    }

    fn timer(&mut self, alias: Alias) {
        use Alias as A;
        let view = self.view;
        let times = self.times.get_or_insert_with(|| Times::of(view));
        let value = match alias {
            A::TimeHandshake => times.handshake,
            A::TimeIdle => times.idle.unwrap_or(-1),
            A::TimeRequestTotal => times.received.unwrap_or(-1),
            A::TimeRequest => times
                .received
                .map_or(-1, |at| at - times.idle.unwrap_or(0) - times.handshake),
            // A TCP stream has no request; the reference then counts from -1, and tools know it so.
            A::TimeQueue => between(times.received.or(Some(-1)), times.dequeued),
            A::TimeConnect => between(times.dequeued, times.connected),
            A::TimeResponse => between(times.connected, times.responded),
            A::TimeData if times.is_http => between(times.responded, Some(times.total)),
            A::TimeData => between(times.connected, Some(times.total)),
            A::TimeActive => times.total - times.idle.map_or(0, |idle| idle + times.handshake),
            A::TimeUser => times.total - times.idle.unwrap_or(0),
            _ => times.total,
        };
        if matches!(alias, A::TimeActive | A::TimeTotal | A::TimeUser) {
            self.early_mark();
        }
        self.enc.int(value);
    }

    fn early_mark(&mut self) {
        if self.view.stream.is_some_and(|stream| stream.logged_early) {
            self.enc.mark(b'+');
        }
    }

    fn request(&mut self, alias: Alias) {
        const BAD: &[u8] = b"<BADREQ>";
        let line = self
            .view
            .stream
            .map_or(&b""[..], |stream| &stream.request_line);
        let text = match self.view.stream {
            Some(stream) if !line.is_empty() => request_part(alias, stream),
            _ => Some(BAD),
        };
        self.enc.open_text();
        self.enc.escaped(text.unwrap_or(BAD), Escapes::Url, false);
    }

    fn captures(&mut self, alias: Alias) {
        use Alias as A;
        let captures = self.view.stream.map_or(&[][..], |stream| {
            if matches!(alias, A::CapturedRequest | A::CapturedRequestList) {
                &stream.request_captures
            } else {
                &stream.response_captures
            }
        });
        if captures.is_empty() {
            return;
        }
        if matches!(alias, A::CapturedRequestList | A::CapturedResponseList) {
            return self.capture_list(captures);
        }
        self.enc.open_text();
        self.enc.part(b'{');
        for (at, capture) in captures.iter().enumerate() {
            if at > 0 {
                self.enc.part(b'|');
            }
            if let Some(capture) = capture {
                self.enc.escaped(capture, Escapes::Header, false);
            }
        }
        self.enc.part(b'}');
    }

    fn capture_list(&mut self, captures: &[Option<Box<[u8]>>]) {
        let flags = self.enc.flags;
        if flags.has(Flags::JSON) {
            self.enc.out.byte(b'[');
        } else if flags.has(Flags::CBOR) {
            self.enc.cbor_byte(0x9f);
        }
        for (at, capture) in captures.iter().enumerate() {
            if at > 0 && flags.has(Flags::JSON) {
                self.enc.out.bytes(b", ");
            } else if at > 0 && flags.lacks(Flags::CBOR) {
                self.enc.out.byte(b' ');
            }
            self.enc.open_text();
            match capture {
                Some(capture) => self.enc.escaped(capture, Escapes::Header, false),
                None if flags.lacks(Flags::QUOTE) => self.enc.part(b'-'),
                None => {}
            }
            self.enc.close_text();
        }
        if flags.has(Flags::JSON) {
            self.enc.out.byte(b']');
        } else if flags.has(Flags::CBOR) {
            self.enc.cbor_byte(0xff);
        }
    }

    fn counter(&mut self, alias: Alias) {
        use Alias as A;
        let none = None;
        let stream = self.view.stream;
        let load = stream.map(|stream| stream.load).unwrap_or_default();
        match alias {
            A::ActiveConns => self.enc.int(i64::from(load.process)),
            A::FrontendConns => self.enc.int(i64::from(load.frontend)),
            A::BackendConns => self.enc.int(i64::from(load.backend)),
            A::ServerConns => self.enc.int(i64::from(load.server)),
            A::ServerQueue => self
                .enc
                .int(i64::from(stream.map_or(0, |s| s.server_queue))),
            A::BackendQueue => self
                .enc
                .int(i64::from(stream.map_or(0, |s| s.backend_queue))),
            A::Retries => {
                if stream.is_some_and(|stream| stream.redispatched) {
                    self.enc.mark(b'+');
                }
                self.enc
                    .int(i64::from(stream.map_or(0, |stream| stream.retries)));
            }
            A::BytesDown => {
                self.early_mark();
                self.enc
                    .int(stream.map_or(0, |stream| stream.bytes.response_in) as i64);
            }
            A::BytesUp => self
                .enc
                .int(stream.map_or(0, |stream| stream.bytes.request_in) as i64),
            A::Status => self.enc.int(status(self.view)),
            A::ClientCookie => {
                let cookie = stream.map_or(&none, |stream| &stream.request_cookie);
                self.enc.text(cookie.as_deref().unwrap_or_default());
            }
            A::ServerCookie => {
                let cookie = stream.map_or(&none, |stream| &stream.response_cookie);
                self.enc.text(cookie.as_deref().unwrap_or_default());
            }
            A::UniqueId => {
                let id = stream.map_or(&none, |stream| &stream.unique_id);
                self.enc.text(id.as_deref().unwrap_or_default());
            }
            A::Term | A::TermCookie => {
                let term = stream.map_or_else(TermLetters::default, |stream| stream.term);
                let letters = [
                    term.cause,
                    term.phase,
                    term.cookie_request,
                    term.cookie_response,
                ];
                self.enc.raw_text(if alias == A::Term {
                    &letters[..2]
                } else {
                    &letters
                });
            }
            _ => self.hex_counter(alias),
        }
    }

    fn hex_counter(&mut self, alias: Alias) {
        let stream = self.view.stream;
        let value = match alias {
            Alias::Pid => self.view.world.process(ProcessFact::Pid),
            Alias::Counter => stream.map_or(0, |stream| stream.request_number) as i64,
            Alias::LogCounter => stream.map_or(0, |stream| stream.log_number) as i64,
            // Every other alias is rendered before this one is asked.
            _ => return,
        };
        if self.enc.flags.has(Flags::HEX) {
            self.enc.hex_int(value.cast_unsigned() & 0xffff_ffff, 4);
        } else {
            self.enc.int(value);
        }
    }
}

/// Status sent to the client; -1 before any in HTTP, 0 elsewhere: also for what a stream of HTTP/2
/// brought and was no request.
fn status(view: &View<'_>) -> i64 {
    match view.stream {
        Some(stream) if stream.status != 0 => i64::from(stream.status),
        Some(stream) if stream.is_no_request => 0,
        Some(_) if is_http(view) => -1,
        _ => 0,
    }
}

/// The part of the logged request line that an alias shows; `None` when there is none.
fn request_part(alias: Alias, stream: &StreamFacts) -> Option<&[u8]> {
    let line = &stream.request_line[..];
    let method_end = usize::from(stream.method_len).min(line.len());
    let target_start = (method_end + 1).min(line.len());
    let target_end = target_start
        .saturating_add(stream.target_len as usize)
        .min(line.len());
    let target = line.get(target_start..target_end).unwrap_or_default();
    let has_target = method_end < line.len();
    match alias {
        Alias::Request => return Some(line),
        Alias::Query => {
            let at = target.iter().position(|byte| *byte == b'?');
            return Some(at.map_or(&[], |at| &target[at..]));
        }
        _ if !has_target => return None,
        _ => {}
    }
    Some(match alias {
        Alias::Method => &line[..method_end],
        Alias::Path => target
            .split(|byte| *byte == b'?')
            .next()
            .unwrap_or_default(),
        Alias::PathOnly => uri::path(target).unwrap_or_default(),
        Alias::Version => match line.get(target_end + 1..) {
            Some(version) if !version.is_empty() => version,
            _ => b"HTTP/0.9",
        },
        _ => target,
    })
}
