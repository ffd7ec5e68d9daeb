//! `cargo package-all`: the .deb and .rpm packages, their debug symbols, and the container image.
//!
//! What a package holds is said once, in `layout`; the formats only write it down.

mod build;
mod changelog;
mod completion;
mod control;
mod deb;
mod debug;
mod elf;
mod layout;
#[path = "../../lbd/src/args/flags.rs"]
mod lbd_flags;
mod licenses;
mod man;
mod oci;
mod package;
mod rpm;

use std::path::PathBuf;
use std::process::ExitCode;

use build::{Build, Compression};

const USAGE: &str = "\
usage: cargo package-all [--profile NAME] [--programs DIR] [--output DIR] [--release N] [--fast] [--only-lbd]
  --profile NAME   build with this profile (release)
  --programs DIR   build nothing: take lbd, lbd-failover and lbctl from here
  --output DIR     where packages go (target/packages)
  --release N      how often this version was packaged (1)
  --fast           larger files, made sooner
  --only-lbd       the two packages of lbd, without compat, symbols and image";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: impl Iterator<Item = String>) -> Result<(), String> {
    let orders = Orders::parse(words)?;
    let is_whole = !orders.only_lbd;
    let build = Build::prepare(orders)?;
    let mut packages = layout::packages(&build)?;
    if !is_whole {
        packages.retain(|package| package.name.deb == "lbd");
    }
    for package in packages {
        let deb = deb::write(&package, &build)?;
        let rpm = rpm::write(&package, &build)?;
        for path in [deb, rpm] {
            println!("{}", path.display());
        }
    }
    if is_whole {
        println!("{}", oci::write(&build)?.display());
    }
    Ok(())
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Orders {
    pub(crate) profile: String,
    pub(crate) programs: Option<PathBuf>,
    pub(crate) output: Option<PathBuf>,
    pub(crate) release: u32,
    pub(crate) compression: Compression,
    pub(crate) only_lbd: bool,
}

impl Orders {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut orders = Self {
            profile: "release".to_owned(),
            programs: None,
            output: None,
            release: 1,
            compression: Compression::Small,
            only_lbd: false,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--profile" => orders.profile = value()?,
                "--programs" => orders.programs = Some(value()?.into()),
                "--output" => orders.output = Some(value()?.into()),
                "--release" => {
                    let number = value()?;
                    orders.release = number
                        .parse()
                        .map_err(|_| format!("--release: '{number}' is no number"))?;
                }
                "--only-lbd" => orders.only_lbd = true,
                "--fast" => orders.compression = Compression::Fast,
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(orders)
    }
}
