//! Servers that come while the balancer runs (`add server`): what they inherit, and their lines.
//!
//! Nothing is read from files and no name is looked up: what a line names must be known.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lbd_core::{Diag, Diags, FileId, Level, ProxyId, ServerId, Span};
use lbd_rules::acl::AclTable;

use super::context::Compiler;
use super::server::Shared;
use super::tls::Tls;
use crate::config::{Config, ServerSpec};
use crate::draft::{CheckDraft, Draft, InitAddr, ProxyDraft};
use crate::host::{Environment, MemoryHost};
use crate::lex::{Line, Modifier, Word};
use crate::resolve::{Addresses, Index};
use crate::section::{self, Section, Site};

/// What the text says that servers need which come later.
#[derive(Debug)]
pub struct LaterSpec {
    /// All but the proxies.
    draft: Draft,
    /// Of backends whose checks are not those of every backend.
    checks: HashMap<ProxyId, (CheckDraft, bool)>,
    /// Servers that rules and expressions name: they stay.
    referenced: HashSet<(ProxyId, ServerId)>,
}

/// A server to come.
pub struct LaterServer<'a> {
    /// Its backend.
    pub backend: ProxyId,
    /// Its index there.
    pub id: ServerId,
    /// Its name, its address and its options.
    pub words: &'a [String],
    /// What is known of the servers that are there.
    pub others: &'a dyn Others,
}

/// The servers that are there when another one comes.
pub trait Others {
    /// Gives a numeric id: this one, or any that is free.
    ///
    /// # Errors
    /// When another one has it, in the reference's words.
    fn uid(&self, wanted: Option<u32>) -> Result<u32, String>;

    /// Finds the server that `track` names.
    ///
    /// # Errors
    /// When there is none, or it cannot be followed, in the reference's words.
    fn tracked(&self, named: &str) -> Result<(ProxyId, ServerId), String>;

    /// Who has this `guid`, if anybody.
    fn holder_of(&self, guid: &str) -> Option<String>;
}

impl std::fmt::Debug for LaterServer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaterServer")
            .field("backend", &self.backend)
            .field("words", &self.words)
            .finish_non_exhaustive()
    }
}

impl LaterSpec {
    /// What is kept of a draft that has been compiled.
    pub(super) fn new(mut draft: Draft, referenced: HashSet<(ProxyId, ServerId)>) -> Self {
        let mut checks = HashMap::new();
        for (at, proxy) in std::mem::take(&mut draft.proxies).into_iter().enumerate() {
            let logs = proxy.settings.flag(LOG_CHECKS);
            let check = proxy.settings.check;
            let is_plain = check.http.is_empty() && check.tcp.is_empty() && !logs;
            if !is_plain {
                let id = ProxyId(crate::resolve::number(at));
                checks.insert(id, (check, logs));
            }
        }
        // Every server starts anew.
        draft.global.state_file = None;
        Self {
            draft,
            checks,
            referenced,
        }
    }

    /// What was said besides the proxies.
    pub(super) fn draft(&self) -> &Draft {
        &self.draft
    }

    /// Whether something in the configuration names this server, so that it cannot be taken out.
    pub fn is_referenced(&self, backend: ProxyId, server: ServerId) -> bool {
        self.referenced.contains(&(backend, server))
    }

    /// The backend's section without its lines.
    fn section(&self, config: &Config, id: ProxyId) -> ProxyDraft {
        let spec = &config.proxies[id.index()];
        let mut proxy = ProxyDraft::new(Section::Backend, &spec.name, spec.span);
        proxy.settings.mode = Some(spec.mode);
        if let Some((check, logs)) = self.checks.get(&id) {
            proxy.settings.check = check.clone();
            proxy.settings.flags.insert(LOG_CHECKS, *logs);
        }
        proxy
    }
}

impl Config {
    /// The line of a server that comes while running, checked as the text is.
    ///
    /// # Errors
    /// The sentences that refuse it.
    pub fn later_server(&self, server: &LaterServer<'_>) -> Result<ServerSpec, String> {
        let host = MemoryHost::default();
        let section = self.later.section(self, server.backend);
        let mut site = Site::new(Environment::new(&host));
        site.section = Section::Backend;
        site.is_runtime = true;
        site.proxy = section.clone();
        let (global, own) = (&self.later.draft.global, &mut site.draft.global);
        own.ca_base.clone_from(&global.ca_base);
        own.crt_base.clone_from(&global.crt_base);
        own.default_path = global.default_path.clone();
        section::statement(&mut site, &line(server.words));
        let title = title(&section.name, server.words);
        refused(&site.diags, &title)?;
        let drafts = std::mem::take(&mut site.proxy.servers);
        let mut draft = drafts.into_iter().next().ok_or("No server is named.")?;
        draft.init_addr = vec![InitAddr::None];
        // Checks of such a server take nothing over from its traffic (haproxy 3.4 configuration
        // 5.2, `check-ssl`, `check-send-proxy`).
        draft.ssl.check = Some(draft.ssl.check.unwrap_or(false));
        let sends_proxy = draft.health.send_proxy;
        let uid = server.others.uid(draft.id.map(|(id, _)| id))?;
        if let Some(guid) = &draft.guid
            && let Some(other) = server.others.holder_of(&guid.name)
        {
            return Err(format!("'guid': duplicate entry with {other}."));
        }
        let track = draft.track.take();
        let tracked = match &track {
            Some(track) => Some(server.others.tracked(&track.name)?),
            None => None,
        };
        let draft_of_all = &self.later.draft;
        let environment = Environment::new(&host);
        let mut compiler = Compiler::new(
            draft_of_all,
            &environment,
            Index::new(draft_of_all),
            Addresses::new(draft_of_all, &host),
            Diags::default(),
        );
        compiler.vars = self.vars.clone();
        compiler.tls = Tls::at(Arc::clone(&self.tls.store));
        let spec = &self.proxies[server.backend.index()];
        let shared = Shared {
            id: server.backend,
            uid: spec.uid,
            proxy: &section,
            roster: &spec.backend.roster,
            acls: &AclTable::default(),
        };
        let mut made = compiler.server(shared, &draft, server.id, uid, None);
        let Compiler { diags, vars, .. } = compiler;
        refused(&diags, &title)?;
        if vars.count() > self.vars.count() {
            return Err("it names a variable that nothing else in the configuration does".into());
        }
        // It starts in maintenance anyway, and leaves it by an order.
        made.disabled = false;
        if let Some(check) = &mut made.check {
            check.send_proxy = sends_proxy;
        }
        made.health.disabled = false;
        made.track = tracked;
        made.health.track = track.map(|track| match track.name.contains('/') {
            true => track.name,
            false => format!("{}/{}", section.name, track.name),
        });
        Ok(made)
    }
}

/// The words as a line of a section.
fn line(words: &[String]) -> Line {
    let span = Span::line(FileId(0), 0);
    let word = |text: &str| Word {
        text: text.as_bytes().to_vec(),
        span,
    };
    let all = std::iter::once("server").chain(words.iter().map(String::as_str));
    Line {
        words: all.map(word).collect(),
        modifier: Modifier::Plain,
        starts_section: false,
        span,
    }
}

fn title(backend: &str, words: &[String]) -> String {
    let name = words.first().map_or("", String::as_str);
    format!("'server {backend}/{name}' : ")
}

/// All that refuses a line; a warning does, too, since nobody reads it later.
fn refused(diags: &Diags, title: &str) -> Result<(), String> {
    let counts = |diag: &&Diag| matches!(diag.level, Level::Alert | Level::Warning);
    let said: Vec<&str> = diags
        .0
        .iter()
        .filter(counts)
        .map(|diag| shortened(&diag.message, title))
        .collect();
    match said.is_empty() {
        true => Ok(()),
        false => Err(said.join("\n")),
    }
}

/// A sentence without what its reader has just said.
fn shortened<'m>(message: &'m str, title: &str) -> &'m str {
    if message.contains(" : MUX protocol ") {
        return "MUX protocol is not usable for server.";
    }
    // Some name the line in quotes of their own.
    let quoted = format!("'{}' : ", title.trim_end_matches(" : "));
    let rest = message.strip_prefix(title);
    rest.or_else(|| message.strip_prefix(&*quoted))
        .unwrap_or(message)
}

/// The option that logs every check.
const LOG_CHECKS: &str = "log-health-checks";
