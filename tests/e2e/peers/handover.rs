//! A reload with `-sf`: the old process teaches the new one over the address of the local peer.

use super::*;

/// A node that is alone in its section, and told to relieve a process.
fn relieving(program: &Program, port: u16, old: Option<&Proxy>) -> Proxy {
    let text = format!(
        "global\n    stats socket <runtime> level admin\ndefaults\n    mode http\n    timeout \
         client 5s\npeers P\n    peer A 127.0.0.1:{port}\n    table t2 type string len 20 size \
         1000 expire 1h store gpc0,gpc1\nfrontend fe\n    bind <front>\n    http-request \
         track-sc0 req.hdr(x-k) table t1\n    http-request sc-inc-gpc0(0)\n    http-request \
         return status 200\nbackend t1\n    stick-table type ip size 100k expire 1h store \
         gpc0,http_req_rate(1h) peers P\nbackend t3\n    stick-table type integer size 1000 \
         expire 1h store gpc0,server_id peers P\n"
    );
    let mut args = vec!["-db".to_owned(), "-L".to_owned(), "A".to_owned()];
    if let Some(old) = old {
        args.extend(["-sf".to_owned(), old.pid().to_string()]);
    }
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    Proxy::of(program.clone(), text)
        .args(&args)
        .listener("front")
        .start()
}

/// A node that has learned that nobody else is there, so that it may teach.
fn settled(proxy: &Proxy) {
    eventually("it is done with learning", PATIENCE, || {
        let peers = proxy.runtime("show peers");
        let rest = peers.split("resync_timeout=").nth(1).expect("a timer");
        rest.starts_with("<NEVER>") || rest.starts_with("<PAST>")
    });
}

#[test]
fn the_new_process_has_what_the_old_one_had() {
    for (first, second) in pairs() {
        let port = free_port();
        let mut old = relieving(&first, port, None);
        settled(&old);
        for n in 0..100 {
            request(&old, &format!("192.0.2.{n}"), "/");
        }
        old.runtime("set table P/t2 key word data.gpc1 4");
        old.runtime("set table t3 key 7 data.server_id 3");
        let (t1, t3) = (entries(&old, "t1"), entries(&old, "t3"));
        let new = relieving(&second, port, Some(&old));
        eventually("all is taught", PATIENCE, || used(&new, "t1") == 100);
        eventually("every table is", PATIENCE, || {
            used(&new, "P/t2") == 1 && used(&new, "t3") == 1
        });
        assert_eq!(entries(&new, "t1"), t1, "{first:?} {second:?}");
        assert_eq!(entries(&new, "t3"), t3, "{first:?} {second:?}");
        let exit = old.wait_exit();
        assert_eq!(exit.code, Some(0), "{first:?} {second:?}: {}", exit.stderr);
        request(&new, "192.0.2.1", "/");
    }
}
