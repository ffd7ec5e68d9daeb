//! Whatever a server, an agent, a client or an operator sends: nothing panics, nothing grows.

use std::sync::Arc;
use std::time::Duration;

use lbd_backend::check::{
    Action, Answer, CheckRun, CheckTimeouts, Event, Renderer, Script, agent_script, http_script,
    ldap_script, mysql_script, pgsql_script, redis_script, smtp_script, ssl_hello_script,
};
use lbd_backend::health::{
    AdminFlag, CheckReport, CheckStatus, Follow, FollowEvent, Health, HealthSpec, InitState, Input,
    Observation, OnError, Output, ProbeSpec, Which, decode_agent, parse_maxconn_change,
    parse_weight_change,
};
use lbd_backend::persist::{
    CookieContext, CookieMode, CookieSpec, CookieState, Persistence, rdp_target,
};
use lbd_backend::roster::Roster;
use lbd_backend::{BackendSpec, ServerSpec, State, key};
use lbd_core::{ServerId, Time, WallTime};
use proptest::prelude::*;

struct Echo;

impl Renderer for Echo {
    fn render(&mut self, _: u32, answer: Answer<'_>) -> Vec<u8> {
        answer.payload.to_vec()
    }

    fn perform(&mut self, _: u32, _: Answer<'_>) {}
}

fn scripts() -> Vec<Script> {
    vec![
        agent_script(b""),
        http_script(1),
        ldap_script(),
        mysql_script(None),
        pgsql_script("u"),
        redis_script(),
        smtp_script("HELO x"),
        ssl_hello_script(),
    ]
}

/// Bytes that look a little like what is expected.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        &b"HTTP/1.1 "[..],
        b"200",
        b" OK\r\n",
        b"\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"ffffffffffffffff\r\n",
        b"0\r\n\r\n",
        b"220 ",
        b"250-",
        b"+PONG\r\n",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x02\x01\x01\x61\x84",
        b"\xff\xff\xff\x00\xff",
        b"R\0\0\0\x08",
        b"E\0",
        b"up 5% maxconn:-1 weight:% #",
    ]);
    let wild = prop::collection::vec(any::<u8>(), 0..8);
    prop::collection::vec(prop_oneof![pieces.prop_map(<[u8]>::to_vec), wild], 0..12)
        .prop_map(|parts| parts.concat())
}

fn input(kind: u8, which: bool, on: bool, number: u32) -> Input {
    let which = if which { Which::Agent } else { Which::Health };
    let states = [
        State::Stopped,
        State::Starting,
        State::Running,
        State::Stopping,
    ];
    let flags = [
        AdminFlag::ForcedDrain,
        AdminFlag::ForcedMaint,
        AdminFlag::InheritedDrain,
        AdminFlag::InheritedMaint,
        AdminFlag::ResolutionMaint,
    ];
    let state = states[number as usize % states.len()];
    match kind {
        0 => Input::Admin {
            flag: flags[number as usize % flags.len()],
            on,
            reason: None,
        },
        1 => Input::Enable { which, on },
        2 => {
            let events = [
                FollowEvent::State,
                FollowEvent::Maint(on),
                FollowEvent::Drain(on),
            ];
            Input::Followed(Follow {
                state,
                event: events[number as usize % 3],
            })
        }
        3 => Input::Observed {
            errors: number,
            last: Observation::HttpReadError,
        },
        4 => Input::SetHealth { which, state },
        5 => Input::SetWeight(number % 257),
        6 => {
            let all = CheckStatus::ALL;
            let status = all[number as usize % all.len()];
            let report = CheckReport {
                status,
                code: number,
                text: vec![0xff],
                duration: Duration::MAX,
            };
            Input::Checked { which, report }
        }
        7 => {
            let lines = [
                "up 50%",
                "down",
                "drain",
                "maint",
                "ready 3x",
                "maxconn:9",
                "fail #x",
            ];
            let line = format!("{}\n", lines[number as usize % lines.len()]);
            let reply = decode_agent(line.as_bytes(), true).expect("a whole line");
            Input::AgentReplied {
                reply,
                duration: Duration::ZERO,
            }
        }
        _ => Input::Tick,
    }
}

proptest! {
    #[test]
    fn every_answer_ends_a_check_once_the_server_has_closed(
        parts in prop::collection::vec(answer(), 0..4),
        reset in any::<bool>(),
    ) {
        for script in scripts() {
            let timeouts =
                CheckTimeouts { inter: Duration::from_secs(1), connect: None, check: None };
            let mut run = CheckRun::new(Arc::new(script), timeouts, true, Time::ZERO);
            let mut ended = matches!(run.begin(Time::ZERO, &mut Echo), Action::Done(_));
            let mut parts = parts.iter();
            let mut event = Event::Connected(false);
            for _ in 0..64 {
                event = match run.handle(Time::ZERO, event, &mut Echo) {
                    Action::Done(_) => {
                        ended = true;
                        break;
                    }
                    Action::Connect(_) => Event::Connected(false),
                    Action::Send(_) => Event::Sent,
                    Action::Receive | Action::Wait => match parts.next() {
                        Some(part) => Event::Data(part),
                        None if reset => Event::Failed("reset"),
                        None => Event::Closed,
                    },
                };
            }
            prop_assert!(ended);
        }
    }

    #[test]
    fn any_input_in_any_state_keeps_health_and_roster_alike(
        inputs in prop::collection::vec((0u8..9, any::<bool>(), any::<bool>(), any::<u32>()), 0..80),
        slow in any::<bool>(),
        init in prop::sample::select(vec![
            InitState::None, InitState::Up, InitState::Down, InitState::FullyUp,
            InitState::FullyDown,
        ]),
        on_error in prop::sample::select(vec![
            OnError::FailCheck, OnError::FastInter, OnError::MarkDown, OnError::SuddenDeath,
        ]),
    ) {
        let slowstart = Duration::from_secs(if slow { 7 } else { 0 });
        let spec = HealthSpec {
            check: Some(ProbeSpec::default()),
            agent: Some(ProbeSpec::agent()),
            init_state: init,
            on_error,
            slowstart,
            log_checks: true,
            ..HealthSpec::new("b", "s")
        };
        let mut health = Health::new(spec, Time::ZERO, 3);
        let server = ServerSpec { slowstart, ..ServerSpec::new("s", 1) };
        let roster = Roster::new(BackendSpec::default(), vec![(server, health.placement())], 1);
        let mut now = Time::ZERO;
        for which in [Which::Health, Which::Agent] {
            health.handle(now, Input::Scheduled { which, at: now });
        }
        for (kind, which, on, number) in inputs {
            now = now + Duration::from_millis(u64::from(number % 1500));
            health.handle(now, input(kind, which, on, number));
            let mut outputs = 0;
            while let Some(output) = health.poll_output() {
                outputs += 1;
                prop_assert!(outputs < 20);
                if let Output::Changed(change) = output {
                    let placed =
                        roster.place(ServerId(0), change.placement, now, &mut Vec::new());
                    if let Some(announcement) = change.announcement {
                        prop_assert!(announcement.line(&placed, 0).ends_with('.'));
                    }
                }
            }
            let snapshot = health.snapshot();
            prop_assert!(!snapshot.status_word(None).is_empty());
            let view = roster.server(ServerId(0), now).expect("the server");
            prop_assert_eq!(view.placement, health.placement());
            prop_assert!(health.poll_timeout().is_none_or(|at| at.0 < u64::MAX));
        }
    }

    #[test]
    fn any_text_is_read(data in answer(), wild in ".{0,20}") {
        let _ = decode_agent(&data, true);
        let _ = decode_agent(&data, false);
        let _ = parse_weight_change(&wild, 100, true);
        let _ = parse_maxconn_change(&wild);
        let _ = rdp_target(&data);
        let _ = key::body_param(&data, b"up");
        prop_assert!(key::domain_only(&data).len() <= data.len());
        prop_assert!(key::uri_key(&data, false, 5, 1).len() <= 5);
    }

    #[test]
    fn any_cookie_is_judged(
        value in prop_oneof![answer(), "[a|~A-Z]{0,20}".prop_map(String::into_bytes)],
        now in any::<u32>(),
        modes in prop::sample::select(vec![
            CookieMode::Insert, CookieMode::Passive, CookieMode::Prefix, CookieMode::Rewrite,
        ]),
    ) {
        let spec = CookieSpec { maxidle: 5, maxlife: 9, ..CookieSpec::new("c", modes) };
        let persistence = Persistence::new(spec, vec![(b"a".to_vec(), ServerId(0))]);
        let mut state = CookieState::default();
        let now = WallTime(u64::from(now) * 1_000_000);
        let context = CookieContext { now, ..CookieContext::default() };
        let (server, _) = persistence.on_request(&mut state, &value, &context, |_| false);
        prop_assert_eq!(server.is_some(), state.direct);
        let inserted = persistence.insertion(&mut state, ServerId(0), false, false, now);
        prop_assert!(inserted.is_none_or(|i| i.value.starts_with(b"c=a|")));
    }
}
