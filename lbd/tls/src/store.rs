//! All certificates, authorities, revocation lists and ticket keys of a process by name, who uses
//! them, and the changes of the runtime API: transactions as in the reference (haproxy 3.4
//! management 9.3).
//!
//! It reads no file. A change is prepared first and put in place at once; connections keep what
//! they have.

mod certs;
mod lists;
mod ocsp;
mod trust;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

pub use certs::{CertView, Options, Part, Source};
pub use lists::{CrtList, ListLine, Prepared};
pub use ocsp::{OcspView, UpdatePolicy, UpdateStatus};
pub use trust::{TrustKind, TrustView};

use rustls::pki_types::CertificateDer;

use crate::bind::BindTls;
use crate::certificate::Certificate;
use crate::facts::CertFacts;
use crate::material::Material;
use crate::server::ServerTls;
use crate::tickets::{Label, Tickets};

use certs::CertSlot;
use ocsp::OcspSlot;
use trust::TrustSlot;

#[cfg(test)]
mod tests;

/// State of something that can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A transaction that is not committed.
    Uncommitted,
    /// Nothing in it yet.
    Empty,
    /// Some line uses it.
    Used,
    /// No line uses it.
    Unused,
}

impl Status {
    /// As it is shown.
    pub fn text(self) -> &'static str {
        match self {
            Self::Uncommitted => "Uncommitted",
            Self::Empty => "Empty",
            Self::Used => "Used",
            Self::Unused => "Unused",
        }
    }
}

/// A `bind` line that speaks TLS.
#[derive(Debug, Clone)]
pub struct BindUse {
    /// Name of its frontend.
    pub frontend: Arc<str>,
    /// Where it stands, `file:line`.
    pub place: Arc<str>,
    /// Its certificates.
    pub tls: Arc<BindTls>,
}

/// Ticket keys that were given.
#[derive(Debug, Clone)]
pub struct TicketFile {
    /// The file.
    pub name: Arc<str>,
    /// The keys.
    pub tickets: Arc<Tickets>,
}

/// Why a commit did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It was not begun; the transaction stays.
    Before(String),
    /// It could not be done; the transaction is gone.
    Failed(String),
}

/// The inventory. Its lock is held for the time of one command, never by the data path.
#[derive(Debug, Default)]
pub struct Store {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    certs: BTreeMap<Arc<str>, CertSlot>,
    /// The one transaction about a certificate: its name and what it is to become.
    cert_change: Option<(Arc<str>, CertSlot)>,
    trust: BTreeMap<Arc<str>, TrustSlot>,
    ca_change: Option<(Arc<str>, TrustSlot)>,
    crl_change: Option<(Arc<str>, TrustSlot)>,
    lists: BTreeMap<Arc<str>, CrtList>,
    binds: Vec<BindUse>,
    servers: Vec<Arc<ServerTls>>,
    tickets: Vec<TicketFile>,
    /// Keys that no file gave, with what their lines are; some lines may be gone.
    own_tickets: Vec<(Label, Weak<Tickets>)>,
    ocsp: BTreeMap<Box<[u8]>, OcspSlot>,
    ocsp_policy: UpdatePolicy,
    /// `ssl-load-extra-del-ext`.
    drops_crt: bool,
    /// `issuers-chain-path`: files with their chains.
    issuers: Vec<(Arc<str>, Vec<CertificateDer<'static>>)>,
}

impl Store {
    /// Companion files are named without the certificate's `.crt` (`ssl-load-extra-del-ext`).
    pub fn set_drops_crt(&self, drops: bool) {
        self.inner.lock().drops_crt = drops;
    }

    /// Adds a chain for certificates that bring none.
    pub fn add_issuers(&self, file: &str, chain: Vec<CertificateDer<'static>>) {
        self.inner.lock().issuers.push((file.into(), chain));
    }

    /// Gives a certificate that brings no chain the one of its issuer, when there is one.
    pub fn complete(&self, material: &mut Material) {
        self.inner.lock().complete(material);
    }

    /// Adds a line that serves.
    pub fn add_bind(&self, bind: BindUse) {
        self.inner.lock().binds.push(bind);
    }

    /// Adds TLS to a server.
    pub fn add_server(&self, server: Arc<ServerTls>) {
        self.inner.lock().servers.push(server);
    }

    /// The lines that serve, in the order of the configuration.
    pub fn binds(&self) -> Vec<BindUse> {
        self.inner.lock().binds.clone()
    }

    /// Keys of a file, when it is known.
    pub fn tickets(&self, name: &str) -> Option<Arc<Tickets>> {
        let inner = self.inner.lock();
        let mut all = inner.tickets.iter();
        all.find(|file| &*file.name == name)
            .map(|file| Arc::clone(&file.tickets))
    }

    /// Adds the keys of a file.
    pub fn add_tickets(&self, name: &str, tickets: Arc<Tickets>) {
        let name = name.into();
        self.inner.lock().tickets.push(TicketFile { name, tickets });
    }

    /// Adds keys of a line that no file gave.
    pub fn add_own_tickets(&self, label: Label, tickets: &Arc<Tickets>) {
        let mut inner = self.inner.lock();
        inner.own_tickets.push((label, Arc::downgrade(tickets)));
    }

    /// Whether there are lines whose keys no file gave.
    pub fn has_own_tickets(&self) -> bool {
        let inner = self.inner.lock();
        let mut all = inner.own_tickets.iter();
        all.any(|(_, tickets)| tickets.strong_count() > 0)
    }

    /// All lines whose keys no file gave go on by secrets that nodes share, the oldest first. Says
    /// whether they could.
    pub fn share_tickets(&self, secrets: &[Vec<u8>]) -> bool {
        let inner = self.inner.lock();
        let lines = inner.own_tickets.iter();
        let mut lines = lines.filter_map(|(label, tickets)| Some((label, tickets.upgrade()?)));
        lines.all(|(label, tickets)| tickets.share(secrets, label))
    }

    /// All files of ticket keys; the place of each is its number. As in the reference the one that
    /// was named last comes first.
    pub fn ticket_files(&self) -> Vec<TicketFile> {
        self.inner.lock().tickets.iter().rev().cloned().collect()
    }
}

/// What is said when a transaction is about another name.
fn other_transaction(ongoing: &str, name: &str) -> String {
    format!("The ongoing transaction is about '{ongoing}' but you are trying to set '{name}'")
}

/// What is said when there is no transaction to commit.
const NO_TRANSACTION: &str = "No ongoing transaction! !";

/// Takes the transaction about `name` away.
fn abort<T>(change: &mut Option<(Arc<str>, T)>, name: &str) -> Result<(), String> {
    match change {
        None => Err("No ongoing transaction!".to_owned()),
        Some((ongoing, _)) if &**ongoing != name => Err(format!(
            "The ongoing transaction is about '{ongoing}' but you are trying to abort a transaction \
             for '{name}'"
        )),
        Some(_) => {
            *change = None;
            Ok(())
        }
    }
}

impl Inner {
    fn complete(&self, material: &mut Material) {
        let Some(leaf) = material.facts().filter(|_| material.chain.is_empty()) else {
            return;
        };
        let fits = |chain: &[CertificateDer<'_>]| {
            let first = chain.first().and_then(CertFacts::of);
            first.is_some_and(|issuer| leaf.may_be_issued_by(&issuer))
        };
        let found = self.issuers.iter().find(|(_, chain)| fits(chain));
        // As in the reference: without the identifier of its key an issuer is only guessed.
        if let Some((file, chain)) = found.filter(|_| leaf.authority_key.is_some()) {
            material.chain.clone_from(chain);
            material.chain_file = Some(Arc::clone(file));
        }
    }

    /// How many lines and servers use a certificate.
    fn uses(&self, name: &str) -> usize {
        let mut uses = 0;
        for bind in &self.binds {
            bind.tls
                .each(|entry| uses += usize::from(&*entry.name == name));
        }
        let ours = |server: &&Arc<ServerTls>| server.certificate.as_deref() == Some(name);
        uses + self.servers.iter().filter(ours).count()
    }

    /// Whether a list has a line about a certificate, used or not.
    fn is_listed(&self, name: &str) -> bool {
        let mut lines = self.lists.values().flat_map(|list| &list.lines);
        lines.any(|line| &*line.name == name)
    }

    /// Puts a certificate in the place of another of the same name, everywhere.
    fn swap(&self, name: &str, certificate: &Arc<Certificate>) {
        for bind in &self.binds {
            let mut is_used = false;
            bind.tls.each(|entry| is_used |= &*entry.name == name);
            if !is_used {
                continue;
            }
            let mut entries = bind.tls.entries();
            for entry in entries.iter_mut().filter(|entry| &*entry.name == name) {
                entry.certificate = Arc::clone(certificate);
            }
            bind.tls.replace(entries);
        }
        for server in &self.servers {
            if server.certificate.as_deref() == Some(name) {
                server.replace_certificate(certificate);
            }
        }
    }
}
