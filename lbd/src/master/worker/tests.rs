use super::*;

#[test]
fn a_worker_gets_the_words_that_are_its_own() {
    let words: Vec<String> = "-Ws -f a.cfg -p pid -S /m,level,user -x /s -sf 1 2 -V -- b.cfg"
        .split(' ')
        .map(str::to_owned)
        .collect();
    assert_eq!(super::words(&words).join(" "), "-db -f a.cfg -V -- b.cfg");
    assert_eq!(
        first_words(&words).join(" "),
        "-db -f a.cfg -x /s -sf 1 2 -V -- b.cfg"
    );
}

#[test]
fn words_of_a_worker_are_taken_when_they_are_whole() {
    let mut heard = vec![OUTCOME, DONE];
    assert_eq!(Said::take(&mut heard), Ok(None));
    heard.extend_from_slice(&3_u32.to_ne_bytes());
    heard.extend_from_slice(b"ye");
    assert_eq!(Said::take(&mut heard), Ok(None));
    heard.extend_from_slice(b"s\x59");
    let text = "yes".to_owned();
    let outcome = Said::Outcome { code: DONE, text };
    assert_eq!(Said::take(&mut heard), Ok(Some(outcome)));
    assert_eq!(Said::take(&mut heard), Ok(Some(Said::Ready)));
    assert_eq!(Said::take(&mut heard), Ok(None));
    assert_eq!(Said::take(&mut b"?".to_vec()), Err(()));
    let mut endless = [&[OUTCOME, 0][..], &[0xff; 4]].concat();
    assert_eq!(Said::take(&mut endless), Err(()));
}
