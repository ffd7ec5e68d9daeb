use std::sync::Arc;

use lbd_config::loader::Sources;
use lbd_proxy::state::Setup;

use super::*;
use crate::host::SystemHost;

#[test]
fn a_worker_that_does_not_answer_stops_the_pulse() {
    let text = "frontend f\n mode http\n timeout client 1s\n bind 127.0.0.1:1\n";
    let sources = Sources::from_text("test", text);
    let (config, _) = lbd_config::load(&sources, &SystemHost::default());
    let shared = Shared::new(Arc::new(config.expect("valid")), Setup::new(2));
    let mut pulse = Pulse::new(&shared);
    assert!(pulse.beats(&shared), "nothing is missing yet");
    assert!(!pulse.beats(&shared), "both are asked");
    pulse.sender.send(1).expect("held");
    assert!(!pulse.beats(&shared), "one hangs");
    pulse.sender.send(0).expect("held");
    assert!(pulse.beats(&shared));
    assert!(!pulse.beats(&shared), "asked anew");
}
