//! `-t`: faults with their places, and exit codes.

use std::process::Command;

use support::TempDir;

use crate::setup::lbd_failover;

fn test(config: &str) -> (Option<i32>, String) {
    let temp = TempDir::new();
    let file = temp.write("k.conf", config);
    let output = Command::new(lbd_failover())
        .arg("-t")
        .arg("-f")
        .arg(file)
        .output()
        .expect("it was just built");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

const GOOD: &str = "vrrp_instance V {
    interface lo
    virtual_router_id 51
    virtual_ipaddress {
        10.0.0.1
    }
    MORE
}
";

#[test]
fn a_good_file_is_silent_and_0() {
    assert_eq!(test(&GOOD.replace("MORE", "")), (Some(0), String::new()));
}

#[test]
fn a_missing_file_is_4() {
    let output = Command::new(lbd_failover())
        .args(["-t", "-f", "/nonexistent"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn a_missing_parameter_is_4() {
    assert_eq!(test(&GOOD.replace("MORE", "priority")).0, Some(4));
}

#[test]
fn all_faults_are_told_with_line_column_and_hint_and_5() {
    let (status, text) = test(&GOOD.replace("MORE", "priorty 100\n    state SLAVE\n    no_accept"));
    assert_eq!(status, Some(5));
    for part in [
        "7:5]",
        "Maybe you meant 'priority'.",
        "8:11]",
        "unknown state 'SLAVE'",
        "no_accept is not supported",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn lvs_sections_are_refused_with_one_line_each() {
    let lvs = "virtual_server 10.0.0.1 80 {\n delay_loop 6\n real_server 10.0.0.2 80 {\n }\n}\n";
    let (status, text) = test(&format!("{}{lvs}{lvs}", GOOD.replace("MORE", "")));
    assert_eq!(status, Some(5));
    assert_eq!(
        text.matches("virtual_server is not supported: LVS").count(),
        2,
        "{text}"
    );
    assert!(!text.contains("delay_loop is"), "{text}");
}

#[test]
fn scripts_without_script_security_are_6() {
    let (status, text) = test(&GOOD.replace("MORE", "notify /bin/true"));
    assert_eq!(status, Some(6), "{text}");
    let security =
        format!("global_defs {{\n enable_script_security\n script_user root\n}}\n{GOOD}");
    assert_eq!(
        test(&security.replace("MORE", "notify /bin/true")).0,
        Some(0)
    );
}
