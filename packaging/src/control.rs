//! Debian's control file.

use crate::build::Build;
use crate::changelog::MAINTAINER;
use crate::package::Package;

/// Width of a line of a description.
pub(crate) const WIDTH: usize = 78;

/// The text of `control`; `installed` is in bytes.
pub(crate) fn text(package: &Package, build: &Build, installed: u64) -> String {
    let relations = &package.relations;
    let mut text = String::new();
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{name}: {value}\n"));
        }
    };
    field("Package", package.name.deb);
    field("Source", if package.name.deb == "lbd" { "" } else { "lbd" });
    field("Version", &format!("{}-{}", build.version, build.release));
    field(
        "Architecture",
        if package.is_native {
            architecture()
        } else {
            "all"
        },
    );
    field("Maintainer", MAINTAINER);
    field("Installed-Size", &installed.div_ceil(1024).to_string());
    field("Depends", &relations.deb_depends.join(", "));
    field("Recommends", &relations.deb_recommends.join(", "));
    field("Conflicts", &relations.deb_conflicts.join(", "));
    field("Section", package.section);
    field("Priority", "optional");
    if package.section == "debug" {
        field("Auto-Built-Package", "debug-symbols");
    }
    field("Description", &package.summary);
    for (index, paragraph) in package.description.iter().enumerate() {
        if index > 0 {
            text.push_str(" .\n");
        }
        for line in wrap(paragraph, WIDTH) {
            text.push_str(&format!(" {line}\n"));
        }
    }
    text
}

/// Debian's word for this processor.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Lines of at most `width` characters, broken at blanks.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let needs_new = lines
            .last()
            .is_some_and(|line| !line.is_empty() && line.len() + 1 + word.len() > width);
        if needs_new {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests;
