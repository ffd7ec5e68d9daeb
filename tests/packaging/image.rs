//! The container image: unpacked and started as its configuration says, without a container engine.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::TempDir;

use crate::packages::{Packages, said};

/// The image, unpacked.
struct Image {
    directory: TempDir,
    config: Value,
}

impl Image {
    fn unpack() -> Self {
        let directory = TempDir::new();
        let layout = directory.path().join("layout");
        let root = directory.path().join("root");
        for made in [&layout, &root] {
            std::fs::create_dir(made).expect("made");
        }
        said(
            Command::new("tar")
                .arg("-C")
                .arg(&layout)
                .arg("-xf")
                .arg(Packages::first().image()),
        );
        let index = json(&layout.join("index.json"));
        let manifest = json(&blob(&layout, &index["manifests"][0]));
        let config = json(&blob(&layout, &manifest["config"]));
        let layers = manifest["layers"].as_array().expect("layers").clone();
        for layer in &layers {
            said(
                Command::new("tar")
                    .arg("-C")
                    .arg(&root)
                    .arg("-xzf")
                    .arg(blob(&layout, layer)),
            );
        }
        Self {
            directory,
            config: config["config"].clone(),
        }
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// The command line of the image, as its user, in a network of its own; then what `ask` prints.
    fn answer(&self, ask: &str) -> String {
        let words = |key: &str| {
            let list = self.config[key].as_array().expect("a list").clone();
            list.iter()
                .map(|word| word.as_str().expect("text").to_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let user = self.config["User"].as_str().expect("a user");
        let line = format!(
            "ip link set lo up; env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot --userspec={user} {} {} {} & lbd=$!; {ask}; status=$?; \
             kill -USR1 $lbd; wait $lbd || exit; exit $status",
            self.root().display(),
            words("Entrypoint"),
            words("Cmd"),
        );
        said(Command::new("unshare").args(["--net", "--", "sh", "-c", &line]))
    }
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// The file of a descriptor, whose hash and size are as it says.
fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    let digest = descriptor["digest"].as_str().expect("a digest");
    let hash = digest.strip_prefix("sha256:").expect("SHA-256");
    let path = layout.join("blobs/sha256").join(hash);
    let sum = said(Command::new("sha256sum").arg(&path));
    assert!(sum.starts_with(hash), "{sum}");
    let size = std::fs::metadata(&path).expect("there").len();
    assert_eq!(descriptor["size"].as_u64(), Some(size));
    path
}

const ASK: &str =
    "curl -s --retry 60 --retry-delay 1 --retry-connrefused --max-time 120 http://127.0.0.1";

#[test]
fn the_image_shows_its_page_and_is_not_root() {
    let image = Image::unpack();
    assert_ne!(image.config["User"].as_str(), Some("0:0"));
    assert_eq!(image.config["StopSignal"], "SIGUSR1");
    let page = image.answer(&format!("{ASK}:8404/"));
    assert!(page.contains("lbd is running. No site yet?"), "{page}");
}

#[test]
fn a_mounted_directory_replaces_the_configuration() {
    let image = Image::unpack();
    let path = image.root().join("usr/local/etc/haproxy/haproxy.cfg");
    let text = "defaults\n    mode http\n    timeout client 5s\n    timeout server 5s\n    timeout connect 5s\n\
        listen web\n    bind :8080\n    http-request return status 200 content-type text/plain string mounted\n";
    std::fs::write(path, text).expect("written");
    assert_eq!(image.answer(&format!("{ASK}:8080/")), "mounted");
}
