//! What `-v` and its relatives print.
//!
//! Programs that ask for a version want to know which HAProxy's interface this is; people want
//! to know which lbd.

use crate::args::VersionForm;

/// The text for a form, its last line ended.
pub(crate) fn text(form: VersionForm) -> String {
    let compatible = lbd_config::HAPROXY_VERSION;
    match form {
        VersionForm::Number => format!("{compatible}\n"),
        VersionForm::Branch => {
            let branch = compatible
                .rsplit_once('.')
                .map_or(compatible, |(branch, _)| branch);
            format!("{branch}\n")
        }
        VersionForm::Page => page(),
        VersionForm::Build => format!("{}{}", page(), build()),
    }
}

fn page() -> String {
    format!(
        "lbd version {} - compatible with HAProxy version {}\nRunning on: {}\n",
        env!("CARGO_PKG_VERSION"),
        lbd_config::HAPROXY_VERSION,
        system()
    )
}

fn system() -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| "unknown".to_owned(),
        |name| {
            let part = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
            let parts = [
                name.sysname(),
                name.release(),
                name.version(),
                name.machine(),
            ];
            parts.map(part).join(" ")
        },
    )
}

fn features() -> String {
    let features = crate::host::FEATURES.iter();
    let features: Vec<_> = features.map(|feature| format!("+{feature}")).collect();
    features.join(" ")
}

/// What this build is and can do (`show dev`).
pub(crate) fn facts() -> String {
    format!(
        "Features:\n  {}\nBuild options:\n  lbd version {}\n  Built with multi-threading support \
         (default={}).\n  Built with AWS-LC by rustls, TLSv1.2 and TLSv1.3.\n",
        features(),
        env!("CARGO_PKG_VERSION"),
        std::thread::available_parallelism().map_or(1, usize::from)
    )
}

fn build() -> String {
    format!(
        "\nFeature list : {}\n\nDefault settings :\n  bufsize = 16384, maxrewrite = 1024\n\n\
         Built with multi-threading support (default={}).\n\
         Available polling systems :\n      epoll : pref=300,  test result OK\n\
         Total: 1 (1 usable), will use epoll.\n\n\
         Available multiplexer protocols :\n\
         \x20        h2 : mode=HTTP  side=FE|BE  mux=H2    flags=HTX|HOL_RISK|NO_UPG\n\
         \x20 <default> : mode=HTTP  side=FE|BE  mux=H1    flags=HTX\n\
         \x20        h1 : mode=HTTP  side=FE|BE  mux=H1    flags=HTX|NO_UPG\n\
         \x20 <default> : mode=TCP   side=FE|BE  mux=PASS  flags=\n\
         \x20      none : mode=TCP   side=FE|BE  mux=PASS  flags=NO_UPG\n\n\
         Available services : none\n\nAvailable filters : none\n",
        features(),
        std::thread::available_parallelism().map_or(1, usize::from)
    )
}
