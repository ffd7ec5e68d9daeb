//! Files of authorities and of revocation lists by name: `new|set|add|commit|abort|del|show ssl
//! ca-file`, the same of `crl-file`.

use std::sync::Arc;

use super::{Inner, NO_TRANSACTION, Refused, Status, Store, abort, other_transaction};
use crate::bind::Policy;
use crate::server::ServerTls;
use crate::verify::{Authorities, ClientVerifier, ServerVerifier, TrustFile, TrustNames};

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustKind {
    /// `ca-file`, `ca-verify-file`.
    Ca,
    /// `crl-file`.
    Crl,
}

impl TrustKind {
    /// As messages name it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ca => "CA",
            Self::Crl => "CRL",
        }
    }
}

/// A file of the store.
#[derive(Debug, Clone)]
pub(super) struct TrustSlot {
    pub(super) kind: TrustKind,
    pub(super) file: Arc<TrustFile>,
}

/// What is shown of a file.
#[derive(Debug, Clone)]
pub struct TrustView {
    /// Its name.
    pub name: Arc<str>,
    /// Its state.
    pub status: Status,
    /// What it holds.
    pub file: Arc<TrustFile>,
}

/// A policy, and what takes its place.
type Renewed = (Arc<Policy>, Arc<Policy>);

type Change = Option<(Arc<str>, TrustSlot)>;

impl Inner {
    fn change(&mut self, kind: TrustKind) -> &mut Change {
        match kind {
            TrustKind::Ca => &mut self.ca_change,
            TrustKind::Crl => &mut self.crl_change,
        }
    }

    fn ongoing(&self, kind: TrustKind) -> &Change {
        match kind {
            TrustKind::Ca => &self.ca_change,
            TrustKind::Crl => &self.crl_change,
        }
    }

    fn trust_of(&self, kind: TrustKind, name: &str) -> Option<&TrustSlot> {
        self.trust.get(name).filter(|slot| slot.kind == kind)
    }

    fn file(&self, name: &str) -> Option<&TrustFile> {
        self.trust.get(name).map(|slot| &*slot.file)
    }

    /// The authorities of these files; `None` when one is not known.
    fn authorities(&self, names: &TrustNames) -> Option<Authorities> {
        let files: Option<Vec<&TrustFile>> = names.iter().map(|name| self.file(name)).collect();
        Some(Authorities::of(files?))
    }

    /// How many entries and servers verify by a file.
    fn trust_uses(&self, name: &str) -> usize {
        let mut uses = 0;
        for bind in &self.binds {
            bind.tls.each(|entry| {
                let verifier = entry.policy.verifier.as_ref();
                let is_by = verifier.is_some_and(|by| names(&by.judge.files, name));
                uses += usize::from(is_by);
            });
        }
        let servers = self.servers.iter();
        uses + servers.filter(|server| verifies_by(server, name)).count()
    }

    /// The policies that verify by a file, made anew.
    fn renewed(&self, name: &str) -> Result<Vec<Renewed>, String> {
        let mut made: Vec<Renewed> = Vec::new();
        let mut failed = None;
        for bind in &self.binds {
            bind.tls.each(|entry| {
                let Some(verifier) = &entry.policy.verifier else {
                    return;
                };
                let is_made = made.iter().any(|(old, _)| Arc::ptr_eq(old, &entry.policy));
                if is_made || !names(&verifier.judge.files, name) {
                    return;
                }
                let policy = self
                    .client_verifier(verifier)
                    .and_then(|verifier| entry.policy.verifying(Arc::new(verifier)));
                match policy {
                    Ok(policy) => made.push((Arc::clone(&entry.policy), Arc::new(policy))),
                    Err(error) => failed = Some(error),
                }
            });
        }
        failed.map_or(Ok(made), Err)
    }

    fn client_verifier(&self, old: &ClientVerifier) -> Result<ClientVerifier, String> {
        let files = &old.judge.files;
        let missing = || "a file of authorities is missing".to_owned();
        let named = files.ca_file.as_deref().and_then(|name| self.file(name));
        let named = named.map(|file| Authorities::of([file]));
        let all = self.authorities(files).ok_or_else(missing)?;
        Ok(old.with(Arc::new(all), named.as_ref()))
    }

    fn server_verifier(&self, server: &ServerTls) -> Option<ServerVerifier> {
        let old = server.verifier();
        let judge = old.judge.as_ref()?;
        let authorities = self.authorities(&judge.files)?;
        Some(ServerVerifier {
            judge: Some(judge.with(Arc::new(authorities))),
            ..ServerVerifier::clone(&old)
        })
    }

    /// Makes everything that verifies by a file take it as it is now.
    fn reverify(&mut self, name: &str) -> Result<(), String> {
        let renewed = self.renewed(name)?;
        for bind in &self.binds {
            let mut is_touched = false;
            let mut entries = bind.tls.entries();
            for entry in &mut entries {
                let new = renewed.iter();
                let mut new = new.filter(|(old, _)| Arc::ptr_eq(old, &entry.policy));
                if let Some((_, new)) = new.next() {
                    entry.policy = Arc::clone(new);
                    is_touched = true;
                }
            }
            if is_touched {
                bind.tls.replace(entries);
            }
        }
        for server in self.servers.iter().filter(|one| verifies_by(one, name)) {
            if let Some(verifier) = self.server_verifier(server) {
                server.replace_verifier(verifier);
            }
        }
        Ok(())
    }
}

fn names(files: &TrustNames, name: &str) -> bool {
    files.iter().any(|file| &**file == name)
}

fn verifies_by(server: &Arc<ServerTls>, name: &str) -> bool {
    let verifier = server.verifier();
    let judge = verifier.judge.as_ref();
    judge.is_some_and(|judge| names(&judge.files, name))
}

impl Store {
    /// The content of a file of this kind.
    pub fn trust_file(&self, kind: TrustKind, name: &str) -> Option<Arc<TrustFile>> {
        let inner = self.inner.lock();
        inner
            .trust_of(kind, name)
            .map(|slot| Arc::clone(&slot.file))
    }

    /// Adds a file that was read.
    pub fn add_trust_file(&self, kind: TrustKind, name: &str, file: TrustFile) {
        let slot = TrustSlot {
            kind,
            file: Arc::new(file),
        };
        self.inner.lock().trust.insert(name.into(), slot);
    }

    /// The authorities of files by name; `None` when one is not known.
    pub fn authorities(&self, names: &TrustNames) -> Option<Authorities> {
        self.inner.lock().authorities(names)
    }

    /// All files of a kind with the transaction about one.
    pub fn trust_files(&self, kind: TrustKind) -> (Vec<TrustView>, Option<TrustView>) {
        let inner = self.inner.lock();
        let files = inner.trust.iter().filter(|(_, slot)| slot.kind == kind);
        let all = files.map(|(name, slot)| inner.view(name, slot)).collect();
        let change = inner.ongoing(kind).as_ref().map(|(name, slot)| TrustView {
            name: Arc::clone(name),
            status: Status::Uncommitted,
            file: Arc::clone(&slot.file),
        });
        (all, change)
    }

    /// `new ssl ca-file`, `new ssl crl-file`.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new_trust(&self, kind: TrustKind, name: &str) -> Result<(), String> {
        let mut inner = self.inner.lock();
        if inner.trust.contains_key(name) {
            return Err(format!("{} file '{name}' already exists!", kind.title()));
        }
        let slot = TrustSlot {
            kind,
            file: Arc::default(),
        };
        inner.trust.insert(name.into(), slot);
        Ok(())
    }

    /// `set ssl ca-file`, `set ssl crl-file`, with `adds` `add ssl ca-file`: whether a transaction
    /// began.
    ///
    /// # Errors
    /// In the reference's words; nothing changed.
    pub fn set_trust(
        &self,
        kind: TrustKind,
        name: &str,
        payload: &[u8],
        adds: bool,
    ) -> Result<bool, String> {
        let mut inner = self.inner.lock();
        let known = inner.trust_of(kind, name);
        let known = known.map(|slot| Arc::clone(&slot.file));
        let (base, is_new) = match (inner.ongoing(kind), known) {
            (Some((ongoing, _)), _) if &**ongoing != name => {
                return Err(other_transaction(ongoing, name));
            }
            (Some((_, slot)), _) => (Arc::clone(&slot.file), false),
            (None, Some(file)) => (file, true),
            (None, None) => {
                return Err(format!(
                    "Can't replace a {} file which is not referenced by the configuration!",
                    kind.title()
                ));
            }
        };
        let mut file = match adds {
            true => TrustFile::clone(&base),
            false => TrustFile::default(),
        };
        let text = TrustFile::read(payload).ok();
        let is_good = text.is_some_and(|text| match kind {
            TrustKind::Ca => !text.certificates.is_empty(),
            TrustKind::Crl => !text.crls.is_empty(),
        });
        if !is_good || file.add_pem(payload).is_err() {
            return Err("Invalid payload".to_owned());
        }
        let slot = TrustSlot {
            kind,
            file: Arc::new(file),
        };
        *inner.change(kind) = Some((name.into(), slot));
        Ok(is_new)
    }

    /// `commit ssl ca-file`, `commit ssl crl-file`: how many entries and servers took it.
    ///
    /// # Errors
    /// In the reference's words; what was in force stays so.
    pub fn commit_trust(&self, kind: TrustKind, name: &str) -> Result<usize, Refused> {
        let mut inner = self.inner.lock();
        let slot = match inner.ongoing(kind) {
            None => return Err(Refused::Before(NO_TRANSACTION.to_owned())),
            Some((ongoing, _)) if &**ongoing != name => {
                return Err(Refused::Before(other_transaction(ongoing, name)));
            }
            Some((_, slot)) => slot.clone(),
        };
        *inner.change(kind) = None;
        let before = inner.trust.insert(name.into(), slot);
        if let Err(error) = inner.reverify(name) {
            if let Some(before) = before {
                inner.trust.insert(name.into(), before);
            }
            return Err(Refused::Failed(error));
        }
        Ok(inner.trust_uses(name))
    }

    /// `abort ssl ca-file`, `abort ssl crl-file`.
    ///
    /// # Errors
    /// When there is no transaction, or one about another file.
    pub fn abort_trust(&self, kind: TrustKind, name: &str) -> Result<(), String> {
        abort(self.inner.lock().change(kind), name)
    }

    /// `del ssl ca-file`, `del ssl crl-file`.
    ///
    /// # Errors
    /// When it is not there or in use.
    pub fn delete_trust(&self, kind: TrustKind, name: &str) -> Result<(), String> {
        let mut inner = self.inner.lock();
        let title = kind.title();
        let ongoing = inner.ongoing(kind).as_ref();
        if ongoing.is_some_and(|(ongoing, _)| &**ongoing == name) {
            return Err(format!("ongoing transaction for the {title} file '{name}'"));
        }
        if inner.trust_of(kind, name).is_none() {
            return Err(format!("{title} file '{name}' doesn't exist!"));
        }
        if inner.trust_uses(name) > 0 {
            return Err(format!("{title} file '{name}' in use, can't be deleted!"));
        }
        inner.trust.remove(name);
        Ok(())
    }
}

impl Inner {
    fn view(&self, name: &Arc<str>, slot: &TrustSlot) -> TrustView {
        let is_empty = slot.file.certificates.is_empty() && slot.file.crls.is_empty();
        TrustView {
            name: Arc::clone(name),
            status: match (is_empty, self.trust_uses(name)) {
                (true, _) => Status::Empty,
                (false, 0) => Status::Unused,
                (false, _) => Status::Used,
            },
            file: Arc::clone(&slot.file),
        }
    }
}
