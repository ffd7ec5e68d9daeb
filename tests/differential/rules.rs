//! What rules and options do to messages.

use super::*;
use support::scenario::Step::{End, Finish};

/// One request whose effect shows at both ends.
fn via(name: &str, rule: &str) -> Case {
    let head = "GET /dir/file.html?a=1&b=2 HTTP/1.1\r\nHost: www.example.com\r\nX-A: one\r\nX-B: two,three\r\nX-A: four\r\nUser-Agent: agent/1\r\nCookie: sid=abc; lang=en\r\nReferer: http://r/\r\n\r\n";
    Case::new(name, vec![send(head), response(), Finish, End])
        .server(vec![serve("HTTP/1.1 200 Fine\r\nX-A: one\r\nX-B: two,three\r\nX-A: four\r\nSet-Cookie: s=1\r\nLocation: http://h/x\r\nContent-Length: 2\r\n\r\nok")])
        .with("rule", rule)
}

#[test]
fn edits_of_messages_are_those_of_the_reference() {
    let config = plain("    <rule>", "");
    let rules = [
        ("set-header", "http-request set-header X-A new"),
        (
            "set-header of a new name",
            "http-request set-header X-New \"a b\"",
        ),
        ("add-header", "http-request add-header X-A five"),
        ("del-header", "http-request del-header X-A"),
        ("del-header beg", "http-request del-header X- -m beg"),
        ("del-header reg", "http-request del-header ^x-[ab]$ -m reg"),
        (
            "replace-header",
            "http-request replace-header X-B (.*),(.*) \\2,\\1",
        ),
        (
            "replace-value",
            "http-request replace-value X-B t([a-z]*) T-\\1",
        ),
        (
            "replace-path",
            "http-request replace-path /dir/(.*) /other/\\1",
        ),
        (
            "replace-pathq",
            "http-request replace-pathq ([^?]*)(.*) /p\\2&c=3",
        ),
        (
            "replace-uri",
            "http-request replace-uri ^/(.*) http://x/\\1",
        ),
        ("set-path", "http-request set-path /new%[path]"),
        (
            "set-pathq",
            "http-request set-pathq /new?q=%[query,url_dec]",
        ),
        ("set-query", "http-request set-query z=%[url_param(a)]"),
        ("set-uri", "http-request set-uri /only"),
        ("set-method", "http-request set-method POST"),
        ("set-header host", "http-request set-header Host other"),
        (
            "log format",
            "http-request set-header X-L \"%ci %f %b %HM %HP %HQ %HU %HV %[req.hdr(x-a,1)] %{+Q}[req.cook(sid)]\"",
        ),
        (
            "variables",
            "http-request set-var(txn.a) req.hdr(x-b),word(1,o)\n    http-request set-header X-V %[var(txn.a),upper]",
        ),
        (
            "unset-var",
            "http-request set-var(req.a) str(x)\n    http-request unset-var(req.a)\n    http-request set-header X-V \"<%[var(req.a)]>\"",
        ),
        (
            "condition",
            "http-request set-header X-C yes if { req.hdr(x-a) -m str four } !{ path_beg /no }",
        ),
        (
            "condition or",
            "http-request set-header X-C yes if { path_beg /no } || { method GET }",
        ),
        (
            "acl",
            "acl static path_end .html .css\n    acl lang cook(lang) -m str en\n    http-request set-header X-C yes unless static lang",
        ),
        ("response set-header", "http-response set-header X-A new"),
        ("response add-header", "http-response add-header X-A five"),
        ("response del-header", "http-response del-header X-A"),
        (
            "response replace-header",
            "http-response replace-header Set-Cookie (.*) \"\\1; Secure\"",
        ),
        (
            "response replace-value",
            "http-response replace-value X-B two 2",
        ),
        (
            "response set-status",
            "http-response set-status 203 reason \"So So\"",
        ),
        ("response set-status alone", "http-response set-status 404"),
        (
            "response condition",
            "http-response set-header X-S yes if { status 200 } { res.hdr(x-a) -m found }",
        ),
        (
            "after response",
            "http-after-response set-header X-After \"%[status] %[res.hdr_cnt(x-a)]\"",
        ),
        (
            "request sample in response",
            "http-request set-var(txn.p) path\n    http-response set-header X-P %[var(txn.p)]",
        ),
        (
            "capture",
            "capture request header User-Agent len 20\n    capture request header X-A len 9\n    capture response header Location len 8\n    capture cookie sid len 10",
        ),
        (
            "capture rules",
            "http-request capture req.hdr(x-b) len 3\n    declare capture response len 4\n    http-response capture res.hdr(location) id 0",
        ),
        ("forwardfor", "option forwardfor"),
        ("forwardfor header", "option forwardfor header X-Client"),
        ("forwardfor except", "option forwardfor except 127.0.0.0/8"),
        ("originalto", "option originalto"),
        (
            "unique id",
            "unique-id-format %{+X}o%ci-%[req.hdr(x-b)]\n    unique-id-header X-Unique",
        ),
        ("allow stops", "http-request allow\n    http-request deny"),
        ("deny", "http-request deny"),
        ("deny status", "http-request deny deny_status 429"),
        (
            "deny with content",
            "http-request deny status 418 content-type text/plain string \"no tea\" hdr X-Why because",
        ),
        ("deny response", "http-response deny"),
        ("deny response status", "http-response deny deny_status 410"),
        (
            "return",
            "http-request return status 200 content-type text/plain lf-string \"%[path] %ci\" hdr X-R \"%[method]\"",
        ),
        ("return default", "http-request return"),
        (
            "return in response",
            "http-response return status 500 content-type text/plain string sorry if { status 200 }",
        ),
        (
            "return a page",
            "http-request return status 403 default-errorfiles",
        ),
        (
            "redirect location",
            "http-request redirect location http://e/x",
        ),
        (
            "redirect location with code",
            "http-request redirect location http://e%[path] code 307",
        ),
        (
            "redirect prefix",
            "http-request redirect prefix https://www.e.com code 301",
        ),
        (
            "redirect prefix drop-query",
            "http-request redirect prefix https://e drop-query",
        ),
        (
            "redirect prefix append-slash",
            "http-request redirect prefix /p drop-query append-slash",
        ),
        (
            "redirect scheme",
            "http-request redirect scheme https code 308",
        ),
        (
            "redirect set-cookie",
            "http-request redirect location / set-cookie SEEN=1",
        ),
        (
            "redirect clear-cookie",
            "http-request redirect location / clear-cookie SEEN=",
        ),
        (
            "redirect keyword",
            "redirect location /x code 303 if { path_beg /dir }",
        ),
        (
            "response redirect",
            "http-response redirect location /y code 303",
        ),
        ("monitor uri", "monitor-uri /dir/file.html?a=1&b=2"),
        (
            "errorfile deny",
            "errorfile 403 <dir>/403.http\n    http-request deny",
        ),
        (
            "errorloc",
            "errorloc 403 http://e/403\n    http-request deny",
        ),
        (
            "errorloc303",
            "errorloc303 403 http://e/403\n    http-request deny",
        ),
        (
            "http-error",
            "http-error status 403 content-type text/plain string nope\n    http-request deny",
        ),
        (
            "http-error file",
            "http-error status 403 content-type text/html file <dir>/page.html hdr X-E 1\n    http-request deny",
        ),
        (
            "use_backend none",
            "use_backend be if FALSE\n    http-request set-header X-D %[fe_name]",
        ),
        ("set-log-level", "http-request set-log-level silent"),
        (
            "tcp content reject",
            "tcp-request inspect-delay 1s\n    tcp-request content reject if HTTP",
        ),
        (
            "tcp content accept",
            "tcp-request inspect-delay 1s\n    tcp-request content accept if HTTP\n    tcp-request content reject",
        ),
        (
            "cache-control",
            "http-after-response set-header Cache-Control \"max-age=%[int(5),mul(2)]\"",
        ),
        (
            "strict mode off",
            "http-request strict-mode off\n    http-request set-header X-S 1",
        ),
        (
            "early hint",
            "http-request early-hint Link \"</style.css>; rel=preload\"",
        ),
        (
            "normalize uri",
            "option forwardfor if-none\n    http-request set-header X-N 1",
        ),
        (
            "converters",
            "http-request set-header X-C %[hdr(host),field(2,.),upper,base64]",
        ),
        (
            "map",
            "http-request set-header X-M %[path,map_beg(<dir>/m.map,none)]",
        ),
        (
            "list file",
            "http-request set-header X-F yes if { hdr(host) -i -f <dir>/hosts.lst }",
        ),
    ];
    Group::new(DIRECTORY, "edits", &config)
        .isolated()
        .file(
            "403.http",
            "HTTP/1.0 403 Mine\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nmine",
        )
        .file("page.html", "<b>page</b>")
        .file("m.map", "/dir directory\n/other else\n")
        .file("hosts.lst", "# hosts\nWWW.example.com\n")
        .cases(rules.map(|(name, rule)| via(name, rule)))
        .check();
}

#[test]
fn edits_in_the_backend_are_those_of_the_reference() {
    let config = plain("", "    <rule>");
    let rules = [
        (
            "set-header",
            "http-request set-header X-BE %[be_name]/%[nbsrv]",
        ),
        (
            "order of frontend and backend",
            "http-response add-header X-Order backend",
        ),
        ("forwardfor", "option forwardfor"),
        (
            "cookie insert",
            "cookie SRV insert\n    server s2 <s2> cookie c2",
        ),
        (
            "cookie insert indirect nocache",
            "cookie SRV insert indirect nocache httponly secure domain e.com maxidle 30m\n    server s2 <s2> cookie c2",
        ),
        (
            "cookie insert nocache alone",
            "cookie SRV insert indirect nocache\n    default-server cookie c1\n    server s2 <s2>\n    use-server s2 unless FALSE",
        ),
        ("deny", "http-request deny"),
        ("redirect", "http-request redirect scheme https"),
        (
            "return",
            "http-request return status 200 content-type text/plain string be",
        ),
        (
            "errorfile",
            "errorfile 403 <dir>/403.http\n    http-request deny",
        ),
        (
            "use-server",
            "server s2 <s2>\n    use-server s2 if { path_beg /dir }",
        ),
        ("response del-header", "http-response del-header X-A"),
        (
            "tcp response",
            "tcp-response inspect-delay 1s\n    tcp-response content accept",
        ),
    ];
    Group::new(DIRECTORY, "backend-edits", &config)
        .isolated()
        .file(
            "403.http",
            "HTTP/1.0 403 Mine\r\nContent-Length: 4\r\n\r\nmine",
        )
        .cases(rules.map(|(name, rule)| via(name, rule)))
        .check();
}
