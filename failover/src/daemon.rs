//! The daemon: reads the configuration, starts the timers' thread, and does everything that may wait.

mod control;
mod lock;

use std::process::{Child, ExitCode};
use std::rc::Rc;
use std::sync::Arc;

use vrrp::engine::{Guard, Severity};
use vrrp::{Engine, realtime};
use vrrp_config::Reading;

use crate::args::Options;
use crate::guardian;
use crate::host::Machine;
use crate::launcher::{self, Launcher};
use crate::log::Log;
use crate::privileges;
use control::{Control, Ending};

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
    let result = serve(*options, reading, &log);
    drop(lock);
    match result {
        Ok(Ending::Stop) => {
            log.info("stopped");
            ExitCode::SUCCESS
        }
        Ok(Ending::Upgrade(names)) => go_on(&names, &log),
        Err(why) => {
            log.error(&why);
            eprintln!("lbd-failover: {why}");
            ExitCode::from(EXIT_FATAL)
        }
    }
}

/// Takes away what a killed daemon left behind, unless one is running.
pub fn clean(options: &Options) -> ExitCode {
    let lock = match lock::PidFile::take(&options.pid_file) {
        Ok(lock) => lock,
        Err(why) => {
            eprintln!("lbd-failover: {why}");
            return ExitCode::from(EXIT_FATAL);
        }
    };
    let config = Arc::new(read(options).config);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    if let Ok(runtime) = runtime {
        runtime.block_on(crate::switchover::clean(&config));
    }
    // Opening does it: no instance is master yet.
    let result = Engine::open(config, None, &[]).map(|_| ());
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

fn serve(options: Options, reading: Reading, log: &Arc<Log>) -> Result<Ending, String> {
    let config = Arc::new(reading.config);
    // Before any right is given up, and before there are threads.
    let socket = launcher::start(&options).map_err(|error| format!("no launcher: {error}"))?;
    let (guard, guardian) = guard(&options, log);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let launcher = Launcher::attach(socket).map_err(|error| format!("no launcher: {error}"))?;
        if let Some((command, limit)) = &config.global.startup_script {
            control::run_once(&launcher, command, *limit, log, "startup_script").await;
        }
        // Before anything is owned: what an interrupted run left behind goes.
        crate::switchover::clean(&config).await;
        let resumed = resumed();
        let (engine, handle, reports) = Engine::open(Arc::clone(&config), guard, &resumed)
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
        control.watch_guardian(guardian);
        if !keeps {
            privileges::drop_rest(&config.global)?;
        }
        let thread = start(engine, &config, log)?;
        control.run(reports).await?;
        // It ended: it said so.
        let _ = thread.join();
        if let (Ending::Stop, Some((command, limit))) =
            (control.ending(), control.shutdown_script())
        {
            control::run_once(&launcher, &command, limit, log, "shutdown_script").await;
        }
        Ok(control.ending())
    })
}

/// The instances that the program before this one was master of.
fn resumed() -> Vec<String> {
    let names = std::env::var(RESUME).unwrap_or_default();
    names
        .split('\n')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Goes on as the program that now stands where this one was started from.
fn go_on(names: &[String], log: &Log) -> ExitCode {
    let mut command = std::process::Command::new(program());
    command
        .args(std::env::args_os().skip(1))
        .env(RESUME, names.join("\n"));
    let error = std::os::unix::process::CommandExt::exec(&mut command);
    log.error(&format!("cannot go on: {error}"));
    ExitCode::from(EXIT_FATAL)
}

/// The path of this program, also when the file was replaced.
fn program() -> std::path::PathBuf {
    let path = std::env::current_exe().unwrap_or_default();
    let text = path.to_string_lossy();
    text.strip_suffix(" (deleted)")
        .map_or_else(|| path.clone(), Into::into)
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

/// Names what is resumed to the program that goes on.
const RESUME: &str = "LBD_FAILOVER_RESUME";
/// keepalived's `KEEPALIVED_EXIT_FATAL`.
const EXIT_FATAL: u8 = 1;
