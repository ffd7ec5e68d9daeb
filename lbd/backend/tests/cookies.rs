//! Cookies observed on haproxy 3.4 (`data/cookies.txt`), judged again.
//!
//! Servers: s1 (`cookie a`), s2 (`cookie b`, in maintenance), s3 (no cookie, weight 0). The
//! application sets `S=app; path=/x`. Each line gives the time, the client's cookies, what the
//! server saw of them, the two letters of the log, and the `Set-Cookie` that the client got.

use lbd_backend::persist::{
    CookieContext, CookieMode, CookieSpec, CookieState, Persistence, RequestEdit, ResponseEdit,
};
use lbd_core::{ServerId, WallTime};

const S1: ServerId = ServerId(0);
const S2: ServerId = ServerId(1);

fn persistence(words: &[&str]) -> Persistence {
    let mut spec = CookieSpec::new("S", CookieMode::Insert);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut argument = || words.next().expect("an argument").to_string();
        match *word {
            "insert" => spec.mode = CookieMode::Insert,
            "rewrite" => spec.mode = CookieMode::Rewrite,
            "prefix" => spec.mode = CookieMode::Prefix,
            "indirect" => spec.indirect = true,
            "nocache" => spec.nocache = true,
            "httponly" => spec.httponly = true,
            "secure" => spec.secure = true,
            "preserve" => spec.preserve = true,
            "postonly" => spec.postonly = true,
            "domain" => spec.domains.push(argument()),
            "attr" => spec.attributes.push(argument()),
            "maxidle" => spec.maxidle = seconds(&argument()),
            "maxlife" => spec.maxlife = seconds(&argument()),
            other => panic!("option {other}"),
        }
    }
    Persistence::new(spec, vec![(b"a".to_vec(), S1), (b"b".to_vec(), S2)])
}

fn seconds(text: &str) -> u32 {
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "h" => 3600,
        "m" => 60,
        _ => 1,
    };
    number.parse::<u32>().expect("a number") * unit
}

/// What the server sees of the cookies, the letters, and what the client gets.
fn judge(p: &Persistence, now: WallTime, cookies: &str) -> (String, String, String) {
    let mut state = CookieState::default();
    let context = CookieContext {
        now,
        ..CookieContext::default()
    };
    let mut seen = Vec::new();
    for cookie in cookies.split("; ").filter(|c| *c != "-") {
        let Some(value) = cookie.strip_prefix("S=") else {
            seen.push(cookie.to_owned());
            continue;
        };
        let is_stopped = |server| server == S2;
        match p
            .on_request(&mut state, value.as_bytes(), &context, is_stopped)
            .1
        {
            RequestEdit::Keep => seen.push(cookie.to_owned()),
            RequestEdit::Remove => {}
            RequestEdit::Strip(at) => seen.push(format!("S={}", &value[at..])),
        }
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let own = match p.on_response(&mut state, Some(S1), false) {
        ResponseEdit::Keep => Some("S=app; path=/x".to_owned()),
        ResponseEdit::Prefix(value) => Some(format!("S={}~app; path=/x", text(value))),
        ResponseEdit::Remove => None,
        ResponseEdit::Replace(value) => Some(format!("S={}; path=/x", text(value))),
    };
    let inserted = p
        .insertion(&mut state, S1, false, false, now)
        .map(|i| text(&i.value));
    assert!(own.is_none() || inserted.is_none(), "one cookie at most");
    let letters = format!("{}{}", state.client.letter(), state.server.letter());
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let seen = Some(seen.join("; ")).filter(|s| !s.is_empty());
    (or_none(seen), letters, or_none(inserted.or(own)))
}

#[test]
fn every_observed_cookie_is_judged_alike() {
    let mut statement = "";
    let mut lines = 0;
    for line in include_str!("data/cookies.txt").lines() {
        if let Some(words) = line.strip_prefix("mode ") {
            statement = words;
            continue;
        }
        let fields: Vec<&str> = line.split('\t').collect();
        let [at, cookies, seen, letters, set_cookie] = fields[..] else {
            panic!("line {line}")
        };
        let secs: u64 = at.trim_start_matches("at ").parse().expect("a time");
        let persistence = persistence(&statement.split(' ').collect::<Vec<_>>());
        let got = judge(&persistence, WallTime(secs * 1_000_000), cookies);
        let wanted = (seen.to_owned(), letters.to_owned(), set_cookie.to_owned());
        assert_eq!(got, wanted, "cookie S {statement}: {cookies}");
        lines += 1;
    }
    assert!(lines > 40, "{lines} lines read");
}
