use super::processor;

#[test]
fn the_processor_is_named() {
    let text = "processor\t: 0\nmodel name\t: A B @ 2 GHz\nflags\t: x\nmodel name\t: C\n";
    assert_eq!(processor(text), "A B @ 2 GHz");
    assert_eq!(processor(""), "unknown processor");
}
