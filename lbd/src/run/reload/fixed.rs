//! What a process is started with and cannot change: a new configuration that says otherwise is told.

use lbd_config::config::Config;

use crate::run::limits::workers;

/// The settings that differ and wait for another start, as the configuration names them.
pub(super) fn differing(old: &Config, new: &Config) -> Vec<&'static str> {
    let (a, b) = (&old.global, &new.global);
    let text = |config: &Config| format!("{:?}", (&config.peers, &config.global.snapshots));
    let differs = [
        ("nbthread", workers(old) != workers(new)),
        ("cpu-map", a.cpu_map != b.cpu_map),
        ("chroot", a.chroot != b.chroot),
        ("user", a.uid != b.uid),
        ("group", a.gid != b.gid),
        ("daemon", a.daemon != b.daemon),
        ("pidfile", a.pidfile != b.pidfile),
        ("external-check", !a.external_check && b.external_check),
        ("maxpipes", a.maxpipes != b.maxpipes),
        ("ulimit-n", a.ulimit_n != b.ulimit_n),
        ("tune.bufsize", a.tune.bufsize != b.tune.bufsize),
        ("tune.pipesize", a.tune.pipesize != b.tune.pipesize),
        (
            "tune.h2.fe.max-concurrent-streams rq-load",
            a.tune.h2.load.is_some() != b.tune.h2.load.is_some(),
        ),
        (
            "a 'peers' section, or 'table-snapshots'",
            without_places(&text(old)) != without_places(&text(new)),
        ),
    ];
    let differing = differs.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(name, _)| name).collect()
}

/// A picture of values without the numbers of lines and tables, which move with the text around.
fn without_places(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = PLACES.iter().filter_map(|mark| rest.find(mark)).min() {
        out.push_str(&rest[..at]);
        let skipped = rest[at..]
            .find(['}', ')'])
            .map_or(rest.len(), |end| at + end);
        rest = &rest[skipped..];
    }
    out.push_str(rest);
    out
}

const PLACES: &[&str] = &["Span {", "TableId(", "file: ", "SpanFile("];
