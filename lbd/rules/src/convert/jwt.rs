//! What JSON web tokens say (manual 7.3.1).
//!
//! It verifies no signature.

use super::encode::ub64dec;
use super::json::query;
use super::{Built, bytes, text};
use crate::arg::{Arg, ArgKind, ArgSpec};
use crate::registry::{Converter, Example};
use lbd_core::{Type, Value};

const ARGS: &[ArgSpec] = &[
    ArgSpec::optional(ArgKind::Str),
    ArgSpec::optional(ArgKind::Str),
];

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "jwt_header_query",
        args: ARGS,
        from: Type::Bin,
        to: Type::Any,
        doc: "The header of a JSON web token, or what json_query finds in it (manual 7.3.1). \
              Without arguments HAProxy 3.4 gives nothing, against its manual.",
        examples: &[
            Example::Ok("http_auth_bearer,jwt_header_query($.alg)"),
            Example::Ok("str(eyJhIjoxfQ.eyJhIjoxfQ.aa),jwt_header_query"),
            Example::Fail("str(a),jwt_header_query($.a,str)", "only supports \"int\""),
        ],
        build: |_, args| of_part(0, &args),
    },
    Converter {
        name: "jwt_payload_query",
        args: ARGS,
        from: Type::Bin,
        to: Type::Any,
        doc: "The payload of a signed JSON web token, or what json_query finds in it (manual \
              7.3.1).",
        examples: &[
            Example::Ok("http_auth_bearer,jwt_payload_query($.exp,int)"),
            Example::Fail("str(a),jwt_payload_query($.a,str)", "only supports \"int\""),
        ],
        build: |_, args| of_part(1, &args),
    },
];

/// Part number `at` of a token, which stands between dots in base64 of the URL alphabet.
fn of_part(at: usize, args: &[Arg]) -> Built {
    let path = text(args, 0);
    let wanted = match path.is_empty() {
        true => None,
        false => Some(query(args)?),
    };
    bytes(move |view, token| {
        let part = token.split(|byte| *byte == b'.').nth(at)?;
        // Padding is not part of the form and is there all the same.
        let end = part
            .iter()
            .rposition(|byte| *byte != b'=')
            .map_or(0, |at| at + 1);
        let json = ub64dec(view, &part[..end])?;
        match &wanted {
            None => Some(Value::Str(json)),
            Some(wanted) => wanted.find(view, json),
        }
    })
}
