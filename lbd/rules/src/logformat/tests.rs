//! Lines as the reference wrote them for the same streams (haproxy 3.4.0, recorded from its UDP
//! sink), and the faults of formats.

use lbd_core::{Checkpoint, Level, ServerId, Time, WallTime};

use super::*;
use crate::facts::{Bytes, Endpoint, LoadFacts, StreamFacts, Target, TermLetters};
use crate::rig::{Rig, SPAN, Stage};
use crate::var::OwnedValue;

fn inet(text: &str) -> Endpoint {
    Endpoint::Inet(text.parse().unwrap())
}

/// `GET /p/a%22b?q=1` answered by a server; two request captures, one response capture.
fn http_stage(rig: &mut Rig) -> Stage {
    let mut stage = Stage::new();
    stage.session.conn_src = inet("127.0.0.1:45822");
    stage.session.conn_dst = inet("127.0.0.1:18080");
    let mut stream = StreamFacts {
        backend: Some(lbd_core::ProxyId(1)),
        target: Target::Server(ServerId(0)),
        status: 200,
        bytes: Bytes {
            request_in: 57,
            response_in: 116,
            ..Bytes::default()
        },
        request_line: b"GET /p/a%22b?q=1 HTTP/1.1".to_vec(),
        method_len: 3,
        target_len: 12,
        request_captures: vec![Some(b"cu{r}l|\"x\xe9"[..].into()), None],
        response_captures: vec![Some(b"BaseHTTP/0.6 Python/"[..].into())],
        request_cookie: Some(b"A=1"[..].into()),
        load: LoadFacts {
            process: 1,
            frontend: 1,
            backend: 0,
            server: 0,
        },
        server_src: inet("127.0.0.1:5000"),
        server_dst: inet("127.0.0.1:18090"),
        ..StreamFacts::default()
    };
    let wall = WallTime(1_795_255_596_050_000);
    stream.timers.start = Time::from_millis(100);
    stream.timers.start_wall = wall;
    stream.timers.request_start = Some(Time::from_millis(100));
    stream.timers.request_start_wall = Some(wall);
    stream.timers.request_received = Some(Time::from_millis(100));
    stream.timers.dequeued = Some(Time::from_millis(100));
    stream.timers.connected = Some(Time::from_millis(100));
    stream.timers.response_received = Some(Time::from_millis(103));
    stream.timers.end = Some(Time::from_millis(103));
    stage.stream = Some(stream);
    let a = rig.vars.intern("a");
    stage
        .txn
        .set(a, OwnedValue::Str(b"a\"b\\c]d"[..].into()), 0);
    stage
}

fn compile(rig: &mut Rig, text: &str, flags: Flags) -> LogFormat {
    rig.at(Checkpoint::FeLogEnd, |ctx| {
        LogFormat::parse(text.as_bytes(), SPAN, flags, ctx)
    })
    .unwrap_or_else(|fault| panic!("{text}: {fault:?}"))
}

fn line_of(stage: &Stage, format: &LogFormat) -> String {
    let mut out = Vec::new();
    format.render_for(&stage.view(), "txn_close", &mut out);
    String::from_utf8(out).unwrap()
}

fn line(text: &str) -> String {
    let mut rig = Rig::default();
    let stage = http_stage(&mut rig);
    let format = compile(&mut rig, text, Flags::LOG);
    line_of(&stage, &format)
}

#[test]
fn httplog_is_byte_for_byte_the_references() {
    assert_eq!(
        line(HTTPLOG),
        "127.0.0.1:45822 [21/Nov/2026:10:06:36.050] fe be/s1 0/0/0/3/3 200 116 A=1 - ---- \
         1/1/0/0/0 0/0 {cu#7Br#7Dl#7C#22x#E9|} {BaseHTTP/0.6 Python/} \
         \"GET /p/a%22b?q=1 HTTP/1.1\""
    );
}

#[test]
fn httplog_clf_is_byte_for_byte_the_references() {
    assert_eq!(
        line(HTTPLOG_CLF),
        "127.0.0.1 - - [21/Nov/2026:10:06:36 +0000] \"GET /p/a%22b?q=1 HTTP/1.1\" 200 116 \"\" \
         \"\" 45822 050 \"fe\" \"be\" \"s1\" 0 0 0 3 3 ---- 1 1 0 0 0 0 0 \"A=1\" \"\" \
         \"cu#7Br#7Dl#7C#22x#E9\" \"\" \"BaseHTTP/0.6 Python/\""
    );
}

#[test]
fn parts_of_the_request_captures_and_quotes_are_the_references() {
    assert_eq!(
        line(
            "%hr|%hs|%hrl|%hsl|%r|%HM|%HP|%HPO|%HQ|%HU|%HV|%CC|%CS|%{+Q}hr|%{+Q}hrl|%{+Q}CC|\
             %{+E}hr"
        ),
        "{cu#7Br#7Dl#7C#22x#E9|}|{BaseHTTP/0.6 Python/}|cu#7Br#7Dl#7C#22x#E9 -|BaseHTTP/0.6 \
         Python/|GET /p/a%22b?q=1 HTTP/1.1|GET|/p/a%22b|/p/a%22b|?q=1|/p/a%22b?q=1|HTTP/1.1|A=1|\
         -|\"{cu#7Br#7Dl#7C#22x#E9|}\"|\"cu#7Br#7Dl#7C#22x#E9\" \"\"|\"A=1\"|\
         {cu#7Br#7Dl#7C#22x#E9|}"
    );
}

#[test]
fn samples_are_quoted_escaped_and_encoded_as_the_references() {
    assert_eq!(
        line(
            "%{+E}[var(txn.a)]|%[var(txn.a)]|%{+Q}[var(txn.a)]|%{+Q,+E}[var(txn.a)]|\
             %[var(txn.none)]|%{+Q}[var(txn.none)]|%[int(5)]|%[bool(true)]|%[src]|\
             %{+json}[var(txn.a)]|%{+json}[int(3)]|%{+cbor}[int(3)]|%{+X}[int(10)]"
        ),
        "a\\\"b\\\\c\\]d|a\"b\\c]d|\"a\"b\\c]d\"|\"a\\\"b\\\\c\\]d\"|-|\"\"|5|1|127.0.0.1|\
         \"a\\\"b\\\\c]d\"|3|03|10"
    );
}

#[test]
fn json_lines_are_the_references() {
    assert_eq!(
        line(
            "%{+json}o %(ci)ci %(st)ST %(hr)hr %(hrl)hrl %(cc)CC %(cs)CS %(r)r %(e)[var(txn.a)] \
             %(n:str)[int(3)] %(b:bool)[int(3)] %(i)[int(3)] %(t)[bool(true)] \
             %(none)[var(txn.none)] %(s)ts anon %b %(tr)T %(raw:raw)[str(a)] %(ms)ms %(hs)hs"
        ),
        "{\"ci\": \"127.0.0.1\", \"st\": 200, \"hr\": \"{cu#7Br#7Dl#7C#22x#E9|}\", \"hrl\": \
         [\"cu#7Br#7Dl#7C#22x#E9\", \"-\"], \"cc\": \"A=1\", \"cs\": \"\", \"r\": \
         \"GET /p/a%22b?q=1 HTTP/1.1\", \"e\": \"a\\\"b\\\\c]d\", \"n\": \"3\", \"b\": true, \
         \"i\": 3, \"t\": true, \"none\": \"\", \"s\": \"--\", \
         \"tr\": \"21/Nov/2026:10:06:36 +0000\", \"raw\": a, \"ms\": 50, \
         \"hs\": \"{BaseHTTP/0.6 Python/}\"}"
    );
}

#[test]
fn cbor_lines_are_the_references() {
    assert_eq!(
        line(
            "%{+cbor}o %(ci)ci %(st)ST %(hr)hr %(hrl)hrl %(r)r %(e)[var(txn.a)] %(n)[int(-3)] \
             %(none)[var(txn.none)] %(s)ts %(bin)[bin(00ff)] %(big)[int(70000)] %(t)[bool(true)]"
        ),
        "BF626369693132372E302E302E3162737418C86268727F617B62637563233742617263233744616C6323374\
         36063233232617863234539617C617DFF6368726C9F7F62637563233742617263233744616C6323374360632\
         33232617863234539FF7F612DFFFF61727F7819474554202F702F61253232623F713D3120485454502F312E3\
         1FF6165676122625C635D64616E22646E6F6E65F66173622D2D6362696E5F4200FFFF636269671A000111706\
         174F5FF"
    );
}

#[test]
fn hexadecimal_and_counters_are_the_references() {
    let mut rig = Rig::default();
    let mut stage = http_stage(&mut rig);
    let stream = stage.stream.as_mut().unwrap();
    stream.request_number = 12;
    stream.log_number = 34;
    stream.retries = 2;
    stream.redispatched = true;
    let text = "%{+X}ci %{+X}cp %{+X}fp %{+X}Ts %{+X}ms %{+X}pid %{+X}rt %lc %rc %OG %H %Ts";
    let format = compile(&mut rig, text, Flags::LOG);
    assert_eq!(
        line_of(&stage, &format),
        "7F000001 B2FE 46A0 6B016D2C 32 1092 000C 34 +2 txn_close node1 1795255596"
    );
}

#[test]
fn a_tcp_line_is_the_references() {
    let mut rig = Rig::default();
    let mut stage = http_stage(&mut rig);
    stage.session.http_major = 0;
    (stage.request, stage.response) = (None, None);
    let stream = stage.stream.as_mut().unwrap();
    stream.request_line.clear();
    stream.request_captures.clear();
    stream.request_cookie = None;
    stream.status = 0;
    (stream.bytes.request_in, stream.bytes.response_in) = (46, 113);
    stream.timers.request_start = None;
    stream.timers.request_received = None;
    stream.timers.end = Some(Time::from_millis(101));
    let text = "B=%B|ts=%ts|tsc=%tsc|b=%b|s=%s|Tw=%Tw|Tc=%Tc|Ti=%Ti|Th=%Th|TR=%TR|Tq=%Tq|Td=%Td|\
                U=%U|ac=%ac|rc=%rc|sq=%sq|bq=%bq|ST=%ST|sslv=%sslv|hr=%hr|hrl=%hrl|CC=%CC|r=%r|\
                bi=%bi";
    let format = compile(&mut rig, text, Flags::LOG);
    assert_eq!(
        line_of(&stage, &format),
        "B=113|ts=--|tsc=----|b=be|s=s1|Tw=1|Tc=0|Ti=-1|Th=0|TR=-1|Tq=-1|Td=1|U=46|ac=1|rc=0|\
         sq=0|bq=0|ST=0|sslv=-|hr=|hrl=|CC=-|r=<BADREQ>|bi=127.0.0.1"
    );
}

#[test]
fn a_bad_request_has_no_server_and_no_timers() {
    let mut rig = Rig::default();
    let mut stage = http_stage(&mut rig);
    let mut stream = StreamFacts {
        status: 400,
        ..StreamFacts::default()
    };
    stream.term = TermLetters {
        cause: b'P',
        phase: b'R',
        ..TermLetters::default()
    };
    stream.timers.start = stage.now;
    stream.timers.start_wall = WallTime(1_795_255_596_050_000);
    stage.stream = Some(stream);
    let format = compile(&mut rig, HTTPLOG, Flags::LOG);
    assert_eq!(
        line_of(&stage, &format),
        "127.0.0.1:45822 [21/Nov/2026:10:06:36.050] fe fe/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- \
         0/0/0/0/0 0/0 \"<BADREQ>\""
    );
}

#[test]
fn marks_show_early_lines_tls_and_unix_clients() {
    let mut rig = Rig::default();
    let mut stage = http_stage(&mut rig);
    stage.world.is_tls = true;
    stage.world.offset = -5400;
    stage.session.conn_src = Endpoint::Unix;
    stage.stream.as_mut().unwrap().logged_early = true;
    stage.stream.as_mut().unwrap().status = 0;
    let format = compile(
        &mut rig,
        "%ci:%cp %ft %B %Ta %Tt %Tu %ST %Tl %t",
        Flags::LOG,
    );
    assert_eq!(
        line_of(&stage, &format),
        "unix:3 fe~ +116 +3 +3 +3 -1 21/Nov/2026:08:36:36 -0130 21/Nov/2026:08:36:36.050"
    );
}

#[test]
fn blanks_are_merged_and_percents_written_as_the_reference_does() {
    assert_eq!(
        line("a  b   %Ts%{-M}CS   c%%d %-x %[str(a b)] %{-M}CS|%CS"),
        "a b 1795255596 c%d -x a b |-"
    );
    let mut rig = Rig::default();
    let stage = http_stage(&mut rig);
    let format = compile(&mut rig, "a  b", Flags::HTTP_VALUE);
    assert_eq!(line_of(&stage, &format), "a  b");
    assert!(format.is_constant());
}

#[test]
fn header_values_carry_no_control_characters() {
    let mut rig = Rig::default();
    let stage = http_stage(&mut rig);
    let b = rig.vars.intern("b");
    stage
        .txn
        .set(b, OwnedValue::Str(b"a\r\nEvil: 1\tx"[..].into()), 0);
    let format = compile(&mut rig, "%[var(txn.b)]%[var(txn.none)]", Flags::HTTP_VALUE);
    assert_eq!(line_of(&stage, &format), "a%0D%0AEvil: 1\tx");
}

#[test]
fn a_session_without_a_stream_has_lines_too() {
    let mut rig = Rig::default();
    let mut stage = http_stage(&mut rig);
    stage.stream = None;
    stage.session.accepted_wall = WallTime(1_795_255_596_050_000);
    let mut out = Vec::new();
    error_line(&stage.view(), "SSL handshake failure", &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "127.0.0.1:45822 [21/Nov/2026:10:06:36.050] fe/3: SSL handshake failure"
    );
    let mut out = Vec::new();
    connect_line(&stage.view(), true, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "Connect from 127.0.0.1:45822 to 127.0.0.1:18080 (fe/HTTP)"
    );
}

#[test]
fn faults_are_named_in_the_references_words() {
    for (text, message) in [
        (
            "%nope",
            "no such format alias 'nope'. If you wanted to emit the '%' character verbatim, you \
             need to use '%%'",
        ),
        ("%", "truncated line after '%'"),
        ("%[int(3)", "missing ']' after 'int(3)'"),
        ("%[int(3) x]", "expected ']' after 'int(3)', but found ' '"),
        (
            "% x",
            "unexpected alias name near ' ' at position 1 line : '% x'. Maybe you want to \
          write a single '%', use the syntax '%%'",
        ),
        (
            "%{+Q} x",
            "parse argument modifier without alias name near '%{+Q}'",
        ),
        (
            "%(a b)ci",
            "invalid character in custom name near ' ' at position 3 line : '%(a b)ci'",
        ),
        (
            "%(a:int)ci",
            "unexpected output type 'int' at position 4 line : '%(a:int)ci'. \
          Supported types are: str, sint, bool, raw",
        ),
    ] {
        let mut rig = Rig::default();
        let fault = rig
            .at(Checkpoint::FeLogEnd, |ctx| {
                LogFormat::parse(text.as_bytes(), SPAN, Flags::LOG, ctx)
            })
            .map(|_| ())
            .unwrap_err();
        assert_eq!(fault.message, message);
    }
    let mut rig = Rig::default();
    let fault = rig
        .at(Checkpoint::FeLogEnd, |ctx| {
            LogFormat::parse(b"a %[nope(1)] b", SPAN, Flags::LOG, ctx)
        })
        .map(|_| ())
        .unwrap_err();
    assert!(
        fault
            .message
            .starts_with("failed to parse sample expression <nope(1)] b> : "),
        "{}",
        fault.message
    );
}

#[test]
fn a_flag_that_does_nothing_is_a_warning_except_in_the_references_own_format() {
    let mut rig = Rig::default();
    compile(&mut rig, "%{+Z}ci", Flags::LOG);
    assert_eq!(rig.diags.count(Level::Warning), 1);
    let mut rig = Rig::default();
    compile(&mut rig, TCPLOG_CLF, Flags::LOG);
    compile(&mut rig, TCPLOG, Flags::LOG);
    assert_eq!(rig.diags.count(Level::Warning), 0);
}

#[test]
fn every_alias_renders_in_every_encoding_and_has_one_name() {
    let mut seen = std::collections::BTreeSet::new();
    for alias in ALIASES {
        assert!(
            seen.insert(alias.name) && !alias.doc.is_empty(),
            "{}",
            alias.name
        );
        for flags in ["", "{+Q}", "{+X}", "{+E}", "{+json}", "{+cbor}"] {
            let text = format!("%{flags}{}", alias.name);
            let rendered = line(&text);
            assert!(alias.name == "o" || !rendered.is_empty(), "{text}");
        }
    }
}

#[test]
fn dates_of_leap_days_and_year_ends_are_right() {
    for (secs, wanted) in [
        (0, "01/Jan/1970:00:00:00"),
        (951_782_399, "28/Feb/2000:23:59:59"),
        (951_782_400, "29/Feb/2000:00:00:00"),
        (1_709_251_199, "29/Feb/2024:23:59:59"),
        (1_709_251_200, "01/Mar/2024:00:00:00"),
        (1_735_689_599, "31/Dec/2024:23:59:59"),
        (4_107_542_400, "01/Mar/2100:00:00:00"),
    ] {
        let mut out = Vec::new();
        date::write_date(secs, 0, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}

#[test]
fn no_format_of_up_to_five_odd_characters_panics() {
    const ALPHABET: &[u8] = b"%{}[]():+Qa1 ";
    let mut rig = Rig::default();
    let stage = http_stage(&mut rig);
    let mut compiled = 0;
    for number in 0..ALPHABET.len().pow(5) {
        let mut rest = number;
        let text: Vec<u8> = (0..5)
            .map(|_| {
                let byte = ALPHABET[rest % ALPHABET.len()];
                rest /= ALPHABET.len();
                byte
            })
            .collect();
        let result = rig.at(Checkpoint::FeLogEnd, |ctx| {
            LogFormat::parse(&text, SPAN, Flags::LOG, ctx)
        });
        if let Ok(format) = result {
            compiled += 1;
            line_of(&stage, &format);
        }
        rig.diags.0.clear();
    }
    assert!(compiled > 100_000, "{compiled}");
}
