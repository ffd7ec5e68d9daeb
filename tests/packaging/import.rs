//! `lbctl import` and `lbctl doctor` on a machine with the package.

use crate::packages::Packages;
use crate::system::System;

const HAPROXY: &str = "\
global
    log /dev/log local0
    chroot /var/lib/haproxy
    stats socket /run/haproxy/admin.sock mode 660 level admin
    user haproxy
    group haproxy
    daemon

defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s

listen web
    bind 127.0.0.1:8081
    http-request return status 200 content-type text/plain string imported
";
const KEEPALIVED: &str = "\
vrrp_script chk_haproxy {
    script \"/usr/bin/killall -0 haproxy\"
    interval 2
}
vrrp_instance VI_1 {
    interface lo
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.10/32
    }
}
";

#[test]
fn todays_configurations_are_told_line_by_line_and_taken_over() {
    let system = System::boot();
    let package = system.put(&Packages::first().deb());
    system.run(&format!("dpkg -i {package}"));
    system.write("/srv/haproxy.cfg", HAPROXY.as_bytes());
    system.write("/srv/keepalived.conf", KEEPALIVED.as_bytes());
    let packaged = system.run("md5sum /etc/lbd/lbd.cfg /etc/lbd/failover.conf");
    let both = "lbctl import --haproxy /srv/haproxy.cfg --keepalived /srv/keepalived.conf";
    let said = system.run(&format!("{both} --check"));
    for line in [
        "/srv/haproxy.cfg:1: same: global",
        "/srv/haproxy.cfg:5: changed: user haproxy\n    to: user lbd",
        "/srv/haproxy.cfg: 11 same, 4 changed, 0 refused",
        "/srv/keepalived.conf:2: changed: script",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert_eq!(
        system.run("md5sum /etc/lbd/lbd.cfg /etc/lbd/failover.conf"),
        packaged,
        "--check writes nothing"
    );

    system.run("cp /srv/haproxy.cfg /srv/bad.cfg && echo '    nonsense' >>/srv/bad.cfg");
    let output = system.output("lbctl import --haproxy /srv/bad.cfg --write");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success());
    assert!(
        said.contains("/srv/bad.cfg:18: refused: nonsense"),
        "{said}"
    );
    assert_eq!(
        system.run("md5sum /etc/lbd/lbd.cfg /etc/lbd/failover.conf"),
        packaged,
        "what is refused is not written"
    );

    system.run(&format!("{both} --write"));
    assert!(system.holds("test -f /etc/lbd/lbd.cfg.before-import"));
    system.run("systemctl restart lbd.service");
    let said =
        system.run("curl -sf --retry 30 --retry-connrefused --max-time 60 http://127.0.0.1:8081/");
    assert_eq!(said, "imported");
}

#[test]
fn the_doctor_names_what_is_wrong_and_its_commands_mend_it() {
    let system = System::boot();
    let package = system.put(&Packages::first().deb());
    system.run(&format!("dpkg -i {package}"));
    system.run("sysctl -w net.ipv4.ip_nonlocal_bind=0 2>/dev/null || echo 0 >/proc/sys/net/ipv4/ip_nonlocal_bind");
    system.run("chmod o+w /etc/lbd/lbd.cfg && rmdir /run/lbd 2>/dev/null || true");
    let output = system.output("lbctl doctor");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for mend in [
        "mend: sysctl -w net.ipv4.ip_nonlocal_bind=1",
        "mend: chmod o-w /etc/lbd/lbd.cfg",
    ] {
        assert!(said.contains(mend), "{mend}\n{said}");
    }
    system.run("echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind; chmod o-w /etc/lbd/lbd.cfg");
    let said = system.output("lbctl doctor").stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    for mended in [
        "nonlocal_bind",
        "everybody may write",
        "open files",
        "port:",
    ] {
        assert!(!said.contains(mended), "{mended}\n{said}");
    }
}
