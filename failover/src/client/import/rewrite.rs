//! Lines that would be understood and still be wrong here: users, directories and sockets of the
//! other packages, and scripts that look for a process called haproxy.

/// A line of the old file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) old: String,
    pub(super) change: Option<Change>,
}

/// What it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) new: String,
    pub(super) why: &'static str,
}

impl Line {
    /// Whether it says nothing.
    pub(super) fn is_blank(&self) -> bool {
        matches!(self.old.trim_start().chars().next(), None | Some('#' | '!'))
    }
}

/// The new file.
pub(super) fn text(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line.change.as_ref().map_or(&line.old, |change| &change.new));
        text.push('\n');
    }
    text
}

/// A word that is replaced in lines that begin with some words.
struct Replacement {
    begin: &'static [&'static str],
    old: &'static str,
    new: &'static str,
    why: &'static str,
}

const USER: &str = "the package makes the user and group lbd";
const ROOT: &str = "the root directory is lbd's";
const SOCKET: &str = "the unit lets lbd write in /run/lbd";

const HAPROXY: &[Replacement] = &[
    replace(&["user"], "haproxy", "lbd", USER),
    replace(&["group"], "haproxy", "lbd", USER),
    replace(&["uid"], "haproxy", "lbd", USER),
    replace(&["gid"], "haproxy", "lbd", USER),
    replace(&["chroot"], "/var/lib/haproxy", "/var/lib/lbd", ROOT),
    replace(&["stats", "socket"], "/run/haproxy/", "/run/lbd/", SOCKET),
    replace(
        &["stats", "socket"],
        "/var/run/haproxy/",
        "/run/lbd/",
        SOCKET,
    ),
    replace(
        &["stats", "socket"],
        "/var/lib/haproxy/",
        "/run/lbd/",
        SOCKET,
    ),
    replace(
        &["stats", "socket"],
        "/run/haproxy.",
        "/run/lbd/haproxy.",
        SOCKET,
    ),
    replace(
        &["stats", "socket"],
        "/var/run/haproxy.",
        "/run/lbd/haproxy.",
        SOCKET,
    ),
    replace(
        &["pidfile"],
        "/var/run/haproxy.pid",
        "/run/lbd/lbd.pid",
        SOCKET,
    ),
    replace(&["pidfile"], "/run/haproxy.pid", "/run/lbd/lbd.pid", SOCKET),
];

/// Users and groups behind these words of a socket.
const OWNERS: &[&str] = &["user", "group"];

const PROCESS: &str = "the process that is looked for is called lbd";

const KEEPALIVED: &[Replacement] = &[
    replace(&["script"], "killall -0 haproxy", "killall -0 lbd", PROCESS),
    replace(&["script"], "pidof haproxy", "pidof lbd", PROCESS),
    replace(&["script"], "pgrep haproxy", "pgrep lbd", PROCESS),
    replace(&["script"], "pgrep -x haproxy", "pgrep -x lbd", PROCESS),
    replace(
        &["script"],
        "kill -0 $(cat /var/run/haproxy.pid)",
        "pidof lbd",
        PROCESS,
    ),
    replace(
        &["script"],
        "systemctl is-active haproxy",
        "systemctl is-active lbd",
        PROCESS,
    ),
    replace(&["process"], "haproxy", "lbd", PROCESS),
];

const fn replace(
    begin: &'static [&'static str],
    old: &'static str,
    new: &'static str,
    why: &'static str,
) -> Replacement {
    Replacement {
        begin,
        old,
        new,
        why,
    }
}

/// Lines of a `haproxy.cfg`.
pub(super) fn haproxy(text: &str) -> Vec<Line> {
    text.lines()
        .map(|line| changed(line, HAPROXY, true))
        .collect()
}

/// Lines of a `keepalived.conf`.
pub(super) fn keepalived(text: &str) -> Vec<Line> {
    text.lines()
        .map(|line| changed(line, KEEPALIVED, false))
        .collect()
}

fn changed(old: &str, replacements: &[Replacement], has_owners: bool) -> Line {
    let words: Vec<_> = old.split_whitespace().collect();
    let mut new = old.to_owned();
    let mut why = None;
    for replacement in replacements {
        if words.starts_with(replacement.begin) && has_word(&new, replacement.old) {
            new = new.replacen(replacement.old, replacement.new, 1);
            why = Some(replacement.why);
        }
    }
    if has_owners && words.starts_with(&["stats", "socket"]) {
        for owner in OWNERS {
            let (theirs, ours) = (format!(" {owner} haproxy"), format!(" {owner} lbd"));
            if new.contains(&theirs) {
                new = new.replace(&theirs, &ours);
                why = why.or(Some(USER));
            }
        }
    }
    Line {
        old: old.to_owned(),
        change: why.map(|why| Change { new, why }),
    }
}

/// Whether `part` stands in the line and is no end or beginning of a longer name.
fn has_word(line: &str, part: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let is_whole = part.ends_with(is_name);
    line.find(part).is_some_and(|at| {
        let before = line[..at].chars().next_back();
        let after = line[at + part.len()..].chars().next();
        let goes_on = is_whole && after.is_some_and(|c| is_name(c) || c == '.');
        !before.is_some_and(is_name) && !goes_on
    })
}
