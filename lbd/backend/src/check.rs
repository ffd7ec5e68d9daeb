//! Checks as scripts: connect, send, expect, and what the outcome is called (haproxy 3.4
//! configuration 4.2 `tcp-check`, `http-check`, `option …-check`).
//!
//! It opens no connection: the run says what to do next and is told what came of it. Counting
//! successes is the health machine's.

mod builtin;
mod expect;
mod http;
mod packet;
mod run;
mod script;
mod spop;
mod text;

pub use builtin::{
    CheckRequest, MysqlVersion, agent_script, connect_script, http_script, ldap_script,
    mysql_script, pgsql_script, redis_script, smtp_script, spop_script, ssl_hello_script,
};
pub use http::HttpReply;
pub use run::{Action, CheckRun, CheckTimeouts, Event, Finished};
pub use script::{
    CodeSource, Connect, Expect, HeaderExpect, Kind, Match, Matcher, Pattern, Proto, Script, Send,
    Step, Text, TextMatch,
};

/// Most bytes of an answer that are looked at.
pub const MAX_ANSWER: usize = 16_384;

/// What the server has answered so far, for log-format expressions.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Bytes received since the last send; of an HTTP answer the body.
    pub payload: &'a [u8],
    /// The HTTP answer, once its head is complete.
    pub http: Option<&'a HttpReply>,
}

/// Evaluates what a script cannot: log-formats and actions, by the number the caller gave them.
pub trait Renderer {
    /// The text of that log-format.
    fn render(&mut self, token: u32, answer: Answer<'_>) -> Vec<u8>;

    /// Performs that action (`set-var`, `unset-var`).
    fn perform(&mut self, token: u32, answer: Answer<'_>);
}

#[cfg(test)]
mod tests;
