//! What a package is, whatever its format.

/// One package.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name in each format.
    pub(crate) name: Name,
    /// One line, without a dot.
    pub(crate) summary: String,
    /// Paragraphs.
    pub(crate) description: Vec<String>,
    /// Section of the archive (Debian).
    pub(crate) section: &'static str,
    /// Whether it holds programs of one processor.
    pub(crate) is_native: bool,
    /// What it needs, beyond the libraries of its programs.
    pub(crate) relations: Relations,
    /// What runs when it comes and goes.
    pub(crate) scripts: Scripts,
    /// Everything in it, by path.
    pub(crate) entries: Vec<Entry>,
}

/// Debian and Fedora name some packages differently.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name {
    pub(crate) deb: &'static str,
    pub(crate) rpm: &'static str,
}

/// What a package says of others, in each format's words.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    pub(crate) deb_depends: Vec<String>,
    pub(crate) deb_recommends: Vec<String>,
    pub(crate) deb_conflicts: Vec<String>,
    pub(crate) rpm_recommends: Vec<String>,
    pub(crate) rpm_requires: Vec<String>,
    pub(crate) rpm_conflicts: Vec<String>,
}

/// The scripts of both formats; empty ones are left out.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    pub(crate) deb_postinst: &'static str,
    pub(crate) deb_prerm: &'static str,
    pub(crate) deb_postrm: &'static str,
    pub(crate) rpm_post: &'static str,
    pub(crate) rpm_preun: &'static str,
    pub(crate) rpm_postun: &'static str,
}

/// A file, directory or link of a package.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Where, with the leading slash.
    pub(crate) path: String,
    pub(crate) content: Content,
    pub(crate) kind: Kind,
    /// Which formats have it.
    pub(crate) only: Only,
}

/// What an entry holds.
#[derive(Debug)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    Directory,
    Link(String),
}

/// What an entry is for: it decides the mode and what a package manager does with changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whoever administers the machine changes it: kept at upgrades.
    Configuration,
    Data,
    Documentation,
    License,
    Program,
}

/// Which formats have an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Only {
    Both,
    Deb,
    Rpm,
}

impl Entry {
    /// The permissions.
    pub(crate) fn mode(&self) -> u32 {
        match (&self.content, self.kind) {
            (Content::Link(_), _) => 0o777,
            (Content::Directory, _) | (_, Kind::Program) => 0o755,
            _ => 0o644,
        }
    }
}

impl Package {
    /// Entries of one format, by path.
    pub(crate) fn entries_of(&self, format: Only) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.only == Only::Both || entry.only == format)
    }
}
