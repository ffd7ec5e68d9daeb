use super::*;

#[test]
fn a_manager_waits_for_beats_of_the_process_that_it_names() {
    let second = Some(Duration::from_secs(1));
    assert_eq!(limit(Some("1000000"), Some("7"), 7), second);
    assert_eq!(limit(Some("1000000"), None, 7), second);
    assert_eq!(limit(Some("1000000"), Some("8"), 7), None);
    assert_eq!(limit(Some("0"), None, 7), None);
    assert_eq!(limit(Some("soon"), None, 7), None);
    assert_eq!(limit(None, None, 7), None);
}
