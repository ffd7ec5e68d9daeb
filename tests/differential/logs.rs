//! Log lines: every alias, flag, encoding and format, for requests that go well and for those that
//! do not (manual 8.2).

use super::*;
use support::scenario::Step::{Close, End, Finish};

/// What does not differ from run to run, but by what a client's port, a clock or a host's name says.
const ALIASES: &str = "%B %CC %CS %HM %HP %HPO %HQ %HU %HV %ID %ST %U %ac %b %bc %bi %bq %f %fc \
                       %fi %ft %lc %hr %hrl %hs %hsl %OG %r %rc %s %sc %si %sq %sslc %sslv %ts %tsc";

fn group(name: &str, frontend: &str) -> Group {
    let text = plain(
        &format!(
            "    {frontend}
    unique-id-format X%[src]
    capture request header User-Agent len 8
    capture request header Nope len 8
    capture response header X-Server len 20
    capture cookie SES len 16
    http-request deny if {{ path /deny }}
    http-request redirect location /x if {{ path /redirect }}"
        ),
        "",
    );
    let text = text
        .replacen("global\n", "global\n    nbthread 1\n", 1)
        .replacen("    option httplog\n", "", 1)
        .replace("timeout http-request 2s", "timeout http-request 300ms");
    Group::new(DIRECTORY, name, &text)
        .isolated()
        .without_counters()
        .cases(cases())
}

/// One line each, and three in a row.
fn cases() -> [Case; 8] {
    let answer = "HTTP/1.1 200 OK\r\nX-Server: s\"1\r\nContent-Length: 2\r\n\r\nok";
    let odd = "GET /a/b?q=1&z=\"x\" HTTP/1.1\r\nHost: h\r\nUser-Agent: cu\"rl]\\x\x01long\r\nCookie: \
               SES=abc; SES2=d\r\n\r\n";
    let one = |name: &str, bytes: &str| Case::new(name, vec![send(bytes), response(), Finish, End]);
    [
        one("a page", odd).server(vec![serve(answer)]),
        one(
            "a form",
            "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        ),
        one("denied", "GET /deny HTTP/1.1\r\nHost: h\r\n\r\n"),
        one("redirected", "GET /redirect HTTP/1.1\r\nHost: h\r\n\r\n"),
        one("no request", "NONSENSE\r\n\r\n"),
        Case::new("half a request", vec![send("GET / HT"), End]),
        Case::new("nothing", vec![Close]),
        Case::new(
            "three in a row",
            vec![
                get("/1"),
                response(),
                get("/2"),
                response(),
                send("BAD\r\n\r\n"),
                End,
            ],
        ),
    ]
}

fn with_flags(flags: &str) -> String {
    let aliases = ALIASES.replace('%', &format!("%{{{flags}}}"));
    format!("log-format \"{aliases}\"")
}

#[test]
fn aliases_and_flags_are_written_as_in_the_reference() {
    group("logs-aliases", &format!("log-format \"{ALIASES}\"")).check();
    group("logs-quoted", &with_flags("+Q")).check();
    group("logs-hexadecimal", &with_flags("+X")).check();
    group("logs-escaped", &with_flags("+E,+Q")).check();
    let fetches = "ssl_fc ssl_fc_err ssl_fc_has_sni ssl_fc_is_resumed ssl_bc_is_resumed fc_err \
                   fc_err_str fc_http_major be_name be_id fe_name srv_name";
    let text: Vec<_> = fetches
        .split_whitespace()
        .map(|f| format!("{f}=%[{f}]"))
        .collect();
    group(
        "logs-fetches",
        &format!("log-format \"{}\"", text.join(" ")),
    )
    .check();
}

#[test]
fn encodings_are_written_as_in_the_reference() {
    let named: Vec<_> = ALIASES
        .split_whitespace()
        .map(|alias| format!("%({name}){name}", name = &alias[1..]))
        .collect();
    let named = named.join(" ");
    group("logs-json", &format!("log-format \"%{{+json}}o {named}\"")).check();
    group("logs-cbor", &format!("log-format \"%{{+cbor}}o {named}\"")).check();
    let typed = "%{+json}o %(a:str)ST %(b:sint)ST %(c:bool)ST %(d:sint)b %(e:bool)[int(1)] \
                 %(f:str)[int(1)] %(g:sint)[str(12)] %(h:sint)[str(x)] %(i)[src] %(k:bool)[bool(true)]";
    group("logs-typed", &format!("log-format \"{typed}\"")).check();
    group(
        "logs-unsigned",
        "log-format \"%{Q}r %{Q,-Q}r %{X}ci %{E}r\"",
    )
    .check();
}

#[test]
fn the_given_formats_are_written_as_in_the_reference() {
    for (name, line) in [
        ("logs-http", "option httplog"),
        ("logs-https", "option httpslog"),
        ("logs-tcp", "option tcplog"),
        ("logs-asap", "option httplog\n    option logasap"),
        ("logs-none", "maxconn 100"),
        ("logs-null", "option httplog\n    option dontlognull"),
        ("logs-abnormal-none", "option dontlog-normal"),
        ("logs-abnormal", "option httplog\n    option dontlog-normal"),
        (
            "logs-levels",
            "option httplog\n    option log-separate-errors\n    http-request set-log-level silent if METH_POST",
        ),
        (
            "logs-error",
            "option httplog\n    error-log-format \"E %ci %ST %ft %OG %[fc_err]\"",
        ),
    ] {
        group(name, line).check();
    }
}
