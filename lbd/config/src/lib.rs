//! From configuration text to a checked configuration, in HAProxy's language.
//!
//! It does no I/O: files, names, users and the environment come through [`host::Host`].
#![forbid(unsafe_code)]

pub mod address;
mod compile;
pub mod condition;
pub mod config;
pub mod directive;
pub mod draft;
pub mod dump;
pub mod host;
pub mod lex;
pub mod loader;
pub mod password;
pub mod registry;
pub mod render;
pub mod resolve;
pub mod section;
mod state_file;
pub mod suggest;
pub mod units;
pub mod unsupported;
pub mod words;

use lbd_core::Diags;

use config::Config;
use host::{Environment, Host};
use loader::Sources;

/// Reads a configuration: text to words, words to drafts, drafts to programs. The configuration
/// is there when nothing refuses it; the findings are all that there are, in the order of the text.
pub fn load(sources: &Sources, host: &dyn Host) -> (Option<Config>, Diags) {
    load_after(sources, host, None)
}

/// The same for a process that runs `former`: its variables keep their numbers, so that what sessions
/// have set is known under the new rules.
pub fn load_after(
    sources: &Sources,
    host: &dyn Host,
    former: Option<&Config>,
) -> (Option<Config>, Diags) {
    let mut environment = Environment::new(host);
    for (name, value) in [
        ("HAPROXY_HTTP_LOG_FMT", lbd_rules::logformat::HTTPLOG),
        (
            "HAPROXY_HTTP_CLF_LOG_FMT",
            lbd_rules::logformat::HTTPLOG_CLF,
        ),
        ("HAPROXY_HTTPS_LOG_FMT", lbd_rules::logformat::HTTPSLOG),
        ("HAPROXY_TCP_LOG_FMT", lbd_rules::logformat::TCPLOG),
        ("HAPROXY_TCP_CLF_LOG_FMT", lbd_rules::logformat::TCPLOG_CLF),
    ] {
        environment.set(name, value);
    }
    let vars = former.map(|config| config.vars.clone()).unwrap_or_default();
    compile::compile(section::read(sources, environment), vars)
}

/// The version of HAProxy whose language and behaviour is implemented (`version_atleast()`).
pub const HAPROXY_VERSION: &str = "3.4.0";
