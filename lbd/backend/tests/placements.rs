//! Placements observed on haproxy 3.4 (`data/placements.txt`), asked of the roster again.
//!
//! The file gives for each case the configuration and then, in order, requests with the server
//! that answered, and changes made through the runtime socket.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]

use std::net::IpAddr;

use lbd_backend::key::{self, KeySpec, PickKey};
use lbd_backend::{
    Affinity, Algorithm, Ask, Assigned, BackendSpec, HashFunction, HashKey, HashSpec, HashType,
    Placement, Roster, ServerSpec,
};
use lbd_core::{ServerId, Time};

struct Case {
    name: String,
    spec: BackendSpec,
    servers: Vec<(ServerSpec, Placement)>,
    roster: Option<Roster>,
    requests: u32,
}

impl Case {
    fn roster(&mut self) -> &Roster {
        self.roster
            .get_or_insert_with(|| Roster::new(self.spec.clone(), self.servers.clone(), 1))
    }

    fn index(&self, name: &str) -> usize {
        self.servers
            .iter()
            .position(|(s, _)| s.name == name)
            .expect("a server of that name")
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Placement)) {
        let at = self.index(name);
        self.roster();
        change(&mut self.servers[at].1);
        let placement = self.servers[at].1;
        let server = ServerId(at as u32);
        self.roster()
            .place(server, placement, Time::ZERO, &mut Vec::new());
    }

    fn expect(&mut self, path: &str, header: Option<&str>, source: &str, wanted: &str) {
        let key = match &self.spec.algorithm {
            Algorithm::Hash(spec) => key_of(spec, path, header, source),
            _ => PickKey::None,
        };
        let roster = self.roster();
        let got = match roster.assign(&Ask::balance(key, 0, Time::ZERO), &mut Vec::new()) {
            Assigned::Served(server) => {
                roster.release(server, Time::ZERO, &mut Vec::new());
                Some(server)
            }
            _ => None,
        };
        self.requests += 1;
        let got = got.map_or("-", |s| self.servers[s.index()].0.name.as_str());
        let what = format!(
            "{} request {} ({path} {header:?} {source})",
            self.name, self.requests
        );
        assert_eq!(got, wanted, "{what}");
    }
}

fn key_of<'a>(spec: &KeySpec, path: &'a str, header: Option<&'a str>, source: &str) -> PickKey<'a> {
    let bytes = match spec {
        KeySpec::Source => return PickKey::Source(source.parse::<IpAddr>().expect("an address")),
        KeySpec::Uri {
            whole, len, depth, ..
        } => Some(key::uri_key(path.as_bytes(), *whole, *len, *depth)),
        KeySpec::UrlParam { name, .. } => key::url_param(path.as_bytes(), name.as_bytes()),
        KeySpec::Header { name, domain_only } => {
            let value = header.filter(|_| name == "x-key").map(str::as_bytes);
            value.map(|v| if *domain_only { key::domain_only(v) } else { v })
        }
        KeySpec::Expr | KeySpec::RdpCookie(_) => None,
    };
    bytes.map_or(PickKey::None, PickKey::Bytes)
}

fn algorithm(words: &[&str]) -> Algorithm {
    let number = |word: &str| {
        let at = words.iter().position(|w| *w == word);
        at.map_or(0, |at| words[at + 1].parse().expect("a number"))
    };
    match words[0] {
        "roundrobin" => Algorithm::RoundRobin,
        "static-rr" => Algorithm::StaticRr,
        "leastconn" => Algorithm::LeastConn,
        "first" => Algorithm::First,
        "sticky" => Algorithm::Sticky,
        "random" => Algorithm::Random(2),
        "source" => Algorithm::Hash(KeySpec::Source),
        "uri" => Algorithm::Hash(KeySpec::Uri {
            whole: words.contains(&"whole"),
            len: number("len"),
            depth: number("depth"),
            path_only: false,
        }),
        "url_param" => Algorithm::Hash(KeySpec::UrlParam {
            name: words[1].into(),
            check_post: false,
        }),
        header => {
            let name = header
                .trim_start_matches("hdr(")
                .trim_end_matches(')')
                .into();
            let domain_only = words.contains(&"use_domain_only");
            Algorithm::Hash(KeySpec::Header { name, domain_only })
        }
    }
}

fn hash_type(words: &[&str]) -> HashSpec {
    let kind = match words[0] {
        "consistent" => HashType::Consistent,
        _ => HashType::MapBased,
    };
    let function = match words.get(1) {
        Some(&"crc32") => HashFunction::Crc32,
        Some(&"djb2") => HashFunction::Djb2,
        Some(&"wt6") => HashFunction::Wt6,
        Some(&"none") => HashFunction::None,
        _ => HashFunction::Sdbm,
    };
    let bare_ring = words.len() == 1 && kind == HashType::Consistent;
    let avalanche = bare_ring || words.get(2) == Some(&"avalanche");
    HashSpec {
        kind,
        function,
        avalanche,
        balance_factor: 0,
        affinity: Affinity::Always,
    }
}

fn server(words: &[&str], puid: u32) -> ServerSpec {
    let after = |word: &str| {
        words
            .iter()
            .position(|w| *w == word)
            .map(|at| words[at + 1])
    };
    let mut spec = ServerSpec::new(words[0], puid);
    spec.weight = after("weight")
        .expect("a weight")
        .parse()
        .expect("a number");
    spec.port = after("port").expect("a port").parse().expect("a number");
    spec.addr = Some("127.0.0.1".parse().expect("an address"));
    spec.backup = words.contains(&"backup");
    spec.hash_key = match after("hash-key") {
        Some("addr") => HashKey::Addr,
        Some("addr-port") => HashKey::AddrPort,
        Some("id32") => HashKey::Id32,
        _ => HashKey::Id,
    };
    spec
}

fn run_line(case: &mut Case, words: &[&str]) {
    match words {
        ["balance", rest @ ..] => case.spec.algorithm = algorithm(rest),
        ["hash-type", rest @ ..] => case.spec.hash = hash_type(rest),
        ["option", "allbackups"] => case.spec.all_backups = true,
        ["server", rest @ ..] => {
            let spec = server(rest, case.servers.len() as u32 + 1);
            let placement = Placement::running(spec.weight);
            case.servers.push((spec, placement));
        }
        ["turn", servers @ ..] => {
            for wanted in servers {
                case.expect("/", None, "127.0.0.1", wanted);
            }
        }
        ["weight", name, weight] => {
            let weight = weight.parse().expect("a weight");
            case.change(name, |p| p.weight = weight);
        }
        ["maint", name, how] => case.change(name, |p| p.maint = *how == "on"),
        ["drain", name, how] => case.change(name, |p| p.drain = *how == "on"),
        [path, header, source, wanted] => {
            case.expect(path, Some(*header).filter(|h| *h != "-"), source, wanted);
        }
        other => panic!("line not understood: {other:?}"),
    }
}

#[test]
fn every_observed_request_goes_to_the_same_server() {
    let text = include_str!("data/placements.txt");
    let mut cases = 0;
    let mut requests = 0;
    for block in text.split("\n\n").filter(|b| !b.trim().is_empty()) {
        let mut lines = block.lines();
        let name = lines
            .next()
            .and_then(|l| l.strip_prefix("case "))
            .expect("a case's name");
        let mut case = Case {
            name: name.to_owned(),
            spec: BackendSpec::default(),
            servers: Vec::new(),
            roster: None,
            requests: 0,
        };
        for line in lines {
            run_line(&mut case, &line.split_whitespace().collect::<Vec<_>>());
        }
        cases += 1;
        requests += case.requests;
    }
    assert!(
        cases >= 48 && requests >= 2400,
        "{cases} cases, {requests} requests read"
    );
}
