use std::mem::size_of;

use super::{Live, SessionTask, Turns};
use crate::session::{self, Session};

/// The size of a task that runs what `f` returns.
fn task_size<A, F>(_: impl Fn(A) -> F) -> usize {
    size_of::<Turns<F, SessionTask>>()
}

/// What an idle connection holds is a figure of `tests/perf`: a field more here is eight bytes
/// more on each of them, sixteen when it passes a step of the allocator, and 128 when the future
/// passes the room of the runtime's task.
#[test]
fn an_idle_connection_holds_no_more_than_it_did() {
    let task = task_size(session::serve);
    assert!(task <= 128, "{task}");
    assert!(size_of::<Session>() <= 408, "{}", size_of::<Session>());
    assert!(size_of::<Live>() + 16 <= 184, "{}", size_of::<Live>() + 16);
}
