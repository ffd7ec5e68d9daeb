use super::*;

#[test]
fn secrets_are_those_of_the_session_that_asks() {
    let log = log(true);
    log.log("CLIENT_RANDOM", &[1; 32], b"one");
    log.log("CLIENT_RANDOM", &[2; 32], b"two");
    log.log("EXPORTER_SECRET", &[1; 32], b"exporter");
    log.log("SOMETHING_ELSE", &[1; 32], b"else");
    let mut secrets = None;
    take(&[1; 32], &mut secrets);
    let secrets = secrets.expect("secrets");
    assert_eq!(secrets.get(Secret::Master), Some(&b"one"[..]));
    assert_eq!(secrets.get(Secret::Exporter), Some(&b"exporter"[..]));
    assert_eq!(secrets.get(Secret::ClientTraffic), None);
    let mut none = None;
    take(&[2; 32], &mut none);
    assert_eq!(none, None, "what nobody took at once is gone");
}

#[test]
fn the_master_secret_alone_is_told_without_the_setting() {
    let log = log(false);
    assert!(log.will_log("CLIENT_RANDOM"));
    assert!(!log.will_log("EXPORTER_SECRET"));
}

#[test]
fn secrets_that_nobody_takes_do_not_pile_up() {
    let log = log(true);
    for _ in 0..100 {
        log.log("CLIENT_RANDOM", &[7; 32], b"x");
    }
    TOLD.with_borrow(|told| assert_eq!(told.len(), WAITING));
}
