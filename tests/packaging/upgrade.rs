//! The .deb over the one before it, under load: nobody outside notices.

use support::load::{Load, Mix};
use support::{eventually, poll_until};

use crate::packages::Packages;
use crate::system::{HAS_ADDRESS, PATIENCE, System};

const SITE: &str = "\nfrontend web\n    bind :80\n    http-request return status 200 content-type text/plain string fine\n";
const ADDRESSES: &str = "track_balancer lbd {\n}\nvrrp_instance VI_1 {\n    state BACKUP\n    \
    interface test0\n    virtual_router_id 51\n    priority 100\n    advert_int 1\n    \
    virtual_ipaddress {\n        192.0.2.10/24\n    }\n    track_balancer {\n        lbd\n    }\n}\n";
/// Every process of the two services with what it runs, as `pid path`.
const PROGRAMS: &str =
    "for p in $(pidof lbd lbd-failover); do echo $p $(readlink /proc/$p/exe); done";

fn installed() -> System {
    let system = System::boot();
    let package = system.put(&Packages::first().deb());
    system.run(&format!("dpkg -i {package}"));
    system.write("/tmp/site.cfg", SITE.as_bytes());
    system.run("cat /tmp/site.cfg >>/etc/lbd/lbd.cfg && rm /tmp/site.cfg");
    system.run("systemctl reload lbd.service");
    system.own_address(ADDRESSES);
    system
}

#[test]
fn an_upgrade_under_load_fails_no_request_and_leaves_no_process_of_before() {
    let system = installed();
    let main = "systemctl show -p MainPID --value lbd lbd-failover";
    let before = system.run(main);
    system.run("ip -o monitor address dev test0 >/srv/changes 2>&1 & echo $! >/srv/monitor.pid");
    let mix = Mix { kept: 2, new: 2 };
    let load = Load::begin_within(Some(&system.network()), "192.0.2.10:80", mix);
    eventually("it is asked", PATIENCE, || load.answered() > 100);
    let package = system.put(&Packages::second().deb());
    let said = system.run(&format!("dpkg -i {package} 2>&1"));
    assert!(
        !said.contains("went on as it was"),
        "{said}\n{}",
        system.journal()
    );
    // What was replaced has "(deleted)" behind; workers of before end with their connections.
    let mut running = String::new();
    let is_new = poll_until(PATIENCE, || {
        running = system.run(PROGRAMS);
        (!running.contains("(deleted)")).then_some(())
    });
    assert!(is_new.is_some(), "{running}\n{}", system.journal());
    for program in ["/usr/sbin/lbd\n", "/usr/sbin/lbd-failover\n"] {
        assert!(running.contains(program), "{running}");
    }
    let asked = load.answered();
    eventually("it is asked for a while", PATIENCE, || {
        load.answered() > asked + 100
    });
    let tally = load.end();
    assert_eq!(tally.failed, 0, "{tally:?}\n{}", system.journal());
    assert_eq!(system.run(main), before, "the same processes go on");
    system.run("kill $(cat /srv/monitor.pid)");
    let changes = system.run("cat /srv/changes");
    // The new program says again that it is there; taken away it never is.
    assert!(!changes.contains("Deleted"), "{changes}");
    assert!(system.holds(HAS_ADDRESS));
    assert_eq!(
        system.run("dpkg-query -W -f '${Version}' lbd").trim(),
        format!("{}-2", crate::packages::VERSION)
    );
}
