//! The figures of tables and peers: lag, throughput, lessons, memory, dumps, losses; HAProxy and lbd
//! in one run, each pair of two nodes of one program.
//!
//! `cargo run --release -p lbd-perf -- peers [figure,…] [--lbd PATH] [--record]`; without names all
//! figures. As the other rows they are ratios of one run on one machine. `--record` writes the rows
//! measured to `tests/perf/peers.md`, in the place of the same rows of earlier runs.

mod figures;
mod load;
mod node;

use crate::figures::Set;

pub(crate) const SET: Set = Set {
    word: "peers",
    title: "Tables and peers of lbd beside HAProxy",
    record: concat!(env!("CARGO_MANIFEST_DIR"), "/peers.md"),
    figures: figures::ALL,
};
