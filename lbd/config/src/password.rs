//! Passwords of user lists: clear ones, and the hashes of crypt(3).
//!
//! Hashing is the work of packages; DES crypt, which is not safe, is not there.

#[cfg(test)]
mod tests;

/// Whether a hash is of a kind that can be checked: MD5 (`$1$`), bcrypt (`$2…$`), SHA-256 (`$5$`),
/// SHA-512 (`$6$`).
pub fn is_supported(hash: &str) -> bool {
    let has_fields = |count| hash.split('$').count() >= count && !hash.ends_with('$');
    match hash.get(..3) {
        Some("$1$" | "$5$" | "$6$") => has_fields(4),
        Some("$2a" | "$2b" | "$2x" | "$2y") => has_fields(4) && hash.len() == 60,
        _ => false,
    }
}

/// Whether `password` is the one behind `hash`, in time that does not tell how much of it matched.
pub fn verify(password: &[u8], hash: &str) -> bool {
    match hash.get(..3) {
        Some("$1$") => pwhash::md5_crypt::verify(password, hash),
        Some("$5$") => pwhash::sha256_crypt::verify(password, hash),
        Some("$6$") => pwhash::sha512_crypt::verify(password, hash),
        Some("$2a" | "$2b" | "$2x" | "$2y") => pwhash::bcrypt::verify(password, hash),
        _ => false,
    }
}

/// Whether two clear passwords are the same, in time that depends on the given one's length only.
pub fn same(given: &[u8], known: &[u8]) -> bool {
    let differs = given.iter().enumerate().fold(
        u8::from(given.len() != known.len()),
        |differs, (at, byte)| differs | (byte ^ known.get(at).copied().unwrap_or(!byte)),
    );
    differs == 0
}
