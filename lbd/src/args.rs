//! The command line: the reference's flags with the reference's meaning (haproxy 3.4 management 3).
//!
//! It opens and runs nothing.

mod flags;

use std::path::PathBuf;

use lbd_config::dump::Form;
use lbd_core::cli::Value;

/// What the program was asked to do first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Task {
    /// Run the balancer.
    #[default]
    Run,
    /// `-c`: check the configuration.
    Check,
    /// `-cc`: evaluate a condition of `.if`.
    Condition(String),
    /// `-v`, `-vv`, `-vq`, `-vqs`, `-vqb`.
    Version(VersionForm),
    /// `demo`: the built-in demonstration, with its own words.
    Demo(Vec<String>),
}

/// Which version text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionForm {
    /// `-v`.
    Page,
    /// `-vv`.
    Build,
    /// `-vq` and `-vqs`.
    Number,
    /// `-vqb`.
    Branch,
}

/// The command line, parsed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Args {
    /// What to do.
    pub(crate) task: Task,
    /// `-f` and the words behind `--`.
    pub(crate) sources: Vec<String>,
    /// `-W`, `-Ws`: a master starts the worker and outlives it.
    pub(crate) has_master: bool,
    /// `-S`: the master's socket, with options of a bind line by commas.
    pub(crate) master_socket: Option<String>,
    /// `-x`: the runtime socket of the process whose listening sockets are taken over.
    pub(crate) handover: Option<PathBuf>,
    /// `-C`.
    pub(crate) directory: Option<PathBuf>,
    /// `-D`.
    pub(crate) daemon: bool,
    /// `-db`.
    pub(crate) foreground: bool,
    /// `-d`.
    pub(crate) debug: bool,
    /// `-q`.
    pub(crate) quiet: bool,
    /// `-V`.
    pub(crate) verbose: bool,
    /// `-n`: limit of connections of the process.
    pub(crate) maxconn: Option<u32>,
    /// `-N`: default limit of each proxy.
    pub(crate) proxy_maxconn: Option<u32>,
    /// `-m`: memory in megabytes.
    pub(crate) memory_mb: Option<u64>,
    /// `-p`.
    pub(crate) pidfile: Option<PathBuf>,
    /// `-L`.
    pub(crate) localpeer: Option<String>,
    /// `-sf`: processes that shall finish once this one listens.
    pub(crate) finish: Vec<i32>,
    /// `-st`: processes that shall stop at once then.
    pub(crate) terminate: Vec<i32>,
    /// `-dW`: warnings refuse the start.
    pub(crate) warnings_fatal: bool,
    /// `-dD`: diagnostic warnings.
    pub(crate) diagnostics: bool,
    /// `-dI`.
    pub(crate) insecure_fork: bool,
    /// `-dS`: no splicing.
    pub(crate) no_splice: bool,
    /// `-dR`: no `SO_REUSEPORT`.
    pub(crate) no_reuseport: bool,
    /// `-dr`: server names that do not resolve are no error.
    pub(crate) ignore_unresolved: bool,
    /// `-dV`: certificates of servers are not verified.
    pub(crate) no_server_verify: bool,
    /// `-4`: host names give IPv4 addresses only.
    pub(crate) ipv4_only: bool,
    /// `-dF`: bodies are copied.
    pub(crate) no_fast_forward: bool,
    /// `-dZ`.
    pub(crate) no_zero_copy: bool,
    /// `-de`, `-dp`, `-dG`: switches that only `enabled()` shows.
    pub(crate) switched_off: Vec<&'static str>,
    /// `-dC`: the configuration is printed as it was read.
    pub(crate) dump: Option<Form>,
    /// `-dL`: what is loaded is listed.
    pub(crate) list_objects: bool,
    /// `-dA`: file that gets an archive of what is loaded; empty when none was named.
    pub(crate) archive: Option<String>,
    /// `-dc`: the CPUs are listed with what runs on them.
    pub(crate) list_cpus: bool,
    /// `-dK`: classes of keywords to print.
    pub(crate) keyword_classes: Option<String>,
    /// Flags that were given and change nothing here, for one notice.
    pub(crate) no_effect: Vec<String>,
}

/// Why a command line is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ArgsError {
    /// Show the usage page.
    Usage,
    /// Say this.
    Message(String),
}

/// Largest number of process ids behind `-sf`/`-st`.
const MAX_PIDS: usize = 1024;

/// Reads the words after the program's name.
pub(crate) fn parse(words: &[String]) -> Result<Args, ArgsError> {
    let mut args = Args::default();
    let mut words = words.iter().map(String::as_str).peekable();
    if words.peek() == Some(&"demo") {
        args.task = Task::Demo(words.skip(1).map(str::to_owned).collect());
        return Ok(args);
    }
    while let Some(word) = words.next() {
        match word {
            "--" => args.sources.extend(words.by_ref().map(str::to_owned)),
            "-sf" | "-st" => {
                let pids = if word == "-sf" {
                    &mut args.finish
                } else {
                    &mut args.terminate
                };
                while let Some(pid) = words.peek().and_then(|w| w.parse().ok()) {
                    if pids.len() == MAX_PIDS {
                        return Err(ArgsError::Message(format!("{word}: too many processes")));
                    }
                    pids.push(pid);
                    words.next();
                }
            }
            _ if takes_value(word) => {
                let value = words.next().ok_or(ArgsError::Usage)?;
                set_value(&mut args, word, value)?;
            }
            _ => set_flag(&mut args, word)?,
        }
    }
    Ok(args)
}

/// Whether the next word belongs to this one.
fn takes_value(word: &str) -> bool {
    flags::program()
        .flags()
        .any(|flag| flag.short == word && matches!(flag.value, Value::Next(_)))
}

fn set_value(args: &mut Args, flag: &str, value: &str) -> Result<(), ArgsError> {
    match flag {
        "-f" => args.sources.push(value.to_owned()),
        "-C" => args.directory = Some(value.into()),
        "-cc" => args.task = Task::Condition(value.to_owned()),
        "-n" => args.maxconn = Some(number(flag, value)?),
        "-N" => args.proxy_maxconn = Some(number(flag, value)?),
        "-m" => args.memory_mb = Some(number(flag, value)?),
        "-p" => args.pidfile = Some(value.into()),
        "-L" => args.localpeer = Some(value.to_owned()),
        "-S" => args.master_socket = Some(value.to_owned()),
        "-x" => args.handover = Some(value.into()),
        _ => return Err(ArgsError::Usage),
    }
    Ok(())
}

fn number<T: std::str::FromStr>(flag: &str, value: &str) -> Result<T, ArgsError> {
    value
        .parse()
        .map_err(|_| ArgsError::Message(format!("{flag}: '{value}' is not a whole number")))
}

fn no_traces() -> ArgsError {
    ArgsError::Message(
        "-dt: lbd has no traces: they follow the reference's internal events, which do not exist \
         here; errors of clients and servers are in 'show errors', in the logs and in 'show sess'"
            .to_owned(),
    )
}

fn set_flag(args: &mut Args, flag: &str) -> Result<(), ArgsError> {
    match flag {
        "-c" => args.task = Task::Check,
        "-v" => args.task = Task::Version(VersionForm::Page),
        "-vv" => args.task = Task::Version(VersionForm::Build),
        "-vq" | "-vqs" => args.task = Task::Version(VersionForm::Number),
        "-vqb" => args.task = Task::Version(VersionForm::Branch),
        "-D" => args.daemon = true,
        "-d" => args.debug = true,
        "-db" => args.foreground = true,
        "-q" => args.quiet = true,
        "-V" => args.verbose = true,
        "-4" => args.ipv4_only = true,
        "-dW" => args.warnings_fatal = true,
        "-dD" => args.diagnostics = true,
        "-dI" => args.insecure_fork = true,
        "-dS" => args.no_splice = true,
        "-dR" => args.no_reuseport = true,
        "-dr" => args.ignore_unresolved = true,
        "-dV" => args.no_server_verify = true,
        "-dF" => args.no_fast_forward = true,
        "-dZ" => args.no_zero_copy = true,
        "-dL" => args.list_objects = true,
        "-dc" => args.list_cpus = true,
        "-W" | "-Ws" => args.has_master = true,
        // Pollers, allocator, look-up function and offloads that lbd does not have.
        "-de" | "-dp" | "-dk" | "-dv" | "-dG" | "-dT" => {
            args.switched_off.extend(match flag {
                "-de" => Some("EPOLL"),
                "-dp" => Some("POLL"),
                "-dG" => Some("GETADDRINFO"),
                _ => None,
            });
            args.no_effect.push(flag.to_owned());
        }
        _ if flag.starts_with("-dt") => return Err(no_traces()),
        _ if flag.starts_with("-dC") => args.dump = Some(Form::parse(&flag[3..])),
        _ if flag.starts_with("-dA") => args.archive = Some(flag[3..].to_owned()),
        _ if flag.starts_with("-dM") => args.no_effect.push(flag.to_owned()),
        _ if flag.starts_with("-dK") => args.keyword_classes = Some(flag[3..].to_owned()),
        _ => return Err(ArgsError::Usage),
    }
    Ok(())
}

/// The usage page.
pub(crate) fn usage() -> String {
    flags::program().usage()
}

#[cfg(test)]
mod tests;
