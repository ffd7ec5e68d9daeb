//! Seed 001: the five algorithms that its prose names. lbd must choose as HAProxy does.

use super::*;

/// Which server each request gets, on one program.
fn placements(
    program: &Program,
    seed_name: &str,
    origins: &[Origin; 2],
    head: &dyn Fn(usize) -> String,
) -> Vec<String> {
    let text = seed(
        seed_name,
        &[
            ("*:80", "<front>"),
            ("10.1.1.1:80", "<s1>"),
            ("10.1.1.2:80", "<s2>"),
        ],
    );
    let servers = [("s1", &origins[0]), ("s2", &origins[1])];
    let proxy = start(program, text, &servers).start();
    (0..60)
        .map(|n| {
            let response = Client::exchange(proxy.address("front"), &head(n));
            assert_eq!(response.status, 200, "{program:?}");
            response.server().to_owned()
        })
        .collect()
}

fn same_placement(seed_name: &str, head: &dyn Fn(usize) -> String) -> Vec<String> {
    // The same servers for both programs: the hash of a server must not depend on its port.
    let origins = [Origin::http("server1"), Origin::http("server2")];
    let reference = placements(&Program::Haproxy, seed_name, &origins, head);
    let ours = placements(&Program::Lbd, seed_name, &origins, head);
    assert_eq!(ours, reference);
    ours
}

#[test]
fn uri_sends_a_page_always_to_the_same_server() {
    let chosen = same_placement("001-8-balance-uri.cfg", &|n| {
        get(&format!("/page/{}?q={n}", n % 20))
    });
    for n in 20..60 {
        assert_eq!(chosen[n], chosen[n - 20], "the query does not count");
    }
}

#[test]
fn url_param_sends_a_user_always_to_the_same_server() {
    let chosen = same_placement("001-8-balance-url_param.cfg", &|n| {
        get(&format!("/p{n}?x=1&user_id=user{}", n % 20))
    });
    for n in 20..60 {
        assert_eq!(chosen[n], chosen[n - 20]);
    }
}

#[test]
fn source_sends_a_client_always_to_the_same_server() {
    let chosen = same_placement("001-8-balance-source.cfg", &|n| get(&format!("/{n}")));
    assert!(chosen.iter().all(|server| *server == chosen[0]));
}

/// How many of this many requests each server has when none is answered.
fn held(program: &Program, count: usize) -> [usize; 2] {
    let mute = |name: &str| {
        Origin::answering(name, |_, _| {
            Reply::ok("late").delay(Duration::from_secs(60))
        })
    };
    let origins = [mute("server1"), mute("server2")];
    let text = seed(
        "001-8-balance-leastconn.cfg",
        &[
            ("*:80", "<front>"),
            ("10.1.1.1:80", "<s1>"),
            ("10.1.1.2:80", "<s2>"),
        ],
    );
    let servers = [("s1", &origins[0]), ("s2", &origins[1])];
    let proxy = start(program, text, &servers).start();
    let counts = || [0, 1].map(|at: usize| origins[at].requests().len());
    let clients: Vec<_> = (1..=count)
        .map(|n| {
            let mut client = Client::connect(proxy.address("front"));
            client.send(get("/"));
            eventually("a server has it", Duration::from_secs(10), || {
                counts().iter().sum::<usize>() == n
            });
            client
        })
        .collect();
    drop(proxy);
    drop(clients);
    counts()
}

#[test]
fn leastconn_fills_servers_by_weight() {
    for program in [&Program::Haproxy, &Program::Lbd] {
        // One of the sums at which the loads by weight, 10 and 30, leave no choice.
        assert_eq!(held(program, 22), [5, 17], "{program:?}");
    }
}

/// Which of two idle servers is next, 3.4 draws, where its manual (`balance`) says round-robin.
#[test]
fn leastconn_uses_all_idle_servers() {
    let origins = [Origin::http("server1"), Origin::http("server2")];
    for program in [&Program::Haproxy, &Program::Lbd] {
        let chosen = placements(program, "001-8-balance-leastconn.cfg", &origins, &|n| {
            get(&format!("/{n}"))
        });
        let first = chosen.iter().filter(|name| *name == "server1").count();
        assert!((10..=50).contains(&first), "{program:?}: {chosen:?}");
    }
}

#[test]
fn roundrobin_takes_turns() {
    let origins = [Origin::http("server1"), Origin::http("server2")];
    for program in [&Program::Haproxy, &Program::Lbd] {
        let text = seed(
            "001-8-balance-leastconn.cfg",
            &[
                ("*:80", "<front>"),
                ("balance leastconn", "balance roundrobin"),
                ("10.1.1.1:80 weight 10", "<s1>"),
                ("10.1.1.2:80 weight 30", "<s2>"),
            ],
        );
        let servers = [("s1", &origins[0]), ("s2", &origins[1])];
        let proxy = start(program, text, &servers).start();
        let names: Vec<_> = (0..6)
            .map(|n| {
                let response = Client::exchange(proxy.address("front"), &get(&format!("/{n}")));
                response.server().to_owned()
            })
            .collect();
        let wanted = [
            "server1", "server2", "server1", "server2", "server1", "server2",
        ];
        assert_eq!(names, wanted, "{program:?}");
    }
}
