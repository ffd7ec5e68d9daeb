//! OpenSSL's numbers and names of verification failures, which configurations and logs speak of.

use rustls::CertificateError;

/// `X509_V_ERR_UNSPECIFIED`.
pub const UNSPECIFIED: u32 = 1;
/// `X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT`: the chain ends with a known authority that is not its
/// own issuer.
pub const NO_ISSUER: u32 = 2;
/// `X509_V_ERR_CERT_SIGNATURE_FAILURE`.
pub const BAD_SIGNATURE: u32 = 7;
/// `X509_V_ERR_CERT_NOT_YET_VALID`.
pub const NOT_YET_VALID: u32 = 9;
/// `X509_V_ERR_CERT_HAS_EXPIRED`.
pub const HAS_EXPIRED: u32 = 10;
/// `X509_V_ERR_CRL_SIGNATURE_FAILURE`.
pub const CRL_BAD_SIGNATURE: u32 = 8;
/// `X509_V_ERR_CRL_NOT_YET_VALID`.
pub const CRL_NOT_YET_VALID: u32 = 11;
/// `X509_V_ERR_CRL_HAS_EXPIRED`.
pub const CRL_EXPIRED: u32 = 12;
/// `X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT`.
pub const SELF_SIGNED_LEAF: u32 = 18;
/// `X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN`.
pub const SELF_SIGNED_IN_CHAIN: u32 = 19;
/// `X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY`.
pub const NO_LOCAL_ISSUER: u32 = 20;
/// `X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE`.
pub const UNVERIFIABLE_LEAF: u32 = 21;
/// `X509_V_ERR_CERT_CHAIN_TOO_LONG`.
pub const CHAIN_TOO_LONG: u32 = 22;
/// `X509_V_ERR_CERT_REVOKED`.
pub const REVOKED: u32 = 23;
/// `X509_V_ERR_INVALID_CA`.
pub const INVALID_CA: u32 = 24;
/// `X509_V_ERR_PATH_LENGTH_EXCEEDED`.
pub const PATH_LENGTH: u32 = 25;
/// `X509_V_ERR_INVALID_PURPOSE`.
pub const INVALID_PURPOSE: u32 = 26;
/// `X509_V_ERR_UNABLE_TO_GET_CRL`.
pub const NO_CRL: u32 = 3;
/// `X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION`.
pub const CRITICAL_EXTENSION: u32 = 34;

/// Names that `ca-ignore-err` and `crt-ignore-err` take besides numbers, with their numbers.
const NAMES: &[(&str, u32)] = &[
    ("X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH", 31),
    ("X509_V_ERR_AKID_SKID_MISMATCH", 30),
    ("X509_V_ERR_APPLICATION_VERIFICATION", 50),
    ("X509_V_ERR_CERT_CHAIN_TOO_LONG", CHAIN_TOO_LONG),
    ("X509_V_ERR_CERT_HAS_EXPIRED", HAS_EXPIRED),
    ("X509_V_ERR_CERT_NOT_YET_VALID", NOT_YET_VALID),
    ("X509_V_ERR_CERT_REJECTED", 28),
    ("X509_V_ERR_CERT_REVOKED", REVOKED),
    ("X509_V_ERR_CERT_SIGNATURE_FAILURE", BAD_SIGNATURE),
    ("X509_V_ERR_CERT_UNTRUSTED", 27),
    ("X509_V_ERR_CRL_HAS_EXPIRED", CRL_EXPIRED),
    ("X509_V_ERR_CRL_NOT_YET_VALID", CRL_NOT_YET_VALID),
    ("X509_V_ERR_CRL_SIGNATURE_FAILURE", CRL_BAD_SIGNATURE),
    ("X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT", SELF_SIGNED_LEAF),
    ("X509_V_ERR_HOSTNAME_MISMATCH", 62),
    ("X509_V_ERR_INVALID_CA", INVALID_CA),
    ("X509_V_ERR_INVALID_PURPOSE", INVALID_PURPOSE),
    ("X509_V_ERR_PATH_LENGTH_EXCEEDED", PATH_LENGTH),
    ("X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN", SELF_SIGNED_IN_CHAIN),
    ("X509_V_ERR_UNABLE_TO_GET_CRL", NO_CRL),
    ("X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT", NO_ISSUER),
    (
        "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        NO_LOCAL_ISSUER,
    ),
    (
        "X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        UNVERIFIABLE_LEAF,
    ),
    (
        "X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION",
        CRITICAL_EXTENSION,
    ),
    ("X509_V_ERR_UNSPECIFIED", UNSPECIFIED),
];

/// The number of a word of `ca-ignore-err`: a number or a name.
pub fn parse(word: &str) -> Option<u32> {
    if let Ok(number) = word.parse() {
        return Some(number);
    }
    let known = NAMES.iter().find(|(name, _)| *name == word);
    known.map(|(_, number)| *number)
}

/// The number for a failure of webpki's.
pub(super) fn of(error: &webpki::Error) -> u32 {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => HAS_EXPIRED,
        E::CertNotValidYet { .. } => NOT_YET_VALID,
        E::CertRevoked => REVOKED,
        E::CrlExpired { .. } => CRL_EXPIRED,
        E::UnknownIssuer => NO_LOCAL_ISSUER,
        E::UnknownRevocationStatus => NO_CRL,
        E::InvalidSignatureForPublicKey => BAD_SIGNATURE,
        E::EndEntityUsedAsCa | E::CaUsedAsEndEntity => INVALID_CA,
        E::PathLenConstraintViolated => PATH_LENGTH,
        E::MaximumPathDepthExceeded | E::MaximumPathBuildCallsExceeded => CHAIN_TOO_LONG,
        E::RequiredEkuNotFoundContext(_) => INVALID_PURPOSE,
        E::UnsupportedCriticalExtension => CRITICAL_EXTENSION,
        _ => UNSPECIFIED,
    }
}

/// What rustls tells the peer for a number.
pub(super) fn to_rustls(code: u32) -> CertificateError {
    match code {
        HAS_EXPIRED => CertificateError::Expired,
        NOT_YET_VALID => CertificateError::NotValidYet,
        REVOKED => CertificateError::Revoked,
        CRL_EXPIRED => CertificateError::ExpiredRevocationList,
        NO_CRL | CRL_BAD_SIGNATURE | CRL_NOT_YET_VALID => CertificateError::UnknownRevocationStatus,
        BAD_SIGNATURE => CertificateError::BadSignature,
        INVALID_PURPOSE => CertificateError::InvalidPurpose,
        NO_ISSUER | NO_LOCAL_ISSUER | SELF_SIGNED_LEAF | SELF_SIGNED_IN_CHAIN => {
            CertificateError::UnknownIssuer
        }
        CRITICAL_EXTENSION => CertificateError::UnhandledCriticalExtension,
        _ => CertificateError::ApplicationVerificationFailure,
    }
}
