//! The package that gives lbd the name haproxy.

use crate::packages::Packages;
use crate::system::System;

#[test]
fn scripts_that_call_haproxy_go_on_only_with_the_compat_package() {
    let system = System::boot();
    let packages = Packages::first();
    let (main, compat) = (
        system.put(&packages.deb()),
        system.put(&packages.compat_deb()),
    );
    system.run(&format!("dpkg -i {main}"));
    assert!(!system.holds("command -v haproxy"), "off by default");
    system.run(&format!("dpkg -i {compat}"));
    assert_eq!(
        system.run("readlink -f /usr/sbin/haproxy").trim(),
        "/usr/sbin/lbd"
    );
    let said = system.run("haproxy -c -V -f /etc/lbd/lbd.cfg");
    assert!(said.contains("Configuration file is valid"), "{said}");
    system.run("dpkg -P lbd-compat");
    assert!(!system.holds("test -e /usr/sbin/haproxy || test -L /usr/sbin/haproxy"));
}
