//! What operators order of servers, with the sentences that refuse an order.
//!
//! It reads no command line: the runtime API does, and turns words into orders.

use std::net::IpAddr;
use std::sync::Arc;

use lbd_backend::health::{AdminFlag, Input, Which, parse_maxconn_change, parse_weight_change};
use lbd_backend::{Roster, State};
use lbd_core::{ProxyId, ServerId};
use lbd_proxy::state::Generation;

use super::core::Core;
use super::{Findings, Runner};

/// `set server … state`, `enable server`, `disable server`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdminOrder {
    /// No new clients but those bound to the server.
    Drain,
    /// No traffic, no checks.
    Maint,
    /// Neither.
    Ready,
}

impl AdminOrder {
    /// As `set server … state` says it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Maint => "maint",
            Self::Ready => "ready",
        }
    }
}

/// An order about one server (haproxy 3.4 management 9.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order<'a> {
    /// `set server … state`.
    Admin(AdminOrder),
    /// `set server … agent-send`.
    AgentSend(&'a [u8]),
    /// `set server … check-addr|check-port|agent-addr|agent-port`: what is `Some` changes.
    CheckAddress {
        /// Which check.
        which: Which,
        /// New address.
        address: Option<IpAddr>,
        /// New port; 0 for the server's.
        port: Option<u16>,
    },
    /// `enable|disable health|agent`.
    Enable {
        /// Which check.
        which: Which,
        /// On or off.
        on: bool,
    },
    /// `set server … health up|stopping|down` and `agent up|down`.
    Health {
        /// What the operator speaks for.
        which: Which,
        /// `Running` for up, `Stopping`, or `Stopped` for down.
        state: State,
    },
    /// What another node's checks have found: whether it is up.
    Presume(bool),
    /// `set maxconn server`, as written.
    Maxconn(&'a str),
    /// `set weight` and `set server … weight`, as written.
    Weight(&'a str),
}

/// The way to the runner for the runtime API and for shutdown. Calls are short and may come from
/// any thread, the control thread included.
#[derive(Clone)]
pub(crate) struct CheckHandle {
    pub(super) runner: Arc<Runner>,
}

impl CheckHandle {
    pub(super) fn new(runner: Arc<Runner>) -> Self {
        Self { runner }
    }

    /// Carries an order out. All its effects, log lines included, are there on return.
    ///
    /// # Errors
    /// The sentence for the operator, without a line end, when the order cannot be carried out.
    pub(crate) fn order(
        &self,
        backend: ProxyId,
        server: ServerId,
        order: &Order<'_>,
    ) -> Result<(), &'static str> {
        let mut core = self.runner.core.lock();
        let result = core.order(backend, server, order);
        drop(core);
        self.runner.wake.notify_one();
        result
    }

    /// Address and port that operators gave to a check; `None` where the configuration's holds.
    pub(crate) fn moved(
        &self,
        backend: ProxyId,
        server: ServerId,
        which: Which,
    ) -> (Option<IpAddr>, Option<u16>) {
        let mut core = self.runner.core.lock();
        let Some(at) = core.find(backend, server) else {
            return (None, None);
        };
        let moved = core.slot_mut(at).moved_mut(which);
        (moved.address, moved.port)
    }

    /// Goes on with the servers of another generation.
    pub(crate) fn adopt(&self, generation: &Arc<Generation>, findings: Option<Findings>) {
        let mut core = self.runner.core.lock();
        core.adopt(Arc::clone(generation), findings);
        drop(core);
        self.runner.wake.notify_one();
    }

    /// Starts no more checks: the process stops.
    pub(crate) fn stop(&self) {
        self.runner.core.lock().stop();
        self.runner.wake.notify_one();
    }
}

impl Core {
    fn order(
        &mut self,
        backend: ProxyId,
        server: ServerId,
        order: &Order<'_>,
    ) -> Result<(), &'static str> {
        let at = self.find(backend, server).ok_or("No such server.")?;
        match *order {
            Order::Admin(order) => self.administrate(at, order),
            Order::AgentSend(text) => {
                self.enabled(at, Which::Agent, NO_AGENT)?;
                self.slot_mut(at).agent_send = Some(text.into());
            }
            Order::CheckAddress {
                which,
                address,
                port,
            } => {
                let refusal = match which {
                    Which::Agent => "agent checks are not enabled on this server",
                    Which::Health => "health checks are not enabled on this server",
                };
                self.enabled(at, which, refusal)?;
                let moved = self.slot_mut(at).moved_mut(which);
                moved.address = address.or(moved.address);
                moved.port = port.or(moved.port);
            }
            Order::Enable { which, on } => self.enable(at, which, on)?,
            Order::Health { which, state } => self.declare(at, which, state)?,
            Order::Presume(up) => {
                let before = self.slot(at).health.placement().state;
                self.give(at, Input::Presumed { up });
                if self.slot(at).health.placement().state == before {
                    return Err("The state stays as it is.");
                }
            }
            Order::Maxconn(text) => {
                let maxconn = parse_maxconn_change(text)?;
                self.set_maxconn(at, maxconn);
            }
            Order::Weight(text) => {
                let spec = self.spec(at);
                let configured = spec.roster.weight;
                let dynamic = Roster::is_dynamic(&self.proxy(at).roster);
                let weight = parse_weight_change(text, configured, dynamic)?;
                self.give(at, Input::SetWeight(weight));
            }
        }
        Ok(())
    }

    /// What is set goes before what is cleared, lest the server be ready in between.
    fn administrate(&mut self, at: usize, order: AdminOrder) {
        let drain = (AdminFlag::ForcedDrain, order == AdminOrder::Drain);
        let maint = (AdminFlag::ForcedMaint, order == AdminOrder::Maint);
        let flags = if maint.1 {
            [maint, drain]
        } else {
            [drain, maint]
        };
        for (flag, on) in flags {
            self.give(
                at,
                Input::Admin {
                    flag,
                    on,
                    reason: None,
                },
            );
        }
    }

    fn enable(&mut self, at: usize, which: Which, on: bool) -> Result<(), &'static str> {
        let spec = self.spec(at);
        let is_configured = match which {
            Which::Agent => spec.agent.is_some(),
            Which::Health => spec.check.is_some(),
        };
        if on && !is_configured {
            return Err(match which {
                Which::Agent => "Agent was not configured on this server, cannot enable.",
                Which::Health => "Health check was not configured on this server, cannot enable.",
            });
        }
        self.give(at, Input::Enable { which, on });
        Ok(())
    }

    fn declare(&mut self, at: usize, which: Which, state: State) -> Result<(), &'static str> {
        match which {
            Which::Agent => self.enabled(at, which, NO_AGENT)?,
            Which::Health if self.spec(at).track.is_some() => {
                return Err("cannot change health on a tracking server.");
            }
            Which::Health => {}
        }
        self.give(at, Input::SetHealth { which, state });
        Ok(())
    }

    fn enabled(&self, at: usize, which: Which, refusal: &'static str) -> Result<(), &'static str> {
        let snapshot = self.slot(at).health.snapshot();
        let probe = match which {
            Which::Agent => snapshot.agent,
            Which::Health => snapshot.check,
        };
        if probe.is_some_and(|probe| probe.enabled) {
            Ok(())
        } else {
            Err(refusal)
        }
    }
}

const NO_AGENT: &str = "agent checks are not enabled on this server.";
