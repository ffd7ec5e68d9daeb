use super::*;

fn fields(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<String>, BlockError> {
    let mut found = Vec::new();
    decoder.decode(block, 1000, |name, value| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        found.push(format!("{}: {}", text(name), text(value)));
    })?;
    Ok(found)
}

#[test]
fn requests_of_the_rfc_are_decoded_in_turn() {
    // RFC 7541 C.4: with the Huffman code, each request uses the table that the earlier ones left.
    let mut decoder = Decoder::new(4096);
    let first = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    let common = [
        ":method: GET",
        ":scheme: http",
        ":path: /",
        ":authority: www.example.com",
    ];
    assert_eq!(fields(&mut decoder, first).unwrap(), common);
    assert_eq!(decoder.table.size(), 57);
    let second = b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf";
    let mut expected = common.map(String::from).to_vec();
    expected.push("cache-control: no-cache".to_owned());
    assert_eq!(fields(&mut decoder, second).unwrap(), expected);
    assert_eq!(decoder.table.size(), 110);
    let third = b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
    let expected = [
        ":method: GET",
        ":scheme: https",
        ":path: /index.html",
        ":authority: www.example.com",
        "custom-key: custom-value",
    ];
    assert_eq!(fields(&mut decoder, third).unwrap(), expected);
    assert_eq!(decoder.table.size(), 164);
}

#[test]
fn old_entries_leave_a_full_table() {
    // RFC 7541 C.5: a table of 256 bytes.
    let mut decoder = Decoder::new(256);
    let first = b"\x48\x03302\x58\x07private\x61\x1dMon, 21 Oct 2013 20:13:21 GMT\x6e\x17https://www.example.com";
    assert_eq!(fields(&mut decoder, first).unwrap().len(), 4);
    assert_eq!(decoder.table.size(), 222);
    let second = b"\x48\x03307\xc1\xc0\xbf";
    assert_eq!(
        fields(&mut decoder, second).unwrap(),
        [
            ":status: 307",
            "cache-control: private",
            "date: Mon, 21 Oct 2013 20:13:21 GMT",
            "location: https://www.example.com"
        ]
    );
    assert_eq!(decoder.table.size(), 222);
}

#[test]
fn what_is_encoded_is_decoded_alike() {
    let list: [(&[u8], &[u8]); 6] = [
        (b":status", b"200"),
        (b":status", b"302"),
        (b"content-type", b"text/plain"),
        (b"x-unknown", b"yes"),
        (b"accept-encoding", b"gzip, deflate"),
        (b"location", &[b'a'; 300]),
    ];
    let mut block = Vec::new();
    encode_empty_table(&mut block);
    for (name, value) in list {
        encode(name, value, &mut block);
    }
    encode_sensitive(b"authorization", b"secret", &mut block);
    let mut decoder = Decoder::new(4096);
    let found = fields(&mut decoder, &block).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut expected: Vec<_> = list
        .iter()
        .map(|(name, value)| format!("{}: {}", text(name), text(value)))
        .collect();
    expected.push("authorization: secret".to_owned());
    assert_eq!(found, expected);
}

#[test]
fn faulty_blocks_are_told_apart() {
    for (block, error) in [
        (&b"\x80"[..], BlockError::Index),
        (b"\xbe", BlockError::Index),
        (b"\x40", BlockError::Truncated),
        (b"\x00\x05abc", BlockError::Truncated),
        (b"\x82\x20", BlockError::SizeUpdate),
        (b"\x3f\xff\xff\x7f", BlockError::SizeUpdate),
        (b"\xff\xff\xff\xff\xff\xff\x01", BlockError::Integer),
        (b"\x00\x84\xff\xff\xff\xff\x00", BlockError::Huffman),
    ] {
        let mut decoder = Decoder::new(4096);
        assert_eq!(fields(&mut decoder, block), Err(error), "{block:?}");
    }
}

#[test]
fn a_bomb_is_cut_off_at_the_limit() {
    let mut decoder = Decoder::new(4096);
    let mut block = b"\x40\x01a\x7f\x81\x02".to_vec();
    block.extend_from_slice(&[b'v'; 384]);
    // The same entry again and again, a byte each.
    block.extend_from_slice(&[0xbe; 1000]);
    assert_eq!(fields(&mut decoder, &block), Err(BlockError::TooLarge));
}
