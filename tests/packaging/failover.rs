//! The unit of lbd-failover: who has the address, whatever happens to the unit.

use support::{eventually, poll_until};

use crate::packages::Packages;
use crate::system::{HAS_ADDRESS, PATIENCE, System};

const CONFIGURATION: &str = "vrrp_instance VI_1 {\n    state BACKUP\n    interface test0\n    \
    virtual_router_id 51\n    priority 100\n    advert_int 1\n    virtual_ipaddress {\n        \
    192.0.2.10/24\n    }\n}\n";

fn installed() -> System {
    let system = System::boot();
    let package = system.put(&Packages::first().deb());
    system.run(&format!("dpkg -i {package}"));
    system.own_address(CONFIGURATION);
    system
}

#[test]
fn the_address_goes_with_the_unit_however_that_ends() {
    let system = installed();
    let status = system.run("lbctl status");
    assert!(
        status.contains("VI_1 (vrid 51 on test0): MASTER"),
        "{status}"
    );
    let process = system.run("cat /proc/$(systemctl show -p MainPID --value lbd-failover)/status");
    assert!(!process.contains("Uid:\t0"), "it runs as root: {process}");
    system.run("systemctl reload lbd-failover.service");
    assert!(system.holds(HAS_ADDRESS), "a reload changes nothing");

    system.run("systemctl stop lbd-failover.service");
    assert!(!system.holds(HAS_ADDRESS), "stopped");

    system.run("systemctl start lbd-failover.service");
    eventually("it owns the address again", PATIENCE, || {
        system.holds(HAS_ADDRESS)
    });
    // Everything of the unit dies at once; what runs after it takes the address away.
    system.run("systemctl kill --kill-whom=all --signal=KILL lbd-failover.service");
    system.run("systemctl stop lbd-failover.service");
    eventually("nothing stays behind", PATIENCE, || {
        !system.holds(HAS_ADDRESS)
    });
}

#[test]
fn an_upgrade_of_the_package_moves_no_address() {
    let system = installed();
    let pid = "systemctl show -p MainPID --value lbd-failover";
    let before = system.run(pid);
    // Every change of an address is written down.
    system.run("ip -o monitor address dev test0 >/srv/changes 2>&1 & echo $! >/srv/monitor.pid");
    let package = system.put(&Packages::second().deb());
    let said = system.run(&format!("dpkg -i {package} 2>&1"));
    assert!(
        !said.contains("went on as it was"),
        "{said}\n{}",
        system.journal()
    );
    // The unit sees the file system in a way of its own, so the path may have more in front; what
    // was replaced would have "(deleted)" behind.
    let mut running = String::new();
    let is_new = poll_until(PATIENCE, || {
        running =
            system.run("readlink /proc/$(systemctl show -p MainPID --value lbd-failover)/exe");
        running
            .trim()
            .ends_with("/usr/sbin/lbd-failover")
            .then_some(())
    });
    assert!(
        is_new.is_some(),
        "{said}\nruns {running}{}",
        system.journal()
    );
    system.run("kill $(cat /srv/monitor.pid)");
    assert_eq!(system.run(pid), before, "the same process goes on");
    assert!(system.holds(HAS_ADDRESS));
    let changes = system.run("cat /srv/changes");
    assert!(!changes.contains("Deleted"), "{changes}");
}
