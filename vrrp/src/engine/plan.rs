//! A configuration to what the router needs, and which tracker is whose.

use std::sync::Arc;

use vrrp_config::Config;
use vrrp_config::config::{Instance, Track};
use vrrp_proto::instance::Input;
use vrrp_proto::packet::Family;
use vrrp_proto::router::{GroupSpec, PlacedSpec, RouterSpec};
use vrrp_proto::spec::Reach;
use vrrp_proto::{RouterOutput, State};

use super::{Engine, Place, Severity, Slot, wall};
use crate::socket::Ear;

impl Engine {
    /// Takes a configuration: what stays goes on, what is gone is released, what is new is started.
    pub(super) fn reload(&mut self, config: Arc<Config>) {
        let now = self.clock.now();
        let mut places: Vec<Place> = Vec::new();
        let mut instances = Vec::new();
        for instance in &config.instances {
            let slot = self.slot(&hearing(instance));
            places.push(Place {
                name: instance.spec.name.clone(),
                slot,
                ..Place::default()
            });
            let mut spec = instance.spec.clone();
            if instance.interface.is_none() {
                // There is no interface to follow.
                spec.track_primary = false;
            }
            instances.push(PlacedSpec {
                spec,
                interface: u32::try_from(slot).unwrap_or(u32::MAX),
            });
        }
        let groups = config.groups.iter().map(|group| GroupSpec {
            name: group.name.clone(),
            members: group.members.clone(),
            trackers: group.trackers.clone(),
        });
        let spec = RouterSpec {
            instances,
            groups: groups.collect(),
        };
        self.router.reconfigure(spec, now, wall());
        // Outputs up to `Reconfigured` are about the old places.
        while let Some(output) = self.router.poll_output() {
            if output == RouterOutput::Reconfigured {
                self.switch(config.clone(), std::mem::take(&mut places));
                self.report(super::Report::Reloaded);
            } else {
                self.output(output);
            }
        }
        self.settle_slots();
        for at in 0..self.places.len() {
            self.prepare(at);
        }
        // VMAC interfaces that were just made are heard on.
        self.follow_slots();
        self.tell_all();
        self.do_outputs();
        let handed = std::mem::take(&mut self.handed.instances);
        self.router.resume(self.clock.now(), &handed);
        self.do_outputs();
        for at in 0..self.places.len() {
            self.router.handle(now, at, Input::Start);
        }
        self.do_outputs();
        for at in 0..self.places.len() {
            self.forget_vmacs(at);
        }
        self.guard_now();
    }

    /// Old places to new ones by name; what is left over is put away.
    fn switch(&mut self, config: Arc<Config>, places: Vec<Place>) {
        let mut old = std::mem::replace(&mut self.places, places);
        for place in &mut self.places {
            let Some(at) = old.iter().position(|o| o.name == place.name) else {
                continue;
            };
            let kept = old.swap_remove(at);
            let slot = place.slot;
            if kept.slot == slot {
                place.vmac = kept.vmac;
                place.voice = kept.voice;
            }
            place.made_vmac = kept.made_vmac;
            place.address_vmacs = kept.address_vmacs;
            place.addresses = kept.addresses;
            place.routes = kept.routes;
            place.rules = kept.rules;
            place.is_owner = kept.is_owner;
        }
        for place in old {
            self.put_away(place);
        }
        self.config = config;
        self.told_tracked.clear();
    }

    fn slot(&mut self, name: &str) -> usize {
        if let Some(at) = self.slots.iter().position(|slot| slot.name == name) {
            return at;
        }
        self.slots.push(Slot {
            name: name.to_owned(),
            index: None,
            is_up: false,
            ears: Vec::new(),
            groups: Vec::new(),
        });
        self.slots.len() - 1
    }

    /// Ears for the families that are configured on each slot, in the groups that are configured.
    pub(super) fn settle_slots(&mut self) {
        for at in 0..self.slots.len() {
            let (mut families, mut groups) = (Vec::new(), Vec::new());
            for (place, instance) in self.places.iter().zip(&self.config.instances) {
                if place.slot != at {
                    continue;
                }
                let family = instance.spec.family();
                if !families.contains(&family) {
                    families.push(family);
                }
                if let Reach::Multicast { group } = instance.spec.reach
                    && !groups.contains(&group)
                {
                    groups.push(group);
                }
            }
            self.slots[at].groups = groups;
            self.open_ears(at, &families);
        }
    }

    fn open_ears(&mut self, at: usize, families: &[Family]) {
        let slot = &mut self.slots[at];
        slot.index = self.interfaces.named(&slot.name).map(|link| link.index);
        slot.ears.retain(|(family, _)| families.contains(family));
        if slot.index.is_none() && !slot.name.is_empty() {
            // A socket bound to an interface that is gone hears nothing of a new one of that name.
            slot.ears.clear();
            return;
        }
        let mut failed = Vec::new();
        for family in families {
            if slot.ears.iter().any(|(known, _)| known == family) {
                continue;
            }
            if let Some(ear) = self.handed.take(slot, *family) {
                slot.ears.push((*family, ear));
                continue;
            }
            let interface = (!slot.name.is_empty()).then_some(slot.name.as_str());
            match Ear::open(*family, interface) {
                Ok(ear) => slot.ears.push((*family, ear)),
                Err(error) => failed.push(format!("cannot listen on '{}': {error}", slot.name)),
            }
        }
        if let Some(index) = slot.index {
            for (family, ear) in &slot.ears {
                for group in slot.groups.iter().filter(|g| Family::of(**g) == *family) {
                    if let Err(error) = ear.join(*group, index) {
                        failed.push(format!("cannot join {group} on '{}': {error}", slot.name));
                    }
                }
            }
        }
        for text in failed {
            self.log(Severity::Error, text);
        }
    }

    /// The VMAC interface, and no address of ours on the machine while we are not master.
    pub(super) fn prepare(&mut self, at: usize) {
        self.make_vmacs(at);
        let state = self
            .router
            .instances()
            .nth(at)
            .map(vrrp_proto::Instance::state);
        let name = self.places[at].name.as_str();
        let is_resumed = self.handed.masters().any(|master| master == name);
        if state != Some(State::Master) && !is_resumed {
            self.clean_stale(at);
        }
    }

    /// What each instance must know of its interfaces.
    pub(super) fn tell_all(&mut self) {
        for at in 0..self.slots.len() {
            let name = self.slots[at].name.clone();
            let link = self.interfaces.named(&name);
            let is_up = link.is_some_and(|link| link.is_up);
            self.slots[at].is_up = is_up;
        }
        for at in 0..self.places.len() {
            self.tell(at);
        }
        self.tell_tracked();
    }
}

/// The interface an instance hears on: frames with a VMAC's address come to the VMAC interface only.
fn hearing(instance: &Instance) -> String {
    match &instance.vmac {
        Some(vmac) if !vmac.xmit_base => vmac.name.clone(),
        _ => instance.interface.clone().unwrap_or_default(),
    }
}

/// The instances that track it, with the tracker's index: an instance's own come first, then its
/// group's.
pub(super) fn trackers(config: &Config, track: &Track) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, instance) in config.instances.iter().enumerate() {
        let all = all_tracks(config, at, instance);
        let places = all.iter().enumerate().filter(|(_, known)| *known == track);
        found.extend(places.map(|(tracker, _)| (at, tracker)));
    }
    found
}

fn all_tracks(config: &Config, at: usize, instance: &Instance) -> Vec<Track> {
    let group = config.groups.iter().find(|g| g.members.contains(&at));
    let shared = group.map_or(&[][..], |group| &group.tracks);
    instance.tracks.iter().chain(shared).cloned().collect()
}

/// Everything that is tracked, once.
pub(super) fn tracked(config: &Config) -> Vec<Track> {
    let mut all: Vec<Track> = Vec::new();
    let own = config.instances.iter().flat_map(|i| &i.tracks);
    for track in own.chain(config.groups.iter().flat_map(|g| &g.tracks)) {
        if !all.contains(track) {
            all.push(track.clone());
        }
    }
    all
}
