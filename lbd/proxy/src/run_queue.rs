//! How many tasks of a worker wait for their turn: its load, as `rq-load` knows it (haproxy 3.4
//! configuration 3.2, `tune.h2.fe.max-concurrent-streams`).
//!
//! Sessions and streams are counted, which are what the reference's run queue consists of. Nothing
//! is counted unless the configuration or a profile asks for it, since each wake-up then costs some
//! atomic steps; those that begin meanwhile are.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// The count of one worker. Other threads only add to what is runnable, by waking; the rest is
/// written by the worker's thread.
#[derive(Debug, Default)]
pub(crate) struct RunQueue {
    /// Tasks that were woken and had no turn since.
    runnable: AtomicU32,
    /// Tasks that were runnable when the present round began, in which each of them has a turn.
    round: AtomicU32,
    /// Those of the round before it.
    previous: AtomicU32,
    /// Turns left in the present round.
    left: AtomicU32,
    /// The configuration asks for it.
    is_counted: bool,
}

impl RunQueue {
    /// A queue of which the configuration wants to know the load, or not.
    pub(crate) fn new(is_counted: bool) -> Self {
        Self {
            is_counted,
            ..Self::default()
        }
    }

    /// Whether the configuration wants to know its load.
    pub(crate) fn is_counted(&self) -> bool {
        self.is_counted
    }

    /// Tasks that want a turn or had one lately.
    ///
    /// Two rounds are one of the reference's: a connection that was read wakes its streams, which
    /// have their turns in the same loop there and in the next round here.
    pub(crate) fn load(&self) -> u32 {
        let (round, previous) = (self.round.load(Relaxed), self.previous.load(Relaxed));
        round.saturating_add(previous)
    }

    /// Counted tasks that want a turn.
    pub(crate) fn runnable(&self) -> u32 {
        self.runnable.load(Relaxed)
    }

    /// Nothing is left to do: the worker sleeps.
    pub(crate) fn rest(&self) {
        for part in [&self.round, &self.previous, &self.left] {
            part.store(0, Relaxed);
        }
    }

    fn begin_turn(&self) {
        let runnable = self.runnable.fetch_sub(1, Relaxed);
        let left = match self.left.load(Relaxed) {
            0 => {
                self.previous.store(self.round.load(Relaxed), Relaxed);
                self.round.store(runnable, Relaxed);
                runnable
            }
            left => left,
        };
        self.left.store(left.saturating_sub(1), Relaxed);
    }
}

/// A task as its queue knows it; also its waker.
#[derive(Debug)]
struct Entry {
    queue: Arc<RunQueue>,
    is_runnable: AtomicBool,
    /// When it was woken, nanoseconds of the worker's clock; 0 unless its waits are measured.
    woken: AtomicU64,
    /// What its waits are measured by.
    clock: Option<Instant>,
    /// The runtime's waker, the same for the life of the task.
    waker: OnceLock<Waker>,
}

impl Entry {
    fn queue(&self) {
        if !self.is_runnable.swap(true, Relaxed) {
            if let Some(clock) = self.clock {
                self.woken.store(nanos(clock.elapsed()).max(1), Relaxed);
            }
            self.queue.runnable.fetch_add(1, Relaxed);
        }
    }

    /// How long it has waited for its turn, where that is measured.
    fn waited(&self) -> Option<Duration> {
        let (clock, woken) = (self.clock?, self.woken.swap(0, Relaxed));
        let waited = nanos(clock.elapsed()).saturating_sub(woken);
        (woken > 0).then_some(Duration::from_nanos(waited))
    }

    /// Takes the task off the queue; whether it was there.
    fn unqueue(&self) -> bool {
        self.is_runnable.swap(false, Relaxed)
    }
}

impl Wake for Entry {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.queue();
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }
}

pin_project_lite::pin_project! {
    /// A task that is counted; `N` hears how long it has waited for each turn.
    pub(crate) struct Counted<F, N> {
        entry: Arc<Entry>,
        waker: Waker,
        note: N,
        #[pin]
        task: F,
    }

    impl<F, N> PinnedDrop for Counted<F, N> {
        fn drop(this: Pin<&mut Self>) {
            let entry = this.project().entry;
            if entry.unqueue() {
                entry.queue.runnable.fetch_sub(1, Relaxed);
            }
        }
    }
}

impl<F, N: Fn(Duration)> Counted<F, N> {
    /// The same task, runnable at once, counted in `queue`; with `clock` its waits are measured.
    pub(crate) fn new(queue: &Arc<RunQueue>, clock: Option<Instant>, note: N, task: F) -> Self {
        let entry = Arc::new(Entry {
            queue: Arc::clone(queue),
            is_runnable: AtomicBool::new(false),
            woken: AtomicU64::new(0),
            clock,
            waker: OnceLock::new(),
        });
        entry.queue();
        let waker = Waker::from(Arc::clone(&entry));
        Self {
            entry,
            waker,
            note,
            task,
        }
    }
}

impl<F: Future<Output = ()>, N: Fn(Duration)> Future for Counted<F, N> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.entry.waker.get_or_init(|| cx.waker().clone());
        if let Some(waited) = this.entry.waited() {
            (this.note)(waited);
        }
        // The runtime may poll a task that nobody has woken.
        this.entry.queue();
        this.entry.unqueue();
        this.entry.queue.begin_turn();
        this.task.poll(&mut Context::from_waker(this.waker))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
