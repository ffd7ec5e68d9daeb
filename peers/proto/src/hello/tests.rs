use super::*;

#[test]
fn a_hello_comes_back_and_is_waited_for() {
    let mut bytes = Vec::new();
    put(&mut bytes, 1, "B", "A", (7, 0xAB));
    assert_eq!(bytes, b"HAProxyS 2.1\nB\nA 7 1 lbd/1:ab\n");
    for len in 0..bytes.len() {
        assert_eq!(take(&bytes[..len]), Ok(None), "{len}");
    }
    let hello = Hello {
        minor: 1,
        callee: "B",
        caller: "A",
        life: Some(0xAB),
    };
    assert_eq!(take(&bytes), Ok(Some((hello, bytes.len()))));
}

#[test]
fn hellos_are_answered_as_the_reference_answers() {
    for (text, status) in [
        ("HAProxyZ 2.1\nA\nX 1 1\n", Status::Protocol),
        ("HAProxyS 2.2\nA\nX 1 1\n", Status::Version),
        ("HAProxyS 3.0\nA\nX 1 1\n", Status::Version),
        ("HAProxyS 2.1\nA\nX\n", Status::Protocol),
        ("GET / HTTP/1.1\r\n", Status::Protocol),
    ] {
        assert_eq!(take(text.as_bytes()), Err(status), "{text}");
    }
    for text in [
        "HAProxyS 2.0\nA\nX 1 1\n",
        "HAProxyS 2.1\r\nA\r\nX 1 1\r\n",
        "HAProxyS 2.1\nA\nX 1 1 ext=crdt,state\n",
        "HAProxyS 2.1\nA\nX only-one-token\n",
    ] {
        let (hello, _) = take(text.as_bytes()).unwrap().unwrap();
        assert_eq!((hello.callee, hello.caller), ("A", "X"), "{text}");
    }
    assert_eq!(take(&[b'H'; 2000]), Err(Status::Protocol));
    let long = format!("HAProxyS 2.1\nA\nX {}\n", "1".repeat(MAX_LEN));
    assert_eq!(take(long.as_bytes()), Err(Status::Protocol));
}

#[test]
fn the_code_of_an_answer_is_read_and_the_rest_is_not() {
    let answer = |code, life| Answer { code, life };
    assert_eq!(take_status(b"200\n"), Ok(Some((answer(200, None), 4))));
    let other = answer(200, None);
    assert_eq!(take_status(b"200 ext=crdt\nx"), Ok(Some((other, 13))));
    let sibling = answer(200, Some(0xF0));
    assert_eq!(take_status(b"200 lbd/1:f0\r\n"), Ok(Some((sibling, 14))));
    assert_eq!(take_status(b"200 lbd/1:xyz\n"), Ok(Some((other, 14))));
    assert_eq!(take_status(b"50"), Ok(None));
    assert_eq!(take_status(b"hello\n"), Err(NoAnswer));
    assert_eq!(take_status(&[b'1'; 2000]), Err(NoAnswer));
}
