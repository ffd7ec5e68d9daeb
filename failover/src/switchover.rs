//! Planned switchover on this machine: the channel to the partner, and the steps that keep
//! connections alive while the address moves.
//!
//! When to do what is decided by `vrrp_proto::handover`. Both nodes are on one link.

mod channel;
mod steps;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use vrrp::Command;
use vrrp::engine::{Handle, RouterStatus};
use vrrp_config::Config;
use vrrp_config::config;
use vrrp_proto::State;
use vrrp_proto::handover::{HandoverInput, Message, Outcome, Refusal, Step};
use vrrp_proto::router::Unit;

use crate::log::Log;
use crate::nft;
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
    waiting: HashMap<String, Vec<Waiter>>,
    /// Questions to the partner whether it would take the addresses.
    probes: HashMap<u64, oneshot::Sender<Option<Refusal>>>,
    drains: HashMap<String, tokio::task::JoinHandle<()>>,
    last_id: u64,
}

/// Who waits for a switchover: for the addresses to have moved, or for its end. A text that begins
/// with `error` says why it did not happen.
#[derive(Debug)]
enum Waiter {
    Moved(oneshot::Sender<String>),
    Over(oneshot::Sender<String>),
}

/// How far a switchover is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The partner has the addresses.
    Moved,
    /// Nothing is left over on this node.
    Over,
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
            probes: HashMap::new(),
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
        let mut names = order.words.iter().skip(1);
        let name = names.find(|word| !word.starts_with("--"));
        match self.prepare(name.map(String::as_str), config) {
            Err(why) => {
                let _ = order.answer.send(format!("error {why}"));
            }
            Ok((unit, name)) if is_check => self.probe(unit, name, order.answer, config),
            Ok((unit, name)) => {
                let drain = self.settings.as_ref().map_or(Duration::ZERO, |s| s.drain);
                self.begin(unit, name, drain, Waiter::Moved(order.answer));
            }
        }
    }

    fn prepare(&self, name: Option<&str>, config: &Config) -> Result<(Unit, String), String> {
        let status = self.able()?;
        let mut units = units(config);
        match name {
            Some(name) => units.retain(|unit| name_of(*unit, config) == name),
            None => units.retain(|unit| is_master(*unit, config, &status)),
        }
        match units.as_slice() {
            [unit] if is_master(*unit, config, &status) => Ok((*unit, name_of(*unit, config))),
            [unit] => Err(format!(
                "{} is not MASTER on this node",
                name_of(*unit, config)
            )),
            [] => Err("there is nothing to hand over by that name".to_owned()),
            _ => Err("there are several; name one".to_owned()),
        }
    }

    /// What this node needs for a switchover is there.
    fn able(&self) -> Result<RouterStatus, String> {
        if self.channel.is_none() {
            return Err("no channel to the partner: add 'handover' to global_defs".to_owned());
        }
        if !nft::is_installed() {
            return Err("nftables is not installed".to_owned());
        }
        server::ask(&self.handle).ok_or_else(|| "the timers' thread does not answer".to_owned())
    }

    /// Asks the partner whether it would take the addresses.
    fn probe(
        &mut self,
        unit: Unit,
        name: String,
        answer: oneshot::Sender<String>,
        config: &Config,
    ) {
        let id = self.next_id();
        let (sender, receiver) = oneshot::channel();
        self.probes.retain(|_, sender| !sender.is_closed());
        self.probes.insert(id, sender);
        self.tell(unit, Message::Probe { id }, config);
        let status = server::ask(&self.handle);
        let place = steps::Place::of(unit, config, self.settings.as_ref(), status.as_ref());
        tokio::task::spawn_local(async move {
            let said = tokio::time::timeout(PROBE_WAIT, receiver).await;
            let verdict = match (place.check_channel().await, said) {
                (Err(why), _) => Err(why),
                (_, Ok(Ok(None))) => Ok(()),
                (_, Ok(Ok(Some(why)))) => Err(format!("the partner cannot take it: {}", say(why))),
                (_, Ok(Err(_))) => Err("the partner cannot be reached".to_owned()),
                (_, Err(_)) => Err("the partner does not answer".to_owned()),
            };
            let _ = answer.send(match verdict {
                Ok(()) => format!(
                    "{name} can be handed over: this node is MASTER, both are on one link, \
                     the partner can take it"
                ),
                Err(why) => format!("error {name} cannot be handed over: {why}"),
            });
        });
    }

    fn next_id(&mut self) -> u64 {
        self.last_id = (self.last_id + 1).max(channel::now_micros());
        self.last_id
    }

    fn begin(&mut self, unit: Unit, name: String, drain: Duration, waiter: Waiter) {
        let id = self.next_id();
        self.waiting.entry(name).or_default().push(waiter);
        let ask = HandoverInput::Ask { id, drain };
        self.handle.send(Command::Handover(unit, ask));
    }

    /// Gives what this node is master of to the partner, if it can: units with a member that
    /// `is_wanted`. What comes back ends with each switchover; those under way are among them when
    /// their end is waited for.
    pub fn give(
        &mut self,
        config: &Config,
        until: Until,
        is_wanted: &dyn Fn(usize) -> bool,
    ) -> Vec<oneshot::Receiver<String>> {
        let Ok(status) = self.able() else {
            return Vec::new();
        };
        let drain = self.settings.as_ref().map_or(Duration::ZERO, |s| s.drain);
        let mut receivers = Vec::new();
        for unit in units(config) {
            let name = name_of(unit, config);
            let (sender, receiver) = oneshot::channel();
            let waiter = match until {
                Until::Moved => Waiter::Moved(sender),
                Until::Over => Waiter::Over(sender),
            };
            if self.drains.contains_key(&name) {
                if until == Until::Over {
                    self.waiting.entry(name).or_default().push(waiter);
                    receivers.push(receiver);
                }
            } else if is_master(unit, config, &status)
                && members(unit, config).into_iter().any(is_wanted)
            {
                self.begin(unit, name, drain.min(MAX_LAST_DRAIN), waiter);
                receivers.push(receiver);
            }
        }
        receivers
    }

    /// Says something to the partner.
    pub fn tell(&self, unit: Unit, message: Message, config: &Config) {
        if let Some(channel) = &self.channel {
            channel.tell(&name_of(unit, config), message);
        }
    }

    /// What the partner said.
    pub fn incoming(&mut self, incoming: Incoming, config: &Config) {
        match incoming {
            Incoming::Said(name, message) => {
                let probe = self.probes.remove(&message.id());
                match (message, probe) {
                    (Message::Able { .. }, Some(probe)) => {
                        let _ = probe.send(None);
                    }
                    (Message::Refuse { why, .. }, Some(probe)) => {
                        let _ = probe.send(Some(why));
                    }
                    _ => self.said(&name, message, config),
                }
            }
            Incoming::Lost => {
                // Who waits for an answer sees its sender go.
                self.probes.clear();
                for unit in units(config) {
                    self.handle
                        .send(Command::Handover(unit, HandoverInput::PartnerLost));
                }
            }
            Incoming::Refused(why) => self.log.warning(&format!("handover: {why}")),
        }
    }

    fn said(&self, name: &str, message: Message, config: &Config) {
        let Some(unit) = units(config)
            .into_iter()
            .find(|unit| name_of(*unit, config) == name)
        else {
            return;
        };
        let input = Command::Handover(unit, HandoverInput::Message(message));
        let (Message::Probe { id }, Some(channel)) = (message, &self.channel) else {
            return self.handle.send(input);
        };
        // The machine knows whether it would, this knows whether it could.
        let status = server::ask(&self.handle);
        let place = steps::Place::of(unit, config, self.settings.as_ref(), status.as_ref());
        let (handle, log) = (self.handle.clone(), Arc::clone(&self.log));
        let (voice, name) = (channel.voice(), name.to_owned());
        tokio::task::spawn_local(async move {
            match place.check().await {
                Ok(()) => handle.send(input),
                Err(why) => {
                    log.warning(&format!("handover of {name}: not possible: {why}"));
                    let why = Refusal::StepFailed;
                    voice.tell(&name, Message::Refuse { id, why });
                }
            }
        });
    }

    /// Does a step, and says how it went.
    pub fn step(&mut self, unit: Unit, step: Step, config: &Config) {
        let name = name_of(unit, config);
        let status = server::ask(&self.handle);
        let place = steps::Place::of(unit, config, self.settings.as_ref(), status.as_ref());
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
                Ok(()) => {
                    log.info(&format!("handover of {name}: {step:?}"));
                    HandoverInput::Done(step)
                }
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
        let text = format!("{name} is handed over; connections of before end here");
        let Some(waiting) = self.waiting.get_mut(&name) else {
            return;
        };
        for waiter in std::mem::take(waiting) {
            match waiter {
                Waiter::Moved(answer) => {
                    let _ = answer.send(text.clone());
                }
                Waiter::Over(_) => waiting.push(waiter),
            }
        }
    }

    /// It is over.
    pub fn ended(&mut self, unit: Unit, outcome: Outcome, config: &Config) {
        let name = name_of(unit, config);
        self.log
            .info(&format!("handover of {name} ended: {outcome:?}"));
        let text = match outcome {
            Outcome::Given => format!("{name} is handed over"),
            Outcome::Refused(why) => format!("error {name} is not handed over: {}", say(why)),
            other => format!("error {name} is not handed over: {other:?}"),
        };
        for waiter in self.waiting.remove(&name).unwrap_or_default() {
            let (Waiter::Moved(answer) | Waiter::Over(answer)) = waiter;
            let _ = answer.send(text.clone());
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

fn members(unit: Unit, config: &Config) -> Vec<usize> {
    match unit {
        Unit::Group(at) => {
            let group = config.groups.get(at);
            group.map(|g| g.members.clone()).unwrap_or_default()
        }
        Unit::Instance(at) => vec![at],
    }
}

/// Groups, and instances that are in none.
fn units(config: &Config) -> Vec<Unit> {
    let grouped: HashSet<usize> = config
        .groups
        .iter()
        .flat_map(|g| g.members.iter().copied())
        .collect();
    let single = (0..config.instances.len()).filter(|at| !grouped.contains(at));
    let groups = (0..config.groups.len()).map(Unit::Group);
    groups.chain(single.map(Unit::Instance)).collect()
}

fn is_master(unit: Unit, config: &Config, status: &RouterStatus) -> bool {
    let first = members(unit, config).first().copied();
    let instance = first.and_then(|at| status.instances.get(at));
    instance.is_some_and(|i| i.snapshot.state == State::Master)
}

fn say(why: Refusal) -> &'static str {
    match why {
        Refusal::Busy => "another switchover is under way there",
        Refusal::NotBackup => "it is not in BACKUP",
        Refusal::StepFailed => "it cannot relay, its log says why",
        Refusal::Unhealthy => "its health is not good enough",
    }
}

/// How long the partner may take to say whether it would.
const PROBE_WAIT: Duration = Duration::from_secs(2);
/// The longest drain when the daemon ends: its unit is killed after 90 seconds.
const MAX_LAST_DRAIN: Duration = Duration::from_secs(60);
