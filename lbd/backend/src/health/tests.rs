use super::*;
use crate::roster::Placed;
use lbd_core::Time;

struct Rig {
    health: Health,
    now: Time,
    lines: Vec<String>,
    outputs: Vec<Output>,
}

fn spec() -> HealthSpec {
    HealthSpec {
        check: Some(ProbeSpec {
            inter: Duration::from_secs(2),
            fastinter: Some(Duration::from_secs(1)),
            downinter: Some(Duration::from_secs(5)),
            rise: 2,
            fall: 3,
        }),
        ..HealthSpec::new("be", "s1")
    }
}

fn report(status: CheckStatus, code: u32, text: &str) -> CheckReport {
    CheckReport {
        status,
        code,
        text: text.into(),
        duration: Duration::ZERO,
    }
}

impl Rig {
    fn new(spec: HealthSpec) -> Self {
        let mut rig = Self {
            health: Health::new(spec, Time::ZERO, 1),
            now: Time::ZERO,
            lines: Vec::new(),
            outputs: Vec::new(),
        };
        for which in [Which::Health, Which::Agent] {
            rig.give(Input::Scheduled {
                which,
                at: Time::ZERO,
            });
        }
        rig
    }

    fn give(&mut self, input: Input) {
        self.health.handle(self.now, input);
        while let Some(output) = self.health.poll_output() {
            match &output {
                Output::Log(line) => self.lines.push(line.clone()),
                Output::Changed(Change {
                    announcement: Some(a),
                    ..
                }) => {
                    let placed = Placed {
                        active: 1,
                        ..Placed::default()
                    };
                    let level = if a.alert { "ALERT " } else { "" };
                    self.lines.push(format!("{level}{}", a.line(&placed, 0)));
                }
                _ => {}
            }
            self.outputs.push(output);
        }
    }

    /// Waits for the next check and ends it; how long it was waited for, in milliseconds.
    fn check(&mut self, status: CheckStatus, code: u32, text: &str) -> u64 {
        let before = self.now;
        self.now = self.health.poll_timeout().expect("a check is due");
        self.give(Input::Tick);
        assert!(matches!(
            self.outputs.last(),
            Some(Output::Check(Which::Health))
        ));
        let report = report(status, code, text);
        self.give(Input::Checked {
            which: Which::Health,
            report,
        });
        u64::try_from((self.now - before).as_millis()).expect("a short time")
    }

    fn fail(&mut self) -> u64 {
        self.check(CheckStatus::L4Connection, 0, "Connection refused")
    }

    fn pass(&mut self) -> u64 {
        self.check(CheckStatus::L7Ok, 200, "")
    }

    fn agent(&mut self, line: &str) {
        self.now = self.now.max(self.health.poll_timeout().expect("due"));
        self.give(Input::Tick);
        let reply = decode_agent(line.as_bytes(), true).expect("a line");
        self.give(Input::AgentReplied {
            reply,
            duration: Duration::ZERO,
        });
    }

    fn state(&self) -> State {
        self.health.snapshot().state
    }

    fn word(&self) -> String {
        self.health.snapshot().status_word(None)
    }
}

#[test]
fn a_fresh_server_is_up_and_one_failure_brings_it_down() {
    let mut rig = Rig::new(spec());
    assert_eq!(
        (rig.state(), rig.word().as_str()),
        (State::Running, "UP 1/3")
    );
    rig.fail();
    assert_eq!((rig.state(), rig.word().as_str()), (State::Stopped, "DOWN"));
    assert_eq!(
        rig.lines,
        [
            "ALERT Server be/s1 is DOWN, reason: Layer4 connection problem, info: \"Connection \
          refused\", check duration: 0ms. 1 active and 0 backup servers left. 0 sessions active, \
          0 requeued, 0 remaining in queue."
        ]
    );
}

#[test]
fn rise_and_fall_count_and_set_the_interval() {
    let mut rig = Rig::new(spec());
    rig.pass();
    assert_eq!(rig.word(), "UP");
    assert_eq!(rig.fail(), 2000, "all is well: inter");
    assert_eq!(rig.word(), "UP 2/3");
    assert_eq!(rig.fail(), 1000, "between: fastinter");
    assert_eq!(rig.word(), "UP 1/3");
    assert_eq!(rig.fail(), 1000);
    assert_eq!(rig.word(), "DOWN");
    assert_eq!(rig.pass(), 5000, "down: downinter");
    assert_eq!(rig.word(), "DOWN 1/2");
    assert_eq!(rig.pass(), 1000);
    assert_eq!(rig.word(), "UP");
    let snapshot = rig.health.snapshot();
    assert_eq!((snapshot.failed_checks, snapshot.downs), (3, 1));
    assert_eq!(snapshot.downtime(rig.now), Duration::from_secs(6));
}

#[test]
fn checks_are_logged_when_the_count_moves() {
    let mut rig = Rig::new(HealthSpec {
        log_checks: true,
        ..spec()
    });
    rig.pass();
    rig.pass();
    rig.fail();
    rig.check(CheckStatus::L7Status, 503, "Service <Unavailable>");
    assert_eq!(
        rig.lines,
        [
            "Health check for server be/s1 succeeded, reason: Layer7 check passed, code: 200, \
             check duration: 0ms, status: 3/3 UP.",
            "Health check for server be/s1 failed, reason: Layer4 connection problem, info: \
             \"Connection refused\", check duration: 0ms, status: 2/3 UP.",
            "Health check for server be/s1 failed, reason: Layer7 wrong status, code: 503, info: \
             \"Service <3C>Unavailable<3E>\", check duration: 0ms, status: 1/3 UP.",
        ]
    );
    rig.fail();
    assert!(
        rig.lines[4].starts_with("ALERT Server be/s1 is DOWN. 1 active"),
        "{:?}",
        rig.lines
    );
}

#[test]
fn a_conditional_success_stops_new_streams_only() {
    let mut rig = Rig::new(spec());
    rig.pass();
    rig.check(CheckStatus::L7OkConditional, 404, "");
    assert_eq!(
        (rig.state(), rig.word().as_str()),
        (State::Stopping, "NOLB")
    );
    assert!(rig.lines[0].starts_with("Server be/s1 is stopping, reason: Layer7 check cond"));
    rig.pass();
    assert_eq!(rig.state(), State::Running);
}

#[test]
fn maintenance_holds_checks_back_and_leaving_it_is_ready() {
    let mut rig = Rig::new(spec());
    rig.pass();
    let flag = AdminFlag::ForcedMaint;
    rig.give(Input::Admin {
        flag,
        on: true,
        reason: None,
    });
    assert_eq!(rig.word(), "MAINT");
    assert!(rig.outputs.contains(&Output::PurgeIdle));
    rig.now = rig.health.poll_timeout().unwrap();
    rig.outputs.clear();
    rig.give(Input::Tick);
    assert!(rig.outputs.is_empty(), "no check in maintenance");
    rig.give(Input::Admin {
        flag,
        on: false,
        reason: None,
    });
    assert_eq!(rig.word(), "UP 1/3");
    assert_eq!(
        rig.lines,
        [
            "ALERT Server be/s1 is going DOWN for maintenance. 1 active and 0 backup servers \
             left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "Server be/s1 is UP/READY (leaving forced maintenance).",
        ]
    );
}

#[test]
fn drain_is_told_and_left() {
    let mut rig = Rig::new(spec());
    rig.pass();
    let flag = AdminFlag::ForcedDrain;
    rig.give(Input::Admin {
        flag,
        on: true,
        reason: None,
    });
    assert_eq!(rig.word(), "DRAIN");
    assert!(rig.health.placement().drain);
    rig.give(Input::Admin {
        flag,
        on: false,
        reason: None,
    });
    assert_eq!(
        rig.lines,
        [
            "Server be/s1 enters drain state. 1 active and 0 backup servers online. 0 sessions \
             requeued, 0 total in queue.",
            "Server be/s1 is UP (leaving forced drain).",
        ]
    );
}

#[test]
fn a_slow_start_goes_by_steps_and_ends_running() {
    let mut rig = Rig::new(HealthSpec {
        slowstart: Duration::from_secs(4),
        ..spec()
    });
    rig.fail();
    rig.pass();
    rig.pass();
    assert_eq!(rig.state(), State::Starting);
    let start = rig.now;
    let mut steps = 0;
    while rig.state() == State::Starting {
        rig.now = rig.health.poll_timeout().unwrap();
        rig.give(Input::Tick);
        let ok = report(CheckStatus::L7Ok, 200, "");
        rig.give(Input::Checked {
            which: Which::Health,
            report: ok,
        });
        steps += 1;
        assert!(steps < 20);
    }
    assert_eq!((rig.now - start).as_secs(), 4);
    assert!(
        rig.lines
            .last()
            .unwrap()
            .starts_with("Server be/s1 is UP. 1 active")
    );
}

#[test]
fn init_states_begin_where_they_say() {
    for (init, word) in [
        (InitState::None, "UP 1/3"),
        (InitState::Up, "UP 1/3"),
        (InitState::FullyUp, "UP"),
        (InitState::Down, "DOWN 1/2"),
        (InitState::FullyDown, "DOWN"),
    ] {
        let rig = Rig::new(HealthSpec {
            init_state: init,
            ..spec()
        });
        assert_eq!(rig.word(), word, "{init:?}");
    }
    let disabled = Rig::new(HealthSpec {
        disabled: true,
        ..spec()
    });
    assert_eq!(disabled.word(), "MAINT");
}

#[test]
fn what_another_node_has_found_is_where_a_server_begins() {
    let mut rig = Rig::new(spec());
    rig.give(Input::Presumed { up: true });
    assert_eq!(rig.word(), "UP 1/3");
    assert!(rig.lines.is_empty());
    rig.give(Input::Presumed { up: false });
    assert_eq!(rig.word(), "DOWN 1/2");
    rig.give(Input::Presumed { up: true });
    assert_eq!(rig.word(), "UP 1/3");
    rig.give(Input::Presumed { up: false });
    // Its own first check decides, and from then on only its own.
    rig.check(CheckStatus::L4Ok, 0, "");
    assert_eq!(rig.state(), State::Running);
    rig.give(Input::Presumed { up: false });
    assert_eq!(rig.state(), State::Running);
}

#[test]
fn what_another_node_has_found_changes_nothing_that_was_said_here() {
    let mut rig = Rig::new(HealthSpec {
        init_state: InitState::FullyUp,
        ..spec()
    });
    rig.give(Input::Presumed { up: false });
    assert_eq!(rig.word(), "UP");
    let mut rig = Rig::new(HealthSpec {
        disabled: true,
        ..spec()
    });
    rig.give(Input::Presumed { up: true });
    assert_eq!(rig.word(), "MAINT");
    let mut rig = Rig::new(HealthSpec {
        check: None,
        ..spec()
    });
    rig.give(Input::Presumed { up: false });
    assert_eq!(rig.state(), State::Running);
}

fn agent_spec() -> HealthSpec {
    HealthSpec {
        weight: 100,
        agent: Some(ProbeSpec::agent()),
        log_checks: true,
        ..HealthSpec::new("be", "s1")
    }
}

#[test]
fn an_agent_sets_health_weight_and_administration() {
    let mut rig = Rig::new(agent_spec());
    rig.agent("down # going away\n");
    assert_eq!(rig.word(), "DOWN (agent)");
    rig.agent("up 30% bogus\n");
    assert_eq!(rig.state(), State::Running);
    assert_eq!(rig.health.placement().weight, 30);
    rig.agent("drain 50%,maxconn:7\n");
    assert_eq!(rig.word(), "DRAIN (agent)");
    assert!(rig.outputs.contains(&Output::Maxconn(7)));
    rig.agent("ready\n");
    assert!(!rig.health.placement().drain);
    let text: Vec<&str> = rig.lines.iter().map(String::as_str).collect();
    assert_eq!(
        text[0],
        "Agent check for server be/s1 failed, reason: Layer7 wrong status, code: 0, info: \"via \
         agent : down (going away)\", check duration: 0ms, status: 0/1 DOWN."
    );
    assert!(text[1].starts_with("ALERT Server be/s1 is DOWN. "));
    assert_eq!(
        text[2],
        "Agent check for server be/s1 succeeded, reason: Layer7 check passed, code: 0, info: \
         \"via agent : up (bogus)\", check duration: 0ms, status: 1/1 UP."
    );
}

#[test]
fn an_agent_that_cannot_be_reached_changes_nothing() {
    let mut rig = Rig::new(agent_spec());
    rig.give(Input::Tick);
    let report = report(CheckStatus::L4Connection, 0, "");
    rig.give(Input::Checked {
        which: Which::Agent,
        report,
    });
    assert_eq!(rig.state(), State::Running);
    assert!(rig.lines[0].ends_with("status: 1/1 UP."));
}

#[test]
fn agent_lines_of_any_kind_are_decoded() {
    assert_eq!(decode_agent(b"up", false), None, "more may come");
    assert!(decode_agent(b"up", true).unwrap().incomplete);
    let reply = decode_agent(b"UP\tready, 10% weight:20% fail #\xff why \r\nmore", false).unwrap();
    assert_eq!(
        reply.health,
        Some(AgentWord {
            up: false,
            word: "fail".into()
        })
    );
    assert_eq!(reply.admin, Some(AgentAdmin::Ready));
    assert_eq!(reply.weight.as_deref(), Some("20%"));
    assert_eq!(reply.description, "\u{fffd} why ");
    assert_eq!(decode_agent(b"\n", false), Some(AgentReply::default()));
}

#[test]
fn weights_are_relative_or_absolute() {
    for (text, wanted) in [
        ("50%", Ok(10)),
        ("100", Ok(100)),
        ("0", Ok(0)),
        ("9999%", Ok(256)),
    ] {
        assert_eq!(parse_weight_change(text, 20, true), wanted, "{text}");
    }
    for text in ["", "x", "-1", "257", "-5%", "5x", "99999999999999999999"] {
        assert!(parse_weight_change(text, 20, true).is_err(), "{text}");
    }
    assert!(
        parse_weight_change("10", 20, false).is_err(),
        "static algorithm"
    );
    assert_eq!(parse_weight_change("100%", 20, false), Ok(20));
    assert_eq!(parse_maxconn_change("17"), Ok(17));
    assert!(parse_maxconn_change("-1").is_err());
}

#[test]
fn observed_errors_act_as_on_error_says() {
    for (on_error, word, lines) in [
        (OnError::FastInter, "UP", 0),
        (OnError::FailCheck, "UP 2/3", 0),
        (OnError::SuddenDeath, "UP 1/3", 0),
        (OnError::MarkDown, "DOWN", 1),
    ] {
        let mut rig = Rig::new(HealthSpec { on_error, ..spec() });
        rig.pass();
        let observer = Observer::new(Observe::Layer7, 3);
        assert_eq!(observer.note(Observation::HttpWrongStatus), None);
        assert_eq!(observer.note(Observation::L4Error), None);
        assert_eq!(
            observer.note(Observation::L4Ok),
            None,
            "does not count at layer 7"
        );
        let errors = observer
            .note(Observation::HttpReadTimeout)
            .expect("the limit");
        rig.give(Input::Observed {
            errors,
            last: Observation::HttpReadTimeout,
        });
        assert_eq!(rig.word(), word, "{on_error:?}");
        assert_eq!(rig.lines.len(), lines, "{on_error:?}");
        let wait = rig.health.poll_timeout().unwrap() - rig.now;
        let wanted = if lines == 1 { 2 } else { 1 };
        assert_eq!(
            wait.as_secs(),
            wanted,
            "{on_error:?}: fastinter when it comes sooner"
        );
    }
}

#[test]
fn good_traffic_forgets_errors() {
    let observer = Observer::new(Observe::Layer4, 2);
    assert_eq!(observer.note(Observation::L4Error), None);
    assert_eq!(observer.note(Observation::L4Ok), None);
    assert_eq!(observer.note(Observation::L4Error), None);
    assert_eq!(
        observer.note(Observation::HttpWrongStatus),
        None,
        "not of layer 4"
    );
    assert_eq!(observer.note(Observation::L4Error), Some(2));
}

#[test]
fn a_follower_does_as_the_followed_server() {
    let mut leader = Rig::new(spec());
    let follows = HealthSpec {
        track: Some("be/s1".into()),
        ..HealthSpec::new("b2", "t")
    };
    let mut follower = Rig::new(follows);
    let hand_on = |leader: &mut Rig, follower: &mut Rig| {
        for output in std::mem::take(&mut leader.outputs) {
            if let Output::Follow(follow) = output {
                follower.give(Input::Followed(follow));
            }
        }
    };
    leader.fail();
    hand_on(&mut leader, &mut follower);
    assert_eq!(follower.state(), State::Stopped);
    leader.pass();
    leader.pass();
    hand_on(&mut leader, &mut follower);
    assert_eq!(follower.state(), State::Running);
    leader.give(Input::Admin {
        flag: AdminFlag::ForcedMaint,
        on: true,
        reason: None,
    });
    hand_on(&mut leader, &mut follower);
    assert_eq!(follower.word(), "MAINT (via be/s1)");
    leader.give(Input::Admin {
        flag: AdminFlag::ForcedMaint,
        on: false,
        reason: None,
    });
    hand_on(&mut leader, &mut follower);
    let heads: Vec<&str> = follower
        .lines
        .iter()
        .map(|l| l.split(". ").next().unwrap())
        .collect();
    assert_eq!(
        heads,
        [
            "ALERT Server b2/t is DOWN via be/s1",
            "Server b2/t is UP via be/s1",
            "ALERT Server b2/t is going DOWN for maintenance via be/s1",
            "Server b2/t is UP/READY (leaving maintenance).",
        ]
    );
}

#[test]
fn operators_declare_health() {
    let mut rig = Rig::new(spec());
    rig.give(Input::SetHealth {
        which: Which::Health,
        state: State::Stopped,
    });
    rig.give(Input::SetHealth {
        which: Which::Health,
        state: State::Running,
    });
    rig.give(Input::SetHealth {
        which: Which::Health,
        state: State::Stopping,
    });
    let heads: Vec<&str> = rig
        .lines
        .iter()
        .map(|l| l.split(". ").next().unwrap())
        .collect();
    assert_eq!(
        heads,
        [
            "ALERT Server be/s1 is DOWN, changed from CLI",
            "Server be/s1 is UP, changed from CLI",
            "Server be/s1 is stopping, changed from CLI",
        ]
    );
}

#[test]
fn reports_that_nobody_asked_for_are_dropped() {
    let mut rig = Rig::new(spec());
    let stale = report(CheckStatus::L4Timeout, 0, "");
    rig.give(Input::Checked {
        which: Which::Health,
        report: stale,
    });
    assert_eq!(rig.state(), State::Running);
    let mut bare = Rig::new(HealthSpec::new("be", "s"));
    bare.give(Input::Tick);
    bare.give(Input::Observed {
        errors: 1,
        last: Observation::L4Error,
    });
    assert_eq!(bare.word(), "no check");
}

#[test]
fn first_checks_are_spread_over_the_shortest_interval() {
    let secs = Duration::from_secs;
    let schedule = Schedule::new(
        [secs(2), secs(4), Duration::from_millis(100), secs(2)],
        0,
        None,
    );
    let delays: Vec<u128> = (0..4)
        .zip([2000, 4000, 100, 2000])
        .map(|(at, ms)| schedule.delay(at, Duration::from_millis(ms), 0).as_millis())
        .collect();
    assert_eq!(delays, [0, 1000, 1000, 1500]);
    let capped = Schedule::new([secs(60), secs(60)], 0, Some(secs(10)));
    assert_eq!(capped.delay(1, secs(60), 0), secs(5));
}

#[test]
fn the_spread_stays_within_its_percentage() {
    let inter = Duration::from_secs(10);
    assert_eq!(spread_interval(inter, inter, 50, 0).as_millis(), 15_000);
    assert_eq!(
        spread_interval(inter, inter, 50, u32::MAX).as_millis(),
        5_000
    );
    assert_eq!(spread_interval(inter, inter, 0, 77), inter);
}

#[test]
fn every_status_has_its_own_name_and_is_found_by_it() {
    for status in CheckStatus::ALL {
        assert_eq!(CheckStatus::parse(status.name()), Some(*status));
        assert!(!status.describe().is_empty());
    }
}

#[test]
fn the_state_header_tells_servers_how_they_stand() {
    let mut rig = Rig::new(spec());
    rig.pass();
    rig.fail();
    let facts = StateFacts {
        name: "be/s1",
        address: "192.0.2.1",
        port: Some(80),
        node: "lb1",
        weights: (1, 3),
        sessions: (4, 9),
        queued: 2,
        throttle: Some(0),
    };
    assert_eq!(
        rig.health.snapshot().state_header(&facts),
        "UP 2/3; address=192.0.2.1; port=80; name=be/s1; node=lb1; weight=1/3; scur=4/9; qcur=2; \
         throttle=1%"
    );
}

fn saved() -> Saved {
    Saved {
        state: State::Running,
        forced_maint: false,
        was_disabled: false,
        forced_drain: false,
        weight: 1,
        configured_weight: 1,
        age: Duration::from_secs(100),
        status: CheckStatus::L7Ok,
        health: 4,
        check_off: false,
        agent_off: false,
    }
}

fn restored(spec: HealthSpec, saved: Saved) -> Rig {
    let mut rig = Rig::new(spec);
    rig.give(Input::Restored(Box::new(saved)));
    rig
}

#[test]
fn a_saved_state_is_taken_over_with_its_age() {
    let down = Saved {
        state: State::Stopped,
        status: CheckStatus::L4Connection,
        ..saved()
    };
    let rig = restored(spec(), down);
    assert_eq!(
        rig.lines,
        [
            "ALERT Server be/s1 is DOWN, changed from server-state after a reload. 1 active and 0 \
             backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue."
        ]
    );
    let snapshot = rig.health.snapshot();
    assert_eq!(snapshot.since_change(rig.now), Duration::from_secs(100));
    assert_eq!(snapshot.downtime(rig.now), Duration::from_secs(100));
    let check = snapshot.check.expect("a check");
    assert_eq!((check.health, check.status), (0, CheckStatus::L4Connection));
    assert_eq!(restored(spec(), saved()).word(), "UP");
}

#[test]
fn what_the_configuration_changed_wins_over_a_saved_state() {
    let maint = Saved {
        forced_maint: true,
        weight: 7,
        configured_weight: 2,
        ..saved()
    };
    // `disabled` has come, or has gone: the saved word about maintenance is older than that.
    let disabled = HealthSpec {
        disabled: true,
        ..spec()
    };
    assert_eq!(restored(disabled.clone(), saved()).word(), "MAINT");
    let gone = Saved {
        was_disabled: true,
        ..maint.clone()
    };
    assert_eq!(restored(spec(), gone).word(), "UP");
    // The same line: the operator's word holds.
    let enabled = Saved {
        was_disabled: true,
        ..saved()
    };
    assert_eq!(restored(disabled, enabled).state(), State::Running);
    let rig = restored(spec(), maint);
    assert_eq!(rig.word(), "MAINT");
    assert_eq!(rig.health.snapshot().weight, 1);
    // A drain that came from a weight of 0 ends with it.
    let drained = Saved {
        forced_drain: true,
        configured_weight: 0,
        ..saved()
    };
    assert_eq!(restored(spec(), drained.clone()).word(), "UP");
    let forced = Saved {
        configured_weight: 1,
        ..drained
    };
    assert_eq!(restored(spec(), forced).word(), "DRAIN");
}

#[test]
fn a_saved_count_is_made_to_fit_its_state() {
    let count = |state, health| {
        let rig = restored(
            spec(),
            Saved {
                state,
                health,
                ..saved()
            },
        );
        let snapshot = rig.health.snapshot();
        (snapshot.state, snapshot.check.expect("a check").health)
    };
    assert_eq!(count(State::Stopped, 3), (State::Stopped, 0));
    assert_eq!(count(State::Running, 0), (State::Running, 4));
    assert_eq!(count(State::Stopping, 3), (State::Stopping, 3));
    assert_eq!(count(State::Stopping, u32::MAX), (State::Stopping, 2));
    assert_eq!(count(State::Starting, 9), (State::Running, 1));
}
