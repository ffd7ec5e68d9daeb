//! Converters that hash (manual 7.3.1).
//!
//! The 32-bit functions are those of balancing and stand in lbd-backend.

use super::{Built, NO_ARGS, OPT_INT, STR, Source, bytes, number, text};
use crate::arg::parse_var;
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::registry::{BuildCtx, Converter, Example};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bumpalo::Bump;
use lbd_backend::hash;
use lbd_core::{Type, Value};
use sha2::Digest;

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "crc32",
        args: OPT_INT,
        from: Type::Bin,
        to: Type::Int,
        doc: "CRC-32 of IEEE 802.3, with avalanche if asked (manual 7.3.1).",
        examples: &[Example::Ok("str(a),crc32"), Example::Ok("str(a),crc32(1)")],
        build: |_, args| hash32(&args, crc32fast::hash),
    },
    Converter {
        name: "crc32c",
        args: OPT_INT,
        from: Type::Bin,
        to: Type::Int,
        doc: "CRC-32C of Castagnoli, with avalanche if asked (manual 7.3.1).",
        examples: &[Example::Ok("str(a),crc32c")],
        build: |_, args| hash32(&args, crc32c),
    },
    Converter {
        name: "digest",
        args: STR,
        from: Type::Bin,
        to: Type::Bin,
        doc: "A digest by its name: sha1, sha2, sha3, blake2, md5, ripemd160 (manual 7.3.1).",
        examples: &[
            Example::Ok("str(a),digest(sha256)"),
            Example::Ok("str(a),digest(md5)"),
            Example::Ok("str(a),digest(sha3-256)"),
            Example::Ok("str(a),digest(blake2b512)"),
            Example::Fail("str(a),digest(x)", "is not a supported algorithm"),
        ],
        build: |_, args| digest(&text(&args, 0)),
    },
    Converter {
        name: "djb2",
        args: OPT_INT,
        from: Type::Bin,
        to: Type::Int,
        doc: "DJB2, with avalanche if asked (manual 7.3.1).",
        examples: &[Example::Ok("str(a),djb2")],
        build: |_, args| hash32(&args, hash::djb2),
    },
    Converter {
        name: "hmac",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::required(ArgKind::Str),
        ],
        from: Type::Bin,
        to: Type::Bin,
        doc: "A keyed digest by its name; the key is a variable or base64 (manual 7.3.1).",
        examples: &[
            Example::Ok("str(a),hmac(sha256,a2V5)"),
            Example::Ok("str(a),hmac(sha1,txn.k)"),
            Example::Fail("str(a),hmac(x,a2V5)", "is not a supported algorithm"),
        ],
        build: |ctx, args| hmac(ctx, &args),
    },
    Converter {
        name: "sdbm",
        args: OPT_INT,
        from: Type::Bin,
        to: Type::Int,
        doc: "SDBM, with avalanche if asked (manual 7.3.1).",
        examples: &[Example::Ok("str(a),sdbm(1)")],
        build: |_, args| hash32(&args, hash::sdbm),
    },
    Converter {
        name: "sha1",
        args: NO_ARGS,
        from: Type::Bin,
        to: Type::Bin,
        doc: "SHA-1 (manual 7.3.1).",
        examples: &[Example::Ok("str(a),sha1")],
        build: |_, _| bytes(|view, text| Some(Value::Bin(view.keep(&sha1::Sha1::digest(text))))),
    },
    Converter {
        name: "sha2",
        args: OPT_INT,
        from: Type::Bin,
        to: Type::Bin,
        doc: "SHA-2 of 224, 256, 384 or 512 bits (manual 7.3.1).",
        examples: &[
            Example::Ok("str(a),sha2"),
            Example::Ok("str(a),sha2(512)"),
            Example::Fail("str(a),sha2(3)", "Unsupported number of bits: '3'"),
        ],
        build: |_, args| sha2_of(number(&args, 0).unwrap_or(256)),
    },
    Converter {
        name: "wt6",
        args: OPT_INT,
        from: Type::Bin,
        to: Type::Int,
        doc: "WT6, with avalanche if asked (manual 7.3.1).",
        examples: &[Example::Ok("str(a),wt6")],
        build: |_, args| hash32(&args, hash::wt6),
    },
    Converter {
        name: "xxh3",
        args: OPT_INT,
        from: Type::Bin,
        to: Type::Int,
        doc: "XXH3 of 64 bits with a seed (manual 7.3.1).",
        examples: &[Example::Ok("str(a),xxh3")],
        build: |_, args| {
            let seed = number(&args, 0).unwrap_or(0).cast_unsigned();
            bytes(move |_, text| {
                Some(Value::Int(
                    xxhash_rust::xxh3::xxh3_64_with_seed(text, seed) as i64
                ))
            })
        },
    },
    Converter {
        name: "xxh32",
        args: OPT_INT,
        from: Type::Bin,
        to: Type::Int,
        doc: "XXH32 with a seed (manual 7.3.1).",
        examples: &[Example::Ok("str(a),xxh32"), Example::Ok("str(a),xxh32(7)")],
        build: |_, args| {
            let seed = lbd_core::bits::low32(number(&args, 0).unwrap_or(0).cast_unsigned());
            bytes(move |_, text| Some(Value::Int(i64::from(xxhash_rust::xxh32::xxh32(text, seed)))))
        },
    },
    Converter {
        name: "xxh64",
        args: OPT_INT,
        from: Type::Bin,
        to: Type::Int,
        doc: "XXH64 with a seed (manual 7.3.1).",
        examples: &[Example::Ok("str(a),xxh64")],
        build: |_, args| {
            let seed = number(&args, 0).unwrap_or(0).cast_unsigned();
            bytes(move |_, text| Some(Value::Int(xxhash_rust::xxh64::xxh64(text, seed) as i64)))
        },
    },
];

fn hash32(args: &[Arg], of: fn(&[u8]) -> u32) -> Built {
    let mixes = number(args, 0).unwrap_or(0) != 0;
    bytes(move |_, text| {
        let hash = of(text);
        Some(Value::Int(i64::from(if mixes {
            hash::avalanche(hash)
        } else {
            hash
        })))
    })
}

fn crc32c(text: &[u8]) -> u32 {
    let step =
        |crc: u32, byte: &u8| (crc >> 8) ^ CASTAGNOLI[usize::from((crc & 0xff) as u8 ^ byte)];
    !text.iter().fold(!0, step)
}

const CASTAGNOLI: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let (mut crc, mut bit) = (lbd_core::bits::low32(at as u64), 0);
        while bit < 8 {
            crc = if crc & 1 != 0 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

fn sha2_of(bits: i64) -> Built {
    match bits {
        224 => digest(b"sha224"),
        256 => digest(b"sha256"),
        384 => digest(b"sha384"),
        512 => digest(b"sha512"),
        other => Err(ArgError::new(format!(
            "Unsupported number of bits: '{other}'"
        ))),
    }
}

/// A digest with the block size of its HMAC.
#[derive(Clone, Copy)]
struct Algorithm {
    block: usize,
    of: Of,
}

type Of = for<'a> fn(&'a Bump, &[&[u8]]) -> &'a [u8];

impl Algorithm {
    fn named(name: &[u8]) -> Result<Self, ArgError> {
        let (block, of): (usize, Of) = match name.to_ascii_lowercase().as_slice() {
            b"sha1" => (64, run::<sha1::Sha1>),
            b"sha224" => (64, run::<sha2::Sha224>),
            b"sha256" => (64, run::<sha2::Sha256>),
            b"sha384" => (128, run::<sha2::Sha384>),
            b"sha512" => (128, run::<sha2::Sha512>),
            b"sha512-224" => (128, run::<sha2::Sha512_224>),
            b"sha512-256" => (128, run::<sha2::Sha512_256>),
            b"sha3-224" => (144, run::<sha3::Sha3_224>),
            b"sha3-256" => (136, run::<sha3::Sha3_256>),
            b"sha3-384" => (104, run::<sha3::Sha3_384>),
            b"sha3-512" => (72, run::<sha3::Sha3_512>),
            b"blake2b512" => (128, run::<blake2::Blake2b512>),
            b"blake2s256" => (64, run::<blake2::Blake2s256>),
            b"md5" => (64, run::<md5::Md5>),
            b"ripemd" | b"ripemd160" | b"rmd160" => (64, run::<ripemd::Ripemd160>),
            _ => {
                return Err(ArgError::new(format!(
                    "'{}' is not a supported algorithm",
                    String::from_utf8_lossy(name)
                )));
            }
        };
        Ok(Self { block, of })
    }
}

fn run<'a, D: Digest>(arena: &'a Bump, parts: &[&[u8]]) -> &'a [u8] {
    let mut digest = D::new();
    parts.iter().for_each(|part| digest.update(part));
    arena.alloc_slice_copy(&digest.finalize())
}

fn digest(name: &[u8]) -> Built {
    let algorithm = Algorithm::named(name)?;
    bytes(move |view, text| Some(Value::Bin((algorithm.of)(view.arena, &[text]))))
}

/// RFC 2104.
fn hmac(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Built {
    let algorithm = Algorithm::named(&text(args, 0))?;
    let word = text(args, 1);
    let key = match parse_var(&word, ctx.vars) {
        Ok(var) => Source::Var(var),
        Err(_) => Source::Bytes(word),
    };
    bytes(move |view, text| {
        let encoded = key.bytes(view)?;
        let len = base64::decoded_len_estimate(encoded.len());
        let decoded = view.arena.alloc_slice_fill_copy(len, 0u8);
        let len = STANDARD.decode_slice(encoded, decoded).ok()?;
        let mut key = &decoded[..len];
        if key.len() > algorithm.block {
            key = (algorithm.of)(view.arena, &[key]);
        }
        let pad = |with: u8| {
            let block = view.arena.alloc_slice_fill_copy(algorithm.block, with);
            block
                .iter_mut()
                .zip(key)
                .for_each(|(byte, key)| *byte ^= key);
            &*block
        };
        let inner = (algorithm.of)(view.arena, &[pad(0x36), text]);
        Some(Value::Bin((algorithm.of)(view.arena, &[pad(0x5c), inner])))
    })
}
