//! Stick tables (haproxy 3.4 configuration 11.1).
//!
//! What tables need of each other is checked when all are known.

use lbd_core::Diag;
use lbd_table::{DataType, KeyType, Schema, SchemaError, ServerKeyKind, Stored};

use super::directive;
use crate::draft::{Named, Sentence, StickKind, TableDraft};
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::suggest;
use crate::units::{self, TimeError, TimeUnit};
use crate::words::Words;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "stick",
        Sections::OWN_BACK,
        "Keeps clients with the server that a table has for a key: on, match, store-request, store-response (4.2).",
        &[
            Example::Ok("stick on src"),
            Example::Ok("stick match src,lower table x if { path_beg /a }"),
            Example::Ok("stick store-response res.cook(a)"),
            Example::Fail("stick", "expects 'on', 'match', or 'store'"),
            Example::Fail("stick on", "expects a fetch method"),
        ],
        stick,
    ),
    directive(
        "stick-table",
        Sections::OWN,
        "The stick table of the section (4.2, 11.1).",
        &[
            Example::Ok("stick-table type ip size 1m expire 30s store http_req_rate(10s),gpc0"),
            Example::Ok(
                "stick-table type string len 64 size 10k nopurge store gpc(4) store gpc_rate(4,1m)",
            ),
            Example::Fail("stick-table type ip", "missing size"),
            Example::Fail("stick-table size 10", "missing type"),
            Example::Fail(
                "stick-table type ip size 10 store gcp0",
                "unknown store option 'gcp0'",
            ),
            Example::Fail(
                "stick-table type ip size 10 store gpc0(3)",
                "unexpected argument to store option 'gpc0'",
            ),
            Example::Fail(
                "stick-table type ip size 10 store conn_rate",
                "missing argument to store option 'conn_rate'",
            ),
            Example::Fail(
                "stick-table type ip size 10 store gpc0,gpc(2)",
                "simultaneous usage of 'gpc'",
            ),
            Example::Fail(
                "stick-table type ip size 10 store gpt(101)",
                "out of allowed range (1-100)",
            ),
            Example::Fail("stick-table type ip size 10 expire 30d", "timer overflow"),
            Example::Fail("stick-table type address size 10", "unknown type 'address'"),
        ],
        stick_table,
    ),
];

fn stick(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    let kind = match words.text()?.unwrap_or("") {
        "match" => StickKind::Match,
        "on" => StickKind::On,
        "store" | "store-request" => StickKind::StoreRequest,
        "store-response" => StickKind::StoreResponse,
        _ => {
            let message = "'stick' expects 'on', 'match', or 'store'.";
            return Err(Diag::alert(here, message));
        }
    };
    if words.left() == 0 {
        return Err(Diag::alert(words.last(), "'stick' expects a fetch method."));
    }
    let sentence = Sentence {
        words: words.rest().to_vec(),
        span: site.line,
    };
    site.proxy.sticks.push((kind, sentence));
    Ok(())
}

fn stick_table(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let span = words.last();
    let name = site.proxy.name.clone();
    let own = site
        .proxy
        .table
        .as_ref()
        .map(|own| (site.proxy.title(), own.span));
    let other = || {
        let others = site.draft.proxies.iter();
        others
            .filter_map(|proxy| Some((proxy.title(), proxy.table.as_ref()?)))
            .find(|(_, table)| table.name == name)
            .map(|(title, table)| (title, table.span))
    };
    if let Some((title, at)) = own.or_else(other) {
        let message = format!(
            "stick-table name '{name}' conflicts with table declared in {title} at {}.",
            site.place(at)
        );
        return Err(Diag::alert(span, message));
    }
    let table = declaration(words, "stick-table", &name, true)?;
    site.proxy.table = Some(TableDraft {
        span: site.line,
        ..table
    });
    Ok(())
}

/// What a declaration has said so far.
struct Declared {
    /// `peers` may be said: tables of `peers` sections are shared by these.
    takes_peers: bool,
    peers: Option<Named>,
    key: Option<KeyType>,
    size: u32,
    expire_ms: Option<u32>,
    nopurge: bool,
    recv_only: bool,
    server_key: ServerKeyKind,
    brates_factor: u16,
    write_to: Option<Named>,
    stored: Vec<Stored>,
}

/// The words of a declaration behind its keyword and, in a `peers` section, its name.
pub(super) fn declaration(
    words: &mut Words<'_>,
    keyword: &str,
    name: &str,
    takes_peers: bool,
) -> Result<TableDraft, Diag> {
    let span = words.last();
    let mut said = Declared {
        takes_peers,
        peers: None,
        key: None,
        size: 0,
        expire_ms: None,
        nopurge: false,
        recv_only: false,
        server_key: ServerKeyKind::Name,
        brates_factor: 1,
        write_to: None,
        stored: Vec::new(),
    };
    while let Some(word) = words.text()? {
        argument(&mut said, words, keyword, word)?;
    }
    let fault = |message: &str| Diag::alert(span, format!("{keyword}: {message}"));
    if said.size == 0 {
        return Err(fault("missing size."));
    }
    let key = said.key.ok_or_else(|| fault("missing type."))?;
    let refused = |error: SchemaError| fault(&format!("{error}."));
    let mut schema = Schema::new(key, said.size).map_err(refused)?;
    for stored in said.stored {
        schema.store(stored).map_err(refused)?;
    }
    schema.expire_ms = said.expire_ms;
    schema.nopurge = said.nopurge;
    schema.recv_only = said.recv_only;
    schema.server_key = said.server_key;
    schema.brates_factor = said.brates_factor;
    Ok(TableDraft {
        name: name.to_owned(),
        wire_name: name.to_owned(),
        peers: said.peers,
        span,
        schema,
        write_to: said.write_to,
    })
}

const ARGUMENTS: &[&str] = &[
    "brates-factor",
    "expire",
    "nopurge",
    "peers",
    "recv-only",
    "size",
    "srvkey",
    "store",
    "type",
    "write-to",
];

fn argument(
    said: &mut Declared,
    words: &mut Words<'_>,
    keyword: &str,
    word: &str,
) -> Result<(), Diag> {
    let here = words.last();
    let fault = |message: String| Diag::alert(here, format!("{keyword}: {message}"));
    match word {
        "nopurge" => said.nopurge = true,
        "recv-only" => said.recv_only = true,
        "type" => said.key = Some(key_type(words, keyword)?),
        "store" => store(said, words, keyword)?,
        "expire" => {
            let text = value(words, keyword, word)?;
            said.expire_ms = Some(expire(text).map_err(fault)?).filter(|ms| *ms != 0);
        }
        "size" => {
            let text = value(words, keyword, word)?;
            let size = units::parse_size(text, u64::from(u32::MAX)).map_err(|error| {
                let c = error.0.chars().next().unwrap_or('?');
                fault(format!("unexpected character '{c}' in argument of 'size'."))
            })?;
            said.size = u32::try_from(size).unwrap_or(u32::MAX);
        }
        "brates-factor" => {
            let text = value(words, keyword, word)?;
            let factor = units::parse_size(text, u64::from(u32::MAX)).map_err(|error| {
                let c = error.0.chars().next().unwrap_or('?');
                fault(format!(
                    "unexpected character '{c}' in argument of 'brates-factor'."
                ))
            })?;
            said.brates_factor = u16::try_from(factor)
                .ok()
                .filter(|factor| (1..=1024).contains(factor))
                .ok_or_else(|| {
                    fault(
                        "argument 'brates-factor' must be greater than 0 and lower or equal than \
                         1024."
                            .to_owned(),
                    )
                })?;
        }
        "peers" if said.takes_peers => {
            let name = value(words, keyword, word)?.to_owned();
            let span = words.last();
            said.peers = Some(Named { name, span });
        }
        "srvkey" => {
            let kind = words.text()?.unwrap_or("");
            said.server_key = match kind {
                "name" => ServerKeyKind::Name,
                "addr" => ServerKeyKind::Addr,
                _ => return Err(fault(format!("unknown server key type '{kind}'."))),
            };
        }
        "write-to" => {
            let Some(name) = words.text()? else {
                return Err(fault("write-to requires table name.".to_owned()));
            };
            said.write_to = Some(Named {
                name: name.to_owned(),
                span: words.last(),
            });
        }
        _ => {
            return Err(fault(format!("unknown argument '{word}'."))
                .hint(suggest::hint(word, ARGUMENTS.iter().copied())));
        }
    }
    Ok(())
}

fn value<'a>(words: &mut Words<'a>, keyword: &str, word: &str) -> Result<&'a str, Diag> {
    let here = words.last();
    words
        .text()?
        .ok_or_else(|| Diag::alert(here, format!("{keyword}: missing argument after '{word}'.")))
}

fn expire(text: &str) -> Result<u32, String> {
    let time = units::parse_time(text, TimeUnit::Millisecond).map_err(|error| match error {
        TimeError::Overflow(_) => format!(
            "timer overflow in argument <{text}> to <expire>, maximum value is 2147483647 ms \
             (~24.8 days)."
        ),
        TimeError::Unexpected(c) => format!(
            "unexpected character '{}' in argument of 'expire'.",
            c.map_or_else(String::new, String::from)
        ),
    })?;
    // At most MAX_TIME milliseconds.
    Ok(u32::try_from(time.value.as_millis()).unwrap_or(u32::MAX))
}

const TYPES: &[&str] = &["binary", "integer", "ip", "ipv4", "ipv6", "string"];

fn key_type(words: &mut Words<'_>, keyword: &str) -> Result<KeyType, Diag> {
    let here = words.here();
    let name = words.text()?.unwrap_or("");
    let key = match name {
        "ip" | "ipv4" => KeyType::Ipv4,
        "ipv6" => KeyType::Ipv6,
        "integer" => KeyType::Integer,
        "string" => KeyType::DEFAULT_STRING,
        "binary" => KeyType::DEFAULT_BINARY,
        _ => {
            return Err(
                Diag::alert(here, format!("{keyword}: unknown type '{name}'."))
                    .hint(suggest::hint(name, TYPES.iter().copied())),
            );
        }
    };
    if !matches!(name, "string" | "binary") || !words.take_if("len") {
        return Ok(key);
    }
    let here = words.here();
    let text = words.text()?.unwrap_or("");
    let len = text.parse::<u32>().ok().filter(|len| *len > 0);
    let Some(len) = len else {
        return Err(Diag::alert(
            here,
            "'len' expects a positive integer argument.",
        ));
    };
    if len > KeyType::MAX_LEN {
        let message = format!("{keyword}: {}.", SchemaError::KeyLength(len));
        return Err(Diag::alert(here, message));
    }
    Ok(match name {
        "string" => KeyType::String { len },
        _ => KeyType::Binary { len },
    })
}

/// A comma-separated list of data types with their arguments in parentheses.
fn store(said: &mut Declared, words: &mut Words<'_>, keyword: &str) -> Result<(), Diag> {
    let text = words.text()?.unwrap_or("");
    let here = words.last();
    let fault = |message: String| Diag::alert(here, format!("{keyword}: {message}"));
    let mut rest = text;
    while !rest.is_empty() {
        let (name, args, after) = item(rest).map_err(|name| {
            fault(format!(
                "missing closing parenthesis after store option '{name}'."
            ))
        })?;
        rest = after;
        let Some(data) = DataType::named(name) else {
            let known = DataType::ALL.into_iter().map(DataType::name);
            return Err(
                fault(format!("unknown store option '{name}'.")).hint(suggest::hint(name, known))
            );
        };
        if said.stored.iter().any(|stored| stored.data == data) {
            words.warnings.push(Diag::warning(
                here,
                format!("{keyword}: store option '{name}' already enabled, ignored."),
            ));
            continue;
        }
        said.stored.push(stored(data, args).map_err(fault)?);
    }
    exclusions(&said.stored).map_or(Ok(()), |message| Err(fault(message)))
}

/// Name, arguments and what follows the next comma.
fn item(text: &str) -> Result<(&str, Option<&str>, &str), &str> {
    let end = text.find(['(', ',']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let Some(inner) = rest.strip_prefix('(') else {
        return Ok((name, None, rest.strip_prefix(',').unwrap_or(rest)));
    };
    let Some((args, rest)) = inner.split_once(')') else {
        return Err(name);
    };
    let after = rest.find(',').map_or("", |comma| &rest[comma + 1..]);
    Ok((name, Some(args), after))
}

fn stored(data: DataType, args: Option<&str>) -> Result<Stored, String> {
    let name = data.name();
    let missing = || format!("missing argument to store option '{name}'.");
    let mut args = args.map(|args| args.split(',')).into_iter().flatten();
    let mut stored = Stored::plain(data);
    if data.is_array() {
        let count = args.next().ok_or_else(missing)?;
        let count = count.parse::<u8>().ok();
        stored.elements = count
            .filter(|count| (1..=lbd_table::data::MAX_ELEMENTS).contains(count))
            .ok_or_else(|| {
                format!(
                    "array size is out of allowed range (1-{}) for store option '{name}'.",
                    lbd_table::data::MAX_ELEMENTS
                )
            })?;
    }
    if data.has_period() {
        let text = args.next().ok_or_else(missing)?;
        let wrong = || format!("error when processing store option '{name}'.");
        let time = units::parse_time(text, TimeUnit::Millisecond).map_err(|_| wrong())?;
        stored.period_ms = u32::try_from(time.value.as_millis())
            .ok()
            .filter(|ms| *ms != 0 && time.trailing.is_none())
            .ok_or_else(wrong)?;
    }
    if args.next().is_some() {
        return Err(format!("unexpected argument to store option '{name}'."));
    }
    Ok(stored)
}

/// Arrays take the place of single counters.
fn exclusions(stored: &[Stored]) -> Option<String> {
    let has = |data: DataType| stored.iter().any(|stored| stored.data == data);
    let both = |array: &str, single: &str| {
        Some(format!(
            "simultaneous usage of '{array}' and '{single}' in a same table is not permitted as \
             '{array}' overrides '{single}'."
        ))
    };
    if has(DataType::Gpt) && has(DataType::Gpt0) {
        return both("gpt", "gpt0");
    }
    if has(DataType::Gpc) && (has(DataType::Gpc0) || has(DataType::Gpc1)) {
        return both("gpc", "gpc[0/1]");
    }
    if has(DataType::GpcRate) && (has(DataType::Gpc0Rate) || has(DataType::Gpc1Rate)) {
        return both("gpc_rate", "gpc[0/1]_rate");
    }
    None
}
