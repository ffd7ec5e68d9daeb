//! Error answers of proxies and `http-errors` sections.
//!
//! The making of answers is `lbd_rules::reply`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use lbd_core::{Checkpoint, Diag, ProxyId, Span};
use lbd_rules::acl::AclTable;
use lbd_rules::registry::Names;
use lbd_rules::reply::ReplySpec;

use super::context::{At, Compiler, as_words, said};
use crate::draft::{ErrorDraft, ProxyDraft, ReplyText};

impl Compiler<'_> {
    /// Compiles `http-errors` sections, which rules and proxies refer to.
    pub(super) fn http_errors(&mut self) {
        for section in &self.draft.http_errors {
            let mut list = Vec::new();
            for error in &section.errors {
                if let ReplyText::File { status, path } = &error.reply {
                    let reply = self.error_file(*status, path, error.span);
                    list.extend(reply.map(|reply| (*status, Arc::new(reply))));
                }
            }
            self.names.http_errors.push(list);
        }
    }

    fn error_file(&mut self, status: u16, path: &str, span: Span) -> Option<ReplySpec> {
        let content = match self.environment.host().read(path) {
            Ok(content) => content,
            Err(error) => {
                self.fault(
                    Diag::alert(span, format!("errorfile : error opening file '{path}'."))
                        .hint(format!("The system says: {error}.")),
                );
                return None;
            }
        };
        match ReplySpec::from_file(status, &content, self.names.limits()) {
            Ok(reply) => Some(reply),
            Err(fault) => {
                self.fault(
                    Diag::alert(span, format!("errorfile : '{path}': {fault}")).hint(
                        "The file must hold a whole HTTP/1 answer: status line, headers, an empty \
                         line, body.",
                    ),
                );
                None
            }
        }
    }

    /// The answers of a proxy by status; the last line about a status counts.
    pub(super) fn errors(
        &mut self,
        id: ProxyId,
        proxy: &ProxyDraft,
        acls: &AclTable,
    ) -> BTreeMap<u16, Arc<ReplySpec>> {
        let mut answers = BTreeMap::new();
        for error in &proxy.settings.errors {
            self.error(id, error, acls, &mut answers);
        }
        answers
    }

    fn error(
        &mut self,
        id: ProxyId,
        error: &ErrorDraft,
        acls: &AclTable,
        answers: &mut BTreeMap<u16, Arc<ReplySpec>>,
    ) {
        match &error.reply {
            ReplyText::File { status, path } => {
                let reply = self.error_file(*status, path, error.span);
                answers.extend(reply.map(|reply| (*status, Arc::new(reply))));
            }
            ReplyText::Location {
                status,
                redirect,
                url,
            } => {
                let reply = ReplySpec::location(*status, *redirect, url.as_bytes());
                answers.insert(*status, Arc::new(reply));
            }
            ReplyText::Section { name, statuses } => {
                let Some(section) = self.names.index.http_errors.get(name).copied() else {
                    self.fault(
                        Diag::alert(
                            error.span,
                            format!("errorfiles : unknown http-errors section '{name}'."),
                        )
                        .hint(crate::suggest::hint(
                            name,
                            self.draft
                                .http_errors
                                .iter()
                                .map(|section| section.name.as_str()),
                        )),
                    );
                    return;
                };
                let known = self
                    .names
                    .http_errors
                    .get(section)
                    .cloned()
                    .unwrap_or_default();
                let wanted = |status: &u16| statuses.is_empty() || statuses.contains(status);
                for status in statuses {
                    if !known.iter().any(|(known, _)| known == status) {
                        self.fault(Diag::warning(
                            error.span,
                            format!(
                                "status '{status}' not declared in http-errors section '{name}'."
                            ),
                        ));
                    }
                }
                answers.extend(known.into_iter().filter(|(status, _)| wanted(status)));
            }
            ReplyText::Reply(sentence) => {
                let at = At {
                    proxy: Some(id),
                    acls,
                    checkpoint: Checkpoint::FeHrqHdr,
                };
                let words = as_words(sentence.words.get(1..).unwrap_or_default());
                let reply = self.build(at, sentence.span, |ctx| {
                    // Such an answer may stand in for a response as well as for a server.
                    let parsed = ReplySpec::parse_http_error(&words, ctx);
                    let parsed = parsed.or_else(|diag| {
                        ctx.checkpoint = Checkpoint::FeHrsHdr;
                        ReplySpec::parse_http_error(&words, ctx).map_err(|_| diag)
                    });
                    parsed.map_err(|diag| said(diag, "http-error : "))
                });
                answers.extend(reply.map(|reply| (reply.status(), Arc::new(reply))));
            }
        }
    }
}
