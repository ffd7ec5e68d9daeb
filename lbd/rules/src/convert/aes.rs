//! Converters that encrypt and decrypt by AES, in the modes CBC and GCM (manual 7.3.1).
//!
//! The cipher and its modes are RustCrypto's.

use super::var::assign;
use super::{Built, LIMIT, Source, bytes, number, text};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec, parse_var};
use crate::registry::{BuildCtx, Converter, Example};
use crate::var::OwnedValue;
use crate::view::View;
use ::aes::{Aes128, Aes192, Aes256};
use aes_gcm::AesGcm;
use aes_gcm::aead::generic_array::{ArrayLength, GenericArray};
use aes_gcm::aead::{AeadInPlace, KeyInit, consts};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{
    BlockCipher, BlockDecryptMut, BlockEncrypt, BlockEncryptMut, BlockSizeUser, KeyIvInit,
};
use lbd_core::{Type, Value};

const ARGS: &[ArgSpec] = &[
    ArgSpec::required(ArgKind::Int),
    ArgSpec::required(ArgKind::Str),
    ArgSpec::required(ArgKind::Str),
    ArgSpec::optional(ArgKind::Str),
];

const TAGGED: &[ArgSpec] = &[
    ArgSpec::required(ArgKind::Int),
    ArgSpec::required(ArgKind::Str),
    ArgSpec::required(ArgKind::Str),
    ArgSpec::required(ArgKind::Str),
    ArgSpec::optional(ArgKind::Str),
];

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "aes_cbc_dec",
        args: ARGS,
        from: Type::Bin,
        to: Type::Bin,
        doc: "Decrypts by AES-CBC of 128, 192 or 256 bits; nonce and key are base64 or variables of \
              it (manual 7.3.1).",
        examples: &[
            Example::Ok("str(a),aes_cbc_dec(128,txn.nonce,Zm9vb2Zvb29mb29wZm9vbw==)"),
            Example::Fail(
                "str(a),aes_cbc_dec(100,txn.nonce,Zm9v)",
                "key size must be 128, 192 or 256",
            ),
        ],
        build: |ctx, args| cbc(ctx, &args, false),
    },
    Converter {
        name: "aes_cbc_enc",
        args: ARGS,
        from: Type::Bin,
        to: Type::Bin,
        doc: "Encrypts by AES-CBC of 128, 192 or 256 bits; nonce and key are base64 or variables of \
              it (manual 7.3.1).",
        examples: &[
            Example::Ok("str(a),aes_cbc_enc(128,txn.nonce,Zm9vb2Zvb29mb29wZm9vbw==)"),
            Example::Fail("str(a),aes_cbc_enc(128,!,Zm9v)", "failed to parse nonce"),
        ],
        build: |ctx, args| cbc(ctx, &args, true),
    },
    Converter {
        name: "aes_gcm_dec",
        args: TAGGED,
        from: Type::Bin,
        to: Type::Bin,
        doc: "Decrypts by AES-GCM of 128, 192 or 256 bits; nothing when the tag does not match \
              (manual 7.3.1).",
        examples: &[
            Example::Ok("str(a),aes_gcm_dec(256,txn.nonce,txn.key,txn.tag,txn.aad)"),
            Example::Fail(
                "str(a),aes_gcm_dec(128,txn.nonce,txn.key,!)",
                "failed to parse aead_tag",
            ),
        ],
        build: |ctx, args| gcm_open(ctx, &args),
    },
    Converter {
        name: "aes_gcm_enc",
        args: TAGGED,
        from: Type::Bin,
        to: Type::Bin,
        doc: "Encrypts by AES-GCM of 128, 192 or 256 bits and leaves the tag, in base64, in a \
              variable (manual 7.3.1).",
        examples: &[
            Example::Ok("str(a),aes_gcm_enc(128,txn.nonce,txn.key,txn.tag)"),
            Example::Fail(
                "str(a),aes_gcm_enc(128,txn.nonce,txn.key,tag)",
                "failed to parse aead_tag",
            ),
        ],
        build: |ctx, args| gcm_seal(ctx, &args),
    },
];

/// Size of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bits {
    B128,
    B192,
    B256,
}

impl Bits {
    fn parse(args: &[Arg]) -> Result<Self, ArgError> {
        match number(args, 0) {
            Some(128) => Ok(Self::B128),
            Some(192) => Ok(Self::B192),
            Some(256) => Ok(Self::B256),
            _ => Err(ArgError::new("key size must be 128, 192 or 256 (bits).")),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::B128 => 16,
            Self::B192 => 24,
            Self::B256 => 32,
        }
    }
}

/// Bytes that are given in base64, at once or in a variable.
enum Coded {
    Bytes(Box<[u8]>),
    Var(Source),
}

impl Coded {
    fn parse(ctx: &mut BuildCtx<'_>, word: &[u8], what: &str) -> Result<Self, ArgError> {
        if let Ok(var) = parse_var(word, ctx.vars) {
            return Ok(Self::Var(Source::Var(var)));
        }
        STANDARD.decode(word).map(|bytes| Self::Bytes(bytes.into())).map_err(|_| {
            ArgError::new(format!(
                "failed to parse {what} : argument needs to be base64 encoded, and can either be a \
                 string or a variable."
            ))
        })
    }

    fn get(&self, view: &View<'_>) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(bytes.to_vec()),
            Self::Var(source) => STANDARD.decode(source.bytes(view)?).ok(),
        }
    }

    /// A nonce of one block: cut, or with zeros behind it, as in the reference.
    fn block(&self, view: &View<'_>) -> Option<Vec<u8>> {
        let mut bytes = self.get(view)?;
        bytes.resize(BLOCK, 0);
        Some(bytes)
    }

    /// A key, cut to `len`. One that is too short gives nothing: the reference takes what lies
    /// behind it in memory.
    fn key(&self, view: &View<'_>, len: usize) -> Option<Vec<u8>> {
        let mut bytes = self.get(view).filter(|bytes| bytes.len() >= len)?;
        bytes.truncate(len);
        Some(bytes)
    }
}

fn optional(ctx: &mut BuildCtx<'_>, args: &[Arg], at: usize) -> Result<Option<Coded>, ArgError> {
    match args.get(at) {
        Some(_) => Coded::parse(ctx, &text(args, at), "aad").map(Some),
        None => Ok(None),
    }
}

fn cbc(ctx: &mut BuildCtx<'_>, args: &[Arg], encrypts: bool) -> Built {
    let bits = Bits::parse(args)?;
    let nonce = Coded::parse(ctx, &text(args, 1), "nonce")?;
    let key = Coded::parse(ctx, &text(args, 2), "key")?;
    // This mode authenticates nothing: the reference takes it and makes the same bytes.
    optional(ctx, args, 3)?;
    bytes(move |view, input| {
        if input.len() > LIMIT - BLOCK {
            return None;
        }
        let (key, nonce) = (key.key(view, bits.bytes())?, nonce.block(view)?);
        let out = match (bits, encrypts) {
            (Bits::B128, true) => seal_cbc::<Aes128>(&key, &nonce, input),
            (Bits::B192, true) => seal_cbc::<Aes192>(&key, &nonce, input),
            (Bits::B256, true) => seal_cbc::<Aes256>(&key, &nonce, input),
            (Bits::B128, false) => open_cbc::<Aes128>(&key, &nonce, input),
            (Bits::B192, false) => open_cbc::<Aes192>(&key, &nonce, input),
            (Bits::B256, false) => open_cbc::<Aes256>(&key, &nonce, input),
        };
        Some(Value::Bin(view.keep(&out?)))
    })
}

fn seal_cbc<C>(key: &[u8], nonce: &[u8], input: &[u8]) -> Option<Vec<u8>>
where
    C: BlockEncryptMut + BlockCipher + KeyInit,
    cbc::Encryptor<C>: KeyIvInit + BlockEncryptMut,
{
    let cipher = <cbc::Encryptor<C> as KeyIvInit>::new_from_slices(key, nonce).ok()?;
    Some(cipher.encrypt_padded_vec_mut::<Pkcs7>(input))
}

fn open_cbc<C>(key: &[u8], nonce: &[u8], input: &[u8]) -> Option<Vec<u8>>
where
    C: BlockDecryptMut + BlockCipher + KeyInit,
    cbc::Decryptor<C>: KeyIvInit + BlockDecryptMut,
{
    let cipher = <cbc::Decryptor<C> as KeyIvInit>::new_from_slices(key, nonce).ok()?;
    cipher.decrypt_padded_vec_mut::<Pkcs7>(input).ok()
}

/// What both directions of GCM are told.
struct Gcm {
    bits: Bits,
    nonce: Coded,
    key: Coded,
    aad: Option<Coded>,
}

impl Gcm {
    fn parse(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Result<Self, ArgError> {
        Ok(Self {
            bits: Bits::parse(args)?,
            nonce: Coded::parse(ctx, &text(args, 1), "nonce")?,
            key: Coded::parse(ctx, &text(args, 2), "key")?,
            aad: optional(ctx, args, 4)?,
        })
    }

    /// Encrypts `buffer` and gives the tag, or decrypts it when a tag is given and right.
    fn run(&self, view: &View<'_>, buffer: &mut [u8], tag: Option<&[u8]>) -> Option<[u8; TAG]> {
        let key = self.key.key(view, self.bits.bytes())?;
        let nonce = self.nonce.get(view)?;
        let aad = match &self.aad {
            Some(aad) => aad.get(view)?,
            None => Vec::new(),
        };
        match self.bits {
            Bits::B128 => any_nonce::<Aes128>(&key, &nonce, &aad, buffer, tag),
            Bits::B192 => any_nonce::<Aes192>(&key, &nonce, &aad, buffer, tag),
            Bits::B256 => any_nonce::<Aes256>(&key, &nonce, &aad, buffer, tag),
        }
    }
}

/// GCM with a nonce of 1 to 16 bytes.
fn any_nonce<C>(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buffer: &mut [u8],
    tag: Option<&[u8]>,
) -> Option<[u8; TAG]>
where
    C: BlockCipher + BlockEncrypt + BlockSizeUser<BlockSize = consts::U16> + KeyInit,
{
    macro_rules! sizes {
        ($($len:literal $size:ident),*) => {
            match nonce.len() {
                $($len => gcm::<C, consts::$size>(key, nonce, aad, buffer, tag),)*
                _ => None,
            }
        };
    }
    sizes!(
        1 U1, 2 U2, 3 U3, 4 U4, 5 U5, 6 U6, 7 U7, 8 U8, 9 U9, 10 U10, 11 U11, 12 U12, 13 U13,
        14 U14, 15 U15, 16 U16
    )
}

fn gcm<C, N>(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    buffer: &mut [u8],
    tag: Option<&[u8]>,
) -> Option<[u8; TAG]>
where
    C: BlockCipher + BlockEncrypt + BlockSizeUser<BlockSize = consts::U16> + KeyInit,
    N: ArrayLength<u8>,
{
    let cipher = <AesGcm<C, N> as KeyInit>::new_from_slice(key).ok()?;
    let nonce = GenericArray::from_slice(nonce);
    match tag {
        None => {
            let tag = cipher.encrypt_in_place_detached(nonce, aad, buffer).ok()?;
            Some(tag.into())
        }
        Some(tag) => {
            let tag: [u8; TAG] = tag.try_into().ok()?;
            cipher
                .decrypt_in_place_detached(nonce, aad, buffer, &tag.into())
                .ok()?;
            Some(tag)
        }
    }
}

fn gcm_seal(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Built {
    let gcm = Gcm::parse(ctx, args)?;
    let var = parse_var(&text(args, 3), ctx.vars)
        .map_err(|error| ArgError::new(format!("failed to parse aead_tag : {error}")))?;
    bytes(move |view, input| {
        if input.len() > LIMIT {
            return None;
        }
        let buffer = view.arena.alloc_slice_copy(input);
        let tag = gcm.run(view, buffer, None)?;
        let tag = STANDARD.encode(tag).into_bytes();
        assign(view, var, Some(OwnedValue::Str(tag.into())));
        Some(Value::Bin(buffer))
    })
}

fn gcm_open(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Built {
    let gcm = Gcm::parse(ctx, args)?;
    let tag = Coded::parse(ctx, &text(args, 3), "aead_tag")?;
    bytes(move |view, input| {
        if input.len() > LIMIT {
            return None;
        }
        let buffer = view.arena.alloc_slice_copy(input);
        gcm.run(view, buffer, Some(&tag.get(view)?))?;
        Some(Value::Bin(buffer))
    })
}

/// Bytes of a block of the cipher.
const BLOCK: usize = 16;
/// Bytes of an authentication tag.
const TAG: usize = 16;
