//! What is in each package, and where: the one list that both formats are made from.

use lbd_http::status::error_reply;

use lbd_core::cli::Program;

use crate::build::Build;
use crate::changelog;
use crate::completion;
use crate::elf::Needs;
use crate::licenses::{self, Linked};
use crate::man;
use crate::package::{Content, Entry, Kind, Name, Only, Package, Relations, Scripts};

/// Statuses whose pages are files, as operators of HAProxy know them.
const ERROR_PAGES: &[u16] = &[400, 403, 408, 500, 502, 503, 504];

/// A file below `packaging/` (or of the root, by `../`) as it is.
struct File {
    from: &'static str,
    to: &'static str,
    kind: Kind,
}

const fn file(from: &'static str, to: &'static str, kind: Kind) -> File {
    File { from, to, kind }
}

const FILES: &[File] = &[
    file("files/lbd.cfg", "/etc/lbd/lbd.cfg", Kind::Configuration),
    file(
        "files/failover.conf",
        "/etc/lbd/failover.conf",
        Kind::Configuration,
    ),
    file("files/default", "/etc/default/lbd", Kind::Configuration),
    file(
        "files/rsyslog.conf",
        "/etc/rsyslog.d/49-lbd.conf",
        Kind::Configuration,
    ),
    file(
        "files/logrotate",
        "/etc/logrotate.d/lbd",
        Kind::Configuration,
    ),
    file(
        "files/sysusers.conf",
        "/usr/lib/sysusers.d/lbd.conf",
        Kind::Data,
    ),
    file(
        "files/tmpfiles.conf",
        "/usr/lib/tmpfiles.d/lbd.conf",
        Kind::Data,
    ),
    file(
        "files/sysctl.conf",
        "/usr/lib/sysctl.d/60-lbd.conf",
        Kind::Data,
    ),
    file(
        "files/firewalld.xml",
        "/usr/lib/firewalld/services/lbd-failover.xml",
        Kind::Data,
    ),
    file(
        "files/systemd/lbd.service",
        "/lib/systemd/system/lbd.service",
        Kind::Data,
    ),
    file(
        "files/systemd/lbd-failover.service",
        "/lib/systemd/system/lbd-failover.service",
        Kind::Data,
    ),
    file(
        "files/lintian/lbd",
        "/usr/share/lintian/overrides/lbd",
        Kind::Data,
    ),
    file(
        "doc/keywords.md",
        "/usr/share/doc/lbd/keywords.md",
        Kind::Documentation,
    ),
    file(
        "doc/selinux.md",
        "/usr/share/doc/lbd/selinux.md",
        Kind::Documentation,
    ),
    file(
        "files/examples/sysctl.conf",
        "/usr/share/doc/lbd/examples/sysctl.conf",
        Kind::Documentation,
    ),
    file(
        "files/examples/first-site.cfg",
        "/usr/share/doc/lbd/examples/first-site.cfg",
        Kind::Documentation,
    ),
    file(
        "files/examples/pair-failover.conf",
        "/usr/share/doc/lbd/examples/pair-failover.conf",
        Kind::Documentation,
    ),
];

/// What is said about the command line of each program.
pub(crate) fn programs() -> Vec<Program> {
    vec![
        crate::lbd_flags::program(),
        failover::args::program(),
        failover::client::program(),
    ]
}

/// Manual pages and completions of a program.
fn pages(program: &Program, build: &Build, day: &str) -> Result<Vec<Entry>, String> {
    let (name, section) = (program.name, program.section);
    let page = man::page(program, build.version, day);
    let page = crate::deb::gzip(page.as_bytes())?;
    let mut entries = vec![both(
        format!("/usr/share/man/man{section}/{name}.{section}.gz"),
        page,
        Kind::Documentation,
    )];
    for (path, text) in [
        (
            format!("bash-completion/completions/{name}"),
            completion::bash(program),
        ),
        (
            format!("zsh/vendor-completions/_{name}"),
            completion::zsh(program),
        ),
        (
            format!("fish/vendor_completions.d/{name}.fish"),
            completion::fish(program),
        ),
    ] {
        entries.push(both(
            format!("/usr/share/{path}"),
            text.into_bytes(),
            Kind::Data,
        ));
    }
    Ok(entries)
}

/// All packages of a run.
pub(crate) fn packages(build: &Build) -> Result<Vec<Package>, String> {
    let linked = licenses::linked(&build.root)?;
    Ok(vec![main(build, &linked)?, compat(build)?, symbols(build)?])
}

fn main(build: &Build, linked: &[Linked]) -> Result<Package, String> {
    let mut entries = Vec::new();
    for program in &build.programs {
        let directory = if program.name == "lbctl" {
            "bin"
        } else {
            "sbin"
        };
        let bytes = program.parted.program.clone();
        entries.push(both(
            format!("/usr/{directory}/{}", program.name),
            bytes,
            Kind::Program,
        ));
    }
    for file in FILES {
        let bytes = build.read(file.from)?;
        entries.push(match file.to.starts_with("/usr/share/lintian/") {
            true => only(Only::Deb, file.to.to_owned(), bytes),
            false => both(file.to.to_owned(), bytes, file.kind),
        });
    }
    for &status in ERROR_PAGES {
        let path = format!("/etc/lbd/errors/{status}.http");
        entries.push(both(path, error_page(status)?, Kind::Configuration));
    }
    for directory in [
        "/usr/lib/firewalld",
        "/usr/lib/firewalld/services",
        "/usr/share/fish",
        "/usr/share/fish/vendor_completions.d",
        "/usr/share/licenses/lbd",
        "/usr/share/zsh",
        "/usr/share/zsh/site-functions",
        "/etc/lbd",
        "/etc/lbd/errors",
        "/usr/share/doc/lbd",
        "/usr/share/doc/lbd/examples",
    ] {
        entries.push(Entry {
            path: directory.to_owned(),
            content: Content::Directory,
            kind: Kind::Data,
            only: Only::Rpm,
        });
    }
    let day = day(build)?;
    for program in programs() {
        entries.extend(pages(&program, build, &day)?);
    }
    let notices = licenses::notices(linked)?.into_bytes();
    entries.push(both(
        "/usr/share/doc/lbd/THIRD-PARTY.txt".to_owned(),
        notices,
        Kind::License,
    ));
    entries.extend(papers(build, "lbd", Some(linked))?);
    let needs = Needs::union(build.programs.iter().map(|program| &program.needs));
    let mut deb_depends = needs.debian()?;
    deb_depends.push("passwd".to_owned());
    let mut rpm_requires = needs.rpm();
    rpm_requires.push("systemd".to_owned());
    Ok(sorted(Package {
        name: Name { deb: "lbd", rpm: "lbd" },
        summary: "load balancer and failover daemon that act as one on a pair".to_owned(),
        description: vec![
            "lbd reads haproxy.cfg as it is and balances TCP, HTTP/1.1 and HTTP/2, with TLS on both \
             sides, health checks, stick tables and HAProxy's runtime API."
                .to_owned(),
            "lbd-failover reads keepalived.conf as it is and gives the address of the pair to the node \
             whose balancer can serve. lbctl shows and steers both."
                .to_owned(),
        ],
        section: "net",
        is_native: true,
        relations: Relations {
            deb_depends,
            deb_recommends: recommended(),
            rpm_recommends: recommended(),
            rpm_requires,
            ..Relations::default()
        },
        scripts: Scripts {
            deb_postinst: include_str!("../files/scripts/postinst"),
            deb_prerm: include_str!("../files/scripts/prerm"),
            deb_postrm: include_str!("../files/scripts/postrm"),
            rpm_post: include_str!("../files/scripts/rpm-post"),
            rpm_preun: include_str!("../files/scripts/rpm-preun"),
            rpm_postun: include_str!("../files/scripts/rpm-postun"),
        },
        entries,
    }))
}

/// Authorities for servers, rotation of the log, the fence of addresses.
fn recommended() -> Vec<String> {
    ["ca-certificates", "logrotate", "nftables"]
        .map(str::to_owned)
        .to_vec()
}

/// `/usr/sbin/haproxy`, for scripts and unit overrides that call it by that name.
fn compat(build: &Build) -> Result<Package, String> {
    let release = build.release;
    let version = build.version;
    Ok(sorted(Package {
        name: Name { deb: "lbd-compat", rpm: "lbd-compat" },
        summary: "haproxy command that is lbd".to_owned(),
        description: vec![
            "Makes /usr/sbin/haproxy an alternative that is lbd, so that scripts and unit overrides \
             that call 'haproxy -c -f' go on working after HAProxy is gone."
                .to_owned(),
        ],
        section: "net",
        is_native: false,
        relations: Relations {
            deb_depends: vec![format!("lbd (>= {version}-{release})")],
            deb_conflicts: vec!["haproxy".to_owned()],
            rpm_requires: vec!["lbd".to_owned(), "/usr/sbin/update-alternatives".to_owned()],
            rpm_conflicts: vec!["haproxy".to_owned()],
            ..Relations::default()
        },
        scripts: Scripts {
            deb_postinst: include_str!("../files/scripts/compat-postinst"),
            deb_prerm: include_str!("../files/scripts/compat-prerm"),
            rpm_post: include_str!("../files/scripts/compat-rpm-post"),
            rpm_preun: include_str!("../files/scripts/compat-rpm-preun"),
            ..Scripts::default()
        },
        entries: compat_entries(build)?,
    }))
}

/// The day of the newest version, for the feet of manual pages.
fn day(build: &Build) -> Result<String, String> {
    let text = String::from_utf8(build.read("CHANGELOG.md")?).map_err(|e| e.to_string())?;
    let versions = changelog::parse(&text)?;
    let newest = versions.first().ok_or("the changelog is empty")?;
    Ok(newest.day.to_string())
}

fn compat_entries(build: &Build) -> Result<Vec<Entry>, String> {
    let mut entries = papers(build, "lbd-compat", None)?;
    let path = "/usr/share/lintian/overrides/lbd-compat".to_owned();
    entries.push(only(
        Only::Deb,
        path,
        build.read("files/lintian/lbd-compat")?,
    ));
    Ok(entries)
}

fn symbols(build: &Build) -> Result<Package, String> {
    let mut entries = papers(build, "lbd-debuginfo", None)?;
    entries.retain(|entry| entry.only == Only::Rpm);
    // The papers are those of the package that it belongs to.
    entries.push(Entry {
        path: "/usr/share/doc/lbd-dbgsym".to_owned(),
        content: Content::Link("lbd".to_owned()),
        kind: Kind::Data,
        only: Only::Deb,
    });
    for program in &build.programs {
        let path = program.parted.symbols_path.clone();
        entries.push(both(path, program.parted.symbols.clone(), Kind::Data));
    }
    Ok(sorted(Package {
        name: Name {
            deb: "lbd-dbgsym",
            rpm: "lbd-debuginfo",
        },
        summary: "debug symbols for lbd".to_owned(),
        description: vec!["What gdb and perf need to name functions and lines of lbd.".to_owned()],
        section: "debug",
        is_native: true,
        relations: Relations {
            deb_depends: vec![format!("lbd (= {}-{})", build.version, build.release)],
            ..Relations::default()
        },
        scripts: Scripts::default(),
        entries,
    }))
}

/// Licence and changelog, where each format wants them.
fn papers(build: &Build, package: &str, linked: Option<&[Linked]>) -> Result<Vec<Entry>, String> {
    let text = |bytes| String::from_utf8(bytes).map_err(|_| "a text is not UTF-8".to_owned());
    let mit = text(build.read("../LICENSE-MIT")?)?;
    let changes = changelog::parse(&text(build.read("CHANGELOG.md")?)?)?;
    let changes = changelog::debian(&changes, "lbd", build.release);
    let mut entries = vec![
        only(
            Only::Deb,
            format!("/usr/share/doc/{package}/copyright"),
            copyright(&mit, linked),
        ),
        only(
            Only::Deb,
            format!("/usr/share/doc/{package}/changelog.Debian.gz"),
            crate::deb::gzip(changes.as_bytes())?,
        ),
    ];
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        entries.push(Entry {
            path: format!("/usr/share/licenses/{package}/{name}"),
            content: Content::Bytes(build.read(&format!("../{name}"))?),
            kind: Kind::License,
            only: Only::Rpm,
        });
    }
    Ok(entries)
}

fn copyright(mit: &str, linked: Option<&[Linked]>) -> Vec<u8> {
    let mut text = format!(
        "Copyright (c) 2026 the lbd developers\n\n\
         lbd is licensed under the Apache License, Version 2.0, or the MIT license, at your choice.\n\n\
         The Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0.\n\n{mit}"
    );
    if let Some(linked) = linked {
        text.push_str(
            "\nCode of others that is linked in, with the licences that its authors state; the texts \
             and the notices are in THIRD-PARTY.txt.\n\n",
        );
        for Linked {
            name,
            version,
            license,
            ..
        } in linked
        {
            text.push_str(&format!("{name} {version}: {license}\n"));
        }
    }
    text.into_bytes()
}

/// The built-in answer as a file for `errorfile`.
fn error_page(status: u16) -> Result<Vec<u8>, String> {
    let reply = error_reply(status).ok_or_else(|| format!("{status} has no built-in answer"))?;
    Ok(format!(
        "HTTP/1.0 {status} {}\r\nCache-Control: no-cache\r\nConnection: close\r\n\
         Content-Type: text/html\r\n\r\n{}",
        reply.reason, reply.body
    )
    .into_bytes())
}

fn both(path: String, bytes: Vec<u8>, kind: Kind) -> Entry {
    Entry {
        path,
        content: Content::Bytes(bytes),
        kind,
        only: Only::Both,
    }
}

fn only(only: Only, path: String, bytes: Vec<u8>) -> Entry {
    Entry {
        path,
        content: Content::Bytes(bytes),
        kind: Kind::Documentation,
        only,
    }
}

fn sorted(mut package: Package) -> Package {
    package.entries.sort_by(|a, b| a.path.cmp(&b.path));
    package
}
