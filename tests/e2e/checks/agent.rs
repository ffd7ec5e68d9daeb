//! What agents say and what comes of it.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use super::*;

/// An agent that says what it is told to.
struct Agent {
    origin: Origin,
    line: Arc<Mutex<Vec<u8>>>,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Agent {
    fn new(line: &str) -> Self {
        let line = Arc::new(Mutex::new(line.as_bytes().to_vec()));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (says, hears) = (Arc::clone(&line), Arc::clone(&heard));
        let origin = Origin::raw("agent", move |mut stream, _| {
            let bytes = says.lock().expect("a line").clone();
            if bytes.starts_with(b"?") {
                let mut buffer = [0; 64];
                let count = stream.read(&mut buffer).unwrap_or(0);
                *hears.lock().expect("what was heard") = buffer[..count].to_vec();
            }
            let _ = stream.write_all(bytes.trim_ascii_start().trim_prefix_mark());
        });
        Self {
            origin,
            line,
            heard,
        }
    }

    fn says(&self, line: &str) {
        *self.line.lock().expect("a line") = line.as_bytes().to_vec();
    }
}

/// Takes the mark off that makes the agent wait for a question.
trait Marked {
    fn trim_prefix_mark(&self) -> &Self;
}

impl Marked for [u8] {
    fn trim_prefix_mark(&self) -> &Self {
        self.strip_prefix(b"?").unwrap_or(self)
    }
}

/// Line, then `status`, `weight`, `agent_status`, `last_agt` and `slim` of the server.
const LINES: &[(&str, [&str; 5])] = &[
    ("up\n", ["no check", "20", "L7OK", "via agent : up", ""]),
    ("75%\n", ["no check", "15", "CHECKED", "", ""]),
    ("weight:40\n", ["no check", "40", "CHECKED", "", ""]),
    ("100%\n", ["no check", "20", "CHECKED", "", ""]),
    ("maxconn:7\n", ["no check", "20", "CHECKED", "", "7"]),
    ("drain\n", ["DRAIN (agent)", "20", "CHECKED", "", "7"]),
    ("maint\n", ["MAINT", "20", "CHECKED", "", "7"]),
    ("ready\n", ["no check", "20", "CHECKED", "", "7"]),
    (
        "down #on fire\n",
        [
            "DOWN (agent)",
            "20",
            "L7STS",
            "via agent : down (on fire)",
            "7",
        ],
    ),
    (
        "up, 50%\n",
        ["no check", "10", "L7OK", "via agent : up", "7"],
    ),
    (
        "fail\n",
        ["DOWN (agent)", "10", "L7STS", "via agent : fail", "7"],
    ),
    (
        "ready up 100%\r\n",
        ["no check", "20", "L7OK", "via agent : up", "7"],
    ),
    (
        "stopped\n",
        ["DOWN (agent)", "20", "L7STS", "via agent : stopped", "7"],
    ),
    (
        "up what\n",
        ["no check", "20", "L7OK", "via agent : up (what)", "7"],
    ),
    (
        "what\n",
        [
            "no check",
            "20",
            "CHECKED",
            "agent reports an error : what",
            "7",
        ],
    ),
    (
        "weight:999\n",
        [
            "no check",
            "20",
            "CHECKED",
            "agent warns : Absolute weight can only be between 0 and 256 inclusive.",
            "7",
        ],
    ),
];

#[test]
fn the_words_of_an_agent_set_state_weight_and_limit() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let agent = Agent::new("up\n");
        let origin = Origin::http("s");
        let port = agent.origin.port();
        let proxy = start(
            program,
            &sink,
            &format!(
                "backend b\n    mode http\n    balance roundrobin\n    \
                 server s <s> weight 20 agent-check agent-port {port} agent-inter 50ms\n"
            ),
        )
        .with("s", origin.address())
        .start();
        for (line, wanted) in LINES {
            agent.says(line);
            let mut seen = Vec::new();
            let reached = poll_until(Duration::from_secs(5), || {
                let row = row(&proxy, "b", "s");
                let names = ["status", "weight", "agent_status", "last_agt", "slim"];
                seen = names
                    .map(|name| row[name].trim_start_matches("* ").to_owned())
                    .to_vec();
                (seen == wanted).then_some(())
            });
            assert!(
                reached.is_some(),
                "{program:?}: {line:?} gives {seen:?}, not {wanted:?}"
            );
        }
        let told: Vec<String> = messages(&sink).into_iter().map(|(_, text)| text).collect();
        let wanted = "Server b/s is DOWN, reason: Layer7 wrong status, code: 0, info: \"via agent \
                      : down (on fire)\", check duration: _ms. 0 active and 0 backup servers left. \
                      0 sessions active, 0 requeued, 0 remaining in queue.";
        assert!(
            told.iter().any(|text| text == wanted),
            "{program:?}: {told:#?}"
        );
    });
}

#[test]
fn an_agent_is_asked_with_the_configured_words() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let agent = Agent::new("?50%\n");
        let origin = Origin::http("s");
        let port = agent.origin.port();
        let proxy = start(
            program,
            &sink,
            &format!(
                "backend b\n    mode http\n    server s <s> weight 20 agent-check \
                 agent-port {port} agent-inter 50ms agent-send \"how are you\\n\"\n"
            ),
        )
        .with("s", origin.address())
        .start();
        let heard = || agent.heard.lock().expect("what was heard").clone();
        eventually("the agent was asked", Duration::from_secs(5), || {
            heard() == b"how are you\n"
        });
        assert_eq!(
            proxy.runtime("set server b/s agent-send hello").trim(),
            "",
            "{program:?}"
        );
        eventually("the agent was asked anew", Duration::from_secs(5), || {
            heard() == b"hello"
        });
    });
}

#[test]
fn an_agent_that_says_nothing_changes_nothing() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let agent = Agent::new("up");
        let origin = Origin::http("s");
        let (port, nobody) = (agent.origin.port(), support::free_port());
        let proxy = start(
            program,
            &sink,
            &format!(
                "backend b\n    mode http\n    server s <s> agent-check agent-port {port} \
                 agent-inter 50ms\n    server t <s> agent-check agent-port {nobody} \
                 agent-inter 50ms\n"
            ),
        )
        .with("s", origin.address())
        .start();
        eventually("the agents have been tried", Duration::from_secs(5), || {
            let seen = |server| row(&proxy, "b", server)["last_agt"].clone();
            seen("s") == "Ignoring incomplete line from agent"
                && plain(&seen("t")) == "ECONNREFUSED returned by OS"
        });
        let refused = row(&proxy, "b", "t");
        assert_eq!(
            refused["agent_status"].trim_start_matches("* "),
            "L4CON",
            "{program:?}"
        );
        for server in ["s", "t"] {
            assert_eq!(
                row(&proxy, "b", server)["status"],
                "no check",
                "{program:?}"
            );
        }
        assert_eq!(messages(&sink), [], "{program:?}");
    });
}
