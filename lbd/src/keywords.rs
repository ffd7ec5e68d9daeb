//! `-dK`: the known keywords of each class, in the reference's format.
//!
//! Nothing is listed here by hand: each class walks its registry.

use std::fmt::Write;

use crate::api;

/// Names of the classes, for `-dKhelp`.
const CLASSES: &str = "\
List of known keyword classes:
  acl   : ACL keywords
  all   : all of them
  cfg   : configuration keywords
  cli   : commands of the runtime API
  cnv   : sample converters
  flt   : filters
  smp   : sample fetches
  svc   : services
";

/// All classes in the reference's order.
const ALL: [&str; 7] = ["acl", "cfg", "cli", "cnv", "flt", "smp", "svc"];

/// The reference of all keywords as Markdown, the runtime API's commands behind those of the
/// configuration; it is kept in `packaging/doc/keywords.md`, which a test compares.
#[cfg(test)]
fn reference() -> String {
    let mut out = lbd_config::registry::reference();
    out.push_str(
        "\n## Commands of the runtime API\n\nFor each the lowest level that may use it (HAProxy's \
         management manual, 9.3).\n\n",
    );
    for command in api::command::commands() {
        let mode = match command.is_experimental() {
            true => ", experimental mode",
            false => "",
        };
        let level = api::command::level_word(command.level);
        let (words, describe) = (command.words.join(" "), command.describe);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "- `{words}` [{level}{mode}]: {describe}");
    }
    out.push_str("\n### Not supported\n\nRefused by name.\n\n");
    for refused in api::refused::REFUSED {
        let _ = writeln!(out, "- `{}`: {}", refused.words.join(" "), refused.reason);
    }
    out
}

/// The listing for the words behind `-dK`, a comma-separated list; or what to say instead.
///
/// # Errors
///
/// The list of classes, when one is not known or `help` is asked for.
pub(crate) fn dump(classes: &str) -> Result<String, &'static str> {
    let mut out = String::new();
    for class in classes.split(',') {
        match class {
            "all" => ALL.iter().for_each(|class| one(class, &mut out)),
            class if ALL.contains(&class) => one(class, &mut out),
            _ => return Err(CLASSES),
        }
    }
    Ok(out)
}

fn one(class: &str, out: &mut String) {
    match class {
        "acl" => out.push_str(&lbd_rules::listing::acl_keywords()),
        "cfg" => lbd_config::registry::dump::dump_keywords("cfg", out),
        "cli" => {
            out.push_str("# List of registered CLI keywords:\n");
            for command in api::command::commands() {
                let mode = if command.is_experimental() {
                    "[EXPERIM] "
                } else {
                    ""
                };
                let _ = writeln!(out, "{} [WORKER] {mode}", command.words.join(" "));
            }
        }
        "cnv" => out.push_str(&lbd_rules::listing::converter_keywords()),
        "flt" => out.push_str("# List of registered filter names:\n"),
        "smp" => out.push_str(&lbd_rules::listing::fetch_keywords()),
        _ => out.push_str("# List of registered service names:\n"),
    }
}

#[cfg(test)]
mod tests;
