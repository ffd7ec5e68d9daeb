//! The predicates of conditions.
//!
//! TLS here is rustls over AWS-LC, and no OpenSSL: `ssllib_name_startswith()` knows those two
//! names, and every comparison with a version of OpenSSL or of AWS-LC's API is false, so that
//! blocks for OpenSSL are left out.

use std::cmp::Ordering;

use super::version;
use crate::HAPROXY_VERSION;
use crate::host::Environment;
use crate::lex::shown;

/// Names of the TLS library.
const TLS_LIBRARY: [&str; 2] = ["rustls", "AWS-LC"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Predicate {
    AwslcApiAtleast,
    AwslcApiBefore,
    Defined,
    Enabled,
    Feature,
    OpensslVersionAtleast,
    OpensslVersionBefore,
    SsllibNameStartswith,
    Streq,
    Strneq,
    Strstr,
    VersionAtleast,
    VersionBefore,
}

impl Predicate {
    pub(super) const ALL: [(&'static str, Self); 13] = [
        ("awslc_api_atleast", Self::AwslcApiAtleast),
        ("awslc_api_before", Self::AwslcApiBefore),
        ("defined", Self::Defined),
        ("enabled", Self::Enabled),
        ("feature", Self::Feature),
        ("openssl_version_atleast", Self::OpensslVersionAtleast),
        ("openssl_version_before", Self::OpensslVersionBefore),
        ("ssllib_name_startswith", Self::SsllibNameStartswith),
        ("streq", Self::Streq),
        ("strneq", Self::Strneq),
        ("strstr", Self::Strstr),
        ("version_atleast", Self::VersionAtleast),
        ("version_before", Self::VersionBefore),
    ];

    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, predicate)| *predicate == self);
        found.map_or("", |(name, _)| *name)
    }

    /// Number of arguments.
    pub(super) fn arity(self) -> usize {
        match self {
            Self::Streq | Self::Strneq | Self::Strstr => 2,
            _ => 1,
        }
    }

    /// Value of the predicate; the error is in the reference's words.
    pub(super) fn eval(
        self,
        arguments: &[Vec<u8>],
        environment: &Environment<'_>,
    ) -> Result<bool, String> {
        let bytes = |index: usize| arguments.get(index).map_or(&[][..], Vec::as_slice);
        let (first, second) = (bytes(0), bytes(1));
        let text = String::from_utf8_lossy(first);
        let host = environment.host();
        Ok(match self {
            Self::Defined => environment.value(&text).is_some(),
            Self::Enabled => environment.enabled(&text),
            Self::Feature => host.features().contains(&&*text),
            Self::Streq => first == second,
            Self::Strneq => first != second,
            Self::Strstr => memchr::memmem::find(first, second).is_some(),
            Self::SsllibNameStartswith => TLS_LIBRARY.iter().any(|name| name.starts_with(&*text)),
            Self::AwslcApiAtleast
            | Self::AwslcApiBefore
            | Self::OpensslVersionAtleast
            | Self::OpensslVersionBefore => {
                if !text.starts_with(|c: char| c.is_ascii_digit()) {
                    return Err(format!(
                        "invalid argument to conditional expression predicate '{}': '{}'",
                        self.name(),
                        shown(first)
                    ));
                }
                false
            }
            // What is no version is older than any.
            Self::VersionAtleast => version::compare(&text, HAPROXY_VERSION)
                .is_none_or(|order| order != Ordering::Greater),
            Self::VersionBefore => {
                version::compare(&text, HAPROXY_VERSION) == Some(Ordering::Greater)
            }
        })
    }
}
