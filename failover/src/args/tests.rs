use super::{Action, parse};

fn options(words: &str) -> super::Options {
    match parse(words.split_whitespace().map(str::to_owned)) {
        Ok(Action::Run(options) | Action::Test(options)) => *options,
        other => panic!("{words}: {other:?}"),
    }
}

#[test]
fn letters_may_stand_together_and_the_last_takes_the_value() {
    let options = options("-lnDf /etc/pair.conf -p/run/x.pid -i main --log-facility=3");
    assert!(options.log_console && options.is_foreground && options.log_detail);
    assert_eq!(options.file, "/etc/pair.conf");
    assert_eq!(options.pid_file.to_str(), Some("/run/x.pid"));
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
