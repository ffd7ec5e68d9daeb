//! The container image: an OCI image layout in one tar archive, made without a container engine.
//!
//! Its root file system holds the balancer, the libraries it is linked with (of the machine that
//! builds) and nothing else: no shell, no package manager.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::build::{Build, run};
use crate::deb::{self, gzip};

/// The user of the image: no root, and no id that a machine gives away by itself.
const USER: u32 = 99;
/// Where images of HAProxy have their configuration.
const CONFIGURATION: &str = "/usr/local/etc/haproxy/haproxy.cfg";

/// Writes the image and returns where it is.
pub(crate) fn write(build: &Build) -> Result<PathBuf, String> {
    let layer = layer(build)?;
    let pressed = gzip(&layer)?;
    let config = config(build, &layer).to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &pressed)],
    });
    let manifest = manifest.to_string().into_bytes();
    let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
    let reference = format!("lbd:{}", build.version);
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": reference});
    let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();
    let mut tar = Tar::new(build);
    tar.directory("blobs")?;
    tar.directory("blobs/sha256")?;
    for blob in [&config, &manifest, &pressed] {
        tar.file(&format!("blobs/sha256/{}", hash(blob)), blob, 0o644)?;
    }
    tar.file("index.json", index.as_bytes(), 0o644)?;
    tar.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644)?;
    let path = build.output.join(format!("lbd-{}-oci.tar", build.version));
    std::fs::write(&path, tar.end()?).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path)
}

fn config(build: &Build, layer: &[u8]) -> Value {
    json!({
        "architecture": crate::control::architecture(),
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "Env": ["PATH=/usr/sbin:/usr/bin"],
            "Entrypoint": ["/usr/sbin/lbd"],
            "Cmd": ["-db", "-f", CONFIGURATION],
            "ExposedPorts": {"8404/tcp": {}},
            "StopSignal": "SIGUSR1",
            "Labels": {
                "org.opencontainers.image.title": "lbd",
                "org.opencontainers.image.version": build.version,
                "org.opencontainers.image.licenses": "Apache-2.0 OR MIT",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", hash(layer))]},
    })
}

fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": kind, "digest": format!("sha256:{}", hash(bytes)), "size": bytes.len()})
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn layer(build: &Build) -> Result<Vec<u8>, String> {
    let mut tar = Tar::new(build);
    for directory in [
        "etc",
        "lib64",
        "run",
        "tmp",
        "usr",
        "usr/lib",
        "usr/local",
        "usr/local/etc",
        "usr/local/etc/haproxy",
        "usr/sbin",
        "usr/share",
        "usr/share/doc",
        "usr/share/doc/lbd",
        "var",
        "var/lib",
        "var/lib/lbd",
    ] {
        tar.directory(directory)?;
    }
    let passwd = format!("root:x:0:0:root:/:/none\nlbd:x:{USER}:{USER}:lbd:/var/lib/lbd:/none\n");
    tar.file("etc/passwd", passwd.as_bytes(), 0o644)?;
    let group = format!("root:x:0:\nlbd:x:{USER}:\n");
    tar.file("etc/group", group.as_bytes(), 0o644)?;
    tar.file("etc/nsswitch.conf", b"hosts: files dns\n", 0o644)?;
    let text = build.read("files/container.cfg")?;
    tar.file(&CONFIGURATION[1..], &text, 0o644)?;
    let program = build
        .programs
        .iter()
        .find(|program| program.name == "lbd")
        .ok_or("there is no lbd")?;
    tar.file("usr/sbin/lbd", &program.parted.program, 0o755)?;
    for library in program.needs.libraries() {
        let path = library_path(library)?;
        let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        // The loader has its one place; libraries are found in its default ones.
        let directory = if library.starts_with("ld-linux") {
            "lib64"
        } else {
            "usr/lib"
        };
        tar.file(&format!("{directory}/{library}"), &bytes, 0o755)?;
    }
    let notices = crate::licenses::notices(&crate::licenses::linked(&build.root)?)?;
    tar.file(
        "usr/share/doc/lbd/THIRD-PARTY.txt",
        notices.as_bytes(),
        0o644,
    )?;
    tar.end()
}

/// Where this machine's linker finds a library.
fn library_path(name: &str) -> Result<PathBuf, String> {
    if let Some(path) = [Path::new("/lib64").join(name), Path::new("/lib").join(name)]
        .into_iter()
        .find(|path| path.exists())
    {
        return Ok(path);
    }
    let path = run(std::process::Command::new("cc").arg(format!("-print-file-name={name}")))?;
    Ok(PathBuf::from(path.trim()))
}

/// A tar archive of root's, all its times the same.
struct Tar {
    tar: tar::Builder<Vec<u8>>,
    time: u64,
}

impl Tar {
    fn new(build: &Build) -> Self {
        Self {
            tar: tar::Builder::new(Vec::new()),
            time: u64::from(build.time),
        }
    }

    fn directory(&mut self, path: &str) -> Result<(), String> {
        let mode = if path == "tmp" { 0o1777 } else { 0o755 };
        let mut header = deb::header(tar::EntryType::Directory, mode, self.time);
        header.set_size(0);
        self.tar
            .append_data(&mut header, format!("{path}/"), std::io::empty())
            .map_err(|e| format!("{path}: {e}"))
    }

    fn file(&mut self, path: &str, bytes: &[u8], mode: u32) -> Result<(), String> {
        let mut header = deb::header(tar::EntryType::Regular, mode, self.time);
        header.set_size(bytes.len() as u64);
        self.tar
            .append_data(&mut header, path, bytes)
            .map_err(|e| format!("{path}: {e}"))
    }

    fn end(self) -> Result<Vec<u8>, String> {
        self.tar.into_inner().map_err(|e| e.to_string())
    }
}
