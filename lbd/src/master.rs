//! The master of `-W` and `-Ws`: it starts a worker, outlives it, and passes on what operators and the
//! service manager want (haproxy 3.4 management 3 and 9.4).
//!
//! It serves no traffic and reads no configuration. A worker that has kept its rights takes a new
//! configuration in place; one that has given them up is followed by a new one, which fetches its
//! listening sockets.

mod cli;
mod command;
mod image;
mod signals;
mod state;
mod upgrade;
mod waiter;
mod worker;

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;

use nix::sys::signal::Signal;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::args::Args;
use crate::process::{self, Notifier, Side};
use crate::report;
use image::Image;
use state::State;
pub(crate) use upgrade::{QUESTION, answer};
use waiter::{Outcome, Waiter};
pub(crate) use worker::{
    BEAT, DONE, HARD_RELOAD, LINK, NEEDS_RIGHTS, OUTCOME, READY, RELOAD, SOCKETS, converses,
    take_signals,
};
use worker::{Said, Worker};

/// What happens to a master.
enum Event {
    /// A worker has ended, with this code.
    Exited(i32, u8),
    /// Somebody wants a reload, a hard one or not.
    Reload(bool, Option<Waiter>),
    /// A worker has said something.
    Said(i32, Said),
    /// A signal came.
    Signal(Signal),
    /// The program that was put in the place of this one can go on, or not, and why.
    Tried(Result<(), String>),
}

/// What the one thread of a master begins with.
struct Beginning {
    doors: Vec<cli::Door>,
    held: signals::Held,
    /// Left by the program before this one.
    legacy: Option<Image>,
    /// Who waits for the start, in the background.
    started: Option<process::PipeWriter>,
}

/// Runs a master until its workers have ended.
pub(crate) fn run(args: &Args, words: &[String]) -> ExitCode {
    let beginning = match begin(args) {
        Ok(Ok(beginning)) => beginning,
        Ok(Err(code)) => return code,
        Err(text) => {
            report::alert(&text);
            return ExitCode::from(1);
        }
    };
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
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, serve(beginning, words))
}

/// Everything before there is a runtime; the code of a process that ends here.
fn begin(args: &Args) -> Result<Result<Beginning, ExitCode>, String> {
    let is_daemon = args.daemon && !args.foreground && !args.debug;
    let signals = |error| format!("signals cannot be received: {error}");
    if let Some(legacy) = upgrade::legacy()? {
        report::set_quiet(args.quiet || is_daemon);
        return Ok(Ok(Beginning {
            held: signals::Held::new().map_err(signals)?,
            doors: cli::adopt(args, &legacy.doors)?,
            legacy: Some(legacy),
            started: None,
        }));
    }
    let doors = cli::bind(args)?;
    let started = match is_daemon.then(process::fork_to_background).transpose() {
        Ok(None) => None,
        Ok(Some(Side::Child(started))) => Some(started),
        Ok(Some(Side::Parent(child))) => {
            return Ok(Err(ExitCode::from(u8::from(!child.wait()))));
        }
        Err(error) => return Err(format!("Cannot fork : {error}")),
    };
    if let Some(path) = &args.pidfile
        && process::write_pidfile(path, std::process::id()).is_err()
    {
        return Err(format!("Cannot create pidfile {}", path.display()));
    }
    Ok(Ok(Beginning {
        held: signals::Held::new().map_err(signals)?,
        doors,
        legacy: None,
        started,
    }))
}

async fn serve(beginning: Beginning, words: &[String]) -> ExitCode {
    let Beginning {
        doors,
        held,
        legacy,
        started,
    } = beginning;
    let (sender, events) = tokio::sync::mpsc::unbounded_channel();
    let mut state = State::new(words, sender.clone());
    let has_begun = held
        .serve(sender)
        .and_then(|()| cli::keep(&doors).map(|doors| state.doors = doors));
    if let Err(error) = has_begun {
        report::alert(&format!("the master cannot start: {error}"));
        return ExitCode::from(1);
    }
    let is_later = legacy.is_some();
    let begun = match legacy {
        None => state.spawn(words, None),
        Some(image) => state.adopt(image),
    };
    if let Err(error) = begun {
        report::alert(&format!("the worker cannot be started: {error}"));
        return ExitCode::from(1);
    }
    let state = Rc::new(RefCell::new(state));
    cli::serve(doors, &state);
    let mut master = Master {
        state: Rc::clone(&state),
        notifier: Notifier::open(),
        started,
    };
    if is_later {
        let mut state = state.borrow_mut();
        state.note("NOTICE", "The master goes on as the new program.");
        state.note("NOTICE", "Loading success.");
        state.reap();
        master.finish(&mut state, true, String::new());
    }
    master.watch(events).await
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
                Event::Exited(pid, code) => {
                    if let Some(code) = self.exited(&mut state, pid, code) {
                        state.refuse_all();
                        self.notifier.say("STOPPING=1\n");
                        return ExitCode::from(code);
                    }
                }
                Event::Reload(is_hard, waiter) => self.reload(&mut state, is_hard, waiter),
                Event::Said(pid, said) => self.said(&mut state, pid, said),
                Event::Tried(result) => self.tried(&mut state, result),
                Event::Signal(Signal::SIGCHLD) => state.reap(),
                Event::Signal(Signal::SIGHUP | Signal::SIGUSR2) => {
                    self.reload(&mut state, false, None);
                }
                Event::Signal(Signal::SIGUSR1) => state.end(0, Signal::SIGUSR1),
                Event::Signal(Signal::SIGINT) => state.end(130, Signal::SIGINT),
                Event::Signal(_) => state.end(0, Signal::SIGTERM),
            }
        }
        ExitCode::SUCCESS
    }

    fn said(&mut self, state: &mut State, pid: i32, said: Said) {
        match said {
            Said::Beat => {
                // One that leaves may hang; one that comes is not waited for.
                if state
                    .current
                    .as_ref()
                    .is_some_and(|worker| worker.pid == pid)
                {
                    self.notifier.say("WATCHDOG=1\n");
                }
            }
            Said::Ready => {
                if state.coming.as_ref().is_none_or(|worker| worker.pid != pid) {
                    return;
                }
                let is_first = state.current.is_none();
                state.promote();
                if state.is_upgrade && state.ending.is_none() {
                    return self.go_on(state);
                }
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
                    self.next(state);
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

    fn reload(&mut self, state: &mut State, is_hard: bool, waiter: Option<Waiter>) {
        if state.ending.is_some() {
            return waiter.into_iter().for_each(Waiter::refuse);
        }
        if state.waiting.is_some() || state.current.is_none() {
            if state.queue.len() < MAX_QUEUE {
                state.queue.push_back((is_hard, waiter));
            } else if let Some(waiter) = waiter {
                waiter.tell(&Outcome::refused("Too many reloads wait."));
            }
            return;
        }
        self.notifier.say(&crate::run::reload::reloading());
        state.reloads += 1;
        state.is_hard = is_hard;
        state.waiting = Some(waiter.into_iter().collect());
        state.log.borrow_mut().clear();
        state.is_upgrade = upgrade::is_replaced(&state.program);
        if state.is_upgrade {
            return state.try_new();
        }
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

    /// The new program can go on: a worker of it comes first, which also reads the configuration.
    fn tried(&mut self, state: &mut State, result: Result<(), String>) {
        let result = match state.ending {
            None => {
                result.and_then(|()| state.follow().map_err(|error| crate::bind::plain(&error)))
            }
            Some(_) => Err("The process ends.".to_owned()),
        };
        if let Err(why) = result {
            state.note("ALERT", &why);
            state.note("WARNING", "This program goes on.");
            self.finish(state, false, String::new());
        }
    }

    /// The worker of the new program serves: this process becomes the new program too.
    fn go_on(&mut self, state: &mut State) {
        let error = upgrade::go_on(&state.program, &state.image());
        let text = format!(
            "The new worker serves, but the master cannot go on as the new program: {}",
            crate::bind::plain(&error)
        );
        state.note("ALERT", &text);
        self.finish(state, false, String::new());
    }

    fn finish(&mut self, state: &mut State, is_done: bool, text: String) {
        state.has_failed = !is_done;
        state.failures += u32::from(!is_done);
        state.is_upgrade = false;
        let text = match text.is_empty() {
            true => state.log.borrow().clone(),
            false => text,
        };
        self.notifier.say(match is_done {
            true => "READY=1\nSTATUS=Ready.\n",
            false => "READY=1\nSTATUS=Reload failed!\n",
        });
        let outcome = Outcome { is_done, text };
        for waiter in state.waiting.take().into_iter().flatten() {
            waiter.tell(&outcome);
        }
        self.next(state);
    }

    /// A reload that was asked for while that was not possible.
    fn next(&mut self, state: &mut State) {
        if let Some((is_hard, waiter)) = state.queue.pop_front() {
            self.reload(state, is_hard, waiter);
        }
    }

    /// A worker has ended; the code with which the master ends, if it does.
    fn exited(&mut self, state: &mut State, pid: i32, code: u8) -> Option<u8> {
        let has = |worker: &Option<Worker>| worker.as_ref().is_some_and(|worker| worker.pid == pid);
        if has(&state.coming) {
            state.coming = None;
            let text = format!("Failed to load worker ({pid}) exited with code {code}");
            state.note("WARNING", &text);
            if state.current.is_none() && state.ending.is_none() {
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
