//! Keywords of `global` that change the environment of the configuration.
//!
//! The process's own environment stays as it is.

use lbd_core::Diag;

use super::directive;
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::words::Words;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "presetenv",
        Sections::GLOBAL,
        "Sets an environment variable that is not set yet (3.1).",
        &[
            Example::Ok("presetenv A b"),
            Example::Fail("presetenv A", "environment variable value"),
        ],
        |site, words| set(site, words, "presetenv"),
    ),
    directive(
        "resetenv",
        Sections::GLOBAL,
        "Removes all environment variables but those named (3.1).",
        &[Example::Ok("resetenv PATH")],
        |site, words| {
            let mut keep = Vec::new();
            while let Some(name) = words.text()? {
                keep.push(name);
            }
            site.environment.reset(&keep);
            Ok(())
        },
    ),
    directive(
        "setenv",
        Sections::GLOBAL,
        "Sets an environment variable (3.1).",
        &[
            Example::Ok("setenv A b"),
            Example::Fail("setenv", "environment variable name"),
        ],
        |site, words| set(site, words, "setenv"),
    ),
    directive(
        "unsetenv",
        Sections::GLOBAL,
        "Removes environment variables (3.1).",
        &[
            Example::Ok("unsetenv A B"),
            Example::Fail("unsetenv", "at least one variable name"),
        ],
        |site, words| {
            if words.left() == 0 {
                return Err(Diag::alert(
                    words.last(),
                    "'unsetenv' expects at least one variable name.",
                ));
            }
            while let Some(name) = words.text()? {
                site.environment.unset(name);
            }
            Ok(())
        },
    ),
];

fn set(site: &mut Site<'_>, words: &mut Words<'_>, keyword: &str) -> Result<(), Diag> {
    let name = words.expect(keyword, "environment variable name.")?;
    if name.is_empty() || name.contains('=') {
        return Err(Diag::alert(
            words.last(),
            format!("'{keyword}' failed on variable '{name}' : Invalid argument."),
        ));
    }
    let value = words.expect(
        keyword,
        &format!("environment variable value for '{name}'."),
    )?;
    match keyword {
        "setenv" => site.environment.set(name, value),
        _ => site.environment.preset(name, value),
    }
    words.end(keyword)
}
