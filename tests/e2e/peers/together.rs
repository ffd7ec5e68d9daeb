//! Two nodes of lbd that both have traffic: what they count adds up, what is cleared is gone, and
//! connections at a moment are those of both.

use super::*;

fn pair() -> (Proxy, Proxy) {
    let ports = [("A", free_port()), ("B", free_port())];
    let a = node(&Program::Lbd, "A", &ports, "");
    let b = node(&Program::Lbd, "B", &ports, "");
    connected(&a, 1);
    connected(&b, 1);
    (a, b)
}

/// Waits until the sessions of the last requests are over: an entry in use is not cleared, as in HAProxy.
fn at_rest(proxy: &Proxy) {
    eventually("no entry is in use", PATIENCE, || {
        let dump = proxy.runtime("show table t1");
        let mut entries = dump.lines().filter(|line| line.starts_with("0x"));
        entries.all(|line| line.contains(" use=0 "))
    });
}

fn field(proxy: &Proxy, key: &str, name: &str) -> Option<u64> {
    let line = proxy.runtime(&format!("show table t1 key {key}"));
    let (_, rest) = line.split_once(&format!("{name}="))?;
    let digits = rest.split([' ', '\n']).next()?;
    digits.parse().ok()
}

#[test]
fn no_count_of_two_active_nodes_is_lost() {
    let (a, b) = pair();
    std::thread::scope(|scope| {
        for proxy in [&a, &b] {
            scope.spawn(move || {
                for _ in 0..300 {
                    request(proxy, "192.0.2.1", "/x");
                }
            });
        }
    });
    for proxy in [&a, &b] {
        eventually("all are counted", PATIENCE, || {
            field(proxy, "192.0.2.1", "gpc0") == Some(600)
        });
        assert_eq!(
            field(proxy, "192.0.2.1", "http_req_rate(3600000)"),
            Some(600)
        );
    }
}

#[test]
fn a_node_that_starts_again_has_its_part_and_the_others() {
    let ports = [("A", free_port()), ("B", free_port())];
    let a = node(&Program::Lbd, "A", &ports, "");
    let b = node(&Program::Lbd, "B", &ports, "");
    connected(&a, 1);
    for _ in 0..10 {
        request(&a, "192.0.2.1", "/x");
        request(&b, "192.0.2.1", "/x");
    }
    eventually("both are counted", PATIENCE, || {
        field(&a, "192.0.2.1", "gpc0") == Some(20) && field(&b, "192.0.2.1", "gpc0") == Some(20)
    });
    drop(b);
    request(&a, "192.0.2.1", "/x");
    let b = node(&Program::Lbd, "B", &ports, "");
    eventually("it has learned", PATIENCE, || {
        field(&b, "192.0.2.1", "gpc0") == Some(21)
    });
    request(&b, "192.0.2.1", "/x");
    eventually("they go on", PATIENCE, || {
        field(&a, "192.0.2.1", "gpc0") == Some(22) && field(&b, "192.0.2.1", "gpc0") == Some(22)
    });
}

#[test]
fn what_is_cleared_on_one_node_is_gone_on_both() {
    let (a, b) = pair();
    for n in 0..20 {
        request(&a, &format!("192.0.2.{n}"), "/x");
    }
    eventually("B knows", PATIENCE, || used(&b, "t1") == 20);
    at_rest(&a);
    b.runtime("clear table t1 key 192.0.2.3");
    a.runtime("clear table t1 data.gpc0 gt 5");
    eventually("A has heard", PATIENCE, || used(&a, "t1") == 19);
    a.runtime("clear table t1");
    eventually("B has heard", PATIENCE, || used(&b, "t1") == 0);
    request(&b, "192.0.2.7", "/x");
    eventually("it begins anew", PATIENCE, || {
        field(&a, "192.0.2.7", "gpc0") == Some(1)
    });
}

#[test]
fn a_value_that_is_set_on_one_node_holds_on_both() {
    let (a, b) = pair();
    for proxy in [&a, &b] {
        (0..5).for_each(|_| request(proxy, "192.0.2.1", "/x"));
    }
    eventually("both are counted", PATIENCE, || {
        field(&a, "192.0.2.1", "gpc0") == Some(10)
    });
    b.runtime("set table t1 key 192.0.2.1 data.gpc0 100");
    eventually("it is told", PATIENCE, || {
        field(&a, "192.0.2.1", "gpc0") == Some(100)
    });
    request(&a, "192.0.2.1", "/x");
    eventually("it goes on from there", PATIENCE, || {
        field(&b, "192.0.2.1", "gpc0") == Some(101)
    });
}

#[test]
fn connections_of_both_nodes_are_summed_until_one_is_gone() {
    let ports = [("A", free_port()), ("B", free_port())];
    let start = |name: &str| {
        let text = format!(
            "global\n    stats socket <runtime> level admin\ndefaults\n    mode http\n    timeout \
             client 60s\npeers P\n    peer A 127.0.0.1:{}\n    peer B 127.0.0.1:{}\nfrontend fe\n    \
             bind <front>\n    tcp-request connection track-sc0 src table t1\n    http-request \
             return status 200\nbackend t1\n    stick-table type ip size 100 expire 1h store \
             conn_cur,conn_cnt peers P\n",
            ports[0].1, ports[1].1
        );
        Proxy::of(Program::Lbd, text)
            .args(&["-db", "-L", name])
            .listener("front")
            .start()
    };
    let a = start("A");
    let b = start("B");
    connected(&a, 1);
    let mut open = Vec::new();
    for proxy in [&a, &b, &b] {
        let mut client = Client::connect(proxy.address("front"));
        client.get("/");
        open.push(client);
    }
    for proxy in [&a, &b] {
        eventually("three are open", PATIENCE, || {
            field(proxy, "127.0.0.1", "conn_cur") == Some(3)
        });
    }
    open.pop();
    eventually("one has ended", PATIENCE, || {
        field(&a, "127.0.0.1", "conn_cur") == Some(2)
    });
    drop(b);
    eventually("a node is gone", PATIENCE, || {
        field(&a, "127.0.0.1", "conn_cur") == Some(1)
    });
    assert_eq!(field(&a, "127.0.0.1", "conn_cnt"), Some(3));
}
