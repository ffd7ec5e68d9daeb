//! Ten thousand servers: made piece by piece, while traffic goes on and slow readers wait.

use super::*;

const SERVERS: usize = 10_000;

fn site() -> Site {
    let text = configuration("    stats uri /s").replace(
        "    server s2 <s1>\n",
        &format!("    server s2 <s1>\n    server-template t 1-{SERVERS} 127.0.0.1:1\n"),
    );
    Site::of(&text.replacen("global\n", "global\n    nbthread 1\n", 1))
}

#[test]
fn all_servers_are_shown_and_a_slow_reader_holds_up_nobody() {
    let site = site();
    let mut slow = Client::connect(site.proxy.address("pages"));
    slow.send("GET /s HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    // The one worker has filled the slow reader's window; others get their answers all the same.
    let csv = site.get("/s;csv").text();
    assert_eq!(csv.matches("\napp,t").count(), SERVERS);
    assert_eq!(Client::fetch(site.proxy.address("web"), "/").status, 200);
    assert_eq!(
        site.proxy.runtime("show stat").matches("\napp,t").count(),
        SERVERS
    );
    let html = slow.response().text();
    assert_eq!(html.matches("<tr class=\"server").count(), SERVERS + 3);
    assert!(html.ends_with("</body></html>\n"));
}

#[test]
fn readers_that_leave_in_the_middle_leave_nothing_behind() {
    let site = site();
    for _ in 0..20 {
        let mut client = Client::connect(site.proxy.address("pages"));
        client.send("GET /s;json HTTP/1.1\r\nhost: h\r\n\r\n");
        client.read_bytes(1000);
        client.reset();
    }
    eventually("all are gone", PATIENCE, || {
        let info = site.proxy.runtime("show info");
        info.contains("\nCurrConns: 0\n")
    });
}
