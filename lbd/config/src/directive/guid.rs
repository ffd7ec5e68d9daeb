//! Globally unique identifiers, which statistics files call objects by (haproxy 3.4 configuration 4.2,
//! `guid`).
//!
//! That they are unique is checked once all sections are read.

use lbd_core::{Diag, Span};

use crate::draft::Named;
use crate::words::Words;

/// The identifier behind `guid`.
pub(super) fn named(words: &mut Words<'_>) -> Result<Named, Diag> {
    let name = argument(words, "guid")?.to_owned();
    let span = words.last();
    Ok(Named { name, span })
}

/// The checked word behind a keyword.
pub(super) fn argument<'a>(words: &mut Words<'a>, keyword: &str) -> Result<&'a str, Diag> {
    let place = words.here();
    let Some(name) = words.text()? else {
        return Err(Diag::alert(
            place,
            format!("'{keyword}' : expects an argument"),
        ));
    };
    check(name, words.last(), keyword)?;
    Ok(name)
}

/// Refuses an identifier that is too long or has other letters than it may.
fn check(name: &str, span: Span, keyword: &str) -> Result<(), Diag> {
    let is_fine = |letter: &char| letter.is_ascii_alphanumeric() || ".:-_".contains(*letter);
    if let Some(odd) = name.chars().find(|letter| !is_fine(letter)) {
        let text = format!("'{keyword}': invalid character '{odd}'");
        return Err(
            Diag::alert(span, text).hint("Letters, digits, '.', ':', '-' and '_' are valid.")
        );
    }
    match name.len() > MAX_GUID {
        false => Ok(()),
        true => Err(Diag::alert(span, format!("'{keyword}': invalid length"))
            .hint(format!("An identifier has {MAX_GUID} letters at most."))),
    }
}

/// Most letters of an identifier.
pub(crate) const MAX_GUID: usize = 127;
