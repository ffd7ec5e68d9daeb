//! Options of the listener and of the peers of a `peers` section: those about the transport.
//!
//! What they do is said where `bind` and `server` of proxies have them.

use lbd_core::Diag;

use crate::draft::{BindDraft, ServerDraft};
use crate::registry::{self, BindOption, Effect, ServerOption};
use crate::section::Site;
use crate::words::Words;
use crate::{directive, suggest, unsupported};

/// Options of `bind` about sockets that mean the same here.
const BIND: &[&str] = &[
    "backlog",
    "cc",
    "defer-accept",
    "gid",
    "group",
    "interface",
    "mode",
    "mss",
    "namespace",
    "tcp-md5sig",
    "tcp-ut",
    "tfo",
    "transparent",
    "uid",
    "user",
    "v4v6",
    "v6only",
];

/// Options of `bind` that change nothing here: one socket, one thread.
const IDLE_BIND: &[&str] = &["id", "name", "nice", "process", "shards", "thread"];

/// Options of `server` about balancing, persistence and reuse, of which there is none here
/// (haproxy 3.4 configuration 11.2).
const IDLE_SERVER: &[&str] = &[
    "backup",
    "cookie",
    "disabled",
    "enabled",
    "guid",
    "hash-key",
    "id",
    "max-reuse",
    "maxconn",
    "maxqueue",
    "minconn",
    "no-backup",
    "no-check-ssl",
    "no-sni-auto",
    "non-stick",
    "pool-conn-name",
    "pool-max-conn",
    "pool-purge-delay",
    "redir",
    "slowstart",
    "sni-auto",
    "stick",
    "strict-maxconn",
    "weight",
    "ws",
];

/// Options of `server` about TLS that ask for what a session of peers does not have.
const REFUSED_TLS: &[&str] = &["check-alpn", "check-sni", "check-ssl", "sni"];

const IDLE: &str = "peers are neither balanced nor checked, and send no requests";

/// Whether a word is an option of `server`, and no address.
pub(super) fn is_of_server(word: &str) -> bool {
    word == "shard"
        || registry::server_option(word).is_some()
        || unsupported::server_option(word).is_some()
}

/// What `default-server`, `peer` and `server` say behind the address.
pub(super) struct Options {
    /// All but the shard.
    pub(super) server: ServerDraft,
    /// `shard`; 0 for all.
    pub(super) shard: u32,
}

impl Options {
    /// Reads to the end of the line.
    ///
    /// # Errors
    /// At the first word that means nothing here.
    pub(super) fn read(
        &mut self,
        site: &mut Site<'_>,
        words: &mut Words<'_>,
        title: &str,
        is_default: bool,
    ) -> Result<(), Diag> {
        while let Some(name) = words.text()? {
            let here = words.last();
            if name == "shard" {
                let n = words.exact_int("shard", 0..=i64::from(i32::MAX))?;
                self.shard = u32::try_from(n).unwrap_or(0);
                continue;
            }
            let Some(option) = registry::server_option(name) else {
                if let Some(entry) = unsupported::server_option(name) {
                    return Err(entry.diag_in(here, name, &format!("'{title}'")));
                }
                let known = registry::SERVER_OPTIONS
                    .iter()
                    .flat_map(|family| family.iter());
                return Err(unknown(here, title, name, known.map(|option| option.name)));
            };
            let is_tls = has(directive::ssl_server::OPTIONS, |o| o.name, name)
                && !REFUSED_TLS.contains(&name);
            let is_idle = IDLE_SERVER.contains(&name);
            if !is_tls && !is_idle {
                return Err(refused(here, title, name));
            }
            if is_default && !option.in_default {
                let text = format!(
                    "'{title}' : '{name}' option is not accepted in default-server sections"
                );
                return Err(Diag::alert(here, text));
            }
            self.apply(site, words, option, title, is_idle)?;
        }
        Ok(())
    }

    fn apply(
        &mut self,
        site: &mut Site<'_>,
        words: &mut Words<'_>,
        option: &'static ServerOption,
        title: &str,
        is_idle: bool,
    ) -> Result<(), Diag> {
        let here = words.last();
        let mut idle = ServerDraft::default();
        match (is_idle, option.effect) {
            (true, _) => site.no_effect(option.name, here, IDLE),
            (false, Effect::NoEffect(reason)) => site.no_effect(option.name, here, reason),
            (false, Effect::Supported) => {}
        }
        let draft = if is_idle { &mut idle } else { &mut self.server };
        (option.apply)(site, draft, words).map_err(|diag| within(title, diag))
    }
}

/// Reads options of the listener to the end of the line.
///
/// # Errors
/// At the first word that means nothing here.
pub(super) fn of_bind(
    site: &mut Site<'_>,
    draft: &mut BindDraft,
    words: &mut Words<'_>,
    title: &str,
) -> Result<(), Diag> {
    while let Some(name) = words.text()? {
        let here = words.last();
        let Some(option) = registry::bind_option(name) else {
            if let Some(entry) = unsupported::bind_option(name) {
                return Err(entry.diag_in(here, name, &format!("'{title}'")));
            }
            let known = registry::BIND_OPTIONS
                .iter()
                .flat_map(|family| family.iter());
            return Err(unknown(here, title, name, known.map(|option| option.name)));
        };
        let is_tls = has(directive::ssl_bind::OPTIONS, |o| o.name, name);
        let is_idle = IDLE_BIND.contains(&name);
        if !is_tls && !is_idle && !BIND.contains(&name) {
            return Err(refused(here, title, name));
        }
        apply_to_bind(site, draft, words, option, is_idle).map_err(|diag| within(title, diag))?;
    }
    Ok(())
}

fn apply_to_bind(
    site: &mut Site<'_>,
    draft: &mut BindDraft,
    words: &mut Words<'_>,
    option: &'static BindOption,
    is_idle: bool,
) -> Result<(), Diag> {
    let here = words.last();
    match (is_idle, option.effect) {
        (true, _) => site.no_effect(option.name, here, "the listener of peers has one socket"),
        (false, Effect::NoEffect(reason)) => site.no_effect(option.name, here, reason),
        (false, Effect::Supported) => {}
    }
    let mut idle = BindDraft::new("", here);
    let draft = if is_idle { &mut idle } else { draft };
    (option.apply)(site, draft, words)
}

fn has<T>(options: &[T], name_of: impl Fn(&T) -> &'static str, name: &str) -> bool {
    options.iter().any(|option| name_of(option) == name)
}

fn within(title: &str, diag: Diag) -> Diag {
    Diag {
        message: format!("'{title}' : {}", diag.message),
        ..diag
    }
}

fn refused(here: lbd_core::Span, title: &str, name: &str) -> Diag {
    Diag::alert(
        here,
        format!("'{title}' : '{name}' is not supported in a 'peers' section."),
    )
    .hint("Sessions of peers have TLS and 'shard'; they are not checked, resolved or proxied.")
}

fn unknown(
    here: lbd_core::Span,
    title: &str,
    name: &str,
    known: impl Iterator<Item = &'static str>,
) -> Diag {
    let message = match suggest::nearest(name, known) {
        Some(near) => {
            format!("'{title}' : unknown keyword '{name}'; did you mean '{near}' maybe ?")
        }
        None => format!("'{title}' : unknown keyword '{name}'."),
    };
    Diag::alert(here, message)
}
