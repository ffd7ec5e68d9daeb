use super::*;

#[test]
fn beats_are_for_a_manager_that_names_this_process() {
    let quarter = Some(Duration::from_millis(250));
    assert_eq!(period(Some("1000000"), Some("7"), 7), quarter);
    assert_eq!(period(Some("1000000"), None, 7), quarter);
    assert_eq!(period(Some("1000000"), Some("8"), 7), None);
    assert_eq!(period(Some("1"), None, 7), Some(Duration::from_millis(10)));
    assert_eq!(period(Some("0"), None, 7), None);
    assert_eq!(period(Some("soon"), None, 7), None);
    assert_eq!(period(None, None, 7), None);
}
