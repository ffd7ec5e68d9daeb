//! Log targets and formats.
//!
//! What log lines mean is in `lbd_rules::logformat`.

use lbd_core::{Checkpoint, Diag, ProxyId, Span};
use lbd_rules::acl::AclTable;
use lbd_rules::logformat::{Flags, HTTPLOG, HTTPLOG_CLF, HTTPSLOG, LogFormat, TCPLOG, TCPLOG_CLF};

use super::context::{At, Compiler};
use crate::address::{Address, Transport};
use crate::config::{LogAddress, LogLine, LogSpec, LogTarget};
use crate::draft::{LogDraft, LogFormatDraft, LogPlace, ProxyDraft};
use crate::lex;

/// Port of syslog.
const SYSLOG_PORT: u16 = 514;

impl Compiler<'_> {
    /// One target, its name resolved.
    pub(super) fn log_target(&mut self, draft: &LogDraft) -> Option<LogTarget> {
        let spec = &draft.address;
        let address = match &spec.address {
            Address::Inet { .. } => {
                let socket = self.addresses.socket(spec, "log", draft.span);
                let mut socket = self.diags.take(socket)?;
                if socket.port() == 0 {
                    socket.set_port(SYSLOG_PORT);
                }
                if spec.transport == Transport::Stream {
                    self.fault(
                        Diag::alert(draft.span, "log : stream transport is not supported yet")
                            .hint("Log by UDP, or to a unix socket."),
                    );
                    return None;
                }
                LogAddress::Udp(socket)
            }
            Address::Unix(path) => LogAddress::Unix(path.into()),
            Address::Abstract { name, .. } => LogAddress::Abstract(name.clone()),
            Address::Fd(fd) => LogAddress::Fd(*fd),
            Address::Stdout => LogAddress::Fd(1),
            Address::Stderr => LogAddress::Fd(2),
            Address::Ring(name) => LogAddress::Ring(name.as_str().into()),
            // Refused when the line was read.
            Address::Backend(_) | Address::SockPair(_) => return None,
        };
        Some(LogTarget {
            address,
            len: draft.len,
            format: draft.format,
            facility: draft.facility,
            max_level: draft.max_level,
            min_level: draft.min_level,
            sample: draft.sample.clone(),
            span: draft.span,
        })
    }

    /// Logging of a proxy.
    pub(super) fn log(&mut self, id: ProxyId, proxy: &ProxyDraft, acls: &AclTable) -> LogSpec {
        let settings = &proxy.settings;
        let at = At {
            proxy: Some(id),
            acls,
            checkpoint: Checkpoint::FeLogEnd,
        };
        let mut targets = Vec::new();
        for place in &settings.logs {
            match place {
                LogPlace::Global(_) => {
                    for log in &self.draft.global.logs {
                        targets.extend(self.log_target(log));
                    }
                }
                LogPlace::Target(log) => targets.extend(self.log_target(log)),
            }
        }
        let format = match &settings.log_format {
            Some((format, span)) => self
                .log_format(at, format, *span)
                .map_or(LogLine::Default, LogLine::Format),
            None => LogLine::Default,
        };
        let mut word = |word: &Option<lex::Word>, what: &str| {
            word.as_ref()
                .and_then(|word| self.format(at, word, Flags::LOG, what))
        };
        let error_format = word(&settings.error_log_format, "error-log-format");
        let sd_format = word(&settings.log_format_sd, "log-format-sd");
        LogSpec {
            targets,
            format,
            error_format,
            sd_format,
            tag: settings
                .log_tag
                .as_deref()
                .or(self.draft.global.value.log_tag.as_deref())
                .map(Into::into),
            dontlog_normal: settings.flag("dontlog-normal"),
            separate_errors: settings.flag("log-separate-errors"),
            asap: settings.flag("logasap"),
            health_checks: settings.flag("log-health-checks"),
        }
    }

    fn log_format(&mut self, at: At<'_>, draft: &LogFormatDraft, span: Span) -> Option<LogFormat> {
        let text = match draft {
            LogFormatDraft::Http { clf: false } => HTTPLOG,
            LogFormatDraft::Http { clf: true } => HTTPLOG_CLF,
            LogFormatDraft::Https => HTTPSLOG,
            LogFormatDraft::Tcp { clf: false } => TCPLOG,
            LogFormatDraft::Tcp { clf: true } => TCPLOG_CLF,
            LogFormatDraft::Text(text) => text,
        };
        self.build(at, span, |ctx| {
            LogFormat::parse(text.as_bytes(), span, Flags::LOG, ctx)
                .map_err(|diag| super::context::said(diag, "failed to parse log-format : "))
        })
    }
}
