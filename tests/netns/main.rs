//! Pairs of `lbd-failover`, and of it with Debian's keepalived, in network namespaces (root).
//!
//! keepalived is the judge of interoperation; timings decide nothing but the order of things.

mod balancer;
mod configuration;
mod fence;
mod guardian;
mod handover;
mod hostile;
mod interoperation;
mod namespace;
mod pair;
mod partner;
mod privileges;
mod reload;
mod setup;
mod show;
mod status;
mod stopping;
mod tracking;
mod upgrade;
mod vmac;
mod watchdog;
