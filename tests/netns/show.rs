//! The table of the README's second section, each event once.

use std::process::{Command, Stdio};
use std::time::Duration;

/// Several times what it takes on an idle machine.
const LIMIT: Duration = Duration::from_secs(600);

#[test]
fn the_pair_goes_through_every_event_to_the_end() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pair"))
        .arg("--quick")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // Both pipes hold what it prints: a table, and logs if it fails.
    let ended = support::wait::poll_until(LIMIT, || {
        std::thread::sleep(Duration::from_millis(100));
        child.try_wait().expect("it can be waited for")
    });
    if ended.is_none() {
        let _ = child.kill();
    }
    let output = child.wait_with_output().expect("what it printed");
    let text = String::from_utf8_lossy(&output.stdout);
    let said = format!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    for name in [
        "kill-balancer",
        "hang-balancer",
        "kill-daemon",
        "freeze-daemon",
        "freeze-all",
        "stop",
        "switchover",
        "upgrade-10ms",
        "link-down",
        "heal",
        "return",
        "link-down-10ms",
        "idle-cpu-10ms",
    ] {
        let row = format!("| {name} | lbd | 1 |");
        assert!(text.contains(&row), "{row} in\n{said}");
    }
    assert!(text.contains("noise floor"), "{said}");
    // How fast is no test's matter, but a planned switchover breaks nothing however slow it is.
    let switchover = text.lines().find(|line| line.contains("| switchover |"));
    let broken = switchover.and_then(|line| line.split('|').nth(6));
    assert_eq!(broken.map(str::trim), Some("0/0"), "{said}");
}
