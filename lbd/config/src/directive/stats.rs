//! `stats` in proxies: the statistics page.
//!
//! The sockets of the runtime API (`stats` in `global`) are in [`super::runtime`].

use lbd_core::Diag;

use super::{directive, frontend};
use crate::draft::{Sentence, StatsDraft};
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::units::{self, TimeError, TimeUnit};
use crate::words::Words;
use crate::{lex, suggest};

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[directive(
    "stats",
    Sections::PROXY,
    "The statistics page: 'stats enable', 'uri', 'auth', 'realm', 'http-request', 'admin', \
     'refresh', 'scope', 'show-node', 'show-desc', 'show-legends', 'show-modules', \
     'show-version', 'hide-version' (4.2). Lines of a section leave nothing of those of its \
     defaults. Changes by the page are taken from pages of the same origin only.",
    &[
        Example::Ok("stats enable"),
        Example::Ok("stats uri /admin?stats"),
        Example::Ok("stats realm HAProxy\\ Statistics"),
        Example::Ok("stats auth admin:AdMiN123"),
        Example::Ok("stats refresh 5s"),
        Example::Ok("stats scope ."),
        Example::Ok("stats show-node Europe-1"),
        Example::Ok("stats show-desc Master node for Europe"),
        Example::Ok("stats show-legends"),
        Example::Ok("stats show-modules"),
        Example::Ok("stats show-version"),
        Example::Ok("stats hide-version"),
        Example::Fail("stats", "missing keyword in 'stats'"),
        Example::Fail("stats socket /x", "unknown stats parameter 'socket'"),
        Example::Fail("stats uri", "'uri' needs an URI prefix."),
        Example::Fail("stats refresh x", "unexpected character 'x'"),
        Example::Fail("stats admin", "'stats admin'"),
    ],
    stats,
)];

/// The words behind `stats`, as messages list them.
const PARAMETERS: &str = "expects 'admin', 'uri', 'realm', 'auth', 'scope', 'enable', \
                          'hide-version', 'show-node', 'show-desc' , 'show-legends' or \
                          'show-version'.";

/// The same for hints.
const NAMES: [&str; 14] = [
    "admin",
    "auth",
    "enable",
    "hide-version",
    "http-request",
    "realm",
    "refresh",
    "scope",
    "show-desc",
    "show-legends",
    "show-modules",
    "show-node",
    "show-version",
    "uri",
];

fn stats(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    let Some(what) = words.text()? else {
        let text = format!("missing keyword in 'stats', {PARAMETERS}");
        return Err(Diag::alert(words.last(), text));
    };
    match what {
        "admin" => admin(site, words),
        "http-request" => http_request(site, words),
        "auth" => {
            let account = value(words, "'auth' needs a user:password account.")?;
            let colon = account.iter().position(|byte| *byte == b':');
            let (user, password) = account.split_at(colon.unwrap_or(account.len()));
            let password = password.strip_prefix(b":").unwrap_or(password);
            let span = words.last();
            let accounts = &mut own(site).accounts;
            accounts.push((user.to_vec(), password.to_vec(), span));
            surplus(words, "stats auth")
        }
        "enable" => {
            own(site);
            surplus(words, "stats enable")
        }
        "hide-version" => {
            own(site).show_version = false;
            surplus(words, "stats hide-version")
        }
        "realm" => {
            let realm = value(words, "'realm' needs an realm name.")?;
            own(site).realm = Some(realm);
            surplus(words, "stats realm")
        }
        "refresh" => refresh(site, words),
        "scope" => {
            let name = value(words, "'scope' needs a proxy name.")?;
            let name = String::from_utf8_lossy(&name).into_owned();
            let scopes = &mut own(site).scopes;
            if !scopes.contains(&name) {
                scopes.push(name);
            }
            surplus(words, "stats scope")
        }
        "show-desc" => description(site, words),
        "show-legends" => {
            own(site).legends = true;
            surplus(words, "stats show-legends")
        }
        "show-modules" => {
            own(site).modules = true;
            surplus(words, "stats show-modules")
        }
        "show-node" => node(site, words),
        "show-version" => {
            own(site).show_version = true;
            surplus(words, "stats show-version")
        }
        "uri" => {
            let uri = value(words, "'uri' needs an URI prefix.")?;
            own(site).uri = Some(uri);
            surplus(words, "stats uri")
        }
        other => Err(Diag::alert(
            here,
            format!("unknown stats parameter '{other}', {PARAMETERS}"),
        )
        .hint(suggest::hint(other, NAMES))),
    }
}

/// The settings of this section; its first line leaves those of the defaults behind.
fn own<'s>(site: &'s mut Site<'_>) -> &'s mut StatsDraft {
    let section = site.proxy.span;
    let stats = &mut site.proxy.settings.stats;
    if stats.as_ref().is_some_and(|stats| stats.section != section) {
        *stats = None;
    }
    stats.get_or_insert_with(|| StatsDraft::new(section))
}

fn value(words: &mut Words<'_>, missing: &str) -> Result<Vec<u8>, Diag> {
    let here = words.here();
    match words.take() {
        Some(word) if !word.text.is_empty() => Ok(word.text.clone()),
        _ => Err(Diag::alert(here, missing)),
    }
}

/// What the reference does not look at.
fn surplus(words: &mut Words<'_>, keyword: &str) -> Result<(), Diag> {
    words.ignore_rest(keyword);
    Ok(())
}

fn in_defaults(site: &Site<'_>, words: &Words<'_>, keyword: &str) -> Result<(), Diag> {
    match site.in_defaults() {
        false => Ok(()),
        true => Err(Diag::alert(
            words.last(),
            format!("'{keyword}' not allowed in 'defaults' section."),
        )),
    }
}

fn admin(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    in_defaults(site, words, "stats admin")?;
    let condition = frontend::condition(site, words, "stats admin")?;
    own(site).admin.push(condition);
    Ok(())
}

fn http_request(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    in_defaults(site, words, "stats")?;
    if words.left() == 0 {
        return Err(Diag::alert(
            words.last(),
            "'stats http-request' expects an action and its arguments",
        ));
    }
    let span = site.line;
    let kept: Vec<lex::Word> = words.rest().to_vec();
    own(site).rules.push(Sentence { words: kept, span });
    Ok(())
}

fn refresh(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    const WHAT: &str = "stats refresh interval";
    let here = words.here();
    let Some(text) = words.text()? else {
        return Err(Diag::alert(
            here,
            "'stats refresh' needs an interval, in seconds unless a unit is given.",
        ));
    };
    let odd = |c: char| format!("unexpected character '{c}' in argument to {WHAT}.");
    let time = match units::parse_time(text, TimeUnit::Second) {
        Ok(units::ParsedTime {
            trailing: Some(c), ..
        })
        | Err(TimeError::Unexpected(Some(c))) => return Err(Diag::alert(here, odd(c))),
        Err(error) => return Err(Diag::alert(here, error.message(text, WHAT))),
        Ok(time) => time,
    };
    own(site).refresh = Some(time.value).filter(|time| !time.is_zero());
    surplus(words, "stats refresh")
}

/// The reference takes the first word of a name and looks at no other.
fn node(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    let name = words.text()?.filter(|name| !name.is_empty());
    let is_valid = |name: &&str| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    if name.is_some_and(|name| !is_valid(&name)) {
        return Err(Diag::alert(
            here,
            "'stats show-node' invalid node name - should be a string with digits(0-9), \
             letters(A-Z, a-z), hyphen(-) or underscore(_).",
        ));
    }
    own(site).node = Some(name.map(str::to_owned));
    surplus(words, "stats show-node")
}

fn description(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    let said: Vec<String> = words
        .rest()
        .iter()
        .map(|word| String::from_utf8_lossy(&word.text).into_owned())
        .collect();
    let text = match said.is_empty() {
        false => said.join(" "),
        true => match site.draft.global.value.description.clone() {
            Some(text) => text,
            None => {
                site.warn(
                    here,
                    "'show-desc' requires a parameter or 'desc' to be set in the global section.",
                );
                String::new()
            }
        },
    };
    own(site).description = Some(text).filter(|text| !text.is_empty());
    Ok(())
}
