use super::{MAX_INPUT, mutate};
use crate::random::Random;

#[test]
fn a_seed_gives_the_same_inputs_again_and_they_stay_small() {
    let corpus = [b"GET / HTTP/1.1\r\n\r\n".to_vec(), Vec::new()];
    let words: &[&[u8]] = &[b"Host: a\r\n"];
    let all = |seed| {
        let mut random = Random::new(seed);
        (0..5000)
            .map(|_| mutate(&corpus, words, &mut random))
            .collect::<Vec<_>>()
    };
    let first = all(7);
    assert_eq!(first, all(7));
    assert_ne!(first, all(8));
    assert!(first.iter().all(|input| input.len() <= MAX_INPUT));
}
