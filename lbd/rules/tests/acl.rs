//! ACLs and conditions: what holds, what is refused, warned of, not known yet, and what it costs.

#[path = "support/bench.rs"]
mod support;

use std::cell::Cell;

use bumpalo::Bump;
use lbd_core::{Checkpoint, Diag};
use lbd_rules::acl::{AclTable, Cond, Truth};
use lbd_rules::view::View;
use lbd_rules::word::Word;
use support::{Bench, SPAN, Scene};

fn words(text: &str) -> Vec<Word<'_>> {
    text.split(' ').map(|word| Word::new(word, SPAN)).collect()
}

fn cond(bench: &mut Bench, text: &str) -> Result<Cond, Diag> {
    Cond::parse(&words(text), false, &mut bench.ctx(Checkpoint::FeHrqHdr))
}

fn holds(text: &str) -> bool {
    let mut bench = Bench::default();
    let cond = cond(&mut bench, text).unwrap_or_else(|diag| panic!("{text}: {}", diag.message));
    cond.eval(&Scene::new().view()) == Truth::True
}

#[test]
fn conditions_hold_as_the_request_says() {
    for text in [
        "{ path_beg /p }",
        "{ path -m end /a }",
        "{ path_dir p }",
        "{ hdr(host) -i WWW.EXAMPLE.COM:8080 }",
        "{ hdr_dom(host) example }",
        "{ hdr_beg(host) -i Www. }",
        "{ src 192.0.2.0/24 }",
        "{ src 10.0.0.0/8 192.0.2.9 }",
        "{ dst_port 80 }",
        "{ dst_port ge 80 }",
        "{ dst_port 1:100 }",
        "{ hdr(x) 3 }",
        "{ hdr(x) 1 }",
        "{ hdr_cnt(x) eq 3 }",
        "{ hdr_val(x) gt 2 }",
        "{ path_len 4 }",
        "{ path_len lt 10 }",
        "{ path_reg ^/p/(a|b)$ }",
        "{ path_reg -i ^/P/ }",
        "{ path_sub /a }",
        "{ path -m bin 2f702f61 }",
        "{ method GET }",
        "METH_GET HTTP_1.1",
        "!METH_POST",
        "! METH_POST",
        "FALSE || TRUE",
        "FALSE or TRUE",
        "FALSE TRUE or METH_GET",
        "{ url_param(b) -m found }",
        "{ cook(b) 2 }",
        "{ cook(a) 1 }",
        "{ http_auth(users) }",
        "{ http_auth_group(users) admin }",
        "{ hdr_ip(x-forwarded-for) 2001:db8::/32 }",
        "{ int(5) -m str 5 }",
        "{ path,lower,length 4 }",
        "{ hdr(host), lower -m sub example }",
        "{ path,upper, lower, length 4 }",
        "{ path, /p/a }",
        "{ acl(TRUE,!FALSE) }",
        "HTTP_CONTENT HTTP_URL_SLASH !LOCALHOST",
    ] {
        assert!(holds(text), "{text}");
    }
    for text in [
        "{ path_beg /x }",
        "{ path_end p }",
        "{ path_dir /p/ /x }".replace("/p/ ", "").as_str(),
        "{ hdr(host) www.example.com }",
        "{ hdr_dom(host) exam }",
        "{ src 10.0.0.0/8 }",
        "{ dst_port lt 80 }",
        "{ hdr(x) 4 }",
        "{ url_param(zz) -m found }",
        "METH_GET !METH_GET",
        "TRUE FALSE",
        "{ path -- }",
    ] {
        assert!(!holds(text), "{text}");
    }
}

#[test]
fn lines_of_one_name_are_alternatives() {
    let mut bench = Bench::default();
    for line in ["a path /no", "a path /p/a"] {
        let table = std::mem::take(&mut bench.acls);
        table
            .add(&words(line), &mut bench.ctx(Checkpoint::FeHrqHdr))
            .expect(line);
        bench.acls = table;
    }
    let cond = cond(&mut bench, "a").expect("declared");
    assert_eq!(cond.eval(&Scene::new().view()), Truth::True);
}

#[test]
fn faults_have_the_references_words() {
    for (text, message) in [
        ("zz", "no such ACL : 'zz'"),
        (
            "{ src -m bool }",
            "matching method 'bool' cannot be used with fetch keyword 'src'",
        ),
        (
            "{ req.hdr(x)y 1 }",
            "missing comma after fetch keyword in ACL expression 'req.hdr(x)y'",
        ),
        (
            "{ req.hdr(x 1 }",
            "fetch method 'req.hdr' : expected ')' in ACL expression 'req.hdr(x'",
        ),
        ("{ req.ssl_ver -m int 3.1 }", "'3.1' is not a number"),
        ("{ path -u x x }", "the argument of -u must be an integer"),
        (
            "{ path -m beg -m end x }",
            "only one explicit matching method can be defined with '-m' parameter. if migrating \
             from an old version, just keep the last one",
        ),
        (
            "{ dst_port -1 }",
            "'-1' is not a valid ACL option. Please use '--' before any pattern beginning with \
             a '-'",
        ),
        (
            "{ nbsrv gt 1 }",
            "this proxy, referenced in arg 1 of sample fetch keyword 'nbsrv', has not backend \
             capability in ACL expression 'nbsrv'",
        ),
        ("{ path /", "missing closing '}' in condition"),
        ("{ }", "missing fetch method in ACL expression ''"),
        (
            "{ path_beg(a) / }",
            "ACL keyword 'path_beg' : expected ')' before 'a)'",
        ),
        (
            "{ path_foo / }",
            "unknown fetch method 'path_foo' in ACL expression 'path_foo'",
        ),
        (
            "{ hdr_beg(host)lower / }",
            "ACL keyword 'hdr_beg' : missing comma after fetch keyword",
        ),
        (
            "{ path -m foo 1 }",
            "unknown matching method 'foo' when parsing ACL expression",
        ),
        ("{ path -m int 1x }", "'1x' is not a number"),
        (
            "{ src 1.2.3.4/40 }",
            "'1.2.3.4/40' is not a valid IPv4 or IPv6 address",
        ),
        ("{ dst_port 1:2:3 }", "'1:2:3' is not a valid number range"),
        (
            "{ dst_port gt x }",
            "'x' is neither a number nor a supported operator",
        ),
        ("{ dst_port foo 10 }", "'foo' is not a number"),
        (
            "{ path -f /nonexist }",
            "failed to open pattern file </nonexist>",
        ),
        ("{ path -m bin zz }", "an hex digit is expected (found 'z')"),
        (
            "{ path -z foo }",
            "'-z' is not a valid ACL option. Please use '--' before any pattern beginning with \
             a '-'",
        ),
        (
            "{ req.body aa }",
            "matching method must be specified first (using '-m') when using a sample fetch of \
             this type ('req.body')",
        ),
    ] {
        let diag = cond(&mut Bench::default(), text).expect_err(text);
        assert_eq!(diag.message, message, "{text}");
    }
}

#[test]
fn acl_names_are_checked() {
    for (line, message) in [
        (
            "b! path /",
            "character '!' is not permitted in acl name 'b!'",
        ),
        (
            "or path /",
            "acl name 'or' will never match. 'or' is used to express a logical disjunction \
             within a condition.",
        ),
        (
            "a foo 1",
            "error detected while parsing ACL 'a' : unknown fetch method 'foo' in ACL \
                     expression 'foo'",
        ),
    ] {
        let mut bench = Bench::default();
        let table = AclTable::new();
        let diag = table
            .add(&words(line), &mut bench.ctx(Checkpoint::FeHrqHdr))
            .expect_err(line);
        assert_eq!(diag.message, message);
    }
}

#[test]
fn what_can_never_match_is_warned_of() {
    let mut bench = Bench::default();
    cond(&mut bench, "{ status 200 }").expect("a warning only");
    assert_eq!(
        bench.diags.0[0].message,
        "anonymous acl will never match because it uses keyword 'status' which is incompatible \
         with 'frontend http-request header rule'"
    );
    let mut bench = Bench::default();
    cond(&mut bench, "{ hdr_beg(host) }").expect("a warning only");
    assert!(
        bench.diags.0[0]
            .message
            .contains("no pattern to match against were provided")
    );
}

#[test]
fn patterns_of_http_auth_group_are_groups_of_its_list() {
    for text in [
        "{ http_auth_group(users) staff }",
        "{ http_auth_group(users) board admin }",
        "{ http_auth_group(users) -i admin }",
        "{ http_auth_group('users') admin }",
    ] {
        assert!(holds(text), "{text}");
    }
    assert!(!holds("{ http_auth_group(users) board }"));
    let invalid = "http_auth_group(): invalid group ";
    let none = "http_auth_group(): no groups specified.";
    for (text, faults) in [
        ("{ http_auth_group(users) nope }", vec![invalid]),
        (
            "{ http_auth_group(users) joe admin nope }",
            vec![invalid, invalid],
        ),
        ("{ http_auth_group(users) -i Admin }", vec![invalid]),
        ("{ http_auth_group(users) -- }", vec![none]),
        ("{ http_auth_group(users) -f /list }", vec![none]),
        ("{ http_auth_group(users) -m str admin }", vec![none]),
        ("{ http_auth_group(users) -m found }", vec![none]),
        ("{ http_auth_group(users),lower admin }", vec![none]),
    ] {
        let mut bench = Bench::default();
        bench
            .names
            .files
            .insert("/list".to_owned(), b"admin\n".to_vec());
        if let Err(fault) = cond(&mut bench, text) {
            bench.diags.push(fault);
        }
        let said = bench.diags.0.iter().map(|diag| diag.message.as_str());
        let said: Vec<&str> = said.filter(|said| said.starts_with("http_auth")).collect();
        assert_eq!(said.len(), faults.len(), "{text}: {said:?}");
        for (said, fault) in said.iter().zip(faults) {
            assert!(said.starts_with(fault), "{text}: {said}");
        }
    }
}

#[test]
fn a_method_that_is_lost_is_warned_of() {
    let lost = |text: &str| {
        let mut bench = Bench::default();
        cond(&mut bench, text).expect(text);
        bench
            .diags
            .0
            .iter()
            .any(|diag| diag.message.contains("was overwritten"))
    };
    for text in [
        "{ hdr_beg(host),lower x }",
        "{ hdr_beg(host) -m str x }",
        "{ path_beg,lower -m str x }",
        "{ method -m beg GE }",
    ] {
        assert!(lost(text), "{text}");
    }
    for text in [
        "{ path,lower x }",
        "{ path -m beg x }",
        "{ hdr_beg(host) -m beg x }",
    ] {
        assert!(!lost(text), "{text}");
    }
}

#[test]
fn what_is_not_known_yet_decides_only_when_it_must() {
    let mut bench = Bench::default();
    let scene = Scene::new();
    let mut view = scene.view();
    view.is_final = false;
    view.request_body.complete = false;
    let mut ask = |text: &str, view: &View<'_>| {
        let cond = Cond::parse(&words(text), false, &mut bench.ctx(Checkpoint::FeReqCnt));
        cond.expect(text).eval(view)
    };
    assert_eq!(ask("{ req.len gt 3 }", &view), Truth::True);
    assert_eq!(ask("{ req.len gt 30 }", &view), Truth::NotYet);
    assert_eq!(
        ask("!{ req.len gt 30 }".replace("!{", "! {").as_str(), &view),
        Truth::NotYet
    );
    assert_eq!(ask("{ req.len gt 30 } FALSE", &view), Truth::False);
    assert_eq!(ask("{ req.len gt 30 } or TRUE", &view), Truth::True);
    assert_eq!(ask("WAIT_END", &view), Truth::NotYet);
    view.is_final = true;
    assert_eq!(ask("{ req.len gt 30 }", &view), Truth::False);
    assert_eq!(ask("WAIT_END", &view), Truth::True);
}

#[test]
fn common_conditions_allocate_nothing() {
    let mut bench = Bench::default();
    let scene = Scene::new();
    let arena = Bump::with_capacity(64);
    let before = arena.allocated_bytes();
    let view = View {
        arena: &arena,
        ..scene.view()
    };
    let count = Cell::new(0);
    for text in [
        "{ path_beg /x }",
        "{ hdr(host) -i a.com }",
        "{ src 10.0.0.0/8 }",
    ] {
        let cond = cond(&mut bench, text).expect(text);
        for _ in 0..1000 {
            count.set(count.get() + usize::from(cond.eval(&view) == Truth::True));
        }
    }
    assert_eq!((count.get(), arena.allocated_bytes()), (0, before));
}
