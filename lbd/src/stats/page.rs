//! The statistics page for people: one look says what is down, every number is a column of the
//! registry. It reads on a phone and without scripts.
//!
//! What is counted, and what a status means, is the registry's matter.

mod cells;
mod text;

use std::fmt::Write;
use std::sync::Arc;

use lbd_config::config::{ProxySpec, StatsSpec};
use lbd_core::ProxyId;
use lbd_proxy::metric::{Object, Row};
use lbd_proxy::service::{PIECE, Pieces, StatsRequest};

use super::Source;
use super::ask::{Ask, Outcome};
use crate::api::info_field;
use crate::run::Daemon;
use cells::Look;
use text::{Escaped, link};

/// A page that is made piece by piece.
pub(super) struct Page {
    daemon: Arc<Daemon>,
    source: Source,
    is_admin: bool,
    stage: Stage,
    /// The proxy whose table is open.
    open: Option<ProxyId>,
    seen: Seen,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Rows,
}

/// What the rows have told, for the summary.
#[derive(Debug, Default)]
struct Seen {
    servers: usize,
    up: usize,
    down: usize,
    maint: usize,
    drain: usize,
    /// Places of what is down, the first [`MAX_NAMED`] of them.
    names: Vec<String>,
}

/// Names in the summary.
const MAX_NAMED: usize = 50;

impl Page {
    pub(super) fn new(daemon: &Arc<Daemon>, request: &StatsRequest<'_>, ask: Ask) -> Self {
        Self {
            daemon: Arc::clone(daemon),
            source: Source::new(daemon, request, ask),
            is_admin: request.is_admin,
            stage: Stage::Begin,
            open: None,
            seen: Seen::default(),
        }
    }
}

impl Pieces for Page {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let mut html = String::with_capacity(PIECE);
        let generation = Arc::clone(&self.source.generation);
        let own = &generation.config.proxies[self.source.proxy.index()];
        let Some(page) = own.stats.as_deref() else {
            return false;
        };
        if self.stage == Stage::Begin {
            self.stage = Stage::Rows;
            begin(&self.daemon, own, page, &self.source.ask, &mut html);
        }
        let is_admin = self.is_admin;
        let has_more = loop {
            if html.len() >= PIECE {
                break true;
            }
            let ask = self.source.ask.clone();
            let Some(row) = self.source.next() else {
                close(
                    &generation.config.proxies,
                    self.open.take(),
                    is_admin,
                    &mut html,
                );
                self.seen.summary(&mut html);
                html.push_str("</body></html>\n");
                break false;
            };
            if self.open != Some(row.spec.id) {
                close(&generation.config.proxies, self.open, is_admin, &mut html);
                self.open = Some(row.spec.id);
                open(page, &ask, &row, is_admin, &mut html);
            }
            self.seen.count(&row);
            cells::row(page, &row, is_admin, &mut html);
        };
        out.extend_from_slice(html.as_bytes());
        has_more
    }
}

impl Seen {
    fn count(&mut self, row: &Row<'_>) {
        let look = Look::of(row);
        let is_server = matches!(row.object, Object::Server(..));
        if is_server {
            self.servers += 1;
            match look {
                Look::Up | Look::Rising | Look::Falling | Look::Unchecked => self.up += 1,
                Look::Down => self.down += 1,
                Look::Maint => self.maint += 1,
                Look::Drain => self.drain += 1,
            }
        }
        if look == Look::Down && self.names.len() < MAX_NAMED {
            let name = &row.spec.name;
            self.names.push(match is_server {
                true => format!("{name}/{}", row.object_name()),
                false => format!("{name} ({})", row.object_name().to_lowercase()),
            });
        }
    }

    /// It comes last, when all is known, and is shown first.
    fn summary(&self, html: &mut String) {
        let class = if self.names.is_empty() { "fine" } else { "bad" };
        let _ = write!(
            html,
            "<div id=\"summary\" class=\"{class}\" role=\"status\"><b>"
        );
        let _ = match (self.servers, self.down) {
            (0, _) => write!(html, "No servers"),
            (all, 0) if self.up == all => write!(html, "All {all} servers up"),
            (all, 0) => write!(html, "{} of {all} servers up, none down", self.up),
            (all, down) => write!(html, "{down} of {all} servers down"),
        };
        html.push_str("</b>");
        for (count, word) in [(self.maint, "in maintenance"), (self.drain, "draining")] {
            if count > 0 {
                let _ = write!(html, ", {count} {word}");
            }
        }
        if !self.names.is_empty() {
            html.push_str("<ul>");
            for name in &self.names {
                let end = name.find(['/', ' ']).unwrap_or(name.len());
                let (proxy, whole) = (Escaped(&name[..end]), Escaped(name));
                let _ = write!(html, "<li><a href=\"#{proxy}\">{whole}</a></li>");
            }
            html.push_str("</ul>");
        }
        html.push_str("</div>");
    }
}

/// All that stands before the tables.
fn begin(daemon: &Daemon, own: &ProxySpec, page: &StatsSpec, ask: &Ask, html: &mut String) {
    html.push_str(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" href=\"data:,\"><title>\
         Statistics",
    );
    if let Some(node) = &page.node {
        let _ = write!(html, " of {}", Escaped(node));
    }
    html.push_str("</title><style>");
    html.push_str(include_str!("page/style.css"));
    html.push_str("</style></head><body><header><h1>Statistics");
    if let Some(node) = &page.node {
        let _ = write!(html, " of {}", Escaped(node));
    }
    html.push_str("</h1>");
    if page.shows_version {
        let version = env!("CARGO_PKG_VERSION");
        let _ = write!(
            html,
            "<p class=\"version\">lbd {version}, as HAProxy {}</p>",
            lbd_config::HAPROXY_VERSION
        );
    }
    if let Some(text) = &page.description {
        let _ = write!(html, "<p class=\"description\">{}</p>", Escaped(text));
    }
    if let Some(outcome) = ask.outcome {
        said(outcome, page, ask, html);
    }
    process(daemon, html);
    links(page, ask, html);
    search(page, ask, html);
    legend(html);
    let _ = write!(html, "</header><!-- page of {} -->", Escaped(&own.name));
}

/// What became of an order.
fn said(outcome: Outcome, page: &StatsSpec, ask: &Ask, html: &mut String) {
    let (class, text) = match outcome {
        Outcome::Denied => ("bad", "Action denied: this page may not change servers."),
        Outcome::Done => ("fine", "Action processed."),
        Outcome::Errors => (
            "bad",
            "Action not processed: the action, the backend or all servers are unknown.",
        ),
        Outcome::Exceeded => (
            "bad",
            "Action not processed: too many servers for one form. Choose fewer at a time.",
        ),
        Outcome::Nothing => ("note", "Nothing was changed."),
        Outcome::Partly => (
            "note",
            "Action processed in part: some servers are unknown.",
        ),
        Outcome::Unknown => ("note", "Unexpected result."),
    };
    let _ = write!(
        html,
        "<p id=\"outcome\" class=\"{class}\">{text} <a href=\"{}\" title=\"Remove this \
         message\">Remove</a></p>",
        Escaped(&link(page, ask, &[]))
    );
}

/// The state of the process.
fn process(daemon: &Daemon, html: &mut String) {
    html.push_str("<dl>");
    for (label, names) in PROCESS {
        let _ = write!(html, "<div><dt>{label}</dt><dd>");
        for (at, name) in names.iter().enumerate() {
            let separator = if at > 0 { " / " } else { "" };
            let field = info_field(daemon, name);
            let _ = write!(html, "{separator}{}", Escaped(&field.to_string()));
        }
        html.push_str("</dd></div>");
    }
    html.push_str("</dl>");
}

/// What is shown of the process: labels and keys of `show info`.
const PROCESS: &[(&str, &[&str])] = &[
    ("Process", &["Pid"]),
    ("Up for", &["Uptime"]),
    ("Threads", &["Nbthread"]),
    ("Connections / limit", &["CurrConns", "Maxconn"]),
    (
        "Connections/s / max / limit",
        &["ConnRate", "MaxConnRate", "ConnRateLimit"],
    ),
    (
        "Sessions/s / max / limit",
        &["SessRate", "MaxSessRate", "SessRateLimit"],
    ),
    ("TLS now / total", &["CurrSslConns", "CumSslConns"]),
    ("Requests", &["CumReq"]),
    ("Sockets / descriptors", &["Maxsock", "Ulimit-n"]),
    ("Pipes used / free", &["PipesUsed", "PipesFree"]),
    ("Memory limit (MB)", &["Memmax_MB"]),
    ("Log lines lost", &["DroppedLogs"]),
    ("Idle (%)", &["Idle_pct"]),
];

fn links(page: &StatsSpec, ask: &Ask, html: &mut String) {
    let mut toggles = vec![
        (
            if ask.only_up {
                "Show all servers"
            } else {
                "Hide servers that are down"
            },
            Ask {
                only_up: !ask.only_up,
                ..ask.clone()
            },
        ),
        (
            if ask.no_maint {
                "Show servers in maintenance"
            } else {
                "Hide servers in maintenance"
            },
            Ask {
                no_maint: !ask.no_maint,
                ..ask.clone()
            },
        ),
    ];
    if page.refresh.is_some() {
        let label = if ask.no_refresh {
            "Refresh by itself"
        } else {
            "Stop refreshing"
        };
        toggles.push((
            label,
            Ask {
                no_refresh: !ask.no_refresh,
                ..ask.clone()
            },
        ));
    }
    toggles.push(("Refresh now", ask.clone()));
    html.push_str("<nav>");
    let mut put = |label: &str, address: &str| {
        let _ = write!(html, "<a href=\"{}\">{label}</a> ", Escaped(address));
    };
    for (label, ask) in &toggles {
        put(label, &link(page, ask, &[]));
    }
    put("CSV", &link(page, ask, &["csv"]));
    put("JSON", &link(page, ask, &["json"]));
    put("JSON schema", &link(page, ask, &["json-schema"]));
    html.push_str("</nav>");
}

/// A field for `scope=`, where a form can make the page's address: a browser puts the fields of a
/// form in the place of what stands behind `?`.
fn search(page: &StatsSpec, ask: &Ask, html: &mut String) {
    let uri = String::from_utf8_lossy(&page.uri);
    let (path, query) = uri.split_once('?').unwrap_or((&uri, ""));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.=&".contains(c);
    if !query.chars().all(is_plain) {
        return;
    }
    let _ = write!(
        html,
        "<form method=\"get\" action=\"{}\" role=\"search\">",
        Escaped(path)
    );
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (Escaped(name), Escaped(value));
        let _ = write!(
            html,
            "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"
        );
    }
    let _ = write!(
        html,
        "<label>Proxies whose names contain <input name=\"scope\" maxlength=\"20\" value=\"{}\">\
         </label> <button>Show</button></form>",
        Escaped(&ask.scope)
    );
}

/// What the colours mean.
fn legend(html: &mut String) {
    html.push_str("<p class=\"legend\">");
    for look in Look::ALL {
        let (class, text) = (look.class(), look.meaning());
        let _ = write!(html, "<span class=\"state {class}\">{text}</span> ");
    }
    html.push_str("</p>");
}

/// Opens the table of a proxy, of which `row` is the first.
fn open(page: &StatsSpec, ask: &Ask, row: &Row<'_>, is_admin: bool, html: &mut String) {
    let (proxy, name) = (row.spec, Escaped(&row.spec.name));
    let _ = write!(html, "<section id=\"{name}\"><h2>{name}");
    if let Some(text) = &proxy.description {
        let _ = write!(html, " <small>{}</small>", Escaped(text));
    }
    html.push_str("</h2>");
    if page.shows_legends {
        let kind = match (proxy.caps.frontend, proxy.caps.backend) {
            (true, true) => "frontend and backend",
            (true, false) => "frontend",
            _ => "backend",
        };
        let _ = write!(html, "<p class=\"facts\">{kind}, id {}</p>", proxy.uid);
    }
    if is_admin && proxy.caps.backend {
        let action = link(page, ask, &[]);
        let _ = write!(
            html,
            "<form method=\"post\" action=\"{}\">",
            Escaped(&action)
        );
    }
    html.push_str("<div class=\"wide\"><table><thead><tr>");
    cells::head(html);
    html.push_str("</tr></thead><tbody>");
}

/// Closes the table of a proxy.
fn close(proxies: &[ProxySpec], open: Option<ProxyId>, is_admin: bool, html: &mut String) {
    let Some(proxy) = open.and_then(|id| proxies.get(id.index())) else {
        return;
    };
    html.push_str("</tbody></table></div>");
    if is_admin && proxy.caps.backend {
        let _ = write!(
            html,
            "<p class=\"order\"><label>Chosen servers: <select name=\"action\"><option value=\"\">\
             </option>"
        );
        for (value, label) in ACTIONS {
            let _ = write!(html, "<option value=\"{value}\">{label}</option>");
        }
        let _ = write!(
            html,
            "</select></label> <input type=\"hidden\" name=\"b\" value=\"#{}\"><button>Apply\
             </button></p></form>",
            proxy.uid
        );
    }
    html.push_str("</section>");
}

/// What an operator may choose.
const ACTIONS: &[(&str, &str)] = &[
    ("ready", "Set state to READY"),
    ("drain", "Set state to DRAIN"),
    ("maint", "Set state to MAINT"),
    ("dhlth", "Health: disable checks"),
    ("ehlth", "Health: enable checks"),
    ("hrunn", "Health: force UP"),
    ("hnolb", "Health: force NOLB"),
    ("hdown", "Health: force DOWN"),
    ("dagent", "Agent: disable checks"),
    ("eagent", "Agent: enable checks"),
    ("arunn", "Agent: force UP"),
    ("adown", "Agent: force DOWN"),
    ("shutdown", "End sessions"),
];

#[cfg(test)]
mod tests;
