//! What a master knows: its workers, who waits for a reload, and what of that goes on in another program.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use lbd_config::config::AccessLevel;
use nix::sys::signal::Signal;
use tokio::sync::mpsc::UnboundedSender;

use super::image::{DoorImage, Image, WorkerImage};
use super::waiter::Waiter;
use super::worker::{self, Handed, Worker};
use super::{Event, upgrade};
use crate::report;

/// The messages of the last start or reload.
pub(super) type Log = Rc<RefCell<String>>;

/// Most bytes of messages that are kept.
pub(super) const MAX_LOG: usize = 64 * 1024;

/// What is known of the workers.
pub(super) struct State {
    pub(super) words: Vec<String>,
    /// The program's file.
    pub(super) program: PathBuf,
    pub(super) events: UnboundedSender<Event>,
    pub(super) log: Log,
    pub(super) started: Instant,
    pub(super) reloads: u32,
    pub(super) failures: u32,
    /// The last reload failed.
    pub(super) has_failed: bool,
    /// The master's own sockets, as another program would take them over.
    pub(super) doors: Vec<DoorImage>,
    pub(super) current: Option<Worker>,
    /// One that starts, and will be the current one.
    pub(super) coming: Option<Worker>,
    /// Those that end.
    pub(super) leaving: Vec<Worker>,
    /// Who waits for the reload that is under way.
    pub(super) waiting: Option<Vec<Waiter>>,
    /// The reload under way ends what is left of the old process at once.
    pub(super) is_hard: bool,
    /// The reload under way ends as another program.
    pub(super) is_upgrade: bool,
    /// Reloads that were asked for meanwhile.
    pub(super) queue: VecDeque<(bool, Option<Waiter>)>,
    /// Ends with this code when the last worker has.
    pub(super) ending: Option<u8>,
}

impl State {
    pub(super) fn new(words: &[String], events: UnboundedSender<Event>) -> Self {
        Self {
            words: worker::words(words),
            program: upgrade::program(),
            events,
            log: Log::default(),
            started: Instant::now(),
            reloads: 0,
            failures: 0,
            has_failed: false,
            doors: Vec::new(),
            current: None,
            coming: None,
            leaving: Vec::new(),
            waiting: None,
            is_hard: false,
            is_upgrade: false,
            queue: VecDeque::new(),
            ending: None,
        }
    }

    /// Starts a worker, which will be the current one.
    pub(super) fn spawn(
        &mut self,
        words: &[String],
        sockets: Option<std::os::unix::net::UnixStream>,
    ) -> std::io::Result<()> {
        let words = match sockets {
            None => worker::first_words(words),
            Some(_) => self.words.clone(),
        };
        let worker = Worker::spawn(&self.program, &words, sockets, &self.events, &self.log)?;
        self.note(
            "NOTICE",
            &format!("Initializing new worker ({})", worker.pid),
        );
        self.coming = Some(worker);
        Ok(())
    }

    /// Starts a worker that follows the current one, whose listening sockets it fetches.
    pub(super) fn follow(&mut self) -> std::io::Result<()> {
        let Some(current) = &self.current else {
            return Ok(());
        };
        let sockets = current.talk(AccessLevel::Admin)?;
        self.spawn(&[], Some(sockets))
    }

    /// The coming worker is the current one; the one before finishes.
    pub(super) fn promote(&mut self) {
        let Some(worker) = self.coming.take() else {
            return;
        };
        if let Some(mut old) = self.current.replace(worker) {
            old.send_signal(match self.is_hard {
                true => Signal::SIGTERM,
                false => Signal::SIGUSR1,
            });
            old.survived = self.reloads;
            self.leaving.push(old);
        }
    }

    /// Ends all workers, and then the master with this code.
    pub(super) fn end(&mut self, code: u8, signal: Signal) {
        self.ending.get_or_insert(code);
        for worker in self.workers() {
            worker.send_signal(signal);
        }
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = &Worker> {
        let current = self.current.iter().chain(&self.coming);
        current.chain(&self.leaving)
    }

    pub(super) fn workers_mut(&mut self) -> impl Iterator<Item = &mut Worker> {
        let current = self.current.iter_mut().chain(&mut self.coming);
        current.chain(&mut self.leaving)
    }

    /// Looks which workers have ended.
    pub(super) fn reap(&mut self) {
        let events = self.events.clone();
        for worker in self.workers_mut() {
            worker.reap(&events);
        }
    }

    /// Who waits hears that nothing comes.
    pub(super) fn refuse_all(&mut self) {
        let queued = self.queue.drain(..).filter_map(|(_, waiter)| waiter);
        let waiting = self.waiting.take().into_iter().flatten();
        waiting.chain(queued).for_each(Waiter::refuse);
    }

    pub(super) fn is_alone(&self) -> bool {
        self.workers().next().is_none()
    }

    /// Tells something, and keeps it for `show startup-logs`.
    pub(super) fn note(&self, label: &'static str, text: &str) {
        report::say_as(label, text);
        let level = report::level_of(label);
        worker::keep(&self.log, &report::line(level, text));
    }

    /// Asks whether the program that stands in the place of this one can go on; the answer is an event.
    pub(super) fn try_new(&self) {
        let (program, image) = (self.program.clone(), self.image());
        let events = self.events.clone();
        tokio::task::spawn_blocking(move || {
            let _ = events.send(Event::Tried(upgrade::ask(&program, &image)));
        });
    }

    /// What another program needs to go on.
    pub(super) fn image(&self) -> Image {
        let workers = self.current.iter().chain(&self.leaving);
        let workers = workers.map(|worker| {
            let (link, errors) = worker.descriptors();
            let (heard, printed) = worker.halves();
            WorkerImage {
                pid: worker.pid,
                age: worker.since.elapsed(),
                version: worker.version.clone(),
                survived: worker.survived,
                code: worker.code,
                link,
                heard,
                errors,
                printed,
            }
        });
        let waiting = self.waiting.iter().flatten();
        let queue = self.queue.iter();
        let queue =
            queue.map(|(is_hard, waiter)| (*is_hard, waiter.as_ref().map(Waiter::descriptor)));
        Image {
            age: self.started.elapsed(),
            reloads: self.reloads,
            failures: self.failures,
            log: self.log.borrow().clone(),
            doors: self.doors.clone(),
            workers: workers.collect(),
            waiting: waiting.map(Waiter::descriptor).collect(),
            queue: queue.collect(),
        }
    }

    /// Goes on where the program before this one stopped.
    ///
    /// # Errors
    /// When there is no current worker to go on with.
    pub(super) fn adopt(&mut self, image: Image) -> std::io::Result<()> {
        self.started = before(image.age);
        self.reloads = image.reloads;
        self.failures = image.failures;
        *self.log.borrow_mut() = image.log;
        for left in image.workers {
            let Some(link) = upgrade::adopt(left.link) else {
                continue;
            };
            let handed = Handed {
                pid: left.pid,
                since: before(left.age),
                version: left.version,
                survived: left.survived,
                code: left.code,
                link,
                heard: left.heard,
                errors: left.errors.and_then(upgrade::adopt),
                printed: left.printed,
            };
            let worker = Worker::attach(handed, &self.events, &self.log)?;
            match self.current {
                None => self.current = Some(worker),
                Some(_) => self.leaving.push(worker),
            }
        }
        let waiter = |fd| upgrade::adopt(fd).map(Waiter::new);
        self.waiting = Some(image.waiting.into_iter().filter_map(waiter).collect());
        let queue = image.queue.into_iter();
        self.queue = queue
            .map(|(is_hard, fd)| (is_hard, fd.and_then(waiter)))
            .collect();
        match self.current {
            Some(_) => Ok(()),
            None => Err(std::io::Error::other("the program before left no worker")),
        }
    }
}

/// The moment that was so long ago.
fn before(age: Duration) -> Instant {
    let now = Instant::now();
    now.checked_sub(age).unwrap_or(now)
}
