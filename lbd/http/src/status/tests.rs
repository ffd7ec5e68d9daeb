use super::*;
use crate::Head;
use crate::h1::{EncodeOptions, encode_head};

#[test]
fn each_built_in_answer_has_the_form_of_the_reference() {
    for &status in ERROR_STATUSES {
        let reply = error_reply(status).unwrap();
        let mut head = Head::new();
        reply.fill(&mut head).unwrap();
        let mut out = Vec::new();
        encode_head(&head, &mut out, &EncodeOptions::default());
        let wanted = format!(
            "HTTP/1.1 {status} {}\r\ncontent-length: {}\r\ncache-control: no-cache\r\n\
             content-type: text/html\r\n\r\n",
            reply.reason,
            reply.body.len()
        );
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
        let opening = format!("<html><body><h1>{status} {}</h1>\n", reply.reason);
        assert!(reply.body.starts_with(&opening) && reply.body.ends_with("\n</body></html>\n"));
    }
    assert_eq!(error_reply(418), None);
    // Lengths as logs and clients of the reference know them.
    for (status, length) in [(400, 90), (403, 93), (408, 110), (502, 107), (503, 107)] {
        assert_eq!(error_reply(status).unwrap().body.len(), length);
    }
}

#[test]
fn phrases_are_those_of_the_reference() {
    for (status, phrase) in [
        (200, "OK"),
        (408, "Request Time-out"),
        (502, "Bad Gateway or Proxy Error"),
        (299, "Success"),
        (306, "Redirection"),
        (419, "Client Error"),
        (599, "Server Error"),
        (199, "Informational"),
        (999, "Other"),
    ] {
        assert_eq!(reason(status), phrase);
    }
}

#[test]
fn the_answer_to_an_unreadable_request_is_a_whole_response() {
    for &status in ERROR_STATUSES {
        let reply = error_reply(status).unwrap();
        let mut out = Vec::new();
        reply.encode_raw(&mut out);
        let mut head = Head::new();
        let parsed = crate::parse_response(
            &out,
            &mut head,
            &crate::RequestInfo::default(),
            &crate::ParseOptions::default(),
        );
        let Ok(crate::Status::Complete(parsed)) = parsed else {
            panic!("{parsed:?}")
        };
        assert_eq!(
            parsed.framing,
            crate::Framing::ContentLength(reply.body.len() as u64)
        );
        assert!(!parsed.keep_alive);
        assert_eq!(&out[parsed.consumed..], reply.body.as_bytes());
        assert_eq!(
            (head.status(), head.reason()),
            (status, reply.reason.as_bytes())
        );
        assert_eq!(head.first(b"cache-control"), Some(&b"no-cache"[..]));
    }
}
