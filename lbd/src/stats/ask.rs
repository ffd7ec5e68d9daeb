//! What the address of a statistics page asks for besides the page: `;csv`, `;up`, `scope=` and
//! the like (haproxy 3.4 management 9.1).
//!
//! It shows nothing.

use lbd_config::config::{ProxySpec, StatsSpec};

use super::Form;

/// A request for the statistics by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    /// What to answer with.
    pub(super) view: View,
    /// `;up`.
    pub(super) only_up: bool,
    /// `;no-maint`.
    pub(super) no_maint: bool,
    /// `;norefresh`.
    pub(super) no_refresh: bool,
    /// `scope=`: only proxies whose names contain this, in whatever case.
    pub(super) scope: String,
    /// `;st=`: what became of an order.
    pub(super) outcome: Option<Outcome>,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// The page.
    Page,
    /// `;json-schema`.
    Schema,
    /// Rows in a form that programs read.
    Table(Form),
}

/// What became of an order by the page; the codes stand in the address behind `;st=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Not allowed.
    Denied,
    /// Done.
    Done,
    /// A parameter is wrong.
    Errors,
    /// The form does not fit a buffer.
    Exceeded,
    /// Nothing to do.
    Nothing,
    /// Done for some servers.
    Partly,
    /// A code that nobody makes.
    Unknown,
}

impl Outcome {
    const ALL: [Self; 7] = [
        Self::Denied,
        Self::Done,
        Self::Errors,
        Self::Exceeded,
        Self::Nothing,
        Self::Partly,
        Self::Unknown,
    ];

    /// Its code.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Denied => "DENY",
            Self::Done => "DONE",
            Self::Errors => "ERRP",
            Self::Exceeded => "EXCD",
            Self::Nothing => "NONE",
            Self::Partly => "PART",
            Self::Unknown => "UNKN",
        }
    }

    fn of(code: &[u8]) -> Self {
        let known = Self::ALL.into_iter();
        let mut known = known.filter(|outcome| outcome.code().as_bytes() == code);
        known.next().unwrap_or(Self::Unknown)
    }
}

/// Longest `scope=`; what is behind is not looked at.
const MAX_SCOPE: usize = 20;

impl Ask {
    /// Reads what stands behind the page's address.
    pub(super) fn parse(rest: &[u8]) -> Self {
        let has = |word: &[u8]| memchr::memmem::find(rest, word).is_some();
        let view = if has(b";json-schema") {
            View::Schema
        } else if has(b";json") {
            View::Table(Form::Json)
        } else if has(b";typed") {
            View::Table(Form::Typed)
        } else if has(b";csv") {
            View::Table(Form::Csv)
        } else {
            View::Page
        };
        Self {
            view,
            only_up: has(b";up"),
            no_maint: has(b";no-maint"),
            no_refresh: has(b";norefresh"),
            scope: scope(rest),
            outcome: behind(rest, b";st=").map(|code| Outcome::of(&code[..code.len().min(4)])),
        }
    }

    /// Whether a proxy is to be shown.
    pub(super) fn shows(&self, proxy: &ProxySpec, page: &StatsSpec, own: &ProxySpec) -> bool {
        let is_in_scope = page.scopes.is_empty()
            || page.scopes.iter().any(|name| match &**name {
                "." => proxy.id == own.id,
                name => *name == *proxy.name,
            });
        let contains = |name: &str| {
            let (name, part) = (name.to_ascii_lowercase(), self.scope.to_ascii_lowercase());
            name.contains(&part)
        };
        is_in_scope && (self.scope.is_empty() || contains(&proxy.name))
    }
}

fn behind<'r>(rest: &'r [u8], word: &[u8]) -> Option<&'r [u8]> {
    let at = memchr::memmem::find(rest, word)?;
    Some(&rest[at + word.len()..])
}

/// Names need no coding; what has one is no name and shows nothing hidden.
fn scope(rest: &[u8]) -> String {
    let Some(value) = behind(rest, b"scope=") else {
        return String::new();
    };
    let end = value.iter().position(|byte| b";&".contains(byte));
    let value = &value[..end.unwrap_or(value.len()).min(MAX_SCOPE)];
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    match value.iter().all(is_plain) {
        true => String::from_utf8_lossy(value).into_owned(),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests;
