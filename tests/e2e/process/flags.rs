//! Every flag of the command line, with what it does beside HAProxy.

use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use support::stream::Address;
use support::{TempDir, free_port};

use super::*;

pub(super) fn path_of(program: &Program) -> &'static Path {
    match program {
        Program::Haproxy => support::program::haproxy(),
        _ => support::program::lbd(),
    }
}

/// Whether the HAProxy at hand is of the version that is followed.
pub(super) fn is_reference() -> bool {
    let output = Command::new(support::program::haproxy()).arg("-v").output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).contains("version 3.4")
}

const LISTEN: &str = "listen l\n    bind 127.0.0.1:1\n    server s 127.0.0.1:2\n";

/// Files that the flags are tried on.
fn files() -> TempDir {
    let directory = TempDir::new();
    let good = format!("{TIMEOUTS}{LISTEN}");
    directory.write("good.cfg", &good);
    directory.write("warn.cfg", LISTEN);
    directory.write("bad.cfg", format!("{good}    foo\n"));
    directory.write("none.cfg", TIMEOUTS);
    directory.write("middle.cfg", "    server x 127.0.0.1:3\n");
    directory.write("truncated.cfg", good.trim_end());
    directory.write("binary.cfg", (0..=255).collect::<Vec<u8>>());
    directory.write(
        "peer.cfg",
        format!("{good}.if streq(\"$HAPROXY_LOCALPEER\",me)\n    foo\n.endif\n"),
    );
    let off = "global\n    noepoll\n    nopoll\n    nosplice\n    nogetaddrinfo\n    noreuseport\n    \
               tune.disable-fast-forward\n    ssl-server-verify none\n";
    let names = "EPOLL POLL SPLICE GETADDRINFO REUSEPORT FAST-FORWARD";
    let unwanted: String = names
        .split(' ')
        .map(|name| format!(".if enabled({name})\n    foo\n.endif\n"))
        .collect();
    let wanted = ".if !enabled(SERVER-SSL-VERIFY-NONE)\n    foo\n.endif\n";
    directory.write("off.cfg", format!("{off}{unwanted}{wanted}{good}"));
    for name in ["many", "empty"] {
        std::fs::create_dir(directory.path().join(name)).expect("a directory");
    }
    directory.write("many/a.cfg", TIMEOUTS);
    directory.write("many/b.cfg", LISTEN);
    directory.write("many/.hidden.cfg", "foo\n");
    directory.write("many/c.txt", "foo\n");
    directory
}

/// Words, exit code, and whether HAProxy 2.6 has it so, too.
const OUTCOMES: &[(&str, i32, bool)] = &[
    ("-c -f good.cfg", 0, true),
    ("-c -V -f good.cfg", 0, true),
    ("-c -q -f bad.cfg", 1, true),
    ("-c -f warn.cfg", 0, true),
    ("-c -dW -f warn.cfg", 1, true),
    ("-c -dW -f good.cfg", 0, true),
    ("-dW -db -f warn.cfg", 1, true),
    ("-c -f bad.cfg", 1, true),
    ("-c -f none.cfg", 2, true),
    ("-c -f missing.cfg", 1, true),
    ("-c -f many", 0, true),
    ("-c -f empty", 1, false),
    ("-c -f none.cfg -f good.cfg", 0, true),
    ("-c -- many/a.cfg many/b.cfg", 0, true),
    ("-c -C many -f a.cfg -f b.cfg", 0, true),
    ("-c -C /nonexistent -f good.cfg", 1, true),
    ("-c -f middle.cfg", 1, true),
    ("-c -f none.cfg -f middle.cfg", 1, false),
    ("-c -f binary.cfg", 1, true),
    ("-c -f truncated.cfg", 1, true),
    ("-c", 1, true),
    ("-f", 1, true),
    ("-cc", 1, true),
    ("-cc 1", 0, true),
    ("-cc 0", 1, true),
    ("-cc !1", 1, true),
    ("-cc (1&&0)||1", 0, true),
    ("-cc feature(OPENSSL)", 0, true),
    ("-cc feature(nonsense)", 1, true),
    ("-cc version_atleast(2.4)", 0, true),
    ("-cc version_before(2.0)", 1, true),
    ("-cc nonsense(a)", 2, true),
    ("-v", 0, true),
    ("-vv", 0, true),
    ("-vq", 0, false),
    ("-vqb", 0, false),
    ("--nonsense", 1, true),
    ("-n", 1, true),
    ("-L", 1, true),
    ("-n 10 -c -f good.cfg", 0, true),
    ("-N 5 -c -f good.cfg", 0, true),
    ("-L me -c -f peer.cfg", 1, true),
    ("-L you -c -f peer.cfg", 0, true),
    ("-dKacl -c -f good.cfg", 0, true),
    ("-dM -c -f good.cfg", 0, true),
    ("-dI -c -f good.cfg", 0, true),
    ("-dS -c -f good.cfg", 0, true),
    ("-dG -c -f good.cfg", 0, true),
    ("-de -c -f good.cfg", 0, true),
    ("-dp -c -f good.cfg", 0, true),
    ("-dV -c -f good.cfg", 0, true),
    ("-dr -c -f good.cfg", 0, true),
    ("-dR -c -f good.cfg", 0, true),
    ("-4 -c -f good.cfg", 0, false),
    ("-D -c -f good.cfg", 0, true),
    ("-d -c -f good.cfg", 0, true),
    ("-db -c -f good.cfg", 0, true),
    ("-sf 1 -c -f good.cfg", 0, true),
    ("-p /nonexistent/x -c -f good.cfg", 0, true),
    ("-dL -c -f good.cfg", 0, true),
    ("-dL -c -f bad.cfg", 1, true),
    ("-dC -f good.cfg", 0, false),
    ("-dC12 -f good.cfg", 0, false),
    ("-dc -c -f good.cfg", 0, false),
    ("-dD -c -f good.cfg", 0, true),
    ("-dA -c -f good.cfg", 1, false),
    ("-dF -c -f good.cfg", 0, false),
    ("-dT -c -f good.cfg", 0, false),
    ("-dZ -c -f good.cfg", 0, true),
    ("-dKnonsense -c -f good.cfg", 0, true),
    ("-m 200 -c -f good.cfg", 0, true),
    ("-st 1 -c -f good.cfg", 0, true),
    ("-vqs", 0, false),
    ("-C many -c -- a.cfg b.cfg", 0, true),
    ("-cc enabled(EPOLL)", 0, false),
    ("-cc enabled(POLL)", 0, false),
    ("-cc enabled(KQUEUE)", 1, false),
    ("-cc enabled(EVPORTS)", 1, false),
    ("-cc enabled(SPLICE)", 0, false),
    ("-cc enabled(GETADDRINFO)", 0, false),
    ("-cc enabled(REUSEPORT)", 0, false),
    ("-cc enabled(FAST-FORWARD)", 0, false),
    ("-cc enabled(SERVER-SSL-VERIFY-NONE)", 1, false),
    ("-cc enabled(nonsense)", 1, false),
    ("-c -f off.cfg", 0, false),
    ("-de -cc enabled(EPOLL)", 1, false),
    ("-de -cc enabled(POLL)", 0, false),
    ("-dp -cc enabled(POLL)", 1, false),
    ("-dS -cc enabled(SPLICE)", 1, false),
    ("-dG -cc enabled(GETADDRINFO)", 1, false),
    ("-dR -cc enabled(REUSEPORT)", 1, false),
    ("-dF -cc enabled(FAST-FORWARD)", 1, false),
    ("-dF -cc enabled(SPLICE)", 0, false),
    ("-dV -cc enabled(SERVER-SSL-VERIFY-NONE)", 0, false),
];

pub(super) fn run(program: &Program, directory: &Path, words: &str) -> Output {
    Command::new(path_of(program))
        .args(words.split(' '))
        .current_dir(directory)
        .output()
        .expect("the program runs")
}

#[test]
fn flags_end_as_in_the_reference() {
    let directory = files();
    let is_reference = is_reference();
    on_both(|program| {
        for (words, code, is_old) in OUTCOMES {
            if *program == Program::Haproxy && !is_old && !is_reference {
                continue;
            }
            let output = run(program, directory.path(), words);
            assert_eq!(output.status.code(), Some(*code), "{program:?}: {words}");
        }
    });
}

#[test]
fn quiet_prints_nothing_and_verbose_says_that_a_file_is_valid() {
    let directory = files();
    on_both(|program| {
        let output = run(program, directory.path(), "-c -V -f good.cfg");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("Configuration file is valid"), "{program:?}");
        let output = run(program, directory.path(), "-c -q -f bad.cfg");
        assert_eq!((output.stdout, output.stderr), Default::default());
        let output = run(program, directory.path(), "-dKacl -q -c -f good.cfg");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("path_beg = path -m beg"), "{program:?}");
    });
}

/// A process that went to the background.
struct Daemon {
    pid: i32,
}

impl Daemon {
    /// Starts one that writes `pid` files there.
    fn start(program: &Program, directory: &Path, name: &str, words: &[&str]) -> Self {
        let file: PathBuf = directory.join(format!("{name}.pid"));
        let status = Command::new(path_of(program))
            .args(["-D", "-f", "run.cfg", "-p"])
            .arg(&file)
            .args(words)
            .current_dir(directory)
            .output()
            .expect("the program runs");
        assert_eq!(status.status.code(), Some(0), "{program:?}: {status:?}");
        let text = std::fs::read_to_string(&file).expect("a file of process ids");
        let pid = text.trim().parse().expect("one process id");
        Self { pid }
    }

    fn is_running(&self) -> bool {
        // A child of nobody here: it is gone, or somebody's zombie.
        let state = std::fs::read_to_string(format!("/proc/{}/stat", self.pid));
        state.is_ok_and(|text| !text.contains(") Z "))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
    }
}

/// A frontend on `port` that answers by itself, with a runtime socket.
fn answering(directory: &TempDir, port: u16, global: &str) {
    let text = format!(
        "global\n    {global}\n    stats socket {}/run.sock level admin\n{TIMEOUTS}frontend web\n    \
         bind 127.0.0.1:{port}\n    http-request return status 200\n",
        directory.path().display()
    );
    directory.write("run.cfg", text);
}

fn answers(port: u16) -> bool {
    let address = Address::Tcp(([127, 0, 0, 1], port).into());
    let Ok(mut client) = Client::try_connect(&address) else {
        return false;
    };
    client.get("/").status == 200
}

fn ask(directory: &TempDir, command: &str) -> String {
    use std::io::{Read as _, Write as _};
    let path = directory.path().join("run.sock");
    let mut stream = std::os::unix::net::UnixStream::connect(path).expect("a runtime socket");
    stream
        .write_all(format!("{command}\n").as_bytes())
        .expect("a command");
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text
}

#[test]
fn a_daemon_writes_its_id_and_takes_limits_from_the_command_line() {
    on_both(|program| {
        let (directory, port) = (TempDir::new(), free_port());
        answering(&directory, port, "");
        let words = ["-n", "77", "-N", "33", "-m", "200", "-L", "me", "-q"];
        let daemon = Daemon::start(program, directory.path(), "one", &words);
        assert!(daemon.is_running(), "{program:?}");
        assert!(answers(port), "{program:?}");
        let info = ask(&directory, "show info");
        assert!(info.contains("\nMaxconn: 77\n"), "{program:?}: {info}");
        assert!(info.contains("\nMemmax_MB: 200\n"), "{program:?}: {info}");
        assert!(info.contains(&format!("\nPid: {}\n", daemon.pid)), "{info}");
        // The frontend's own limit, in the seventh column.
        let stat = ask(&directory, "show stat");
        let row = stat.lines().find(|line| line.starts_with("web,FRONTEND"));
        let limit = row.and_then(|row| row.split(',').nth(6));
        assert_eq!(limit, Some("33"), "{program:?}: {stat}");
        let _ = kill(Pid::from_raw(daemon.pid), Signal::SIGUSR1);
        eventually("the daemon ends", Duration::from_secs(10), || {
            !daemon.is_running()
        });
    });
}

#[test]
fn a_new_process_ends_the_old_one_in_order_or_at_once() {
    // Without SO_REUSEPORT the old process has to release its addresses first.
    for (flag, global) in [("-sf", ""), ("-st", ""), ("-sf", "noreuseport")] {
        on_both(|program| {
            let (directory, port) = (TempDir::new(), free_port());
            waiting_for_bodies(&directory, port, global);
            let old = Daemon::start(program, directory.path(), "old", &[]);
            let address = Address::Tcp(([127, 0, 0, 1], port).into());
            let mut client = Client::connect(&address);
            // A request that has begun holds a soft stop up. It has: the answer to what came with it
            // says that the connection no longer waits to be accepted.
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
            assert_eq!(client.response().status, 200, "{program:?} {flag}");
            let id = old.pid.to_string();
            let new = Daemon::start(program, directory.path(), "new", &[flag, &id]);
            served(port, "both are there");
            if flag == "-sf" {
                assert!(old.is_running(), "{program:?}: the request is not over");
                client.send("ab");
                assert_eq!(client.response().status, 200, "{program:?}");
            }
            eventually("the old process ends", Duration::from_secs(10), || {
                !old.is_running()
            });
            assert!(new.is_running() && answers(port), "{program:?} {flag}");
        });
    }
}

fn waiting_for_bodies(directory: &TempDir, port: u16, global: &str) {
    answering(directory, port, global);
    let path = directory.path().join("run.cfg");
    let text = std::fs::read_to_string(&path).expect("the configuration just written");
    let wait = "http-request wait-for-body time 60s\n    http-request return";
    directory.write("run.cfg", text.replace("http-request return", wait));
}

/// While two processes listen, one that is ending resets what its queue still holds.
fn served(port: u16, when: &str) {
    use std::io::{Read as _, Write as _};
    eventually(when, Duration::from_secs(10), || {
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else {
            return false;
        };
        let mut answer = String::new();
        let _ = stream.write_all(b"GET / HTTP/1.0\r\n\r\n");
        let _ = stream.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 200")
    });
}

#[test]
fn a_listening_socket_is_inherited() {
    on_both(|program| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        fcntl(&listener, FcntlArg::F_SETFD(FdFlag::empty())).expect("a descriptor to inherit");
        let text = format!(
            "{TIMEOUTS}frontend web\n    bind fd@{}\n    http-request return status 200\n",
            listener.as_raw_fd()
        );
        let _proxy = Proxy::of(program.clone(), text).no_wait().start();
        // Clients wait in the queue of the socket until the program takes them.
        assert!(answers(port), "{program:?}");
    });
}

#[test]
fn a_low_ulimit_leaves_room_for_clients() {
    on_both(|program| {
        let port = free_port();
        let text = format!(
            "global\n    ulimit-n 50\n    stats socket <runtime> level admin\n{TIMEOUTS}frontend web\n    \
             bind 127.0.0.1:{port}\n    http-request return status 200\n"
        );
        let proxy = Proxy::of(program.clone(), text)
            .unix_listener("runtime")
            .start();
        let address = Address::Tcp(([127, 0, 0, 1], port).into());
        let mut clients: Vec<_> = (0..30).map(|_| Client::connect(&address)).collect();
        for client in &mut clients {
            assert_eq!(client.get("/").status, 200, "{program:?}");
        }
        let info = proxy.runtime("show info");
        assert!(info.contains("\nCurrConns: 3"), "{program:?}: {info}");
    });
}
