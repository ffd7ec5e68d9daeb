//! The statistics over HTTP: the page, the forms that programs read, and changes by POST.
//!
//! Columns and their values are `lbd-proxy`'s; which requests are for a page is decided there, too.

mod admin;
mod ask;
mod origin;
mod page;
mod table;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock, Weak};

use lbd_config::config::ProxySpec;
use lbd_core::ProxyId;
use lbd_http::{Head, uri};
use lbd_proxy::metric::{Kinds, Row, Walk};
use lbd_proxy::service::{Answer, PIECE, Pieces, Services, StatsRequest};
use lbd_proxy::state::{Generation, Shared};

use crate::prometheus::Exposition;
use crate::run::Daemon;
use ask::{Ask, View};

pub(crate) use table::{Form, Table, json_value};

/// The JSON schema of what `show stat json` and `show info json` give.
pub(crate) const SCHEMA: &str = include_str!("stats/schema.json");

/// The services that traffic may ask for.
#[derive(Default)]
pub(crate) struct Statistics {
    /// Set before the workers start; weak, because the state that it holds holds this.
    daemon: OnceLock<Weak<Daemon>>,
}

impl Statistics {
    /// Tells whose statistics these are, once.
    pub(crate) fn attach(&self, daemon: &Arc<Daemon>) {
        let _ = self.daemon.set(Arc::downgrade(daemon));
    }

    fn daemon(&self) -> Option<Arc<Daemon>> {
        self.daemon.get().and_then(Weak::upgrade)
    }
}

impl Services for Statistics {
    fn statistics(&self, request: &StatsRequest<'_>) -> Answer {
        let Some(daemon) = self.daemon() else {
            return unavailable();
        };
        let target = request.head.target();
        let target = uri::pathq(target).unwrap_or(target);
        let ask = Ask::parse(target.get(request.page.uri.len()..).unwrap_or_default());
        if let Some(form) = request.form {
            return admin::answer(&daemon, request, form, &ask);
        }
        let content_type: &[u8] = match ask.view {
            View::Page => b"text/html",
            View::Schema | View::Table(Form::Json) => b"application/json",
            View::Table(Form::Csv | Form::Typed) => b"text/plain",
        };
        let mut fields: Vec<(&[u8], Vec<u8>)> = vec![
            (b"cache-control", b"no-cache".to_vec()),
            (b"content-type", content_type.to_vec()),
        ];
        if let Some(refresh) = request.page.refresh.filter(|_| !ask.no_refresh) {
            fields.push((b"refresh", refresh.as_secs().to_string().into_bytes()));
        }
        if ask.view == View::Page && request.is_admin {
            // Nobody shall lead a hand to a button under another page.
            fields.push((
                b"content-security-policy",
                b"frame-ancestors 'self'".to_vec(),
            ));
        }
        let body: Box<dyn Pieces> = match ask.view {
            View::Page => Box::new(page::Page::new(&daemon, request, ask)),
            View::Schema => Box::new(Whole(SCHEMA.into())),
            View::Table(form) => Box::new(Rows::new(&daemon, request, ask, form)),
        };
        answer(200, b"OK", &fields, Some(body))
    }

    fn prometheus(&self, generation: &Arc<Generation>, query: &[u8]) -> Answer {
        let Some(daemon) = self.daemon() else {
            return unavailable();
        };
        let fields = |content_type: &[u8]| -> [(&[u8], Vec<u8>); 2] {
            [
                (b"cache-control", b"no-cache".to_vec()),
                (b"content-type", content_type.to_vec()),
            ]
        };
        match Exposition::new(daemon, generation, query) {
            Ok(exposition) => {
                let fields = fields(b"text/plain; version=0.0.4");
                answer(200, b"OK", &fields, Some(Box::new(exposition)))
            }
            Err(fault) => {
                let body = Box::new(Whole(format!("{fault}\n").into()));
                answer(400, b"Bad Request", &fields(b"text/plain"), Some(body))
            }
        }
    }
}

/// An answer of these fields; one that did not fit would be this program's own fault.
fn answer(
    status: u16,
    reason: &[u8],
    fields: &[(&[u8], Vec<u8>)],
    body: Option<Box<dyn Pieces>>,
) -> Answer {
    let mut head = Head::new();
    let begun = head.start_response(b"HTTP/1.1", status, reason);
    let is_whole = begun.is_ok()
        && fields
            .iter()
            .all(|(name, value)| head.add(name, value).is_ok());
    if !is_whole {
        return unavailable();
    }
    Answer { head, body }
}

fn unavailable() -> Answer {
    let mut head = Head::new();
    // A new head has room for its status line.
    let _ = head.start_response(b"HTTP/1.1", 503, b"Service Unavailable");
    Answer { head, body: None }
}

/// A text that is there.
struct Whole(Cow<'static, str>);

impl Pieces for Whole {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(self.0.as_bytes());
        false
    }
}

/// What rows of a page are chosen from, and where the walk over them stands.
struct Source {
    shared: Arc<Shared>,
    generation: Arc<Generation>,
    /// The proxy whose page it is.
    proxy: ProxyId,
    ask: Ask,
    walk: Walk,
}

impl Source {
    fn new(daemon: &Daemon, request: &StatsRequest<'_>, ask: Ask) -> Self {
        Self {
            shared: Arc::clone(&daemon.shared),
            generation: Arc::clone(request.generation),
            proxy: request.proxy.id,
            ask,
            walk: Walk::over(Kinds::ALL),
        }
    }

    /// The next row that is asked for.
    fn next(&mut self) -> Option<Row<'_>> {
        let own = self.generation.config.proxies.get(self.proxy.index())?;
        let page = own.stats.as_deref()?;
        let ask = &self.ask;
        loop {
            let wants = |proxy: &ProxySpec| ask.shows(proxy, page, own);
            let mut row = self.walk.next(&self.shared, &self.generation, wants)?;
            row.shows.details = page.shows_legends;
            row.shows.counts_servers = ask.only_up || ask.no_maint;
            if !row.is_left_out(ask.only_up, ask.no_maint) {
                return Some(row);
            }
        }
    }
}

/// Rows in a form that programs read.
struct Rows {
    source: Source,
    table: Table,
    is_begun: bool,
}

impl Rows {
    fn new(daemon: &Daemon, request: &StatsRequest<'_>, ask: Ask, form: Form) -> Self {
        Self {
            source: Source::new(daemon, request, ask),
            table: Table::new(form),
            is_begun: false,
        }
    }
}

impl Pieces for Rows {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let mut text = String::with_capacity(PIECE);
        if !std::mem::replace(&mut self.is_begun, true) {
            self.table.begin(&mut text);
        }
        let has_more = loop {
            if text.len() >= PIECE {
                break true;
            }
            let Some(row) = self.source.next() else {
                self.table.end(&mut text);
                break false;
            };
            self.table.row(&row, &mut text);
        };
        out.extend_from_slice(text.as_bytes());
        has_more
    }
}
