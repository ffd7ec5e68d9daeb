//! Keywords of `peers` sections (haproxy 3.4 configuration 11.2).
//!
//! Tables are read by [`super::stick`].

mod options;

use lbd_core::Diag;

use options::Options;

use super::{directive, stick};
use crate::address::AddressRules;
use crate::draft::{Named, PeerDraft, PeersDraft, TableDraft};
use crate::lex::Word;
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::words::Words;

const PEERS: Sections = Sections::PEERS;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "bind",
        PEERS,
        "Where this node is called, and by which TLS; not beside an address of the local peer (11.2).",
        &[
            Example::Ok("bind 127.0.0.1:1024"),
            Example::Fail("bind", "expects an address"),
            Example::Fail(
                "bind 127.0.0.1:1024 accept-proxy",
                "not supported in a 'peers' section",
            ),
        ],
        bind,
    ),
    directive(
        "default-bind",
        PEERS,
        "Options of this node's listener, as on 'bind' (11.2).",
        &[
            Example::Ok("default-bind backlog 100"),
            Example::Fail("default-bind sssl", "unknown keyword"),
        ],
        |site, words| bind_options(site, words, "default-bind"),
    ),
    directive(
        "default-server",
        PEERS,
        "Options of all peers that follow: TLS and 'shard' (11.2).",
        &[
            Example::Ok("default-server shard 1"),
            Example::Ok("default-server ssl verify none"),
            Example::Fail("default-server check", "not supported in a 'peers' section"),
        ],
        default_server,
    ),
    directive(
        "disabled",
        PEERS,
        "Nothing is shared and nobody called (11.2).",
        &[Example::Ok("disabled")],
        |site, words| {
            section(site, words)?.disabled = true;
            words.end("disabled")
        },
    ),
    directive(
        "enabled",
        PEERS,
        "Undoes 'disabled' (11.2).",
        &[Example::Ok("enabled")],
        |site, words| {
            section(site, words)?.disabled = false;
            words.end("enabled")
        },
    ),
    directive(
        "log",
        PEERS,
        "Where sessions that begin and end are told, as in proxies (11.2).",
        &[
            Example::Ok("log 127.0.0.1:514 local0"),
            Example::Fail("log 127.0.0.1", "expects <address> and <facility>"),
        ],
        |site, words| {
            let place = super::log::place(site, words)?;
            let logs = &mut section(site, words)?.logs;
            match place {
                Some(place) => logs.push(place),
                None => logs.clear(),
            }
            Ok(())
        },
    ),
    directive(
        "peer",
        PEERS,
        "A peer and where it is called; the one of this node's name is where it listens (11.2).",
        &[
            Example::Ok("peer a 192.0.2.1:1024"),
            Example::Ok("peer a 192.0.2.1:1024 shard 2"),
            Example::Fail("peer", "expects <name> and <addr>[:<port>]"),
            Example::Fail("peer a", "expects <name> and <addr>[:<port>]"),
            Example::Fail("peer a 192.0.2.1", "missing port"),
            Example::Ok("peer a 192.0.2.1:1024 ssl verify none"),
            Example::Fail("peer a 192.0.2.1:1024 check", "not supported in a 'peers'"),
        ],
        |site, words| peer(site, words, "peer"),
    ),
    directive(
        "server",
        PEERS,
        "The same as 'peer'; without an address the node itself, beside a 'bind' line (11.2).",
        &[
            Example::Ok("server a"),
            Example::Ok("server b 192.0.2.1:1024"),
            Example::Fail("server", "expects <name>"),
        ],
        |site, words| peer(site, words, "server"),
    ),
    directive(
        "shards",
        PEERS,
        "Over how many shares of the entries peers are spread (11.2).",
        &[
            Example::Ok("shards 3"),
            Example::Fail("shards", "missing number of peer shards"),
            Example::Fail("shards x", "expected a strictly positive integer"),
        ],
        shards,
    ),
    directive(
        "table",
        PEERS,
        "A stick table of the section, known as section/name (11.1).",
        &[
            Example::Ok("table t1 type ip size 1m store gpc0"),
            Example::Fail("table", "missing table name"),
            Example::Fail("table t1 type ip", "missing size"),
            Example::Fail(
                "table t1 type ip size 1k peers x",
                "unknown argument 'peers'",
            ),
        ],
        table,
    ),
];

fn section<'s>(site: &'s mut Site<'_>, words: &Words<'_>) -> Result<&'s mut PeersDraft, Diag> {
    let line = words.line();
    let last = site.draft.peers.last_mut();
    last.ok_or_else(|| Diag::alert(line, "no peers section"))
}

fn bind(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let text = words.expect("bind", "an address, or a path, and options")?;
    let span = words.last();
    let address = site.address("bind", text, span, &AddressRules::BIND)?;
    let unix = site.draft.global.value.unix_bind.clone();
    let peers = section(site, words)?;
    if !peers.bind.addresses.is_empty() {
        return Err(Diag::alert(
            span,
            "One listener per 'peers' section is authorized",
        ));
    }
    peers.bind.addresses.push(address);
    peers.bind.text = text.to_owned();
    peers.bind.span = span;
    peers.bind.options.unix = unix;
    bind_options(site, words, &format!("bind {text}"))
}

fn bind_options(site: &mut Site<'_>, words: &mut Words<'_>, title: &str) -> Result<(), Diag> {
    // Taken out, so that options can reach the rest of the text.
    let mut draft = section(site, words)?.bind.clone();
    let read = options::of_bind(site, &mut draft, words, title);
    section(site, words)?.bind = draft;
    read
}

fn default_server(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let peers = section(site, words)?;
    let mut options = Options {
        server: peers.default_server.clone(),
        shard: peers.default_shard,
    };
    options.read(site, words, "default-server", true)?;
    let peers = section(site, words)?;
    peers.default_server = options.server;
    peers.default_shard = options.shard;
    Ok(())
}

fn peer(site: &mut Site<'_>, words: &mut Words<'_>, keyword: &str) -> Result<(), Diag> {
    let lacks = |words: &Words<'_>| {
        Diag::alert(
            words.last(),
            format!("'{keyword}' expects <name> and <addr>[:<port>] as arguments."),
        )
    };
    let name = words.text()?.ok_or_else(|| lacks(words))?;
    let name = Named {
        name: name.to_owned(),
        span: words.last(),
    };
    // What is no address is an option: the node itself has its address on the 'bind' line.
    let is_option = |word: &&Word| word.str().is_ok_and(options::is_of_server);
    let next = words
        .peek()
        .filter(|word| keyword == "peer" || !is_option(word));
    let address = match next {
        None if keyword == "peer" => return Err(lacks(words)),
        None => None,
        Some(_) => {
            let text = words.text()?.unwrap_or("");
            let span = words.last();
            Some((
                site.address(keyword, text, span, &AddressRules::CONNECT)?,
                span,
            ))
        }
    };
    let peers = section(site, words)?;
    let mut options = Options {
        server: peers.default_server.clone(),
        shard: peers.default_shard,
    };
    options.server.name.clone_from(&name.name);
    options.server.span = Some(site.line);
    let title = format!("{keyword} {}", name.name);
    options.read(site, words, &title, false)?;
    let place = |site: &Site<'_>| {
        let peers = site.draft.peers.last()?;
        let other = peers
            .peers
            .iter()
            .find(|other| other.name.name == name.name)?;
        Some(site.place(other.name.span))
    };
    if let Some(place) = place(site) {
        return Err(Diag::alert(
            name.span,
            format!(
                "'{keyword}' : peer '{}' is already defined at {place}.",
                name.name
            ),
        ));
    }
    section(site, words)?.peers.push(PeerDraft {
        name,
        address,
        shard: options.shard,
        server: options.server,
    });
    Ok(())
}

fn shards(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.last();
    let Some(text) = words.text()? else {
        return Err(Diag::alert(
            here,
            "'shards' : missing number of peer shards",
        ));
    };
    let n = text.parse::<u32>().ok().filter(|n| *n > 0);
    let n = n.ok_or_else(|| {
        let message = format!("'shards' : expected a strictly positive integer but got '{text}'");
        Diag::alert(words.last(), message)
    })?;
    section(site, words)?.shards = n;
    words.end("shards")
}

fn table(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.last();
    let Some(name) = words.text()? else {
        return Err(Diag::alert(here, "'table' : missing table name"));
    };
    let span = words.last();
    let full = format!("{}/{name}", section(site, words)?.name);
    let other = section(site, words)?
        .tables
        .iter()
        .find(|table| table.name == full);
    if let Some(at) = other.map(|other| other.span) {
        let message = format!(
            "stick-table name '{full}' conflicts with table declared in peers section at {}.",
            site.place(at)
        );
        return Err(Diag::alert(span, message));
    }
    let table = stick::declaration(words, "table", &full, false)?;
    let line = site.line;
    section(site, words)?.tables.push(TableDraft {
        span: line,
        wire_name: format!("/{name}"),
        ..table
    });
    Ok(())
}
