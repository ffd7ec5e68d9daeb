use std::path::PathBuf;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::draw::draw;
use super::place::{partner_of, sockets};
use super::state::{Line, Popup};
use super::views::{View, duration, scaled};
use super::*;

const HEADER: &str = "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,\
                      status,weight,uweight,act,bck,chkfail,type,check_status,last_chk,hrsp_2xx,";

/// An answer as a runtime socket of this level gives it.
fn answer(level: &str, rows: &[&str]) -> String {
    let info = "Name: HAProxy\nVersion: 3.4.0\nUptime_sec: 3725\nMaxconn: 1000\nCurrConns: 12\n\
                ConnRate: 7\nCumReq: 4242\nnode: alpha";
    format!("{info}\n\n{level}\n\n{HEADER}\n{}\n\n", rows.join("\n"))
}

const ROWS: &[&str] = &[
    "web,FRONTEND,,,3,9,1000,120000,2048,5242880,0,0,1,,,OPEN,,,,,,0,,,100,",
    "app,s1,0,0,1,2,,50,100,200,,0,,0,0,UP,100,100,1,0,0,2,L7OK,\"OK, fine\",50,",
    "app,s2,0,0,0,0,,0,0,0,,0,,3,0,DOWN,100,5,1,0,9,2,L4CON,,0,",
    "app,BACKEND,0,0,1,2,100,50,100,200,0,0,,3,0,UP,200,,2,0,,1,,,50,",
];

fn sample(level: &str, rows: &[&str]) -> Result<Sample, String> {
    Sample::parse(&answer(level, rows))
}

fn top(nodes: usize) -> Top {
    let places = ["/run/a.sock", "192.0.2.2:9999"];
    let places = places.iter().take(nodes).map(|p| (*p).to_owned());
    let mut top = Top::new(places.collect(), false);
    for node in 0..nodes {
        top.take(node, sample("admin", ROWS));
    }
    top
}

fn press(top: &mut Top, code: KeyCode) -> Outcome {
    top.key(KeyEvent::new(code, KeyModifiers::NONE))
}

/// The lines of a screen of this size.
fn screen(top: &mut Top, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| draw(top, frame)).expect("drawn");
    let buffer = terminal.backend().buffer();
    let row = |y| {
        let cells = (0..width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    };
    (0..height).map(row).collect()
}

fn order(top: &mut Top, number: u8) -> String {
    match press(top, KeyCode::F(number)) {
        Outcome::Order(0, command) => command,
        other => format!("{other:?}: {}", top.message),
    }
}

#[test]
fn each_view_shows_its_columns() {
    let mut top = top(1);
    let shown = screen(&mut top, 110, 12);
    assert_eq!(
        shown[0],
        "1 alpha  HAProxy 3.4.0  up 1h2m  conns 12/1000  7/s  requests 4242  admin  1 of 2 servers down"
    );
    assert_eq!(shown[1], " 1 STATUS   2 TRAFFIC   3 HTTP   4 ERRORS");
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words(&shown[2]),
        [
            "NAME", "STATUS", "WGHT", "CHECK", "ACT", "BCK", "QCUR", "QMAX", "SCUR", "SMAX",
            "SLIM", "STOT"
        ]
    );
    assert_eq!(shown[3], "web");
    assert_eq!(
        words(&shown[4]),
        ["FRONTEND", "OPEN", "3", "9", "1000", "120.0K"]
    );
    assert_eq!(shown[5], "app");
    assert_eq!(
        words(&shown[6]),
        [
            "s1", "UP", "100", "L7OK", "1", "0", "0", "0", "1", "2", "50"
        ]
    );
    for (key, title, cells) in [
        (
            '2',
            "BOUT",
            ["FRONTEND", "3", "120.0K", "2.0K", "5.0M"].as_slice(),
        ),
        ('3', "5xx", &["FRONTEND", "100"]),
        ('4', "ECON", &["FRONTEND", "1", "0", "0"]),
        (
            '1',
            "QMAX",
            &["FRONTEND", "OPEN", "3", "9", "1000", "120.0K"],
        ),
    ] {
        press(&mut top, KeyCode::Char(key));
        let shown = screen(&mut top, 130, 12);
        assert!(shown[2].contains(title), "{}", shown[2]);
        assert_eq!(words(&shown[4]), cells, "{title}");
    }
}

#[test]
fn a_line_that_is_too_long_loses_columns_and_no_more() {
    let mut top = top(2);
    for width in (0..140).step_by(9) {
        for height in [0, 1, 2, 3, 4, 5, 9, 13] {
            for view in View::ALL {
                top.view = view;
                for popup in [None, Some(Popup::Help), Some(Popup::Menu)] {
                    top.popup = popup;
                    screen(&mut top, width, height);
                }
            }
        }
    }
    top.view = View::Status;
    top.popup = None;
    let shown = screen(&mut top, 30, 12);
    assert!(shown[3].ends_with("STATUS"), "{shown:?}");
}

#[test]
fn keys_lead_through_views_as_in_hatop() {
    let mut top = top(1);
    let keys = [
        (KeyCode::Tab, View::Traffic),
        (KeyCode::Tab, View::Http),
        (KeyCode::Esc, View::Traffic),
        (KeyCode::BackTab, View::Status),
        (KeyCode::BackTab, View::Errors),
        (KeyCode::Tab, View::Status),
        (KeyCode::Char('4'), View::Errors),
        (KeyCode::Char('9'), View::Errors),
        (KeyCode::Esc, View::Status),
    ];
    for (code, view) in keys {
        assert_eq!(press(&mut top, code), Outcome::Stay);
        assert_eq!(top.view, view, "{code:?}");
    }
    press(&mut top, KeyCode::Char('?'));
    assert!(
        screen(&mut top, 90, 30)
            .join("\n")
            .contains("F10            disable")
    );
    // A key takes the help away and does nothing else.
    assert_eq!(press(&mut top, KeyCode::Char('q')), Outcome::Stay);
    assert_eq!(press(&mut top, KeyCode::Char('q')), Outcome::Quit);
    let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(top.key(control), Outcome::Quit);
}

#[test]
fn the_bar_moves_over_services_and_stays_on_one_that_moves() {
    let mut top = top(1);
    let chosen = |top: &Top| top.chosen().map(|(_, row)| row.service().to_owned());
    screen(&mut top, 80, 7);
    assert_eq!(chosen(&top).as_deref(), Some("FRONTEND"));
    press(&mut top, KeyCode::Up);
    assert_eq!(chosen(&top).as_deref(), Some("FRONTEND"));
    press(&mut top, KeyCode::Down);
    press(&mut top, KeyCode::Down);
    assert_eq!(chosen(&top).as_deref(), Some("s2"));
    let shown = screen(&mut top, 80, 7);
    assert!(
        shown.iter().any(|line| line.starts_with(" s2")),
        "{shown:?}"
    );
    let more = [
        ROWS[0],
        ROWS[1],
        "app,s0,0,0,0,0,,0,,,,,,,,UP,1,1,1,0,0,2,,,,",
        ROWS[2],
        ROWS[3],
    ];
    top.take(0, sample("admin", &more));
    assert_eq!(chosen(&top).as_deref(), Some("s2"));
    press(&mut top, KeyCode::End);
    assert_eq!(chosen(&top).as_deref(), Some("BACKEND"));
    press(&mut top, KeyCode::Home);
    assert_eq!(chosen(&top).as_deref(), Some("FRONTEND"));
    press(&mut top, KeyCode::PageDown);
    assert_eq!(chosen(&top).as_deref(), Some("s0"));
    top.take(0, sample("admin", &[]));
    assert_eq!(chosen(&top), None);
    for code in [
        KeyCode::Down,
        KeyCode::Up,
        KeyCode::End,
        KeyCode::Enter,
        KeyCode::F(9),
    ] {
        assert_eq!(press(&mut top, code), Outcome::Stay);
    }
    screen(&mut top, 80, 7);
}

#[test]
fn function_keys_order_changes_of_servers() {
    let mut top = top(1);
    assert_eq!(order(&mut top, 9), "Stay: FRONTEND is no server");
    press(&mut top, KeyCode::Down);
    press(&mut top, KeyCode::Enter);
    assert!(screen(&mut top, 80, 20).join("\n").contains("app/s1"));
    assert_eq!(order(&mut top, 4), "set weight app/s1 100%");
    assert_eq!(order(&mut top, 5), "set weight app/s1 90");
    assert_eq!(order(&mut top, 6), "set weight app/s1 99");
    assert_eq!(order(&mut top, 7), "set weight app/s1 101");
    assert_eq!(order(&mut top, 8), "set weight app/s1 110");
    assert_eq!(order(&mut top, 9), "enable server app/s1");
    assert_eq!(order(&mut top, 10), "disable server app/s1");
    assert_eq!(order(&mut top, 3), "Stay: ");
    press(&mut top, KeyCode::Down);
    assert_eq!(
        order(&mut top, 5),
        "set weight app/s2 0",
        "no weight is below nought"
    );
    top.answer(&Ok("\n".to_owned()));
    assert_eq!(top.message, "done");
    top.answer(&Ok("No such server.\n\n".to_owned()));
    assert!(screen(&mut top, 80, 20)[19].starts_with("No such server."));
}

#[test]
fn who_may_not_change_servers_is_told() {
    let mut top = Top::new(vec!["/run/a.sock".to_owned()], false);
    top.take(0, sample("operator", ROWS));
    press(&mut top, KeyCode::Down);
    assert_eq!(
        order(&mut top, 10),
        "Stay: this socket's level is operator; changes need 'level admin'"
    );
    let mut top = Top::new(vec!["/run/a.sock".to_owned()], true);
    top.take(0, sample("admin", ROWS));
    press(&mut top, KeyCode::Down);
    assert_eq!(order(&mut top, 10), "Stay: --read-only: nothing is changed");
}

#[test]
fn services_of_two_nodes_stand_beside_each_other() {
    let mut top = top(2);
    top.take(
        1,
        sample(
            "user",
            &[ROWS[1], "own,FRONTEND,,,0,0,9,0,,,,,,,,OPEN,,,,,,0,,,,"],
        ),
    );
    let shown = screen(&mut top, 110, 14);
    let names = |shown: &[String]| {
        let lines = shown[4..].iter().filter(|line| line.starts_with(' '));
        let words = lines.map(|line| {
            line.split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        });
        words.collect::<Vec<_>>()
    };
    let all = [
        "FRONTEND 1",
        "s1 1",
        "s1 2",
        "s2 1",
        "BACKEND 1",
        "FRONTEND 2",
    ];
    assert_eq!(names(&shown), all);
    press(&mut top, KeyCode::Char('n'));
    assert_eq!(
        names(&screen(&mut top, 110, 14)),
        ["FRONTEND 1", "s1 1", "s2 1", "BACKEND 1"]
    );
    press(&mut top, KeyCode::Char('n'));
    assert_eq!(names(&screen(&mut top, 110, 14)), ["s1 2", "FRONTEND 2"]);
    press(&mut top, KeyCode::Char('n'));
    assert_eq!(names(&screen(&mut top, 110, 14)), all);
    // A node that is gone says so; what it said last stays.
    top.take(1, Err("Connection refused".to_owned()));
    let shown = screen(&mut top, 110, 14);
    assert_eq!(shown[1], "2 192.0.2.2:9999: Connection refused");
    assert_eq!(names(&shown), all);
}

#[test]
fn letters_that_steer_terminals_are_not_passed_on() {
    let mut top = Top::new(vec!["/run/a.sock".to_owned()], false);
    top.take(
        0,
        sample(
            "admin",
            &["a\u{1b}[31mb,s\u{7}1,0,0,0,0,,0,,,,,,,,UP,1,1,1,0,0,2,,,,"],
        ),
    );
    top.message = "\u{1b}]0;title\u{7}".to_owned();
    let shown = screen(&mut top, 80, 10).concat();
    assert!(!shown.contains(char::is_control), "{shown:?}");
}

#[test]
fn answers_that_are_none_are_faults() {
    for text in [
        "",
        "\n",
        "Unknown command\n",
        "Name: HAProxy\n\nadmin\n\n",
        "Version: 1\n\nadmin\n\n# other,columns\n1,2\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "\n\n\n\n\n\n",
    ] {
        let fault = Sample::parse(text).expect_err(text);
        assert!(fault.starts_with("this is no runtime socket: "), "{fault}");
    }
    let quoted = "a,s1,0,0,0,0,,0,,,,,,,,UP,1,1,1,0,0,2,,\"one, \"\"two\"\"\nthree\",7,";
    let sample = sample("admin", &[quoted]).expect("a sample");
    assert_eq!(sample.rows.len(), 1);
    assert_eq!(sample.rows[0].get("last_chk"), "one, \"two\"\nthree");
    assert_eq!(sample.rows[0].number("hrsp_2xx"), Some(7));
}

#[test]
fn numbers_are_short() {
    assert_eq!(scaled(1023, 1024), "1023");
    assert_eq!(scaled(1536, 1024), "1.5K");
    assert_eq!(scaled(u64::MAX, 1024), "16383.9P");
    assert_eq!(duration(59), "59s");
    assert_eq!(duration(3725), "1h2m");
    assert_eq!(duration(200_000), "2d7h");
}

#[test]
fn the_partner_is_found_in_the_configurations() {
    let text = "global\n  stats socket /run/lbd/admin.sock mode 660 level admin\n\
                \tstats socket ipv4@10.0.0.1:9999 level operator\n stats socket [::1]:7\n";
    assert_eq!(
        sockets(text),
        (Some(PathBuf::from("/run/lbd/admin.sock")), Some(9999))
    );
    assert_eq!(
        sockets("stats socket fd@5\nstats socket unix@/s\n"),
        (Some("/s".into()), None)
    );
    assert_eq!(
        sockets("stats timeout 1s\n#stats socket /x\n"),
        (None, None)
    );
    let mut config = vrrp_config::Config::default();
    assert_eq!(partner_of(&config), None);
    config.global.handover = Some(vrrp_config::config::Handover {
        local: "10.0.0.1:700".parse().expect("an address"),
        peer: "10.0.0.2:700".parse().expect("an address"),
        secret: Vec::new(),
        drain: Duration::ZERO,
    });
    assert_eq!(partner_of(&config), "10.0.0.2".parse().ok());
}

#[test]
fn words_are_taken_or_refused() {
    let parse = |line: &str| {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    };
    let options = parse("--balancer /s --peer [::1]:9 --interval 1 --read-only").expect("options");
    assert_eq!(options.balancer, Some(Place::Unix("/s".into())));
    assert_eq!(options.peer, Some(Place::Tcp("[::1]:9".to_owned())));
    assert!(options.is_read_only && options.interval == Duration::from_secs(1));
    for line in [
        "--peer",
        "--peer host",
        "--peer host:99999",
        "--interval 0",
        "--interval x",
        "up",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn only_what_is_visible_is_drawn_of_ten_thousand_servers() {
    let rows: Vec<_> = (0..10_000)
        .map(|n| format!("app,t{n},0,0,0,0,,0,,,,,,,,DOWN,1,1,1,0,0,2,,,,"))
        .collect();
    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
    let mut top = Top::new(vec!["/run/a.sock".to_owned()], false);
    top.take(0, sample("admin", &rows));
    assert_eq!(top.lines.len(), 10_001);
    assert!(matches!(top.lines[0], Line::Proxy(_)));
    screen(&mut top, 80, 24);
    press(&mut top, KeyCode::End);
    let shown = screen(&mut top, 80, 24);
    assert!(shown[22].starts_with(" t9999"), "{shown:?}");
}
