use super::{Action, parse};
use vrrp_config::Config;
use vrrp_config::config::Place;

fn options(words: &str) -> super::Options {
    match parse(words.split_whitespace().map(str::to_owned)) {
        Ok(Action::Run(options) | Action::Test(options)) => *options,
        other => panic!("{words}: {other:?}"),
    }
}

#[test]
fn letters_may_stand_together_and_the_last_takes_the_value() {
    let options = options("-lnDf /etc/pair.conf -p/run/x.pid -i main --log-facility=3");
    let place = Place::default();
    assert!(options.log_console && options.is_foreground && options.log_detail);
    assert_eq!(options.file, "/etc/pair.conf");
    assert_eq!(options.pid_file(&place).to_str(), Some("/run/x.pid"));
    assert_eq!(options.config_id.as_deref(), Some("main"));
    assert_eq!(options.facility, Some(3));
}

#[test]
fn a_test_may_name_its_file() {
    for words in [
        "-t/a.conf",
        "--config-test=/a.conf",
        "-t -f /a.conf",
        "-f /a.conf -t",
    ] {
        let action = parse(words.split_whitespace().map(str::to_owned));
        let Ok(Action::Test(options)) = action else {
            panic!("{words}")
        };
        assert_eq!(options.file, "/a.conf", "{words}");
    }
}

#[test]
fn what_is_about_lvs_and_snmp_is_refused_with_a_reason() {
    for words in ["-C", "--snmp", "-T", "--nonsense", "file", "-f"] {
        let action = parse(words.split_whitespace().map(str::to_owned));
        assert!(action.is_err(), "{words}");
    }
}

#[test]
fn files_are_named_after_the_namespace_and_the_instance() {
    let mut config = Config::default();
    config.place.net_namespace = Some("blue".to_owned());
    config.place.instance = Some("two".to_owned());
    let place = options("-n").place(&config);
    let path = options("-n").pid_file(&place);
    assert_eq!(path.to_str(), Some("/run/lbd-failover_blue_two.pid"));

    // The command line goes first.
    let place = options("-s red").place(&config);
    let path = options("-s red").socket(&place);
    assert_eq!(path.to_str(), Some("/run/lbd-failover_red_two.sock"));
    let words = ["-s", "../red"].map(str::to_owned);
    assert!(parse(words.into_iter()).is_err());
}
