use super::*;

fn rank(class: i32, offset: i32, ms: u64, sequence: u64) -> Rank {
    Rank::new(class, offset, Time::from_millis(ms), sequence)
}

#[test]
fn waiters_leave_by_class_then_time_then_arrival() {
    let mut queue = WaitQueue::default();
    for (token, r) in [
        (1, rank(0, 0, 100, 1)),
        (2, rank(0, 0, 100, 2)),
        (3, rank(0, -50, 120, 3)),
        (4, rank(-1, 0, 500, 4)),
        (5, rank(9999, 0, 0, 5)),
    ] {
        assert!(queue.push(r, token, false));
    }
    let order: Vec<u64> = std::iter::from_fn(|| queue.serve_first())
        .map(|(waiter, _)| waiter.token)
        .collect();
    assert_eq!(order, [4, 3, 1, 2, 5]);
    assert_eq!(queue.max, 5);
}

#[test]
fn the_position_counts_those_served_before_and_itself() {
    let mut queue = WaitQueue::default();
    let ranks: Vec<Rank> = (0..3).map(|n| rank(0, 0, n, n)).collect();
    for (token, r) in ranks.iter().enumerate() {
        queue.push(*r, token as u64, false);
    }
    assert_eq!(queue.serve_first().map(|(_, position)| position), Some(1));
    assert_eq!(queue.remove(&ranks[2]), Some(2));
    assert_eq!(queue.remove(&ranks[2]), None, "already gone");
    assert_eq!(queue.serve_first().map(|(_, position)| position), Some(2));
}

#[test]
fn forced_waiters_stay_when_the_others_are_sent_away() {
    let mut queue = WaitQueue::default();
    queue.push(rank(0, 0, 1, 1), 1, true);
    queue.push(rank(0, 0, 1, 2), 2, false);
    let gone: Vec<u64> = queue
        .drain_free(true)
        .into_iter()
        .map(|(w, _)| w.token)
        .collect();
    assert_eq!(gone, [2]);
    assert_eq!(queue.len(), 1);
}
