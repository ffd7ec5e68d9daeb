//! Planned switchover on this machine: the channel to the partner, and the steps that keep
//! connections alive while the address moves.
//!
//! When to do what is decided by `vrrp_proto::handover`. Both nodes are on one link.

mod channel;
mod steps;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use vrrp::Command;
use vrrp::engine::Handle;
use vrrp_config::Config;
use vrrp_config::config;
use vrrp_proto::State;
use vrrp_proto::handover::{HandoverInput, Message, Outcome, Step};
use vrrp_proto::router::Unit;

use crate::log::Log;
use crate::server::{self, Order};
use channel::Channel;
pub use channel::Incoming;
pub use steps::clean;

/// Switchovers of this node.
#[derive(Debug)]
pub struct Switchovers {
    handle: Handle,
    log: Arc<Log>,
    channel: Option<Channel>,
    settings: Option<config::Handover>,
    waiting: HashMap<String, oneshot::Sender<String>>,
    drains: HashMap<String, tokio::task::JoinHandle<()>>,
    last_id: u64,
}

impl Switchovers {
    /// None under way, no channel.
    pub fn new(handle: Handle, log: Arc<Log>) -> Self {
        Self {
            handle,
            log,
            channel: None,
            settings: None,
            waiting: HashMap::new(),
            drains: HashMap::new(),
            last_id: 0,
        }
    }

    /// Opens the channel that the configuration names; what the partner says comes by `incoming`.
    pub async fn configure(&mut self, config: &Config, incoming: &mpsc::Sender<Incoming>) {
        if self.settings == config.global.handover {
            return;
        }
        self.settings.clone_from(&config.global.handover);
        self.channel = None;
        if let Some(settings) = &self.settings {
            match Channel::open(settings, incoming.clone()).await {
                Ok(channel) => self.channel = Some(channel),
                Err(error) => self
                    .log
                    .error(&format!("handover: {}: {error}", settings.local)),
            }
        }
    }

    /// `lbctl switchover [--check] [NAME]`.
    pub fn order(&mut self, order: Order, config: &Config) {
        let is_check = order.words.iter().any(|word| word == "--check");
        let name = order
            .words
            .iter()
            .skip(1)
            .find(|word| !word.starts_with("--"));
        match self.prepare(name.map(String::as_str), config) {
            Err(why) => {
                let _ = order.answer.send(format!("error {why}"));
            }
            Ok((_, name)) if is_check => {
                let text = format!(
                    "{name} can be handed over: this node is MASTER, nftables is there, the partner \
                     is asked when it begins"
                );
                let _ = order.answer.send(text);
            }
            Ok((unit, name)) => {
                let drain = self
                    .settings
                    .as_ref()
                    .map_or_else(Default::default, |s| s.drain);
                self.last_id = self.last_id.max(channel::now_micros()) + 1;
                self.waiting.insert(name, order.answer);
                let id = self.last_id;
                let ask = HandoverInput::Ask { id, drain };
                self.handle.send(Command::Handover(unit, ask));
            }
        }
    }

    fn prepare(&self, name: Option<&str>, config: &Config) -> Result<(Unit, String), String> {
        if self.channel.is_none() {
            return Err("no channel to the partner: add 'handover' to global_defs".to_owned());
        }
        steps::check()?;
        let status = server::ask(&self.handle).ok_or("the timers' thread does not answer")?;
        let grouped = |at: usize| config.groups.iter().any(|g| g.members.contains(&at));
        let groups = config.groups.iter().enumerate();
        let groups =
            groups.map(|(at, group)| (Unit::Group(at), group.name.clone(), group.members[0]));
        let single = (0..config.instances.len()).filter(|at| !grouped(*at));
        let single = single.map(|at| {
            (
                Unit::Instance(at),
                config.instances[at].spec.name.clone(),
                at,
            )
        });
        let mut units: Vec<_> = groups.chain(single).collect();
        match name {
            Some(name) => units.retain(|(_, known, _)| known == name),
            None => units.retain(|(_, _, at)| {
                status
                    .instances
                    .get(*at)
                    .is_some_and(|i| i.snapshot.state == State::Master)
            }),
        }
        match units.as_slice() {
            [(unit, name, at)] => {
                let state = status.instances.get(*at).map(|i| i.snapshot.state);
                if state == Some(State::Master) {
                    Ok((*unit, name.clone()))
                } else {
                    Err(format!("{name} is not MASTER on this node"))
                }
            }
            [] => Err("there is nothing to hand over by that name".to_owned()),
            _ => Err("there are several; name one".to_owned()),
        }
    }

    /// Says something to the partner.
    pub fn tell(&self, unit: Unit, message: Message, config: &Config) {
        if let Some(channel) = &self.channel {
            channel.tell(&name_of(unit, config), message);
        }
    }

    /// What the partner said.
    pub fn incoming(&self, incoming: Incoming, config: &Config) {
        match incoming {
            Incoming::Said(name, message) => {
                if let Some(unit) = unit_of(&name, config) {
                    let input = HandoverInput::Message(message);
                    self.handle.send(Command::Handover(unit, input));
                }
            }
            Incoming::Lost => {
                for unit in units(config) {
                    self.handle
                        .send(Command::Handover(unit, HandoverInput::PartnerLost));
                }
            }
            Incoming::Refused(why) => self.log.warning(&format!("handover: {why}")),
        }
    }

    /// Does a step, and says how it went.
    pub fn step(&mut self, unit: Unit, step: Step, config: &Config) {
        let name = name_of(unit, config);
        let place = steps::Place::of(unit, config, self.settings.as_ref());
        if step == Step::StopServing
            && let Some(drain) = self.drains.remove(&name)
        {
            drain.abort();
        }
        if step == Step::KeepServing {
            let watch = steps::watch_drain(place.clone(), self.handle.clone(), unit);
            self.drains
                .insert(name.clone(), tokio::task::spawn_local(watch));
        }
        let (handle, log) = (self.handle.clone(), Arc::clone(&self.log));
        tokio::task::spawn_local(async move {
            let input = match place.run(step).await {
                Ok(()) => HandoverInput::Done(step),
                Err(why) => {
                    log.error(&format!("handover of {name}: {step:?}: {why}"));
                    HandoverInput::Failed(step)
                }
            };
            handle.send(Command::Handover(unit, input));
        });
    }

    /// The address has moved: who asked is told, although old connections may go on.
    pub fn moved(&mut self, unit: Unit, config: &Config) {
        let name = name_of(unit, config);
        if let Some(answer) = self.waiting.remove(&name) {
            let _ = answer.send(format!(
                "{name} is handed over; connections of before end here"
            ));
        }
    }

    /// It is over.
    pub fn ended(&mut self, unit: Unit, outcome: Outcome, config: &Config) {
        let name = name_of(unit, config);
        self.log
            .info(&format!("handover of {name} ended: {outcome:?}"));
        if let Some(answer) = self.waiting.remove(&name) {
            let text = match outcome {
                Outcome::Given => format!("{name} is handed over"),
                other => format!("error {name} is not handed over: {other:?}"),
            };
            let _ = answer.send(text);
        }
    }
}

fn name_of(unit: Unit, config: &Config) -> String {
    let name = match unit {
        Unit::Group(at) => config.groups.get(at).map(|g| &g.name),
        Unit::Instance(at) => config.instances.get(at).map(|i| &i.spec.name),
    };
    name.cloned().unwrap_or_default()
}

fn units(config: &Config) -> impl Iterator<Item = Unit> + '_ {
    let groups = (0..config.groups.len()).map(Unit::Group);
    groups.chain((0..config.instances.len()).map(Unit::Instance))
}

fn unit_of(name: &str, config: &Config) -> Option<Unit> {
    units(config).find(|unit| name_of(*unit, config) == name)
}
