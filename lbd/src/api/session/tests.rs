use super::*;

/// Answers with its words and payload; knows `prompt` and `quit`.
struct Echo;

impl Execute for Echo {
    fn execute(&mut self, caller: &mut Caller, words: &[String], payload: &str, out: &mut Vec<u8>) {
        match words[0].as_str() {
            "prompt" => caller.mode = Mode::Prompt,
            "quit" => caller.is_over = true,
            _ => {
                out.extend_from_slice(words.join(",").as_bytes());
                out.extend_from_slice(payload.replace('\n', "|").as_bytes());
                out.push(b'\n');
            }
        }
    }
}

fn talk(session: &mut Session, input: &str) -> String {
    let mut out = Vec::new();
    session.feed(input.as_bytes(), &mut Echo, &mut out);
    String::from_utf8(out).unwrap()
}

fn admin() -> Session {
    Session::new(AccessLevel::Admin, SeverityOutput::None)
}

#[test]
fn one_line_is_answered_and_the_connection_ends() {
    let mut session = admin();
    assert_eq!(
        talk(&mut session, "show info;show stat\nmore\n"),
        "show,info\n\nshow,stat\n\n"
    );
    assert!(session.is_done());
}

#[test]
fn a_line_may_come_in_pieces_and_without_its_end() {
    let mut session = admin();
    assert_eq!(talk(&mut session, "show "), "");
    assert_eq!(talk(&mut session, "info"), "");
    let mut out = Vec::new();
    session.finish(&mut Echo, &mut out);
    assert_eq!(out, b"show,info\n\n");
}

#[test]
fn a_prompt_keeps_the_conversation_going() {
    let mut session = admin();
    let all = talk(&mut session, "prompt\na b\n\nquit\n");
    assert_eq!(all, "\n> a,b\n\n> > ");
    assert!(session.is_done());
}

#[test]
fn a_payload_ends_at_its_mark() {
    let mut session = admin();
    assert_eq!(
        talk(&mut session, "add map #0 <<\nk v\nk2 v2\n\n"),
        "add,map,#0k v|k2 v2|\n\n"
    );
    let mut session = admin();
    assert_eq!(
        talk(&mut session, "add map #0 <<EOF\nk v\n\nEOF\n"),
        "add,map,#0k v||\n\n"
    );
}

#[test]
fn endless_lines_and_payloads_are_refused() {
    let mut session = admin();
    let out = talk(&mut session, &"x".repeat(MAX_LINE + 1));
    assert!(out.starts_with("Command too long"));
    assert!(session.is_done());
    let mut session = admin();
    let line = format!("{}\n", "y".repeat(1000));
    let out = talk(
        &mut session,
        &format!("add map #0 <<\n{}", line.repeat(200)),
    );
    assert!(out.starts_with("Payload too large"), "{out}");
}
