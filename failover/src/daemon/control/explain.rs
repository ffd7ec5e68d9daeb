//! What machines find odd, in words.

use vrrp_proto::instance::Event;

pub(super) fn explain(event: &Event) -> String {
    match event {
        Event::AddressListDiffers { source } => {
            format!("the addresses advertised by {source} are not those configured here")
        }
        Event::ChecksumLearned { peer, kind } => {
            format!("peer {peer} makes its checksum another way ({kind:?}), it is answered in kind")
        }
        Event::ClockSkew { source, ahead } => {
            format!("our clock is {ahead} s ahead of that of {source}")
        }
        Event::IntervalLearned { interval } => {
            format!(
                "the master's advertisement interval is {:?}",
                interval.duration()
            )
        }
        Event::Late { by } => format!("this process was late by {by:?}"),
        Event::LowerPriorityHeard { source, priority } => {
            format!("heard {source} with lower priority {}", priority.0)
        }
        Event::MasterChanged { source, priority } => {
            format!("the master is {source} with priority {}", priority.0)
        }
        Event::OwnerConflict { source } => format!("{source} says that it owns the addresses too"),
        Event::PreemptDelayed { delay } => format!("preemption waits for {delay:?}"),
        Event::PriorityChanged { from, to } => {
            format!("changing effective priority from {} to {}", from.0, to.0)
        }
        Event::Rejected { source, reason } => format!("packet from {source} refused: {reason}"),
    }
}
