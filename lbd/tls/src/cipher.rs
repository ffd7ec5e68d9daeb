//! OpenSSL's language for cipher lists, curves and signature algorithms, onto what rustls has.
//!
//! rustls has the six modern suites of TLS 1.2 and the three of TLS 1.3. What a list names beyond
//! them is told to the operator, not refused, unless nothing is left (openssl-ciphers(1)).

use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::{cipher_suite as suite, kx_group};
use rustls::{SignatureScheme, SupportedCipherSuite};

mod offered;
mod p521;

#[cfg(test)]
mod tests;

pub use offered::offered_name;

/// Most words of one list.
pub const MAX_WORDS: usize = 512;

/// What came of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen<T> {
    /// What rustls has, in the order of preference.
    pub kept: Vec<T>,
    /// Words that name something that rustls does not have.
    pub dropped: Vec<String>,
}

struct Suite {
    name: &'static str,
    is_ecdsa: bool,
    /// Words that select it besides its name.
    words: &'static [&'static str],
    suite: SupportedCipherSuite,
}

/// Suites of TLS 1.2 in OpenSSL's order of strength.
const TLS12: &[Suite] = &[
    Suite {
        name: "ECDHE-ECDSA-AES256-GCM-SHA384",
        is_ecdsa: true,
        words: &["AES", "AESGCM", "AES256", "SHA384", "AES-256-GCM"],
        suite: suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    },
    Suite {
        name: "ECDHE-RSA-AES256-GCM-SHA384",
        is_ecdsa: false,
        words: &["AES", "AESGCM", "AES256", "SHA384", "AES-256-GCM"],
        suite: suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    },
    Suite {
        name: "ECDHE-ECDSA-CHACHA20-POLY1305",
        is_ecdsa: true,
        words: &["CHACHA20"],
        suite: suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    },
    Suite {
        name: "ECDHE-RSA-CHACHA20-POLY1305",
        is_ecdsa: false,
        words: &["CHACHA20"],
        suite: suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    },
    Suite {
        name: "ECDHE-ECDSA-AES128-GCM-SHA256",
        is_ecdsa: true,
        words: &["AES", "AESGCM", "AES128", "SHA256", "AES-128-GCM"],
        suite: suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    },
    Suite {
        name: "ECDHE-RSA-AES128-GCM-SHA256",
        is_ecdsa: false,
        words: &["AES", "AESGCM", "AES128", "SHA256", "AES-128-GCM"],
        suite: suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    },
];

/// Suites of TLS 1.3 in OpenSSL's default order.
const TLS13: &[(&str, SupportedCipherSuite)] = &[
    ("TLS_AES_256_GCM_SHA384", suite::TLS13_AES_256_GCM_SHA384),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        suite::TLS13_CHACHA20_POLY1305_SHA256,
    ),
    ("TLS_AES_128_GCM_SHA256", suite::TLS13_AES_128_GCM_SHA256),
];

impl Suite {
    /// Whether a part of a word (between `+`) selects it.
    fn matches(&self, part: &str) -> bool {
        match part {
            "ALL" | "DEFAULT" | "HIGH" | "FIPS" | "TLSv1.2" | "kECDHE" | "kEECDH" | "ECDHE"
            | "EECDH" | "ECDH" | "AEAD" => true,
            "aECDSA" | "ECDSA" => self.is_ecdsa,
            // `RSA` alone is the key exchange, which rustls does not have.
            "aRSA" => !self.is_ecdsa,
            part => self.name == part || self.words.contains(&part),
        }
    }
}

/// The list for TLS 1.2 (`ciphers`).
pub fn ciphers(list: &str) -> Chosen<SupportedCipherSuite> {
    let mut kept: Vec<usize> = Vec::new();
    let mut killed: Vec<usize> = Vec::new();
    let mut dropped = Vec::new();
    let words = list
        .split([':', ',', ' ', ';'])
        .filter(|word| !word.is_empty())
        .take(MAX_WORDS);
    for word in words {
        if word.starts_with('@') {
            // @STRENGTH and @SECLEVEL change nothing: all that is left is strong.
            continue;
        }
        let (operator, body) = match word.as_bytes().first() {
            Some(b'!') => ('!', &word[1..]),
            Some(b'-') => ('-', &word[1..]),
            Some(b'+') => ('+', &word[1..]),
            _ => (' ', word),
        };
        let parts: Vec<&str> = body.split('+').collect();
        let selected: Vec<usize> = (0..TLS12.len())
            .filter(|at| parts.iter().all(|part| TLS12[*at].matches(part)))
            .collect();
        match operator {
            '!' => {
                kept.retain(|at| !selected.contains(at));
                killed.extend(&selected);
            }
            '-' => kept.retain(|at| !selected.contains(at)),
            '+' => {
                let (moved, stay): (Vec<usize>, Vec<usize>) =
                    kept.iter().partition(|at| selected.contains(at));
                kept = stay;
                kept.extend(moved);
            }
            _ => {
                let is_modern = TLS13.iter().any(|(name, _)| *name == body);
                if selected.is_empty() && !is_modern {
                    dropped.push(body.to_owned());
                }
                for at in selected {
                    if !kept.contains(&at) && !killed.contains(&at) {
                        kept.push(at);
                    }
                }
            }
        }
    }
    Chosen {
        kept: kept.iter().map(|at| TLS12[*at].suite).collect(),
        dropped,
    }
}

/// The list for TLS 1.3 (`ciphersuites`): names only.
pub fn ciphersuites(list: &str) -> Chosen<SupportedCipherSuite> {
    pick(list, &[':'], |word| {
        TLS13
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
            .map(|(_, suite)| *suite)
    })
}

/// The suites without a list.
pub fn default_suites() -> Vec<SupportedCipherSuite> {
    let old = TLS12.iter().map(|suite| suite.suite);
    TLS13.iter().map(|(_, suite)| *suite).chain(old).collect()
}

/// Whether one of these suites is TLS 1.3's.
pub fn has_tls13(suites: &[rustls::CipherSuite]) -> bool {
    let is_modern = |number| TLS13.iter().any(|(_, suite)| suite.suite() == number);
    suites.iter().copied().any(is_modern)
}

/// OpenSSL's name of a suite, by its number.
pub fn suite_name(number: rustls::CipherSuite) -> &'static str {
    let modern = TLS13
        .iter()
        .find(|(_, suite)| suite.suite() == number)
        .map(|(name, _)| *name);
    modern
        .or_else(|| {
            let old = TLS12.iter().find(|suite| suite.suite.suite() == number);
            old.map(|suite| suite.name)
        })
        .unwrap_or("(NONE)")
}

/// Key bits of a suite.
pub fn suite_bits(number: rustls::CipherSuite) -> u32 {
    if suite_name(number).contains("128") {
        128
    } else {
        256
    }
}

/// The list of groups (`curves`), in the names of OpenSSL, NIST and SECG.
pub fn curves(list: &str) -> Chosen<&'static dyn SupportedKxGroup> {
    // OpenSSL 3.5 lets a list have tuples and marks; they order what is offered.
    pick(list, &[':', '/'], |word| {
        let word = word.trim_start_matches(['?', '*', '-']);
        Some(match word.to_ascii_uppercase().as_str() {
            "X25519" => kx_group::X25519,
            "P-256" | "SECP256R1" | "PRIME256V1" => kx_group::SECP256R1,
            "P-384" | "SECP384R1" => kx_group::SECP384R1,
            "P-521" | "SECP521R1" => p521::P521,
            "X25519MLKEM768" => kx_group::X25519MLKEM768,
            "SECP256R1MLKEM768" => kx_group::SECP256R1MLKEM768,
            "MLKEM768" => kx_group::MLKEM768,
            _ => return None,
        })
    })
}

/// The groups without a list, as OpenSSL 3 has them.
pub fn default_curves() -> Vec<&'static dyn SupportedKxGroup> {
    vec![
        kx_group::X25519,
        kx_group::SECP256R1,
        kx_group::SECP384R1,
        p521::P521,
    ]
}

/// OpenSSL's name of a group.
pub fn curve_name(group: rustls::NamedGroup) -> &'static str {
    match group {
        rustls::NamedGroup::X25519 => "X25519",
        rustls::NamedGroup::secp256r1 => "prime256v1",
        rustls::NamedGroup::secp384r1 => "secp384r1",
        rustls::NamedGroup::secp521r1 => "secp521r1",
        rustls::NamedGroup::X25519MLKEM768 => "X25519MLKEM768",
        rustls::NamedGroup::secp256r1MLKEM768 => "SecP256r1MLKEM768",
        rustls::NamedGroup::MLKEM768 => "MLKEM768",
        _ => "",
    }
}

/// The list of signature algorithms (`sigalgs`, `client-sigalgs`): `RSA+SHA256`,
/// `rsa_pss_rsae_sha256`, `ECDSA+SHA384`, `ed25519`.
pub fn sigalgs(list: &str) -> Chosen<SignatureScheme> {
    use SignatureScheme as S;
    pick(list, &[':'], |word| {
        Some(match word.to_ascii_uppercase().as_str() {
            "RSA+SHA256" | "RSA_PKCS1_SHA256" => S::RSA_PKCS1_SHA256,
            "RSA+SHA384" | "RSA_PKCS1_SHA384" => S::RSA_PKCS1_SHA384,
            "RSA+SHA512" | "RSA_PKCS1_SHA512" => S::RSA_PKCS1_SHA512,
            "RSA-PSS+SHA256" | "PSS+SHA256" | "RSA_PSS_RSAE_SHA256" => S::RSA_PSS_SHA256,
            "RSA-PSS+SHA384" | "PSS+SHA384" | "RSA_PSS_RSAE_SHA384" => S::RSA_PSS_SHA384,
            "RSA-PSS+SHA512" | "PSS+SHA512" | "RSA_PSS_RSAE_SHA512" => S::RSA_PSS_SHA512,
            "ECDSA+SHA256" | "ECDSA_SECP256R1_SHA256" => S::ECDSA_NISTP256_SHA256,
            "ECDSA+SHA384" | "ECDSA_SECP384R1_SHA384" => S::ECDSA_NISTP384_SHA384,
            "ECDSA+SHA512" | "ECDSA_SECP521R1_SHA512" => S::ECDSA_NISTP521_SHA512,
            "ED25519" => S::ED25519,
            _ => return None,
        })
    })
}

fn pick<T>(list: &str, separators: &[char], find: impl Fn(&str) -> Option<T>) -> Chosen<T> {
    let mut chosen = Chosen {
        kept: Vec::new(),
        dropped: Vec::new(),
    };
    let words = list.split(separators).filter(|word| !word.is_empty());
    for word in words.take(MAX_WORDS) {
        match find(word) {
            Some(one) => chosen.kept.push(one),
            None => chosen.dropped.push(word.to_owned()),
        }
    }
    chosen
}
