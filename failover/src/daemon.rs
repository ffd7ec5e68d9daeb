//! The daemon: reads the configuration, starts the timers' thread, and does everything that may wait.

mod control;
mod lock;

use std::process::{Child, ExitCode};
use std::sync::Arc;

use vrrp::engine::{Guard, Severity};
use vrrp::{Engine, realtime};
use vrrp_config::Reading;

use crate::args::Options;
use crate::guardian;
use crate::host::Machine;
use crate::log::Log;
use control::Control;

/// Runs until it is told to end.
pub fn main(options: Box<Options>) -> ExitCode {
    let log = Arc::new(Log::open(&options));
    let reading = read(&options);
    tell(&reading, &log);
    if reading.is_unusable {
        log.error("the configuration cannot be used");
        eprint!("{}", vrrp_config::render(&reading));
        return ExitCode::from(reading.status());
    }
    if !options.is_foreground
        && let Err(error) = nix::unistd::daemon(false, false)
    {
        log.error(&format!("cannot go to the background: {error}"));
        return ExitCode::from(EXIT_FATAL);
    }
    let lock = match lock::PidFile::take(&options.pid_file) {
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
    let code = match serve(*options, reading, &log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            log.error(&why);
            eprintln!("lbd-failover: {why}");
            ExitCode::from(EXIT_FATAL)
        }
    };
    drop(lock);
    log.info("stopped");
    code
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

fn serve(options: Options, reading: Reading, log: &Arc<Log>) -> Result<(), String> {
    let config = Arc::new(reading.config);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let local = tokio::task::LocalSet::new();
    let shutdown = local.block_on(&runtime, async {
        if let Some((command, limit)) = &config.global.startup_script {
            control::run_once(command, *limit, log, "startup_script").await;
        }
        // Before anything is owned: what an interrupted run left behind goes.
        crate::switchover::clean(&config).await;
        let (guard, guardian) = guard(&options, log);
        let (engine, handle, reports) = Engine::open(Arc::clone(&config), guard)
            .map_err(|error| format!("cannot open sockets: {error}"))?;
        let thread = start(engine, &config, log)?;
        let mut control = Control::new(options, Arc::clone(&config), handle, Arc::clone(log));
        control.watch_guardian(guardian);
        control.run(reports).await?;
        // It ended: it said so.
        let _ = thread.join();
        Ok::<_, String>(control.shutdown_script())
    })?;
    if let Some((command, limit)) = shutdown {
        local.block_on(&runtime, async {
            control::run_once(&command, limit, log, "shutdown_script").await;
        });
    }
    Ok(())
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
