//! Keywords that HAProxy no longer has: each is refused in its words, with what took their place.
//!
//! Keywords that lbd does not have yet are in [`crate::unsupported`].

use lbd_core::{Diag, Span};

use crate::lex::Line;
use crate::section::Section;

/// A keyword that is gone.
#[derive(Debug)]
pub struct Removed {
    /// As it was written.
    pub name: &'static str,
    /// Whether it stood in `global`; otherwise in proxies.
    pub in_global: bool,
    /// The reference's message; `{arg}` stands for the first argument.
    pub message: &'static str,
    /// How to mend it.
    pub hint: &'static str,
}

const fn proxy(name: &'static str, message: &'static str, hint: &'static str) -> Removed {
    Removed {
        name,
        in_global: false,
        message,
        hint,
    }
}

const fn global(name: &'static str, message: &'static str, hint: &'static str) -> Removed {
    Removed {
        name,
        in_global: true,
        message,
        hint,
    }
}

/// First words of lines.
pub const KEYWORDS: &[Removed] = &[
    global(
        "nbproc",
        "nbproc is not supported any more since HAProxy 2.5. Threads will automatically be used on multi-processor machines if available.",
        "Remove the line; 'nbthread' sets the number of workers when one per CPU is not wanted.",
    ),
    global(
        "ssl-engine",
        "'ssl-engine' is not supported (built without USE_ENGINE or with -DOPENSSL_NO_ENGINE).",
        "Remove the line: engines are gone from OpenSSL 3, hardware is used without them.",
    ),
    global(
        "tune.chksize",
        "option 'tune.chksize' is not supported any more (tune.bufsize is used instead).",
        "Remove the line.",
    ),
    proxy(
        "appsession",
        "'appsession' is not supported anymore since HAProxy 1.6.",
        "Use 'stick-table' with 'stick on req.cook(<name>)', or 'cookie <name> prefix'.",
    ),
    proxy(
        "bind-process",
        "'bind-process' is not supported anymore.",
        "Remove the line: one process serves all; 'bind … thread' limits the workers of a listener.",
    ),
    proxy(
        "block",
        "The 'block' directive is not supported anymore since HAProxy 2.1. Use 'http-request deny' which uses the exact same syntax.",
        "Replace 'block' by 'http-request deny'.",
    ),
    proxy(
        "clitimeout",
        "the 'clitimeout' directive is not supported anymore since HAProxy 2.1. Use 'timeout client'.",
        "Write 'timeout client {arg}'.",
    ),
    proxy(
        "contimeout",
        "the 'contimeout' directive is not supported anymore since HAProxy 2.1. Use 'timeout connect'.",
        "Write 'timeout connect {arg}'.",
    ),
    proxy(
        "srvtimeout",
        "the 'srvtimeout' directive is not supported anymore since HAProxy 2.1. Use 'timeout server'.",
        "Write 'timeout server {arg}'.",
    ),
    proxy(
        "cliexp",
        "The 'cliexp' directive is not supported anymore since HAProxy 2.1. Use 'http-request replace-path', 'http-request replace-uri' or 'http-request replace-header' instead.",
        "",
    ),
    proxy(
        "reqrep",
        "The 'reqrep' directive is not supported anymore since HAProxy 2.1. Use 'http-request replace-path', 'http-request replace-uri' or 'http-request replace-header' instead.",
        "For a path write 'http-request replace-path <regex> <replacement>'; the regex sees the path only.",
    ),
    proxy(
        "reqirep",
        "The 'reqirep' directive is not supported anymore since HAProxy 2.1. Use 'http-request replace-header' instead.",
        "For a path write 'http-request replace-path (?i)<regex> <replacement>'.",
    ),
    proxy(
        "reqdel",
        "The 'reqdel' directive is not supported anymore since HAProxy 2.1. Use 'http-request del-header' instead.",
        "Write 'http-request del-header <name>'.",
    ),
    proxy(
        "reqidel",
        "The 'reqidel' directive is not supported anymore since HAProxy 2.1. Use 'http-request del-header' instead.",
        "Write 'http-request del-header <name>'.",
    ),
    proxy(
        "reqdeny",
        "The 'reqdeny' not supported anymore since HAProxy 2.1. Use 'http-request deny' instead.",
        "Write 'http-request deny if { … }'.",
    ),
    proxy(
        "reqideny",
        "The 'reqideny' directive is not supported anymore since HAProxy 2.1. Use 'http-request deny' instead.",
        "Write 'http-request deny if { … }'.",
    ),
    proxy(
        "reqpass",
        "The 'reqpass' not supported anymore since HAProxy 2.1.",
        "Remove the line.",
    ),
    proxy(
        "reqipass",
        "The 'reqipass' directive is not supported anymore since HAProxy 2.1.",
        "Remove the line.",
    ),
    proxy(
        "reqallow",
        "The 'reqallow' directive is not supported anymore since HAProxy 2.1. Use 'http-request allow' instead.",
        "Write 'http-request allow if { … }'.",
    ),
    proxy(
        "reqiallow",
        "The 'reqiallow' directive is not supported anymore since HAProxy 2.1. Use 'http-request allow' instead.",
        "Write 'http-request allow if { … }'.",
    ),
    proxy(
        "reqtarpit",
        "The 'reqtarpit' directive is not supported anymore since HAProxy 2.1. Use 'http-request tarpit' instead.",
        "Write 'http-request tarpit if { … }'.",
    ),
    proxy(
        "reqitarpit",
        "The 'reqitarpit' directive is not supported anymore since HAProxy 2.1. Use 'http-request tarpit' instead.",
        "Write 'http-request tarpit if { … }'.",
    ),
    proxy(
        "reqadd",
        "The 'reqadd' directive is not supported anymore since HAProxy 2.1. Use 'http-request add-header' instead.",
        "Write 'http-request add-header <name> <value>'.",
    ),
    proxy(
        "srvexp",
        "The 'srvexp' directive is not supported anymore since HAProxy 2.1. Use 'http-response replace-header' instead.",
        "Write 'http-response replace-header <name> <regex> <replacement>'.",
    ),
    proxy(
        "rsprep",
        "The 'rsprep' directive is not supported anymore since HAProxy 2.1. Use 'http-response replace-header' instead.",
        "Write 'http-response replace-header <name> <regex> <replacement>'.",
    ),
    proxy(
        "rspirep",
        "The 'rspirep' directive is not supported anymore since HAProxy 2.1. Use 'http-response replace-header' instead.",
        "Write 'http-response replace-header <name> <regex> <replacement>'.",
    ),
    proxy(
        "rspdel",
        "The 'rspdel' directive is not supported anymore since HAProxy 2.1. Use 'http-response del-header' instead.",
        "Write 'http-response del-header <name>'.",
    ),
    proxy(
        "rspidel",
        "The 'rspidel' directive is not supported anymore since HAProxy 2.1. Use 'http-response del-header' instead.",
        "Write 'http-response del-header <name>'.",
    ),
    proxy(
        "rspdeny",
        "The 'rspdeny' directive is not supported anymore since HAProxy 2.1. Use 'http-response deny' instead.",
        "Write 'http-response deny if { … }'.",
    ),
    proxy(
        "rspideny",
        "The 'rspideny' directive is not supported anymore since HAProxy 2.1. Use 'http-response deny' instead.",
        "Write 'http-response deny if { … }'.",
    ),
    proxy(
        "rspadd",
        "The 'rspadd' directive is not supported anymore since HAProxy 2.1. Use 'http-response add-header' instead.",
        "Write 'http-response add-header <name> <value>'.",
    ),
    proxy(
        "grace",
        "the 'grace' keyword is not supported any more since HAProxy version 2.5.",
        "Remove the line; 'grace' in 'global' delays a soft stop.",
    ),
    proxy(
        "monitor-net",
        "'monitor-net' doesn't exist anymore. Please use 'http-request return status 200 if { src {arg} }' instead.",
        "Write 'http-request return status 200 if { src {arg} }'.",
    ),
    proxy(
        "redispatch",
        "keyword 'redispatch' directive is not supported anymore since HAProxy 2.1. Use 'option redispatch'.",
        "Write 'option redispatch'.",
    ),
    proxy(
        "redisp",
        "keyword 'redisp' directive is not supported anymore since HAProxy 2.1. Use 'option redispatch'.",
        "Write 'option redispatch'.",
    ),
    proxy(
        "usesrc",
        "'usesrc' only allowed after a 'source' statement.",
        "Put it on the 'source' line.",
    ),
];

/// Words behind `option`.
pub const OPTIONS: &[Removed] = &[
    proxy(
        "forceclose",
        "option 'forceclose' is not supported any more since HAProxy 2.0, please just remove it, or use 'option httpclose' if absolutely needed.",
        "Remove the line.",
    ),
    proxy(
        "http-tunnel",
        "option 'http-tunnel' is not supported any more since HAProxy 2.1, please just remove it, it shouldn't be needed.",
        "Remove the line.",
    ),
    proxy(
        "http_proxy",
        "option 'http_proxy' is not supported any more since HAProxy 2.5. This option stopped working in HAProxy 1.9 and usually had nasty side effects. It can be more reliably implemented with combinations of 'http-request set-dst' and 'http-request set-uri', and even 'http-request do-resolve' if DNS resolution is desired.",
        "Remove the line.",
    ),
    proxy(
        "http-use-htx",
        "unknown option 'http-use-htx'; did you mean 'httpclose' maybe ?",
        "Remove the line: its behaviour is the only one since HAProxy 2.1.",
    ),
];

/// The keyword of a line that is gone.
pub fn find(name: &str, section: Section) -> Option<&'static Removed> {
    let in_global = section == Section::Global;
    KEYWORDS
        .iter()
        .find(|removed| removed.name == name && removed.in_global == in_global)
}

/// The option that is gone.
pub fn option(name: &str) -> Option<&'static Removed> {
    OPTIONS.iter().find(|removed| removed.name == name)
}

impl Removed {
    /// The finding for a line.
    pub fn diag(&self, span: Span, line: &Line) -> Diag {
        let argument = line.words.get(1).map_or_else(String::new, |word| {
            String::from_utf8_lossy(&word.text).into_owned()
        });
        Diag::alert(span, self.message.replace("{arg}", &argument))
            .hint(self.hint.replace("{arg}", &argument))
    }

    /// The finding for an option.
    pub fn option_diag(&self, span: Span) -> Diag {
        Diag::alert(span, self.message).hint(self.hint)
    }
}
