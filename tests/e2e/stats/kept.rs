//! Statistics files: what `dump stats-file` prints is what the next start begins with.

use support::program;
use support::proxy::Program;

use super::*;

const TIMEOUTS: &str = "defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
";

/// A column of a row of `show stat`.
fn column(proxy: &Proxy, object: &str, name: &str) -> String {
    let stat = proxy.runtime("show stat");
    let header = stat.lines().next().unwrap_or_default();
    let at = header.split(',').position(|column| column == name);
    let row = stat
        .lines()
        .find(|line| line.starts_with(&format!("{object},")));
    let (Some(at), Some(row)) = (at, row) else {
        panic!("no {name} of {object}: {stat}")
    };
    row.split(',').nth(at).unwrap_or_default().to_owned()
}

/// What HAProxy 3.4.0 printed for this configuration after three requests.
const REFERENCE: &str = "\
#fe guid,stot,bin,bout,dreq,dresp,ereq,rate,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,req_rate,req_tot,comp_in,comp_out,comp_byp,comp_rsp,conn_rate,conn_tot,intercepted,dcon,dses,wrew,cache_lookups,cache_hits,eint,h1sess,h2sess,h3sess,req_other,h1req,h2req,h3req,reqbin,reqbout,resbin,resbout,
fe:web,3,246,300,0,0,0,0,0,1,0,0,2,0,0,3,0,0,0,0,0,3,0,0,0,0,0,0,0,3,0,0,0,3,0,0,246,0,300,1302,
web-0,3,246,300,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,3,0,0,0,0,0,0,0,0,0,0,0,0,0,0,246,0,300,0,

#be guid,stot,bin,bout,dreq,dresp,econ,eresp,wretr,wredis,chkfail,chkdown,lastchg,lbtot,rate,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,wrew,connect,reuse,cache_lookups,cache_hits,eint,reqbin,reqbout,resbin,resbout,
srv:s1,12,246,300,0,0,3,0,9,0,2,1,10,3,1,0,1,0,0,0,0,0,3,0,0,0,0,0,0,25,0,12,5,0,0,0,246,0,300,1302,
be:app,3,246,300,0,0,3,0,9,0,0,1,10,3,0,0,1,0,0,2,0,0,3,0,0,0,0,0,0,25,0,12,5,0,0,0,246,0,300,1302,

";

fn text(global: &str) -> String {
    format!(
        "global
    stats socket <runtime> level admin
{global}
{TIMEOUTS}
frontend web
    guid fe:web
    option socket-stats
    bind <front> guid-prefix web
    default_backend app
backend app
    guid be:app
    server s1 <s1> check inter 100s guid srv:s1
    server nameless <s1> disabled
"
    )
}

/// A balancer that begins with this file.
fn site(program: Program, file: &[u8], origin: &Origin) -> Proxy {
    Proxy::of(program, text("    stats-file <dir>/stats"))
        .listener("front")
        .with("s1", origin.address())
        .file("stats", file)
        .start()
}

/// The values of a row of a dump by column, of the section that is named.
fn values(dump: &str, section: &str, guid: &str) -> Vec<(String, u64)> {
    let begin = format!("#{section} guid,");
    let mut lines = dump.lines().skip_while(|line| !line.starts_with(&begin));
    let header = lines
        .next()
        .unwrap_or_else(|| panic!("no {section}: {dump}"));
    let row = format!("{guid},");
    let row = lines.find(|line| line.starts_with(&row));
    let row = row.unwrap_or_else(|| panic!("no {guid}: {dump}"));
    let names = header.split(',').skip(1).filter(|name| !name.is_empty());
    let numbers = row.split(',').skip(1);
    let pairs = names.zip(numbers);
    pairs
        .map(|(name, number)| (name.to_owned(), number.parse().expect("a number")))
        .collect()
}

fn value(dump: &str, section: &str, guid: &str, column: &str) -> u64 {
    let values = values(dump, section, guid);
    let found = values.iter().find(|(name, _)| name == column);
    found.unwrap_or_else(|| panic!("no {column}: {dump}")).1
}

#[test]
fn counters_go_on_where_the_process_before_left_them() {
    let origin = Origin::http("s1");
    let first = site(Program::Lbd, b"", &origin);
    for _ in 0..3 {
        assert_eq!(Client::fetch(first.address("front"), "/").status, 200);
    }
    eventually("all are counted", PATIENCE, || {
        column(&first, "app,BACKEND", "hrsp_2xx") == "3"
    });
    let dump = first.runtime("dump stats-file");
    assert_eq!(value(&dump, "fe", "fe:web", "req_tot"), 3);
    assert_eq!(value(&dump, "fe", "web-0", "conn_tot"), 3);
    assert!(!dump.contains("nameless"), "{dump}");
    drop(first);
    let next = site(Program::Lbd, dump.as_bytes(), &origin);
    let again = next.runtime("dump stats-file");
    for (section, guid) in [
        ("fe", "fe:web"),
        ("fe", "web-0"),
        ("be", "srv:s1"),
        ("be", "be:app"),
    ] {
        // What is of the moment is not kept.
        let lasting = |dump: &str| -> Vec<(String, u64)> {
            let moving = ["rate", "req_rate", "conn_rate", "lastchg", "lastsess"];
            let values = values(dump, section, guid).into_iter();
            values
                .filter(|(name, _)| !moving.contains(&name.as_str()))
                .collect()
        };
        assert_eq!(lasting(&again), lasting(&dump), "{guid}");
    }
    assert_eq!(Client::fetch(next.address("front"), "/").status, 200);
    eventually("they go on", PATIENCE, || {
        column(&next, "web,FRONTEND", "hrsp_2xx") == "4" && column(&next, "app,s1", "stot") == "4"
    });
    next.runtime("clear counters all");
    assert_eq!(column(&next, "app,s1", "stot"), "0");
}

#[test]
fn a_file_of_the_reference_is_taken_up() {
    let origin = Origin::http("s1");
    let proxy = site(Program::Lbd, REFERENCE.as_bytes(), &origin);
    for (object, name, expected) in [
        ("web,FRONTEND", "stot", "3"),
        ("web,FRONTEND", "bin", "246"),
        ("web,FRONTEND", "resbout", "1302"),
        ("web,FRONTEND", "hrsp_5xx", "2"),
        ("web,FRONTEND", "h1req", "3"),
        ("web,sock-1", "conn_tot", "3"),
        ("app,s1", "stot", "12"),
        ("app,s1", "econ", "3"),
        ("app,s1", "wretr", "9"),
        ("app,s1", "chkfail", "2"),
        ("app,s1", "chkdown", "1"),
        ("app,s1", "lbtot", "3"),
        ("app,s1", "reuse", "5"),
        ("app,nameless", "stot", "0"),
        ("app,BACKEND", "chkdown", "1"),
        ("app,BACKEND", "hrsp_2xx", "1"),
    ] {
        assert_eq!(column(&proxy, object, name), expected, "{object} {name}");
    }
    // At least so long ago: the start takes its time.
    let ago: i64 = column(&proxy, "app,s1", "lastsess")
        .parse()
        .expect("seconds");
    assert!(ago >= 25, "{ago}");
}

#[test]
fn the_reference_takes_ours_up() {
    if program::haproxy_is_old() {
        // There are such files from 3.0 on.
        return;
    }
    let origin = Origin::http("s1");
    let ours = site(Program::Lbd, REFERENCE.as_bytes(), &origin);
    let dump = ours.runtime("dump stats-file");
    let theirs = site(Program::Haproxy, dump.as_bytes(), &origin);
    assert!(
        !theirs.stderr().contains("stats-file"),
        "{}",
        theirs.stderr()
    );
    let again = theirs.runtime("dump stats-file");
    let headers = |dump: &str| -> Vec<String> {
        let lines = dump.lines().filter(|line| line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(headers(&dump), headers(&again));
    assert_eq!(dump.matches("\n\n").count(), again.matches("\n\n").count());
    for (section, guid, column) in [
        ("fe", "fe:web", "stot"),
        ("fe", "fe:web", "hrsp_5xx"),
        ("fe", "web-0", "conn_tot"),
        ("be", "srv:s1", "wretr"),
        ("be", "srv:s1", "chkfail"),
        ("be", "be:app", "resbout"),
        ("be", "be:app", "lbtot"),
    ] {
        let ours = value(&dump, section, guid, column);
        assert_eq!(
            value(&again, section, guid, column),
            ours,
            "{guid} {column}"
        );
        assert!(ours > 0, "{guid} {column}");
    }
}

#[test]
fn a_file_that_is_none_is_told_and_the_start_goes_on() {
    let origin = Origin::http("s1");
    let cut = &REFERENCE.as_bytes()[..REFERENCE.len() - 100];
    for (file, why) in [
        (cut, "its last line has no end"),
        (
            &b"# pxname,svname,\nweb,FRONTEND,\n"[..],
            "line 1: this is no header",
        ),
        (&b"fe:web,1,\n"[..], "line 1: a header is missing"),
        (&b"\x7fELF\xff\xff"[..], "it is no text"),
    ] {
        let proxy = site(Program::Lbd, file, &origin);
        let place = proxy.directory().join("stats");
        proxy.wait_stderr(&format!(
            "config: Invalid stats-file format in file '{}': {why}",
            place.display()
        ));
        assert_eq!(column(&proxy, "web,FRONTEND", "stot"), "0");
        assert_eq!(Client::fetch(proxy.address("front"), "/").status, 200);
    }
    let proxy = Proxy::lbd(text("    stats-file <dir>/none"))
        .listener("front")
        .with("s1", origin.address())
        .start();
    proxy.wait_stderr("config: Can't load stats-file '");
    assert_eq!(Client::fetch(proxy.address("front"), "/").status, 200);
}

#[test]
fn identifiers_are_checked() {
    let long = format!("guid {}", "x".repeat(128));
    let long_prefix = format!("bind 127.0.0.1:1 guid-prefix {}", "x".repeat(126));
    for (line, place, why) in [
        ("guid a/b", "frontend", "'guid': invalid character '/'"),
        ("guid", "frontend", "'guid' : expects an argument"),
        (long.as_str(), "frontend", "'guid': invalid length"),
        ("guid twice", "backend", "'guid': duplicate entry with"),
        (
            "server s2 127.0.0.1:1 guid a/b",
            "backend",
            "'guid': invalid character '/'",
        ),
        (
            "server s2 127.0.0.1:1 guid twice",
            "backend",
            "'guid': duplicate entry with",
        ),
        (
            "bind 127.0.0.1:1 guid-prefix a/b",
            "frontend",
            "invalid character '/'",
        ),
        (
            "bind 127.0.0.1:1-2 guid-prefix p",
            "frontend",
            "error on GUID generation : duplicate",
        ),
        (long_prefix.as_str(), "frontend", "invalid length"),
    ] {
        let (front, back) = match place {
            "frontend" => (line, ""),
            _ => ("guid twice", line),
        };
        let text = format!(
            "{TIMEOUTS}\nfrontend web\n    bind 127.0.0.1:3\n    {front}\n    default_backend app\n\
             backend app\n    {back}\nbackend other\n    guid p-1\n"
        );
        let exit = Proxy::lbd(text).check();
        assert_eq!(exit.code, Some(1), "{line}: {exit}");
        assert!(exit.stderr.contains(why), "{line}: {exit}");
    }
}
