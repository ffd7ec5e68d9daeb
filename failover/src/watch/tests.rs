use vrrp_config::config::{ParamMatch, TrackProcess};
use vrrp_proto::track::Delays;

use super::{count, matches_line};

fn process(words: &str, parameters: ParamMatch) -> TrackProcess {
    TrackProcess {
        name: "p".to_owned(),
        words: words.split_whitespace().map(str::to_owned).collect(),
        parameters,
        weight: 0,
        is_reversed: false,
        quorum: 1,
        quorum_max: None,
        delays: Delays::default(),
        full_command: false,
        span: lbd_core::Span::line(lbd_core::FileId(0), 1),
    }
}

fn line(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn parameters_match_whole_by_their_beginning_or_in_part() {
    let running = line("/usr/sbin/haproxy -f /etc/haproxy.cfg");
    assert!(matches_line(
        &process("haproxy -f /etc/haproxy.cfg", ParamMatch::Exact),
        &running
    ));
    assert!(!matches_line(
        &process("haproxy -f", ParamMatch::Exact),
        &running
    ));
    assert!(matches_line(
        &process("haproxy -f", ParamMatch::Partial),
        &running
    ));
    assert!(matches_line(
        &process("haproxy -f /etc", ParamMatch::Initial),
        &running
    ));
    assert!(!matches_line(
        &process("haproxy", ParamMatch::ExactOrNone),
        &running
    ));
}

#[test]
fn a_running_process_is_counted_by_its_name() {
    let own = std::fs::read_to_string("/proc/self/comm").unwrap();
    let found = count(&[process(own.trim(), ParamMatch::Exact)], &[0]);
    assert!(found[0] >= 1);
    let none = count(&[process("no-such-process-here", ParamMatch::Exact)], &[0]);
    assert_eq!(none, [0]);
}
