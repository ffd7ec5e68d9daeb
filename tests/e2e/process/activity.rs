//! What workers do, as the runtime API shows it in the reference's layout.

use super::*;

fn of_two_threads() -> String {
    simple().replace("level admin\n", "level admin\n    nbthread 2\n")
}

/// The number behind `name:` in the first column.
fn number(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = lines.find(|(known, _)| *known == name)?;
    value.split_whitespace().next()?.parse().ok()
}

#[test]
fn activity_is_counted_by_worker() {
    let origin = Origin::http("s1");
    on_each(|program| {
        let proxy = start(program, &of_two_threads(), &origin);
        for _ in 0..5 {
            assert_eq!(Client::fetch(proxy.address("front"), "/").status, 200);
        }
        let counted = || number(&proxy.runtime("show activity"), "accepted");
        eventually("connections are counted", Duration::from_secs(20), || {
            counted().is_some_and(|count| count >= 5)
        });
        let all = proxy.runtime("show activity");
        assert!(all.starts_with("thread_id: "), "{program:?}: {all}");
        assert!(all.contains(" (1..2)\ndate_now: "), "{program:?}: {all}");
        for name in ["ctxsw", "loops", "stream_calls"] {
            assert!(
                number(&all, name).is_some_and(|count| count > 0),
                "{program:?} {name}: {all}"
            );
        }
        for name in ["avg_cpu_pct", "avg_loop_us", "accq_pushed", "cpust_ms_tot"] {
            let line = all
                .lines()
                .find(|line| line.starts_with(&format!("{name}: ")));
            let line = line.unwrap_or_else(|| panic!("{program:?} {name}: {all}"));
            assert!(line.ends_with(" ]") && line.contains(" [ "), "{line}");
        }
        let one = proxy.runtime("show activity 2");
        assert!(!one.contains('['), "{program:?}: {one}");
        assert!(!proxy.runtime("show activity 0").contains('['));
        assert_eq!(
            proxy.runtime("show activity 3").trim(),
            "Thread ID number must be between -1 and nbthread"
        );
        let denied = proxy.runtime("user;show activity");
        assert!(denied.contains("Permission denied"), "{program:?}");
    });
}

#[test]
fn turns_of_tasks_are_measured_while_somebody_asks() {
    let origin = Origin::http("s1");
    on_each(|program| {
        let proxy = start(program, &of_two_threads(), &origin);
        let status = |word: &str| {
            format!(
                "Per-task CPU profiling              : {word:<14}# set profiling tasks {{on|auto|off}}"
            )
        };
        let shown = |order: &str| proxy.runtime(order);
        // A busy machine may have made rounds long.
        let begun = shown("show profiling status");
        assert!(
            begun.starts_with(&status("auto-off")) || begun.starts_with(&status("auto-on")),
            "{program:?}: {begun}"
        );
        for (order, answer) in [
            ("set profiling", "Expects either 'tasks' or 'memory'."),
            ("set profiling x on", "Expects either 'tasks' or 'memory'."),
            (
                "set profiling memory on",
                "Memory profiling not compiled in.",
            ),
            (
                "set profiling tasks",
                "Expects a combination of either 'on', 'auto', 'off', 'lock', 'no-lock', 'memory' or \
                 'no-memory'.",
            ),
            ("operator;show profiling", "Permission denied"),
            (
                "show profiling x",
                "Expects either 'all', 'status', 'tasks', 'memory', 'byaddr', 'bytime', 'byctx', 'aggr' \
                 or a max number of output lines.",
            ),
            ("set profiling tasks on no-lock", ""),
        ] {
            assert_eq!(shown(order).trim(), answer, "{program:?} {order}");
        }
        assert!(shown("show profiling").starts_with(&status("on")));
        for _ in 0..5 {
            assert_eq!(Client::fetch(proxy.address("front"), "/").status, 200);
        }
        let is_told = || {
            let tasks = shown("show profiling tasks");
            let begins = tasks.starts_with("Tasks activity over ")
                && tasks.contains(
                    " ago:\n  function                      calls   cpu_tot   cpu_avg   lkw_avg   \
                     lkd_avg   mem_avg   lat_avg\n  ",
                );
            // A line with calls and the time that they took.
            let row = tasks.lines().nth(2).unwrap_or_default();
            let mut words = row.split_whitespace().skip(1);
            let calls = words.next().and_then(|word| word.parse::<u64>().ok());
            begins
                && calls.is_some_and(|calls| calls > 0)
                && words.next().is_some_and(|t| t.ends_with('s'))
        };
        eventually("costs are told", Duration::from_secs(20), is_told);
        let tasks = shown("show tasks");
        assert!(
            tasks.starts_with("Running tasks: ") && tasks.contains(" (2 threads)\n  function "),
            "{program:?}: {tasks}"
        );
        assert_eq!(shown("set profiling tasks off").trim(), "");
        assert!(shown("show profiling status").starts_with(&status("off")));
    });
    let proxy = start(&Program::Lbd, &of_two_threads(), &origin);
    let refused = proxy.runtime("set profiling tasks on lock");
    assert!(refused.contains("'lock' is not supported"), "{refused}");
    let uncounted = proxy.runtime("set profiling tasks off;show tasks");
    assert!(uncounted.contains("set profiling tasks on"), "{uncounted}");
}

#[test]
fn threads_are_shown_by_their_numbers() {
    let origin = Origin::http("s1");
    on_each(|program| {
        let proxy = start(program, &of_two_threads(), &origin);
        let threads = proxy.runtime("show threads");
        for part in [
            " Thread 1 : id=0x",
            " Thread 2 : id=0x",
            "\n      1/1    loops=",
            "\n      1/2    loops=",
            " stuck=",
            "\n             cpu_ns: ",
        ] {
            assert!(threads.contains(part), "{program:?} {part}: {threads}");
        }
    });
}

#[test]
fn descriptors_are_listed_with_those_whose_they_are() {
    on_each(|program| {
        let origin = Origin::answering("s1", |_, _| Reply::ok("x").delay(Duration::from_secs(30)));
        let proxy = start(program, &of_two_threads(), &origin);
        let mut client = Client::connect(proxy.address("front"));
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        origin.wait_requests(1);
        let all = proxy.runtime("show fd");
        let line = |parts: &[&str]| {
            let mut lines = all.lines();
            let found = lines.find(|line| parts.iter().all(|part| line.contains(part)));
            found
                .unwrap_or_else(|| panic!("{program:?} {parts:?}: {all}"))
                .to_owned()
        };
        let listener = line(&["l.st=RDY fe=web fam=ipv4 lport="]);
        line(&["back=0", "fam=ipv4", "fe=web"]);
        line(&["back=1", "fam=ipv4", "rport=", "sv=app/s1"]);
        let number = listener.split_whitespace().next().expect("a number");
        let one = proxy.runtime(&format!("show fd {number}"));
        assert!(one.contains("l.st=RDY fe=web"), "{program:?}: {one}");
        assert_eq!(one.trim().lines().count(), 1, "{program:?}: {one}");
        let listeners = proxy.runtime("show fd l");
        assert!(!listeners.contains("back="), "{program:?}: {listeners}");
        assert_eq!(proxy.runtime("show fd x").trim(), "Invalid FD type");
        assert_eq!(proxy.runtime("show fd 99999").trim(), "");
        let denied = proxy.runtime("user;show fd");
        assert!(denied.contains("Permission denied"), "{program:?}");
        proxy.runtime("shutdown sessions server app/s1");
        client.read_to_end();
    });
}

#[test]
fn facts_for_bug_reports_are_shown() {
    let origin = Origin::http("s1");
    on_each(|program| {
        let proxy = start(program, &of_two_threads(), &origin);
        let dev = proxy.runtime("user;show dev");
        for part in [
            "\nHAProxy version ",
            "\nFeatures:\n  ",
            "\nBuild options:\n  ",
            "\nPlatform info:\n",
            "\n  OS name: Linux\n",
            "\n  node name: ",
            &format!("\nProcess info:\n  pid: {}\n", proxy.pid()),
            "\n  boot capabilities:\n  \tCapEff: 0x",
            "\n  identity:               -boot-       -runtime-   \n      uid:                ",
            "\n      fd limit (soft):    ",
            "\nThread CPU Bindings:\n  Tgrp/Thr  Tid        CPU set\n  1/1",
        ] {
            assert!(dev.contains(part), "{program:?} {part}: {dev}");
        }
        assert_eq!(
            proxy.runtime("show dev x").trim(),
            "This command takes no argument."
        );
        let node = |text: &str| {
            let mut lines = text.lines();
            lines
                .find(|line| line.contains("node name: "))
                .map(str::to_owned)
        };
        let hidden = proxy.runtime("set anon on 5;show dev");
        assert_ne!(node(&dev), node(&hidden), "{program:?}");
    });
}

#[test]
fn rare_things_are_counted() {
    let origin = Origin::http("s1");
    on_each(|program| {
        let proxy = start(program, &simple(), &origin);
        let all = proxy.runtime("debug counters all cnt");
        assert!(
            all.starts_with(
                "Count     Type Location function(): \"condition\" [comment]\n0          CNT "
            ),
            "{program:?}: {all}"
        );
        for (order, answer) in [
            (
                "debug counters x",
                "Expects an optional action ('reset','show','on','off'), optional types \
                 ('bug','chk','cnt','glt') and optionally 'all' to even dump null counters.",
            ),
            ("debug counters on", ""),
            ("debug counters reset", ""),
            ("debug counters bug", ""),
            ("user;debug counters", "Permission denied"),
        ] {
            assert_eq!(proxy.runtime(order).trim(), answer, "{program:?} {order}");
        }
    });
}
