//! Writes a .deb: an `ar` archive of two compressed tar archives (deb(5)).

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ar::{Builder, Header};
use liblzma::write::XzEncoder;
use md5::{Digest, Md5};

use crate::build::Build;
use crate::control;
use crate::package::{Content, Entry, Kind, Only, Package};

/// Writes the package and returns where it is.
pub(crate) fn write(package: &Package, build: &Build) -> Result<PathBuf, String> {
    let architecture = if package.is_native {
        control::architecture()
    } else {
        "all"
    };
    let name = format!(
        "{}_{}-{}_{architecture}.deb",
        package.name.deb, build.version, build.release
    );
    let path = build.output.join(name);
    let fail = |e: std::io::Error| format!("{}: {e}", path.display());
    let file = std::fs::File::create(&path).map_err(fail)?;
    let mut archive = Builder::new(file);
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        (
            "control.tar.xz",
            control_archive(package, build).map_err(fail)?,
        ),
        ("data.tar.xz", data_archive(package, build).map_err(fail)?),
    ];
    for (name, bytes) in members {
        let mut header = Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        header.set_mode(0o100_644);
        header.set_mtime(u64::from(build.time));
        archive.append(&header, bytes.as_slice()).map_err(fail)?;
    }
    Ok(path)
}

fn control_archive(package: &Package, build: &Build) -> std::io::Result<Vec<u8>> {
    let mut archive = Archive::new(build);
    archive.directory("./")?;
    let mut installed = 0;
    let mut sums = String::new();
    let mut configuration = String::new();
    for entry in package.entries_of(Only::Deb) {
        let Content::Bytes(bytes) = &entry.content else {
            installed += 1024;
            continue;
        };
        installed += bytes.len() as u64;
        if entry.kind == Kind::Configuration {
            configuration.push_str(&format!("{}\n", entry.path));
        } else {
            let sum: String = Md5::digest(bytes)
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            sums.push_str(&format!("{sum}  {}\n", entry.path.trim_start_matches('/')));
        }
    }
    let text = control::text(package, build, installed);
    archive.file("./control", text.as_bytes(), 0o644)?;
    let scripts = &package.scripts;
    for (name, text, mode) in [
        ("./conffiles", configuration.as_str(), 0o644),
        ("./md5sums", &sums, 0o644),
        ("./postinst", scripts.deb_postinst, 0o755),
        ("./postrm", scripts.deb_postrm, 0o755),
        ("./prerm", scripts.deb_prerm, 0o755),
    ] {
        if !text.is_empty() {
            archive.file(name, text.as_bytes(), mode)?;
        }
    }
    archive.end()
}

fn data_archive(package: &Package, build: &Build) -> std::io::Result<Vec<u8>> {
    let mut archive = Archive::new(build);
    let mut directories = BTreeSet::from(["./".to_owned()]);
    for entry in package.entries_of(Only::Deb) {
        let parents = entry.path.match_indices('/').skip(1);
        directories.extend(parents.map(|(at, _)| format!(".{}/", &entry.path[..at])));
        if matches!(entry.content, Content::Directory) {
            directories.insert(format!(".{}/", entry.path));
        }
    }
    for directory in &directories {
        archive.directory(directory)?;
    }
    for entry in package.entries_of(Only::Deb) {
        archive.entry(&format!(".{}", entry.path), entry)?;
    }
    archive.end()
}

/// A tar archive of root's, all its times the same.
pub(crate) struct Archive {
    tar: tar::Builder<XzEncoder<Vec<u8>>>,
    time: u64,
}

impl Archive {
    fn new(build: &Build) -> Self {
        let encoder = XzEncoder::new(Vec::new(), build.compression.preset());
        Self {
            tar: tar::Builder::new(encoder),
            time: u64::from(build.time),
        }
    }

    fn directory(&mut self, path: &str) -> std::io::Result<()> {
        let mut header = header(tar::EntryType::Directory, 0o755, self.time);
        header.set_size(0);
        name(&mut header, path)?;
        self.tar.append(&header, std::io::empty())
    }

    fn file(&mut self, path: &str, bytes: &[u8], mode: u32) -> std::io::Result<()> {
        let mut header = header(tar::EntryType::Regular, mode, self.time);
        header.set_size(bytes.len() as u64);
        name(&mut header, path)?;
        self.tar.append(&header, bytes)
    }

    fn entry(&mut self, path: &str, entry: &Entry) -> std::io::Result<()> {
        match &entry.content {
            Content::Bytes(bytes) => self.file(path, bytes, entry.mode()),
            Content::Directory => Ok(()),
            Content::Link(target) => {
                let mut header = header(tar::EntryType::Symlink, entry.mode(), self.time);
                header.set_size(0);
                header.set_link_name(target)?;
                name(&mut header, path)?;
                self.tar.append(&header, std::io::empty())
            }
        }
    }

    fn end(self) -> std::io::Result<Vec<u8>> {
        self.tar.into_inner()?.finish()
    }
}

/// Names a member as it is: dpkg and its tools look for the `./` in front.
fn name(header: &mut tar::Header, path: &str) -> std::io::Result<()> {
    let field = &mut header.as_old_mut().name;
    let place = field.get_mut(..path.len());
    place
        .ok_or_else(|| std::io::Error::other(format!("{path} is too long")))?
        .copy_from_slice(path.as_bytes());
    header.set_cksum();
    Ok(())
}

/// What all members of an archive share.
pub(crate) fn header(kind: tar::EntryType, mode: u32, time: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    // Neither name can be too long for its field.
    let _ = header.set_username("root");
    let _ = header.set_groupname("root");
    header
}

/// As `gzip -9n` does, which Debian's policy asks for.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let fail = |e: std::io::Error| format!("gzip: {e}");
    let mut child = Command::new("gzip")
        .args(["-9", "-n"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    let mut input = child.stdin.take().ok_or("gzip has no input")?;
    let bytes = bytes.to_vec();
    // Apart, so that neither waits for the other with full pipes.
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().map_err(fail)?;
    writer.join().map_err(|_| "gzip: no input")?.map_err(fail)?;
    Ok(output.stdout)
}
