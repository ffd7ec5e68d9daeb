//! The command line, as keepalived has it.

mod flags;

use std::path::PathBuf;

use vrrp_config::Config;
use vrrp_config::config::Place;

pub use flags::program;
use flags::{Effect, FLAGS, Flag, Value};

/// What to do.
#[derive(Debug)]
pub enum Action {
    /// Be the daemon.
    Run(Box<Options>),
    /// Take stale addresses away and end.
    Clean(Box<Options>),
    /// Print this and end.
    Say(String),
    /// Read the configuration, say what is wrong, end.
    Test(Box<Options>),
}

/// What the daemon was asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `-f`: the configuration.
    pub file: String,
    /// `-i`: what `@id` lines are compared with.
    pub config_id: Option<String>,
    /// `-p`: where the process id goes.
    pub pid_file: Option<PathBuf>,
    /// `-s`: the network namespace, whatever the configuration says.
    pub net_namespace: Option<String>,
    /// `-n`: stay in the foreground.
    pub is_foreground: bool,
    /// `-l`: log to the console too.
    pub log_console: bool,
    /// `-D`: log more.
    pub log_detail: bool,
    /// `-G`: no syslog.
    pub no_syslog: bool,
    /// `-S`: the facility, 0 to 7 for local0 to local7.
    pub facility: Option<u8>,
    /// `-g`: log to this file too.
    pub log_file: Option<PathBuf>,
    /// `-V`: keep addresses at the end.
    pub keeps_addresses: bool,
    /// `--socket`: where `lbctl` asks.
    pub socket: Option<PathBuf>,
    /// `--no-guardian`: nobody watches over this process.
    pub no_guardian: bool,
    /// `--no-drop`: keep all privileges.
    pub keeps_privileges: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            file: "/etc/keepalived/keepalived.conf".to_owned(),
            config_id: None,
            pid_file: None,
            net_namespace: None,
            is_foreground: false,
            log_console: false,
            log_detail: false,
            no_syslog: false,
            facility: None,
            log_file: None,
            keeps_addresses: false,
            socket: None,
            no_guardian: false,
            keeps_privileges: false,
        }
    }
}

impl Options {
    /// Where the process runs: the command line's namespace goes first.
    pub fn place(&self, config: &Config) -> Place {
        let own = self.net_namespace.clone();
        Place {
            net_namespace: own.or_else(|| config.place.net_namespace.clone()),
            ..config.place.clone()
        }
    }

    /// Where the process id goes.
    pub fn pid_file(&self, place: &Place) -> PathBuf {
        let default = || format!("/run/lbd-failover{}.pid", place.suffix()).into();
        self.pid_file.clone().unwrap_or_else(default)
    }

    /// Where `lbctl` asks.
    pub fn socket(&self, place: &Place) -> PathBuf {
        let default = || format!("/run/lbd-failover{}.sock", place.suffix()).into();
        self.socket.clone().unwrap_or_else(default)
    }
}

/// Reads the command line, without the program's name.
pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Action, String> {
    let mut reader = Reader {
        options: Options::default(),
        is_test: false,
        is_clean: false,
    };
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let said = if let Some(long) = word.strip_prefix("--") {
            reader.long(long, &mut words)?
        } else if let Some(short) = word.strip_prefix('-').filter(|s| !s.is_empty()) {
            reader.short(short, &mut words)?
        } else {
            return Err(format!("unexpected argument '{word}'"));
        };
        if let Some(text) = said {
            return Ok(Action::Say(text));
        }
    }
    let options = Box::new(reader.options);
    Ok(match (reader.is_clean, reader.is_test) {
        (true, _) => Action::Clean(options),
        (false, true) => Action::Test(options),
        (false, false) => Action::Run(options),
    })
}

struct Reader {
    options: Options,
    is_test: bool,
    is_clean: bool,
}

type Words<I> = std::iter::Peekable<I>;

impl Reader {
    fn long<I: Iterator<Item = String>>(
        &mut self,
        word: &str,
        words: &mut Words<I>,
    ) -> Result<Option<String>, String> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
        match name {
            "version" => return Ok(Some(version())),
            "help" => return Ok(Some(help())),
            "clean" => {
                self.is_clean = true;
                return Ok(None);
            }
            "signum" => return signum(&value.unwrap_or_default()).map(Some),
            "config-test" => {
                self.is_test = true;
                if let Some(file) = value {
                    self.options.file = file;
                }
                return Ok(None);
            }
            _ => {}
        }
        let flag = FLAGS
            .iter()
            .find(|flag| flag.long.strip_prefix("--") == Some(name))
            .ok_or_else(|| format!("unknown option '--{name}'"))?;
        let value = match (flag.value, value) {
            (Value::Must(_), None) => words
                .next()
                .ok_or_else(|| format!("--{name} needs a value"))?,
            (Value::None, Some(_)) => return Err(format!("--{name} takes no value")),
            (_, value) => value.unwrap_or_default(),
        };
        self.apply(flag, value)
    }

    fn short<I: Iterator<Item = String>>(
        &mut self,
        letters: &str,
        words: &mut Words<I>,
    ) -> Result<Option<String>, String> {
        for (at, letter) in letters.char_indices() {
            let rest = &letters[at + letter.len_utf8()..];
            match letter {
                'v' => return Ok(Some(version())),
                'h' => return Ok(Some(help())),
                't' => {
                    self.is_test = true;
                    if !rest.is_empty() {
                        rest.clone_into(&mut self.options.file);
                    }
                    return Ok(None);
                }
                _ => {}
            }
            let flag = FLAGS
                .iter()
                .find(|flag| flag.short.chars().eq(['-', letter]))
                .ok_or_else(|| format!("unknown option '-{letter}'"))?;
            let value = match flag.value {
                Value::None => {
                    self.apply(flag, String::new())?;
                    continue;
                }
                _ if !rest.is_empty() => rest.to_owned(),
                Value::May(_) => String::new(),
                Value::Must(_) => words
                    .next()
                    .ok_or_else(|| format!("-{letter} needs a value"))?,
            };
            return self.apply(flag, value);
        }
        Ok(None)
    }

    fn apply(&mut self, flag: &Flag, value: String) -> Result<Option<String>, String> {
        match &flag.effect {
            Effect::Set(set) => set(&mut self.options, value)?,
            Effect::Nothing => {}
            Effect::Refused(why) => return Err(format!("{}: {why}", flag.long)),
        }
        Ok(None)
    }
}

fn version() -> String {
    format!("lbd-failover {}", env!("CARGO_PKG_VERSION"))
}

fn help() -> String {
    program().usage().trim_end().to_owned()
}

/// The numbers of the signals that are understood.
fn signum(name: &str) -> Result<String, String> {
    use nix::sys::signal::Signal;
    let number = match name {
        "STOP" => Signal::SIGTERM as i32,
        "RELOAD" => Signal::SIGHUP as i32,
        "DATA" => Signal::SIGUSR1 as i32,
        "STATS" => Signal::SIGUSR2 as i32,
        "JSON" => nix::libc::SIGRTMIN() + 2,
        other => return Err(format!("unknown signal '{other}'")),
    };
    Ok(number.to_string())
}

#[cfg(test)]
mod tests;
