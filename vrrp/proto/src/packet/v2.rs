//! What version 2 has of its own: interval in seconds and authentication data (RFC 2338 §5.3).
//!
//! The checksum is in `checksum`, the rest of the layout in `packet`.

use super::auth::{self, Field};
use super::{Centisecs, Rejection};

/// Interval and authentication; `data` are the bytes after the addresses.
pub(super) fn fields<'a>(
    header: &[u8; 8],
    data: &'a [u8],
) -> Result<(Centisecs, Field<'a>), Rejection> {
    let data: &[u8; auth::LENGTH] = data.first_chunk().ok_or(Rejection::CountLength)?;
    let field = match header[4] {
        auth::TYPE_NONE => Field::None,
        auth::TYPE_PASS => Field::Pass(data),
        auth::TYPE_AH => return Err(Rejection::AuthenticationHeader),
        _ => return Err(Rejection::AuthType),
    };
    Ok((Centisecs(u16::from(header[5]) * 100), field))
}

/// Bytes 4 and 5 of the header.
pub(super) fn put(authentication: &auth::Authentication, interval: Centisecs) -> [u8; 2] {
    let seconds = u8::try_from(interval.0 / 100).unwrap_or(u8::MAX);
    [authentication.type_number(), seconds]
}
