use super::*;

#[test]
fn a_slow_name_does_not_hold_up_the_others() {
    let names = [
        ("fast".to_owned(), Family::Any),
        ("slow".to_owned(), Family::Any),
        ("fast".to_owned(), Family::Any),
    ];
    let answers = lookup_all(&names, Duration::from_millis(300), |name, _| {
        if name == "slow" {
            std::thread::sleep(Duration::from_secs(3));
        }
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    });
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(answers[1].as_ref().unwrap_err().contains("no answer"));
}

#[test]
fn the_system_knows_localhost_by_family() {
    let host = SystemHost::default();
    let found = host.lookup("localhost", Family::V4).unwrap();
    assert_eq!(found[0], IpAddr::from([127, 0, 0, 1]));
    assert!(host.lookup("name.invalid", Family::Any).is_err());
}

#[test]
fn a_missing_file_gives_the_systems_sentence() {
    let error = SystemHost::default().read("/nonexistent/file").unwrap_err();
    assert_eq!(error, "No such file or directory");
}
