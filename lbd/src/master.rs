//! The master of `-W` and `-Ws`: it starts a worker, outlives it, and passes on what operators and the
//! service manager want (haproxy 3.4 management 3 and 9.4).
//!
//! It serves no traffic and reads no configuration. A worker that has kept its rights takes a new
//! configuration in place; one that has given them up is followed by a new one, which fetches its
//! listening sockets.

mod cli;
mod command;
mod worker;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::process::{ExitCode, ExitStatus};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use nix::sys::signal::Signal;
use parking_lot::Mutex;
use signal_hook::consts;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use crate::args::Args;
use crate::process::{self, Notifier, Side};
use crate::report;
pub(crate) use worker::{
    CONVERSE, DONE, HARD_RELOAD, LINK, NEEDS_RIGHTS, OUTCOME, READY, RELOAD, SOCKETS,
};
use worker::{Said, Worker};

/// What happens to a master.
enum Event {
    /// A worker has ended.
    Exited(i32, ExitStatus),
    /// Somebody wants a reload, a hard one or not.
    Reload(bool, Option<oneshot::Sender<Outcome>>),
    /// A worker has said something.
    Said(i32, Said),
    /// A signal came.
    Signal(i32),
}

/// What became of a reload.
#[derive(Debug, Clone)]
struct Outcome {
    is_done: bool,
    text: String,
}

/// The messages of the last start or reload.
type Log = Arc<Mutex<String>>;

/// Most bytes of messages that are kept.
const MAX_LOG: usize = 64 * 1024;

/// What is known of the workers.
struct State {
    words: Vec<String>,
    events: UnboundedSender<Event>,
    log: Log,
    started: Instant,
    reloads: u32,
    failures: u32,
    /// The last reload failed.
    has_failed: bool,
    current: Option<Worker>,
    /// One that starts, and will be the current one.
    coming: Option<Worker>,
    /// Those that end.
    leaving: Vec<Worker>,
    /// Who waits for the reload that is under way.
    waiting: Option<Vec<oneshot::Sender<Outcome>>>,
    /// The reload under way ends what is left of the old process at once.
    is_hard: bool,
    /// Reloads that were asked for meanwhile.
    queue: VecDeque<(bool, Option<oneshot::Sender<Outcome>>)>,
    /// Ends with this code when the last worker has.
    ending: Option<u8>,
}

/// Runs a master until its workers have ended.
pub(crate) fn run(args: &Args, words: &[String]) -> ExitCode {
    let doors = match cli::bind(args) {
        Ok(doors) => doors,
        Err(text) => {
            report::alert(&text);
            return ExitCode::from(1);
        }
    };
    let is_daemon = args.daemon && !args.foreground && !args.debug;
    let started = match is_daemon.then(process::fork_to_background).transpose() {
        Ok(None) => None,
        Ok(Some(Side::Child(started))) => Some(started),
        Ok(Some(Side::Parent(child))) => return ExitCode::from(u8::from(!child.wait())),
        Err(error) => {
            report::alert(&format!("Cannot fork : {error}"));
            return ExitCode::from(1);
        }
    };
    if let Some(path) = &args.pidfile
        && process::write_pidfile(path, std::process::id()).is_err()
    {
        report::alert(&format!("Cannot create pidfile {}", path.display()));
        return ExitCode::from(1);
    }
    let (sender, events) = tokio::sync::mpsc::unbounded_channel();
    if let Err(error) = signals(sender.clone()) {
        report::alert(&format!("signals cannot be received: {error}"));
        return ExitCode::from(1);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            report::alert(&format!("the master cannot start: {error}"));
            return ExitCode::from(1);
        }
    };
    let state = State {
        words: worker::words(words),
        events: sender,
        log: Log::default(),
        started: Instant::now(),
        reloads: 0,
        failures: 0,
        has_failed: false,
        current: None,
        coming: None,
        leaving: Vec::new(),
        waiting: None,
        is_hard: false,
        queue: VecDeque::new(),
        ending: None,
    };
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let state = Rc::new(RefCell::new(state));
        if let Err(error) = state.borrow_mut().spawn(words, None) {
            report::alert(&format!("the worker cannot be started: {error}"));
            return ExitCode::from(1);
        }
        cli::serve(doors, &state);
        let master = Master {
            state,
            notifier: Notifier::open(),
            started,
        };
        master.watch(events).await
    })
}

fn signals(sender: UnboundedSender<Event>) -> std::io::Result<()> {
    let signals = signal_hook::iterator::Signals::new([
        consts::SIGHUP,
        consts::SIGINT,
        consts::SIGTERM,
        consts::SIGUSR1,
        consts::SIGUSR2,
    ])?;
    crate::run::signals::forward(signals, move |number| {
        sender.send(Event::Signal(number)).is_ok()
    })
}

struct Master {
    state: Rc<RefCell<State>>,
    notifier: Notifier,
    started: Option<process::PipeWriter>,
}

impl Master {
    async fn watch(mut self, mut events: UnboundedReceiver<Event>) -> ExitCode {
        // The state holds a sender itself.
        while let Some(event) = events.recv().await {
            let state = Rc::clone(&self.state);
            let mut state = state.borrow_mut();
            match event {
                Event::Exited(pid, status) => {
                    if let Some(code) = self.exited(&mut state, pid, status) {
                        self.notifier.say("STOPPING=1\n");
                        return ExitCode::from(code);
                    }
                }
                Event::Reload(is_hard, answer) => self.reload(&mut state, is_hard, answer),
                Event::Said(pid, said) => self.said(&mut state, pid, said),
                Event::Signal(consts::SIGHUP | consts::SIGUSR2) => {
                    self.reload(&mut state, false, None);
                }
                Event::Signal(consts::SIGUSR1) => state.end(0, Signal::SIGUSR1),
                Event::Signal(consts::SIGINT) => state.end(130, Signal::SIGINT),
                Event::Signal(_) => state.end(0, Signal::SIGTERM),
            }
        }
        ExitCode::SUCCESS
    }

    fn said(&mut self, state: &mut State, pid: i32, said: Said) {
        match said {
            Said::Ready => {
                if state.coming.as_ref().is_none_or(|worker| worker.pid != pid) {
                    return;
                }
                let is_first = state.current.is_none();
                state.promote();
                state.note("NOTICE", "Loading success.");
                if is_first {
                    if let Some(started) = self.started.take() {
                        let _ = process::close_standard_streams();
                        report::set_quiet(true);
                        started.started();
                    }
                    let pid = std::process::id();
                    self.notifier
                        .say(&format!("READY=1\nMAINPID={pid}\nSTATUS=Ready.\n"));
                } else {
                    self.finish(state, true, String::new());
                }
            }
            Said::Outcome { code, text } => match code {
                NEEDS_RIGHTS => {
                    if let Err(error) = state.follow() {
                        self.finish(state, false, format!("{error}\n"));
                    }
                }
                code => self.finish(state, code == DONE, text),
            },
        }
    }

    fn reload(
        &mut self,
        state: &mut State,
        is_hard: bool,
        answer: Option<oneshot::Sender<Outcome>>,
    ) {
        if state.ending.is_some() {
            // Who waits hears that nobody answers.
            return;
        }
        if state.waiting.is_some() || state.current.is_none() {
            if state.queue.len() < MAX_QUEUE {
                state.queue.push_back((is_hard, answer));
            }
            return;
        }
        self.notifier.say(&crate::run::reload::reloading());
        state.reloads += 1;
        state.is_hard = is_hard;
        state.waiting = Some(answer.into_iter().collect());
        state.log.lock().clear();
        let order = match is_hard {
            true => HARD_RELOAD,
            false => RELOAD,
        };
        let sent = state
            .current
            .as_ref()
            .map(|worker| worker.send(order, None));
        if !matches!(sent, Some(Ok(()))) {
            self.finish(state, false, "The worker cannot be told.\n".to_owned());
        }
    }

    fn finish(&mut self, state: &mut State, is_done: bool, text: String) {
        state.has_failed = !is_done;
        state.failures += u32::from(!is_done);
        let text = match text.is_empty() {
            true => state.log.lock().clone(),
            false => text,
        };
        self.notifier.say(match is_done {
            true => "READY=1\nSTATUS=Ready.\n",
            false => "READY=1\nSTATUS=Reload failed!\n",
        });
        let outcome = Outcome { is_done, text };
        for answer in state.waiting.take().into_iter().flatten() {
            // Who asked may have left.
            let _ = answer.send(outcome.clone());
        }
        if let Some((is_hard, answer)) = state.queue.pop_front() {
            self.reload(state, is_hard, answer);
        }
    }

    /// A worker has ended; the code with which the master ends, if it does.
    fn exited(&mut self, state: &mut State, pid: i32, status: ExitStatus) -> Option<u8> {
        let code = worker::code(status);
        let has = |worker: &Option<Worker>| worker.as_ref().is_some_and(|worker| worker.pid == pid);
        if has(&state.coming) {
            state.coming = None;
            let text = format!("Failed to load worker ({pid}) exited with code {code}");
            state.note("WARNING", &text);
            if state.current.is_none() {
                return Some(code);
            }
            self.finish(state, false, String::new());
        } else if has(&state.current) {
            state.current = None;
            if state.ending.is_none() {
                let text = format!("Current worker ({pid}) exited with code {code}");
                state.note("ALERT", &text);
                state.note(
                    "ALERT",
                    "exit-on-failure: killing every processes with SIGTERM",
                );
                state.end(code, Signal::SIGTERM);
            }
        } else if let Some(at) = state.leaving.iter().position(|worker| worker.pid == pid) {
            state.leaving.swap_remove(at);
            let text = format!("Former worker ({pid}) exited with code {code}");
            state.note("WARNING", &text);
        }
        state.ending.filter(|_| state.is_alone())
    }
}

/// Reloads that wait for another one to end.
const MAX_QUEUE: usize = 64;

impl State {
    /// Starts a worker, which will be the current one.
    fn spawn(
        &mut self,
        words: &[String],
        sockets: Option<std::os::unix::net::UnixStream>,
    ) -> std::io::Result<()> {
        let words = match sockets {
            None => worker::first_words(words),
            Some(_) => self.words.clone(),
        };
        let worker = Worker::spawn(&words, sockets, &self.events, &self.log)?;
        self.note(
            "NOTICE",
            &format!("Initializing new worker ({})", worker.pid),
        );
        self.coming = Some(worker);
        Ok(())
    }

    /// Starts a worker that follows the current one, whose listening sockets it fetches.
    fn follow(&mut self) -> std::io::Result<()> {
        let Some(current) = &self.current else {
            return Ok(());
        };
        let sockets = current.talk()?;
        self.spawn(&[], Some(sockets))
    }

    /// The coming worker is the current one; the one before finishes.
    fn promote(&mut self) {
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
    fn end(&mut self, code: u8, signal: Signal) {
        self.ending.get_or_insert(code);
        for worker in self.workers() {
            worker.send_signal(signal);
        }
    }

    fn workers(&self) -> impl Iterator<Item = &Worker> {
        let current = self.current.iter().chain(&self.coming);
        current.chain(&self.leaving)
    }

    fn is_alone(&self) -> bool {
        self.workers().next().is_none()
    }

    /// Tells something, and keeps it for `show startup-logs`.
    fn note(&self, label: &'static str, text: &str) {
        report::say_as(label, text);
        let level = report::level_of(label);
        worker::keep(&self.log, &report::line(level, text));
    }
}
