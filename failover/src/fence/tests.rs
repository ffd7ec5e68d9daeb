use vrrp_config::{Config, Host, Program, config};

use super::rules;

struct Nowhere;

impl Host for Nowhere {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(CONFIG.to_owned())
    }
    fn glob(&self, _: &str, _: &str) -> Vec<String> {
        Vec::new()
    }
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn config_id(&self) -> String {
        "a".to_owned()
    }
    fn random(&self, low: u64, _: u64) -> u64 {
        low
    }
    fn has_interface(&self, _: &str) -> bool {
        true
    }
    fn user(&self, _: &str, _: Option<&str>) -> Result<config::User, String> {
        Err("nobody".to_owned())
    }
    fn program(&self, _: &str, _: Option<config::User>) -> Program {
        Program::Missing
    }
}

const CONFIG: &str = "global_defs {\n vrrp_version 3\n}
vrrp_instance V {
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 0.1
    virtual_ipaddress {
        10.0.0.1
    }
    virtual_ipaddress_excluded {
        fd00::1 dev eth1
    }
}
vrrp_instance OWNER {
    interface eth0
    virtual_router_id 52
    priority 255
    virtual_ipaddress {
        10.0.0.2
    }
}
";

fn config() -> Config {
    vrrp_config::read("k.conf", &Nowhere).config
}

#[test]
fn advertisements_renew_every_address_of_the_instance_and_questions_look_for_it() {
    let text = rules(&config(), &|name| (name == "eth0").then_some(2));
    for line in [
        "ip protocol 112 @th,8,8 51 @th,16,8 != 0 update @living4 { 10.0.0.1 timeout 400ms }",
        "ip protocol 112 @th,8,8 51 @th,16,8 != 0 update @living6 \
         { 0xfd000000000000000000000000000001 timeout 400ms }",
        "arp operation request arp daddr ip 10.0.0.1 arp saddr ip != 10.0.0.1 \
         arp daddr ip != @living4 drop",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    }
}

#[test]
fn interfaces_that_are_missing_are_left_out_and_those_made_again_change_the_text() {
    let one = rules(&config(), &|name| (name == "eth0").then_some(2));
    assert!(!one.contains("eth1"), "{one}");
    let again = rules(&config(), &|name| (name == "eth0").then_some(3));
    assert_ne!(one, again);
    let none = rules(&config(), &|_| None);
    assert_eq!(none, format!("{}\n", super::NONE));
}

#[test]
fn the_owner_of_an_address_is_not_fenced() {
    let text = rules(&config(), &|_| Some(2));
    assert!(!text.contains("10.0.0.2"), "{text}");
}

#[test]
fn switched_off_it_takes_away_what_was_there() {
    let mut config = config();
    config.global.fence = false;
    let text = rules(&config, &|_| Some(2));
    assert_eq!(text, format!("{}\n", super::NONE));
}
