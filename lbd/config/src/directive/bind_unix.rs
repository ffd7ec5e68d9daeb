//! Options of `bind` and `stats socket` about unix sockets and the runtime API.
//!
//! The others are in [`super::bind_option`].

use lbd_core::{Diag, Span};

use super::{number, one_of};
use crate::config::{AccessLevel, SeverityOutput};
use crate::registry::{BindOption, Effect};
use crate::section::Site;
use crate::units;

/// Options.
pub const OPTIONS: &[BindOption] = &[
    BindOption {
        name: "expose-fd",
        args: 1,
        effect: Effect::Supported,
        doc: "Lets listening sockets be fetched through this socket (9.3).",
        example: "expose-fd listeners",
        apply: |_, draft, words| {
            one_of(words, &["listeners"], |given| {
                format!("'expose-fd' : unknown argument '{given}', only 'listeners' is supported")
            })?;
            draft.exposes = true;
            Ok(())
        },
    },
    BindOption {
        name: "gid",
        args: 1,
        effect: Effect::Supported,
        doc: "Group of a unix socket by number (5.1).",
        example: "gid 0",
        apply: |_, draft, words| {
            draft.options.unix.gid =
                u32::try_from(number(words, "gid", 0, i64::from(u32::MAX))?).ok();
            Ok(())
        },
    },
    BindOption {
        name: "group",
        args: 1,
        effect: Effect::Supported,
        doc: "Group of a unix socket by name (5.1).",
        example: "group root",
        apply: |site, draft, words| {
            let name = words.expect("group", "a group name")?;
            draft.options.unix.gid = Some(group(site, "group", name, words.last())?);
            Ok(())
        },
    },
    BindOption {
        name: "level",
        args: 1,
        effect: Effect::Supported,
        doc: "Rights of commands on a runtime socket: user, operator, admin (9.3).",
        example: "level admin",
        apply: |_, draft, words| {
            let level = one_of(words, &["user", "operator", "admin"], |given| {
                format!("'level' only supports 'user', 'operator', and 'admin' (got '{given}')")
            })?;
            draft.level = Some(match level {
                "admin" => AccessLevel::Admin,
                "operator" => AccessLevel::Operator,
                _ => AccessLevel::User,
            });
            Ok(())
        },
    },
    BindOption {
        name: "mode",
        args: 1,
        effect: Effect::Supported,
        doc: "Octal permissions of a unix socket (5.1).",
        example: "mode 660",
        apply: |_, draft, words| {
            let text = words.expect("mode", "an octal mode")?;
            let mode = units::parse_mode(text)
                .map_err(|error| Diag::alert(words.last(), format!("'mode' : {error}")))?;
            draft.options.unix.mode = Some(mode);
            Ok(())
        },
    },
    BindOption {
        name: "severity-output",
        args: 1,
        effect: Effect::Supported,
        doc: "Severity before answers of the runtime API: none, number, string (9.3).",
        example: "severity-output number",
        apply: |_, draft, words| {
            let severity = one_of(words, &["none", "number", "string"], |given| {
                format!(
                    "'severity-output' only supports 'none', 'number', and 'string' (got '{given}')"
                )
            })?;
            draft.severity = match severity {
                "number" => SeverityOutput::Number,
                "string" => SeverityOutput::Text,
                _ => SeverityOutput::None,
            };
            Ok(())
        },
    },
    BindOption {
        name: "uid",
        args: 1,
        effect: Effect::Supported,
        doc: "Owner of a unix socket by number (5.1).",
        example: "uid 0",
        apply: |_, draft, words| {
            draft.options.unix.uid =
                u32::try_from(number(words, "uid", 0, i64::from(u32::MAX))?).ok();
            Ok(())
        },
    },
    BindOption {
        name: "user",
        args: 1,
        effect: Effect::Supported,
        doc: "Owner of a unix socket by name (5.1).",
        example: "user root",
        apply: |site, draft, words| {
            let name = words.expect("user", "a user name")?;
            draft.options.unix.uid = Some(user(site, "user", name, words.last())?);
            Ok(())
        },
    },
];

/// Number of the user of this name.
///
/// # Errors
/// When there is none.
pub fn user(site: &Site<'_>, keyword: &str, name: &str, span: Span) -> Result<u32, Diag> {
    site.environment.host().user(name).ok_or_else(|| {
        Diag::alert(span, format!("'{keyword}' : '{name}' unknown user.")).hint(format!(
            "Create it (useradd --system {name}) or name another user."
        ))
    })
}

/// Number of the group of this name.
///
/// # Errors
/// When there is none.
pub fn group(site: &Site<'_>, keyword: &str, name: &str, span: Span) -> Result<u32, Diag> {
    site.environment.host().group(name).ok_or_else(|| {
        Diag::alert(span, format!("'{keyword}' : '{name}' unknown group.")).hint(format!(
            "Create it (groupadd --system {name}) or name another group."
        ))
    })
}
