//! Section `global`: log targets, runtime sockets, process-wide variables.
//!
//! All else was final when it was read.

use lbd_core::{Checkpoint, Diag};
use lbd_rules::acl::AclTable;
use lbd_rules::expr::Expr;
use lbd_rules::logformat::{Flags, LogFormat};
use lbd_rules::var::VarId;

use super::context::{At, Compiler, as_words};
use crate::config::{AccessLevel, Global, ProcVar, StatsSocketSpec};
use crate::directive::global::case_pair_into;

impl Compiler<'_> {
    /// `node`, or the machine's name.
    pub(super) fn node(&self) -> String {
        match &self.draft.global.value.node {
            name if name.is_empty() => self.environment.host().hostname(),
            name => name.clone(),
        }
    }

    /// The finished section.
    pub(super) fn global(&mut self) -> Global {
        let draft = self.draft;
        let mut global = draft.global.value.clone();
        // Said in the file or on the command line, which turn the same options off.
        let enabled = |option| self.environment.enabled(option);
        global.no_splice |= !enabled("SPLICE") || !enabled("FAST-FORWARD");
        global.no_reuseport = !enabled("REUSEPORT");
        global.insecure_fork |= self.environment.host().may_fork();
        global.node = self.node();
        global.logs = draft
            .global
            .logs
            .iter()
            .filter_map(|log| self.log_target(log))
            .collect();
        for socket in &draft.global.sockets {
            let bind = &socket.bind;
            self.refuse_protocol("frontend 'GLOBAL'", bind);
            for address in self.listen_addresses(&bind.addresses, bind.span, "stats socket") {
                global.stats_sockets.push(StatsSocketSpec {
                    address,
                    level: bind.level.unwrap_or(AccessLevel::Operator),
                    unix: bind.options.unix.clone(),
                    severity: bind.severity,
                    maxconn: bind.maxconn,
                    exposes: bind.exposes,
                    text: bind.text.as_str().into(),
                    span: socket.span,
                });
            }
        }
        if let Some((path, span)) = &draft.global.case_adjust_file {
            self.case_file(&mut global, path, *span);
        }
        global.env = self
            .environment
            .names()
            .into_iter()
            .filter_map(|name| self.environment.value(&name).map(|value| (name, value)))
            .collect();
        global
    }

    fn case_file(&mut self, global: &mut Global, path: &str, span: lbd_core::Span) {
        let content = match self.environment.host().read(path) {
            Ok(content) => content,
            Err(error) => {
                self.fault(Diag::alert(
                    span,
                    format!("failed to open h1-case-adjust file '{path}' : {error}"),
                ));
                return;
            }
        };
        let text = String::from_utf8_lossy(&content).into_owned();
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or("");
            let mut words = line.split_whitespace();
            let (Some(from), Some(to)) = (words.next(), words.next()) else {
                continue;
            };
            if let Err(message) = case_pair_into(&mut global.h1_case_adjust, from, to) {
                self.fault(Diag::alert(
                    span,
                    format!("h1-case-adjust-file {path}:{} : {message}", at + 1),
                ));
            }
        }
    }

    /// `set-var` and `set-var-fmt`.
    pub(super) fn proc_vars(&mut self) -> Vec<(VarId, ProcVar)> {
        let acls = AclTable::new();
        let at = At {
            proxy: None,
            acls: &acls,
            checkpoint: Checkpoint::CfgParser,
        };
        let mut list = Vec::new();
        for sentence in &self.draft.global.proc_vars {
            let words = as_words(&sentence.words);
            let [keyword, name, rest @ ..] = words.as_slice() else {
                continue;
            };
            let full = name.lossy();
            let Some(variable) = full.strip_prefix("proc.").filter(|name| !name.is_empty()) else {
                self.fault(
                    Diag::alert(
                        name.span,
                        format!(
                            "'{}': variable '{full}' has not the scope 'proc'",
                            keyword.lossy()
                        ),
                    )
                    .hint("Write 'proc.<name>'."),
                );
                continue;
            };
            let id = self.vars.intern(variable);
            let is_format = keyword.is("set-var-fmt");
            let value = self.build(at, sentence.span, |ctx| {
                if is_format {
                    let text = rest
                        .iter()
                        .map(|word| word.text)
                        .collect::<Vec<_>>()
                        .join(&b' ');
                    let span = rest.first().map_or(sentence.span, |word| word.span);
                    return LogFormat::parse(&text, span, Flags::NONE, ctx).map(ProcVar::Format);
                }
                let (expr, taken) = Expr::parse_words(rest, ctx)?;
                match rest.get(taken) {
                    None => Ok(ProcVar::Expr(expr)),
                    Some(word) => Err(Diag::alert(
                        word.span,
                        format!("'set-var': unexpected argument '{}'", word.lossy()),
                    )),
                }
            });
            list.extend(value.map(|value| (id, value)));
        }
        list
    }
}
