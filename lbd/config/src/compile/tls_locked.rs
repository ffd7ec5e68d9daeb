//! Private keys that a passphrase protects (`ssl-passphrase-cmd`).

use lbd_core::Diag;
use lbd_tls::locked::{is_locked, unlock};

use super::tls::Maker;

impl Maker<'_> {
    /// A file's text with its key in the clear; as it was when no passphrase opens it, which is told.
    ///
    /// Passphrases of other keys are tried before the command is run.
    pub(super) fn unlocked(&mut self, path: &str, text: Vec<u8>) -> Vec<u8> {
        if !is_locked(&text) {
            return text;
        }
        let mut known = self.tls.passphrases.iter();
        if let Some(clear) = known.find_map(|passphrase| unlock(&text, passphrase)) {
            return clear;
        }
        let command = &self.tune.passphrase_cmd;
        if command.is_empty() {
            self.fault(
                Diag::alert(
                    None,
                    "Trying to load a passphrase-protected private key without an \
                     'ssl-passphrase-cmd' defined.",
                )
                .hint(format!("'{path}' has the key.")),
            );
            return text;
        }
        let said = match self.host.passphrase(command, path) {
            Ok(said) => said,
            Err(why) => {
                let text_of = format!("'ssl-passphrase-cmd' for '{path}': {why}");
                self.fault(Diag::alert(None, text_of));
                return text;
            }
        };
        // A script that writes a line means the line.
        let line = said.strip_suffix(b"\n").unwrap_or(&said);
        let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
        for passphrase in [said, line] {
            if let Some(clear) = unlock(&text, &passphrase) {
                self.tls.passphrases.push(passphrase);
                return clear;
            }
        }
        self.fault(
            Diag::alert(
                None,
                format!("What 'ssl-passphrase-cmd' says does not open the key in '{path}'."),
            )
            .hint(
                "PKCS #8 with PBES2 and AES can be opened, and the older PEM form with AES in CBC \
                 mode: 'openssl pkcs8 -topk8 -v2 aes-256-cbc' makes the first.",
            ),
        );
        text
    }
}
