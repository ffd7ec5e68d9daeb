//! What actions do, as the difference they make to a stage.

use std::rc::Rc;
use std::time::Duration;

use super::*;
use crate::action::variable::When;
use crate::facts::{Early, Endpoint, TlsFacts};
use crate::pattern::PatternSet;
use crate::pattern::set::Usage;
use crate::program::Need;
use crate::reply::ReplySpec;
use crate::var::Scope;
use crate::view::World;
use lbd_core::{TableId, Value};
use lbd_table::Key;

/// A rule and what must be seen afterwards, in every ruleset where its action is allowed.
const EFFECTS: &[(&str, &str)] = &[
    ("accept", "verdict Stop"),
    ("add-acl(l) k", "list k"),
    (
        "add-header X-List %[str(a)]b",
        "x-list: one, two | x-list: ab",
    ),
    ("add-headers-bin str(\u{1}a\u{1}b\u{0}\u{0})", "a: b"),
    ("allow", "verdict Stop"),
    (
        "auth realm Staff",
        "www-authenticate: Basic realm=\"Staff\"",
    ),
    ("auth", "www-authenticate: Basic realm=\"fe\""),
    ("capture str(abcdefgh) id 0", "capture abcd"),
    ("capture str(abcdefgh) len 3", "capture abc"),
    ("close", "verdict CloseServer"),
    ("del-acl(l) old", "list (empty)"),
    ("del-header x-list", "no x-list"),
    ("del-header X- -m beg", "no x-list"),
    ("del-header list -m end", "no x-list"),
    ("del-header -LI -m sub", "no x-list"),
    ("del-header ^x-l -m reg", "no x-list"),
    ("del-headers-bin str(\u{6}x-list\u{0})", "no x-list"),
    ("del-map(l) old", "list (empty)"),
    ("deny", "verdict Deny { status: 40"),
    ("deny deny_status 429", "verdict Deny { status: 429 }"),
    (
        "deny status 429 content-type text/plain string slow",
        "is_deny true HTTP/1.1 429",
    ),
    ("disable-l7-retry", "no_l7_retry: true"),
    ("do-log", "logged"),
    (
        "early-hint Link %[str(a)]",
        "hint HTTP/1.1 103 Early Hints | link: a",
    ),
    ("expect-netscaler-cip layer4", "expects NetscalerCip"),
    ("expect-proxy layer4", "expects Proxy"),
    ("normalize-uri query-sort-by-name", "GET /a/b?x=1&y=2 "),
    ("pause 10ms", "verdict Wait(Until(Time(1010000000)))"),
    (
        "redirect location /new",
        "302 Found | content-length: 0 | location: /new | cache-control: no-cache",
    ),
    (
        "redirect location /n code 301",
        "301 Moved Permanently | content-length: 0 | location: /n",
    ),
    ("reject", "verdict Close"),
    (
        "use-service prometheus-exporter",
        "verdict Service(Prometheus)",
    ),
    ("replace-header X-List (.*),(.*) \\2-\\1", "x-list: two-one"),
    ("replace-path /a/(.*) /z/\\1", "GET /z/b?x=1&y=2 HTTP/1.1"),
    (
        "replace-pathq /a/([^?]*)(.*) /z/\\2",
        "GET /z/?x=1&y=2 HTTP/1.1",
    ),
    (
        "replace-uri ^/(.*) http://h/\\1",
        "GET http://h/a/b?x=1&y=2 HTTP/1.1 | host: h",
    ),
    ("replace-value X-List ^two$ 2", "x-list: one, 2"),
    (
        "return status 418 hdr X-A %[str(b)]",
        "418 I'm a teapot | x-a: b | content-length: 0",
    ),
    (
        "sc-add-gpc(1,0) 3",
        " gpc1=3 gpc0_rate(10000)=0 gpc1_rate(10000)=3",
    ),
    ("sc-add-gpc(1,0) int(2)", " gpc0=0 gpc1=2 "),
    ("sc-inc-gpc(1,0)", " gpc0=0 gpc1=1 "),
    ("sc-inc-gpc0(0)", " gpc0=1 gpc1=0 "),
    ("sc-inc-gpc1", " gpc0=0 gpc1=1 "),
    ("sc-set-gpt(1,0) 7", " gpt0=0 gpt1=7 "),
    ("sc-set-gpt0(0) int(7)", " gpt0=7 gpt1=0 "),
    ("set-bc-mark 0x10", "server_mark: Some(16)"),
    ("set-bc-tos 4", "server_tos: Some(4)"),
    ("set-dst ipv4(192.0.2.9)", "dst 192.0.2.9:80"),
    ("set-dst-port int(81)", "dst 198.51.100.2:81"),
    ("set-fc-mark int(7)", "mark 7"),
    ("set-fc-tos 8", "tos 8"),
    ("set-header X-List %[int(3)]", "x-list: 3"),
    (
        "set-headers-bin str(\u{6}x-list\u{1}z\u{0}\u{0})",
        "x-list: z",
    ),
    ("set-log-level silent", "log_level: Some(None)"),
    ("set-log-level err", "log_level: Some(Some(3))"),
    ("set-map(l) old new", "list old=new"),
    ("set-map(l) k v", "list old=1 k=v"),
    ("set-mark 9", "mark 9"),
    ("set-method PUT", "PUT /a/b?x=1&y=2 HTTP/1.1"),
    ("set-nice 2000", "nice: Some(1024)"),
    ("set-path /p", "GET /p?x=1&y=2 HTTP/1.1"),
    ("set-pathq /p?q", "GET /p?q HTTP/1.1"),
    ("set-priority-class int(-5000)", "priority_class: -2047"),
    ("set-priority-offset int(12)", "priority_offset: 12"),
    ("set-query z=1", "GET /a/b?z=1 HTTP/1.1"),
    ("set-retries 5", "retries: Some(5)"),
    ("set-src ipv4(192.0.2.9)", "src 192.0.2.9:40000"),
    ("set-src-port int(1)", "src 192.0.2.1:1;"),
    ("set-status 404", "HTTP/1.1 404 Not Found"),
    ("set-status 404 reason Gone", "HTTP/1.1 404 Gone"),
    ("set-timeout client 3s", "client_timeout Some(3s)"),
    ("set-timeout server 3s", "server_timeout: Some(3s)"),
    ("set-timeout tunnel int(3)", "tunnel_timeout: Some(3ms)"),
    ("set-timeout connect 3s", "connect_timeout: Some(3s)"),
    ("set-timeout queue 3s", "queue_timeout: Some(3s)"),
    ("set-timeout tarpit 3s", "tarpit_timeout: Some(3s)"),
    ("set-tos 3", "tos 3"),
    ("set-uri /new", "GET /new HTTP/1.1"),
    ("set-var(sess.a) int(3)", "sess Int(3)"),
    ("set-var(sess.a,ifexists) int(3)", "sess none"),
    ("set-var-fmt(sess.a) %[int(3)]b", "sess Str([51, 98])"),
    (
        "silent-drop rst-ttl 3",
        "verdict SilentDrop { rst_ttl: Some(3) }",
    ),
    ("strict-mode off", "lenient: true"),
    (
        "switch-mode http proto h1",
        "verdict SwitchMode { proto: Some(\"h1\") }",
    ),
    ("tarpit deny_status 429", "verdict Tarpit { status: 429 }"),
    ("track-sc1 src", "tracks 192.0.2.1"),
    ("unset-var(sess.a)", "sess none"),
    (
        "wait-for-body time 2s",
        "verdict Wait(Body { at_least: 0, until: Time(3000000000) })",
    ),
    ("wait-for-handshake", "verdict Wait(Handshake)"),
];

/// All that rules can change, as text.
fn seen(stage: &Stage, set: &PatternSet, verdict: &Verdict, ruleset: Ruleset) -> String {
    let mut out = format!("verdict {verdict:?};");
    let head = if ruleset.is_response() {
        &stage.response
    } else {
        &stage.request
    };
    if let Some(head) = head {
        out += &format!(" {};", show(head));
        if head.first(b"x-list").is_none() {
            out += " no x-list;";
        }
    }
    if let Some(reply) = &stage.reply {
        out += &format!(" is_deny {} {};", reply.is_deny, show(&reply.head));
    }
    let view = stage.view();
    for (name, end) in [("src", view.src()), ("dst", view.dst())] {
        if let Endpoint::Inet(address) = end {
            out += &format!(" {name} {address};");
        }
    }
    if let Some(stream) = &stage.stream {
        let asked = &stream.asked;
        out += &format!(" {asked:?};");
        for captures in [&stream.request_captures, &stream.response_captures] {
            for capture in captures.iter().flatten() {
                out += &format!(" capture {};", String::from_utf8_lossy(capture));
            }
        }
        if let Some(mark) = asked.client_mark {
            out += &format!(" mark {mark};");
        }
        if let Some(tos) = asked.client_tos {
            out += &format!(" tos {tos};");
        }
        for hint in stream.early_hints.iter().flat_map(|hints| hints.heads()) {
            out += &format!(" hint {};", show(hint));
        }
    }
    for mark in stage.world.marks.borrow().iter() {
        out += &match mark {
            crate::view::SocketMark::Mark(mark) => format!(" mark {mark};"),
            crate::view::SocketMark::Tos(tos) => format!(" tos {tos};"),
        };
    }
    stage.session.counters.each(|_, entry| {
        entry.read(stage.now, |entry| entry.write_line(&mut out));
    });
    let view = stage.view();
    if let Some(entry) = crate::track::tracked(&view, 1) {
        entry.read(stage.now, |entry| {
            out += &format!(" tracks {}", key_of(entry))
        });
    }
    if stage.world.logs.borrow().as_slice() == [ruleset.log_origin()] {
        out += " logged;";
    }
    out += &format!(" client_timeout {:?};", stage.session.client_timeout);
    if let Some(header) = stage.session.expected_header {
        out += &format!(" expects {header:?};");
    }
    let mut value = "none".to_owned();
    stage.sess.each(|_, set| value = format!("{set:?}"));
    out += &format!(" sess {value};");
    let entries = set.page(None, 0, 100);
    let entries: Vec<String> = entries
        .iter()
        .map(|entry| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let value = entry
                .value
                .as_deref()
                .map(|value| format!("={}", text(value)));
            format!("{}{}", text(&entry.key), value.unwrap_or_default())
        })
        .collect();
    let shown = if entries.is_empty() {
        "(empty)".to_owned()
    } else {
        entries.join(" ")
    };
    // The last entry of a list is what a rule added.
    out += &format!(
        " list {shown}; list {}",
        entries.last().cloned().unwrap_or_default()
    );
    out
}

fn key_of(entry: &lbd_table::EntryView<'_>) -> std::net::Ipv4Addr {
    <[u8; 4]>::try_from(entry.key()).unwrap().into()
}

#[test]
fn every_action_has_its_effect_in_every_ruleset_where_it_is_allowed() {
    let mut untested: BTreeSet<String> = Ruleset::ALL
        .into_iter()
        .flat_map(|ruleset| actions(ruleset).map(move |spec| format!("{ruleset:?} {}", spec.name)))
        .collect();
    for (text, effect) in EFFECTS {
        let word = text.split(' ').next().unwrap();
        for ruleset in Ruleset::ALL {
            let Some(spec) = find(ruleset, word.as_bytes()) else {
                continue;
            };
            let is_tcp_capture = !ruleset.is_http() && text.ends_with("id 0");
            let is_answer_capture = ruleset.is_response() && text.ends_with("len 3");
            if word == "use-service" && ruleset == Ruleset::TcpContent {
                // No service is for raw connections.
                untested.remove("TcpContent use-service");
                continue;
            }
            if is_tcp_capture || is_answer_capture {
                continue;
            }
            let mut rig = Rig::default();
            let is_map = word.contains("map");
            let set = rig.patterns.add_file(None, "l", is_map, usage()).unwrap();
            set.add(None, b"old", is_map.then_some(b"1")).unwrap();
            let step = rig
                .rule(ruleset, text)
                .unwrap_or_else(|e| panic!("{text}: {e:?}"));
            let mut stage = Stage::of(ruleset);
            let key = Key::ipv4(std::net::Ipv4Addr::LOCALHOST);
            let table = stage.world.table(TableId(0)).unwrap().clone();
            let entry = crate::track::Entry::start(table, &key, stage.now).unwrap();
            stage.session.counters.put(0, entry);
            let mut tls = TlsFacts::default();
            tls.early = Some(Rc::new(Early::new(true)));
            stage.session.tls = Some(Rc::new(tls));
            let verdict = stage.run(&step);
            let seen = seen(&stage, &set, &verdict, ruleset);
            let effect = match (ruleset, *text) {
                (Ruleset::HttpResponse, "deny") => "verdict Deny { status: 502",
                _ => effect,
            };
            assert!(
                seen.contains(effect),
                "{ruleset:?} {text}: wanted <{effect}> in <{seen}>"
            );
            untested.remove(&format!("{ruleset:?} {}", spec.name));
        }
    }
    assert!(untested.is_empty(), "no effect tested: {untested:?}");
}

fn usage() -> Usage {
    Usage {
        what: "map".to_owned(),
        span: None,
    }
}

fn target_after(rule: &str, target: &str) -> String {
    let mut rig = Rig::default();
    let step = rig.rule(Ruleset::HttpRequest, rule).unwrap();
    let mut stage = Stage::of(Ruleset::HttpRequest);
    stage
        .request
        .as_mut()
        .unwrap()
        .set_target(target.as_bytes())
        .unwrap();
    let verdict = stage.run(&step);
    if verdict != Verdict::Continue {
        return format!("{verdict:?}");
    }
    String::from_utf8_lossy(stage.request.as_ref().unwrap().target()).into_owned()
}

#[test]
fn targets_are_normalized_as_the_manual_says() {
    for (normalizer, target, wanted) in [
        ("fragment-encode", "/a#b", "/a%23b"),
        ("fragment-strip", "/a?b#c", "/a?b"),
        ("path-merge-slashes", "//a///b?//", "/a/b?//"),
        ("path-strip-dot", "/./a/./b/.?/./", "/a/b/?/./"),
        ("path-strip-dot", "/.a/b.", "/.a/b."),
        ("path-strip-dotdot", "/a/../b", "/b"),
        ("path-strip-dotdot", "/a/b/..", "/a/"),
        ("path-strip-dotdot", "/../a", "/../a"),
        ("path-strip-dotdot full", "/../a", "/a"),
        ("path-strip-dotdot full", "/../../", "/"),
        ("percent-decode-unreserved", "/%61%2f%zz", "/a%2f%zz"),
        ("percent-decode-unreserved strict", "/%zz", "Invalid"),
        ("percent-to-uppercase", "/%2f%2a", "/%2F%2A"),
        ("percent-to-uppercase strict", "/%2", "Invalid"),
        ("query-sort-by-name", "/?c=3&a=2&b&a=1", "/?a=2&a=1&b&c=3"),
        ("query-sort-by-name", "*", "*"),
    ] {
        assert_eq!(
            target_after(&format!("normalize-uri {normalizer}"), target),
            wanted
        );
    }
}

#[test]
fn edits_of_the_target_keep_what_they_do_not_name() {
    for (rule, target, wanted) in [
        ("set-path /p", "http://h/a?q", "http://h/p?q"),
        ("set-query z", "/a", "/a?z"),
        ("set-pathq /p?z", "http://h/a?q", "http://h/p?z"),
        ("set-path /p", "*", "/p"),
        ("replace-path ^/b /c", "/a?q", "/a?q"),
    ] {
        assert_eq!(target_after(rule, target), wanted, "{rule} on {target}");
    }
}

#[test]
fn a_host_header_and_an_absolute_target_stay_in_step() {
    let mut rig = Rig::default();
    let step = rig
        .rule(Ruleset::HttpRequest, "set-header Host new:81")
        .unwrap();
    let mut stage = Stage::of(Ruleset::HttpRequest);
    stage
        .request
        .as_mut()
        .unwrap()
        .set_target(b"http://old/a")
        .unwrap();
    stage.run(&step);
    assert!(show(stage.request.as_ref().unwrap()).starts_with("GET http://new:81/a HTTP/1.1"));
}

fn location(rule: &str) -> String {
    let mut rig = Rig::default();
    let step = rig.rule(Ruleset::HttpRequest, rule).unwrap();
    let mut stage = Stage::of(Ruleset::HttpRequest);
    match stage.run(&step) {
        Verdict::Reply => {
            let reply = stage.reply.unwrap();
            let text = |name: &[u8]| {
                String::from_utf8_lossy(reply.head.first(name).unwrap_or_default()).into_owned()
            };
            format!("{} {}", text(b"location"), text(b"set-cookie"))
                .trim_end()
                .to_owned()
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn redirects_are_built_from_location_prefix_or_scheme() {
    for (rule, wanted) in [
        ("redirect prefix http://x", "http://x/a/b?x=1&y=2"),
        ("redirect prefix /", "/a/b?x=1&y=2"),
        (
            "redirect prefix http://x drop-query append-slash",
            "http://x/a/b/",
        ),
        (
            "redirect scheme https",
            "https://www.example.com/a/b?x=1&y=2",
        ),
        ("redirect location /l keep-query", "/l?x=1&y=2"),
        ("redirect location /l?z keep-query", "/l?z&x=1&y=2"),
        ("redirect location /l? keep-query", "/l?x=1&y=2"),
        ("redirect location /%[str(a)]", "/a"),
        ("redirect location %[str()] ignore-empty", "Continue"),
        ("redirect location / set-cookie A=1", "/ A=1; path=/;"),
        (
            "redirect location / clear-cookie A",
            "/ A; path=/; Max-Age=0;",
        ),
        (
            "redirect location / set-cookie-fmt A=%[int(2)]",
            "/ A=2; path=/;",
        ),
    ] {
        assert_eq!(location(rule), wanted, "{rule}");
    }
}

#[test]
fn the_redirect_directive_takes_its_target_as_it_is() {
    let mut rig = Rig::default();
    let name = Word::new("redirect", crate::rig::SPAN);
    let words = crate::rig::words("location /%[src] if { always_true }");
    let checkpoint = Ruleset::HttpRequest.checkpoint(false);
    let step = rig
        .at(checkpoint, |ctx| parse_redirect(name, &words[..2], ctx))
        .unwrap();
    let mut stage = Stage::of(Ruleset::HttpRequest);
    assert_eq!(stage.run(&step), Verdict::Reply);
    assert_eq!(
        stage.reply.unwrap().head.first(b"location").unwrap(),
        b"/%[src]"
    );
}

#[test]
fn a_pause_ends_at_its_time_and_a_later_one_begins_anew() {
    let mut rig = Rig::default();
    let step = rig.rule(Ruleset::HttpRequest, "pause 10ms").unwrap();
    let mut stage = Stage::of(Ruleset::HttpRequest);
    let until = stage.now + Duration::from_millis(10);
    assert_eq!(stage.run(&step), Verdict::Wait(Need::Until(until)));
    stage.now = stage.now + Duration::from_millis(9);
    assert_eq!(stage.run(&step), Verdict::Wait(Need::Until(until)));
    stage.now = until;
    assert_eq!(stage.run(&step), Verdict::Continue);
    let next = until + Duration::from_millis(10);
    assert_eq!(stage.run(&step), Verdict::Wait(Need::Until(next)));
}

#[test]
fn waiting_for_a_body_ends_with_it_or_with_the_time() {
    let mut rig = Rig::default();
    let step = rig
        .rule(Ruleset::HttpRequest, "wait-for-body time 2s")
        .unwrap();
    let mut stage = Stage::of(Ruleset::HttpRequest);
    assert!(matches!(
        stage.run(&step),
        Verdict::Wait(Need::Body { at_least: 0, .. })
    ));
    assert_eq!(
        stage.run_after(&step, Duration::from_secs(2)),
        Verdict::TimedOut
    );
    stage.body_is_complete = true;
    assert_eq!(stage.run(&step), Verdict::Continue);
}

#[test]
fn conditions_of_set_var_compare_old_and_new() {
    let run = |rules: &[&str]| {
        let mut rig = Rig::default();
        let mut stage = Stage::of(Ruleset::HttpRequest);
        for rule in rules {
            let step = rig.rule(Ruleset::HttpRequest, rule).unwrap();
            stage.run(&step);
        }
        let mut value = String::new();
        stage.sess.each(|_, set| value = format!("{set:?}"));
        value
    };
    let first = "set-var(sess.a) int(3)";
    assert_eq!(
        run(&[first, "set-var(sess.a,ifnotexists) int(4)"]),
        "Int(3)"
    );
    assert_eq!(run(&[first, "set-var(sess.a,ifexists) int(4)"]), "Int(4)");
    assert_eq!(run(&[first, "set-var(sess.a,ifgt) int(2)"]), "Int(2)");
    assert!(When::Exists.holds(Scope::Proc, None, Value::Int(1)));
    assert!(!When::NotExists.holds(Scope::Proc, None, Value::Int(1)));
    assert!(!When::Set.holds(Scope::Proc, None, Value::Int(1)));
    assert_eq!(run(&[first, "set-var(sess.a,iflt) int(2)"]), "Int(3)");
    assert_eq!(run(&[first, "set-var(sess.a,ifnotempty) str()"]), "Int(3)");
    assert_eq!(run(&[first, "unset-var(sess.a)"]), "");
}

#[test]
fn a_proxys_error_file_answers_for_auth_with_the_challenge_added() {
    let mut rig = Rig::default();
    let step = rig.rule(Ruleset::HttpRequest, "auth realm R").unwrap();
    let mut stage = Stage::of(Ruleset::HttpRequest);
    let file = b"HTTP/1.0 401 No\r\nX-Mine: 1\r\n\r\nbody";
    let spec = ReplySpec::from_file(401, file, Default::default()).unwrap();
    stage.world.errors.insert(401, spec.into());
    assert_eq!(stage.run(&step), Verdict::Reply);
    let reply = stage.reply.unwrap();
    assert_eq!(
        show(&reply.head),
        "HTTP/1.0 401 No | x-mine: 1 | content-length: 4 | www-authenticate: Basic realm=\"R\""
    );
    assert_eq!(reply.body, b"body");
}
