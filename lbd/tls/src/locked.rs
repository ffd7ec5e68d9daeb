//! Private keys that a passphrase protects: PKCS #8 (RFC 5958, PBES2 of RFC 8018) and the older form of
//! PEM with `Proc-Type` and `DEK-Info` (RFC 1421 4.6.1, as OpenSSL writes it with AES).

#[cfg(test)]
mod tests;

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut, KeyIvInit};
use md5::{Digest, Md5};
use pkcs8::EncryptedPrivateKeyInfo;

use crate::pem;

/// Whether a private key in a PEM text is protected.
pub fn is_locked(text: &[u8]) -> bool {
    // RFC 1421: the old form says so in a header of the section.
    [NEW_BEGIN.as_bytes(), OLD_MARK.as_bytes()]
        .into_iter()
        .any(|mark| text.windows(mark.len()).any(|window| window == mark))
}

/// The text with its protected keys in the clear. `None` when the passphrase is another one, or the
/// protection one that is not known here.
pub fn unlock(text: &[u8], passphrase: &[u8]) -> Option<Vec<u8>> {
    let mut text = String::from_utf8(text.to_vec()).ok()?;
    // A file has one key; who writes more of them gets no endless work.
    for _ in 0..MAX_KEYS {
        if !is_locked(text.as_bytes()) {
            return Some(text.into_bytes());
        }
        text = match text.contains(NEW_BEGIN) {
            true => unlock_new(&text, passphrase)?,
            false => unlock_old(&text, passphrase)?,
        };
    }
    None
}

fn unlock_new(text: &str, passphrase: &[u8]) -> Option<String> {
    let (before, rest) = text.split_once(NEW_BEGIN)?;
    let (body, after) = rest.split_once(NEW_END)?;
    let section = format!("{NEW_BEGIN}{body}{NEW_END}\n");
    let (_, document) = pkcs8::SecretDocument::from_pem(&section).ok()?;
    let info = EncryptedPrivateKeyInfo::try_from(document.as_bytes()).ok()?;
    let key = info.decrypt(passphrase).ok()?;
    let clear = pem::encode("PRIVATE KEY", key.as_bytes());
    Some(format!("{before}{clear}{}", after.trim_start()))
}

/// `-----BEGIN RSA PRIVATE KEY-----`, headers, an empty line, base64.
fn unlock_old(text: &str, passphrase: &[u8]) -> Option<String> {
    let mark = text.find(OLD_MARK)?;
    let begin = text[..mark].rfind(BEGIN)?;
    let label = text[begin + BEGIN.len()..].split_once(DASHES)?.0;
    let end = format!("-----END {label}{DASHES}");
    let stop = mark + text[mark..].find(&end)?;
    let (headers, body) = split_headers(&text[mark..stop])?;
    let info = headers
        .lines()
        .find_map(|line| line.trim().strip_prefix("DEK-Info:"))?;
    let (cipher, iv) = info.trim().split_once(',')?;
    let iv: [u8; BLOCK] = bytes_of_hex(iv.trim())?;
    let body: String = body.split_whitespace().collect();
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD
        .decode(body)
        .ok()?;
    let clear = decrypt(cipher.trim(), passphrase, &iv, &body)?;
    // What is no DER sequence was made with another passphrase that fits by chance.
    if clear.first() != Some(&DER_SEQUENCE) {
        return None;
    }
    let section = pem::encode(label, &clear);
    let after = text[stop + end.len()..].trim_start();
    Some(format!("{}{section}{after}", &text[..begin]))
}

/// Headers end with an empty line.
fn split_headers(text: &str) -> Option<(&str, &str)> {
    text.split_once("\n\n")
        .or_else(|| text.split_once("\r\n\r\n"))
}

fn bytes_of_hex(text: &str) -> Option<[u8; BLOCK]> {
    let mut bytes = [0; BLOCK];
    if text.len() != BLOCK * 2 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

fn decrypt(cipher: &str, passphrase: &[u8], iv: &[u8; BLOCK], body: &[u8]) -> Option<Vec<u8>> {
    // The first half of the vector is the salt.
    let key = derived(passphrase, &iv[..SALT]);
    let open = match cipher {
        "AES-128-CBC" => with::<Aes128>,
        "AES-192-CBC" => with::<Aes192>,
        "AES-256-CBC" => with::<Aes256>,
        _ => return None,
    };
    open(&key, iv, body)
}

fn with<C>(key: &[u8], iv: &[u8], body: &[u8]) -> Option<Vec<u8>>
where
    C: BlockDecryptMut + cbc::cipher::BlockCipher + cbc::cipher::KeyInit,
{
    let length = C::key_size();
    let decryptor = Decryptor::<C>::new_from_slices(key.get(..length)?, iv).ok()?;
    decryptor.decrypt_padded_vec_mut::<Pkcs7>(body).ok()
}

/// Key bytes of a passphrase as OpenSSL has always made them for this form (EVP_BytesToKey: MD5, one
/// round).
fn derived(passphrase: &[u8], salt: &[u8]) -> Vec<u8> {
    let mut key = Vec::new();
    let mut last: Vec<u8> = Vec::new();
    while key.len() < LONGEST_KEY {
        let mut hash = Md5::new();
        hash.update(&last);
        hash.update(passphrase);
        hash.update(salt);
        last = hash.finalize().to_vec();
        key.extend_from_slice(&last);
    }
    key
}

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";
const NEW_BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const NEW_END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
const OLD_MARK: &str = "Proc-Type: 4,ENCRYPTED";
const MAX_KEYS: usize = 8;
const BLOCK: usize = 16;
const SALT: usize = 8;
const LONGEST_KEY: usize = 32;
const DER_SEQUENCE: u8 = 0x30;
