use super::*;
use crate::key::KeySpec;
use crate::queue::Outcome;
use crate::spec::{Affinity, Algorithm, HashFunction, HashSpec, HashType};

fn servers(list: &[(&str, u32)]) -> Vec<(ServerSpec, Placement)> {
    list.iter()
        .enumerate()
        .map(|(at, (name, maxconn))| {
            let mut spec = ServerSpec::new(*name, u32::try_from(at + 1).expect("a small number"));
            spec.maxconn = *maxconn;
            (spec, Placement::running(1))
        })
        .collect()
}

fn roster(algorithm: Algorithm, list: &[(&str, u32)]) -> Roster {
    let spec = BackendSpec {
        algorithm,
        redispatch: true,
        ..BackendSpec::default()
    };
    Roster::new(spec, servers(list), 42)
}

fn ask(token: u64) -> Ask<'static> {
    Ask::balance(PickKey::None, token, Time::from_millis(token))
}

fn assign(roster: &Roster, token: u64) -> Assigned {
    roster.enter();
    roster.assign(&ask(token), &mut Vec::new())
}

fn release(roster: &Roster, server: u32) -> Vec<Wake> {
    let mut wakes = Vec::new();
    roster.leave();
    roster.release(ServerId(server), Time::from_millis(1000), &mut wakes);
    wakes
}

fn granted(wakes: &[Wake]) -> Vec<(u64, u32)> {
    wakes
        .iter()
        .map(|w| match w.outcome {
            Outcome::Granted(server) => (w.token, server.0),
            Outcome::Redistributed => (w.token, u32::MAX),
        })
        .collect()
}

#[test]
fn round_robin_is_one_order_whichever_thread_asks() {
    let roster = roster(
        Algorithm::RoundRobin,
        &[("s1", 0), ("s2", 0), ("s3", 0), ("s4", 0)],
    );
    let picks: Vec<u32> = (0..5)
        .map(|_| {
            std::thread::scope(|scope| {
                let pick = scope.spawn(|| roster.pick(PickKey::None, None, Time::ZERO));
                pick.join().unwrap().unwrap().0
            })
        })
        .collect();
    assert_eq!(picks, [0, 1, 2, 3, 0]);
}

#[test]
fn least_connections_take_turns_among_equals() {
    let roster = roster(Algorithm::LeastConn, &[("s1", 0), ("s2", 0), ("s3", 0)]);
    let order: Vec<Assigned> = (0..6).map(|n| assign(&roster, n)).collect();
    let wanted: Vec<Assigned> = [0, 1, 2, 0, 1, 2]
        .map(|n| Assigned::Served(ServerId(n)))
        .to_vec();
    assert_eq!(order, wanted);
    release(&roster, 1);
    assert_eq!(assign(&roster, 9), Assigned::Served(ServerId(1)));
}

#[test]
fn least_connections_weigh_the_load() {
    let mut list = servers(&[("s1", 0), ("s2", 0)]);
    list[1].0.weight = 3;
    list[1].1.weight = 3;
    let spec = BackendSpec {
        algorithm: Algorithm::LeastConn,
        ..BackendSpec::default()
    };
    let roster = Roster::new(spec, list, 1);
    for n in 0..8 {
        assign(&roster, n);
    }
    let served = |n| roster.server(ServerId(n), Time::ZERO).unwrap().served;
    assert_eq!((served(0), served(1)), (2, 6));
}

#[test]
fn first_fills_servers_in_the_order_of_their_ids() {
    let roster = roster(Algorithm::First, &[("s1", 2), ("s2", 1)]);
    let got: Vec<Assigned> = (0..3).map(|n| assign(&roster, n)).collect();
    assert_eq!(got, [0, 0, 1].map(|n| Assigned::Served(ServerId(n))));
    assert!(matches!(
        assign(&roster, 3),
        Assigned::Queued(Ticket { server: None, .. })
    ));
    assert_eq!(granted(&release(&roster, 0)), [(3, 0)]);
}

#[test]
fn a_full_backend_queues_and_a_freed_slot_serves_the_oldest() {
    let roster = roster(Algorithm::RoundRobin, &[("s1", 1), ("s2", 1)]);
    assert_eq!(assign(&roster, 0), Assigned::Served(ServerId(0)));
    assert_eq!(assign(&roster, 1), Assigned::Served(ServerId(1)));
    let Assigned::Queued(first) = assign(&roster, 2) else {
        panic!("must wait")
    };
    assert!(matches!(assign(&roster, 3), Assigned::Queued(_)));
    assert_eq!(roster.view().queued, 2);
    assert_eq!(roster.cancel(&first), Some(1));
    assert_eq!(roster.cancel(&first), None);
    let wakes = release(&roster, 1);
    assert_eq!(granted(&wakes), [(3, 1)]);
    assert!(!wakes[0].from_server);
    assert_eq!(roster.view().queued_max, 2);
    assert_eq!(roster.view().served, 2);
}

#[test]
fn a_bound_stream_waits_for_its_server_and_before_later_ones_of_the_backend() {
    let roster = roster(Algorithm::RoundRobin, &[("s1", 1)]);
    assert_eq!(assign(&roster, 0), Assigned::Served(ServerId(0)));
    assert!(matches!(
        assign(&roster, 1),
        Assigned::Queued(Ticket { server: None, .. })
    ));
    roster.enter();
    let bound = Ask::server(ServerId(0), 2, Time::from_millis(2));
    let got = roster.assign(&bound, &mut Vec::new());
    assert!(matches!(
        got,
        Assigned::Queued(Ticket {
            server: Some(ServerId(0)),
            ..
        })
    ));
    assert_eq!(granted(&release(&roster, 0)), [(1, 0)]);
    assert_eq!(granted(&release(&roster, 0)), [(2, 0)]);
}

#[test]
fn a_full_queue_of_a_server_is_said() {
    let mut list = servers(&[("s1", 1)]);
    list[0].0.maxqueue = 1;
    let roster = Roster::new(BackendSpec::default(), list, 1);
    let bound = |n: u64| {
        let ask = Ask::server(ServerId(0), n, Time::from_millis(n));
        roster.assign(&ask, &mut Vec::new())
    };
    assert_eq!(bound(0), Assigned::Served(ServerId(0)));
    assert!(matches!(bound(1), Assigned::Queued(_)));
    assert_eq!(bound(2), Assigned::ServerQueueFull(ServerId(0)));
}

#[test]
fn a_server_that_goes_down_sends_its_waiters_away() {
    let roster = roster(Algorithm::RoundRobin, &[("s1", 1), ("s2", 1)]);
    for n in 0..2 {
        assign(&roster, n);
    }
    for (token, forced) in [(5, false), (6, true)] {
        let mut ask = Ask::server(ServerId(0), token, Time::from_millis(token));
        ask.forced = forced;
        roster.assign(&ask, &mut Vec::new());
    }
    assert!(matches!(assign(&roster, 7), Assigned::Queued(_)));
    let stopped = Placement {
        state: State::Stopped,
        ..Placement::running(1)
    };
    let mut wakes = Vec::new();
    let placed = roster.place(ServerId(0), stopped, Time::ZERO, &mut wakes);
    assert_eq!(granted(&wakes), [(5, u32::MAX)]);
    assert_eq!(
        (placed.active, placed.requeued, placed.remaining),
        (1, 1, 1)
    );
    wakes.clear();
    let placed = roster.place(ServerId(1), stopped, Time::ZERO, &mut wakes);
    assert_eq!(
        granted(&wakes),
        [(7, u32::MAX)],
        "nobody is left to serve the backend's queue"
    );
    assert_eq!((placed.active, placed.emptied), (0, true));
    assert_eq!(assign(&roster, 8), Assigned::NoServer);
}

#[test]
fn a_server_that_comes_up_serves_those_who_wait() {
    let roster = roster(Algorithm::RoundRobin, &[("s1", 1), ("s2", 2)]);
    let stopped = Placement {
        state: State::Stopped,
        ..Placement::running(1)
    };
    roster.place(ServerId(1), stopped, Time::ZERO, &mut Vec::new());
    for n in 0..4 {
        assign(&roster, n);
    }
    let mut wakes = Vec::new();
    let placed = roster.place(ServerId(1), Placement::running(1), Time::ZERO, &mut wakes);
    assert_eq!(granted(&wakes), [(1, 1), (2, 1)]);
    assert_eq!(placed.granted, 2);
}

#[test]
fn a_redispatched_stream_keeps_its_slot_or_hands_it_on() {
    let roster = roster(Algorithm::RoundRobin, &[("s1", 1), ("s2", 1)]);
    assign(&roster, 0);
    assign(&roster, 1);
    assign(&roster, 2);
    let mut again = ask(0);
    again.held = Some(ServerId(0));
    again.target = Target::Server(ServerId(0));
    let mut wakes = Vec::new();
    assert_eq!(
        roster.assign(&again, &mut wakes),
        Assigned::Served(ServerId(0))
    );
    assert!(wakes.is_empty(), "the slot was kept");
    again.target = Target::Server(ServerId(1));
    assert!(matches!(
        roster.assign(&again, &mut wakes),
        Assigned::Queued(_)
    ));
    assert_eq!(granted(&wakes), [(2, 0)], "the slot went to the waiter");
}

#[test]
fn a_failed_server_is_avoided_when_another_one_can_do() {
    for algorithm in [
        Algorithm::RoundRobin,
        Algorithm::StaticRr,
        Algorithm::LeastConn,
        Algorithm::First,
        Algorithm::Random(2),
    ] {
        let two = roster(algorithm.clone(), &[("s1", 0), ("s2", 0)]);
        let avoid = Some(ServerId(0));
        for _ in 0..5 {
            assert_eq!(
                two.pick(PickKey::None, avoid, Time::ZERO),
                Some(ServerId(1))
            );
        }
        let one = roster(algorithm, &[("s1", 0)]);
        assert_eq!(one.pick(PickKey::None, avoid, Time::ZERO), avoid);
    }
}

#[test]
fn maxconn_may_change_while_streams_wait() {
    let roster = roster(Algorithm::RoundRobin, &[("s1", 1)]);
    for n in 0..4 {
        assign(&roster, n);
    }
    let mut wakes = Vec::new();
    roster.set_maxconn(ServerId(0), 3, Time::ZERO, &mut wakes);
    assert_eq!(granted(&wakes), [(1, 0), (2, 0)]);
    wakes.clear();
    roster.set_maxconn(ServerId(0), 0, Time::ZERO, &mut wakes);
    assert_eq!(granted(&wakes), [(3, 0)]);
}

#[test]
fn servers_come_and_go_at_run_time() {
    for algorithm in [
        Algorithm::RoundRobin,
        Algorithm::StaticRr,
        Algorithm::LeastConn,
        Algorithm::First,
        Algorithm::Random(2),
        Algorithm::Sticky,
    ] {
        let roster = roster(algorithm, &[("s1", 0)]);
        let new = ServerSpec::new("s2", 2);
        let added = roster.add(new, Placement::running(1), Time::ZERO).unwrap();
        assert_eq!(roster.view().active, 2);
        assert!(roster.remove(ServerId(0), Time::ZERO));
        assert!(!roster.remove(ServerId(0), Time::ZERO), "only once");
        for n in 0..3 {
            assert_eq!(assign(&roster, n), Assigned::Served(added));
        }
        assert!(!roster.remove(added, Time::ZERO), "it serves");
        assert_eq!(roster.view().version, 2);
    }
}

#[test]
fn a_bounded_ring_gives_no_server_more_than_its_share() {
    let spec = BackendSpec {
        algorithm: Algorithm::Hash(KeySpec::Expr),
        hash: HashSpec {
            kind: HashType::Consistent,
            function: HashFunction::Sdbm,
            avalanche: true,
            balance_factor: 150,
            affinity: Affinity::Always,
        },
        ..BackendSpec::default()
    };
    let list = servers(&[("s1", 0), ("s2", 0), ("s3", 0)]);
    let roster = Roster::new(spec, list, 1);
    for n in 0..30 {
        let ask = Ask::balance(PickKey::Bytes(b"the same key"), n, Time::ZERO);
        assert!(matches!(
            roster.assign(&ask, &mut Vec::new()),
            Assigned::Served(_)
        ));
    }
    let served: Vec<u32> = (0..3)
        .map(|n| roster.server(ServerId(n), Time::ZERO).unwrap().served)
        .collect();
    assert_eq!(served.iter().sum::<u32>(), 30);
    assert_eq!(*served.iter().max().unwrap(), 15, "{served:?}");
}

/// The order and the log fields `%sq/%bq` of ten requests on two servers of `maxconn 1` that
/// haproxy 3.4 served with the same classes, offsets and cookies.
#[test]
fn waiters_are_served_in_the_observed_order() {
    let roster = roster(Algorithm::RoundRobin, &[("s1", 1), ("s2", 1)]);
    let bound = |at: u32| Target::Server(ServerId(at));
    let any = Target::Balance;
    let asks = [
        (1, any, 0, 0),
        (2, any, 0, 0),
        (3, any, 0, 0),
        (4, bound(0), 0, 0),
        (5, any, 0, 0),
        (6, bound(1), 0, 0),
        (7, any, 0, -100_000),
        (8, any, -1, 0),
        (9, bound(0), -1, 0),
        (10, any, 0, 0),
    ];
    for (token, target, class, offset_ms) in asks {
        roster.enter();
        let ask = Ask {
            target,
            class,
            offset_ms,
            ..ask(token * 20)
        };
        roster.assign(&Ask { token, ..ask }, &mut Vec::new());
    }
    let mut served = Vec::new();
    for server in [0, 1, 0, 1, 0, 1, 0, 1, 0, 1] {
        for wake in release(&roster, server) {
            let position = if wake.from_server {
                (wake.position, 0)
            } else {
                (0, wake.position)
            };
            served.push((wake.token, server, position));
        }
    }
    assert_eq!(
        served,
        [
            (8, 0, (0, 1)),
            (7, 1, (0, 2)),
            (9, 0, (1, 0)),
            (3, 1, (0, 3)),
            (4, 0, (2, 0)),
            (5, 1, (0, 4)),
            (10, 0, (0, 5)),
            (6, 1, (1, 0)),
        ]
    );
}

#[test]
fn slots_go_over_to_the_roster_that_takes_the_place() {
    let old = roster(Algorithm::RoundRobin, &[("s1", 2)]);
    let new = roster(Algorithm::RoundRobin, &[("s0", 1), ("s1", 2)]);
    let now = Time::from_millis(1);
    for token in 0..2 {
        assert_eq!(assign(&old, token), Assigned::Served(ServerId(0)));
    }
    assert!(matches!(assign(&old, 2), Assigned::Queued(_)));
    assert!(old.moves().is_empty(), "nothing is told before");
    let tenures = old.retire();
    assert_eq!(
        (tenures[0].served, tenures[0].served_max, tenures[0].chosen),
        (2, 2, 2)
    );
    new.succeed(ServerId(1), tenures[0]);
    let ask_for_it = |token| new.assign(&Ask::server(ServerId(1), token, now), &mut Vec::new());
    assert!(matches!(ask_for_it(10), Assigned::Queued(_)), "it is full");

    // A slot that goes to a waiter of the old roster changes nothing in the new one.
    assert_eq!(granted(&release(&old, 0)), [(2, 0)]);
    let moves = old.moves();
    assert_eq!(moves.len(), 2);
    assert_eq!(moves.iter().filter(|(_, taken)| *taken).count(), 1);

    // One that is free there is free here.
    assert!(release(&old, 0).is_empty());
    assert_eq!(old.moves(), [(ServerId(0), false)]);
    assert_eq!(granted(&release(&new, 1)), [(10, 1)]);
    let view = new.server(ServerId(1), now).expect("a server");
    assert_eq!((view.served, view.chosen), (2, 2));

    // And one that an old stream takes is taken here.
    assert_eq!(assign(&old, 3), Assigned::Served(ServerId(0)));
    assert_eq!(old.moves(), [(ServerId(0), true)]);
    new.occupy(ServerId(1), now);
    assert_eq!(new.server(ServerId(1), now).expect("a server").served, 3);
}
