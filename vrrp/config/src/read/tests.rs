use std::time::Duration;

use vrrp_proto::packet::{Priority, Version};
use vrrp_proto::spec::{Preempt, Reach};
use vrrp_proto::track::Effect;

use crate::config::{Track, User};
use crate::{Host, Program, Reading};

struct OneFile(&'static str);

impl Host for OneFile {
    fn read(&self, _path: &str) -> Result<String, String> {
        Ok(self.0.to_owned())
    }
    fn glob(&self, _base: &str, _pattern: &str) -> Vec<String> {
        Vec::new()
    }
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
    fn config_id(&self) -> String {
        "main".to_owned()
    }
    fn random(&self, low: u64, _high: u64) -> u64 {
        low
    }
    fn has_interface(&self, name: &str) -> bool {
        name.starts_with("eth")
    }
    fn user(&self, user: &str, _group: Option<&str>) -> Result<User, String> {
        match user {
            "root" => Ok(User { uid: 0, gid: 0 }),
            _ => Err(format!("unknown user '{user}'")),
        }
    }
    fn program(&self, path: &str, _user: Option<User>) -> Program {
        match path {
            "/insecure" => Program::Insecure,
            "/missing" => Program::Missing,
            _ => Program::Found,
        }
    }
}

fn read(text: &'static str) -> Reading {
    crate::read("/k.conf", &OneFile(text))
}

fn messages(reading: &Reading) -> Vec<&str> {
    reading
        .diags
        .0
        .iter()
        .map(|diag| diag.message.as_str())
        .collect()
}

#[test]
fn an_instance_with_everything() {
    let reading = read(
        "global_defs {
            vrrp_version 3
            vrrp_garp_master_repeat 2
            enable_script_security
            script_user root
        }
        vrrp_script S {
            script \"/check 'a b'\"
            interval 2
            weight -20
        }
        vrrp_instance V {
            state MASTER
            interface eth0
            virtual_router_id 7
            priority 150
            advert_int 0.25
            unicast_src_ip 10.0.0.1
            unicast_peer {
                10.0.0.2 min_ttl 254
            }
            virtual_ipaddress {
                10.0.0.9/24 dev eth0 label eth0:1 brd +
            }
            virtual_ipaddress_excluded {
                fd00::9
            }
            track_script {
                S
            }
            track_interface {
                eth1 weight 0
            }
            garp_master_delay 1
        }",
    );
    assert_eq!(messages(&reading), Vec::<&str>::new());
    assert_eq!(reading.status(), 0);
    let instance = &reading.config.instances[0];
    let spec = &instance.spec;
    assert_eq!((spec.version, spec.priority), (Version::V3, Priority(150)));
    assert_eq!(spec.interval.duration(), Duration::from_millis(250));
    assert!(
        matches!(&spec.reach, Reach::Unicast { check_source: true, peers, .. } if peers[0].min_ttl == 254)
    );
    assert_eq!(
        instance.addresses[0].broadcast,
        Some([10, 0, 0, 255].into())
    );
    assert_eq!(instance.excluded[0].preferred, Some(0));
    assert_eq!(spec.garp.repeat, 2);
    assert_eq!(spec.garp.delay, Duration::from_secs(1));
    assert_eq!(
        instance.tracks,
        [Track::Script(0), Track::Interface("eth1".to_owned())]
            .into_iter()
            .collect::<Vec<_>>()
    );
    assert_eq!(spec.trackers[0].effect, Effect::Weight(-20));
    assert_eq!(spec.trackers[1].effect, Effect::Fault);
    assert_eq!(reading.config.scripts[0].command.words, ["/check", "a b"]);
}

#[test]
fn the_rest_is_read_behind_every_fault() {
    let reading = read(
        "vrrp_instance V {
            interface
            virtual_router_id 300
            virtual_router_id 7
            prioritty 5
            virtual_ipaddress {
                10.0.0.300
                10.0.0.3
            }
        }",
    );
    let messages = messages(&reading);
    for part in [
        "missing a parameter",
        "outside range [1, 255]",
        "'prioritty'",
        "'10.0.0.300'",
    ] {
        assert!(
            messages.iter().any(|m| m.contains(part)),
            "{part}: {messages:?}"
        );
    }
    assert_eq!(reading.status(), 4);
}

#[test]
fn contradictions_are_mended_as_keepalived_mends_them() {
    let reading = read(
        "vrrp_instance V {
            state MASTER
            interface eth0
            virtual_router_id 7
            nopreempt
            advert_int 0.5
            virtual_ipaddress {
                10.0.0.3
            }
        }",
    );
    let spec = &reading.config.instances[0].spec;
    assert_eq!(spec.preempt, Preempt::Always);
    assert_eq!(spec.interval.duration(), Duration::from_secs(1));
    assert_eq!(reading.status(), 5);
}

#[test]
fn a_balancer_gives_a_fault_and_conditions_only_an_offer() {
    let reading = read(
        "track_balancer lbd {
            socket /run/x
            backend app
        }
        vrrp_instance V {
            interface eth0
            virtual_router_id 7
            virtual_ipaddress {
                10.0.0.3
            }
            track_balancer {
                lbd
            }
        }",
    );
    let instance = &reading.config.instances[0];
    assert_eq!(instance.tracks, [Track::Balancer(0), Track::Conditions(0)]);
    let effects: Vec<_> = instance.spec.trackers.iter().map(|t| t.effect).collect();
    assert_eq!(effects, [Effect::Fault, Effect::Yield]);
}

#[test]
fn two_instances_with_one_identifier_do_not_share_an_interface() {
    let reading = read(
        "vrrp_instance V {
            interface eth0
            virtual_router_id 7
            virtual_ipaddress {
                10.0.0.3
            }
        }
        vrrp_instance W {
            interface eth0
            virtual_router_id 7
            virtual_ipaddress {
                10.0.0.4
            }
        }",
    );
    assert_eq!(reading.config.instances.len(), 1);
    assert_eq!(reading.status(), 5);
}

#[test]
fn insecure_scripts_are_removed_only_when_asked() {
    let text = "vrrp_instance V {
            interface eth0
            virtual_router_id 7
            virtual_ipaddress {
                10.0.0.3
            }
            notify_master /insecure
            notify_backup /missing
        }";
    let reading = read(text);
    assert!(reading.config.instances[0].notify.master.is_some());
    assert!(reading.config.instances[0].notify.backup.is_none());
    assert_eq!(reading.status(), 6);
}

#[test]
fn the_names_of_namespace_and_instance_are_those_that_come_first() {
    let instance = "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.1\n }\n}\n";
    let read = |text: &str| {
        let text: &'static str = Box::leak(format!("{text}\n{instance}").into_boxed_str());
        let reading = read(text);
        let messages = messages(&reading).join("|");
        (reading.config.place.suffix(), messages)
    };
    let good = read("instance two\nnet_namespace blue");
    assert_eq!(good, ("_blue_two".to_owned(), String::new()));
    let twice = read("instance a\ninstance b");
    assert_eq!(twice.0, "_a");
    assert_eq!(twice.1, "duplicate instance definition b - ignoring");
    assert_eq!(
        read("net_namespace").1,
        "net_namespace name missing - ignoring"
    );
    assert_eq!(read("net_namespace ../x").0, "");
    assert!(read("instance a/b").1.contains("'/'"));
}

#[test]
fn addresses_elsewhere_and_of_the_other_family_have_vmac_interfaces_of_their_own() {
    // The names are those that keepalived 2.2.7 gives.
    let reading = read(
        "global_defs {\n vrrp_version 3\n}
vrrp_instance A {
 interface eth0
 virtual_router_id 7
 use_vmac
 use_vmac_addr
 virtual_ipaddress {
  192.0.2.7
  192.0.2.8 dev eth0
  198.51.100.9/24 dev eth1
  198.51.100.10/24 dev eth1
 }
 virtual_ipaddress_excluded {
  2001:db8::7/64
  2001:db8:1::8/64 dev eth1
 }
}
vrrp_instance B {
 interface eth0
 virtual_router_id 9
 virtual_ipaddress {
  192.0.2.98
  192.0.2.99 use_vmac
 }
}
",
    );
    assert_eq!(messages(&reading), Vec::<&str>::new());
    let on = |at: usize| -> Vec<Option<String>> {
        let instance = &reading.config.instances[at];
        instance.all_addresses().map(|a| a.vmac.clone()).collect()
    };
    let name = |text: &str| Some(text.to_owned());
    let (elsewhere, six) = (name("vrrp1.7"), name("vrrp6.7"));
    let expected = [
        None,
        None,
        elsewhere.clone(),
        elsewhere,
        six,
        name("vrrp2.7"),
    ];
    assert_eq!(on(0), expected);
    assert_eq!(on(1), [None, name("vrrp.9")]);
    let made = &reading.config.instances[0].address_vmacs;
    let macs: Vec<_> = made.iter().map(|v| (v.base.as_str(), v.mac[4])).collect();
    assert_eq!(macs, [("eth1", 1), ("eth0", 2), ("eth1", 2)]);
}

#[test]
fn vmac_prefixes_begin_the_names() {
    let reading = read(
        "global_defs {\n vmac_prefix own\n vmac_addr_prefix addr\n}
vrrp_instance A {
 interface eth0
 virtual_router_id 7
 use_vmac
 use_vmac_addr
 virtual_ipaddress {
  192.0.2.7
  198.51.100.9/24 dev eth1
 }
}
",
    );
    let instance = &reading.config.instances[0];
    let own = instance.vmac.as_ref().map(|vmac| vmac.name.as_str());
    assert_eq!(own, Some("own.7"));
    assert_eq!(instance.address_vmacs[0].name, "addr.7");
    let long = read("global_defs {\n vmac_prefix abcdefghijkl\n}\n");
    assert!(messages(&long)[0].contains("cannot begin an interface's name"));
}
