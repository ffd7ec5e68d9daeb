use super::*;

#[test]
fn set_and_unset_stay_in_the_copy_and_preset_keeps_what_is_there() {
    let host = MemoryHost::new().var("A", "1");
    let mut env = Environment::new(&host);
    env.preset("A", "2");
    env.preset("B", "3");
    assert_eq!(env.value("A").as_deref(), Some("1"));
    assert_eq!(env.value("B").as_deref(), Some("3"));
    env.unset("A");
    assert_eq!(env.value("A"), None);
    assert_eq!(host.env("A").as_deref(), Some("1"));
    env.preset("A", "4");
    assert_eq!(env.value("A").as_deref(), Some("4"));
}

#[test]
fn reset_keeps_only_the_named_variables() {
    let host = MemoryHost::new().var("A", "1").var("B", "2");
    let mut env = Environment::new(&host);
    env.set("C", "3");
    env.set("D", "4");
    env.reset(&["B", "D"]);
    assert_eq!(env.names(), ["B", "D"]);
    env.reset(&["A", "D"]);
    assert_eq!(env.names(), ["D"]);
    env.set("A", "again");
    assert_eq!(env.names(), ["A", "D"]);
}

#[test]
fn branch_is_the_version_without_its_last_number() {
    let host = MemoryHost::new();
    let env = Environment::new(&host);
    assert_eq!(env.value("HAPROXY_BRANCH").as_deref(), Some("3.4"));
}

#[test]
fn lookup_respects_the_family() {
    let host = MemoryHost::new()
        .name("a", "10.0.0.1".parse().unwrap())
        .name("a", "::1".parse().unwrap());
    assert_eq!(host.lookup("a", Family::Any).unwrap().len(), 2);
    assert_eq!(
        host.lookup("a", Family::V6).unwrap(),
        ["::1".parse::<IpAddr>().unwrap()]
    );
    assert!(host.lookup("b", Family::Any).is_err());
    let all = host.lookup_all(&[("a".into(), Family::V4), ("b".into(), Family::Any)]);
    assert!(all[0].is_ok() && all[1].is_err());
}

#[test]
fn options_that_are_off_outside_or_in_the_file_are_off() {
    let text = "defaults\n timeout client 1s\nfrontend f\n bind :1\n";
    let load = |host: &MemoryHost, global: &str| {
        let sources = crate::loader::Sources::from_text("t.cfg", format!("{global}{text}"));
        let (config, _) = crate::load(&sources, host);
        let global = config.unwrap().global;
        (global.no_splice, global.no_reuseport)
    };
    let host = MemoryHost::new();
    assert_eq!(load(&host, ""), (false, false));
    assert_eq!(load(&host, "global\n nosplice\n"), (true, false));
    assert_eq!(load(&host, "global\n noreuseport\n"), (false, true));
    for name in ["disable-fast-forward", "disable-zero-copy-forwarding"] {
        let global = format!("global\n tune.{name}\n");
        assert_eq!(load(&host, &global), (true, false));
    }
    let mut host = MemoryHost::new();
    host.enabled.retain(|option| *option != "SPLICE");
    assert_eq!(load(&host, ""), (true, false));
}
