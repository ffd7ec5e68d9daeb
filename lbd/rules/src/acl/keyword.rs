//! Keywords that exist in ACLs only: a fetch and the match method that their suffix names.
//!
//! Everything else that an `acl` line may begin with is a sample expression.

use crate::pattern::{MatchKind, MatchOptions};

/// A keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclKeyword {
    /// As written in an `acl` line.
    pub name: String,
    /// The fetch it stands for.
    pub fetch: &'static str,
    /// How its values are matched.
    pub kind: MatchKind,
}

impl AclKeyword {
    /// How its patterns are read: versions of TLS are two numbers with a dot.
    pub fn options(&self) -> MatchOptions {
        MatchOptions {
            is_dotted: self.fetch.ends_with("ssl_ver"),
            ignore_case: false,
        }
    }

    /// The method as the reference lists it.
    pub fn listed_kind(&self) -> &'static str {
        match self.kind {
            MatchKind::Method => "str",
            kind => kind.name(),
        }
    }
}

/// Keyword and fetch of those that exist with every suffix and without one.
const FAMILIES: &[(&str, &str)] = &[
    ("base", "base"),
    ("cook", "req.cook"),
    ("hdr", "req.hdr"),
    ("path", "path"),
    ("scook", "res.cook"),
    ("shdr", "res.hdr"),
    ("url", "url"),
    ("urlp", "urlp"),
];

const SUFFIXES: &[MatchKind] = &[
    MatchKind::Beg,
    MatchKind::Dir,
    MatchKind::Dom,
    MatchKind::End,
    MatchKind::Len,
    MatchKind::Reg,
    MatchKind::Sub,
];

/// The others, those included that need an unsupported fetch.
const SINGLES: &[(&str, &str, MatchKind)] = &[
    ("http_auth_group", "http_auth_group", MatchKind::Str),
    ("method", "method", MatchKind::Method),
    ("payload", "req.payload", MatchKind::Bin),
    ("payload_lv", "req.payload_lv", MatchKind::Bin),
    ("req.ssl_ver", "req.ssl_ver", MatchKind::Int),
    ("req_rdp_cookie", "req.rdp_cookie", MatchKind::Str),
    ("req_rdp_cookie_cnt", "req.rdp_cookie_cnt", MatchKind::Int),
    ("req_ssl_sni", "req.ssl_sni", MatchKind::Str),
    ("req_ssl_ver", "req.ssl_ver", MatchKind::Int),
    ("req_ver", "req.ver", MatchKind::Str),
    ("resp_ver", "res.ver", MatchKind::Str),
    ("ssl_fc_sni_end", "ssl_fc_sni", MatchKind::End),
    ("ssl_fc_sni_reg", "ssl_fc_sni", MatchKind::Reg),
];

/// The keyword of this name.
pub fn find(name: &str) -> Option<AclKeyword> {
    let keyword = |fetch, kind| {
        Some(AclKeyword {
            name: name.to_owned(),
            fetch,
            kind,
        })
    };
    if let Some((_, fetch, kind)) = SINGLES.iter().find(|(known, ..)| *known == name) {
        return keyword(fetch, *kind);
    }
    if let Some((_, fetch)) = FAMILIES.iter().find(|(known, _)| *known == name) {
        return keyword(fetch, MatchKind::Str);
    }
    let (stem, suffix) = name.rsplit_once('_')?;
    let (_, fetch) = FAMILIES.iter().find(|(known, _)| *known == stem)?;
    let kind = SUFFIXES.iter().find(|kind| kind.name() == suffix)?;
    keyword(fetch, *kind)
}

/// All keywords, sorted by name.
pub fn all() -> Vec<AclKeyword> {
    let mut names: Vec<String> = SINGLES
        .iter()
        .map(|(name, ..)| (*name).to_owned())
        .collect();
    for (stem, _) in FAMILIES {
        names.push((*stem).to_owned());
        names.extend(
            SUFFIXES
                .iter()
                .map(|kind| format!("{stem}_{}", kind.name())),
        );
    }
    names.sort();
    names.iter().filter_map(|name| find(name)).collect()
}
