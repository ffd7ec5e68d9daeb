//! Sections as wholes: what no line shows by itself.

use crate::collect;
use crate::trial::{Trial, Wanted};

/// A server that runs the check of section `<p>`.
const USER: &str = "backend <p>b from base\n    server s 127.0.0.1:80 check healthcheck <p>\n";

const SECTIONS: &[(&str, Option<&str>)] = &[
    (
        "healthcheck <p>\n    type httpchk GET /up HTTP/1.1 www\n    http-check send hdr x %[srv_name]\n    http-check expect status 200\n    http-check disable-on-404\n    http-check send-state\n",
        None,
    ),
    (
        "healthcheck <p>\n    type httpchk\n    http-check send hdr x %[nbsrv]\n    http-check set-var(check.x) be_conn\n",
        None,
    ),
    (
        "healthcheck <p>\n    http-check send meth GET\n    type httpchk\n",
        None,
    ),
    ("healthcheck <p>\n", None),
    (
        "healthcheck <p>\n    type tcp-check\n    tcp-check connect\n    tcp-check send x\n",
        None,
    ),
    ("healthcheck <p>\n    type smtpchk EHLO example.com\n", None),
    ("healthcheck <p>\n    type spop-check\n", None),
    (
        "healthcheck <p>\n    type httpchk\nhealthcheck <p>\n    type httpchk\n",
        Some("healthcheck section '"),
    ),
    (
        "healthcheck\n    type httpchk\n",
        Some("missing name for healthcheck section."),
    ),
    (
        "healthcheck <p>\n    type httpchk\n    type tcp-check\n",
        Some("healthcheck type already defined."),
    ),
    (
        "healthcheck <p>\n    type\n",
        Some("'type' expects a healthcheck type."),
    ),
    (
        "healthcheck <p>\n    type x\n",
        Some("unknown healthcheck type 'x' (expects 'tcp-check', 'httpchk', "),
    ),
    (
        "healthcheck <p>\n    type mysql-check usr\n",
        Some("'type mysql-check' only supports optional values: 'user' (got 'usr')."),
    ),
    (
        "healthcheck <p>\n    type httpchk\n    tcp-check send x\n",
        Some("unable to configure 'tcp-check' rule for 'HTTP' healthcheck"),
    ),
    (
        "healthcheck <p>\n    type tcp-check\n    http-check send meth GET\n",
        Some("unable to configure 'http-check' rule for 'TCP' healthcheck"),
    ),
    (
        "healthcheck <p>\n    type redis-check\n    http-check send meth GET\n",
        Some("unable to configure 'http-check' rule for 'REDIS' healthcheck"),
    ),
    (
        "healthcheck <p>\n    http-check send meth GET\n    tcp-check connect\n",
        Some("cannot mix 'tcp-check' and 'http-check' rules"),
    ),
    (
        "healthcheck <p>\n    http-check send meth GET\n    type tcp-check\n",
        Some("unable to configure 'http-check' rule for 'TCP' healthcheck"),
    ),
    (
        "healthcheck <p>\n    type httpchk\n    server s 127.0.0.1:80\n",
        Some("unknown keyword 'server' in 'healthcheck' section"),
    ),
    (
        "healthcheck <p>\n    type httpchk\n    http-check expect x\n",
        Some("'http-check expect' : "),
    ),
    (
        "healthcheck <p>\n    type httpchk\n    no http-check send-state\n",
        Some("negation/default currently supported only for"),
    ),
    (
        "healthcheck <p>other\n    type httpchk\n",
        Some("not found for server 's'."),
    ),
];

/// What depends on more than one word of a line.
const LINES: &[(&str, Option<&str>)] = &[
    ("server s : check", None),
    ("server s *: check", None),
    ("server s 0.0.0.0: check", None),
    ("server s : check addr 127.0.0.1 port 80", None),
    ("server s : check addr 127.0.0.1", Some(NO_PORT)),
    (
        "server s udp@127.0.0.1:80",
        Some("unsupported transport for server address in 'http' backend."),
    ),
    ("server s 127.0.0.1 check", Some(NO_PORT)),
    ("server s 127.0.0.1: check", Some(NO_PORT)),
    ("server s 127.0.0.1:+1 check", Some(NO_PORT)),
];

/// Without `ssl` nobody is served with it, but it is read.
const IDLE_TLS: &[(&str, Option<&str>)] = &[
    ("bind :8443 crt site.pem", None),
    ("bind :8443 crt-list sites.list", None),
    ("bind :8443 ca-file ca.pem", None),
    ("bind :8443 tls-ticket-keys tickets.keys", None),
    ("bind :8443 ca-sign-file no.pem", None),
    ("bind :8443 verify required", None),
    ("bind :8443 ciphers x", None),
    (
        "bind :8443 crt no.pem",
        Some("unable to stat SSL certificate from file 'no.pem'"),
    ),
    (
        "bind :8443 default-crt no.pem",
        Some("unable to stat SSL certificate from file 'no.pem'"),
    ),
    ("bind :8443 crt words.lst", Some("no start line")),
    (
        "bind :8443 crt-list words.lst",
        Some("unable to stat SSL certificate from file 'a'"),
    ),
    (
        "bind :8443 ca-file no.pem",
        Some("'ca-file' : unable to load no.pem"),
    ),
    (
        "bind :8443 ca-file words.lst",
        Some("'ca-file' : unable to load words.lst"),
    ),
    (
        "bind :8443 ca-verify-file no.pem",
        Some("'ca-verify-file' : unable to load no.pem"),
    ),
    (
        "bind :8443 crl-file no.pem",
        Some("'crl-file' : unable to load no.pem"),
    ),
    (
        "bind :8443 tls-ticket-keys no.pem",
        Some("unable to load ssl tickets keys file"),
    ),
    ("bind :8443 ssl crt-list open.list", None),
    (
        "bind :8443 ssl crt-list quoted.list",
        Some("unable to stat SSL certificate from file '\"site.pem\"'"),
    ),
    ("server s 127.0.0.1:80 sni req.hdr(host)", None),
    ("server s 127.0.0.1:80 ca-file ca.pem", None),
    ("server s 127.0.0.1:80 crt no.pem", None),
    ("server s 127.0.0.1:80 ciphers x", None),
    (
        "server s 127.0.0.1:80 sni x",
        Some("unknown fetch method 'x'"),
    ),
    (
        "server s 127.0.0.1:80 sni res.hdr(x)",
        Some("none of which is available here"),
    ),
    (
        "server s 127.0.0.1:80 ca-file no.pem",
        Some("unable to load no.pem"),
    ),
    (
        "server s 127.0.0.1:80 crl-file no.pem",
        Some("unable to load no.pem"),
    ),
];

const NO_PORT: &str = "has neither service port nor check port";

/// Each section with a server that names it, and lines of backends.
pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, text: String, fault: &Option<&'static str>| {
        let wanted = fault.map_or(Wanted::Accepted, Wanted::Refused);
        Trial::new(name, text, wanted).alone()
    };
    let sections = SECTIONS.iter();
    let sections = sections.map(|(text, fault)| trial(text, format!("{text}{USER}"), fault));
    let lines = LINES.iter().map(|(line, fault)| {
        let text = format!("backend <p> from base\n    {line}\n");
        trial(line, text, fault)
    });
    let idle = IDLE_TLS.iter().map(|(line, fault)| {
        let text = format!("listen <p> from base\n    {line}\n");
        trial(line, text, fault)
    });
    collect(sections.chain(lines).chain(idle))
}
