//! Drafts to the finished configuration: rules to programs, formats, answers, servers.
//!
//! It reads no text of its own: words come from drafts, files through the host.

mod backend;
mod check;
mod check_expect;
mod check_http;
mod context;
mod errors;
mod frontend;
mod global;
mod healthcheck;
mod later;
mod later_var;
mod listen;
mod log;
mod names;
mod peers;
mod proxy;
mod rules;
mod server;
mod server_address;
mod server_tls;
mod stats;
mod table;
mod tls;
mod tls_bind;
mod tls_files;
mod tls_locked;
mod tls_runtime;
mod tls_trust;
mod users;

use std::collections::HashSet;

use lbd_core::{Diag, Diags, Level, ProxyId};
use lbd_rules::var::VarNames;

use crate::config::{Config, ListenerSpec, ProxySpec};
use crate::resolve::{Addresses, Ids, Index, number};
use crate::section::Site;

use context::Compiler;
pub use later::{LaterServer, LaterSpec, Others};
pub use tls_runtime::{Inserted, TlsSpec};

/// Compiles what was read; `None` when anything refuses it. All faults are told.
pub(crate) fn compile(mut site: Site<'_>, vars: VarNames) -> (Option<Config>, Diags) {
    let mut diags = std::mem::take(&mut site.diags);
    let mut found = Diags::default();
    crate::resolve::check(&mut site.draft, &mut found);
    crate::resolve::suspect(&site.draft, &mut found);
    if diags.has_alert() {
        // As in the reference: what is lacking is no news while lines that say it are refused.
        found.0.retain(|diag| diag.level == Level::Alert);
    }
    diags.append(found);
    let draft = site.draft;
    let ids = Ids::new(&draft, &mut diags);
    let addresses = Addresses::new(&draft, site.environment.host());
    let index = Index::new(&draft);
    let mut compiler = Compiler::new(&draft, &site.environment, index, addresses, diags);
    compiler.vars = vars;
    compiler.http_errors();
    let mut listeners: Vec<ListenerSpec> = Vec::new();
    let mut proxies: Vec<ProxySpec> = Vec::new();
    compiler
        .tls
        .store
        .set_ocsp_policy(draft.global.value.ssl.ocsp);
    compiler.tls_maker().issuers(draft.global.issuers.as_ref());
    compiler.tls_maker().stores(&draft.loads);
    compiler.unused_defaults();
    for (at, proxy) in draft.proxies.iter().enumerate() {
        let id = ProxyId(number(at));
        let spec = compiler.proxy(id, proxy, &ids, &mut listeners);
        proxies.push(spec);
    }
    compiler.unused_healthchecks();
    let tables = compiler.tables();
    compiler.unknown_sections();
    let peers = compiler.peers();
    let global = compiler.global();
    let proc_vars = compiler.proc_vars();
    let user_lists = compiler.user_list_specs();
    compiler.captures_into(&mut proxies);
    let Compiler {
        vars,
        patterns,
        diags,
        failed_acls,
        tls,
        names,
        ..
    } = compiler;
    let tls = TlsSpec::new(tls, &draft.global, &proxies, &site.files);
    let referenced = names.referenced.into_inner();
    let diags = tidy(diags, &failed_acls);
    let later = LaterSpec::new(draft, referenced);
    let config = (!diags.has_alert()).then_some(Config {
        global,
        proxies,
        listeners,
        files: site.files,
        vars,
        patterns,
        tables,
        peers,
        user_lists,
        proc_vars,
        tls,
        later,
    });
    (config, diags)
}

/// Whether a rule lacks an ACL whose own line was refused: mending that line mends the rule.
fn names_failed_acl(diag: &Diag, failed: &HashSet<String>) -> bool {
    diag.level == Level::Alert
        && diag
            .message
            .rsplit_once("no such ACL : '")
            .and_then(|(_, rest)| rest.split('\'').next())
            .is_some_and(|name| failed.contains(name))
}

/// Findings in the order of the text, each once; those without a place at the end.
fn tidy(diags: Diags, failed_acls: &HashSet<String>) -> Diags {
    let mut list = diags.0;
    list.sort_by_key(|diag| {
        let place = diag.span.map(|span| (span.file, span.line));
        (place.is_none(), place)
    });
    list.retain(|diag| !names_failed_acl(diag, failed_acls));
    let mut seen = HashSet::new();
    list.retain(|diag| seen.insert((diag.level, diag.span, diag.message.clone())));
    Diags(list)
}
