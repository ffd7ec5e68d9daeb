//! Certificates, authorities and lists changed on the runtime socket: the same words from both
//! programs, and connections that are not disturbed.

use super::*;

/// Says commands to a program and writes down what it answers, without its own paths.
pub(super) struct Talk<'a> {
    proxy: &'a Proxy,
    pub(super) text: String,
}

impl<'a> Talk<'a> {
    pub(super) fn new(proxy: &'a Proxy) -> Self {
        let text = String::new();
        Self { proxy, text }
    }

    /// One command; its first line stands in the text.
    pub(super) fn say(&mut self, command: &str) -> String {
        let answer = self.proxy.runtime(command);
        let place = self.proxy.directory().display().to_string();
        let answer = answer.replace(&place, "DIR");
        let first = command.lines().next().unwrap_or_default();
        self.text.push_str(&format!("> {first}\n{answer}\n"));
        answer
    }

    pub(super) fn set(&mut self, what: &str, payload: &str) -> String {
        self.say(&format!("set ssl {what} <<\n{payload}\n"))
    }
}

/// Whether the HAProxy that is there is 3.4 or later: older ones say less and know fewer commands.
pub(super) fn knows_the_words() -> bool {
    let program = std::env::var("HAPROXY").unwrap_or_else(|_| "haproxy".to_owned());
    let Ok(output) = std::process::Command::new(program).arg("-v").output() else {
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split("version ").nth(1).unwrap_or_default();
    let mut numbers = version
        .split(['.', '-'])
        .map(|part| part.parse().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(3), Some(4))
}

/// Both programs must say the same in a case.
pub(super) fn same_words(case: impl Fn(&Program, &mut Vec<String>)) {
    let talk = |program: &Program| {
        let mut texts = Vec::new();
        case(program, &mut texts);
        texts.join("\n")
    };
    let got = talk(&Program::Lbd);
    if !knows_the_words() {
        return;
    }
    let wanted = talk(&Program::Haproxy);
    for (ours, theirs) in got.lines().zip(wanted.lines()) {
        assert_eq!(
            ours, theirs,
            "lbd's on the left, HAProxy's on the right; of\n{got}"
        );
    }
    assert_eq!(
        got.lines().count(),
        wanted.lines().count(),
        "{got}\n{wanted}"
    );
}

const FRONT: &str = "frontend web
    bind <front> ssl <bind>
    http-request return status 200
";

fn shown(proxy: &Proxy, tls: &Tls, name: &str, leaves: &[&certs::Leaf]) -> Option<usize> {
    let client = tls.connect(proxy.address("front"), name).ok()?;
    let shown = client.certificate();
    leaves.iter().position(|leaf| leaf.der == shown)
}

#[test]
fn a_certificate_is_replaced_by_a_transaction_and_connections_go_on() {
    let authority = Authority::new("CA");
    let old = authority.leaf(&["a.test"]);
    let new = authority.leaf(&["a.test", "more.test"]);
    let rsa = authority.rsa_leaf(&["r.test"]);
    same_words(|program, texts| {
        let proxy = super::program(program, FRONT)
            .with("bind", "crt a.pem crt-list list")
            .file("a.pem", old.bundle())
            .file("r.pem", rsa.bundle())
            .file("list", "r.pem\na.pem [alpn http/1.1] x.test\n")
            .start();
        let tls = Tls::trusting_names_or_not(&authority);
        let leaves = [&old, &new, &rsa];
        let mut client = tls.connect(proxy.address("front"), "a.test").expect("TLS");
        let mut talk = Talk::new(&proxy);
        talk.say("show ssl cert");
        talk.say("show ssl cert a.pem");
        talk.set("cert a.pem", &new.bundle());
        talk.say("show ssl cert");
        talk.say("show ssl cert *a.pem");
        talk.set("cert r.pem", &new.bundle());
        talk.say("commit ssl cert r.pem");
        talk.say("abort ssl cert r.pem");
        assert_eq!(shown(&proxy, &tls, "a.test", &leaves), Some(0), "not yet");
        talk.say("commit ssl cert a.pem");
        for name in ["a.test", "more.test", "x.test", "unknown.test"] {
            assert_eq!(
                shown(&proxy, &tls, name, &leaves),
                Some(1),
                "{program:?} {name}"
            );
        }
        assert_eq!(shown(&proxy, &tls, "r.test", &leaves), Some(2));
        assert_eq!(client.get("/").expect("an answer").0, 200, "{program:?}");
        talk.say("show ssl cert a.pem");
        talk.say("dump ssl cert a.pem");
        talk.say("show ssl sni");
        talk.say("commit ssl cert a.pem");
        talk.say("abort ssl cert a.pem");
        texts.push(talk.text);
    });
}

#[test]
fn what_does_not_fit_is_refused_and_the_old_certificate_stays() {
    let authority = Authority::new("CA");
    let old = authority.leaf(&["a.test"]);
    let new = authority.leaf(&["a.test", "more.test"]);
    same_words(|program, texts| {
        let proxy = super::program(program, FRONT)
            .with("bind", "crt a.pem")
            .file("a.pem", old.bundle())
            .start();
        let tls = Tls::trusting_names_or_not(&authority);
        let mut talk = Talk::new(&proxy);
        let is_old = |talk: &Talk<'_>| {
            assert_eq!(
                shown(talk.proxy, &tls, "a.test", &[&old]),
                Some(0),
                "{program:?}"
            );
        };
        for command in [
            "new ssl cert",
            "set ssl cert",
            "set ssl cert a.pem",
            "commit ssl cert",
            "abort ssl cert",
            "del ssl cert",
            "dump ssl cert",
            "show ssl cert nope",
            "show ssl cert *a.pem",
            "commit ssl cert a.pem",
            "del ssl cert a.pem",
            "del ssl cert nope",
            "new ssl cert a.pem",
        ] {
            talk.say(command);
        }
        talk.set("cert nope", &new.bundle());
        talk.set("cert a.pem", "no certificate");
        // A key of another certificate: the transaction stays and can be mended.
        talk.set(
            "cert a.pem",
            &format!("{}{}", new.cert_pem(), old.key_pem()),
        );
        talk.say("commit ssl cert a.pem");
        is_old(&talk);
        talk.say("show ssl cert");
        talk.set("cert a.pem.key", &new.key_pem());
        talk.say("commit ssl cert a.pem");
        assert_eq!(
            shown(&proxy, &tls, "a.test", &[&new]),
            Some(0),
            "{program:?}"
        );
        talk.set("cert a.pem", &old.bundle());
        talk.say("commit ssl cert a.pem");
        is_old(&talk);
        // One that nobody uses may be empty, or go.
        talk.say("new ssl cert n.pem");
        talk.say("show ssl cert n.pem");
        talk.set("cert n.pem", &new.bundle());
        talk.say("del ssl cert n.pem");
        talk.say("commit ssl cert n.pem");
        talk.say("show ssl cert n.pem");
        talk.say("del ssl cert n.pem");
        talk.say("show ssl cert");
        is_old(&talk);
        // Without its key what is in use cannot be replaced; the text behind is the library's.
        talk.set("cert a.pem", &new.cert_pem());
        let answer = proxy.runtime("commit ssl cert a.pem");
        let wanted = "unable to load SSL private key into SSL Context 'a.pem'";
        assert!(
            answer.contains(wanted) && answer.contains("Failed!"),
            "{answer}"
        );
        talk.say("abort ssl cert a.pem");
        is_old(&talk);
        texts.push(talk.text);
    });
}

#[test]
fn the_certificate_shown_to_servers_is_replaced_too() {
    let authority = Authority::new("CA");
    let site = authority.leaf(&["server.test"]);
    let old = authority.leaf(&["old-client"]);
    let new = authority.leaf(&["new-client"]);
    same_words(|program, texts| {
        let text = "frontend web
    bind <front>
    default_backend servers
backend servers
    server s <back> ssl verify none crt client.pem
frontend back
    bind <back> ssl crt site.pem ca-file ca.pem verify required
    http-request return status 200 content-type text/plain lf-string %[ssl_c_s_dn(cn)]
";
        let proxy = super::program(program, text)
            .listener("back")
            .file("site.pem", site.bundle())
            .file("client.pem", old.bundle())
            .file("ca.pem", authority.pem())
            .start();
        let who = || {
            let mut client = Client::connect(proxy.address("front"));
            client.get("/").text()
        };
        assert_eq!(who(), "old-client", "{program:?}");
        let mut talk = Talk::new(&proxy);
        talk.set("cert client.pem", &new.bundle());
        talk.say("commit ssl cert client.pem");
        talk.say("show ssl cert client.pem");
        // Connections that wait for use were made with the old one.
        support::eventually("a new connection", Duration::from_secs(10), || {
            who() == "new-client"
        });
        texts.push(talk.text);
    });
}

#[test]
fn authorities_and_revocations_change_for_new_connections() {
    let (first, second) = (Authority::new("First"), Authority::new("Second"));
    let site = first.leaf(&["a.test"]);
    let (one, two) = (
        first.leaf(&["client-of-first"]),
        second.leaf(&["client-two"]),
    );
    same_words(|program, texts| {
        let proxy = super::program(program, FRONT)
            .with(
                "bind",
                "crt a.pem verify required ca-file ca.pem crl-file crl.pem",
            )
            .file("a.pem", site.bundle())
            .file("ca.pem", first.pem())
            .file("crl.pem", format!("{}{}", first.crl(&[]), second.crl(&[])))
            .start();
        let enters = |leaf: &certs::Leaf| {
            let offer = client::Offer {
                certificate: Some(leaf),
                ..client::Offer::default()
            };
            let tls = Tls::offering(&first, &offer);
            let client = tls.connect(proxy.address("front"), "a.test");
            client.and_then(|mut client| client.get("/")).is_ok()
        };
        assert!(enters(&one) && !enters(&two), "{program:?}");
        let mut talk = Talk::new(&proxy);
        talk.say("show ssl ca-file ca.pem");
        talk.say("show ssl crl-file");
        talk.say("show ssl crl-file crl.pem");
        talk.set("ca-file nope", &second.pem());
        talk.set("ca-file ca.pem", "no certificate");
        talk.set("ca-file ca.pem", &second.pem());
        talk.say("show ssl ca-file *ca.pem");
        talk.say("commit ssl ca-file nope");
        assert!(enters(&one) && !enters(&two), "{program:?}: not yet");
        talk.say("commit ssl ca-file ca.pem");
        assert!(!enters(&one) && enters(&two), "{program:?}");
        talk.say(&format!("add ssl ca-file ca.pem <<\n{}\n", first.pem()));
        talk.say("commit ssl ca-file ca.pem");
        assert!(enters(&one) && enters(&two), "{program:?}");
        let revoked = format!("{}{}", first.crl(&[&one]), second.crl(&[]));
        talk.set("crl-file crl.pem", &revoked);
        talk.say("show ssl crl-file");
        talk.say("show ssl crl-file *crl.pem:1");
        talk.say("commit ssl crl-file crl.pem");
        assert!(!enters(&one) && enters(&two), "{program:?}");
        for command in [
            "del ssl ca-file ca.pem",
            "del ssl crl-file crl.pem",
            "del ssl ca-file nope",
            "new ssl ca-file n",
            "new ssl ca-file n",
            "show ssl ca-file n",
            "del ssl ca-file n",
            "new ssl crl-file n",
            "show ssl crl-file n",
            "del ssl crl-file n",
            "show ssl ca-file ca.pem:9",
            "abort ssl ca-file ca.pem",
        ] {
            talk.say(command);
        }
        texts.push(talk.text);
    });
}

#[test]
fn lines_of_lists_come_and_go() {
    let authority = Authority::new("CA");
    let first = authority.leaf(&["first.test"]);
    let second = authority.leaf(&["second.test"]);
    let third = authority.rsa_leaf(&["third.test"]);
    same_words(|program, texts| {
        let proxy = super::program(program, FRONT)
            .with("bind", "crt-list list crt certs")
            .file("first.pem", first.bundle())
            .file("second.pem", second.bundle())
            .file("certs/d.pem", first.bundle())
            .file("ca.pem", authority.pem())
            .file("list", "first.pem\n# more\nsecond.pem [verify none ssl-min-ver TLSv1.2] *.second.test !no.second.test\n")
            .start();
        let tls = Tls::trusting_names_or_not(&authority);
        let leaves = [&first, &second, &third];
        let mut talk = Talk::new(&proxy);
        for command in [
            "show ssl crt-list",
            "show ssl crt-list list",
            "show ssl crt-list -n list",
            "show ssl crt-list certs",
            "show ssl crt-list nope",
            "show ssl crt-list -n",
            "show ssl ca-file ca.pem:x",
            "show ssl cert first.pem",
            "show ssl cert certs/d.pem",
            "commit ssl crl-file",
            "dump ssl nope",
            "add ssl crt-list nope first.pem",
            "add ssl crt-list list nope.pem",
            "add ssl crt-list list",
            "new ssl cert third.pem",
            "add ssl crt-list list third.pem",
        ] {
            talk.say(command);
        }
        talk.set("cert third.pem", &third.bundle());
        talk.say("commit ssl cert third.pem");
        assert_eq!(
            shown(&proxy, &tls, "third.test", &leaves),
            Some(0),
            "{program:?}"
        );
        talk.say("add ssl crt-list list third.pem");
        assert_eq!(
            shown(&proxy, &tls, "third.test", &leaves),
            Some(2),
            "{program:?}"
        );
        talk.say("add ssl crt-list list <<\nthird.pem [bogus] x.test\n");
        talk.say("add ssl crt-list list <<\nthird.pem [alpn] x.test\n");
        talk.say("add ssl crt-list nope <<\nthird.pem [alpn] x.test\n");
        talk.say("add ssl crt-list list <<\nthird.pem [ca-file other.pem] x.test\n");
        talk.say("add ssl crt-list list <<\nthird.pem x.test\nthird.pem y.test\n");
        talk.say("add ssl crt-list list <<\nthird.pem [verify none] *.third.test !x.third.test\n");
        talk.say("add ssl crt-list certs certs/d.pem");
        talk.say("add ssl crt-list certs/ third.pem");
        assert_eq!(
            shown(&proxy, &tls, "q.third.test", &leaves),
            Some(2),
            "{program:?}"
        );
        assert_eq!(
            shown(&proxy, &tls, "x.third.test", &leaves),
            Some(0),
            "{program:?}"
        );
        talk.say("show ssl crt-list -n list");
        talk.say("show ssl crt-list -n certs");
        talk.say("show ssl sni");
        talk.say("show ssl sni -A -t 100000d");
        for command in [
            "del ssl crt-list list nope.pem",
            "del ssl crt-list nope third.pem",
            "del ssl crt-list list first.pem",
            "del ssl crt-list list third.pem",
            "del ssl crt-list list third.pem:9",
            "del ssl crt-list list third.pem:x",
            "del ssl cert third.pem",
            "del ssl crt-list list third.pem:4",
            "del ssl crt-list list third.pem:5",
            "del ssl crt-list certs third.pem",
            "del ssl cert third.pem",
            "show ssl crt-list -n list",
        ] {
            talk.say(command);
        }
        assert_eq!(
            shown(&proxy, &tls, "third.test", &leaves),
            Some(0),
            "{program:?}"
        );
        texts.push(talk.text);
    });
}

#[test]
fn ticket_keys_are_shown_and_replaced() {
    let authority = Authority::new("CA");
    let site = authority.leaf(&["a.test"]);
    let key = |byte: u8| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode([byte; 48])
    };
    same_words(|program, texts| {
        let proxy = super::program(program, FRONT)
            .with("bind", "crt a.pem tls-ticket-keys keys")
            .file("a.pem", site.bundle())
            .file("keys", format!("{}\n{}\n{}\n", key(1), key(2), key(3)))
            .start();
        let tls = Tls::offering(&authority, &client::Offer::default());
        let resumes = || {
            let mut client = tls.connect(proxy.address("front"), "a.test").expect("TLS");
            client.get("/").expect("an answer");
            client.is_resumed()
        };
        assert!(!resumes() && resumes(), "{program:?}");
        let mut talk = Talk::new(&proxy);
        talk.say("show tls-keys");
        talk.say("show tls-keys *");
        talk.say("show tls-keys nope");
        talk.say("set ssl tls-key");
        talk.say("set ssl tls-key nope AAAA");
        talk.say("set ssl tls-key keys AAAA");
        talk.say(&format!("set ssl tls-key #0 {}", key(4)));
        assert!(resumes(), "{program:?}: an old ticket is read");
        talk.say(&format!("set ssl tls-key keys {}", key(5)));
        talk.say(&format!("set ssl tls-key keys {}", key(6)));
        talk.say(&format!("set ssl tls-key keys {}", key(7)));
        talk.say("show tls-keys #0");
        assert!(!resumes(), "{program:?}: its key is gone");
        texts.push(talk.text);
    });
}

#[test]
fn who_may_do_what() {
    let authority = Authority::new("CA");
    let site = authority.leaf(&["a.test"]);
    for level in ["user", "operator"] {
        same_words(|program, _| {
            let text = format!(
                "global\n    stats socket <runtime> level {level}\n    <global>\n{DEFAULTS}\n{FRONT}"
            );
            let proxy = Proxy::of(program.clone(), text)
                .with("global", "maxconn 500")
                .with("bind", "crt a.pem")
                .listener("front")
                .unix_listener("runtime")
                .file("a.pem", site.bundle())
                .start();
            for command in [
                "set ssl cert a.pem",
                "commit ssl cert a.pem",
                "new ssl cert a.pem",
                "del ssl cert a.pem",
                "show ssl crt-list",
                "show tls-keys",
            ] {
                let answer = proxy.runtime(command);
                assert!(answer.contains("Permission denied"), "{program:?} {answer}");
            }
            let may = |command: &str, part: &str| proxy.runtime(command).contains(part);
            assert!(may("show ssl sni", "a.test"), "{program:?}");
            assert!(!may("dump ssl cert a.pem", "BEGIN"), "{program:?}");
            let lists = may("show ssl cert", "a.pem");
            assert_eq!(lists, level == "operator", "{program:?}");
        });
    }
}
