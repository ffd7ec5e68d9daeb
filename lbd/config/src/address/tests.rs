use proptest::prelude::*;

use super::*;
use crate::host::{Environment, MemoryHost};

fn read(text: &str, rules: &AddressRules) -> Result<AddressSpec, String> {
    let host = MemoryHost::new().var("IP", "192.0.2.7").var("PORT", "81");
    parse(text, rules, &Environment::new(&host)).map_err(|error| error.message)
}

fn ip(text: &str, port: PortSpec) -> Address {
    Address::Inet {
        host: HostSpec::Ip(text.parse().unwrap()),
        port,
    }
}

fn inet(host: HostSpec, port: PortSpec) -> Address {
    Address::Inet { host, port }
}

fn name(text: &str, family: Family) -> HostSpec {
    HostSpec::Name(text.into(), family)
}

#[test]
fn bind_addresses_are_read_as_the_reference_reads_them() {
    use PortSpec::{Port, Range};
    for (text, expected) in [
        (":80", inet(HostSpec::Any4, Port(80))),
        ("*:80", inet(HostSpec::Any4, Port(80))),
        (":::80", inet(HostSpec::Any6, Port(80))),
        ("[::]:80", inet(HostSpec::Any6, Port(80))),
        ("ipv6@:80", inet(HostSpec::Any6, Port(80))),
        ("[::1]:80", ip("::1", Port(80))),
        ("::1:80", ip("::1", Port(80))),
        ("::ffff:1.2.3.4:80", ip("::ffff:1.2.3.4", Port(80))),
        ("[1.2.3.4]:80", ip("1.2.3.4", Port(80))),
        ("1.2.3.4:80-81", ip("1.2.3.4", Range(80, 81))),
        ("1.2.3.4:80-80", ip("1.2.3.4", Port(80))),
        ("${IP}:$PORT", ip("192.0.2.7", Port(81))),
        ("${NOPE}:80", inet(HostSpec::Any4, Port(80))),
        (
            "localhost:80",
            inet(name("localhost", Family::Any), Port(80)),
        ),
        (
            "[localhost]:80",
            inet(name("localhost", Family::Any), Port(80)),
        ),
        (
            "ipv4@localhost:80",
            inet(name("localhost", Family::V4), Port(80)),
        ),
        ("1.2.3:80", inet(name("1.2.3", Family::Any), Port(80))),
        ("tcp@:80", inet(HostSpec::Any4, Port(80))),
        ("stream+ip@:80", inet(HostSpec::Any4, Port(80))),
        (
            "abns@foo",
            Address::Abstract {
                name: b"foo".into(),
                terminated: false,
            },
        ),
        (
            "abnsz@foo",
            Address::Abstract {
                name: b"foo".into(),
                terminated: true,
            },
        ),
        ("unix@foo", Address::Unix("foo".into())),
        ("uxst@/tmp/a", Address::Unix("/tmp/a".into())),
        ("/tmp/x", Address::Unix("/tmp/x".into())),
        ("fd@3", Address::Fd(3)),
        ("sockpair@4", Address::SockPair(4)),
    ] {
        let spec = read(text, &AddressRules::BIND);
        assert_eq!(
            spec.as_ref().map(|spec| &spec.address),
            Ok(&expected),
            "{text}"
        );
        assert_eq!(spec.unwrap().transport, Transport::Stream, "{text}");
    }
    assert!(read("mptcp@:80", &AddressRules::BIND).unwrap().mptcp);
}

#[test]
fn bind_faults_are_told_in_the_words_of_the_reference() {
    for (text, message) in [
        ("::80", "invalid address: ':' in '::80'"),
        ("[::1]80", "missing port specification in '[::1]80'"),
        ("[::1]", "missing port specification in '[::1]'"),
        ("1.2.3.4", "missing port specification in '1.2.3.4'"),
        ("1.2.3.4:", "missing port specification in '1.2.3.4:'"),
        ("*", "missing port specification in '*'"),
        (":", "missing port specification in ':'"),
        ("stdout", "missing port specification in 'stdout'"),
        ("ring@x", "missing port specification in 'ring@x'"),
        ("1.2.3.4:0", "invalid port '0'"),
        (":0-80", "invalid port '0'"),
        ("1.2.3.4:65536", "invalid port '65536'"),
        (":99999999999", "invalid port '99999999999'"),
        (":80-", "invalid port ''"),
        ("1.2.3.4:80-70", "invalid port range '80-70'"),
        (
            ":80x",
            "invalid character 'x' in port number '80x' in ':80x'",
        ),
        (
            ":80-90x",
            "invalid character 'x' in port number '90x' in ':80-90x'",
        ),
        (":x", "invalid character 'x' in port number 'x' in ':x'"),
        (":+1", "port offset not permitted here in ':+1'"),
        (":-1", "port offset not permitted here in ':-1'"),
        (
            "fd@x",
            "file descriptor 'x' is not a valid integer in 'fd@x'",
        ),
        ("fd@", "file descriptor '' is not a valid integer in 'fd@'"),
        (
            "fd@-1",
            "file descriptor '-1' is not a valid integer in 'fd@-1'",
        ),
        ("ipv4@::1:80", "invalid address: '::1' in 'ipv4@::1:80'"),
        (
            "ipv6@1.2.3.4:80",
            "invalid address: '1.2.3.4' in 'ipv6@1.2.3.4:80'",
        ),
        ("udp@:80", "dgram-type address not acceptable in 'udp@:80'"),
        (
            "dgram+ip@:80",
            "dgram-type address not acceptable in 'dgram+ip@:80'",
        ),
        (
            "uxdg@/tmp/a",
            "dgram-type address not acceptable in 'uxdg@/tmp/a'",
        ),
        ("foo@:80", "invalid address: 'foo@' in 'foo@:80'"),
        ("@:80", "invalid address: '@' in '@:80'"),
        (
            "1.2.3.4.5:80",
            "invalid address: '1.2.3.4.5' in '1.2.3.4.5:80'",
        ),
        (
            "256.1.1.1:80",
            "invalid address: '256.1.1.1' in '256.1.1.1:80'",
        ),
        ("[:80", "invalid address: '[' in '[:80'"),
        ("::]:80", "invalid address: '::]' in '::]:80'"),
        (
            "",
            "'' resolves to an empty address (environment variable missing?)",
        ),
        (
            "$NOPE",
            "'$NOPE' resolves to an empty address (environment variable missing?)",
        ),
        ("${IP}", "missing port specification in '${IP}'"),
        ("unix@", "missing socket path in 'unix@'"),
        (
            "rhttp@foo",
            "Address 'rhttp@foo' is experimental, must be allowed via a global \
             'expose-experimental-directives'",
        ),
        ("quic4@:443", "QUIC address 'quic4@:443' is not supported"),
        (
            "quic+ip@:443",
            "QUIC address 'quic+ip@:443' is not supported",
        ),
    ] {
        assert_eq!(
            read(text, &AddressRules::BIND),
            Err(message.into()),
            "{text}"
        );
    }
}

#[test]
fn server_ports_may_be_missing_or_relative() {
    use PortSpec::{None, Offset, Port};
    for (text, expected) in [
        ("1.2.3.4", ip("1.2.3.4", None)),
        ("1.2.3.4:", ip("1.2.3.4", None)),
        ("1.2.3.4:0", ip("1.2.3.4", None)),
        ("1.2.3.4:80", ip("1.2.3.4", Port(80))),
        ("1.2.3.4:+10", ip("1.2.3.4", Offset(10))),
        ("1.2.3.4:-10", ip("1.2.3.4", Offset(-10))),
        ("1.2.3.4:+", ip("1.2.3.4", Offset(0))),
        ("[::1]", ip("::1", None)),
        ("::1:80", ip("::1", Port(80))),
        ("*", inet(HostSpec::Any4, None)),
        ("*:80", inet(HostSpec::Any4, Port(80))),
        ("0.0.0.0:+1", inet(HostSpec::Any4, Offset(1))),
        (
            "app.example:80",
            inet(name("app.example", Family::Any), Port(80)),
        ),
        ("app_1.local", inet(name("app_1.local", Family::Any), None)),
        ("/tmp/a", Address::Unix("/tmp/a".into())),
    ] {
        let spec = read(text, &AddressRules::SERVER);
        assert_eq!(spec.map(|spec| spec.address), Ok(expected), "{text}");
    }
    for (text, message) in [
        (
            "1.2.3.4:80-81",
            "port range not permitted here in '1.2.3.4:80-81'",
        ),
        (
            "1.2.3.4:+x",
            "invalid character 'x' in port number 'x' in '1.2.3.4:+x'",
        ),
        ("fd@3", "a file descriptor is not acceptable here in 'fd@3'"),
        (
            "stream+fd@3",
            "a file descriptor is not acceptable here in 'stream+fd@3'",
        ),
    ] {
        assert_eq!(
            read(text, &AddressRules::SERVER),
            Err(message.into()),
            "{text}"
        );
    }
    let udp = read("udp@1.2.3.4:80", &AddressRules::SERVER).unwrap();
    assert_eq!(udp.transport, Transport::Datagram);
}

#[test]
fn log_targets_may_be_sinks_and_are_datagrams_unless_said_otherwise() {
    let log = |text| read(text, &AddressRules::LOG);
    for (text, address, transport) in [
        ("stdout", Address::Stdout, Transport::Datagram),
        ("stderr", Address::Stderr, Transport::Datagram),
        ("fd@1", Address::Fd(1), Transport::Datagram),
        ("ring@buf", Address::Ring("buf".into()), Transport::Datagram),
        (
            "backend@lb",
            Address::Backend("lb".into()),
            Transport::Datagram,
        ),
        (
            "/dev/log",
            Address::Unix("/dev/log".into()),
            Transport::Datagram,
        ),
        (
            "1.2.3.4",
            ip("1.2.3.4", PortSpec::None),
            Transport::Datagram,
        ),
        (
            ":514",
            inet(HostSpec::Any4, PortSpec::Port(514)),
            Transport::Datagram,
        ),
        (
            "tcp@1.2.3.4:514",
            ip("1.2.3.4", PortSpec::Port(514)),
            Transport::Stream,
        ),
    ] {
        let spec = log(text).unwrap();
        assert_eq!(
            (spec.address, spec.transport),
            (address, transport),
            "{text}"
        );
    }
    for (text, message) in [
        (
            "fd@x",
            "file descriptor 'x' is not a valid integer in 'fd@x'",
        ),
        (
            "1.2.3.4:514-515",
            "port range not permitted here in '1.2.3.4:514-515'",
        ),
        (
            "1.2.3.4:+1",
            "port offset not permitted here in '1.2.3.4:+1'",
        ),
        ("::1", "invalid address: ':' in '::1'"),
    ] {
        assert_eq!(log(text), Err(message.into()), "{text}");
    }
}

#[test]
fn source_takes_a_port_but_no_range_and_no_descriptor() {
    let source = |text| read(text, &AddressRules::SOURCE);
    assert!(source("1.2.3.4:80").is_ok() && source("*").is_ok() && source("0.0.0.0").is_ok());
    assert_eq!(
        source("1.2.3.4:80-90").unwrap_err(),
        "port range not permitted here in '1.2.3.4:80-90'"
    );
    assert_eq!(
        source(":+2").unwrap_err(),
        "port offset not permitted here in ':+2'"
    );
    assert!(source("fd@3").is_err());
    let ranged = read("1.2.3.4:80-90", &AddressRules::SERVER_SOURCE).unwrap();
    assert_eq!(ranged.address, ip("1.2.3.4", PortSpec::Range(80, 90)));
}

#[test]
fn socket_paths_have_the_length_of_the_reference() {
    let bind = |text: String| read(&text, &AddressRules::BIND);
    assert!(bind(format!("unix@{}", "a".repeat(97))).is_ok());
    let error = bind(format!("unix@{}", "a".repeat(98))).unwrap_err();
    assert!(error.ends_with("too long (max 97)"), "{error}");
    assert!(bind(format!("abns@{}", "a".repeat(107))).is_ok());
    assert!(bind(format!("abns@{}", "a".repeat(108))).is_err());
    let rules = AddressRules {
        prefix_length: 10,
        ..AddressRules::BIND
    };
    assert!(read(&format!("/{}", "a".repeat(87)), &rules).is_err());
}

#[test]
fn variables_do_not_make_an_address_endless() {
    let host = MemoryHost::new().var("BIG", &"x".repeat(100_000));
    let environment = Environment::new(&host);
    let error = expand(&"$BIG".repeat(100_000), &environment).unwrap_err();
    assert_eq!(error.message, "address too long, limited to 1048576 bytes");
    assert_eq!(
        expand("a$BIG-${NOPE}b$", &environment).unwrap().len(),
        100_003
    );
}

#[test]
fn an_unresolved_name_is_told_in_the_words_of_the_reference() {
    let spec = read("ipv4@nonexist.invalid:80", &AddressRules::BIND).unwrap();
    assert_eq!(spec.host_name(), Some(("nonexist.invalid", Family::V4)));
    assert_eq!(
        spec.unresolved().message,
        "invalid address: 'nonexist.invalid' in 'ipv4@nonexist.invalid:80'"
    );
}

#[test]
fn a_range_gives_each_of_its_ports() {
    assert_eq!(
        PortSpec::Range(80, 82).ports().collect::<Vec<_>>(),
        [80, 81, 82]
    );
    assert_eq!(PortSpec::Range(65_534, 65_535).ports().count(), 2);
    assert_eq!(PortSpec::Port(7).ports().collect::<Vec<_>>(), [7]);
    assert_eq!(PortSpec::None.ports().count(), 0);
    assert_eq!(PortSpec::Offset(3).ports().count(), 0);
}

#[test]
fn networks_contain_their_addresses() {
    let inside = |network: &str, address: &str| {
        parse_network(network)
            .unwrap()
            .contains(address.parse().unwrap())
    };
    for (network, address, expected) in [
        ("10.0.0.0/8", "10.1.2.3", true),
        ("10.1.2.3/8", "10.9.9.9", true),
        ("10.0.0.0/255.0.0.0", "11.0.0.1", false),
        ("10.0.0.1/255.0.0.255", "10.9.9.1", true),
        ("0.0.0.0/0", "1.2.3.4", true),
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "127.0.0.2", false),
        ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ("2001:db8::/32", "2001:db8:1::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("::/0", "::1", true),
        ("::1", "::1", true),
        ("::/0", "1.2.3.4", false),
    ] {
        assert_eq!(inside(network, address), expected, "{network} {address}");
    }
    for text in [
        "",
        "x",
        "10.0.0.0/33",
        "::/129",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0/8",
        "::/ffff::",
    ] {
        assert!(parse_network(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_word_makes_it_panic(
        any in "\\PC{0,40}",
        near in "(stream\\+|dgram\\+)?(unix@|fd@|ip@|ipv4@|ring@)?[\\[\\]:*.0-9a-f$\\{\\}@+-]{0,20}",
    ) {
        for text in [&any, &near] {
            for rules in [AddressRules::BIND, AddressRules::SERVER, AddressRules::LOG] {
                let _ = read(text, &rules);
            }
            let _ = parse_network(text);
        }
    }
}
