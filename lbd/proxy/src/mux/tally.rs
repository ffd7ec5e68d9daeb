//! What a connection's machine counted, added to the counters of a frontend or backend.
//!
//! The machine counts for itself; what was told before is remembered, so that each event counts once.

use std::cell::Cell;

use lbd_http::h2;

use crate::state::counters::Counters;

/// What was told of a connection.
#[derive(Debug, Default)]
pub(super) struct Tally {
    told: Cell<h2::Counters>,
    open: Cell<u64>,
}

impl Tally {
    /// Tells what is new; `open` streams are there now.
    pub(super) fn tell(&self, now: h2::Counters, open: usize, to: &Counters) {
        let open = open as u64;
        let before = self.open.replace(open);
        if before != open {
            let gauge = &to.h2_open_streams;
            gauge.set(gauge.get().wrapping_add(open).wrapping_sub(before));
        }
        let told = self.told.get();
        if told == now {
            return;
        }
        self.told.set(now);
        let streams = |c: &h2::Counters| c.streams.saturating_add(c.own_streams);
        for (count, now, told) in [
            (&to.h2_streams, streams(&now), streams(&told)),
            (&to.h2_headers, now.headers, told.headers),
            (&to.h2_data, now.data, told.data),
            (&to.h2_settings, now.settings, told.settings),
            (&to.h2_resets, now.resets, told.resets),
            (&to.h2_goaways, now.goaways, told.goaways),
            (
                &to.h2_connection_errors,
                now.connection_errors,
                told.connection_errors,
            ),
            (&to.h2_stream_errors, now.stream_errors, told.stream_errors),
            (&to.h2_resets_sent, now.resets_sent, told.resets_sent),
            (&to.h2_goaways_sent, now.goaways_sent, told.goaways_sent),
        ] {
            if now != told {
                count.add(u64::from(now.wrapping_sub(told)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
