use super::*;

#[test]
fn each_event_counts_once_and_the_gauge_goes_back_to_nought() {
    let (one, other, to) = (Tally::default(), Tally::default(), Counters::default());
    let mut now = h2::Counters::default();
    (now.streams, now.headers, now.settings) = (2, 3, 1);
    one.tell(now, 2, &to);
    one.tell(now, 2, &to);
    other.tell(now, 1, &to);
    assert_eq!(to.h2_streams.get(), 4);
    assert_eq!(to.h2_headers.get(), 6);
    assert_eq!(to.h2_settings.get(), 2);
    assert_eq!(to.h2_open_streams.get(), 3);
    (now.own_streams, now.goaways_sent) = (1, 1);
    one.tell(now, 0, &to);
    other.tell(now, 0, &to);
    assert_eq!(to.h2_streams.get(), 6);
    assert_eq!(to.h2_goaways_sent.get(), 2);
    assert_eq!(to.h2_open_streams.get(), 0);
}
