//! The running balancer: sockets bound, privileges dropped, workers and control side started,
//! signals obeyed, everything ended.
//!
//! It decides nothing about traffic.

pub(crate) mod limits;
mod link;
pub(crate) mod listen;
mod old;
mod orders;
pub(crate) mod reload;
mod signals;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use lbd_config::config::{Config, LogTarget};
use lbd_core::WallTime;
use lbd_proxy::Namespaces;
use lbd_proxy::state::{Generation, Setup, Shared};

use crate::api::activity::Profile;
use crate::api::rare::Forgotten;
use crate::args::Args;
use crate::bind::SocketFile;
use crate::boot::Standing;
use crate::check::{self, CheckHandle, Watch};
use crate::failover::Farewell;
use crate::handover::{self, Inherited};
use crate::log::{Dropped, Logger};
use crate::ocsp::Orders;
use crate::peers::{self, PeersHandle, PeersSocket};
use crate::process::{self, Identity, Side};
use crate::report;
use crate::snapshot::{Directory, Snapshots};
use crate::stats::Statistics;
use crate::stats_file::StatsFile;

pub(crate) use limits::Limits;
use listen::Sockets;
pub(crate) use old::OldProcesses;
use parking_lot::{Mutex, RwLock};
use reload::ReloadHandle;

/// What the command line says about running.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The command line.
    pub(crate) args: Args,
    /// Warnings of the configuration.
    pub(crate) warnings: u32,
    /// When the program began.
    pub(crate) started: Instant,
    /// Name in log lines: the program's own.
    pub(crate) name: String,
    /// What the process was when it began.
    pub(crate) boot: Standing,
}

impl Options {
    /// Options of a start from the command line.
    pub(crate) fn new(args: &Args, warnings: usize, started: Instant) -> Self {
        let path = std::env::args_os().next().unwrap_or_default();
        let name = Path::new(&path)
            .file_name()
            .map(|n| n.to_string_lossy().into_owned());
        Self {
            args: args.clone(),
            warnings: u32::try_from(warnings).unwrap_or(u32::MAX),
            started,
            name: name.unwrap_or_else(|| "lbd".to_owned()),
            boot: Standing::now(),
        }
    }
}

/// The running balancer as its control side sees it.
pub(crate) struct Daemon {
    /// State shared with the workers.
    pub(crate) shared: Arc<Shared>,
    /// Health checks, and all orders about servers.
    pub(crate) checks: CheckHandle,
    /// Sessions with other nodes.
    pub(crate) peers: PeersHandle,
    /// OCSP answers that an operator wants updated.
    pub(crate) ocsp: Orders,
    /// Another configuration.
    pub(crate) reloads: ReloadHandle,
    /// What waits for `lbd-failover` at a stop.
    pub(crate) farewell: Arc<Farewell>,
    /// Held for writing while another configuration is put in place, for reading by whoever changes
    /// what belongs to one: a name found is not another's the next moment.
    pub(crate) gate: RwLock<()>,
    /// Log lines lost.
    pub(crate) dropped: Arc<Dropped>,
    /// Limits of the process.
    pub(crate) limits: Limits,
    /// Warnings at the start.
    pub(crate) warnings: u32,
    /// Milliseconds that the start took.
    pub(crate) boot_ms: u64,
    /// Seconds east of UTC.
    pub(crate) utc_offset: i32,
    /// Key of anonymised output for conversations that give none; 0 for none.
    pub(crate) anonkey: AtomicU32,
    /// Since when costs of tasks are told.
    pub(crate) profile: Profile,
    /// Times that connections to the runtime API waited for `stats maxconn`.
    pub(crate) api_waits: AtomicU64,
    /// What the process was when it began.
    pub(crate) boot: Standing,
    /// Rare things that were counted before `debug counters reset`.
    pub(crate) rare: Forgotten,
}

impl Daemon {
    /// The configuration that runs.
    pub(crate) fn config(&self) -> Arc<Config> {
        let generation: Arc<Generation> = self.shared.current();
        Arc::clone(&generation.config)
    }

    /// The wall clock.
    pub(crate) fn wall(&self) -> WallTime {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        WallTime(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

/// A balancer whose threads run.
pub(crate) struct Running {
    /// Its control side.
    pub(crate) daemon: Arc<Daemon>,
    workers: Vec<JoinHandle<()>>,
    control: JoinHandle<()>,
    stop_control: tokio::sync::mpsc::UnboundedSender<()>,
    paths: Arc<Mutex<Vec<SocketFile>>>,
}

/// Runs a configuration until it is told to stop.
///
/// # Errors
///
/// What prevents the start, a sentence each.
pub(crate) fn run(mut config: Config, options: &Options) -> Result<ExitCode, Vec<String>> {
    let args = &options.args;
    let one = |error: String| vec![error];
    let workers = limits::workers(&config);
    let limits = Limits::apply(&config, args, workers).map_err(one)?;
    config.set_process_maxconn(limits.maxconn);
    let is_daemon = (config.global.daemon || args.daemon) && !args.foreground && !args.debug;
    let mut signals = signals::Signals::new();
    if !is_daemon {
        signals.catch().map_err(|error| one(error.to_string()))?;
    }
    let namespaces = open_namespaces(&config, &options.name)?;
    let old = OldProcesses::new(args);
    let inherited = inherited(args).map_err(one)?;
    let mut sockets = listen::bind_all(&config, &old, workers, &limits, &namespaces, &inherited)?;
    // What no line has claimed is the old process's.
    drop(inherited);
    sockets.failover = crate::failover::open().map_err(one)?;

    let started = match is_daemon.then(process::fork_to_background).transpose() {
        Ok(None) => None,
        Ok(Some(Side::Child(started))) => Some(started),
        Ok(Some(Side::Parent(child))) => {
            return Ok(ExitCode::from(u8::from(!child.wait())));
        }
        Err(error) => return Err(one(format!("Cannot fork : {error}"))),
    };
    if is_daemon {
        // Not before: the process that waits for this one is ended by signals as any other.
        signals.catch().map_err(|error| one(error.to_string()))?;
    }
    let pidfile = args
        .pidfile
        .clone()
        .or_else(|| config.global.pidfile.clone());
    // As in the reference, only a process in the background leaves its number.
    if let Some(path) = pidfile.filter(|_| is_daemon) {
        process::write_pidfile(&path, std::process::id())
            .map_err(|_| one(format!("Cannot create pidfile {}", path.display())))?;
    }
    let master = link::take();
    // A master speaks for its workers.
    let notifier = Arc::new(match master {
        None => process::Notifier::open(),
        Some(_) => process::Notifier::none(),
    });
    let logger = make_logger(&config, workers, options);
    warn_of_root(&config);
    let snapshots = config.global.snapshots.as_ref();
    let snapshots = snapshots.map(Directory::open).transpose().map_err(one)?;
    let statistics = config.global.stats_file.as_deref().map(StatsFile::read);
    process::drop_privileges(Identity {
        chroot: config.global.chroot.as_deref(),
        gid: config.global.gid,
        uid: config.global.uid,
    })
    .map_err(|text| one(format!("[{}.main()] {text}", options.name)))?;

    if config.global.external_check && !config.global.insecure_setuid {
        // A program that checks gets no rights that this process has given up.
        nix::sys::prctl::set_no_new_privs().map_err(|error| one(error.to_string()))?;
    }

    old.dismiss();
    let running = start(
        config,
        sockets,
        workers,
        limits,
        Means {
            logger,
            namespaces,
            snapshots,
            statistics: statistics.unwrap_or_default(),
            notifier: Arc::clone(&notifier),
            master: master.as_ref().and_then(|link| link.try_clone().ok()),
        },
        options,
    )?;
    if let Some(started) = started {
        let _ = process::close_standard_streams();
        report::set_quiet(true);
        started.started();
    }
    if let Some(master) = &master {
        link::say_ready(master);
    }
    drop(master);
    notifier.say("READY=1\nSTATUS=Ready.\n");
    report::keep_no_more();
    let code = running.wait(&mut signals, &notifier);
    Ok(code)
}

/// How long a master's old worker may take to give its sockets.
const HANDOVER_PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The listening sockets of the process that `-x` names.
fn inherited(args: &Args) -> Result<Inherited, String> {
    if let Some(stream) = link::take_sockets() {
        let asked = stream
            .set_read_timeout(Some(HANDOVER_PATIENCE))
            .and_then(|()| handover::ask(&stream));
        return asked.map(Inherited::new).map_err(|error| {
            let error = crate::bind::plain(&error);
            format!("Failed to get the sockets from the old process! ({error})")
        });
    }
    let Some(path) = args
        .handover
        .as_deref()
        .filter(|path| *path != Path::new("/dev/null"))
    else {
        return Ok(Inherited::default());
    };
    match handover::fetch(path) {
        Ok(sockets) => Ok(Inherited::new(sockets)),
        Err(error) => Err(format!(
            "Failed to get the sockets from the old process! ({}: {})",
            path.display(),
            crate::bind::plain(&error)
        )),
    }
}

/// The namespaces of all lines; connections to servers in one need rights for as long as they run.
fn open_namespaces(config: &Config, name: &str) -> Result<Namespaces, Vec<String>> {
    let has_any = config.server_namespaces().next().is_some();
    if has_any && config.global.uid.is_some_and(|uid| uid != 0) {
        return Err(vec![format!(
            "[{name}.main()] Some configuration options require full privileges, so global.uid \
             cannot be changed: 'namespace' of a server."
        )]);
    }
    let names = config.bind_namespaces().chain(config.server_namespaces());
    Namespaces::open(names).map_err(|error| vec![error.to_string()])
}

fn warn_of_root(config: &Config) {
    if !nix::unistd::Uid::effective().is_root() {
        return;
    }
    if config.global.chroot.is_none() {
        report::warning(
            "lbd was started as root without a 'chroot' in the global section: a chroot limits \
             what an intruder can reach ('chroot /' silences this)",
        );
    }
    if config.global.uid.is_none() {
        report::warning(
            "lbd was started as root and has no 'user' in the global section to drop privileges \
             ('user root' silences this)",
        );
    }
}

/// A logger with its sockets open: unix ones may be out of reach once the root changes.
pub(crate) fn make_logger(config: &Config, workers: usize, options: &Options) -> Logger {
    let logger = Logger::new(
        workers,
        &options.name,
        limits::utc_offset(),
        &Arc::new(Dropped::default()),
    );
    for target in log_targets(config) {
        logger.open(&target.address);
    }
    logger
}

/// Where the lines of a configuration's logs go.
fn log_targets(config: &Config) -> impl Iterator<Item = &LogTarget> {
    let own = config.proxies.iter().flat_map(|proxy| &proxy.log.targets);
    let peers = config.peers.iter().flat_map(|section| &section.logs);
    own.chain(peers).chain(&config.global.logs)
}

/// What was opened before privileges went, besides sockets.
pub(crate) struct Means {
    /// Log lines.
    pub(crate) logger: Logger,
    /// Network namespaces.
    pub(crate) namespaces: Namespaces,
    /// Where tables outlive the process.
    pub(crate) snapshots: Option<Directory>,
    /// Counters of a process before this one.
    pub(crate) statistics: StatsFile,
    /// The service manager.
    pub(crate) notifier: Arc<process::Notifier>,
    /// The link to the master, if there is one.
    pub(crate) master: Option<std::os::unix::net::UnixStream>,
}

/// Starts workers and control side on bound sockets.
///
/// # Errors
///
/// What prevents it, a sentence each.
pub(crate) fn start(
    config: Config,
    sockets: Sockets,
    workers: usize,
    limits: Limits,
    means: Means,
    options: &Options,
) -> Result<Running, Vec<String>> {
    let Means {
        logger,
        namespaces,
        snapshots,
        statistics,
        notifier,
        master,
    } = means;
    let logger = Arc::new(logger);
    let dropped = logger.dropped();
    let fault = |error: std::io::Error| vec![format!("cannot start a thread: {error}")];
    let utc_offset = limits::utc_offset();
    let config = Arc::new(config);
    let watch = Arc::new(Watch::new());
    let (handle, requests, links) = peers::channel();
    let services = Arc::new(Statistics::default());
    let shared = Shared::new(
        Arc::clone(&config),
        Setup {
            services: services.clone(),
            maxconn: limits.maxconn,
            max_pipes: limits.pipes as usize,
            log: logger.clone(),
            observer: watch.clone(),
            changes: links.changes,
            replication: links.tellers,
            namespaces: Arc::new(namespaces),
            origin: options.started,
            ..Setup::new(workers)
        },
    );
    if let Some(directory) = &snapshots {
        directory.load(&shared);
    }
    statistics.apply(&shared);
    let boot_ms = u64::try_from(options.started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (stop_control, stopped) = tokio::sync::mpsc::unbounded_channel();
    let (ready, is_ready) = std::sync::mpsc::channel();
    let paths = Arc::new(Mutex::new(sockets.paths));
    let (reloads, orders) = reload::channel();
    let control = Control {
        options: options.clone(),
        logger,
        notifier,
        master,
        paths: Arc::clone(&paths),
        reloads: (reloads, orders),
        shared: Arc::clone(&shared),
        watch,
        dropped,
        limits,
        warnings: options.warnings,
        boot_ms,
        utc_offset,
        stats: sockets.stats,
        failover: sockets.failover,
        peers: sockets.peers,
        words: (handle, requests),
        snapshots,
        has_old_process: !options.args.finish.is_empty(),
        services,
        ready,
    };
    let control = std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || control.run(stopped))
        .map_err(fault)?;
    let daemon = is_ready
        .recv()
        .map_err(|_| vec!["the control side cannot start".to_owned()])?;
    let cpus = config.global.cpu_map.clone();
    let mut threads = Vec::with_capacity(workers);
    for (index, listeners) in sockets.workers.into_iter().enumerate() {
        let shared = Arc::clone(&shared);
        let cpus = u16::try_from(index + 1)
            .ok()
            .and_then(|n| cpus.get(&n).cloned());
        let thread = std::thread::Builder::new()
            .name(format!("worker-{}", index + 1))
            .spawn(move || {
                if let Some(cpus) = cpus {
                    limits::pin(&cpus);
                }
                if let Err(error) = lbd_proxy::worker::run(shared, index, listeners) {
                    report::alert(&format!("worker {} ended: {error}", index + 1));
                }
            });
        threads.push(thread.map_err(fault)?);
    }
    Ok(Running {
        daemon,
        workers: threads,
        control,
        stop_control,
        paths,
    })
}

/// The control side's thread: checks, runtime API.
struct Control {
    options: Options,
    logger: Arc<Logger>,
    notifier: Arc<process::Notifier>,
    master: Option<std::os::unix::net::UnixStream>,
    paths: Arc<Mutex<Vec<SocketFile>>>,
    reloads: (ReloadHandle, reload::Orders),
    shared: Arc<Shared>,
    watch: Arc<Watch>,
    dropped: Arc<Dropped>,
    limits: Limits,
    warnings: u32,
    boot_ms: u64,
    utc_offset: i32,
    stats: Vec<listen::StatsSocket>,
    failover: Option<crate::failover::Link>,
    peers: Vec<PeersSocket>,
    words: (PeersHandle, peers::Requests),
    snapshots: Option<Directory>,
    has_old_process: bool,
    services: Arc<Statistics>,
    ready: std::sync::mpsc::Sender<Arc<Daemon>>,
}

impl Control {
    fn run(self, mut stopped: tokio::sync::mpsc::UnboundedReceiver<()>) {
        let runtime = match tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => return report::alert(&format!("the control side cannot start: {error}")),
        };
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            let (peers, requests) = self.words;
            let options = check::Options {
                max_running: self.limits.checks(),
                console: Some(Box::new(report::say_as)),
                findings: peers.findings(&self.shared.current().config),
            };
            let anonkey = self.shared.current().config.global.anonkey;
            let checks = check::start(&self.shared, &self.watch, options);
            let daemon = Arc::new(Daemon {
                shared: self.shared,
                checks,
                peers,
                ocsp: Orders::default(),
                reloads: self.reloads.0,
                farewell: Arc::default(),
                gate: RwLock::default(),
                dropped: self.dropped,
                limits: self.limits,
                warnings: self.warnings,
                boot_ms: self.boot_ms,
                utc_offset: self.utc_offset,
                anonkey: AtomicU32::new(anonkey),
                profile: Profile::default(),
                api_waits: AtomicU64::new(0),
                boot: self.options.boot.clone(),
                rare: Forgotten::default(),
            });
            self.services.attach(&daemon);
            let doors = reload::Doors::new(self.stats, &daemon);
            let notifier = Arc::clone(&self.notifier);
            let reloader = reload::Reloader {
                daemon: Arc::clone(&daemon),
                options: self.options,
                limits: self.limits,
                logger: self.logger,
                notifier: self.notifier,
                doors,
                paths: self.paths,
            };
            tokio::task::spawn_local(reloader.run(self.reloads.1));
            match (self.master, process::watchdog_period()) {
                (Some(link), _) => {
                    tokio::task::spawn_local(link::serve(link, Arc::clone(&daemon)));
                }
                (None, Some(period)) => {
                    let beat = move || notifier.say("WATCHDOG=1\n");
                    let shared = Arc::clone(&daemon.shared);
                    tokio::task::spawn_local(crate::pulse::watch(shared, period, beat));
                }
                (None, None) => {}
            }
            if let Some(link) = self.failover {
                let farewell = Arc::clone(&daemon.farewell);
                let serve = crate::failover::serve(link, Arc::clone(&daemon.shared), farewell);
                tokio::task::spawn_local(serve);
            }
            tokio::task::spawn_local(crate::table::expire(Arc::clone(&daemon.shared)));
            tokio::task::spawn_local(crate::rates::observe(Arc::clone(&daemon.shared)));
            tokio::task::spawn_local(crate::ocsp::run(Arc::clone(&daemon)));
            let running = peers::start(&daemon, self.peers, requests, self.has_old_process);
            let snapshots = self
                .snapshots
                .map(|directory| Snapshots::start(directory, Arc::clone(&daemon.shared)));
            // The receiver waits in `start`.
            let _ = self.ready.send(daemon);
            stopped.recv().await;
            running.finish().await;
            if let Some(snapshots) = snapshots {
                snapshots.finish().await;
            }
        });
    }
}

impl Running {
    /// Obeys signals until all workers have ended; gives the exit code.
    fn wait(self, signals: &mut signals::Signals, notifier: &process::Notifier) -> ExitCode {
        let workers = self.workers;
        let waker = signals.waker();
        let joiner = std::thread::spawn(move || {
            for worker in workers {
                let _ = worker.join();
            }
            waker.workers_ended();
        });
        let end = signals.obey(&self.daemon);
        let _ = self.stop_control.send(());
        let _ = self.control.join();
        self.paths.lock().iter().for_each(SocketFile::remove);
        notifier.say("STOPPING=1\n");
        match end {
            signals::End::Workers => {
                let _ = joiner.join();
                ExitCode::SUCCESS
            }
            signals::End::Signal(signal) => signals::die_of(signal),
        }
    }

    /// Stops everything at once and waits for it (the demonstration's end).
    pub(crate) fn stop(self) {
        self.daemon.shared.hard_stop();
        for worker in self.workers {
            let _ = worker.join();
        }
        let _ = self.stop_control.send(());
        let _ = self.control.join();
        self.paths.lock().iter().for_each(SocketFile::remove);
    }
}
