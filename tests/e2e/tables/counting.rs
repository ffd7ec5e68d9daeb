//! What tracked entries count, at which moments of sessions and streams.

use super::*;

const ALL: &str = "gpc0,gpc1,gpt0,conn_cnt,conn_rate(1h),conn_cur,sess_cnt,sess_rate(1h),\
                   http_req_cnt,http_req_rate(1h),http_err_cnt,http_err_rate(1h),http_fail_cnt,\
                   http_fail_rate(1h),bytes_in_cnt,bytes_in_rate(1h),bytes_out_cnt";

fn proxy(rules: &str) -> String {
    format!(
        "frontend fe\n    bind <front>\n    stick-table type ip size 100 expire 1h store {ALL}\n\
         {rules}\n    default_backend be\nbackend be\n    server s1 <s1>\n"
    )
}

/// Requests one after the other on one connection, then others on connections of their own.
fn requests(proxy: &Proxy) {
    let mut client = Client::connect(proxy.address("front"));
    for target in ["/200", "/404", "/500", "/501", "/200/x"] {
        client.request(&get(target));
    }
    drop(client);
    for target in ["/200", "/403"] {
        Client::exchange(proxy.address("front"), &get(target));
    }
}

#[test]
fn a_connection_tracked_at_its_start_counts_all_of_its_requests() {
    for kind in ["connection", "session"] {
        let text = proxy(&format!("    tcp-request {kind} track-sc0 src"));
        let tables = same_tables(&text, &["fe"], requests);
        let fields = &tables[0]["127.0.0.1"];
        assert_eq!(fields["conn_cnt"], "3");
        assert_eq!(fields["http_req_cnt"], "7");
        assert_eq!(fields["http_err_cnt"], "2");
        assert_eq!(fields["http_fail_cnt"], "1");
    }
}

#[test]
fn a_request_tracked_by_a_rule_counts_from_then_on() {
    for rule in ["tcp-request content", "http-request", "http-response"] {
        let text = proxy(&format!("    {rule} track-sc1 src"));
        let tables = same_tables(&text, &["fe"], requests);
        assert_eq!(tables[0]["127.0.0.1"]["http_req_cnt"], "7", "{rule}");
    }
}

#[test]
fn a_backend_tracks_what_reaches_it() {
    for rule in ["tcp-request content", "http-request", "http-response"] {
        let text = format!(
            "frontend fe\n    bind <front>\n    http-request deny if {{ path_beg /403 }}\n    \
             default_backend be\nbackend be\n    stick-table type ip size 100 expire 1h store \
             {ALL}\n    {rule} track-sc1 src\n    server s1 <s1>\n"
        );
        let tables = same_tables(&text, &["be"], requests);
        assert_eq!(tables[0]["127.0.0.1"]["http_req_cnt"], "6", "{rule}");
    }
}

#[test]
fn refused_and_faulty_requests_are_errors_of_the_client() {
    let text = proxy(
        "    tcp-request connection track-sc0 src\n    http-request deny if { path /deny }\n    \
         http-request return status 404 if { path /return }",
    );
    same_tables(&text, &["fe"], |proxy| {
        for target in ["/deny", "/return", "/200", "/deny"] {
            Client::exchange(proxy.address("front"), &get(target));
        }
        Client::exchange(
            proxy.address("front"),
            "GET / HTTP/1.1\r\nbad header\r\n\r\n",
        );
    });
}

#[test]
fn a_server_that_breaks_off_is_a_failure() {
    for program in [Program::Haproxy, Program::Lbd] {
        let origin = Origin::raw("s1", |mut stream, _| {
            let mut bytes = [0; 100];
            let _ = std::io::Read::read(&mut stream, &mut bytes);
        });
        let text = proxy("    http-request track-sc0 src");
        let proxy = start(&program, &text, &origin);
        let reply = Client::exchange(proxy.address("front"), &get("/"));
        assert_eq!(reply.status, 502, "{program:?}");
        let fields = entries(&proxy, "fe").remove("127.0.0.1").expect("tracked");
        assert_eq!(fields["http_fail_cnt"], "1", "{program:?}");
        assert_eq!(fields["http_err_cnt"], "0", "{program:?}");
    }
}

#[test]
fn counters_and_tags_change_in_every_ruleset() {
    if judge_is_old() {
        return;
    }
    let text = proxy(
        "    tcp-request connection track-sc0 src\n    tcp-request session sc-inc-gpc0(0)\n    \
         tcp-request content sc-inc-gpc1(0)\n    http-request sc-set-gpt0(0) int(7),add(1)\n    \
         http-request track-sc1 src,lower table other\n    http-request sc-inc-gpc0(1) if { \
         sc0_get_gpt0 eq 8 }\n    http-response sc-inc-gpc0(0)\n    http-after-response \
         sc-inc-gpc1(1)",
    ) + "backend other\n    stick-table type string len 20 size 10 store gpc0,gpc1\n";
    same_tables(&text, &["fe", "other"], requests);
}

#[test]
fn arrays_have_counters_with_numbers() {
    let text = "frontend fe\n    bind <front>\n    stick-table type integer size 10 store \
                gpc(3),gpt(2),gpc_rate(2,1h)\n    http-request track-sc0 int(-1)\n    \
                http-request sc-inc-gpc(2,0)\n    http-request sc-inc-gpc(1,0)\n    http-request \
                sc-set-gpt(1,0) 5\n    http-request set-var(txn.a) sc_inc_gpc(0,0)\n    \
                http-request set-header x-all \
                %[sc_get_gpc(2,0)],%[sc_gpc_rate(1,0)],%[sc_get_gpt(1,0)],%[sc_clr_gpc(1,0)]\n    \
                default_backend be\nbackend be\n    server s1 <s1>\n";
    let tables = same_tables(text, &["fe"], requests);
    assert!(tables[0].contains_key("4294967295"), "{tables:?}");
}

/// What rules read of entries, as an answer.
#[test]
fn fetches_and_converters_read_what_the_reference_reads() {
    if judge_is_old() {
        return;
    }
    const READ: &str = "sc0_conn_cnt sc0_conn_cur sc_conn_rate(0) sc0_http_req_cnt \
        sc0_http_req_rate sc0_http_err_cnt sc0_sess_cnt sc0_sess_rate sc0_tracked sc1_tracked \
        sc0_trackers sc_trackers(0,other) sc0_key sc_key(1) sc0_get_gpc0 sc0_inc_gpc0 \
        sc0_clr_gpc0 sc0_get_gpc0 sc0_get_gpt0 sc1_conn_cnt sc0_conn_cnt(other) \
        sc0_get_gpc0(other) sc0_conn_rate(words) src_conn_cnt(fe) src_inc_gpc0(other) \
        src_get_gpc0(other) src_updt_conn_cnt(fe) src_conn_cnt(other) table_cnt(fe) \
        table_avl(fe) src,in_table(fe) src,in_table(words) src,table_http_req_cnt(fe) \
        src,table_gpc0(other) src,table_inc_gpc0(other) src,table_clr_gpc0(other) \
        str(x),table_gpc0(words) str(x),table_inc_gpc0(words) \
        str(y),table_expire(words,5) str(y),table_expire(words) str(y),table_idle(words,6) \
        str(10.0.0.1),in_table(fe) str(a.b),table_gpc0(fe) str(x),table_conn_cnt(words) \
        sc0_kbytes_in sc_kbytes_out(0) src_kbytes_in(fe) src,table_server_id(fe)";
    let reads: Vec<_> = READ
        .split_whitespace()
        .map(|fetch| format!("%[{fetch}]"))
        .collect();
    let text = format!(
        "frontend fe\n    bind <front>\n    stick-table type ip size 100 expire 1h store {ALL}\n    \
         tcp-request connection track-sc0 src\n    http-request return status 200 content-type \
         text/plain lf-string \"{}\"\nbackend other\n    stick-table type ip size 10 expire 1h \
         store gpc0\nbackend words\n    stick-table type string len 9 size 10 expire 1h store \
         gpc0\n",
        reads.join(" ")
    );
    let mut answers = Vec::new();
    for program in [Program::Haproxy, Program::Lbd] {
        let proxy = start(&program, &text, &origin());
        let mut client = Client::connect(proxy.address("front"));
        let answer: Vec<_> = (0..3).map(|_| client.request(&get("/")).text()).collect();
        answers.push(answer);
    }
    assert_eq!(answers[1], answers[0], "lbd, then HAProxy\n{READ}");
}

#[test]
fn bytes_of_a_relayed_connection_are_counted_both_ways() {
    let text = format!(
        "listen tcp\n    mode tcp\n    bind <front>\n    stick-table type ip size 100 expire 1h \
         store {ALL}\n    tcp-request connection track-sc0 src\n    tcp-request content track-sc1 \
         src table tcp-be\n    server s1 <s1>\nbackend tcp-be\n    stick-table type ip size 100 \
         expire 1h store {ALL}\n"
    );
    let tables = same_tables(&text, &["tcp", "tcp-be"], |proxy| {
        for _ in 0..3 {
            Client::exchange(proxy.address("front"), &get("/200"));
        }
    });
    assert_eq!(tables[0]["127.0.0.1"]["bytes_in_cnt"], "132");
    assert_eq!(tables[1]["127.0.0.1"]["bytes_in_cnt"], "132");
}

#[test]
fn a_request_is_tracked_by_what_it_asks_for_on_a_connection_in_tcp_mode() {
    let text = "frontend fe\n    mode tcp\n    bind <front>\n    stick-table type string len 40 size \
                100 expire 1h store gpc0,conn_cnt\n    tcp-request inspect-delay 5s\n    tcp-request \
                content track-sc0 url\n    tcp-request content sc-inc-gpc0(0) if { method GET } { \
                req.hdr(host) www.example.com }\n    default_backend be\nbackend be\n    mode tcp\n    server s1 \
                <s1>\n";
    let tables = same_tables(text, &["fe"], |proxy| {
        for target in ["/200/a", "/200/b", "/200/a"] {
            Client::exchange(proxy.address("front"), &get(target));
        }
    });
    assert_eq!(tables[0]["/200/a"]["gpc0"], "2");
    assert_eq!(tables[0].len(), 2);
}
