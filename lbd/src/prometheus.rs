//! Metrics in Prometheus's text format, for `use-service prometheus-exporter` (haproxy 3.4, its
//! exporter's README).
//!
//! It counts nothing: values are those of `show info` and of the columns of `show stat`.

mod ask;
mod peers;
mod process;
mod series;

use std::sync::Arc;

use lbd_proxy::metric::exposed::Kind;
use lbd_proxy::metric::{Column, EXPOSED, Exposed, Field, Kinds, MODULE_COLUMNS, Walk};
use lbd_proxy::service::{PIECE, Pieces};
use lbd_proxy::state::Generation;

use self::peers::{Of, PEERS};
use crate::api::{info_field, info_text};
use crate::run::Daemon;
use ::peers::View;
use ask::{Ask, Scope};
use process::PROCESS;
use series::Labels;

/// All that a scrape asks for, made piece by piece.
pub(crate) struct Exposition {
    daemon: Arc<Daemon>,
    generation: Arc<Generation>,
    ask: Ask,
    place: Place,
    /// Name of the metric at hand.
    name: String,
    /// Whether its HELP and TYPE are written.
    is_headed: bool,
    walk: Walk,
    certificates: Vec<Arc<str>>,
    sections: Vec<Option<View>>,
}

/// Where an exposition stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// A metric of the process.
    Process(usize),
    /// Before a metric of a kind of object: index in [`OBJECTS`], and of the metric.
    Metric(usize, usize),
    /// In it.
    Row(usize, usize),
    /// A metric of stick tables, and a table.
    Table(usize, usize),
    /// A certificate.
    Certificate(usize),
    /// A metric of `peers` sections.
    Peers(usize),
    /// Behind the last.
    End,
}

/// Kinds of objects that have metrics, in the reference's order.
const OBJECTS: [(Scope, &str, Kinds); 4] = [
    (Scope::Frontend, "frontend", Kinds::FRONTENDS),
    (Scope::Listener, "listener", Kinds::LISTENERS),
    (Scope::Backend, "backend", Kinds::BACKENDS),
    (Scope::Server, "server", Kinds::SERVERS),
];

/// Metrics of stick tables.
const TABLES: [(&str, &str); 3] = [
    ("haproxy_sticktable_size", "Most entries of a stick table"),
    ("haproxy_sticktable_used", "Entries of a stick table"),
    (
        "haproxy_sticktable_local_updates",
        "Changes of a stick table that were made here",
    ),
];

/// The end of a certificate: a metric that the reference does not have.
const CERTIFICATE: (&str, &str) = (
    "lbd_certificate_not_after_timestamp_seconds",
    "Unix time at which a loaded certificate expires",
);

/// Steps of a piece that gives no text.
const MAX_STEPS: usize = 256;

/// A metric of objects, of every version or of a module.
enum Shown {
    Exposed(&'static Exposed),
    Module(&'static Column),
}

fn metric(at: usize) -> Option<Shown> {
    let module = || MODULE_COLUMNS.get(at - EXPOSED.len()).map(Shown::Module);
    EXPOSED.get(at).map(Shown::Exposed).or_else(module)
}

impl Exposition {
    /// What this query asks for.
    ///
    /// # Errors
    /// What is wrong with the query.
    pub(crate) fn new(
        daemon: Arc<Daemon>,
        generation: &Arc<Generation>,
        query: &[u8],
    ) -> Result<Self, String> {
        Ok(Self {
            daemon,
            generation: Arc::clone(generation),
            ask: Ask::parse(query)?,
            place: Place::Process(0),
            name: String::new(),
            is_headed: false,
            walk: Walk::over(Kinds::ALL),
            certificates: Vec::new(),
            sections: Vec::new(),
        })
    }

    /// Goes one step on; false behind the last one.
    fn step(&mut self, out: &mut String) -> bool {
        self.place = match self.place {
            Place::Process(at) if at < PROCESS.len() && self.ask.has(Scope::Global) => {
                self.process(at, out);
                Place::Process(at + 1)
            }
            Place::Process(_) => Place::Metric(0, 0),
            Place::Metric(kind, at) => self.begin(kind, at),
            Place::Row(kind, at) => match self.row(kind, at, out) {
                true => Place::Row(kind, at),
                false => Place::Metric(kind, at + 1),
            },
            Place::Table(at, table) => self.table(at, table, out),
            Place::Certificate(at) => match self.certificate(at, out) {
                true => Place::Certificate(at + 1),
                false => {
                    self.sections = self.peers_sections();
                    Place::Peers(0)
                }
            },
            Place::Peers(at) => match self.peers(at, out) {
                true => Place::Peers(at + 1),
                false => Place::End,
            },
            Place::End => return false,
        };
        true
    }

    fn process(&mut self, at: usize, out: &mut String) {
        let metric = &PROCESS[at];
        let name = format!("haproxy_process_{}", metric.name);
        let value = info_field(&self.daemon, metric.key);
        if value == Field::Empty || !self.ask.wants(&name) {
            return;
        }
        series::head(&name, metric.kind, info_text(metric.key), out);
        let global = &self.generation.config.global;
        let mut labels = Labels::new(&name, out);
        let value = match metric.label {
            Some(label) => {
                labels.add(label, &value.to_string());
                Field::U32(1)
            }
            None => value,
        };
        if let Some(description) = &global.description
            && self.ask.desc_labels
            && metric.label != Some("desc")
        {
            labels.add("desc", description);
        }
        labels.end(&value);
    }

    /// Goes to the next metric that is wanted of this kind of object, or to what comes behind.
    fn begin(&mut self, kind: usize, at: usize) -> Place {
        let Some((scope, word, kinds)) = OBJECTS.get(kind) else {
            return Place::Table(0, 0);
        };
        let wanted = metric(at).filter(|metric| {
            self.ask.has(*scope) && (self.ask.extra_counters || matches!(metric, Shown::Exposed(_)))
        });
        let Some(metric) = wanted else {
            return Place::Metric(kind + 1, 0);
        };
        let (name, is_of_kind) = match metric {
            Shown::Exposed(exposed) => (exposed.name, exposed.kinds.meets(*kinds)),
            Shown::Module(column) => (column.name, true),
        };
        let name = format!("haproxy_{word}_{name}");
        if !is_of_kind || !self.ask.wants(&name) {
            return Place::Metric(kind, at + 1);
        }
        // Series of one name may come from several columns.
        self.is_headed &= name == self.name;
        self.name = name;
        self.walk = Walk::over(*kinds);
        Place::Row(kind, at)
    }

    /// The series of the next object; false when there is none.
    fn row(&mut self, kind: usize, at: usize, out: &mut String) -> bool {
        let (daemon, generation) = (&self.daemon, &self.generation);
        let Some(row) = self.walk.next(&daemon.shared, generation, |_| true) else {
            return false;
        };
        let is_server = OBJECTS
            .get(kind)
            .is_some_and(|kind| kind.0 == Scope::Server);
        if is_server && self.ask.no_maint && row.state() == "MAINT" {
            return true;
        }
        let to = series::Series {
            name: &self.name,
            is_headed: &mut self.is_headed,
            with_description: self.ask.desc_labels,
            out,
        };
        match metric(at) {
            Some(Shown::Exposed(exposed)) => to.exposed(&row, exposed),
            Some(Shown::Module(column)) => to.module(&row, column),
            None => {}
        }
        true
    }

    fn table(&mut self, at: usize, table: usize, out: &mut String) -> Place {
        let wanted = TABLES.get(at).filter(|_| self.ask.has(Scope::StickTable));
        let Some((name, help)) = wanted else {
            self.certificates = self.loaded_certificates();
            return Place::Certificate(0);
        };
        let found = self.generation.tables.get(table);
        let Some(found) = found.filter(|_| self.ask.wants(name)) else {
            return Place::Table(at + 1, 0);
        };
        if table == 0 {
            series::head(name, Kind::Gauge, help, out);
        }
        let value = match at {
            0 => u64::from(found.schema().size),
            1 => u64::from(found.used()),
            _ => found.stats().local_updates,
        };
        let mut labels = Labels::new(name, out);
        labels.add("name", found.name());
        labels.add("type", found.schema().key.name());
        labels.end(&Field::U64(value));
        Place::Table(at, table + 1)
    }

    fn loaded_certificates(&self) -> Vec<Arc<str>> {
        let is_wanted = self.ask.has(Scope::Certificate) && self.ask.wants(CERTIFICATE.0);
        match is_wanted {
            true => self.generation.config.tls.store.certificate_names().0,
            false => Vec::new(),
        }
    }

    fn certificate(&self, at: usize, out: &mut String) -> bool {
        let Some(file) = self.certificates.get(at) else {
            return false;
        };
        let (name, help) = CERTIFICATE;
        if at == 0 {
            series::head(name, Kind::Gauge, help, out);
        }
        // One that was deleted meanwhile has no end.
        if let Some(found) = self.generation.config.tls.store.certificate(file) {
            let mut labels = Labels::new(name, out);
            labels.add("file", file);
            let end = u64::try_from(found.facts.not_after).unwrap_or_default();
            labels.end(&Field::U64(end));
        }
        true
    }
}

impl Exposition {
    fn peers_sections(&self) -> Vec<Option<View>> {
        match self.ask.has(Scope::Peers) {
            true => self.daemon.peers.views(self.daemon.shared.now()),
            false => Vec::new(),
        }
    }

    /// A metric of all sections, or of all their peers but this node; false behind the last one.
    fn peers(&self, at: usize, out: &mut String) -> bool {
        let Some(metric) = PEERS.get(at).filter(|_| !self.sections.is_empty()) else {
            return false;
        };
        if !self.ask.wants(metric.name) {
            return true;
        }
        series::head(metric.name, metric.kind, metric.help, out);
        let specs = &self.generation.config.peers;
        for (spec, view) in specs.iter().zip(&self.sections) {
            let Some(view) = view else { continue };
            let mut line = |peer: Option<&str>, value| {
                let mut labels = Labels::new(metric.name, out);
                labels.add("peers", &spec.name);
                if let Some(peer) = peer {
                    labels.add("peer", peer);
                }
                labels.end(&Field::U64(value));
            };
            match metric.of {
                Of::Section(read) => line(None, read(view)),
                Of::Peer(read) => {
                    for peer in view.section.peers.iter().filter(|peer| !peer.is_local) {
                        line(Some(&peer.name), read(peer));
                    }
                }
            }
        }
        true
    }
}

impl Pieces for Exposition {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let mut text = String::with_capacity(PIECE + PIECE / 4);
        let mut has_more = true;
        for _ in 0..MAX_STEPS {
            has_more = self.step(&mut text);
            if !has_more || text.len() >= PIECE {
                break;
            }
        }
        out.extend_from_slice(text.as_bytes());
        has_more
    }
}
