//! From the command line to a running balancer: what is asked, is it valid, bind, then run.
//!
//! Each step ends the program with the reference's exit code when it fails.

use std::process::ExitCode;

use lbd_config::config::Config;
use lbd_config::host::Environment;
use lbd_config::loader::Sources;
use lbd_core::{Diags, Level};

use crate::args::{Args, ArgsError, Task, VersionForm, usage};
use crate::host::SystemHost;
use crate::master;
use crate::run::{self, Options};
use crate::{args, cpus, demo, objects, report, version};

/// A configuration is refused, or the program cannot start.
const REFUSED: u8 = 1;
/// The configuration is good but has nothing to listen on.
const NO_LISTENER: u8 = 2;

/// Shown when nothing is asked.
const HINT: &str = "\
lbd: nothing to do. Try one of
  lbd demo                        a balancer in front of built-in servers, on loopback only
  lbd -c -V -f haproxy.cfg        check a configuration
  lbd -db -f haproxy.cfg          run it in the foreground
";

/// Runs the program with these words behind its name.
pub(crate) fn main(words: &[String]) -> ExitCode {
    master::take_signals();
    if words.first().is_some_and(|word| word == master::QUESTION) {
        return master::answer();
    }
    let args = match args::parse(words) {
        Ok(args) => args,
        Err(ArgsError::Usage) => {
            eprint!("{}{}", version::text(VersionForm::Page), usage());
            return ExitCode::from(REFUSED);
        }
        Err(ArgsError::Message(text)) => {
            report::alert(&text);
            return ExitCode::from(REFUSED);
        }
    };
    report::set_quiet(args.quiet);
    if args.memory_mb.is_some()
        && let Err(error) = crate::process::without_reserve()
    {
        report::alert(&format!("Cannot start within '-m' : {error}"));
        return ExitCode::from(REFUSED);
    }
    match &args.task {
        Task::Version(form) => {
            print!("{}", version::text(*form));
            ExitCode::SUCCESS
        }
        Task::Condition(text) => condition(text, &args),
        Task::Demo(words) => demo::main(words),
        Task::Check | Task::Run => match &args.keyword_classes {
            Some(classes) if args.sources.is_empty() => match print_keywords(classes) {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(REFUSED),
            },
            _ if args.sources.is_empty() && words.is_empty() => {
                eprint!("{HINT}");
                ExitCode::from(REFUSED)
            }
            _ if args.sources.is_empty() => {
                eprint!("{}{}", version::text(VersionForm::Page), usage());
                ExitCode::from(REFUSED)
            }
            _ if args.has_master && args.task == Task::Run && !is_for_output(&args) => {
                master::run(&args, words)
            }
            _ => with_configuration(&args),
        },
    }
}

/// Whether something is only printed.
fn is_for_output(args: &Args) -> bool {
    args.dump.is_some()
}

fn system(args: &Args) -> SystemHost {
    let mut host = SystemHost {
        ipv4_only: args.ipv4_only,
        no_splice: args.no_splice,
        no_reuseport: args.no_reuseport,
        no_fast_forward: args.no_fast_forward,
        insecure_fork: args.insecure_fork,
        switched_off: args.switched_off.clone(),
        no_server_verify: args.no_server_verify,
        ignore_unresolved: args.ignore_unresolved,
        variables: Vec::new(),
    };
    let peer = args.localpeer.clone();
    let peer = peer.unwrap_or_else(|| lbd_config::host::Host::hostname(&host));
    host.variables = vec![
        ("HAPROXY_LOCALPEER", peer),
        ("HAPROXY_CFGFILES", args.sources.join(";")),
    ];
    host
}

/// `-cc`: 0 true, 1 false, 2 cannot be parsed.
fn condition(text: &str, args: &Args) -> ExitCode {
    let host = system(args);
    let verdict = lbd_config::condition::check(text, &Environment::new(&host));
    if let lbd_config::condition::Verdict::Unreadable(message) = &verdict {
        report::alert(&format!("Failed to evaluate condition: {message}"));
    }
    ExitCode::from(verdict.exit_code())
}

/// `-dK`: prints the known keywords of some classes; false when a class is unknown.
fn print_keywords(classes: &str) -> bool {
    match crate::keywords::dump(classes) {
        Ok(text) => print!("{text}"),
        Err(help) => {
            print!("{help}");
            return false;
        }
    }
    true
}

/// `-dc`, `-dL` and `-dA`: the CPUs, what is loaded, and an archive of that.
fn print_surroundings(config: &Config, args: &Args) -> Result<(), String> {
    if args.list_cpus {
        let workers = run::limits::workers(config);
        print!("{}", cpus::report(workers, &config.global.cpu_map));
    }
    if !args.list_objects && args.archive.is_none() {
        return Ok(());
    }
    let plain = |error| crate::bind::plain(&error);
    let objects = objects::loaded().map_err(plain)?;
    if args.list_objects {
        if !args.quiet {
            println!("List of loaded object files:");
        }
        let with_ranges = args.verbose && !args.quiet;
        print!("{}", objects::list(&objects, with_ranges));
    }
    match args.archive.as_deref() {
        None => Ok(()),
        Some("") => Err("-dA: missing output file name".to_owned()),
        Some(path) => objects::archive(&objects, path.as_ref())
            .map_err(|error| format!("-dA: cannot write {path} : {}", plain(error))),
    }
}

fn with_configuration(args: &Args) -> ExitCode {
    if let Some(directory) = &args.directory
        && let Err(error) = std::env::set_current_dir(directory)
    {
        report::alert(&format!(
            "Could not change to directory {} : {}",
            directory.display(),
            crate::bind::plain(&error)
        ));
        return ExitCode::from(REFUSED);
    }
    let started = std::time::Instant::now();
    let loaded = load(args, None);
    report::raw(&diagnosis(&loaded, args));
    let mut warnings = loaded.diags.count(Level::Warning);
    let Some(config) = loaded.config else {
        return ExitCode::from(REFUSED);
    };
    if let Some(text) = run::limits::crowding(&config) {
        report::warning(&text);
        warnings += 1;
    }
    if (args.warnings_fatal || config.global.zero_warning) && warnings > 0 {
        report::alert(&too_many(warnings));
        return ExitCode::from(REFUSED);
    }
    for text in &config.tls.cautions {
        report::warning(text);
    }
    if let Some(classes) = &args.keyword_classes {
        // As in the reference, the lists come with whatever else was asked for.
        print_keywords(classes);
    }
    if let Err(text) = print_surroundings(&config, args) {
        report::alert(&text);
        return ExitCode::from(REFUSED);
    }
    let is_check = args.task == Task::Check;
    if !config.has_listener() {
        if !args.quiet {
            println!(
                "Configuration file has no error but will not start (no listener) => exit(2)."
            );
        }
        return ExitCode::from(NO_LISTENER);
    }
    if is_check && let Some(path) = &config.global.stats_file {
        // A start reads it once more; here it is only told what is wrong with it.
        crate::stats_file::StatsFile::read(path);
    }
    if is_check || args.dump.is_some() {
        if args.verbose {
            println!("Configuration file is valid");
        }
        return ExitCode::SUCCESS;
    }
    if !args.no_effect.is_empty() {
        report::notice(&format!("no effect in lbd: {}", args.no_effect.join(" ")));
    }
    let options = Options::new(args, warnings, started);
    match run::run(config, &options) {
        Ok(code) => code,
        Err(messages) => {
            messages.iter().for_each(|text| report::alert(text));
            ExitCode::from(REFUSED)
        }
    }
}

/// What reading the configuration brought.
struct Loaded {
    config: Option<Config>,
    diags: Diags,
    sources: Sources,
}

/// What became of reading a configuration while another one runs.
pub(crate) enum Loading {
    /// It may run; and what was told of it.
    Ready(Box<Config>, String),
    /// It may not, for these reasons.
    Refused(String),
}

/// Reads the files of the command line anew for a process that runs `former`. What there is to tell
/// is also printed, as far as there is a terminal.
pub(crate) fn load_after(args: &Args, former: &Config) -> Loading {
    let loaded = load(args, Some(former));
    let mut text = diagnosis(&loaded, args);
    report::raw(&text);
    let mut warnings = loaded.diags.count(Level::Warning);
    let Some(config) = loaded.config else {
        return Loading::Refused(text);
    };
    let mut add = |level: Level, line: &str| {
        report::say(level, line);
        text.push_str(&report::line(level, line));
    };
    if let Some(line) = run::limits::crowding(&config) {
        add(Level::Warning, &line);
        warnings += 1;
    }
    for caution in &config.tls.cautions {
        add(Level::Warning, caution);
    }
    let is_strict = args.warnings_fatal || config.global.zero_warning;
    if is_strict && warnings > 0 {
        add(Level::Alert, &too_many(warnings));
        return Loading::Refused(text);
    }
    if !config.has_listener() {
        add(
            Level::Alert,
            "Configuration file has no error but no listener.",
        );
        return Loading::Refused(text);
    }
    Loading::Ready(Box::new(config), text)
}

fn too_many(warnings: usize) -> String {
    format!("Some warnings were found and 'zero-warning' is set. Aborting. ({warnings} warnings)")
}

fn load(args: &Args, former: Option<&Config>) -> Loaded {
    let host = system(args);
    let names: Vec<&str> = args.sources.iter().map(String::as_str).collect();
    let (sources, mut diags) = lbd_config::loader::load(&names, &host);
    if diags.has_alert() {
        return Loaded {
            config: None,
            diags,
            sources,
        };
    }
    if let Some(form) = args.dump
        && !args.quiet
    {
        let environment = Environment::new(&host);
        print!("{}", lbd_config::dump::dump(&sources, &environment, form));
    }
    let (mut config, found) = lbd_config::load_after(&sources, &host, former);
    diags.append(found);
    if let Some(config) = &mut config {
        config.global.no_splice |= args.no_zero_copy;
    }
    if let (Some(config), Some(limit)) = (&mut config, args.proxy_maxconn) {
        let frontends = config.proxies.iter_mut().map(|proxy| &mut proxy.frontend);
        for frontend in frontends.filter(|frontend| frontend.maxconn == 0) {
            frontend.maxconn = limit;
        }
    }
    Loaded {
        config,
        diags,
        sources,
    }
}

/// What there is to tell of a configuration, in the reference's form.
fn diagnosis(loaded: &Loaded, args: &Args) -> String {
    let pid = std::process::id();
    let mut text = String::new();
    let is_refused = loaded.diags.has_alert();
    if is_refused || loaded.diags.count(Level::Warning) > 0 {
        let version = format!("lbd version is {}", env!("CARGO_PKG_VERSION"));
        text.push_str(&report::line(Level::Notice, &version));
        if let Ok(path) = std::env::current_exe() {
            let path = format!("path to executable is {}", path.display());
            text.push_str(&report::line(Level::Notice, &path));
        }
    }
    let render = lbd_config::render::render;
    text.push_str(&render(
        &loaded.diags,
        &loaded.sources,
        pid,
        args.diagnostics,
    ));
    if is_refused {
        let closing = lbd_config::render::verdict(&loaded.diags, &loaded.sources);
        text.push_str(&render(&closing, &loaded.sources, pid, false));
    }
    text
}
