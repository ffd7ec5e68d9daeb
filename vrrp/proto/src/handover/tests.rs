use super::HandoverInput as In;
use super::HandoverOutput as Out;
use super::*;

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn outputs(handover: &mut Handover) -> Vec<HandoverOutput> {
    std::iter::from_fn(|| handover.poll_output()).collect()
}

fn unit(state: State) -> HandoverInput {
    In::Standing(Standing {
        state,
        can_take: true,
    })
}

fn side(state: State) -> Handover {
    let mut handover = Handover::new();
    handover.handle(at(0), unit(state));
    handover
}

fn told(outputs: &[HandoverOutput]) -> Vec<Message> {
    let message = |output: &HandoverOutput| match output {
        Out::Tell(message) => Some(*message),
        _ => None,
    };
    outputs.iter().filter_map(message).collect()
}

const DRAIN: Duration = Duration::from_secs(30);

/// Giver and taker with steps that succeed at once; gives what each side was asked to do, without
/// what they told each other.
fn run(giver: &mut Handover, taker: &mut Handover, rounds: usize) -> (Vec<Out>, Vec<Out>) {
    let mut done = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let from_giver = outputs(giver);
        let from_taker = outputs(taker);
        for message in told(&from_giver) {
            taker.handle(at(1), In::Message(message));
        }
        for message in told(&from_taker) {
            giver.handle(at(1), In::Message(message));
        }
        for (outputs, side) in [(&from_giver, &mut *giver), (&from_taker, &mut *taker)] {
            for output in outputs.iter() {
                match output {
                    Out::Step(step) => side.handle(at(1), In::Done(*step)),
                    Out::Take => side.handle(at(1), unit(State::Master)),
                    _ => {}
                }
            }
        }
        if from_taker.contains(&Out::Take) {
            giver.handle(at(2), unit(State::Backup));
        }
        let keep = |out: Vec<Out>| out.into_iter().filter(|o| !matches!(o, Out::Tell(_)));
        done.0.extend(keep(from_giver));
        done.1.extend(keep(from_taker));
    }
    done
}

#[test]
fn the_addresses_move_and_nothing_is_left_over() {
    let (mut giver, mut taker) = (side(State::Master), side(State::Backup));
    giver.handle(
        at(0),
        In::Ask {
            id: 1,
            drain: DRAIN,
        },
    );
    let (given, taken) = run(&mut giver, &mut taker, 10);
    let until = at(1) + TAKE_WAIT;
    let stop = Out::Step(Step::StopAnswering);
    let keep = Out::Step(Step::KeepServing);
    assert_eq!(given, [keep, Out::Expect { until }, stop]);
    assert_eq!(
        taken,
        [Out::Step(Step::RelayToPartner), Out::Take, Out::Announce]
    );
    assert!(matches!(giver.phase(), Phase::Draining(_)));
    assert!(matches!(taker.phase(), Phase::Relaying(_)));
    giver.handle(at(5000), In::Drained);
    let (given, taken) = run(&mut giver, &mut taker, 3);
    assert_eq!(
        given,
        [Out::Step(Step::StopServing), Out::Ended(Outcome::Given)]
    );
    assert_eq!(
        taken,
        [Out::Step(Step::StopRelay), Out::Ended(Outcome::Taken)]
    );
    assert_eq!((giver.phase(), taker.phase()), (Phase::Idle, Phase::Idle));
}

#[test]
fn the_drain_limit_ends_both_sides_without_a_word() {
    let (mut giver, mut taker) = (side(State::Master), side(State::Backup));
    giver.handle(
        at(0),
        In::Ask {
            id: 1,
            drain: DRAIN,
        },
    );
    run(&mut giver, &mut taker, 10);
    let end = giver.poll_timeout().unwrap();
    giver.handle(end, In::Tick);
    assert!(outputs(&mut giver).contains(&Out::Step(Step::StopServing)));
    let end = taker.poll_timeout().unwrap();
    assert!(end > at(0) + DRAIN);
    taker.handle(end, In::Tick);
    assert!(outputs(&mut taker).contains(&Out::Step(Step::StopRelay)));
}

#[test]
fn who_is_not_master_has_nothing_to_give() {
    let mut giver = side(State::Backup);
    giver.handle(
        at(0),
        In::Ask {
            id: 1,
            drain: DRAIN,
        },
    );
    assert_eq!(outputs(&mut giver), [Out::Ended(Outcome::NotMaster)]);
}

#[test]
fn a_partner_that_cannot_take_refuses_and_nothing_is_done() {
    let sick = In::Standing(Standing {
        state: State::Backup,
        can_take: false,
    });
    for (standing, why) in [
        (sick, Refusal::Unhealthy),
        (unit(State::Fault), Refusal::NotBackup),
        (unit(State::Master), Refusal::NotBackup),
    ] {
        let (mut giver, mut taker) = (side(State::Master), Handover::new());
        taker.handle(at(0), standing);
        giver.handle(
            at(0),
            In::Ask {
                id: 1,
                drain: DRAIN,
            },
        );
        let (given, taken) = run(&mut giver, &mut taker, 4);
        assert_eq!(given, [Out::Ended(Outcome::Refused(why))]);
        assert_eq!(taken, []);
    }
}

#[test]
fn silence_of_the_partner_ends_every_wait_and_undoes_it() {
    for rounds in 0..6 {
        let (mut giver, mut taker) = (side(State::Master), side(State::Backup));
        giver.handle(
            at(0),
            In::Ask {
                id: 1,
                drain: DRAIN,
            },
        );
        run(&mut giver, &mut taker, rounds);
        for side in [&mut giver, &mut taker] {
            let mut all = outputs(side);
            let begun = !matches!(side.phase(), Phase::Idle | Phase::Asking(_));
            while let Some(due) = side.poll_timeout() {
                side.handle(due, In::Tick);
                all.extend(outputs(side));
            }
            assert_eq!(side.phase(), Phase::Idle, "{rounds} rounds");
            let undone = [Step::StopRelay, Step::StopServing].map(Out::Step);
            let is_undone = all.iter().any(|output| undone.contains(output));
            assert_eq!(is_undone, begun, "{rounds} rounds: {all:?}");
        }
    }
}

#[test]
fn a_lost_partner_undoes_what_has_not_moved_yet() {
    let (mut giver, mut taker) = (side(State::Master), side(State::Backup));
    giver.handle(
        at(0),
        In::Ask {
            id: 1,
            drain: DRAIN,
        },
    );
    run(&mut giver, &mut taker, 2);
    taker.handle(at(2), In::PartnerLost);
    assert_eq!(
        outputs(&mut taker)[..],
        [
            Out::Tell(Message::Ready { id: 1 }),
            Out::Step(Step::StopRelay),
            Out::Ended(Outcome::PartnerLost)
        ]
    );
}

#[test]
fn an_owner_that_gets_the_addresses_back_stops_serving_apart() {
    let (mut giver, mut taker) = (side(State::Master), side(State::Backup));
    giver.handle(
        at(0),
        In::Ask {
            id: 1,
            drain: DRAIN,
        },
    );
    run(&mut giver, &mut taker, 10);
    giver.handle(at(9000), unit(State::Master));
    assert_eq!(
        outputs(&mut giver),
        [Out::Step(Step::StopServing), Out::Ended(Outcome::TakenBack)]
    );
}

#[test]
fn failed_steps_are_undone_and_told() {
    let (mut giver, mut taker) = (side(State::Master), side(State::Backup));
    giver.handle(
        at(0),
        In::Ask {
            id: 1,
            drain: DRAIN,
        },
    );
    for message in told(&outputs(&mut giver)) {
        taker.handle(at(1), In::Message(message));
    }
    taker.handle(at(1), In::Failed(Step::RelayToPartner));
    let from_taker = outputs(&mut taker);
    let why = Refusal::StepFailed;
    assert_eq!(told(&from_taker), [Message::Refuse { id: 1, why }]);
    assert!(from_taker.contains(&Out::Step(Step::StopRelay)));
    giver.handle(at(1), In::Message(Message::Ready { id: 1 }));
    giver.handle(at(1), In::Failed(Step::KeepServing));
    let from_giver = outputs(&mut giver);
    assert_eq!(told(&from_giver), [Message::Abort { id: 1 }]);
    assert!(from_giver.contains(&Out::Step(Step::StopServing)));
}

#[test]
fn words_about_another_switchover_are_ignored() {
    let mut giver = side(State::Master);
    giver.handle(
        at(0),
        In::Ask {
            id: 2,
            drain: DRAIN,
        },
    );
    outputs(&mut giver);
    for message in [
        Message::Ready { id: 1 },
        Message::Abort { id: 1 },
        Message::Drained { id: 1 },
    ] {
        giver.handle(at(1), In::Message(message));
        assert_eq!(outputs(&mut giver), []);
    }
    assert!(matches!(giver.phase(), Phase::Asking(_)));
    giver.handle(
        at(1),
        In::Ask {
            id: 3,
            drain: DRAIN,
        },
    );
    assert_eq!(
        outputs(&mut giver),
        [Out::Ended(Outcome::Refused(Refusal::Busy))]
    );
}

#[test]
fn a_probe_is_answered_as_an_ask_would_be_and_changes_nothing() {
    let sick = In::Standing(Standing {
        state: State::Backup,
        can_take: false,
    });
    for (standing, answer) in [
        (unit(State::Backup), Message::Able { id: 5 }),
        (
            sick,
            Message::Refuse {
                id: 5,
                why: Refusal::Unhealthy,
            },
        ),
        (
            unit(State::Fault),
            Message::Refuse {
                id: 5,
                why: Refusal::NotBackup,
            },
        ),
    ] {
        let mut taker = side(State::Backup);
        taker.handle(at(0), standing);
        taker.handle(at(1), In::Message(Message::Probe { id: 5 }));
        assert_eq!(outputs(&mut taker), [Out::Tell(answer)]);
        assert_eq!(taker.phase(), Phase::Idle);
    }
}

#[test]
fn the_partner_hears_of_the_release_once_the_giver_answers_no_more() {
    for failed in [false, true] {
        let mut giver = side(State::Master);
        giver.handle(
            at(0),
            In::Ask {
                id: 1,
                drain: DRAIN,
            },
        );
        giver.handle(at(1), In::Message(Message::Ready { id: 1 }));
        giver.handle(at(1), In::Done(Step::KeepServing));
        giver.handle(at(2), unit(State::Backup));
        assert!(!told(&outputs(&mut giver)).contains(&Message::Released { id: 1 }));
        giver.handle(
            at(3),
            match failed {
                false => In::Done(Step::StopAnswering),
                true => In::Failed(Step::StopAnswering),
            },
        );
        assert_eq!(told(&outputs(&mut giver)), [Message::Released { id: 1 }]);
        assert!(matches!(giver.phase(), Phase::Draining(_)));
    }
}
