//! What one process leaves to the next, which goes on in its place: sockets with what waits in them,
//! timers, states.

use std::os::fd::{AsFd, OwnedFd};

use vrrp_proto::instance::Parcel;
use vrrp_proto::packet::Family;

use super::{Engine, Slot};
use crate::socket::Ear;

/// Everything to go on with.
#[derive(Debug, Default)]
pub struct Handed {
    /// The instances, by name. Times in them count from when they were packed.
    pub instances: Vec<(String, Parcel)>,
    /// The sockets that hear.
    pub ears: Vec<HandedEar>,
    /// The link to whoever watches over the thread.
    pub guard: Option<OwnedFd>,
}

/// A socket that hears on an interface.
#[derive(Debug)]
pub struct HandedEar {
    /// The interface's name; empty for all.
    pub interface: String,
    /// Its number: one of the same name that was made again is another.
    pub index: Option<u32>,
    /// What it hears.
    pub family: Family,
    /// The socket.
    pub socket: OwnedFd,
}

impl Handed {
    /// The instances that hold addresses.
    pub fn masters(&self) -> impl Iterator<Item = &str> {
        let is_master = |(_, parcel): &&(String, Parcel)| parcel.state == vrrp_proto::State::Master;
        let masters = self.instances.iter().filter(is_master);
        masters.map(|(name, _)| name.as_str())
    }

    /// The socket for a slot, if it was left.
    pub(super) fn take(&mut self, slot: &Slot, family: Family) -> Option<Ear> {
        let is_it = |ear: &HandedEar| {
            ear.interface == slot.name && ear.index == slot.index && ear.family == family
        };
        let at = self.ears.iter().position(is_it)?;
        let ear = self.ears.swap_remove(at);
        Some(Ear::adopt(ear.family, ear.socket))
    }
}

impl Engine {
    /// Packs everything; this thread does nothing any more.
    pub(super) fn hand_over(&mut self) -> Handed {
        self.is_handed = true;
        let mut ears = Vec::new();
        for slot in &self.slots {
            for (family, ear) in &slot.ears {
                // A socket that cannot be copied is opened anew.
                let Ok(socket) = ear.as_fd().try_clone_to_owned() else {
                    continue;
                };
                ears.push(HandedEar {
                    interface: slot.name.clone(),
                    index: slot.index,
                    family: *family,
                    socket,
                });
            }
        }
        Handed {
            guard: self.guard.as_mut().and_then(|guard| guard.hand_over()),
            ears,
            instances: self.router.pack(self.clock.now()),
        }
    }
}
