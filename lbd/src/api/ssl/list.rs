//! `show|add|del ssl crt-list`, `show ssl sni`, `show ssl providers`.

use std::fmt::Write;

use lbd_config::config::AccessLevel;
use lbd_config::units::{self, TimeUnit};
use lbd_tls::KeyKind;
use lbd_tls::store::ListLine;

use super::{command, text};
use crate::api::command::{ApiCommand, Call};

pub(super) const COMMANDS: &[ApiCommand] = &[
    command(
        &["add", "ssl", "crt-list"],
        "add ssl crt-list <list> <cert> [opts]*",
        "add to crt-list file <list> a line <cert> or a payload",
        AccessLevel::Admin,
        add,
    ),
    command(
        &["del", "ssl", "crt-list"],
        "del ssl crt-list <list> <cert[:line]>",
        "delete a line <cert> from crt-list file <list>",
        AccessLevel::Admin,
        delete,
    ),
    command(
        &["show", "ssl", "crt-list"],
        "show ssl crt-list [-n] [<list>]",
        "show the list of crt-lists or the content of a crt-list file <list>",
        AccessLevel::Admin,
        show,
    ),
    command(
        &["show", "ssl", "providers"],
        "show ssl providers",
        "show loaded SSL providers",
        AccessLevel::User,
        |call| call.out.push_str("Loaded providers : \n\t- aws-lc\n"),
    ),
    command(
        &["show", "ssl", "sni"],
        "show ssl sni [-f <frontend>] [-A] [-t <offset>]",
        "display the list of SNI and their corresponding filename",
        AccessLevel::User,
        sni,
    ),
];

/// A list's name without the slash that a directory may have behind it.
fn list_name(word: &str) -> &str {
    match word.trim_end_matches('/') {
        "" => word,
        name => name,
    }
}

fn add(call: &mut Call<'_>) {
    let (Some(list), line) = (call.args.first(), call.args.get(1..)) else {
        return call.fail("'add ssl crtlist' expects a filename and a certificate name");
    };
    let line = match (call.payload.is_empty(), line.unwrap_or_default()) {
        (false, _) => call.payload.to_owned(),
        (true, []) => {
            return call.fail("'add ssl crtlist' expects a filename and a certificate name");
        }
        (true, [name, ..]) => name.clone(),
    };
    let list = list_name(list);
    let config = call.daemon.config();
    match config.tls.add_line(list, &line) {
        Err(text) => call.fail(&format!("Can't edit the crt-list: {text}")),
        Ok(done) => {
            let dots = ".".repeat(done.binds + usize::from(done.failed.is_some()));
            let end = match done.failed {
                None => "Success!".to_owned(),
                Some(why) => format!("{why}\nFailed!"),
            };
            let _ = writeln!(
                call.out,
                "Inserting certificate '{}' in crt-list '{list}'{dots}\n{end}",
                done.name
            );
        }
    }
}

fn delete(call: &mut Call<'_>) {
    let (Some(list), Some(name)) = (call.args.first(), call.args.get(1)) else {
        return call.fail("'del ssl crtlist' expects a filename and a certificate name");
    };
    let list = list_name(list);
    match call.daemon.config().tls.store.delete_line(list, name) {
        Ok(name) => {
            let _ = writeln!(call.out, "Entry '{name}' deleted in crtlist '{list}'!");
        }
        Err(text) => call.fail(&format!("Can't delete the entry: {text}")),
    }
}

fn show(call: &mut Call<'_>) {
    let (numbered, name) = match call.args {
        [first, rest @ ..] if first == "-n" => (true, rest.first()),
        args => (false, args.first()),
    };
    let store = &call.daemon.config().tls.store;
    let Some(name) = name else {
        if numbered {
            return call.fail("'show ssl crt-list -n' expects a filename or a directory");
        }
        for name in store.list_names() {
            let _ = writeln!(call.out, "{name}");
        }
        return;
    };
    let name = list_name(name);
    let Some(list) = store.list(name) else {
        return call.fail("didn't find the specified filename");
    };
    let _ = writeln!(call.out, "# {name}");
    for line in &list.lines {
        show_line(call.out, line, numbered);
    }
}

fn show_line(out: &mut String, line: &ListLine, numbered: bool) {
    out.push_str(&line.name);
    if numbered {
        let _ = write!(out, ":{}", line.number);
    }
    if !line.options.is_empty() {
        let _ = write!(out, " [{}]", line.options);
    }
    for filter in line.filters.iter() {
        let _ = write!(out, " {filter}");
    }
    out.push('\n');
}

/// What `show ssl sni` shall show.
#[derive(Debug, Default)]
struct Wanted {
    frontend: Option<String>,
    is_expired: bool,
    /// Seconds that are added to the time.
    offset: i64,
}

fn wanted(args: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-A" => wanted.is_expired = true,
            "-f" => {
                let name = words.next();
                let name = name.ok_or_else(|| "'-f' requires a frontend name!".to_owned())?;
                wanted.frontend = Some(name.clone());
            }
            "-t" => {
                let offset = words.next();
                let offset = offset.ok_or("'-t' requires an offset argument!")?;
                wanted.offset = seconds(offset)?;
            }
            _ => {
                return Err(
                    "Invalid parameters, 'show ssl sni' only supports '-f', '-A' or '-t' \
                            options!"
                        .to_owned(),
                );
            }
        }
    }
    Ok(wanted)
}

/// An offset, in seconds without unit.
fn seconds(text: &str) -> Result<i64, String> {
    const MOST: u64 = i32::MAX as u64;
    let overflow =
        || format!("offset overflow '{text}' (maximum value is 2147483647s or ~24855 days)");
    match units::parse_time(text, TimeUnit::Second) {
        Ok(time) if time.value.as_secs() <= MOST => {
            i64::try_from(time.value.as_secs()).map_err(|_| overflow())
        }
        Ok(_) => Err(overflow()),
        Err(_) => {
            let odd = text.chars().find(|c| !c.is_ascii_digit());
            Err(match odd {
                Some(odd) if !"smhdu".contains(odd) => {
                    format!("'-t {text}' : unexpected character '{odd}'")
                }
                _ => overflow(),
            })
        }
    }
}

fn sni(call: &mut Call<'_>) {
    let wanted = match wanted(call.args) {
        Ok(wanted) => wanted,
        Err(text) => return call.fail(&text),
    };
    let binds = call.daemon.config().tls.store.binds();
    let frontend = wanted.frontend.as_deref();
    if let Some(name) = frontend
        && call
            .daemon
            .config()
            .proxy(name)
            .is_none_or(|proxy| !proxy.caps.frontend)
    {
        return call.fail(&format!("No such frontend: '{name}'"));
    }
    let now = call.daemon.wall().secs();
    let limit = i64::try_from(now)
        .unwrap_or(i64::MAX)
        .saturating_add(wanted.offset);
    call.out
        .push_str("# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\tNotBefore\n");
    let binds = binds
        .iter()
        .filter(|bind| frontend.is_none_or(|name| name == &*bind.frontend));
    for bind in binds {
        for named in bind.tls.names() {
            let facts = &named.entry.certificate.facts;
            if wanted.is_expired && facts.not_after > limit {
                continue;
            }
            let negatives = named.negatives.iter();
            let negatives: String = negatives.map(|name| format!("!{name} ")).collect();
            let kind = match named.entry.certificate.kind {
                KeyKind::Rsa => "rsa",
                KeyKind::Ecdsa => "ecdsa",
            };
            let _ = writeln!(
                call.out,
                "{}/{}\t{}\t{}\t{kind}\t{}\t{}\t{}",
                bind.frontend,
                bind.place,
                named.name,
                if negatives.is_empty() {
                    "-"
                } else {
                    &negatives
                },
                named.entry.name,
                text::time(facts.not_after),
                text::time(facts.not_before),
            );
        }
    }
}
