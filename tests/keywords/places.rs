//! The lines that evaluate an expression at each point in the life of a stream.

use lbd_core::Checkpoint;

use crate::trial::{MODES, proxy, quoted};

/// A line that holds an expression.
pub(crate) struct Place {
    /// What it is called in messages.
    pub(crate) name: String,
    /// Its sections.
    pub(crate) text: String,
    /// The kind of its proxy, or `global`.
    pub(crate) kind: &'static str,
}

/// All lines that evaluate `expression` at `point`, in both modes; none where no line does.
pub(crate) fn lines(point: Checkpoint, expression: &str) -> Vec<Place> {
    // Only names of groups may be compared with this one.
    let test = match expression.starts_with("http_auth_group") {
        true => "a",
        false => "-m found",
    };
    let condition = format!("if {{ {} {test} }}", words(expression));
    let set =
        |rules: &str, scope: &str| format!("{rules} set-var({scope}.x) {}", words(expression));
    let front = |line: String| in_modes(&["frontend", "listen", "defaults"], &line);
    let back = |line: String| in_modes(&["backend", "listen"], &line);
    match point {
        Checkpoint::FeConAcc => front(set("tcp-request connection", "sess")),
        Checkpoint::FeSesAcc => front(set("tcp-request session", "sess")),
        Checkpoint::FeReqCnt => in_modes(&["frontend"], &set("tcp-request content", "txn")),
        Checkpoint::FeHrqHdr => in_modes(&["frontend"], &set("http-request", "txn")),
        Checkpoint::FeSetBck => front(format!("use_backend be {condition}"))
            .into_iter()
            .filter(|place| !place.text.contains("defaults"))
            .collect(),
        Checkpoint::BeReqCnt => in_modes(&["backend"], &set("tcp-request content", "txn")),
        Checkpoint::BeHrqHdr => in_modes(&["backend"], &set("http-request", "txn")),
        Checkpoint::BeSetSrv => {
            let mut places = back(format!("use-server s1 {condition}"));
            places.extend(back(format!("balance hash {}", quoted(expression))));
            places
        }
        Checkpoint::BeSrvCon => back(format!(
            "server s9 127.0.0.1:89 ssl verify none sni {}",
            quoted(expression)
        )),
        Checkpoint::BeResCnt => back(set("tcp-response content", "txn")),
        Checkpoint::BeHrsHdr => {
            let mut places = in_modes(&["backend"], &set("http-response", "txn"));
            places.extend(in_modes(&["backend"], &set("http-after-response", "txn")));
            places
        }
        Checkpoint::BeStoRul => Vec::new(),
        Checkpoint::FeHrsHdr => {
            let mut places = in_modes(&["frontend"], &set("http-response", "txn"));
            places.extend(in_modes(&["frontend"], &set("http-after-response", "txn")));
            places
        }
        Checkpoint::FeLogEnd => {
            let format = quoted(&format!("%[{}]", escaped(expression)));
            let mut places = Vec::new();
            for word in ["log-format", "error-log-format", "log-format-sd"] {
                places.extend(front(format!("{word} {format}")));
            }
            places
        }
        Checkpoint::BeChkRul => {
            let tcp = format!("option tcp-check\n{}", set("tcp-check", "check"));
            let http = format!("option httpchk\n{}", set("http-check", "check"));
            let mut places = back(tcp);
            places.extend(back(http));
            places
        }
        Checkpoint::CfgParser => vec![Place {
            name: "global set-var".to_owned(),
            text: format!("global\n    set-var proc.x {}\n", words(expression)),
            kind: "global",
        }],
        // No line is evaluated there, or only commands.
        Checkpoint::FeHrqBdy
        | Checkpoint::BeHrqBdy
        | Checkpoint::BeHrsBdy
        | Checkpoint::FeResCnt
        | Checkpoint::FeHrsBdy
        | Checkpoint::CliParser => Vec::new(),
    }
}

/// A line in each of the sections, in both modes.
pub(crate) fn in_modes(kinds: &[&'static str], line: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for kind in kinds {
        for mode in MODES {
            places.push(Place {
                name: format!("'{line}' in {kind}, mode {mode}"),
                text: proxy(kind, mode, line),
                kind,
            });
        }
    }
    places
}

/// Each word in quotes.
pub(crate) fn words(text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(quoted).collect();
    words.join(" ")
}

/// An expression as it stands in a log format: a closing bracket would end it.
fn escaped(expression: &str) -> String {
    expression.replace(']', "\\]")
}
