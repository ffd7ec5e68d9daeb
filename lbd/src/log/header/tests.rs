use super::*;

fn line(format: SyslogFormat, max_len: usize) -> String {
    let header = Header {
        format,
        facility: 19,
        level: 6,
        tag: b"haproxy",
        hostname: Some(b"vm"),
        pid: 16215,
        wall: WallTime(1_795_252_869_381_476),
        utc_offset: 0,
        structured: b"",
    };
    let mut out = Vec::new();
    compose(&header, b"hello", max_len, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_form_is_as_the_reference_sends_it() {
    let forms = [
        (
            SyslogFormat::Local,
            "<158>Nov 21 09:21:09 vm haproxy[16215]: hello\n",
        ),
        (
            SyslogFormat::Rfc3164,
            "<158>Nov 21 09:21:09 vm haproxy[16215]: hello\n",
        ),
        (
            SyslogFormat::Rfc5424,
            "<158>1 2026-11-21T09:21:09.381476+00:00 vm haproxy 16215 - - hello\n",
        ),
        (SyslogFormat::Priority, "<158>hello\n"),
        (SyslogFormat::Short, "<6>hello\n"),
        (
            SyslogFormat::Timed,
            "<6>2026-11-21T09:21:09.381476+00:00 hello\n",
        ),
        (
            SyslogFormat::Iso,
            "2026-11-21T09:21:09.381476+00:00 hello\n",
        ),
        (SyslogFormat::Raw, "hello\n"),
    ];
    for (format, wanted) in forms {
        assert_eq!(line(format, 1024), wanted);
    }
}

#[test]
fn a_long_line_is_cut_to_its_length_with_its_line_feed() {
    assert_eq!(line(SyslogFormat::Raw, 4), "hel\n");
    assert_eq!(line(SyslogFormat::Priority, 4), "<15\n");
}
