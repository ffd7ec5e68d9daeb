//! Completions of shells from the description of a command line.

use lbd_core::cli::{Flag, Program, Value};

/// For bash: flags and commands, and files where a flag takes one.
pub(crate) fn bash(program: &Program) -> String {
    let name = program.name;
    let function = format!("_{}", name.replace('-', "_"));
    let words: Vec<_> = program.flags().flat_map(Flag::names).collect();
    let with_file = names_where(program, |flag| wants_file(flag) && !is_attached(flag));
    let with_word = names_where(program, |flag| {
        !wants_file(flag) && matches!(flag.value, Value::Next(_))
    });
    let mut cases = String::new();
    if !with_file.is_empty() {
        let pattern = with_file.join("|");
        cases.push_str(&format!(
            "        {pattern})\n            compopt -o filenames\n            \
             mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n            return\n            ;;\n"
        ));
    }
    if !with_word.is_empty() {
        let pattern = with_word.join("|");
        cases.push_str(&format!(
            "        {pattern})\n            return\n            ;;\n"
        ));
    }
    format!(
        "# Completion of {name} for bash\n{function}() {{\n    local word=${{COMP_WORDS[COMP_CWORD]}}\n    \
         case ${{COMP_WORDS[COMP_CWORD-1]}} in\n{cases}    esac\n    \
         mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")\n}}\ncomplete -F {function} {name}\n",
        words.join(" ")
    )
}

/// For zsh.
pub(crate) fn zsh(program: &Program) -> String {
    let name = program.name;
    let mut text = format!("#compdef {name}\nlocal -a known=(\n");
    for flag in program.flags() {
        for word in flag.names() {
            let told = flag.text.replace('\'', "").replace(':', "\\:");
            text.push_str(&format!("  '{word}:{told}'\n"));
        }
    }
    text.push_str(")\n");
    let with_file = names_where(program, |flag| wants_file(flag) && !is_attached(flag));
    if !with_file.is_empty() {
        text.push_str(&format!(
            "case ${{words[CURRENT-1]}} in\n  {}) _files; return ;;\nesac\n",
            with_file.join("|")
        ));
    }
    text.push_str("_describe -o word known\n");
    text
}

/// For fish.
pub(crate) fn fish(program: &Program) -> String {
    let mut text = String::new();
    for flag in program.flags() {
        let told = flag.text.replace('\'', "\\'");
        let needs = if matches!(flag.value, Value::Next(_)) {
            " -r"
        } else {
            ""
        };
        let files = if wants_file(flag) { " -F" } else { " -f" };
        let mut words = String::new();
        for word in flag.names() {
            words.push_str(&match word.trim_start_matches('-') {
                plain if plain.len() == word.len() => format!(" -a {plain}"),
                long if word.starts_with("--") => format!(" -l {long}"),
                letter if letter.chars().count() == 1 => format!(" -s {letter}"),
                old => format!(" -o {old}"),
            });
        }
        text.push_str(&format!(
            "complete -c {}{words}{needs}{files} -d '{told}'\n",
            program.name
        ));
    }
    text
}

fn names_where(program: &Program, wanted: impl Fn(&Flag) -> bool) -> Vec<&'static str> {
    program
        .flags()
        .filter(|flag| wanted(flag))
        .flat_map(Flag::names)
        .collect()
}

fn is_attached(flag: &Flag) -> bool {
    matches!(flag.value, Value::Attached(_) | Value::None)
}

/// Whether a path follows.
fn wants_file(flag: &Flag) -> bool {
    match flag.value {
        Value::Attached(value) | Value::Next(value) | Value::Several(value) => {
            ["file", "file|dir", "dir", "path"].contains(&value)
        }
        Value::None => false,
    }
}

#[cfg(test)]
mod tests;
