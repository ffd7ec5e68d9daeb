//! The names that most deployments are made of: each is accepted by an example, or refused with
//! what it waits for.

use lbd_config::host::MemoryHost;
use lbd_config::loader::Sources;
use lbd_config::render;

use Place::{Backend, Bind, Defaults, Frontend, Global, Server, Tcp, Top};

/// Where an example stands.
#[derive(Clone, Copy)]
enum Place {
    Global,
    Defaults,
    Frontend,
    Backend,
    /// A listen section of mode tcp.
    Tcp,
    Bind,
    Server,
    /// A section of its own.
    Top,
}

/// Name, place, lines (words on the line for `Bind` and `Server`).
const ACCEPTED: &[(&str, Place, &str)] = &[
    ("acl -f", Frontend, "acl a src -f /lists/networks"),
    ("acl -i", Frontend, "acl a path_beg -i /App"),
    ("acl -m beg", Frontend, "acl a path -m beg /app"),
    ("acl -m reg", Frontend, "acl a path -m reg ^/[a-z]+$"),
    ("acl -m str", Frontend, "acl a path -m str /app"),
    ("acl int eq", Frontend, "acl a dst_port eq 80"),
    ("acl int gt", Frontend, "acl a be_conn(be) gt 100"),
    ("acl _beg", Frontend, "acl a path_beg /app"),
    ("acl _dom", Frontend, "acl a hdr_dom(host) example"),
    ("acl _reg", Frontend, "acl a path_reg ^/app"),
    ("acl _sub", Frontend, "acl a path_sub app"),
    ("balance leastconn", Backend, "balance leastconn"),
    ("balance random", Backend, "balance random(2)"),
    ("balance roundrobin", Backend, "balance roundrobin"),
    ("balance source", Backend, "balance source"),
    ("bind accept-proxy", Bind, "accept-proxy"),
    ("bind name", Bind, "name web"),
    (
        "stats socket options",
        Global,
        "stats socket /run/x.sock mode 660 user root group root \
        level admin expose-fd listeners",
    ),
    (
        "http-check send",
        Backend,
        "option httpchk\nhttp-check send meth GET uri /up ver HTTP/1.1 hdr \
        Host app.example",
    ),
    (
        "http-check expect",
        Backend,
        "option httpchk GET /\nhttp-check expect status 200-399\n\
        http-check expect rstatus ^2\nhttp-check expect string ok",
    ),
    ("option httpchk", Backend, "option httpchk HEAD / HTTP/1.1"),
    ("option mysql-check", Tcp, "option mysql-check user haproxy"),
    ("option ssl-hello-chk", Tcp, "option ssl-hello-chk"),
    (
        "option tcp-check",
        Tcp,
        "option tcp-check\ntcp-check connect\ntcp-check send PING\\r\\n\n\
        tcp-check expect string +PONG",
    ),
    (
        "regsub",
        Frontend,
        "http-request set-path %[path,regsub(^/old,/new)]",
    ),
    (
        "cookie insert",
        Backend,
        "cookie SRV insert indirect nocache",
    ),
    (
        "capture request header",
        Frontend,
        "capture request header Host len 32",
    ),
    ("chroot", Global, "chroot /var/empty"),
    ("cpu-map", Global, "nbthread 2\ncpu-map auto:1/1-2 0-1"),
    ("daemon", Global, "daemon"),
    (
        "default-server",
        Backend,
        "default-server inter 2s fall 3 rise 2",
    ),
    ("errorfile", Defaults, "errorfile 503 /errors/503.http"),
    ("fullconn", Backend, "fullconn 1000"),
    ("user and group", Global, "user root\ngroup root"),
    ("hard-stop-after", Global, "hard-stop-after 30s"),
    ("hash-type", Backend, "balance source\nhash-type consistent"),
    (
        "http-request header rules",
        Frontend,
        "http-request add-header X-A b\nhttp-request \
        del-header X-B\nhttp-request set-header X-C %[src]",
    ),
    (
        "http-request auth",
        Frontend,
        "http-request auth realm app unless { http_auth(people) }",
    ),
    (
        "http-request deny",
        Frontend,
        "http-request deny if { method TRACE }",
    ),
    (
        "http-request redirect",
        Frontend,
        "http-request redirect location /x if { path / }",
    ),
    (
        "http-request replace-path",
        Frontend,
        "http-request replace-path /a(.*) /b\\1",
    ),
    (
        "http-request return",
        Frontend,
        "http-request return status 200 content-type text/plain \
        string ok",
    ),
    (
        "http-response rules",
        Backend,
        "http-response add-header X-A b\nhttp-response \
        replace-header Location http:(.*) https:\\1\nhttp-response set-header X-B c",
    ),
    ("http-reuse safe", Backend, "http-reuse safe"),
    (
        "stick-table",
        Backend,
        "stick-table type ip size 1k expire 1m store conn_cur",
    ),
    (
        "sc_http_req_rate",
        Frontend,
        "http-request deny if { sc_http_req_rate(0) gt 9 }",
    ),
    (
        "http-request track-sc0",
        Frontend,
        "stick-table type ip size 1k store http_req_rate(10s)\nhttp-request track-sc0 src",
    ),
    (
        "tcp-request content track-sc0",
        Frontend,
        "stick-table type ip size 1k store conn_cur\ntcp-request content track-sc0 src",
    ),
    ("log", Defaults, "log 127.0.0.1:514 local0 notice"),
    ("maxconn", Global, "maxconn 10000"),
    ("monitor-uri", Frontend, "monitor-uri /up"),
    ("nbthread", Global, "nbthread 1"),
    ("option abortonclose", Backend, "option abortonclose"),
    ("option allbackups", Backend, "option allbackups"),
    ("option clitcpka", Defaults, "option clitcpka"),
    ("option dontlognull", Defaults, "option dontlognull"),
    (
        "option forwardfor",
        Defaults,
        "option forwardfor except 127.0.0.0/8",
    ),
    ("option http-keep-alive", Defaults, "option http-keep-alive"),
    (
        "option http-pretend-keepalive",
        Backend,
        "option http-pretend-keepalive",
    ),
    (
        "option http-server-close",
        Defaults,
        "option http-server-close",
    ),
    ("option httpclose", Defaults, "option httpclose"),
    ("option httplog", Defaults, "option httplog"),
    (
        "option log-health-checks",
        Backend,
        "option log-health-checks",
    ),
    ("option logasap", Frontend, "option logasap"),
    (
        "option prefer-last-server",
        Backend,
        "option prefer-last-server",
    ),
    ("option redispatch", Defaults, "option redispatch"),
    ("option socket-stats", Frontend, "option socket-stats"),
    ("option splice-auto", Defaults, "option splice-auto"),
    ("option srvtcpka", Backend, "option srvtcpka"),
    ("option tcpka", Defaults, "option tcpka"),
    ("option tcplog", Tcp, "option tcplog"),
    ("pidfile", Global, "pidfile /run/x.pid"),
    (
        "redirect scheme",
        Frontend,
        "redirect scheme https if { dst_port 80 }",
    ),
    ("retries", Defaults, "retries 3"),
    ("retry-on", Backend, "retry-on all-retryable-errors"),
    ("stats admin", Frontend, "stats admin if TRUE"),
    ("stats auth", Frontend, "stats auth a:b"),
    ("stats enable", Frontend, "stats enable"),
    ("stats hide-version", Frontend, "stats hide-version"),
    ("stats realm", Frontend, "stats realm x"),
    ("stats refresh", Frontend, "stats refresh 5s"),
    ("stats show-desc", Frontend, "stats show-desc of this node"),
    ("stats show-legends", Frontend, "stats show-legends"),
    ("stats show-node", Frontend, "stats show-node"),
    ("stats timeout", Global, "stats timeout 30s"),
    ("stats uri", Frontend, "stats uri /s"),
    (
        "tcp-request content",
        Tcp,
        "tcp-request inspect-delay 5s\ntcp-request content accept if { \
        req_ssl_hello_type 1 }\ntcp-request content reject if { req.ssl_hello_type 2 }",
    ),
    (
        "timeouts",
        Defaults,
        "timeout check 1s\ntimeout client 1s\ntimeout client-fin 1s\ntimeout \
        connect 1s\ntimeout http-keep-alive 1s\ntimeout http-request 1s\ntimeout queue 1s\n\
        timeout server 1s\ntimeout server-fin 1s\ntimeout tunnel 1s",
    ),
    (
        "tune.bufsize",
        Global,
        "tune.bufsize 32768\ntune.maxrewrite 1024",
    ),
    (
        "use_backend",
        Frontend,
        "use_backend be if { hdr(host) -i app.example }",
    ),
    (
        "dst_port, env, req.hdr, uuid",
        Frontend,
        "http-request set-header X-A \
        %[dst_port]%[env(HOME)]%[req.hdr(host)]%[uuid()]",
    ),
    (
        "res.hdr",
        Backend,
        "http-response set-header X-A %[res.hdr(server)]",
    ),
    ("log-format %s", Frontend, "log-format %s"),
    (
        "userlist",
        Top,
        "userlist more\n  user a insecure-password b",
    ),
    (
        "server weights and limits",
        Server,
        "backup weight 10 maxconn 100 minconn 10 cookie a",
    ),
    (
        "server checks",
        Server,
        "check port 8080 inter 1s downinter 5s fastinter 1s rise 2 fall 3 \
        on-marked-down shutdown-sessions",
    ),
    (
        "server init-addr",
        Server,
        "disabled init-addr last,libc,none",
    ),
    ("server send-proxy", Server, "send-proxy"),
    ("server send-proxy-v2", Server, "send-proxy-v2"),
    ("bind alpn", Bind, "ssl crt /a.pem alpn http/1.1"),
    (
        "bind ca-file",
        Bind,
        "ssl crt /a.pem verify optional ca-file /ca.pem",
    ),
    ("bind crt", Bind, "ssl crt /a.pem"),
    ("bind ssl", Bind, "ssl crt /a.pem"),
    ("bind strict-sni", Bind, "ssl crt /a.pem strict-sni"),
    (
        "bind verify",
        Bind,
        "ssl crt /a.pem verify required ca-file /ca.pem",
    ),
    ("ca-base", Global, "ca-base /etc/ssl/certs"),
    ("crt-base", Global, "crt-base /etc/ssl/private"),
    (
        "ssl-default-bind-ciphers",
        Global,
        "ssl-default-bind-ciphers X",
    ),
    (
        "ssl-default-bind-ciphersuites",
        Global,
        "ssl-default-bind-ciphersuites X",
    ),
    (
        "ssl-default-bind-options",
        Global,
        "ssl-default-bind-options no-sslv3",
    ),
    (
        "ssl-default-server-ciphers",
        Global,
        "ssl-default-server-ciphers X",
    ),
    (
        "ssl-default-server-ciphersuites",
        Global,
        "ssl-default-server-ciphersuites X",
    ),
    (
        "ssl-default-server-options",
        Global,
        "ssl-default-server-options no-sslv3",
    ),
    ("ssl-dh-param-file", Global, "ssl-dh-param-file /dh.pem"),
    ("ssl-server-verify", Global, "ssl-server-verify none"),
    (
        "tune.ssl.default-dh-param",
        Global,
        "tune.ssl.default-dh-param 2048",
    ),
    ("server check-ssl", Server, "check check-ssl verify none"),
    ("server verify", Server, "ssl verify none"),
    (
        "ssl_c_s_dn",
        Frontend,
        "http-request set-header X-A %[ssl_c_s_dn(cn)]",
    ),
    (
        "http-request use-service",
        Frontend,
        "http-request use-service prometheus-exporter",
    ),
    ("ssl_fc", Frontend, "http-request deny unless { ssl_fc }"),
    (
        "ssl_fc_sni",
        Frontend,
        "http-request set-header X-A %[ssl_fc_sni]",
    ),
];

/// Name, place, lines, what it waits for.
const WAITING: &[(&str, Place, &str, &str)] = &[
    (
        "compression algo",
        Backend,
        "compression algo gzip",
        "compression",
    ),
    (
        "compression type",
        Backend,
        "compression type text/html",
        "compression",
    ),
    ("lua-load", Global, "lua-load /x.lua", "Lua"),
];

/// A configuration with the lines in their place.
fn configuration(place: Place, text: &str) -> String {
    let (mut global, mut defaults, mut frontend, mut backend) = ("", "", "", "");
    let (mut bind, mut server, mut rest) = ("", "", String::new());
    match place {
        Global => global = text,
        Defaults => defaults = text,
        Frontend => frontend = text,
        Backend => backend = text,
        Bind => bind = text,
        Server => server = text,
        Top => rest.push_str(text),
        Tcp => {
            rest =
                format!("listen tcp\nmode tcp\nbind :8081\n{text}\nserver s1 127.0.0.1:80 check");
        }
    }
    format!(
        "global\n{global}\ndefaults\nmode http\ntimeout connect 1s\ntimeout client 1s\n\
         timeout server 1s\nlog 127.0.0.1:514 local0\n\
         {defaults}\nuserlist people\nuser a insecure-password b\n\
         frontend fe\nbind :8080 {bind}\n{frontend}\ndefault_backend be\nbackend be\n{backend}\n\
         server s1 127.0.0.1:80 {server}\n{rest}\n"
    )
}

/// What is said of a configuration, and whether it is accepted.
fn judge(text: &str) -> (String, bool) {
    let host = MemoryHost::new()
        .file("/errors/503.http", "HTTP/1.0 503 Sorry\r\n\r\nsorry\n")
        .file("/lists/networks", "192.0.2.0/24\n")
        .file("/a.pem", crate::support::certificate())
        .file("/ca.pem", crate::support::certificate());
    let sources = Sources::from_text("x.cfg", text);
    let (config, diags) = lbd_config::load(&sources, &host);
    (render::render(&diags, &sources, 1, false), config.is_some())
}

#[test]
fn names_of_most_deployments_are_accepted() {
    for (name, place, text) in ACCEPTED {
        let (said, is_accepted) = judge(&configuration(*place, text));
        assert!(is_accepted, "{name}: {said}");
        assert!(!said.contains("[WARNING]"), "{name}: {said}");
    }
}

#[test]
fn names_that_wait_for_a_capability_say_so() {
    for (name, place, text, area) in WAITING {
        let (said, is_accepted) = judge(&configuration(*place, text));
        assert!(!is_accepted, "{name}");
        let expected = match area.is_empty() {
            true => "is not supported yet".to_owned(),
            false => format!("is not supported yet ({area})"),
        };
        assert!(said.contains(&expected), "{name}: {said}");
    }
}
