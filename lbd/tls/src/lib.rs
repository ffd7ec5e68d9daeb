//! TLS as far as it needs no I/O: PEM bundles, certificates, the choice of one by server name,
//! OpenSSL's language for ciphers, verification; all over rustls with aws-lc.
//!
//! It reads no file, opens no socket and asks no clock: bytes and the time are arguments. Sessions
//! themselves are rustls's; who drives them is the data path.
#![forbid(unsafe_code)]

pub mod bind;
pub mod certificate;
pub mod cipher;
pub mod facts;
pub mod forge;
pub mod hello;
pub mod index;
pub mod keylog;
pub mod locked;
pub mod material;
pub mod ocsp;
pub mod pem;
pub mod server;
pub mod settings;
pub mod store;
pub mod tickets;
pub mod verify;

pub use bind::{BindTls, Chosen};
pub use certificate::{Certificate, KeyKind};
pub use facts::CertFacts;
pub use server::ServerTls;
pub use settings::{Settings, Version, VersionRange};
pub use store::Store;

/// What rustls itself offers to who drives a session.
pub use rustls;
