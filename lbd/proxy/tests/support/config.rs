//! Configurations from short texts, to be changed by tests; rules and formats by themselves.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use lbd_config::config::{Config, Mode};
use lbd_config::host::{Family, Host};
use lbd_core::{Checkpoint, Diags, FileId, ProxyId, ServerId, Span};
use lbd_rules::action::{Ruleset, parse_rule};
use lbd_rules::logformat::{Flags, LogFormat};
use lbd_rules::pattern::PatternStore;
use lbd_rules::program::Step;
use lbd_rules::registry::{BuildCtx, Names};
use lbd_rules::var::VarNames;
use lbd_rules::word::Word;

/// `option httplog`.
pub const HTTPLOG: &str = "%ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
                           %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";

/// `option tcplog`.
pub const TCPLOG: &str = "%ft %b/%s %Tw/%Tc/%Tt %B %ts %rc %sq/%bq";

/// Where everything stands.
pub fn span() -> Span {
    Span {
        file: FileId(0),
        line: 1,
        column: 1,
        len: 0,
    }
}

struct NoNames;

impl Names for NoNames {
    fn frontend(&self, _name: &str) -> Option<ProxyId> {
        None
    }
    fn backend(&self, _name: &str) -> Option<ProxyId> {
        None
    }
    fn server(&self, _backend: ProxyId, _name: &str) -> Option<ServerId> {
        None
    }
    fn user_list(&self, _name: &str) -> Option<usize> {
        None
    }
    fn user_lists(&self) -> Arc<dyn lbd_rules::registry::UserLists> {
        unreachable!("no user lists in these tests")
    }
    fn http_errors(&self, _name: &str) -> Option<usize> {
        None
    }
    fn is_http(&self, _proxy: ProxyId) -> bool {
        true
    }
    fn capabilities(&self, _proxy: ProxyId) -> (bool, bool) {
        (true, true)
    }
    fn capture_slots(&self, _proxy: ProxyId) -> (usize, usize) {
        (0, 0)
    }
    fn add_capture(&mut self, _proxy: ProxyId, _is_request: bool, _len: usize) -> Option<usize> {
        None
    }
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("no file {path}"))
    }
    fn env(&self, _name: &str) -> Option<String> {
        None
    }
}

fn with_ctx<T>(
    checkpoint: Checkpoint,
    proxy: ProxyId,
    run: impl FnOnce(&mut BuildCtx<'_>) -> T,
) -> T {
    let mut names = NoNames;
    let mut vars = VarNames::default();
    let mut patterns = PatternStore::new();
    let acls = lbd_rules::acl::AclTable::default();
    let mut diags = Diags::default();
    run(&mut BuildCtx {
        names: &mut names,
        vars: &mut vars,
        patterns: &mut patterns,
        acls: &acls,
        proxy: Some(proxy),
        checkpoint,
        diags: &mut diags,
    })
}

/// One rule as a line without its first word has it.
pub fn rule(ruleset: Ruleset, checkpoint: Checkpoint, text: &str) -> Step {
    let words: Vec<&str> = text.split(' ').collect();
    let words: Vec<Word<'_>> = words.iter().map(|word| Word::new(*word, span())).collect();
    with_ctx(checkpoint, ProxyId(0), |ctx| {
        parse_rule(ruleset, &words, ctx).unwrap_or_else(|diag| panic!("{text}: {diag:?}"))
    })
}

/// An `http-request` rule.
pub fn http_request(text: &str) -> Step {
    rule(Ruleset::HttpRequest, Checkpoint::FeHrqHdr, text)
}

/// A log format.
pub fn format(text: &str) -> LogFormat {
    with_ctx(Checkpoint::FeLogEnd, ProxyId(0), |ctx| {
        LogFormat::parse(text.as_bytes(), span(), Flags::LOG, ctx).expect("log format")
    })
}

/// The outside of a configuration: its text.
struct Text<'t>(&'t str);

impl Host for Text<'_> {
    fn read(&self, _path: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.as_bytes().to_vec())
    }
    fn list(&self, dir: &str) -> Result<Vec<String>, String> {
        Err(format!("no directory {dir}"))
    }
    fn is_dir(&self, _path: &str) -> bool {
        false
    }
    fn env(&self, _name: &str) -> Option<String> {
        None
    }
    fn env_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn lookup(&self, name: &str, _family: Family) -> Result<Vec<IpAddr>, String> {
        name.parse()
            .map(|ip| vec![ip])
            .map_err(|_| format!("no address of {name}"))
    }
    fn user(&self, _name: &str) -> Option<u32> {
        None
    }
    fn group(&self, _name: &str) -> Option<u32> {
        None
    }
    fn hostname(&self) -> String {
        "node".into()
    }
    fn features(&self) -> &[&str] {
        &[]
    }
    fn enabled(&self, _option: &str) -> bool {
        true
    }
}

/// The configuration that a text gives.
pub fn load(text: &str) -> Config {
    let host = Text(text);
    let (sources, _) = lbd_config::loader::load(&["test.cfg"], &host);
    let (config, diags) = lbd_config::load(&sources, &host);
    config.unwrap_or_else(|| panic!("{text}\n{diags:?}"))
}

/// `frontend fe` and `backend be` with these servers, in turn.
pub fn config(mode: Mode, servers: &[SocketAddr]) -> Config {
    let (mode, format) = match mode {
        Mode::Http => ("http", HTTPLOG),
        Mode::Tcp => ("tcp", TCPLOG),
    };
    let format = format.replace(' ', "\\ ").replace('"', "\\\"");
    let servers: String = servers
        .iter()
        .zip(1..)
        .map(|(addr, number)| format!("    server s{number} {addr}\n"))
        .collect();
    load(&format!(
        "defaults\n    mode {mode}\n    timeout client 5s\n    timeout connect 2s\n    \
         timeout server 5s\n    log stdout format raw local0\n    log-format {format}\n\
         frontend fe\n    bind 127.0.0.1:1\n    default_backend be\n\
         backend be\n    balance roundrobin\n{servers}"
    ))
}
