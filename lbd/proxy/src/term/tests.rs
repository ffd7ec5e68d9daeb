use super::*;

fn letters(error: StreamError, phase: Phase) -> String {
    let mut letters = TermLetters::default();
    error.mark(phase, &mut letters);
    format!("{}{}", letters.cause as char, letters.phase as char)
}

#[test]
fn each_culprit_and_phase_has_the_letters_of_the_manual() {
    let table = [
        (StreamError::ClientAbort, Phase::Request, "CR"),
        (StreamError::ClientTimeout, Phase::Request, "cR"),
        (StreamError::ClientFault(400), Phase::Request, "PR"),
        (StreamError::ClientAbort, Phase::Queue, "CQ"),
        (StreamError::ServerTimeout, Phase::Queue, "sQ"),
        (StreamError::ServerAbort, Phase::Connect, "SC"),
        (StreamError::NoServer, Phase::Connect, "SC"),
        (StreamError::ServerTimeout, Phase::Connect, "sC"),
        (StreamError::ServerTimeout, Phase::Headers, "sH"),
        (StreamError::ServerFault, Phase::Headers, "PH"),
        (StreamError::ClientTimeout, Phase::Data, "cD"),
        (StreamError::ServerAbort, Phase::Last, "SL"),
        (StreamError::Rule(500), Phase::Tarpit, "PT"),
        (StreamError::Ended(Ending::Killed), Phase::Data, "KC"),
        (StreamError::Ended(Ending::ServerDown), Phase::Data, "DC"),
        (
            StreamError::Ended(Ending::BackupReplaced),
            Phase::Data,
            "UC",
        ),
        (StreamError::Resource, Phase::Connect, "RC"),
        (StreamError::Internal, Phase::Request, "IR"),
    ];
    for (error, phase, expected) in table {
        assert_eq!(letters(error, phase), expected, "{error:?} {phase:?}");
    }
}

#[test]
fn the_first_event_stays() {
    let mut letters = TermLetters::default();
    StreamError::ServerTimeout.mark(Phase::Headers, &mut letters);
    StreamError::ClientAbort.mark(Phase::Data, &mut letters);
    mark_local(Phase::Request, &mut letters);
    assert_eq!((letters.cause, letters.phase), (b's', b'H'));
}

#[test]
fn a_server_that_is_late_makes_504_and_one_that_refuses_503() {
    assert_eq!(StreamError::ServerTimeout.status(Phase::Headers), Some(504));
    assert_eq!(StreamError::ServerTimeout.status(Phase::Queue), Some(503));
    assert_eq!(StreamError::ServerAbort.status(Phase::Connect), Some(503));
    assert_eq!(StreamError::ServerAbort.status(Phase::Headers), Some(502));
    assert_eq!(StreamError::ServerGone.status(Phase::Headers), None);
    assert_eq!(StreamError::Rule(0).status(Phase::Request), None);
    let killed = StreamError::Ended(Ending::Killed);
    assert_eq!(killed.status(Phase::Headers), None);
}
