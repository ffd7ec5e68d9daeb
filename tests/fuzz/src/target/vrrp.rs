//! VRRP packets and `keepalived.conf`.

use lbd_core::{Time, WallTime};
use vrrp_config::config::User;
use vrrp_config::{Host, Program};
use vrrp_proto::InstanceSpec;
use vrrp_proto::instance::{Input, Instance, Packet};
use vrrp_proto::packet::{Advertisement, Datagram, Family, Version, Vrid};

/// Pieces of packets: headers of both versions, the group's and a node's address.
pub(super) const PACKETS: &[&[u8]] = &[
    b"\x21\x33\x64\x01\x00\x01",
    b"\x31\x33\x64\x01\x00\x0a",
    b"\x45\xc0\x00\x28\x00\x00\x00\x00\xff\x70",
    b"\xe0\x00\x00\x12",
    b"\x0a\x4d\x00\x0b",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
];

/// Words of `keepalived.conf`.
pub(super) const WORDS: &[&[u8]] = &[
    b"vrrp_instance V {\n",
    b"virtual_ipaddress {\n10.0.0.1/24 dev eth0 label a brd +\n}\n",
    b"}\n",
    b"global_defs {\n",
    b"~SEQ(N, 0, 1, 5) ",
    b"~LST({A, B}, {1,2}) ",
    b"$X=${X}\n",
    b"${_ENV HOME}",
    b"@main ",
    b"include *.conf\n",
    b"\\\n",
    b"\"'",
    b"track_script {\n",
    b"priority 255\n",
    b"virtual_routes {\n10.0.0.0/8 via 10.0.0.1 nexthop via 10.0.0.2 weight 2\n}\n",
];

/// No packet panics, changes what is not meant for us, or is read beyond its end.
pub(super) fn packet(input: &[u8]) {
    for family in [Family::Ipv4, Family::Ipv6] {
        if let Ok(advertisement) = Advertisement::decode(family, input) {
            assert!(advertisement.pdu.len() <= input.len());
            assert!(advertisement.addresses.iter().count() == advertisement.addresses.len());
        }
    }
    let Some(vrid) = Vrid::new(51) else { return };
    let address = "10.77.0.50".parse().into_iter().collect();
    let spec = InstanceSpec::new("V", Version::V3, vrid, address);
    let now = Time::from_millis(1);
    let mut instance = Instance::new(spec, now, WallTime(1));
    instance.handle(now, Input::Source("10.77.0.12".parse().ok()));
    instance.handle(now, Input::Start);
    if let Ok(datagram) = Datagram::from_ipv4(input) {
        instance.handle(now, Input::Packet(Packet::from(datagram)));
    }
    let counters = instance.snapshot();
    let heard = counters.counters.adverts_received + counters.rejections.total();
    assert!(heard <= 1, "one packet is heard once");
    while instance.poll_output().is_some() {}
}

struct Text<'a>(&'a str);

impl Host for Text<'_> {
    fn read(&self, _path: &str) -> Result<String, String> {
        Ok(self.0.to_owned())
    }
    fn glob(&self, _base: &str, _pattern: &str) -> Vec<String> {
        vec!["/again.conf".to_owned()]
    }
    fn variable(&self, _name: &str) -> Option<String> {
        Some("value".to_owned())
    }
    fn config_id(&self) -> String {
        "main".to_owned()
    }
    fn random(&self, low: u64, _high: u64) -> u64 {
        low
    }
    fn has_interface(&self, name: &str) -> bool {
        name.len() < 8
    }
    fn user(&self, _user: &str, _group: Option<&str>) -> Result<User, String> {
        Ok(User { uid: 0, gid: 0 })
    }
    fn program(&self, _path: &str, _user: Option<User>) -> Program {
        Program::Found
    }
}

/// Every text gives a configuration or faults, in bounded time, with places that exist.
pub(super) fn config(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let reading = vrrp_config::read("/k.conf", &Text(&text));
    let lines = text.lines().count();
    for diag in &reading.diags.0 {
        if let Some(span) = diag.span {
            super::assert_span(span, lines);
        }
    }
    assert!(matches!(reading.status(), 0 | 4 | 5 | 6));
    for instance in &reading.config.instances {
        assert_eq!(instance.tracks.len(), instance.spec.trackers.len());
        assert!(
            !instance
                .spec
                .clone()
                .settle()
                .iter()
                .any(|fault| fault.is_fatal())
        );
    }
    for group in &reading.config.groups {
        assert!(
            group
                .members
                .iter()
                .all(|member| *member < reading.config.instances.len())
        );
    }
    let _ = vrrp_config::render(&reading);
}
