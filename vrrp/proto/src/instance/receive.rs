//! Which advertisements an instance hears (RFC 9568 §7.1, RFC 3768 §7.1).
//!
//! What follows from one is decided in `state`.

use std::net::IpAddr;

use lbd_core::Time;

use super::output::Event;
use super::state::{Rank, State};
use super::{Instance, Packet};
use crate::packet::checksum::{self, Checksum};
use crate::packet::hmac::{Binding, Mode};
use crate::packet::{
    Advertisement, Centisecs, Datagram, Family, HOPS, Priority, Rejection, Version,
};
use crate::spec::{OldUnicastChecksum, PeerSpec, Reach};

/// An advertisement that was heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) source: IpAddr,
    pub(super) priority: Priority,
    pub(super) interval: Centisecs,
    /// By `auth_hmac`.
    pub(super) is_proved: bool,
}

impl Heard {
    pub(super) fn rank(&self, own: Priority, address: Option<IpAddr>) -> Rank {
        if self.priority == Priority::RELEASE {
            return Rank::Release;
        }
        match self.priority.cmp(&own) {
            std::cmp::Ordering::Less => Rank::Lower,
            std::cmp::Ordering::Greater => Rank::Higher,
            // Unsigned, in network order: as `IpAddr` compares within a family.
            std::cmp::Ordering::Equal if address.is_some_and(|own| self.source < own) => {
                Rank::EqualBelow
            }
            std::cmp::Ordering::Equal => Rank::EqualAbove,
        }
    }
}

impl Instance {
    /// Checks a packet, cheapest first; what is wrong with it is counted by the caller.
    pub(super) fn hear(&mut self, now: Time, packet: &Packet) -> Result<Heard, Rejection> {
        if matches!(self.state, State::Init | State::Fault) {
            return Err(Rejection::NotRunning);
        }
        let datagram = packet.datagram();
        let family = self.spec.family();
        if Family::of(packet.source) != family || datagram.family() != family {
            return Err(Rejection::Family);
        }
        let heard = Advertisement::decode(family, &packet.payload)?;
        if heard.vrid != self.spec.vrid {
            return Err(Rejection::Vrid);
        }
        if heard.version != self.spec.version {
            return Err(Rejection::Version);
        }
        let peer = self.admit(&datagram)?;
        if self.spec.is_strict && self.effective.is_owner() {
            return Err(Rejection::OwnerDeaf);
        }
        if heard.addresses.is_empty() && !self.spec.addresses.is_empty() {
            return Err(Rejection::AddressNone);
        }
        let checksum = self.check_checksum(&datagram, &heard)?;
        let is_proved = self.check_authentication(now, packet.source, peer, &heard)?;
        // RFC 3768 §7.1; version 3 learns the interval instead.
        if heard.version == Version::V2 && heard.interval != self.spec.interval {
            return Err(Rejection::IntervalMismatch);
        }
        self.learn_checksum(now, packet.source, checksum);
        self.compare_addresses(now, packet.source, &heard);
        Ok(Heard {
            source: packet.source,
            priority: heard.priority,
            interval: heard.interval,
            is_proved,
        })
    }

    /// Whether the packet's addresses and hop limit are those of a router we listen to.
    fn admit(&self, datagram: &Datagram<'_>) -> Result<Option<PeerSpec>, Rejection> {
        let source = datagram.source;
        if source.is_unspecified() || source.is_multicast() {
            return Err(Rejection::Source);
        }
        if Some(source) == self.voice.source {
            return Err(Rejection::OwnSource);
        }
        let is_multicast = datagram.destination.is_multicast();
        match &self.spec.reach {
            Reach::Multicast { .. } => {
                if !is_multicast {
                    return Err(Rejection::Unicast);
                }
                if datagram.hops.is_some_and(|hops| hops != HOPS) {
                    return Err(Rejection::Hops);
                }
                // RFC 9568 §5.1.2.1.
                if matches!(source, IpAddr::V6(six) if !six.is_unicast_link_local()) {
                    return Err(Rejection::Source);
                }
                Ok(None)
            }
            Reach::Unicast {
                peers,
                check_source,
                ..
            } => {
                if is_multicast {
                    return Err(Rejection::Multicast);
                }
                let peer = peers.iter().find(|peer| peer.address == source);
                if *check_source && peer.is_none() {
                    return Err(Rejection::NotPeer);
                }
                let is_far = |peer: &PeerSpec| {
                    let range = peer.min_ttl..=peer.max_ttl;
                    datagram.hops.is_some_and(|hops| !range.contains(&hops))
                };
                if peer.is_some_and(is_far) {
                    return Err(Rejection::Hops);
                }
                Ok(peer.copied())
            }
        }
    }

    /// Accepts the checksums of keepalived, of RFC 9568 and of old keepalived.
    fn check_checksum(
        &self,
        datagram: &Datagram<'_>,
        heard: &Advertisement<'_>,
    ) -> Result<Checksum, Rejection> {
        match checksum::verify(datagram, heard, self.voice.group) {
            None => Err(Rejection::Checksum),
            Some(Checksum::PseudoGroup)
                if self.spec.old_unicast_checksum == OldUnicastChecksum::Never =>
            {
                Err(Rejection::Checksum)
            }
            Some(kind) => Ok(kind),
        }
    }

    /// Answers a unicast peer that makes its checksum as old keepalived does in kind.
    fn learn_checksum(&mut self, now: Time, peer: IpAddr, kind: Checksum) {
        let detects = self.spec.version == Version::V3
            && self.spec.reach.is_unicast()
            && !self.spec.checksum_as_v2
            && self.spec.old_unicast_checksum == OldUnicastChecksum::Detect;
        let kind = match kind {
            Checksum::PseudoGroup => kind,
            Checksum::Plain | Checksum::Pseudo => Checksum::Pseudo,
        };
        let mut targets = self.voice.targets.iter_mut();
        if let Some(target) = targets.find(|target| detects && target.address == peer)
            && target.checksum != kind
        {
            target.checksum = kind;
            self.book.tell(now, Event::ChecksumLearned { peer, kind });
        }
    }

    fn check_authentication(
        &mut self,
        now: Time,
        source: IpAddr,
        peer: Option<PeerSpec>,
        heard: &Advertisement<'_>,
    ) -> Result<bool, Rejection> {
        let Some(spec) = &self.spec.hmac else {
            if heard.trailer.is_some() {
                return Err(Rejection::HmacUnexpected);
            }
            if heard.version == Version::V2 {
                self.spec.authentication.check(heard.auth)?;
            }
            return Ok(false);
        };
        let Some(trailer) = &heard.trailer else {
            return match spec.mode() {
                Mode::Enforce => Err(Rejection::HmacMissing),
                Mode::Permissive | Mode::ReceiveOnly => Ok(false),
            };
        };
        if self.spec.reach.is_unicast() && peer.is_none() {
            return Err(Rejection::NotPeer);
        }
        let binding = Binding {
            version: heard.version,
            vrid: heard.vrid.number(),
            source,
        };
        let wall = self.wall(now);
        let ahead = self
            .ears
            .verifier
            .verify(spec, wall, binding, heard.pdu, trailer)?;
        if spec.is_drifting(ahead) {
            self.book.tell(now, Event::ClockSkew { source, ahead });
        }
        Ok(true)
    }

    /// RFC 9568 §7.1: a difference is told, not refused: two routers that ignore each other would
    /// both be master.
    fn compare_addresses(&mut self, now: Time, source: IpAddr, heard: &Advertisement<'_>) {
        let is_known = self.ears.master.is_some_and(|(master, _)| master == source);
        if self.spec.skip_check_adv_addr && is_known {
            return;
        }
        if !heard.addresses.are(&self.spec.addresses) {
            let count = &mut self.book.counters.address_list_errors;
            *count = count.saturating_add(1);
            if !std::mem::replace(&mut self.ears.told_addresses, true) {
                self.book.tell(now, Event::AddressListDiffers { source });
            }
        }
    }
}
