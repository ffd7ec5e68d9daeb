//! Checks of `healthcheck` sections, each server its own.

use super::*;

const TEXT: &str = "\
healthcheck web
    type httpchk GET /up HTTP/1.1
    http-check send hdr host www.example hdr x-server %[srv_name]
    http-check expect status 204
healthcheck cache
    type redis-check
backend b
    mode tcp
    option tcp-check
    tcp-check send-binary 00
    tcp-check expect string own
    default-server inter 100ms rise 1 fall 1
    server own <own> check
    server web <web> check healthcheck web
    server bad <own> check healthcheck cache
    server cache <cache> check healthcheck cache
    server passive <web> healthcheck web
";

#[test]
fn each_server_runs_the_check_of_its_section() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let web = Origin::answering("web", |request, _| {
            let of = |name| request.header(name).unwrap_or_default();
            match (request.target.as_str(), of("host"), of("x-server")) {
                ("/up", "www.example", "web") => Reply::status(204, "No Content"),
                _ => Reply::status(500, "Internal Server Error"),
            }
        });
        let answering = |text: &'static [u8]| {
            Origin::raw("answering", move |mut stream, _| {
                let mut buffer = [0; 64];
                let _ = std::io::Read::read(&mut stream, &mut buffer);
                let _ = std::io::Write::write_all(&mut stream, text);
            })
        };
        let (own, cache) = (answering(b"own"), answering(b"+PONG\r\n"));
        let proxy = start(program, &sink, TEXT)
            .with("own", own.address())
            .with("web", web.address())
            .with("cache", cache.address())
            .start();
        let state = |server| {
            let row = row(&proxy, "b", server);
            let status = row["check_status"].trim_start_matches("* ").to_owned();
            (row["status"].clone(), status, row["check_code"].clone())
        };
        let is_over = |server| !state(server).1.starts_with("INI");
        let ten = Duration::from_secs(10);
        eventually("all have been checked", ten, || {
            ["own", "web", "bad", "cache"].into_iter().all(is_over)
        });
        let seen = ["own", "web", "bad", "cache", "passive"].map(state);
        let wanted = [
            ("UP", "L7OK", "0"),
            ("UP", "L7OK", "204"),
            ("DOWN", "L7STS", "0"),
            ("UP", "L7OK", "0"),
            ("no check", "", ""),
        ];
        let wanted = wanted.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(seen, wanted, "{program:?}");
    });
}
