//! Does what the router says.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_proto::instance::{Announce, Event, Output, Scope};
use vrrp_proto::packet::Transmit;
use vrrp_proto::{Priority, RouterOutput, State};

use super::announcer::Due;
use super::{Engine, Guarded, Report, Severity, wall};
use crate::socket::Voice;

impl Engine {
    /// Does everything the router has said, in order.
    pub(super) fn do_outputs(&mut self) {
        while let Some(output) = self.router.poll_output() {
            self.output(output);
        }
        self.announcer.run(self.clock.now(), &mut self.counters);
    }

    pub(super) fn output(&mut self, output: RouterOutput) {
        match output {
            RouterOutput::Instance(at, output) => self.instance_output(at, output),
            RouterOutput::Group { group, from, to } => {
                self.report(Report::Group { group, from, to })
            }
            RouterOutput::HandoverEnded(unit, outcome) => {
                self.report(Report::HandoverEnded(unit, outcome));
            }
            RouterOutput::HandoverStep(unit, step) => self.report(Report::HandoverStep(unit, step)),
            RouterOutput::Tell(unit, message) => self.report(Report::Tell(unit, message)),
            // `reload` takes this one itself.
            RouterOutput::Reconfigured => {}
        }
    }

    fn instance_output(&mut self, at: usize, output: Output) {
        if at >= self.places.len() {
            return;
        }
        match output {
            Output::AddAddresses => self.add_addresses(at),
            Output::Announce(announce) => self.announce(at, announce),
            Output::AnnounceSource => self.announce_source(at),
            Output::Changed(change) => {
                self.places[at].has_told_error = false;
                self.guard_now();
                self.report(Report::Changed(at, change));
            }
            Output::Event(event) => self.event(at, event),
            Output::RemoveAddresses => self.remove_addresses(at),
            Output::ReplaceAddresses => self.replace_addresses(at),
            // The router keeps these for its groups.
            Output::Report(_) => {}
            Output::Send(packet) => self.transmit(at, &packet),
        }
    }

    fn event(&self, at: usize, event: Event) {
        self.report(Report::Event(at, event));
    }

    fn transmit(&mut self, at: usize, packet: &Transmit) {
        let interface = self.way_out(at);
        let index = interface.as_ref().map(|(_, index)| *index);
        let is_fit = matches!(&self.places[at].voice,
            Some((source, known, _)) if *source == packet.source && *known == index);
        if !is_fit {
            let named = interface
                .as_ref()
                .map(|(name, index)| (name.as_str(), *index));
            match Voice::open(packet.source, named) {
                Ok(voice) => self.places[at].voice = Some((packet.source, index, voice)),
                Err(error) => return self.send_failed(at, &error),
            }
        }
        let result = match &self.places[at].voice {
            Some((_, _, voice)) => voice.send(packet),
            None => Ok(()),
        };
        if let Err(error) = result {
            self.send_failed(at, &error);
        }
    }

    /// Told once until the state changes: at 10 ms it would fill the log.
    fn send_failed(&mut self, at: usize, error: &std::io::Error) {
        self.counters.send_errors += 1;
        if !self.places[at].has_told_error {
            self.places[at].has_told_error = true;
            let text = format!("({}) cannot send: {error}", self.places[at].name);
            self.log(Severity::Error, text);
        }
    }

    /// The interface that packets of an instance leave by.
    fn way_out(&self, at: usize) -> Option<(String, u32)> {
        let place = &self.places[at];
        let vmac = self.config.instances[at].vmac.as_ref();
        if let (Some(vmac), Some(index)) = (vmac.filter(|vmac| !vmac.xmit_base), place.vmac) {
            return Some((vmac.name.clone(), index));
        }
        let slot = &self.slots[place.slot];
        slot.index.map(|index| (slot.name.clone(), index))
    }

    fn announce(&mut self, at: usize, announce: Announce) {
        let own = self.way_out(at).map(|(_, index)| index);
        let now = self.clock.now();
        for _ in 0..announce.repeat {
            for (index, address) in self.places[at].addresses.clone() {
                if announce.scope == Scope::ExtraInterfaces && Some(index) == own {
                    continue;
                }
                let Some(mac) = self.interfaces.link(index).and_then(|link| link.mac) else {
                    continue;
                };
                let pause = self.pause(index, address.ip);
                let due = Due {
                    at: now,
                    instance: at,
                    index,
                    mac,
                    ip: address.ip,
                };
                self.announcer.put(due, pause, &mut self.counters);
            }
        }
    }

    /// `garp_interval` or `gna_interval` of the interface's group, or of everything.
    fn pause(&self, index: u32, ip: IpAddr) -> Duration {
        let name = self.interfaces.link(index).map(|link| &link.name);
        let groups = &self.config.garp_groups;
        let group = groups
            .iter()
            .find(|group| name.is_some_and(|name| group.interfaces.contains(name)));
        match (group, ip) {
            (Some(group), IpAddr::V4(_)) => group.garp_interval,
            (Some(group), IpAddr::V6(_)) => group.gna_interval,
            (None, IpAddr::V4(_)) => self.config.global.garp_interval,
            (None, IpAddr::V6(_)) => self.config.global.gna_interval,
        }
    }

    fn announce_source(&mut self, at: usize) {
        let source = self
            .router
            .instances()
            .nth(at)
            .and_then(|i| i.sender().source);
        let Some(index) = self.base(at).map(|link| link.index) else {
            return;
        };
        let mac = self.interfaces.link(index).and_then(|link| link.mac);
        if let (Some(ip), Some(mac)) = (source, mac) {
            let due = Due {
                at: self.clock.now(),
                instance: at,
                index,
                mac,
                ip,
            };
            self.announcer.put(due, Duration::ZERO, &mut self.counters);
        }
    }

    /// What the guardian needs. The packets carry a time a little ahead, so that what is sent until
    /// then does not make them look old.
    pub(super) fn guarded(&self) -> Vec<Guarded> {
        let ahead = lbd_core::WallTime(wall().0 + GUARD_AHEAD_MICROS);
        let instances = self.router.instances().enumerate();
        let masters = instances.filter(|(_, i)| i.state() == State::Master);
        masters
            .map(|(at, instance)| Guarded {
                name: self.places[at].name.clone(),
                interface: self.way_out(at),
                packets: instance
                    .sender()
                    .clone()
                    .advertise(Priority::RELEASE, ahead),
                addresses: self.places[at].addresses.clone(),
                interval: instance.spec().interval.duration(),
            })
            .collect()
    }
}

/// Longer than the guardian's patience and the time between two states.
const GUARD_AHEAD_MICROS: u64 = 1_000_000;
