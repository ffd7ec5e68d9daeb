//! The configuration's language (manual chapter 2), case by case: each file beside has one a line
//! (of `notices.txt` two), with what HAProxy 3.4.0 makes of it.

use std::path::Path;
use std::process::{Command, Output};

use super::flags::{is_reference, path_of};
use super::*;
use support::TempDir;

/// Runs a program in the surroundings that the cases speak of.
fn run(program: &Program, directory: &Path, words: &[&str]) -> Output {
    Command::new(path_of(program))
        .args(words)
        .current_dir(directory)
        .env_clear()
        .envs([
            ("HOME", "/root"),
            ("A", "1"),
            ("B", "x y"),
            ("C", ""),
            ("D1", "q\"q"),
        ])
        .output()
        .expect("the program runs")
}

/// Both programs; the reference only where it is the one that was asked.
fn programs() -> Vec<Program> {
    match is_reference() {
        true => vec![Program::Haproxy, Program::Lbd],
        false => vec![Program::Lbd],
    }
}

/// The cases of a file: the exit code and the text.
fn coded(text: &str) -> impl Iterator<Item = (Option<i32>, &str)> {
    text.lines().map(|line| {
        let (code, case) = line.split_once(' ').expect("a code and a case");
        (code.parse().ok(), case)
    })
}

/// 2.4: predicates, their arguments, operators and parentheses.
#[test]
fn conditions_are_evaluated_as_in_the_reference() {
    let directory = TempDir::new();
    for program in programs() {
        for (code, case) in coded(include_str!("expected/conditions.txt")) {
            let output = run(&program, directory.path(), &["-cc", case]);
            assert_eq!(output.status.code(), code, "{program:?}: {case}");
        }
    }
}

const TOP: &str = "defaults
    mode tcp
    timeout client 1s
    timeout server 1s
    timeout connect 1s
";
const BIND: &str = "    bind 127.0.0.1:1\n";

/// The file in which a value stands.
fn file(case: &str) -> String {
    let (words, value) = case.rsplit_once(' ').expect("words and a value");
    // Spaces stand in quotes only, and variables need them.
    let (words, value) = match case.split_once(" \"") {
        Some((words, value)) => (words, format!("\"{value}")),
        None if value.contains('$') => (words, format!("\"{value}\"")),
        None => (words, value.to_owned()),
    };
    match words {
        "timeout client" => format!("{TOP}frontend f\n{BIND}    timeout client {value}\n"),
        "stick-table size" => {
            format!("{TOP}backend b\n    stick-table type ip size {value}\nfrontend f\n{BIND}")
        }
        "tune.bufsize" => format!("global\n    tune.bufsize {value}\n{TOP}frontend f\n{BIND}"),
        "bind" => format!("{TOP}frontend f\n    bind {value}\n"),
        "server" => format!("{TOP}backend b\n    server s {value}\nfrontend f\n{BIND}"),
        _ => panic!("no place for {case}"),
    }
}

/// 2.5 to 2.9: times, sizes, addresses. An abstract socket without name is refused here, which
/// HAProxy 3.4.0 takes.
#[test]
fn values_are_taken_and_refused_as_in_the_reference() {
    let directory = TempDir::new();
    for program in programs() {
        for (code, case) in coded(include_str!("expected/values.txt")) {
            directory.write("n.cfg", file(case));
            let output = run(&program, directory.path(), &["-c", "-f", "n.cfg"]);
            assert_eq!(output.status.code(), code, "{program:?}: {case}");
        }
    }
}

/// 2.2, 2.3: quotes, escapes, comments and variables, as `.notice` repeats them; and the directives
/// of 2.4 that say something. Default values of variables are not among them: HAProxy 3.4.0 takes
/// them in other lines only.
#[test]
fn words_are_read_as_in_the_reference() {
    let directory = TempDir::new();
    for program in programs() {
        let mut lines = include_str!("expected/notices.txt").lines();
        while let (Some(case), Some(wanted)) = (lines.next(), lines.next()) {
            directory.write("n.cfg", format!("{case}\n"));
            let output = run(&program, directory.path(), &["-c", "-f", "n.cfg"]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let first = said.lines().find(|line| line.contains("n.cfg:1"));
            let first = first.map_or_else(
                || "nothing".to_owned(),
                |line| {
                    let (level, rest) = line.split_once(']').unwrap_or(("", line));
                    let text = rest.split_once(" : ").map_or(rest, |(_, text)| text);
                    // The two part place and text otherwise.
                    let text = text.replacen("]: ", "] : ", 1);
                    format!("{} {text}", level.trim_start_matches('['))
                },
            );
            let bare = |text: &str| text.trim().trim_end_matches(['.', ':']).to_owned();
            assert_eq!(bare(&first), bare(wanted), "{program:?}: {case}");
        }
    }
}
