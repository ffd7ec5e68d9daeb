use super::judge::{self, Refusal};
use super::{Orders, parse, report, rewrite};

const OLD: &str = "global\n    user haproxy\n    chroot /var/lib/haproxy\n    \
    stats socket /run/haproxy/admin.sock mode 660 user haproxy level admin\n    \
    log /var/lib/haproxy/dev/log local0\n\n# a site\nlisten a\n    bind :80\n    nosuch\n";

#[test]
fn words_of_the_other_package_are_changed_and_the_rest_is_kept() {
    let lines = rewrite::haproxy(OLD);
    let new = rewrite::text(&lines);
    for line in [
        "    user lbd",
        "    chroot /var/lib/lbd",
        "    stats socket /run/lbd/admin.sock mode 660 user lbd level admin",
        "    log /var/lib/haproxy/dev/log local0",
        "# a site",
        "    bind :80",
    ] {
        assert!(new.lines().any(|l| l == line), "{line}\n{new}");
    }
    // A longer name is another name.
    let lines = rewrite::haproxy("  user haproxy-edge\n  chroot /srv/var/lib/haproxy\n");
    assert!(lines.iter().all(|line| line.change.is_none()), "{lines:?}");
}

#[test]
fn scripts_look_for_the_process_by_its_new_name() {
    let old = "vrrp_script chk {\n  script \"killall -0 haproxy\"\n}\nvrrp_instance haproxy {\n";
    let new = rewrite::text(&rewrite::keepalived(old));
    assert!(new.contains("killall -0 lbd"), "{new}");
    assert!(new.contains("vrrp_instance haproxy"), "{new}");
}

#[test]
fn each_line_is_same_changed_or_refused() {
    let lines = rewrite::haproxy(OLD);
    let refusals = [Refusal {
        line: Some(10),
        why: "unknown keyword".to_owned(),
    }];
    let text = report("h.cfg", &lines, &refusals);
    for part in [
        "h.cfg:1: same: global\n",
        "h.cfg:2: changed: user haproxy\n    to: user lbd\n",
        "h.cfg:10: refused: nosuch\n    unknown keyword\n",
        "h.cfg: 4 same, 3 changed, 1 refused\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains(":6:") && !text.contains(":7:"), "{text}");
}

#[test]
fn what_the_check_says_is_taken_by_line() {
    let said = "[NOTICE]   (7) : lbd version is 0.1.0\n\
        [ALERT]    (7) : config : parsing [/t/h.cfg:3] : unknown keyword 'nosuch' in 'global' section\n\
        \x20 3:3 |   nosuch x\n      |   ^^^^^^\n  hint: Maybe you meant 'other'.\n\
        [ALERT]    (7) : config : Proxy 'a': broken.\n\
        [ALERT]    (7) : config : Error(s) found in configuration file : /t/h.cfg\n\
        [ALERT]    (7) : config : Fatal errors found in configuration.\n";
    let refusals = judge::parse(said, "/t/h.cfg");
    assert_eq!(refusals.len(), 2, "{refusals:?}");
    assert_eq!(refusals[0].line, Some(3));
    assert_eq!(
        refusals[0].why,
        "unknown keyword 'nosuch' in 'global' section (Maybe you meant 'other'.)"
    );
    assert_eq!(refusals[1].line, None);
}

#[test]
fn addresses_are_judged_by_the_reader_of_the_daemon() {
    let text = "vrrp_instance a {\n interface lo\n virtual_router_id 3\n nosuch 3\n}\nvirtual_server 192.0.2.1 80 {\n}\n";
    let refusals = judge::keepalived("/nowhere/k.conf", text);
    let lines: Vec<_> = refusals.iter().filter_map(|refusal| refusal.line).collect();
    assert!(lines.contains(&4) && lines.contains(&6), "{refusals:?}");
}

#[test]
fn checking_and_writing_exclude_each_other() {
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(parse(&words("--haproxy a --check --write")).is_err());
    assert!(parse(&words("--check")).is_err());
    let orders = parse(&words("--haproxy a --keepalived b --check"));
    assert_eq!(
        orders,
        Ok(Orders {
            haproxy: Some("a".to_owned()),
            keepalived: Some("b".to_owned()),
            ..Orders::default()
        })
    );
}
