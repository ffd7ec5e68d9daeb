//! How certificates and revocation lists are shown, as OpenSSL prints them.
//!
//! It looks nothing up.

use std::fmt::Write;

use lbd_tls::facts::{self, CertFacts};
use lbd_tls::rustls::pki_types::CertificateDer;
use lbd_tls::verify::Crl;

/// Bytes as upper-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// A serial number without the zero that DER may put before it.
pub(super) fn serial(raw: &[u8]) -> String {
    match raw {
        [0, rest @ ..] if !rest.is_empty() => hex(rest),
        raw => hex(raw),
    }
}

/// A time of UTC as `Sep 20 16:26:00 2023 GMT`.
pub(super) fn time(seconds: i64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (days, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let name = MONTHS[usize::try_from(month - 1).unwrap_or(0).min(11)];
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{name} {day:2} {hour:02}:{minute:02}:{second:02} {year} GMT")
}

/// Year, month and day of a count of days since 1970 (proleptic Gregorian, eras of 400 years).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * index + 2) / 5 + 1;
    let month = if index < 10 { index + 3 } else { index - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// A name as OpenSSL prints it in texts: `C = FR, CN = host`.
pub(super) fn spaced(name: &[facts::Attribute]) -> String {
    let one =
        |(kind, value): &facts::Attribute| format!("{kind} = {}", String::from_utf8_lossy(value));
    name.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn line(name: &[facts::Attribute]) -> String {
    String::from_utf8_lossy(&facts::one_line(name)).into_owned()
}

/// Algorithm and size of a key: `RSA2048`, `EC256`.
fn algorithm(facts: &CertFacts) -> String {
    match facts.key_algorithm {
        "rsaEncryption" | "rsassaPss" => format!("RSA{}", facts.key_bits),
        "id-ecPublicKey" => format!("EC{}", facts.key_bits),
        "dsaEncryption" => format!("DSA{}", facts.key_bits),
        other => other.to_owned(),
    }
}

/// The fields of a certificate.
pub(super) fn certificate(out: &mut String, der: &CertificateDer<'_>) {
    let Some(facts) = CertFacts::of(der) else {
        return;
    };
    let names: Vec<&str> = facts.alternative_names.iter().map(|name| &**name).collect();
    let _ = write!(
        out,
        "Serial: {}\nnotBefore: {}\nnotAfter: {}\nSubject Alternative Name: {}\nAlgorithm: {}\n\
         SHA1 FingerPrint: {}\nSubject: {}\nIssuer: {}\n",
        serial(&facts.serial),
        time(facts.not_before),
        time(facts.not_after),
        names.join(", "),
        algorithm(&facts),
        hex(&facts.sha1),
        line(&facts.subject),
        line(&facts.issuer),
    );
}

/// The names in a certificate of a chain.
pub(super) fn chain_link(out: &mut String, der: &CertificateDer<'_>) {
    if let Some(facts) = CertFacts::of(der) {
        let (subject, issuer) = (line(&facts.subject), line(&facts.issuer));
        let _ = write!(out, "Chain Subject: {subject}\nChain Issuer: {issuer}\n");
    }
}

/// The fields of a revocation list.
pub(super) fn crl(out: &mut String, crl: &Crl) {
    let Some(facts) = crl.facts() else {
        return;
    };
    let _ = write!(
        out,
        "Version {}\nSignature Algorithm: {}\nIssuer: {}\nLast Update: {}\nNext Update: {}\n",
        facts.version,
        facts.signature_algorithm,
        line(&facts.issuer),
        time(facts.last_update),
        facts.next_update.map_or_else(|| "NONE".to_owned(), time),
    );
    out.push_str(match facts.revoked.is_empty() {
        true => "No Revoked Certificates.\n",
        false => "Revoked Certificates:\n",
    });
    for (number, date) in &facts.revoked {
        let (number, date) = (serial(number), time(*date));
        let _ = write!(
            out,
            "    Serial Number: {number}\n        Revocation Date: {date}\n"
        );
    }
}
