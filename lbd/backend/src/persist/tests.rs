use super::*;
use std::net::{IpAddr, Ipv4Addr};

const S1: ServerId = ServerId(0);
const S2: ServerId = ServerId(1);
const BACKUP: ServerId = ServerId(2);
const BARE: ServerId = ServerId(3);

fn persistence(change: impl FnOnce(&mut CookieSpec)) -> Persistence {
    let mut spec = CookieSpec::new("SRV", CookieMode::Insert);
    change(&mut spec);
    let servers = vec![
        (b"a".to_vec(), S1),
        (b"b".to_vec(), S2),
        (b"a".to_vec(), BACKUP),
    ];
    Persistence::new(spec, servers)
}

fn at(secs: u64) -> WallTime {
    WallTime(secs * 1_000_000)
}

fn context(secs: u64) -> CookieContext {
    CookieContext {
        now: at(secs),
        ..CookieContext::default()
    }
}

fn ask(p: &Persistence, value: &str, down: &[ServerId]) -> (Option<ServerId>, CookieState) {
    let mut state = CookieState::default();
    let stopped = |s| down.contains(&s);
    let (server, _) = p.on_request(&mut state, value.as_bytes(), &context(1000), stopped);
    (server, state)
}

#[test]
fn the_client_cookie_names_the_first_server_that_is_up() {
    let p = persistence(|_| {});
    for (value, down, server, letter) in [
        ("a", &[][..], Some(S1), 'V'),
        ("b", &[], Some(S2), 'V'),
        ("a", &[S1], Some(BACKUP), 'V'),
        ("a", &[S1, BACKUP], None, 'D'),
        ("x", &[], None, 'I'),
        ("", &[], None, 'I'),
    ] {
        let (got, state) = ask(&p, value, down);
        assert_eq!(
            (got, state.client.letter()),
            (server, letter),
            "{value} {down:?}"
        );
        assert_eq!(state.direct, server.is_some());
    }
    assert_eq!(ClientCookie::default().letter(), 'N');
}

#[test]
fn persistence_may_be_forced_or_ignored() {
    let p = persistence(|_| {});
    let mut state = CookieState::default();
    let forced = CookieContext {
        even_down: true,
        ..context(1)
    };
    assert_eq!(
        p.on_request(&mut state, b"b", &forced, |_| true).0,
        Some(S2)
    );
    assert_eq!(state.client, ClientCookie::Down);
    let mut state = CookieState::default();
    let ignored = CookieContext {
        ignored: true,
        ..context(1)
    };
    assert_eq!(p.on_request(&mut state, b"b", &ignored, |_| false).0, None);
    assert_eq!(state.client.letter(), 'U');
}

#[test]
fn a_second_cookie_of_the_name_does_not_change_the_choice() {
    let p = persistence(|_| {});
    let mut state = CookieState::default();
    assert_eq!(
        p.on_request(&mut state, b"a", &context(1), |_| false).0,
        Some(S1)
    );
    assert_eq!(
        p.on_request(&mut state, b"b", &context(1), |_| false).0,
        None
    );
    assert_eq!(state.client, ClientCookie::Valid);
}

#[test]
fn an_indirect_cookie_is_hidden_from_the_server_and_a_prefix_is_taken_off() {
    let mut state = CookieState::default();
    let p = persistence(|s| s.indirect = true);
    assert_eq!(
        p.on_request(&mut state, b"a", &context(1), |_| false).1,
        RequestEdit::Remove
    );
    let mut state = CookieState::default();
    let p = persistence(|s| s.mode = CookieMode::Prefix);
    let (server, edit) = p.on_request(&mut state, b"b~opaque~x", &context(1), |_| false);
    assert_eq!((server, edit), (Some(S2), RequestEdit::Strip(2)));
    let (_, edit) = p.on_request(&mut state, b"opaque", &context(1), |_| false);
    assert_eq!(edit, RequestEdit::Keep);
}

#[test]
fn the_server_cookie_is_removed_replaced_prefixed_or_kept() {
    let edit = |p: &Persistence, direct, server| {
        let mut state = CookieState {
            direct,
            ..CookieState::default()
        };
        let edit = match p.on_response(&mut state, server, false) {
            ResponseEdit::Keep => "keep".to_owned(),
            ResponseEdit::Remove => "remove".to_owned(),
            ResponseEdit::Prefix(v) => format!("{}~", String::from_utf8_lossy(v)),
            ResponseEdit::Replace(v) => String::from_utf8_lossy(v).into_owned(),
        };
        (edit, state.server.letter())
    };
    let insert = persistence(|_| {});
    assert_eq!(edit(&insert, false, Some(S1)), ("remove".into(), 'D'));
    let preserve = persistence(|s| s.preserve = true);
    assert_eq!(edit(&preserve, false, Some(S1)), ("keep".into(), 'P'));
    let rewrite = persistence(|s| s.mode = CookieMode::Rewrite);
    assert_eq!(edit(&rewrite, false, Some(S2)), ("b".into(), 'R'));
    assert_eq!(edit(&rewrite, false, Some(BARE)), ("keep".into(), 'P'));
    let prefix = persistence(|s| s.mode = CookieMode::Prefix);
    assert_eq!(edit(&prefix, true, Some(S1)), ("a~".into(), 'R'));
    let passive = persistence(|s| (s.mode, s.indirect) = (CookieMode::Passive, true));
    assert_eq!(edit(&passive, true, Some(S1)), ("remove".into(), 'D'));
    assert_eq!(edit(&passive, false, Some(S1)), ("keep".into(), 'P'));
}

fn inserted(p: &Persistence, state: &mut CookieState, server: ServerId) -> Option<String> {
    let insertion = p.insertion(state, server, false, false, at(1_700_000_000))?;
    Some(String::from_utf8(insertion.value).unwrap())
}

#[test]
fn a_cookie_is_inserted_when_the_client_has_none_for_the_server() {
    let p = persistence(|_| {});
    let mut state = CookieState::default();
    assert_eq!(
        inserted(&p, &mut state, S1).as_deref(),
        Some("SRV=a; path=/")
    );
    assert_eq!(state.server.letter(), 'I');
    let mut direct = CookieState {
        direct: true,
        ..CookieState::default()
    };
    assert_eq!(inserted(&p, &mut direct, S1), None);
    let mut bare = CookieState::default();
    assert_eq!(
        inserted(&p, &mut bare, BARE).as_deref(),
        Some("SRV=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/")
    );
    let full = persistence(|s| {
        (s.httponly, s.secure, s.nocache) = (true, true, true);
        s.domains = vec![".x.org".into(), ".y.org".into()];
        s.attributes = vec!["SameSite=None".into()];
    });
    let mut state = CookieState::default();
    assert_eq!(
        inserted(&full, &mut state, S2).as_deref(),
        Some("SRV=b; path=/; domain=.x.org; domain=.y.org; HttpOnly; Secure; SameSite=None")
    );
    let mut state = CookieState::default();
    assert!(
        full.insertion(&mut state, S2, true, false, at(1))
            .unwrap()
            .private
    );
}

#[test]
fn postonly_and_ignored_persistence_insert_nothing() {
    let p = persistence(|s| s.postonly = true);
    let mut state = CookieState::default();
    assert_eq!(p.insertion(&mut state, S1, false, false, at(1)), None);
    assert!(p.insertion(&mut state, S1, true, false, at(1)).is_some());
    assert_eq!(
        p.insertion(&mut CookieState::default(), S1, true, true, at(1)),
        None
    );
}

#[test]
fn dates_are_written_read_renewed_and_run_out() {
    let p = persistence(|s| (s.maxidle, s.maxlife) = (60, 600));
    let start = 1_700_000_000;
    let mut state = CookieState::default();
    let cookie = inserted(&p, &mut state, S1).unwrap();
    let value = cookie
        .trim_start_matches("SRV=")
        .trim_end_matches("; path=/")
        .to_owned();
    assert_eq!(value.len(), "a|12345|12345".len());
    for (later, server, letter, renewal) in [
        (20, Some(S1), 'V', 'U'),
        (60, Some(S1), 'V', 'U'),
        (70, None, 'E', 'I'),
        (700, None, 'O', 'I'),
    ] {
        let mut state = CookieState::default();
        let context = context(start + later);
        let (got, _) = p.on_request(&mut state, value.as_bytes(), &context, |_| false);
        assert_eq!(
            (got, state.client.letter()),
            (server, letter),
            "after {later} s"
        );
        let insertion = p.insertion(&mut state, S1, false, false, at(start + later));
        assert!(insertion.is_some());
        assert_eq!(state.server.letter(), renewal);
    }
    let mut early = CookieState::default();
    let context = context(start - 90_000);
    assert_eq!(
        p.on_request(&mut early, value.as_bytes(), &context, |_| false)
            .0,
        None
    );
    assert_eq!(early.client.letter(), 'O', "from too far in the future");
}

#[test]
fn broken_dates_are_no_dates() {
    let p = persistence(|s| s.maxidle = 60);
    for value in [
        "a|",
        "a||",
        "a|????????",
        "a|AAAA",
        "a|AAAAA|AAAAA",
        "a|ZZ|ZZZZZ",
    ] {
        let (server, state) = ask(&p, value, &[]);
        assert_eq!(server, Some(S1), "{value}");
        assert_eq!(state.last_seen, 0, "{value}");
    }
}

#[test]
fn a_redispatch_makes_a_valid_cookie_one_of_a_server_that_is_down() {
    let mut state = CookieState {
        client: ClientCookie::Valid,
        direct: true,
        ..CookieState::default()
    };
    state.redispatched();
    assert_eq!((state.client.letter(), state.direct), ('D', false));
}

#[test]
fn rdp_cookies_name_an_address_in_little_endian_numbers() {
    let target = rdp_target(b"3640205228.15629.0000").unwrap();
    assert_eq!(target.to_string(), "172.31.249.216:3389");
    for bad in [
        &b""[..],
        b"1",
        b"1.2",
        b"x.2.0000",
        b"1.99999.0000",
        b"99999999999.1.0",
    ] {
        assert_eq!(rdp_target(bad), None);
    }
}

#[test]
fn dynamic_cookies_depend_on_key_address_and_port() {
    let addr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let one = dynamic_cookie("k", addr, 80);
    assert_eq!(one.len(), 16);
    assert_ne!(one, dynamic_cookie("k", addr, 81));
    assert_ne!(one, dynamic_cookie("l", addr, 80));
}
