//! The .deb from its installation to its purge.

use support::eventually;

use crate::packages::Packages;
use crate::system::{PATIENCE, System};

const PAGE: &str = "curl -sf --max-time 10 http://127.0.0.1:8404/";

/// A site that needs no server.
const SITE: &str = "\nfrontend web\n    bind :80\n    http-request return status 200 content-type text/plain string first\n";

/// Files outside of logs and of what package managers and systemd remember.
const LIST: &str = "find / -xdev \\( -path /var/lib/dpkg -o -path /var/log -o -path /var/cache -o -path /srv \
    -o -path /var/lib/systemd -o -path /tmp -o -path /root \\) -prune -o -print | sort; \
    getent passwd; getent group";

#[test]
fn installed_it_runs_and_purged_it_leaves_nothing() {
    let system = System::boot();
    let package = system.put(&Packages::first().deb());
    let before = system.run(LIST);
    system.run(&format!("dpkg -i {package}"));
    eventually("the page answers", PATIENCE, || system.holds(PAGE));
    let page = system.run(PAGE);
    assert!(page.contains("lbd is running. No site yet?"), "{page}");
    let listening = system.run("ss -Hltn | awk '{ print $4 }' | sort -u");
    assert_eq!(listening.trim(), "127.0.0.1:8404", "no public port");
    assert!(system.holds("systemctl is-enabled lbd.service lbd-failover.service"));
    // There is nothing to own yet, which is no failure.
    let state = "systemctl show -p ActiveState -p ConditionResult --value lbd-failover.service";
    assert!(system.run(state).starts_with("inactive"));
    assert!(!system.holds("systemctl is-failed lbd-failover.service"));
    assert_eq!(
        system
            .run("stat -c %U:%G:%a /run/lbd /run/lbd/admin.sock")
            .trim(),
        "lbd:lbd:2750\nroot:lbd:660"
    );
    assert_eq!(
        system.run("cat /proc/sys/net/ipv4/ip_nonlocal_bind").trim(),
        "1"
    );
    let status = system.run(
        "m=$(systemctl show -p MainPID --value lbd); \
         cat $(grep -ls \"^PPid:[[:space:]]*$m\\$\" /proc/[0-9]*/status)",
    );
    assert!(status.contains("Name:\tlbd"), "a worker: {status}");
    assert!(!status.contains("Uid:\t0"), "it serves as root: {status}");
    units(&system);
    traffic(&system);

    system.run("dpkg -r lbd");
    assert!(!system.holds(PAGE));
    assert!(system.holds("test -f /etc/lbd/lbd.cfg && ! test -e /usr/sbin/lbd"));
    assert!(!system.holds("pidof lbd lbd-failover"));
    system.run("dpkg -P lbd");
    let after = system.run(LIST);
    let left: Vec<_> = after
        .lines()
        .filter(|line| !before.lines().any(|old| old == *line))
        .collect();
    assert_eq!(left, Vec::<&str>::new());
}

/// What systemd says of the units.
fn units(system: &System) {
    let said = system.output("systemd-analyze verify --man=no lbd.service lbd-failover.service");
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    let about_us: Vec<_> = text.lines().filter(|line| line.contains("lbd")).collect();
    assert_eq!(about_us, Vec::<&str>::new());
    for (unit, worst) in [("lbd.service", 4.0), ("lbd-failover.service", 4.0)] {
        let text = system.run(&format!("systemd-analyze security --no-pager {unit}"));
        let line = text.lines().last().unwrap_or_default();
        let score = line
            .split_whitespace()
            .find_map(|word| word.parse::<f64>().ok());
        let score = score.unwrap_or_else(|| panic!("no score: {line}"));
        println!("{unit}: exposure {score}");
        assert!(score <= worst, "{text}");
    }
}

/// A first site, by the words of the page.
fn traffic(system: &System) {
    system.write("/tmp/site.cfg", SITE.as_bytes());
    system.run("cat /tmp/site.cfg >>/etc/lbd/lbd.cfg && rm /tmp/site.cfg");
    system.run("systemctl restart lbd.service");
    eventually("the site answers", PATIENCE, || {
        system.holds("test \"$(curl -s --max-time 10 http://127.0.0.1/)\" = first")
    });
    eventually("the request is logged", PATIENCE, || {
        system.holds("grep -q ' web web/<NOSRV> .*GET / HTTP/1.1' /var/log/lbd.log")
    });
    reload(system);
    // A configuration that is refused changes nothing.
    system.run("cp /etc/lbd/lbd.cfg /srv/good.cfg && echo nonsense >>/etc/lbd/lbd.cfg");
    assert!(!system.holds("systemctl reload lbd.service"));
    assert!(system.holds("curl -sf --max-time 10 http://127.0.0.1/"));
    system.run("cp /srv/good.cfg /etc/lbd/lbd.cfg");
}

/// Another configuration while clients ask without a pause: no request fails.
fn reload(system: &System) {
    let ask = "curl -sf --max-time 10 http://127.0.0.1/";
    system.run(&format!(
        "(while ! test -e /srv/stop; do {ask} >/dev/null || echo >>/srv/failed; done; echo >/srv/stopped) \
         >/dev/null 2>&1 </dev/null &"
    ));
    for (old, new) in [("first", "second"), ("second", "first")] {
        system.run(&format!(
            "sed -i 's/string {old}/string {new}/' /etc/lbd/lbd.cfg && systemctl reload lbd.service"
        ));
        eventually("the new configuration serves", PATIENCE, || {
            system.holds(&format!("test \"$({ask})\" = {new}"))
        });
    }
    system.run("echo >/srv/stop");
    eventually("the client has ended", PATIENCE, || {
        system.holds("test -e /srv/stopped")
    });
    assert!(!system.holds("test -e /srv/failed"), "requests have failed");
    system.run("rm /srv/stop /srv/stopped");
}
