//! Model tests: shares equal weights, and a ring keeps the keys of the servers that stay.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]

use lbd_backend::{
    Algorithm, BackendSpec, HashFunction, HashSpec, HashType, KeySpec, PickKey, Placement, Roster,
    ServerSpec, State,
};
use lbd_core::{ServerId, Time};
use proptest::prelude::*;

fn roster(algorithm: Algorithm, hash: HashSpec, weights: &[u32]) -> Roster {
    let servers = weights
        .iter()
        .enumerate()
        .map(|(at, &weight)| {
            let mut spec = ServerSpec::new(format!("s{at}"), at as u32 + 1);
            spec.weight = weight;
            (spec, Placement::running(weight))
        })
        .collect();
    Roster::new(
        BackendSpec {
            algorithm,
            hash,
            ..BackendSpec::default()
        },
        servers,
        3,
    )
}

proptest! {
    #[test]
    fn a_whole_round_gives_each_server_its_weight(
        weights in prop::collection::vec(1u32..=40, 1..12),
        fixed in any::<bool>(),
    ) {
        let algorithm = if fixed { Algorithm::StaticRr } else { Algorithm::RoundRobin };
        let roster = roster(algorithm, HashSpec::default(), &weights);
        let round: u32 = weights.iter().sum();
        let mut counts = vec![0u32; weights.len()];
        for _ in 0..round * 3 {
            let at = roster.pick(PickKey::None, None, Time::ZERO).expect("a server");
            counts[at.index()] += 1;
        }
        for (count, weight) in counts.iter().zip(&weights) {
            prop_assert!(count.abs_diff(weight * 3) <= 2, "{counts:?} for {weights:?}");
        }
    }

    #[test]
    fn keys_of_other_servers_stay_when_one_leaves_a_ring(
        weights in prop::collection::vec(1u32..=8, 2..10),
        gone in any::<prop::sample::Index>(),
        keys in prop::collection::vec(any::<[u8; 8]>(), 1..60),
    ) {
        let hash = HashSpec {
            kind: HashType::Consistent,
            function: HashFunction::Sdbm,
            avalanche: true,
            ..HashSpec::default()
        };
        let roster = roster(Algorithm::Hash(KeySpec::Expr), hash, &weights);
        let place = |key: &[u8; 8]| roster.pick(PickKey::Bytes(key), None, Time::ZERO);
        let before: Vec<_> = keys.iter().map(place).collect();
        let leaver = ServerId(gone.index(weights.len()) as u32);
        let weight = weights[leaver.index()];
        let stopped = Placement { state: State::Stopped, ..Placement::running(weight) };
        roster.place(leaver, stopped, Time::ZERO, &mut Vec::new());
        let during: Vec<_> = keys.iter().map(place).collect();
        for (old, new) in before.iter().zip(&during) {
            prop_assert_ne!(*new, Some(leaver));
            // The nearest point may have been one of the leaver's on the other side of the key,
            // never the other way round: a key of a server that stays keeps it.
            if *old != Some(leaver) {
                prop_assert_eq!(old, new);
            }
        }
        roster.place(leaver, Placement::running(weight), Time::ZERO, &mut Vec::new());
        prop_assert_eq!(keys.iter().map(place).collect::<Vec<_>>(), before);
    }

    #[test]
    fn slots_are_never_lost_whatever_happens(
        events in prop::collection::vec((0u8..6, 0u32..3), 1..200),
    ) {
        let mut servers = Vec::new();
        for at in 0..3 {
            let mut spec = ServerSpec::new(format!("s{at}"), at + 1);
            spec.maxconn = at + 1;
            servers.push((spec, Placement::running(1)));
        }
        let spec = BackendSpec { redispatch: true, ..BackendSpec::default() };
        let roster = Roster::new(spec, servers, 1);
        let model = model::run(&roster, &events);
        prop_assert_eq!(roster.view().served as usize, model.held);
        prop_assert_eq!(roster.view().pending as usize, model.waiting);
    }
}

/// Ten lines of reference: who holds a slot, who waits.
mod model {
    use super::*;
    use lbd_backend::{Ask, Assigned, Outcome, Ticket, Wake};
    use std::collections::BTreeMap;

    pub(crate) struct End {
        pub(crate) held: usize,
        pub(crate) waiting: usize,
    }

    pub(crate) fn run(roster: &Roster, events: &[(u8, u32)]) -> End {
        let mut held: Vec<ServerId> = Vec::new();
        let mut waiting: BTreeMap<u64, Ticket> = BTreeMap::new();
        for (token, (event, at)) in events.iter().enumerate() {
            let token = token as u64;
            let server = ServerId(*at);
            let now = Time::from_millis(token);
            let mut wakes: Vec<Wake> = Vec::new();
            let state = |s| Placement {
                state: s,
                ..Placement::running(1)
            };
            match event {
                0 | 1 => {
                    let mut ask = Ask::balance(PickKey::None, token, now);
                    if *event == 1 {
                        ask = Ask::server(server, token, now);
                    }
                    roster.enter();
                    match roster.assign(&ask, &mut wakes) {
                        Assigned::Served(server) => held.push(server),
                        Assigned::Queued(ticket) => drop(waiting.insert(token, ticket)),
                        _ => roster.leave(),
                    }
                }
                2 | 3 => {
                    if let Some(server) = held.pop() {
                        roster.leave();
                        roster.release(server, now, &mut wakes);
                    }
                }
                4 => drop(roster.place(server, state(State::Stopped), now, &mut wakes)),
                _ => drop(roster.place(server, state(State::Running), now, &mut wakes)),
            }
            for wake in wakes {
                assert!(waiting.remove(&wake.token).is_some(), "woken once");
                match wake.outcome {
                    Outcome::Granted(server) => held.push(server),
                    Outcome::Redistributed => roster.leave(),
                }
            }
        }
        End {
            held: held.len(),
            waiting: waiting.len(),
        }
    }
}
