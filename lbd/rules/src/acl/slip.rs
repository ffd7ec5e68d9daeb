//! Patterns that were probably meant as something else than patterns, told with `-dD` only.
//!
//! It refuses nothing: each is a valid pattern.

use lbd_core::{Diag, Level};

use super::keyword;
use crate::expr::{is_name_byte, name_at};
use crate::registry::{BuildCtx, find_fetch};
use crate::word::Word;

/// Tells what a pattern looks like, if anything.
pub(super) fn suspect(word: Word<'_>, ctx: &mut BuildCtx<'_>) {
    let looks_like = match word.text {
        b"or" | b"and" | b"||" | b"&&" => "an operator between conditions",
        b"#" | b"//" => "the start of a comment",
        text if is_keyword(text) => "a sample fetch or an ACL keyword",
        _ => return,
    };
    let message = format!(
        "'{}' is a pattern here, but looks like {looks_like}",
        word.lossy()
    );
    ctx.warn(Diag::new(Level::Diag, word.span, message));
}

/// Whether a text is the name of a fetch or an ACL keyword, perhaps with arguments.
fn is_keyword(text: &[u8]) -> bool {
    let name = name_at(text);
    let is_whole = name.len() == text.len() || text.get(name.len()) == Some(&b'(');
    is_whole
        && text.first().copied().is_some_and(is_name_byte)
        && (keyword::find(name).is_some() || find_fetch(name).is_some())
}
