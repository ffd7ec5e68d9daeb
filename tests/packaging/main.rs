//! The packages, installed for real: a .deb on Debian 12 under systemd, an .rpm by `rpm --root`, the
//! image's root file system without a container engine.
//!
//! Everything runs in namespaces and directories of its own (root is needed); nothing of the machine
//! is changed.

mod compat;
mod content;
mod debian;
mod failover;
mod image;
mod import;
mod lifecycle;
mod packages;
mod rpm;
mod system;
mod upgrade;
