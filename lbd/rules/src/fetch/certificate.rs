//! Fetches of certificates: the client's, the server's, our own (manual 7.3.4).
//!
//! Sessions themselves are in [`super::tls`].

use lbd_core::{Type, Value};
use lbd_tls::CertFacts;
use lbd_tls::facts::{Attribute, entry, one_line, rfc2253};

use super::tls::{SESSION, bc, fc};
use super::{Built, NO_ARGS, boolean, int, number, one, string, text};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::facts::{OneCertificate, TlsFacts};
use crate::registry::{Example, Fetch};
use crate::view::View;

/// Attribute, occurrence, format.
const NAME: &[ArgSpec] = &[
    ArgSpec::optional(ArgKind::Str),
    ArgSpec::optional(ArgKind::Int),
    ArgSpec::optional(ArgKind::Str),
];

/// Finds the certificate that a fetch is about.
type Which = for<'a> fn(&View<'a>) -> Option<&'a OneCertificate>;

/// The family.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "ssl_c_ca_err",
        args: NO_ARGS,
        out: Type::Int,
        valid: SESSION,
        doc: "First failure of an authority of the client that was overlooked, else 0 (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_ca_err")],
        build: |_, _| int(|v| Some(i64::from(fc(v)?.authority_error))),
    },
    Fetch {
        name: "ssl_c_ca_err_depth",
        args: NO_ARGS,
        out: Type::Int,
        valid: SESSION,
        doc: "Depth of that failure, 0 without one (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_ca_err_depth")],
        build: |_, _| int(|v| Some(i64::from(fc(v)?.authority_error != 0))),
    },
    Fetch {
        name: "ssl_c_chain_der",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "DER of the certificates that came behind the client's own, one behind the other (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_chain_der")],
        build: |_, _| one(|v| chain(v, fc(v)?.chain.get(1..)?)),
    },
    Fetch {
        name: "ssl_c_der",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "DER of the client's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_der")],
        build: |_, _| one(|v| Some(Value::Bin(&of_c(v)?.der))),
    },
    Fetch {
        name: "ssl_c_err",
        args: NO_ARGS,
        out: Type::Int,
        valid: SESSION,
        doc: "Failure of the client's certificate that was overlooked, else 0 (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_err")],
        build: |_, _| int(|v| Some(i64::from(fc(v)?.leaf_error))),
    },
    Fetch {
        name: "ssl_c_i_dn",
        args: NAME,
        out: Type::Str,
        valid: SESSION,
        doc: "The issuer of the client's certificate, whole or one attribute of it (manual 7.3.4).",
        examples: &[
            Example::Ok("ssl_c_i_dn"),
            Example::Ok("ssl_c_i_dn(CN)"),
            Example::Ok("ssl_c_i_dn(OU,-1)"),
            Example::Ok("ssl_c_i_dn(,0,rfc2253)"),
            Example::Fail("ssl_c_i_dn(CN,1,x)", "rfc2253"),
        ],
        build: |_, args| dn(&args, of_c, |facts| &facts.issuer),
    },
    Fetch {
        name: "ssl_c_key_alg",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Algorithm of the key of the client's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_key_alg")],
        build: |_, _| string(|v| Some(of_c(v)?.facts()?.key_algorithm.as_bytes())),
    },
    Fetch {
        name: "ssl_c_notafter",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "End of the time of the client's certificate, YYMMDDhhmmssZ (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_notafter")],
        build: |_, _| one(|v| date(v, of_c(v)?.facts()?.not_after)),
    },
    Fetch {
        name: "ssl_c_notbefore",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Begin of the time of the client's certificate, YYMMDDhhmmssZ (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_notbefore")],
        build: |_, _| one(|v| date(v, of_c(v)?.facts()?.not_before)),
    },
    Fetch {
        name: "ssl_c_r_dn",
        args: NAME,
        out: Type::Str,
        valid: SESSION,
        doc: "The authority that ends the client's chain, whole or one attribute of its subject \
              (manual 7.3.4).",
        examples: &[
            Example::Ok("ssl_c_r_dn"),
            Example::Ok("ssl_c_r_dn(CN)"),
            Example::Fail("ssl_c_r_dn(CN,1,x)", "rfc2253"),
        ],
        build: |_, args| dn(&args, root_of_c, |facts| &facts.subject),
    },
    Fetch {
        name: "ssl_c_s_dn",
        args: NAME,
        out: Type::Str,
        valid: SESSION,
        doc: "The subject of the client's certificate, whole or one attribute of it (manual 7.3.4).",
        examples: &[
            Example::Ok("ssl_c_s_dn"),
            Example::Ok("ssl_c_s_dn(CN)"),
            Example::Ok("ssl_c_s_dn(OU,-1)"),
            Example::Ok("ssl_c_s_dn(,0,rfc2253)"),
            Example::Fail("ssl_c_s_dn(CN,1,x)", "rfc2253"),
        ],
        build: |_, args| dn(&args, of_c, |facts| &facts.subject),
    },
    Fetch {
        name: "ssl_c_san",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Alternative names of the client's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_san")],
        build: |_, _| one(names),
    },
    Fetch {
        name: "ssl_c_serial",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "Serial number of the client's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_serial")],
        build: |_, _| one(|v| Some(Value::Bin(&of_c(v)?.facts()?.serial))),
    },
    Fetch {
        name: "ssl_c_sha1",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "SHA-1 of the client's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_sha1")],
        build: |_, _| one(|v| Some(Value::Bin(&of_c(v)?.facts()?.sha1))),
    },
    Fetch {
        name: "ssl_c_sig_alg",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Algorithm of the signature of the client's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_sig_alg")],
        build: |_, _| string(|v| Some(of_c(v)?.facts()?.signature_algorithm.as_bytes())),
    },
    Fetch {
        name: "ssl_c_used",
        args: NO_ARGS,
        out: Type::Bool,
        valid: SESSION,
        doc: "Whether the client showed a certificate, now or in the session that was resumed (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_used")],
        build: |_, _| boolean(|v| Some(fc(v)?.peer.is_some())),
    },
    Fetch {
        name: "ssl_c_verify",
        args: NO_ARGS,
        out: Type::Int,
        valid: SESSION,
        doc: "Result of the verification of the client: 0, or the failure that was overlooked (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_verify")],
        build: |_, _| int(|v| Some(i64::from(verdict(fc(v)?)))),
    },
    Fetch {
        name: "ssl_c_version",
        args: NO_ARGS,
        out: Type::Int,
        valid: SESSION,
        doc: "Version of the client's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_c_version")],
        build: |_, _| int(|v| Some(i64::from(of_c(v)?.facts()?.version))),
    },
    Fetch {
        name: "ssl_f_der",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "DER of the certificate that the client was shown (manual 7.3.4).",
        examples: &[Example::Ok("ssl_f_der")],
        build: |_, _| one(|v| Some(Value::Bin(&of_f(v)?.der))),
    },
    Fetch {
        name: "ssl_f_i_dn",
        args: NAME,
        out: Type::Str,
        valid: SESSION,
        doc: "The issuer of the certificate that the client was shown, whole or one attribute of it (manual 7.3.4).",
        examples: &[
            Example::Ok("ssl_f_i_dn"),
            Example::Ok("ssl_f_i_dn(CN)"),
            Example::Ok("ssl_f_i_dn(OU,-1)"),
            Example::Ok("ssl_f_i_dn(,0,rfc2253)"),
            Example::Fail("ssl_f_i_dn(CN,1,x)", "rfc2253"),
        ],
        build: |_, args| dn(&args, of_f, |facts| &facts.issuer),
    },
    Fetch {
        name: "ssl_f_key_alg",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Algorithm of the key of the certificate that the client was shown (manual 7.3.4).",
        examples: &[Example::Ok("ssl_f_key_alg")],
        build: |_, _| string(|v| Some(of_f(v)?.facts()?.key_algorithm.as_bytes())),
    },
    Fetch {
        name: "ssl_f_notafter",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "End of the time of the certificate that the client was shown, YYMMDDhhmmssZ (manual 7.3.4).",
        examples: &[Example::Ok("ssl_f_notafter")],
        build: |_, _| one(|v| date(v, of_f(v)?.facts()?.not_after)),
    },
    Fetch {
        name: "ssl_f_notbefore",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Begin of the time of the certificate that the client was shown, YYMMDDhhmmssZ (manual 7.3.4).",
        examples: &[Example::Ok("ssl_f_notbefore")],
        build: |_, _| one(|v| date(v, of_f(v)?.facts()?.not_before)),
    },
    Fetch {
        name: "ssl_f_s_dn",
        args: NAME,
        out: Type::Str,
        valid: SESSION,
        doc: "The subject of the certificate that the client was shown, whole or one attribute of it (manual 7.3.4).",
        examples: &[
            Example::Ok("ssl_f_s_dn"),
            Example::Ok("ssl_f_s_dn(CN)"),
            Example::Ok("ssl_f_s_dn(OU,-1)"),
            Example::Ok("ssl_f_s_dn(,0,rfc2253)"),
            Example::Fail("ssl_f_s_dn(CN,1,x)", "rfc2253"),
        ],
        build: |_, args| dn(&args, of_f, |facts| &facts.subject),
    },
    Fetch {
        name: "ssl_f_serial",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "Serial number of the certificate that the client was shown (manual 7.3.4).",
        examples: &[Example::Ok("ssl_f_serial")],
        build: |_, _| one(|v| Some(Value::Bin(&of_f(v)?.facts()?.serial))),
    },
    Fetch {
        name: "ssl_f_sha1",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "SHA-1 of the certificate that the client was shown (manual 7.3.4).",
        examples: &[Example::Ok("ssl_f_sha1")],
        build: |_, _| one(|v| Some(Value::Bin(&of_f(v)?.facts()?.sha1))),
    },
    Fetch {
        name: "ssl_f_sig_alg",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Algorithm of the signature of the certificate that the client was shown (manual 7.3.4).",
        examples: &[Example::Ok("ssl_f_sig_alg")],
        build: |_, _| string(|v| Some(of_f(v)?.facts()?.signature_algorithm.as_bytes())),
    },
    Fetch {
        name: "ssl_f_version",
        args: NO_ARGS,
        out: Type::Int,
        valid: SESSION,
        doc: "Version of the certificate that the client was shown (manual 7.3.4).",
        examples: &[Example::Ok("ssl_f_version")],
        build: |_, _| int(|v| Some(i64::from(of_f(v)?.facts()?.version))),
    },
    Fetch {
        name: "ssl_s_chain_der",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "DER of the certificates of the server, one behind the other (manual 7.3.4).",
        examples: &[Example::Ok("ssl_s_chain_der")],
        build: |_, _| one(|v| chain(v, &bc(v)?.chain)),
    },
    Fetch {
        name: "ssl_s_der",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "DER of the server's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_s_der")],
        build: |_, _| one(|v| Some(Value::Bin(&of_s(v)?.der))),
    },
    Fetch {
        name: "ssl_s_i_dn",
        args: NAME,
        out: Type::Str,
        valid: SESSION,
        doc: "The issuer of the server's certificate, whole or one attribute of it (manual 7.3.4).",
        examples: &[
            Example::Ok("ssl_s_i_dn"),
            Example::Ok("ssl_s_i_dn(CN)"),
            Example::Ok("ssl_s_i_dn(OU,-1)"),
            Example::Ok("ssl_s_i_dn(,0,rfc2253)"),
            Example::Fail("ssl_s_i_dn(CN,1,x)", "rfc2253"),
        ],
        build: |_, args| dn(&args, of_s, |facts| &facts.issuer),
    },
    Fetch {
        name: "ssl_s_key_alg",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Algorithm of the key of the server's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_s_key_alg")],
        build: |_, _| string(|v| Some(of_s(v)?.facts()?.key_algorithm.as_bytes())),
    },
    Fetch {
        name: "ssl_s_notafter",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "End of the time of the server's certificate, YYMMDDhhmmssZ (manual 7.3.4).",
        examples: &[Example::Ok("ssl_s_notafter")],
        build: |_, _| one(|v| date(v, of_s(v)?.facts()?.not_after)),
    },
    Fetch {
        name: "ssl_s_notbefore",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Begin of the time of the server's certificate, YYMMDDhhmmssZ (manual 7.3.4).",
        examples: &[Example::Ok("ssl_s_notbefore")],
        build: |_, _| one(|v| date(v, of_s(v)?.facts()?.not_before)),
    },
    Fetch {
        name: "ssl_s_s_dn",
        args: NAME,
        out: Type::Str,
        valid: SESSION,
        doc: "The subject of the server's certificate, whole or one attribute of it (manual 7.3.4).",
        examples: &[
            Example::Ok("ssl_s_s_dn"),
            Example::Ok("ssl_s_s_dn(CN)"),
            Example::Ok("ssl_s_s_dn(OU,-1)"),
            Example::Ok("ssl_s_s_dn(,0,rfc2253)"),
            Example::Fail("ssl_s_s_dn(CN,1,x)", "rfc2253"),
        ],
        build: |_, args| dn(&args, of_s, |facts| &facts.subject),
    },
    Fetch {
        name: "ssl_s_serial",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "Serial number of the server's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_s_serial")],
        build: |_, _| one(|v| Some(Value::Bin(&of_s(v)?.facts()?.serial))),
    },
    Fetch {
        name: "ssl_s_sha1",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "SHA-1 of the server's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_s_sha1")],
        build: |_, _| one(|v| Some(Value::Bin(&of_s(v)?.facts()?.sha1))),
    },
    Fetch {
        name: "ssl_s_sig_alg",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Algorithm of the signature of the server's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_s_sig_alg")],
        build: |_, _| string(|v| Some(of_s(v)?.facts()?.signature_algorithm.as_bytes())),
    },
    Fetch {
        name: "ssl_s_version",
        args: NO_ARGS,
        out: Type::Int,
        valid: SESSION,
        doc: "Version of the server's certificate (manual 7.3.4).",
        examples: &[Example::Ok("ssl_s_version")],
        build: |_, _| int(|v| Some(i64::from(of_s(v)?.facts()?.version))),
    },
];

fn of_c<'a>(view: &View<'a>) -> Option<&'a OneCertificate> {
    fc(view)?.peer.as_ref()
}

fn of_f<'a>(view: &View<'a>) -> Option<&'a OneCertificate> {
    fc(view)?.own.as_ref()
}

fn of_s<'a>(view: &View<'a>) -> Option<&'a OneCertificate> {
    bc(view)?.peer.as_ref()
}

/// A distinguished name, or one attribute of it.
fn root_of_c<'a>(view: &View<'a>) -> Option<&'a OneCertificate> {
    fc(view)?.root()
}

fn dn(args: &[Arg], which: Which, name: for<'f> fn(&'f CertFacts) -> &'f [Attribute]) -> Built {
    let attribute = String::from_utf8_lossy(&text(args, 0)).into_owned();
    let position = number(args, 1).unwrap_or(0);
    let is_rfc2253 = match &*text(args, 2) {
        b"" => false,
        b"rfc2253" => true,
        _ => return Err(ArgError::new("only format 'rfc2253' is known")),
    };
    one(move |view| {
        let name = name(which(view)?.facts()?);
        if !attribute.is_empty() {
            return entry(name, &attribute, position).map(|value| Value::Str(view.keep(value)));
        }
        let line = match is_rfc2253 {
            true => rfc2253(name),
            false => one_line(name),
        };
        Some(Value::Str(view.keep(&line)))
    })
}

/// A moment as certificates write it.
fn date<'a>(view: &View<'a>, seconds: i64) -> Option<Value<'a>> {
    let days = seconds.div_euclid(86_400);
    let rest = seconds.rem_euclid(86_400);
    // Civil date from days (the proleptic Gregorian calendar, eras of 400 years).
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let date = format!(
        "{:02}{month:02}{day:02}{:02}{:02}{:02}Z",
        year.rem_euclid(100),
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    );
    Some(Value::Str(view.keep(date.as_bytes())))
}

fn chain<'a>(
    view: &View<'a>,
    chain: &[lbd_tls::rustls::pki_types::CertificateDer<'_>],
) -> Option<Value<'a>> {
    if chain.is_empty() {
        return None;
    }
    let all: Vec<u8> = chain.iter().flat_map(|der| der.iter().copied()).collect();
    Some(Value::Bin(view.keep(&all)))
}

fn names<'a>(view: &View<'a>) -> Option<Value<'a>> {
    let names = &of_c(view)?.facts()?.alternative_names;
    (!names.is_empty()).then(|| Value::Str(view.keep(names.join(", ").as_bytes())))
}

fn verdict(facts: &TlsFacts) -> u32 {
    match facts.leaf_error {
        0 => facts.authority_error,
        code => code,
    }
}
