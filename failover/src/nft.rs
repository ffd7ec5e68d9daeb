//! Runs `nft`, which changes rules as a whole or not at all.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command as Process;

/// Applies rules.
pub(crate) async fn apply(rules: &str) -> Result<(), String> {
    let mut child = Process::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("nft: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(rules.as_bytes()).await;
    }
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    match output {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("nft does not end".to_owned()),
    }
}

/// Whether it is installed.
pub(crate) fn is_installed() -> bool {
    let places = ["/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft"];
    let mut places = places.iter();
    places.any(|place| std::path::Path::new(place).exists())
}

const PATIENCE: Duration = Duration::from_secs(2);
