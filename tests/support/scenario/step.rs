//! The steps of a script.
//!
//! It plays none of them.

use std::time::Duration;

/// What a client or server does next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Waits until another script has said this word.
    Await(&'static str),
    /// Reads exactly this many bytes.
    Bytes(usize),
    /// Closes both directions.
    Close,
    /// Gives the proxy's runtime socket a command; its answer is not recorded.
    Command(&'static str),
    /// Reads responses until the connection ends.
    End,
    /// Says that nothing more will be sent.
    Finish,
    /// Reads a head and not its body.
    Head,
    /// Records whatever comes within this time.
    Quiet(Duration),
    /// Reads bytes until the connection ends.
    RawEnd,
    /// Reads a request with its body.
    Request,
    /// Leaves with a TCP reset.
    Reset,
    /// Reads the final response to a request of this method.
    Response(&'static str),
    /// Says a word for [`Step::Await`].
    Say(&'static str),
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Answers each request with these bytes, until the connection ends.
    Serve(Vec<u8>),
    /// Does nothing for this time.
    Sleep(Duration),
    /// Sends these bytes in pieces of a size, with a pause after each.
    Slowly(Vec<u8>, usize, Duration),
}

/// [`Step::Send`].
pub fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

/// [`Step::Slowly`], with a pause in milliseconds.
pub fn slowly(bytes: impl AsRef<[u8]>, piece: usize, pause: u64) -> Step {
    Step::Slowly(bytes.as_ref().to_vec(), piece, Duration::from_millis(pause))
}

/// [`Step::Serve`].
pub fn serve(bytes: impl AsRef<[u8]>) -> Step {
    Step::Serve(bytes.as_ref().to_vec())
}

/// [`Step::Command`].
pub fn command(text: &'static str) -> Step {
    Step::Command(text)
}

/// [`Step::Sleep`], in milliseconds.
pub fn sleep(time: u64) -> Step {
    Step::Sleep(Duration::from_millis(time))
}

/// [`Step::Quiet`], in milliseconds.
pub fn quiet(time: u64) -> Step {
    Step::Quiet(Duration::from_millis(time))
}

/// [`Step::Response`] to a GET.
pub fn response() -> Step {
    Step::Response("GET")
}

/// A request as a script sends it: lines joined and ended as HTTP wants.
pub fn lines(lines: &[&str]) -> String {
    let mut text = lines.join("\r\n");
    text.push_str("\r\n\r\n");
    text
}

/// A GET of this target with host `h`, sent at once.
pub fn get(target: &str) -> Step {
    send(format!("GET {target} HTTP/1.1\r\nhost: h\r\n\r\n"))
}
