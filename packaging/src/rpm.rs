//! Writes an .rpm.

use std::path::PathBuf;

use rpm::{BuildConfig, CompressionWithLevel, Dependency, FileOptions, PackageBuilder, Scriptlet};

use crate::build::Build;
use crate::changelog::{self, MAINTAINER};
use crate::control::{WIDTH, wrap};
use crate::package::{Content, Entry, Kind, Only, Package};

/// Writes the package and returns where it is.
pub(crate) fn write(package: &Package, build: &Build) -> Result<PathBuf, String> {
    let name = package.name.rpm;
    let fail = |e: rpm::Error| format!("{name}.rpm: {e}");
    let architecture = if package.is_native {
        std::env::consts::ARCH
    } else {
        "noarch"
    };
    let config = BuildConfig::v4()
        .source_date(build.time)
        .reserved_space(None)
        .compression(CompressionWithLevel::Xz(build.compression.preset()));
    let license = "Apache-2.0 OR MIT";
    let mut builder = PackageBuilder::new(
        name,
        build.version,
        license,
        architecture,
        &capital(&package.summary),
    );
    builder
        .using_config(config)
        .release(build.release.to_string())
        .description(description(package))
        .vendor("lbd developers")
        .packager(MAINTAINER)
        .group("System Environment/Daemons")
        .build_host("localhost");
    for entry in package.entries_of(Only::Rpm) {
        add(&mut builder, entry).map_err(fail)?;
    }
    for text in &package.relations.rpm_requires {
        builder.requires(Dependency::any(text));
    }
    for text in &package.relations.rpm_recommends {
        builder.recommends(Dependency::any(text));
    }
    for text in &package.relations.rpm_conflicts {
        builder.conflicts(Dependency::any(text));
    }
    let scripts = &package.scripts;
    if !scripts.rpm_post.is_empty() {
        builder.post_install_script(shell(scripts.rpm_post));
    }
    if !scripts.rpm_preun.is_empty() {
        builder.pre_uninstall_script(shell(scripts.rpm_preun));
    }
    if !scripts.rpm_postun.is_empty() {
        builder.post_uninstall_script(shell(scripts.rpm_postun));
    }
    let text = String::from_utf8(build.read("CHANGELOG.md")?).map_err(|e| e.to_string())?;
    for version in changelog::parse(&text)? {
        let author = format!("{MAINTAINER} - {}-{}", version.number, build.release);
        let changes: Vec<_> = version.changes.iter().map(|c| format!("- {c}")).collect();
        builder.add_changelog_entry(author, changes.join("\n"), version.seconds());
    }
    let file = format!(
        "{name}-{}-{}.{architecture}.rpm",
        build.version, build.release
    );
    let path = build.output.join(file);
    builder
        .build()
        .and_then(|package| package.write_file(&path))
        .map_err(fail)?;
    Ok(path)
}

/// Summaries begin with a capital here.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

fn description(package: &Package) -> String {
    let paragraphs = package.description.iter();
    let wrapped: Vec<_> = paragraphs.map(|p| wrap(p, WIDTH).join("\n")).collect();
    wrapped.join("\n\n")
}

fn shell(text: &str) -> Scriptlet {
    Scriptlet::new(text).prog(vec!["/bin/sh"])
}

/// Where an entry is with Fedora and its kin.
fn path(path: &str) -> String {
    // Where /lib is a link to /usr/lib, files belong to the latter.
    if let Some(rest) = path.strip_prefix("/lib/") {
        return format!("/usr/lib/{rest}");
    }
    path.replace("/zsh/vendor-completions/", "/zsh/site-functions/")
}

fn add(builder: &mut PackageBuilder, entry: &Entry) -> Result<(), rpm::Error> {
    let path = path(&entry.path);
    // Permissions have twelve bits.
    #[expect(clippy::cast_possible_truncation)]
    let mode = entry.mode() as u16;
    match &entry.content {
        Content::Bytes(bytes) => {
            let options = FileOptions::new(path).permissions(mode);
            let options = match entry.kind {
                Kind::Configuration => options.config().noreplace(),
                Kind::Documentation => options.doc(),
                Kind::License => options.license(),
                Kind::Data | Kind::Program => options,
            };
            builder.with_file_contents(bytes.clone(), options)?;
        }
        Content::Directory => {
            builder.with_dir_entry(FileOptions::dir(path).permissions(mode))?;
        }
        Content::Link(target) => {
            builder.with_symlink(FileOptions::symlink(path, target))?;
        }
    }
    Ok(())
}
