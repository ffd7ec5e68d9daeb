//! The known word nearest to one that is not known.
//!
//! It decides nothing: a suggestion is only ever shown.

#[cfg(test)]
mod tests;

/// Longest word that is compared; a longer one is no slip of a known keyword.
const MAX_WORD: usize = 64;

/// The word of `known` that `word` was most likely meant to be, if one is near enough: letters
/// that differ, lack, are too many or swapped with their neighbour count one each, case and `-`
/// for `_` nothing; up to a third of the word may be wrong. The first of equals wins.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = fold(word)?;
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in known {
        let Some(folded) = fold(candidate) else {
            continue;
        };
        let allowed = word.len().max(folded.len()).div_ceil(3).min(4);
        let limit = best.map_or(allowed, |(distance, _)| {
            allowed.min(distance.saturating_sub(1))
        });
        if word.len().abs_diff(folded.len()) > limit {
            continue;
        }
        let distance = distance(&word, &folded);
        // Nothing in common is no likeness, however short the words.
        if distance <= limit
            && distance < word.len().max(folded.len())
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A sentence that offers the nearest word, or an empty text: the hint of a [`lbd_core::Diag`].
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("Maybe you meant '{near}'."))
}

fn fold(word: &str) -> Option<Vec<u8>> {
    if word.is_empty() || word.len() > MAX_WORD {
        return None;
    }
    let fold = |byte: u8| match byte {
        b'_' => b'-',
        other => other.to_ascii_lowercase(),
    };
    Some(word.bytes().map(fold).collect())
}

/// Damerau-Levenshtein distance (optimal string alignment) of two words of at most [`MAX_WORD`].
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}
