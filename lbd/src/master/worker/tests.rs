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
fn a_replaced_program_is_followed_by_the_one_in_its_place() {
    let shown = |own: &str| program(Path::new(own)).display().to_string();
    assert_eq!(shown("/usr/sbin/lbd (deleted)"), "/usr/sbin/lbd");
    assert_eq!(shown("/usr/sbin/lbd"), "/usr/sbin/lbd");
}
