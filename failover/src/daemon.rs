//! The daemon: reads the configuration, starts the timers' thread, and does everything that may wait.

mod control;
mod lock;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ExitCode};
use std::rc::Rc;
use std::sync::Arc;

use vrrp::engine::{Guard, Handed, Severity};
use vrrp::{Engine, realtime};
use vrrp_config::Reading;

use crate::args::Options;
use crate::fence;
use crate::guardian;
use crate::host::Machine;
use crate::launcher::{self, Launcher};
use crate::log::Log;
use crate::namespace;
use crate::privileges;
use crate::upgrade::{self, Legacy};
use control::{Control, Ending};

/// Runs until it is told to end.
pub fn main(options: Box<Options>) -> ExitCode {
    let legacy = upgrade::legacy();
    // The program before this one has entered its namespace already, and may not do so again.
    let reading = match legacy {
        Some(_) => read(&options),
        None => namespace::read(&options, false),
    };
    let place = options.place(&reading.config);
    let log = Arc::new(Log::open(&options, &place));
    tell(&reading, &log);
    if reading.is_unusable {
        log.error("the configuration cannot be used");
        eprint!("{}", vrrp_config::render(&reading));
        return ExitCode::from(reading.status());
    }
    // The program before this one is in the background already.
    if !options.is_foreground
        && legacy.is_none()
        && let Err(error) = nix::unistd::daemon(false, false)
    {
        log.error(&format!("cannot go to the background: {error}"));
        return ExitCode::from(EXIT_FATAL);
    }
    let lock = match lock::PidFile::take(&options.pid_file(&place), &|why| log.warning(why)) {
        Ok(lock) => lock,
        Err(why) => {
            log.error(&why);
            eprintln!("lbd-failover: {why}");
            return ExitCode::from(EXIT_FATAL);
        }
    };
    log.info(&format!(
        "starting lbd-failover {}",
        env!("CARGO_PKG_VERSION")
    ));
    let result = serve(*options, reading, legacy, &log);
    drop(lock);
    match result {
        Ok(Ending::Stop) => {
            log.info("stopped");
            ExitCode::SUCCESS
        }
        Ok(Ending::Upgrade(legacy)) => {
            let error = upgrade::go_on(*legacy);
            log.error(&format!("cannot go on: {error}"));
            ExitCode::from(EXIT_FATAL)
        }
        Err(why) => {
            log.error(&why);
            eprintln!("lbd-failover: {why}");
            ExitCode::from(EXIT_FATAL)
        }
    }
}

/// Takes away what a killed daemon left behind, unless one is running.
pub fn clean(options: &Options) -> ExitCode {
    let config = Arc::new(namespace::read(options, false).config);
    let pid_file = options.pid_file(&options.place(&config));
    let lock = match lock::PidFile::take(&pid_file, &|why| eprintln!("{why}")) {
        Ok(lock) => lock,
        Err(why) => {
            eprintln!("lbd-failover: {why}");
            return ExitCode::from(EXIT_FATAL);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    if let Ok(runtime) = runtime {
        runtime.block_on(async {
            fence::lower().await;
            crate::switchover::clean(&config).await;
        });
    }
    // Opening does it: no instance is master yet.
    let result = Engine::open(config, None, Handed::default()).map(|(engine, ..)| engine.clean());
    drop(lock);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lbd-failover: {error}");
            ExitCode::from(EXIT_FATAL)
        }
    }
}

fn read(options: &Options) -> Reading {
    let machine = Machine::new(options.config_id.clone());
    vrrp_config::read(&options.file, &machine)
}

/// Each finding is one line of the log.
fn tell(reading: &Reading, log: &Log) {
    for line in vrrp_config::render(reading).lines() {
        if !line.starts_with("    |") {
            log.line(Severity::Warning, line.trim());
        }
    }
}

fn serve(
    options: Options,
    reading: Reading,
    legacy: Option<Legacy>,
    log: &Arc<Log>,
) -> Result<Ending, String> {
    let config = Arc::new(reading.config);
    let is_first = legacy.is_none();
    let mut legacy = legacy.unwrap_or_default();
    // Before any right is given up, and before there are threads. The rights that a launcher needs
    // are gone after an upgrade: the one that is there goes on.
    let socket = match legacy.launcher.take() {
        Some(socket) => Ok(UnixStream::from(socket)),
        None => launcher::start(&options),
    };
    let socket = socket.map_err(|error| format!("no launcher: {error}"))?;
    let kept = socket.try_clone().ok().map(OwnedFd::from);
    let (guard, guardian) = match legacy.handed.guard.take() {
        // Another one takes its place as soon as the timers run.
        Some(link) => (
            Some(Box::new(guardian::Link::adopt(link)) as Box<dyn Guard>),
            None,
        ),
        None => guard(&options, log),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let launcher = Launcher::attach(socket).map_err(|error| format!("no launcher: {error}"))?;
        if is_first && let Some((command, limit)) = &config.global.startup_script {
            control::run_once(&launcher, command, *limit, log, "startup_script").await;
        }
        if is_first {
            // Before anything is owned: what an interrupted run left behind goes.
            crate::switchover::clean(&config).await;
        }
        let (engine, handle, reports) = Engine::open(
            Arc::clone(&config),
            guard,
            std::mem::take(&mut legacy.handed),
        )
        .map_err(|error| format!("cannot open sockets: {error}"))?;
        let keeps = options.keeps_privileges;
        let mut control = Control::new(
            options,
            Arc::clone(&config),
            handle,
            Rc::clone(&launcher),
            Arc::clone(log),
        );
        control.open_fifos();
        control.keep_launcher(kept);
        control.watch_guardian(guardian);
        if is_first {
            control.raise_fence().await;
        }
        if !keeps {
            privileges::drop_rest(&config.global)?;
        }
        let thread = start(engine, &config, log)?;
        if let Some(old) = legacy.guardian.take() {
            control.replace_guardian(old);
        }
        control.run(reports).await?;
        // It ended: it said so.
        let _ = thread.join();
        if control.is_end() {
            fence::lower().await;
            // One that was told twice to end left a switchover in the middle.
            control.clean_switchover().await;
        }
        if control.is_end()
            && let Some((command, limit)) = control.shutdown_script()
        {
            control::run_once(&launcher, &command, limit, log, "shutdown_script").await;
        }
        Ok(control.ending())
    })
}

/// Starts the guardian, unless it is not wanted.
fn guard(options: &Options, log: &Log) -> (Option<Box<dyn Guard>>, Option<Child>) {
    if options.no_guardian {
        return (None, None);
    }
    match guardian::start() {
        Ok((link, child)) => (Some(Box::new(link)), Some(child)),
        Err(error) => {
            log.error(&format!("no guardian: {error}"));
            (None, None)
        }
    }
}

/// The timers' thread, scheduled as the configuration says.
fn start(
    engine: Engine,
    config: &Arc<vrrp_config::Config>,
    log: &Arc<Log>,
) -> Result<std::thread::JoinHandle<()>, String> {
    let (global, log) = (config.global.clone(), Arc::clone(log));
    let thread = std::thread::Builder::new().name("vrrp".to_owned());
    thread
        .spawn(move || {
            for why in realtime::apply(&global) {
                log.warning(&why);
            }
            engine.run();
        })
        .map_err(|error| format!("cannot start the timers' thread: {error}"))
}

/// keepalived's `KEEPALIVED_EXIT_FATAL`.
const EXIT_FATAL: u8 = 1;
