//! New inputs from those of a corpus.
//!
//! It knows no format: a target's dictionary holds the words that matter.

use crate::random::Random;

/// Longest input that is made, in bytes.
const MAX_INPUT: usize = 64 << 10;
/// Bytes that mean something in many formats.
const BYTES: &[u8] = b"\0\t\n\r \"#$%'*+,-./:;<=>?@[\\]_`{|}~\x7f\x80\xff09AFafzZ";

/// One input: a file of the corpus after one to eight changes.
pub(crate) fn mutate(corpus: &[Vec<u8>], dictionary: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut input = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(8) {
        change(&mut input, corpus, dictionary, random);
        input.truncate(MAX_INPUT);
    }
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], dictionary: &[&[u8]], random: &mut Random) {
    let at = random.below(input.len() + 1);
    match random.below(12) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = BYTES[random.below(BYTES.len())],
        2 => input.insert(at, BYTES[random.below(BYTES.len())]),
        3 => {
            let end = (at + 1 + random.below(8)).min(input.len());
            input.drain(at.min(end)..end);
        }
        4 => input.truncate(at),
        5..=7 if !dictionary.is_empty() => {
            let word = dictionary[random.below(dictionary.len())];
            input.splice(at..at, word.iter().copied());
        }
        8 => {
            // A stretch again, once or very often.
            let end = (at + 1 + random.below(40)).min(input.len());
            let stretch = input[at.min(end)..end].to_vec();
            let times = if random.below(8) == 0 {
                1 + random.below(2000)
            } else {
                1
            };
            let many = stretch.repeat(times.min(MAX_INPUT / stretch.len().max(1)));
            input.splice(at..at, many);
        }
        9 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        10 => {
            let number = [0, 1, 9, 255, 65_535, 65_536, u64::from(u32::MAX), u64::MAX]
                [random.below(8)]
            .to_string();
            input.splice(at..at, number.bytes());
        }
        _ => {
            let count = 1 + random.below(4);
            let noise: Vec<u8> = (0..count).map(|_| random.next() as u8).collect();
            input.splice(at..at, noise);
        }
    }
}

#[cfg(test)]
mod tests;
