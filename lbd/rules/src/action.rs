//! Actions of rules (haproxy 3.4 configuration 4.3): each described once, compiled to a closure.
//!
//! It runs nothing by itself: see `program`. What an action cannot do without the proxy it says by
//! a verdict or writes to the facts.

mod address;
mod args;
mod capture;
mod edit;
mod flow;
pub(crate) mod header;
mod headers_bin;
mod map;
mod normalize;
mod redirect;
mod reply;
mod service;
mod settings;
mod table;
mod timing;
pub mod unsupported;
mod uri;
pub(crate) mod variable;

use lbd_core::{Checkpoint, Diag};

pub use args::Args;
pub use redirect::parse_redirect;
pub use reply::require_account;
pub use unsupported::{UNSUPPORTED_ACTIONS, UnsupportedAction};

use crate::acl::Cond;
use crate::facts::RulePlace;
use crate::program::{Act, Step};
use crate::registry::{BuildCtx, Example};
use crate::word::Word;

/// A kind of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Ruleset {
    /// `tcp-request connection`.
    TcpConnection,
    /// `tcp-request session`.
    TcpSession,
    /// `tcp-request content`.
    TcpContent,
    /// `tcp-response content`.
    TcpResponse,
    /// `http-request`.
    HttpRequest,
    /// `http-response`.
    HttpResponse,
    /// `http-after-response`.
    HttpAfterResponse,
}

impl Ruleset {
    /// All, in the order of the reference's lists.
    pub const ALL: [Self; 7] = [
        Self::TcpConnection,
        Self::TcpSession,
        Self::TcpContent,
        Self::TcpResponse,
        Self::HttpRequest,
        Self::HttpResponse,
        Self::HttpAfterResponse,
    ];

    /// The words that begin its lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::TcpConnection => "tcp-request connection",
            Self::TcpSession => "tcp-request session",
            Self::TcpContent => "tcp-request content",
            Self::TcpResponse => "tcp-response content",
            Self::HttpRequest => "http-request",
            Self::HttpResponse => "http-response",
            Self::HttpAfterResponse => "http-after-response",
        }
    }

    /// Whether its rules see HTTP messages.
    pub fn is_http(self) -> bool {
        matches!(
            self,
            Self::HttpRequest | Self::HttpResponse | Self::HttpAfterResponse
        )
    }

    /// Whether it is evaluated on the way back.
    pub fn is_response(self) -> bool {
        matches!(
            self,
            Self::TcpResponse | Self::HttpResponse | Self::HttpAfterResponse
        )
    }

    /// Where its expressions are evaluated, in a frontend or a backend.
    pub fn checkpoint(self, is_backend: bool) -> Checkpoint {
        match (self, is_backend) {
            (Self::TcpConnection, _) => Checkpoint::FeConAcc,
            (Self::TcpSession, _) => Checkpoint::FeSesAcc,
            (Self::TcpContent, false) => Checkpoint::FeReqCnt,
            (Self::TcpContent, true) => Checkpoint::BeReqCnt,
            (Self::TcpResponse, false) => Checkpoint::FeResCnt,
            (Self::TcpResponse, true) => Checkpoint::BeResCnt,
            (Self::HttpRequest, false) => Checkpoint::FeHrqHdr,
            (Self::HttpRequest, true) => Checkpoint::BeHrqHdr,
            (Self::HttpResponse | Self::HttpAfterResponse, false) => Checkpoint::FeHrsHdr,
            (Self::HttpResponse | Self::HttpAfterResponse, true) => Checkpoint::BeHrsHdr,
        }
    }

    /// What `%OG` says of a line that `do-log` sends from it.
    fn log_origin(self) -> &'static str {
        match self {
            Self::TcpConnection => "tcp-req-conn",
            Self::TcpSession => "tcp-req-sess",
            Self::TcpContent => "tcp-req-cont",
            Self::TcpResponse => "tcp-res-cont",
            Self::HttpRequest => "http-req",
            Self::HttpResponse => "http-res",
            Self::HttpAfterResponse => "http-after-res",
        }
    }
}

/// A set of rulesets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rulesets(u8);

impl Rulesets {
    const fn of(list: &[Ruleset]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < list.len() {
            bits |= 1 << list[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `ruleset` is one of them.
    pub const fn contains(self, ruleset: Ruleset) -> bool {
        self.0 & (1 << ruleset as u8) != 0
    }

    const HTTP_REQUEST: Self = Self::of(&[Ruleset::HttpRequest]);
    const HTTP_MESSAGES: Self = Self::of(&[Ruleset::HttpRequest, Ruleset::HttpResponse]);
    const HTTP_ANSWERS: Self = Self::of(&[Ruleset::HttpResponse, Ruleset::HttpAfterResponse]);
    const HTTP: Self = Self::HTTP_MESSAGES.and(Self::HTTP_ANSWERS);
    const TCP_EARLY: Self = Self::of(&[Ruleset::TcpConnection, Ruleset::TcpSession]);
    const TCP_CONNECTION: Self = Self::of(&[Ruleset::TcpConnection]);
    const TCP_CONTENT: Self = Self::of(&[Ruleset::TcpContent]);
    const TCP_RESPONSE: Self = Self::of(&[Ruleset::TcpResponse]);
    const TCP: Self = Self::TCP_EARLY
        .and(Self::TCP_CONTENT)
        .and(Self::TCP_RESPONSE);
    const ALL: Self = Self::TCP.and(Self::HTTP);
    /// All but the last.
    const NOT_AFTER: Self = Self::TCP.and(Self::HTTP_MESSAGES);
    /// Requests with content.
    const CONTENT_REQUESTS: Self = Self::TCP_CONTENT.and(Self::HTTP_REQUEST);
    /// All requests.
    const REQUESTS: Self = Self::TCP_EARLY.and(Self::CONTENT_REQUESTS);
}

/// How the word of an action is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The word is the name.
    Exact,
    /// The word begins with the name: `set-var(txn.x)`.
    Prefix,
    /// The same, whatever follows: `track-sc0`.
    Stem,
}

/// An action.
pub struct ActionSpec {
    /// Name as written.
    pub name: &'static str,
    /// How it is compared.
    pub form: Form,
    /// Where it is allowed.
    pub rulesets: Rulesets,
    /// Whether the reference lists it (`-dK`); the built-in ones of TCP rules are not listed.
    pub is_listed: bool,
    /// One or two sentences, the manual's section named.
    pub doc: &'static str,
    /// Tested examples, without the words of the ruleset.
    pub examples: &'static [Example],
    /// Reads the arguments and makes the closure.
    pub build: fn(&mut Rule<'_, '_>) -> Result<Built, Diag>,
}

impl std::fmt::Debug for ActionSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActionSpec")
            .field("name", &self.name)
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

/// A compiled action.
pub struct Built {
    act: Act,
    is_final: bool,
}

impl std::fmt::Debug for Built {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Built")
            .field("is_final", &self.is_final)
            .finish_non_exhaustive()
    }
}

impl Built {
    /// An action after which the next rule is evaluated.
    fn new(
        act: impl Fn(&mut crate::program::Ctx<'_>, std::time::Duration) -> crate::program::Verdict
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            act: Box::new(act),
            is_final: false,
        }
    }

    /// The same, but it always ends the ruleset.
    fn last(self) -> Self {
        Self {
            is_final: true,
            ..self
        }
    }
}

/// A rule while it is compiled.
pub struct Rule<'r, 'c> {
    /// Its ruleset.
    pub ruleset: Ruleset,
    /// The word of the action.
    pub name: Word<'r>,
    /// What follows.
    pub args: Args<'r>,
    /// The configuration.
    pub ctx: &'r mut BuildCtx<'c>,
}

impl std::fmt::Debug for Rule<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule")
            .field("ruleset", &self.ruleset)
            .finish_non_exhaustive()
    }
}

/// Compiles a rule: `words` are those after the ruleset's.
///
/// When [`Names::title`](crate::registry::Names::title) knows the proxy the message of a fault is
/// the reference's whole sentence (what follows `parsing [file:line] : `), else only its end.
///
/// # Errors
/// An unknown action, faults of its arguments or of its condition.
pub fn parse_rule(
    ruleset: Ruleset,
    words: &[Word<'_>],
    ctx: &mut BuildCtx<'_>,
) -> Result<Step, Diag> {
    let title = ctx.proxy.and_then(|proxy| ctx.names.title(proxy));
    let Some((name, rest)) = words.split_first() else {
        return Err(unknown(ruleset, None, title.as_deref()));
    };
    let Some(spec) = find(ruleset, name.text) else {
        return Err(unsupported::refusal(ruleset, *name)
            .unwrap_or_else(|| unknown(ruleset, Some(*name), title.as_deref())));
    };
    let mut rule = Rule {
        ruleset,
        name: *name,
        args: Args::new(*name, rest),
        ctx,
    };
    let built = (spec.build)(&mut rule)
        .map_err(|diag| in_rule(diag.at(name.span), ruleset, *name, title.as_deref()))?;
    let taken = rule.args.taken();
    let rest = rest.get(taken..).unwrap_or_default();
    let cond = condition(ruleset, *name, rest, title.as_deref(), ctx)?;
    Ok(Step {
        cond,
        act: built.act,
        place: RulePlace {
            file: name.span.file.0,
            line: name.span.line,
        },
        is_final: built.is_final,
    })
}

fn condition(
    ruleset: Ruleset,
    name: Word<'_>,
    words: &[Word<'_>],
    title: Option<&str>,
    ctx: &mut BuildCtx<'_>,
) -> Result<Option<Cond>, Diag> {
    let Some((word, terms)) = words.split_first() else {
        return Ok(None);
    };
    let is_unless = word.is("unless");
    if !is_unless && !word.is("if") {
        let message = if ruleset.is_http() {
            format!(
                "'{} {}' expects either 'if' or 'unless' followed by a condition but found '{}'",
                ruleset.name(),
                name.lossy(),
                word.lossy()
            )
        } else {
            format!(
                "'{} {}' only accepts 'if' or 'unless'{} (got '{}')",
                ruleset.name(),
                name.lossy(),
                title
                    .map(|title| format!(", in {title}"))
                    .unwrap_or_default(),
                word.lossy()
            )
        };
        return Err(Diag::alert(word.span, message));
    }
    if terms.is_empty() {
        // As in the reference, which says nothing.
        let effect = if is_unless { "always" } else { "never" };
        let message = format!(
            "no condition after '{}': the rule {effect} applies",
            word.lossy()
        );
        ctx.warn(Diag::warning(word.span, message).hint("Add the condition, or remove the word."));
    }
    Cond::parse(terms, is_unless, ctx).map(Some).map_err(|mut diag| {
        if let Some(title) = title {
            let (set, action) = (ruleset.name(), name.lossy());
            diag.message = if ruleset.is_http() {
                let article = if ruleset == Ruleset::HttpRequest { "an" } else { "a" };
                format!(
                    "error detected while parsing {article} '{set} {action}' condition : {}",
                    diag.message
                )
            } else {
                format!(
                    "'{set} {action}' : error detected in {title} while parsing '{}' condition : \
                     {}",
                    word.lossy(),
                    diag.message
                )
            };
        }
        diag
    })
}

fn in_rule(mut diag: Diag, ruleset: Ruleset, name: Word<'_>, title: Option<&str>) -> Diag {
    if let Some(title) = title.filter(|_| ruleset.is_http()) {
        diag.message = format!(
            "error detected in {title} while parsing '{} {}' rule : {}",
            ruleset.name(),
            name.lossy(),
            diag.message
        );
    }
    diag
}

fn unknown(ruleset: Ruleset, word: Option<Word<'_>>, title: Option<&str>) -> Diag {
    let got = word
        .map(|word| word.lossy().into_owned())
        .unwrap_or_default();
    let mut known: Vec<String> = actions(ruleset)
        .map(|spec| match spec.form {
            Form::Exact => format!("'{}'", spec.name),
            Form::Prefix => format!("'{}(*)'", spec.name),
            Form::Stem => format!("'{}*'", spec.name),
        })
        .collect();
    known.sort();
    let list = known.join(", ");
    let message = if ruleset.is_http() {
        let missing = if word.is_none() {
            " (missing argument)"
        } else {
            ""
        };
        format!(
            "'{}' expects {list}, but got '{got}'{missing}.",
            ruleset.name()
        )
    } else {
        let place = title
            .map(|title| format!(" in {title}"))
            .unwrap_or_default();
        format!("'{}' expects {list}{place} (got '{got}').", ruleset.name())
    };
    let diag = Diag::alert(word.map(|word| word.span), message);
    match nearest(ruleset, &got) {
        Some(name) => diag.hint(format!("Did you mean '{name}' maybe ?")),
        None => diag,
    }
}

fn nearest(ruleset: Ruleset, got: &str) -> Option<&'static str> {
    let bare = got.split('(').next().unwrap_or(got);
    actions(ruleset)
        .map(|spec| {
            (
                crate::registry::distance(spec.name.as_bytes(), bare.as_bytes()),
                spec.name,
            )
        })
        .filter(|(edits, _)| *edits <= 3 && *edits < bare.len())
        .min()
        .map(|(_, name)| name)
}

/// The action that a word means; an exact name goes before a prefix, a long prefix before a short.
pub fn find(ruleset: Ruleset, word: &[u8]) -> Option<&'static ActionSpec> {
    let exact =
        actions(ruleset).find(|spec| spec.form == Form::Exact && spec.name.as_bytes() == word);
    exact.or_else(|| {
        let prefixes = actions(ruleset).filter(|spec| {
            word.strip_prefix(spec.name.as_bytes())
                .is_some_and(|rest| match spec.form {
                    Form::Exact => false,
                    Form::Prefix => rest.is_empty() || rest[0] == b'(',
                    Form::Stem => true,
                })
        });
        prefixes.max_by_key(|spec| spec.name.len())
    })
}

/// The actions of a ruleset.
pub fn actions(ruleset: Ruleset) -> impl Iterator<Item = &'static ActionSpec> {
    all().filter(move |spec| spec.rulesets.contains(ruleset))
}

/// All actions, family by family.
pub fn all() -> impl Iterator<Item = &'static ActionSpec> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The lines of `-dKcfg` that name actions, without indentation, in the reference's order:
/// `http-request set-var*`.
pub fn keyword_lines() -> Vec<String> {
    let mut lines = Vec::new();
    for ruleset in Ruleset::ALL {
        let mut names: Vec<String> = actions(ruleset)
            .filter(|spec| spec.is_listed)
            .map(|spec| {
                let star = if spec.form == Form::Exact { "" } else { "*" };
                format!("{} {}{star}", ruleset.name(), spec.name)
            })
            .collect();
        names.sort();
        lines.extend(names);
    }
    lines
}

const FAMILIES: &[&[ActionSpec]] = &[
    address::ACTIONS,
    capture::ACTIONS,
    flow::ACTIONS,
    header::ACTIONS,
    headers_bin::ACTIONS,
    map::ACTIONS,
    redirect::ACTIONS,
    reply::ACTIONS,
    service::ACTIONS,
    settings::ACTIONS,
    table::ACTIONS,
    timing::ACTIONS,
    uri::ACTIONS,
    variable::ACTIONS,
];

#[cfg(test)]
mod tests;
