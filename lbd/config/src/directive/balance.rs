//! `balance` and how its hashes work.
//!
//! The algorithms are in `lbd-backend`.

use lbd_backend::{Affinity, Algorithm, HashFunction, HashType, KeySpec};
use lbd_core::Diag;

use super::{directive, end};
use crate::draft::BalanceDraft;
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::suggest;
use crate::words::Words;

/// Largest numbers of `len`, `depth` and draws.
const MAX: i64 = i32::MAX as i64;

/// Words behind `balance`.
pub const ALGORITHMS: &[&str] = &[
    "first",
    "hash",
    "hdr",
    "leastconn",
    "random",
    "rdp-cookie",
    "roundrobin",
    "source",
    "static-rr",
    "uri",
    "url_param",
];

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "balance",
        Sections::BACK,
        "How a server is chosen (4.2).",
        &[
            Example::Ok("balance roundrobin"),
            Example::Ok("balance static-rr"),
            Example::Ok("balance leastconn"),
            Example::Ok("balance first"),
            Example::Ok("balance source"),
            Example::Ok("balance uri whole len 20 depth 3"),
            Example::Ok("balance url_param user check_post"),
            Example::Ok("balance hdr(Host) use_domain_only"),
            Example::Ok("balance random(3)"),
            Example::Ok("balance rdp-cookie(msts)"),
            Example::Ok("balance hash src"),
            Example::Fail("balance rr", "only supports"),
            Example::Fail("balance random(0)", "at least 1"),
            Example::Fail("balance uri deep", "only accepts parameters"),
        ],
        balance,
    ),
    directive(
        "hash-balance-factor",
        Sections::BACK,
        "Load over the mean that a hashed server may have, percent (4.2).",
        &[
            Example::Ok("hash-balance-factor 150"),
            Example::Fail("hash-balance-factor 50", "must be 0 or greater than 100"),
        ],
        |site, words| {
            let n = words.int("hash-balance-factor", 0..=MAX)?;
            if n != 0 && n <= 100 {
                return Err(Diag::alert(
                    words.last(),
                    "'hash-balance-factor' must be 0 or greater than 100.",
                ));
            }
            site.proxy.settings.hash.balance_factor = u32::try_from(n).unwrap_or(0);
            end(words, "hash-balance-factor")
        },
    ),
    directive(
        "hash-preserve-affinity",
        Sections::BACK,
        "When a key leaves its server: always, maxconn, maxqueue (4.2).",
        &[
            Example::Ok("hash-preserve-affinity maxconn"),
            Example::Fail("hash-preserve-affinity x", "expects"),
        ],
        |site, words| {
            let known = &["always", "maxconn", "maxqueue"];
            let what = super::one_of(words, known, |given| {
                format!(
                    "'hash-preserve-affinity' expects 'always', 'maxconn' or 'maxqueue' (got '{given}')"
                )
            })?;
            site.proxy.settings.hash.affinity = match what {
                "maxconn" => Affinity::Maxconn,
                "maxqueue" => Affinity::Maxqueue,
                _ => Affinity::Always,
            };
            end(words, "hash-preserve-affinity")
        },
    ),
    directive(
        "hash-type",
        Sections::BACK,
        "Map or ring, and the function from key to number (4.2).",
        &[
            Example::Ok("hash-type consistent djb2 avalanche"),
            Example::Ok("hash-type map-based"),
            Example::Fail("hash-type x", "only supports 'consistent' and 'map-based'"),
            Example::Fail("hash-type consistent md5", "hash functions"),
        ],
        hash_type,
    ),
];

fn balance(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let span = words.here();
    let mut expr = None;
    let algorithm = match words.text()? {
        // As without the keyword.
        None => lbd_backend::BackendSpec::default().algorithm,
        Some("roundrobin") => Algorithm::RoundRobin,
        Some("static-rr") => Algorithm::StaticRr,
        Some("first") => Algorithm::First,
        Some("leastconn") => Algorithm::LeastConn,
        Some("source") => Algorithm::Hash(KeySpec::Source),
        Some("uri") => Algorithm::Hash(uri(words)?),
        Some("url_param") => Algorithm::Hash(url_param(words)?),
        Some("hash") => {
            let Some(word) = words.take() else {
                return Err(Diag::alert(
                    span,
                    "balance hash requires a sample expression.",
                ));
            };
            expr = Some(word.clone());
            Algorithm::Hash(KeySpec::Expr)
        }
        Some(name) => with_parentheses(name, words)?,
    };
    match algorithm {
        // Where the algorithm takes arguments, an unknown one is a fault.
        Algorithm::Hash(ref key) if *key != KeySpec::Source => end(words, "balance")?,
        _ => words.ignore_rest("balance"),
    }
    site.proxy.settings.balance = Some(BalanceDraft {
        algorithm,
        expr,
        span,
    });
    Ok(())
}

fn with_parentheses(name: &str, words: &mut Words<'_>) -> Result<Algorithm, Diag> {
    let span = words.last();
    let (base, argument) = match name.split_once('(') {
        Some((base, rest)) => match rest.strip_suffix(')') {
            Some(argument) => (base, Some(argument)),
            None => {
                return Err(Diag::alert(
                    span,
                    format!("balance {base} : missing closing parenthesis."),
                ));
            }
        },
        None => (name, None),
    };
    match (base, argument) {
        ("random", None) => Ok(Algorithm::Random(2)),
        ("random", Some(draws)) => match draws.parse::<u32>().ok().filter(|n| *n >= 1) {
            Some(draws) => Ok(Algorithm::Random(draws)),
            None => Err(Diag::alert(
                span,
                "balance random : number of draws must be at least 1.",
            )),
        },
        ("hdr", Some(header)) if !header.is_empty() => {
            let domain_only = words.left() > 0;
            if domain_only && !words.take_if("use_domain_only") {
                let here = words.here();
                let got = words.text()?.unwrap_or("");
                return Err(Diag::alert(
                    here,
                    format!(
                        "balance {name} only accepts 'use_domain_only' modifier (got '{got}')."
                    ),
                ));
            }
            Ok(Algorithm::Hash(KeySpec::Header {
                name: header.to_ascii_lowercase(),
                domain_only,
            }))
        }
        ("hdr", _) => Err(Diag::alert(
            span,
            "balance hdr requires an http header field name.",
        )),
        ("rdp-cookie", None) => Ok(Algorithm::Hash(KeySpec::RdpCookie("mstshash".to_owned()))),
        ("rdp-cookie", Some(cookie)) if !cookie.is_empty() => {
            Ok(Algorithm::Hash(KeySpec::RdpCookie(cookie.to_owned())))
        }
        ("rdp-cookie", Some(_)) => Err(Diag::alert(
            span,
            "balance rdp-cookie : missing cookie name.",
        )),
        ("log-hash" | "sticky", _) => Err(Diag::alert(
            span,
            format!("balance '{base}' is not supported yet"),
        )
        .hint("It belongs to 'mode log'.")),
        _ => Err(Diag::alert(
            span,
            format!(
                "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', \
                 'url_param', 'hash', 'hdr(name)', 'rdp-cookie(name)', 'first' and 'random' \
                 options (got '{name}')."
            ),
        )
        .hint(suggest::hint(base, ALGORITHMS.iter().copied()))),
    }
}

fn uri(words: &mut Words<'_>) -> Result<KeySpec, Diag> {
    let (mut whole, mut path_only, mut len, mut depth) = (false, false, 0, 0);
    while let Some(word) = words.text()? {
        match word {
            "len" => len = positive(words, "len")?,
            // A slash is always there: one level more is meant than is said.
            "depth" => depth = positive(words, "depth")?,
            "whole" => whole = true,
            "path-only" => path_only = true,
            other => {
                return Err(Diag::alert(
                    words.last(),
                    format!(
                        "balance uri only accepts parameters 'len', 'depth', 'path-only', and \
                         'whole' (got '{other}')."
                    ),
                ));
            }
        }
    }
    Ok(KeySpec::Uri {
        whole,
        len,
        depth,
        path_only,
    })
}

fn positive(words: &mut Words<'_>, what: &str) -> Result<u32, Diag> {
    let here = words.here();
    let got = words.text()?.unwrap_or("");
    got.parse::<u32>()
        .ok()
        .filter(|n| (1..=MAX).contains(&i64::from(*n)))
        .ok_or_else(|| {
            Diag::alert(
                here,
                format!("balance uri : '{what}' expects a positive integer (got '{got}')."),
            )
        })
}

fn url_param(words: &mut Words<'_>) -> Result<KeySpec, Diag> {
    let Some(name) = words.text()? else {
        return Err(Diag::alert(
            words.last(),
            "balance url_param requires an URL parameter name.",
        ));
    };
    let check_post = words.left() > 0;
    if check_post && !words.take_if("check_post") {
        let here = words.here();
        let got = words.text()?.unwrap_or("");
        return Err(Diag::alert(
            here,
            format!("balance url_param only accepts 'check_post' modifier (got '{got}')."),
        ));
    }
    Ok(KeySpec::UrlParam {
        name: name.to_owned(),
        check_post,
    })
}

fn hash_type(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    let hash = &mut site.proxy.settings.hash;
    hash.kind = match words.text()?.unwrap_or("") {
        "consistent" => HashType::Consistent,
        "map-based" => HashType::MapBased,
        "avalanche" => {
            return Err(Diag::alert(
                here,
                "experimental feature 'hash-type avalanche' is not supported anymore, please use \
                 'hash-type map-based sdbm avalanche' instead.",
            ));
        }
        _ => {
            return Err(Diag::alert(
                here,
                "'hash-type' only supports 'consistent' and 'map-based'.",
            ));
        }
    };
    hash.avalanche = false;
    hash.function = HashFunction::Sdbm;
    let Some(function) = words.text()? else {
        // As in the reference: a bare map-based hash is sdbm, a bare ring is mixed once more.
        hash.avalanche = hash.kind == HashType::Consistent;
        return Ok(());
    };
    hash.function = match function {
        "sdbm" => HashFunction::Sdbm,
        "djb2" => HashFunction::Djb2,
        "wt6" => HashFunction::Wt6,
        "crc32" => HashFunction::Crc32,
        "none" => HashFunction::None,
        _ => {
            return Err(Diag::alert(
                words.last(),
                "'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.",
            ));
        }
    };
    hash.avalanche = words.take_if("avalanche");
    if words.left() > 0 && !hash.avalanche {
        return Err(Diag::alert(
            words.here(),
            "'hash-type' only supports 'avalanche' as a modifier for hash functions.",
        ));
    }
    while let Some(word) = words.text()? {
        let text = format!("'hash-type' ignores '{word}' behind its modifier.");
        words.warnings.push(Diag::warning(words.last(), text));
    }
    Ok(())
}
