use std::collections::HashMap;

use crate::config::User;
use crate::{Host, Program};

use super::read;

/// Files by name, and nothing else.
struct Files(HashMap<&'static str, &'static str>);

impl Host for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0
            .get(path)
            .map(|text| (*text).to_owned())
            .ok_or_else(|| "not there".to_owned())
    }
    fn glob(&self, base: &str, pattern: &str) -> Vec<String> {
        let path = format!("{base}/{pattern}");
        self.0
            .keys()
            .filter(|name| **name == path)
            .map(|name| (*name).to_owned())
            .collect()
    }
    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root".to_owned())
    }
    fn config_id(&self) -> String {
        "main".to_owned()
    }
    fn random(&self, low: u64, _high: u64) -> u64 {
        low
    }
    fn has_interface(&self, _name: &str) -> bool {
        true
    }
    fn user(&self, _user: &str, _group: Option<&str>) -> Result<User, String> {
        Err("nobody".to_owned())
    }
    fn program(&self, _path: &str, _user: Option<User>) -> Program {
        Program::Found
    }
}

fn lines(text: &'static str) -> Vec<String> {
    let host = Files(HashMap::from([
        ("/etc/k.conf", text),
        ("/etc/more.conf", "included ${_PWD}\n"),
    ]));
    let lexed = read("/etc/k.conf", &host);
    let words = |line: &super::Line| {
        let words: Vec<_> = line.words.iter().map(|word| word.text.clone()).collect();
        words.join("|")
    };
    lexed.lines.iter().map(words).collect()
}

#[test]
fn comments_quotes_and_braces() {
    assert_eq!(
        lines("a b # c\n! d\ne{ \"f # g\" 'h i'j }\nk \"\\x41\\\"\\101\"\n}l {\n"),
        ["a|b", "e|{|f # g|h ij|}", "k|A\"A", "}|l|{"]
    );
}

#[test]
fn lines_for_other_nodes_are_left_out() {
    assert_eq!(
        lines("@main a\n@other b\n@^other c\n@^main d\n"),
        ["a", "c"]
    );
}

#[test]
fn parameters_are_replaced_late_and_within_each_other() {
    assert_eq!(
        lines(
            "$BASE=10.2.${SUB}\n$SUB=0\n${BASE}.100/32\n$SUB=10\n${BASE}.100/32\n$NO x$SUB $SUB\n"
        ),
        ["10.2.0.100/32", "10.2.10.100/32", "$NO|x10|10"]
    );
    assert_eq!(
        lines("a ${_ENV HOME} ${_INSTANCE} ${_RANDOM 7 9} \"${_HASH}\"\n"),
        ["a|/root|main|7|#"]
    );
}

#[test]
fn a_parameter_may_hold_lines() {
    assert_eq!(
        lines("$I= \\\n  one ${N} { \\\n  two \\\n }\n$N=1\n$I\n$N=2\n$I\n"),
        ["one|1|{", "two", "}", "one|2|{", "two", "}"]
    );
}

#[test]
fn sequences_and_lists_repeat_the_rest_of_the_line() {
    assert_eq!(lines("~SEQ(N, 0, 2) a${N}\n"), ["a0", "a1", "a2"]);
    assert_eq!(
        lines("~SEQx(N, 0x90, 0x10, 0xb0) f${N}\n"),
        ["f90", "fa0", "fb0"]
    );
    assert_eq!(
        lines("~LST({A, B}, {10,1},{20,4}) ~SEQ(C, 1, 2) ${A}.${B}.${C}\n"),
        ["10.1.1", "10.1.2", "20.4.1", "20.4.2"]
    );
}

#[test]
fn included_files_know_their_directory() {
    assert_eq!(
        lines("a\ninclude more.conf\nb\n"),
        ["a", "included|/etc", "b"]
    );
}

#[test]
fn what_names_itself_or_never_ends_is_bounded() {
    assert!(lines("$A=${A}x\n${A}\n").is_empty());
    assert!(lines("~SEQ(N, 0, 4000000000) a\n").is_empty());
    assert!(lines("~SEQ(N, 1, 0, 5) a\n").is_empty());
    // Ten thousand million rounds that make no line.
    assert!(lines("~SEQ(N, 1, 1, 99999) ~SEQ(M, 1, 1, 99999) $A=b\n").is_empty());
}

#[test]
fn files_that_include_themselves_several_times_are_bounded() {
    let text = "a\n~SEQ(N, 1, 15) include k.conf\n";
    let host = Files(HashMap::from([("/etc/k.conf", text)]));
    let lexed = read("/etc/k.conf", &host);
    let told: Vec<_> = lexed.diags.0.iter().map(|diag| &diag.message).collect();
    assert_eq!(
        told,
        ["include without a file, or too many files within files"]
    );

    // Many files, none of them deep.
    let text = "~SEQ(N, 1, 1, 9000) include more.conf\n";
    let host = Files(HashMap::from([
        ("/etc/k.conf", text),
        ("/etc/more.conf", "a\n"),
    ]));
    let lexed = read("/etc/k.conf", &host);
    assert_eq!(lexed.sources.len(), super::MAX_FILES);
    assert_eq!(lexed.diags.0.len(), 1);
}
