//! What is printed beside a check: the configuration (`-dC`), libraries (`-dL`, `-dA`), CPUs
//! (`-dc`), and that there are no traces (`-dt`).

use super::flags::{is_reference, run};
use super::*;
use support::TempDir;

/// Sections that begin again in the reference, which reads the file twice.
fn once(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let half = lines.len() / 2;
    let lines = match lines.len().is_multiple_of(2) && lines[..half] == lines[half..] {
        true => &lines[..half],
        false => &lines[..],
    };
    lines.join("\n")
}

const CONFIGURATION: &str = "# a comment
global
    maxconn 10
    stats socket /run/x.sock level admin
    description \"a b\"
.if 0
    quiet
.endif
    no strict-limits

defaults
    mode http
    timeout client 5s   # another
    timeout connect \"5s\"
    timeout server 5s
    errorfile 503 /dev/null
userlist users
    group g users joe
    user joe insecure-password secret groups g
frontend web
    bind 127.0.0.1:1
    bind 192.0.2.1:443,192.0.2.2:443 ssl crt /etc/x.pem
    bind :8080
    bind [2001:db8::1]:80 transparent
    bind /run/web.sock mode 600
    acl own hdr(host) -i example.com
    acl named path
    use_backend app if own
    use_backend app
    http-request set-header X \"a b\" if { path /x\\ y '/z # z' }
    option httplog clf
    default_backend app
backend app
    balance roundrobin
    cookie SRV insert
    stats auth admin:secret
    stats uri /admin
    server s1 127.0.0.1:80 check
    server s2 192.0.2.3:80 check cookie abc
    server s3 unix@/run/app.sock
    server s4 2001:db8::2:80
    server s5 localhost:80
    server s6 www.example.com:80
    log 192.0.2.4:514 local0
    log global
peers mine
    peer me 192.0.2.5:1024
";

#[test]
fn a_configuration_is_dumped_as_it_was_read() {
    if !is_reference() {
        return;
    }
    let directory = TempDir::new();
    directory.write("case.cfg", CONFIGURATION);
    for flag in [
        "-dC",
        "-dC,line",
        "-dC1234",
        "-dC1234,line",
        "-dCword",
        "-dC0",
    ] {
        let words = format!("{flag} -f case.cfg");
        let dump = |program: Program| {
            let output = run(&program, directory.path(), &words);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let end = text.find("Configuration file").unwrap_or(text.len());
            once(&text[..end])
        };
        let wanted = dump(Program::Haproxy);
        assert!(wanted.contains("default_backend"), "{wanted}");
        assert_eq!(dump(Program::Lbd), wanted, "{flag}");
    }
}

#[test]
fn a_dump_with_a_check_checks() {
    // The reference says of every configuration that it has no listener then.
    let directory = TempDir::new();
    directory.write("good.cfg", good());
    directory.write("bad.cfg", "listen l\n    nonsense\n");
    for (words, code) in [("-dC -c -f good.cfg", 0), ("-dC -c -f bad.cfg", 1)] {
        let output = run(&Program::Lbd, directory.path(), words);
        assert_eq!(output.status.code(), Some(code), "{words}");
        assert!(output.stdout.ends_with(b" \n"), "{words}");
    }
}

#[test]
fn a_quiet_dump_prints_nothing() {
    let directory = TempDir::new();
    directory.write("case.cfg", TIMEOUTS);
    on_both(|program| {
        let output = run(program, directory.path(), "-dC -q -c -f case.cfg");
        assert_eq!(output.stdout, b"", "{program:?}");
    });
}

#[test]
fn what_is_loaded_is_listed_after_a_good_check_only() {
    let directory = TempDir::new();
    directory.write("good.cfg", good());
    directory.write("bad.cfg", "listen l\n    nonsense\n");
    on_both(|program| {
        let output = run(program, directory.path(), "-dL -q -c -f good.cfg");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{program:?}");
        let first = text.lines().next().expect("the program itself");
        assert!(
            first.ends_with(program_name(program)),
            "{program:?}: {text}"
        );
        assert!(text.contains("/libc.so.6\n"), "{program:?}: {text}");
        for path in text.lines() {
            assert!(std::path::Path::new(path).exists(), "{program:?}: {path}");
        }
        let output = run(program, directory.path(), "-dL -q -c -f bad.cfg");
        assert_eq!(output.stdout, b"", "{program:?}");
        if *program == Program::Haproxy && !is_reference() {
            return;
        }
        // With more words each line has its range of addresses.
        let output = run(program, directory.path(), "-dL -V -c -f good.cfg");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("List of loaded object files:\n"), "{text}");
        let line = text.lines().find(|line| line.ends_with("/libc.so.6"));
        assert!(line.is_some_and(|line| line.starts_with("0x")), "{text}");
    });
}

#[test]
fn what_is_loaded_is_archived() {
    let directory = TempDir::new();
    directory.write("good.cfg", good());
    on_both(|program| {
        if *program == Program::Haproxy && !is_reference() {
            return;
        }
        let words = "-dAlibs.tar -q -c -f good.cfg";
        let output = run(program, directory.path(), words);
        assert_eq!(output.status.code(), Some(0), "{program:?}: {output:?}");
        let list = std::process::Command::new("tar")
            .args(["-tf", "libs.tar"])
            .current_dir(directory.path())
            .output()
            .expect("tar");
        assert!(list.status.success(), "{program:?}: {list:?}");
        let text = String::from_utf8_lossy(&list.stdout).into_owned();
        assert!(text.starts_with("core-"), "{program:?}: {text}");
        assert!(text.contains("/libc.so.6\n"), "{program:?}: {text}");
        assert!(text.contains(program_name(program)), "{program:?}: {text}");
        let output = run(program, directory.path(), "-dA -q -c -f good.cfg");
        assert_eq!(output.status.code(), Some(1), "{program:?}");
    });
}

/// What both programs know of CPUs: which are used, and by whom. How caches are counted differs
/// between machines.
fn cpus(text: &str) -> Vec<String> {
    let lines = text.trim_end().lines();
    lines
        .filter(|line| !line.contains("cpus="))
        .map(|line| match line.split_once(" pk=") {
            Some((cpu, _)) => cpu.to_owned(),
            None => line.to_owned(),
        })
        .collect()
}

#[test]
fn cpus_are_listed_with_what_runs_on_them() {
    if !is_reference() {
        return;
    }
    let directory = TempDir::new();
    directory.write("good.cfg", good());
    directory.write(
        "bound.cfg",
        format!("global\n    nbthread 2\n    cpu-map 1/all 0\n{}", good()),
    );
    for file in ["good.cfg", "bound.cfg"] {
        let lines = |program: Program| {
            let words = format!("-dc -q -c -f {file}");
            let output = run(&program, directory.path(), &words);
            assert_eq!(output.status.code(), Some(0), "{program:?}");
            cpus(&String::from_utf8_lossy(&output.stdout))
        };
        assert_eq!(lines(Program::Lbd), lines(Program::Haproxy), "{file}");
    }
}

#[test]
fn traces_are_refused_with_the_reason() {
    let directory = TempDir::new();
    directory.write("good.cfg", good());
    for words in [
        "-dt -c -f good.cfg",
        "-dt h1:data -c -f good.cfg",
        "-dthelp",
    ] {
        let output = run(&Program::Lbd, directory.path(), words);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(text.contains("[ALERT]") && text.contains("-dt"), "{text}");
        assert!(!text.contains("Usage"), "{text}");
    }
}

fn good() -> String {
    format!("{TIMEOUTS}listen l\n    bind 127.0.0.1:1\n    server s 127.0.0.1:2\n")
}

fn program_name(program: &Program) -> &'static str {
    match program {
        Program::Haproxy => "haproxy",
        _ => "lbd",
    }
}
