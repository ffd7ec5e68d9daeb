//! Lines to drafts: which section a line belongs to, and which keyword reads it.
//!
//! It knows no keyword: those are in [`crate::directive`].

mod header;
mod site;
#[cfg(test)]
mod tests;

use lbd_core::{Diag, Diags};

use crate::host::Environment;
use crate::lex::{Line, Reader};
use crate::loader::Sources;
use crate::registry::{Effect, Sections};
use crate::words::Words;
use crate::{registry, suggest, unsupported};

pub use site::Site;

/// Kind of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    /// `backend`.
    Backend,
    /// `crt-store`.
    CrtStore,
    /// `defaults`.
    Defaults,
    /// `frontend`.
    Frontend,
    /// `global`.
    Global,
    /// `healthcheck`.
    Healthcheck,
    /// `http-errors`.
    HttpErrors,
    /// `listen`.
    Listen,
    /// `peers`.
    Peers,
    /// One that was refused as a whole: its lines are passed over.
    Refused,
    /// `userlist`.
    UserList,
}

impl Section {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::CrtStore => "crt-store",
            Self::Defaults => "defaults",
            Self::Frontend => "frontend",
            Self::Global => "global",
            Self::Healthcheck => "healthcheck",
            Self::HttpErrors => "http-errors",
            Self::Listen => "listen",
            Self::Peers => "peers",
            Self::Refused => "",
            Self::UserList => "userlist",
        }
    }

    /// The set of this one.
    pub fn set(self) -> Sections {
        match self {
            Self::Backend => Sections::BACKEND,
            Self::CrtStore => Sections::CRT_STORE,
            Self::Defaults => Sections::DEFAULTS,
            Self::Frontend => Sections::FRONTEND,
            Self::Global | Self::Refused => Sections::GLOBAL,
            Self::Healthcheck => Sections::HEALTHCHECK,
            Self::HttpErrors => Sections::HTTP_ERRORS,
            Self::Listen => Sections::LISTEN,
            Self::Peers => Sections::PEERS,
            Self::UserList => Sections::USERLIST,
        }
    }

    /// Whether it is a proxy or `defaults`.
    pub fn is_proxy(self) -> bool {
        matches!(
            self,
            Self::Backend | Self::Defaults | Self::Frontend | Self::Listen
        )
    }
}

/// Reads all lines of `sources` into a draft.
pub fn read<'h>(sources: &Sources, environment: Environment<'h>) -> Site<'h> {
    let mut site = Site::new(environment);
    site.environment.set("HAPROXY_CFGFILES", &sources.list());
    // The command line's `-dV`, which the file may take back.
    if site.environment.enabled("SERVER-SSL-VERIFY-NONE") {
        site.draft.global.ssl_server.verify = Some(crate::draft::Verify::None);
    }
    site.files = sources.iter().map(|source| source.name.clone()).collect();
    let mut reader = Reader::new(sources);
    while let Some(line) = reader.next_line(&site.environment, &mut site.diags) {
        site.file_name = sources.name(line.span.file).to_owned();
        site.line = line.span;
        match line.starts_section {
            true => header::begin(&mut site, &line),
            false => statement(&mut site, &line),
        }
    }
    header::end(&mut site);
    site
}

/// Reads one line that is not a section's first.
pub fn statement(site: &mut Site<'_>, line: &Line) {
    if site.section == Section::Refused {
        return;
    }
    let mut words = Words::new(line);
    let result = keyword(site, line, &mut words);
    site.warn_all(std::mem::take(&mut words.warnings));
    if let Err(diag) = result {
        site.diags.push(diag.at(line.span));
    }
}

fn keyword(site: &mut Site<'_>, line: &Line, words: &mut Words<'_>) -> Result<(), Diag> {
    let Some(name) = words.text()? else {
        return Ok(());
    };
    let here = words.last();
    let kinds = match site.section.is_proxy() {
        true => Sections::PROXY,
        false => site.section.set(),
    };
    let Some(directive) = registry::directive(name, kinds) else {
        return Err(unknown(site, name, line, words));
    };
    let sections = directive.sections;
    if site.section == Section::Defaults && !sections.has(Sections::DEFAULTS) {
        return Err(
            Diag::alert(here, format!("'{name}' not allowed in 'defaults' section."))
                .hint("Say it in each frontend, backend or listen section that needs it."),
        );
    }
    if site.section.is_proxy() && !sections.meets(site.section.set()) {
        let lacking = match site.section {
            Section::Backend => "frontend",
            _ => "backend",
        };
        let title = site.proxy.title();
        if let Some(refused) = refused_elsewhere(name, lacking, &title) {
            return Err(Diag::alert(here, refused).hint("Move the line to where it applies."));
        }
        let message = format!("'{name}' ignored because {title} has no {lacking} capability.");
        site.diags.push(Diag::warning(here, message));
    }
    if let Effect::NoEffect(reason) = directive.effect {
        site.no_effect(directive.name, here, reason);
    }
    (directive.apply)(site, words)
}

/// What the reference says of words that it refuses, not only ignores, in a proxy without the side
/// they concern.
fn refused_elsewhere(name: &str, lacking: &str, title: &str) -> Option<String> {
    match name {
        "declare" | "hash-preserve-affinity" | "retry-on" => Some(format!(
            "'{name}' only available in {lacking} or listen section"
        )),
        "default-server" | "server" | "server-template" => Some(format!(
            "'{name}' not allowed because {title} has no {lacking} capability."
        )),
        "tcp-response" => Some(
            "tcp-response is only allowed in 'backend' sections or 'defaults' section with a name"
                .to_owned(),
        ),
        _ => None,
    }
}

fn unknown(site: &Site<'_>, name: &str, line: &Line, words: &Words<'_>) -> Diag {
    let here = words.last();
    let section = site.section.name();
    if let Some(removed) = crate::directive::removed::find(name, site.section) {
        return removed.diag(here, line);
    }
    if let Some(entry) = unsupported::keyword(name, site.section) {
        return entry.diag(here, name);
    }
    let kinds = site.section.set();
    let known = registry::DIRECTIVES
        .iter()
        .flat_map(|family| family.iter())
        .filter(|directive| directive.sections.meets(kinds))
        .map(|directive| directive.name);
    match suggest::nearest(name, known) {
        Some(near) => Diag::alert(
            here,
            format!(
                "unknown keyword '{name}' in '{section}' section; did you mean '{near}' maybe ?"
            ),
        ),
        None => {
            let diag = Diag::alert(
                here,
                format!("unknown keyword '{name}' in '{section}' section"),
            );
            match other_section(name, site.section) {
                Some(other) => diag.hint(format!("'{name}' belongs into a '{other}' section.")),
                None => diag,
            }
        }
    }
}

/// A section in which `name` is known, when it is not in `section`.
fn other_section(name: &str, section: Section) -> Option<&'static str> {
    [
        (Section::Global, Sections::GLOBAL),
        (Section::Listen, Sections::PROXY),
        (Section::UserList, Sections::USERLIST),
    ]
    .into_iter()
    .filter(|(kind, _)| *kind != section && !(section.is_proxy() && kind.is_proxy()))
    .find_map(|(kind, set)| registry::directive(name, set).map(|_| kind.name()))
}

/// Findings so far, for tests and the loader.
pub fn findings(site: &mut Site<'_>) -> Diags {
    std::mem::take(&mut site.diags)
}
