//! Counters with one writer each: a cell per worker, relaxed, summed by whoever reads.
//!
//! It knows no column names; status pages map these fields to theirs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use lbd_core::freq::FreqCounter;
use lbd_core::{Ticks, Time};

/// A number that only one worker writes.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Takes one off.
    #[inline]
    pub fn dec(&self) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(1), Relaxed);
    }

    /// Overwrites the number.
    #[inline]
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// The number.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Events in the last second, one writer.
#[derive(Debug, Default)]
pub struct Rate {
    start: AtomicU32,
    current: AtomicU32,
    previous: AtomicU32,
}

impl Rate {
    fn counter(&self) -> FreqCounter {
        FreqCounter {
            start: Ticks(self.start.load(Relaxed)),
            current: self.current.load(Relaxed),
            previous: self.previous.load(Relaxed),
        }
    }

    /// Counts one event.
    pub fn hit(&self, now: Time) {
        let mut counter = self.counter();
        counter.add(now.ticks(), RATE_PERIOD_MS, 1);
        self.start.store(counter.start.0, Relaxed);
        self.current.store(counter.current, Relaxed);
        self.previous.store(counter.previous, Relaxed);
    }

    /// Events per second as seen at `now`.
    pub fn read(&self, now: Time) -> u32 {
        self.counter().read(now.ticks(), RATE_PERIOD_MS)
    }
}

/// An average over about the last 512 samples, and the largest one.
#[derive(Debug, Default)]
pub struct Average {
    sum: Count,
    max: Count,
}

impl Average {
    /// Adds a sample.
    pub fn add(&self, sample: u64) {
        let sum = self.sum.get();
        let sample = sample.min(u64::from(u32::MAX));
        self.sum.set(sum - sum.div_ceil(SAMPLES) + sample);
        if sample > self.max.get() {
            self.max.set(sample);
        }
    }

    /// The average.
    pub fn read(&self) -> u64 {
        self.sum.get().div_ceil(SAMPLES)
    }

    /// The largest sample.
    pub fn max(&self) -> u64 {
        self.max.get()
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// What one worker counted for one frontend, backend, server or listener.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $doc])* pub $name: Count,)*
            /// Responses by class: 1xx to 5xx, then others.
            pub responses: [Count; 6],
            /// Sessions in the last second.
            pub session_rate: Rate,
            /// Connections in the last second.
            pub connection_rate: Rate,
            /// Requests in the last second.
            pub request_rate: Rate,
            /// Milliseconds in queue.
            pub queue_time: Average,
            /// Milliseconds to connect.
            pub connect_time: Average,
            /// Milliseconds to the response head.
            pub response_time: Average,
            /// Milliseconds of the whole stream.
            pub total_time: Average,
        }

        /// The sums over all workers.
        #[derive(Debug, Default, Clone, PartialEq, Eq)]
        pub struct Totals {
            $($(#[doc = $doc])* pub $name: u64,)*
            /// Responses by class: 1xx to 5xx, then others.
            pub responses: [u64; 6],
            /// Sessions in the last second.
            pub session_rate: u32,
            /// Connections in the last second.
            pub connection_rate: u32,
            /// Requests in the last second.
            pub request_rate: u32,
            /// Averages in ms: queue, connect, response, total.
            pub times: [u64; 4],
            /// Largest values in ms of the same.
            pub max_times: [u64; 4],
        }

        impl Totals {
            fn add(&mut self, part: &Counters, now: Time) {
                $(self.$name += part.$name.get();)*
                for (sum, cell) in self.responses.iter_mut().zip(&part.responses) {
                    *sum += cell.get();
                }
                self.session_rate += part.session_rate.read(now);
                self.connection_rate += part.connection_rate.read(now);
                self.request_rate += part.request_rate.read(now);
            }
        }

        impl Counters {
            /// Sets everything to zero (`clear counters all`); what its worker adds at this very
            /// moment may survive.
            pub fn clear(&self) {
                $(self.$name.set(0);)*
                self.responses.iter().for_each(|cell| cell.set(0));
                for average in self.averages() {
                    average.sum.set(0);
                    average.max.set(0);
                }
            }
        }
    };
}

counters! {
    /// Sessions (streams, for backends and servers) that began: `stot`.
    sessions,
    /// Client connections accepted: `conn_tot`.
    connections,
    /// Bytes received from the client: `bin`.
    bytes_in,
    /// Bytes sent to the client: `bout`.
    bytes_out,
    /// Request bytes received: `reqbin`.
    request_in,
    /// Request bytes sent on: `reqbout`.
    request_out,
    /// Response bytes received: `resbin`.
    response_in,
    /// Response bytes sent on: `resbout`.
    response_out,
    /// Requests denied by rules: `dreq`.
    denied_requests,
    /// Responses denied by rules: `dresp`.
    denied_responses,
    /// Invalid requests: `ereq`.
    failed_requests,
    /// Failed connections to servers: `econ`.
    failed_connections,
    /// Invalid responses and transfers broken by the server: `eresp`.
    failed_responses,
    /// Connection retries: `wretr`.
    retries,
    /// Redispatches: `wredis`.
    redispatches,
    /// Connections refused by `tcp-request connection`: `dcon`.
    denied_connections,
    /// Sessions refused by `tcp-request session`: `dses`.
    denied_sessions,
    /// Requests answered by lbd itself: `intercepted`.
    intercepted,
    /// Transfers that the client broke: `cli_abrt`.
    client_aborts,
    /// Transfers that the server broke: `srv_abrt`.
    server_aborts,
    /// Internal errors: `eint`.
    internal_errors,
    /// Rewrites that failed: `wrew`.
    failed_rewrites,
    /// HTTP requests: `req_tot`.
    requests,
    /// Connections established to servers: `connect`.
    connects,
    /// Requests sent over a reused connection: `reuse`.
    reuses,
    /// HTTP/1 sessions: `h1sess`.
    h1_sessions,
    /// HTTP/2 sessions: `h2sess`.
    h2_sessions,
    /// HTTP/2 requests: `h2req`.
    h2_requests,
    /// Sessions of another protocol: `sess_other`.
    other_sessions,
    /// Bytes of bodies spliced from this side's peer: `h1_spliced_bytes_in`.
    spliced_in,
    /// Bytes of bodies spliced to this side's peer: `h1_spliced_bytes_out`.
    spliced_out,
    /// Requests by HTTP/1 that began: `h1_total_streams`.
    h1_streams,
    /// Those that go on: `h1_open_streams`.
    h1_open_streams,
    /// Bytes of messages by HTTP/1 that came from this side's peer: `h1_bytes_in`.
    h1_bytes_in,
    /// Those that were sent to it: `h1_bytes_out`.
    h1_bytes_out,
    /// Connections to servers that began with HTTP/1: `h1_total_connections` of a backend.
    h1_connections,
    /// HTTP/2 connections: `h2_total_connections`.
    h2_connections,
    /// Those that are open: `h2_open_connections`.
    h2_open_connections,
    /// HTTP/2 streams: `h2_backend_total_streams`.
    h2_streams,
    /// Those that are open: `h2_backend_open_streams`.
    h2_open_streams,
    /// HEADERS frames that came: `h2_headers_rcvd`.
    h2_headers,
    /// DATA frames that came: `h2_data_rcvd`.
    h2_data,
    /// SETTINGS frames that came: `h2_settings_rcvd`.
    h2_settings,
    /// RST_STREAM frames that came: `h2_rst_stream_rcvd`.
    h2_resets,
    /// GOAWAY frames that came: `h2_goaway_rcvd`.
    h2_goaways,
    /// Faults of connections: `h2_detected_conn_protocol_errors`.
    h2_connection_errors,
    /// Faults of streams: `h2_detected_strm_protocol_errors`.
    h2_stream_errors,
    /// RST_STREAM frames sent because of faults: `h2_rst_stream_resp`.
    h2_resets_sent,
    /// GOAWAY frames sent because of faults: `h2_goaway_resp`.
    h2_goaways_sent,
    /// TLS handshakes completed: `ssl_sess`.
    tls_sessions,
    /// Those that resumed a session: `ssl_reused_sess`.
    tls_resumptions,
    /// TLS handshakes that failed: `ssl_failed_handshake`.
    tls_failures,
    /// OCSP answers sent along with certificates: `ssl_ocsp_staple`.
    ocsp_answers,
    /// Those that were out of date and not sent: `ssl_failed_ocsp_staple`.
    stale_ocsp_answers,
    /// Idle connections to a server: `srv_icur`.
    idle,
    /// Connections to a server in use: `used_conn_cur`.
    used,
    /// Second of the last session, counted from [`SECONDS_BEFORE`] before the start; 0 for none:
    /// `lastsess`.
    last_session,
    /// Failed checks that a statistics file tells of: a part of `chkfail`.
    earlier_check_failures,
    /// Transitions to down, likewise: a part of `chkdown`.
    earlier_downs,
    /// Times that traffic reached the error limit, likewise: a part of `hanafail`.
    earlier_observations,
    /// Times chosen by balance, likewise: a part of `lbtot`.
    earlier_choices,
}

impl Counters {
    fn averages(&self) -> [&Average; 4] {
        [
            &self.queue_time,
            &self.connect_time,
            &self.response_time,
            &self.total_time,
        ]
    }

    /// What goes up and down.
    fn gauges(&self) -> [&Count; 5] {
        [
            &self.idle,
            &self.used,
            &self.h1_open_streams,
            &self.h2_open_connections,
            &self.h2_open_streams,
        ]
    }

    /// Counts a TLS handshake that was completed.
    pub(crate) fn tls_session(&self, is_resumed: bool) {
        self.tls_sessions.inc();
        self.tls_resumptions.add(u64::from(is_resumed));
    }

    /// Counts a response to its class.
    pub fn response(&self, status: u16) {
        let class = match status {
            100..=599 => usize::from(status / 100) - 1,
            _ => 5,
        };
        self.responses[class].inc();
    }

    /// Counts a session at `now`.
    pub fn session(&self, now: Time) {
        self.sessions.inc();
        self.session_rate.hit(now);
        self.last_session.set(second(now));
    }
}

/// The second that `last_session` holds for a moment.
fn second(now: Time) -> u64 {
    now.as_millis() / 1000 + SECONDS_BEFORE
}

/// Counters of one object, a set for each worker, made when a worker first counts.
#[derive(Debug)]
pub struct Shards {
    cells: Box<[OnceLock<Box<Counters>>]>,
    max_session_rate: AtomicU32,
    max_connection_rate: AtomicU32,
    max_request_rate: AtomicU32,
}

impl Shards {
    /// Counters for `workers` workers.
    pub fn new(workers: usize) -> Self {
        Self {
            cells: (0..workers.max(1)).map(|_| OnceLock::new()).collect(),
            max_session_rate: AtomicU32::default(),
            max_connection_rate: AtomicU32::default(),
            max_request_rate: AtomicU32::default(),
        }
    }

    /// The counters that `worker` writes.
    #[inline]
    pub fn of(&self, worker: usize) -> &Counters {
        let at = worker.min(self.cells.len() - 1);
        self.cells[at].get_or_init(Box::default)
    }

    /// The sums of all workers; rates also move their maxima.
    pub fn totals(&self, now: Time) -> Totals {
        let mut totals = Totals::default();
        let mut parts = 0;
        for part in self.cells.iter().filter_map(OnceLock::get) {
            totals.add(part, now);
            totals.last_session = totals.last_session.max(part.last_session.get());
            parts += 1;
            for (at, average) in part.averages().into_iter().enumerate() {
                totals.times[at] += average.read();
                totals.max_times[at] = totals.max_times[at].max(average.max());
            }
        }
        totals
            .times
            .iter_mut()
            .for_each(|time| *time /= parts.max(1));
        totals.last_session = self
            .cells
            .iter()
            .filter_map(OnceLock::get)
            .map(|c| c.last_session.get())
            .max()
            .unwrap_or(0);
        self.saw([
            totals.session_rate,
            totals.connection_rate,
            totals.request_rate,
        ]);
        totals
    }

    /// Moves the maxima of the rates: to be called several times in a second, since no worker
    /// knows the sum.
    pub fn observe_rates(&self, now: Time) {
        let mut rates = [0; 3];
        for part in self.cells.iter().filter_map(OnceLock::get) {
            rates[0] += part.session_rate.read(now);
            rates[1] += part.connection_rate.read(now);
            rates[2] += part.request_rate.read(now);
        }
        self.saw(rates);
    }

    fn saw(&self, [sessions, connections, requests]: [u32; 3]) {
        self.max_session_rate.fetch_max(sessions, Relaxed);
        self.max_connection_rate.fetch_max(connections, Relaxed);
        self.max_request_rate.fetch_max(requests, Relaxed);
    }

    /// Seconds from the last session until `now`; none without one.
    pub fn since_last_session(last_session: u64, now: Time) -> Option<u64> {
        (last_session != 0).then(|| second(now).saturating_sub(last_session))
    }

    /// Notes that the last session was so many seconds before the start.
    pub fn had_session(&self, seconds_before: u64) {
        let at = SECONDS_BEFORE.saturating_sub(seconds_before).max(1);
        self.of(0).last_session.set(at);
    }

    /// Idle connections now, over all workers.
    pub fn idle(&self) -> u64 {
        self.cells
            .iter()
            .filter_map(OnceLock::get)
            .map(|part| part.idle.get())
            .sum()
    }

    /// Highest rates seen: sessions, connections, requests per second.
    pub fn max_rates(&self) -> [u32; 3] {
        [
            self.max_session_rate.load(Relaxed),
            self.max_connection_rate.load(Relaxed),
            self.max_request_rate.load(Relaxed),
        ]
    }

    /// Sets counters to zero; gauges stay.
    pub fn clear(&self) {
        for part in self.cells.iter().filter_map(OnceLock::get) {
            let gauges = part.gauges().map(|gauge| (gauge, gauge.get()));
            part.clear();
            gauges.iter().for_each(|(gauge, now)| gauge.set(*now));
        }
        self.clear_maxima();
    }

    /// Sets maxima to zero (`clear counters`).
    pub fn clear_maxima(&self) {
        for max in [
            &self.max_session_rate,
            &self.max_connection_rate,
            &self.max_request_rate,
        ] {
            max.store(0, Relaxed);
        }
    }
}

/// A gauge shared by all workers, with its highest value; used where a limit depends on it.
#[derive(Debug, Default)]
pub struct Gauge {
    now: AtomicU32,
    max: AtomicU32,
}

impl Gauge {
    /// Adds one and returns the new value.
    #[inline]
    pub fn enter(&self) -> u32 {
        let now = self.now.fetch_add(1, Relaxed) + 1;
        if now > self.max.load(Relaxed) {
            self.max.fetch_max(now, Relaxed);
        }
        now
    }

    /// Adds one unless `limit` is reached (0: no limit); whether it did. The highest value is told
    /// by [`confirm`](Self::confirm), once it is known that the place is used.
    #[inline]
    pub fn reserve(&self, limit: u32) -> bool {
        let limit = if limit == 0 { u32::MAX } else { limit };
        let one_more = |now| (now < limit).then(|| now + 1);
        self.now.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }

    /// A reserved place is used.
    #[inline]
    pub fn confirm(&self) {
        let now = self.get();
        if now > self.max.load(Relaxed) {
            self.max.fetch_max(now, Relaxed);
        }
    }

    /// Takes one off.
    #[inline]
    pub fn leave(&self) {
        self.now.fetch_sub(1, Relaxed);
    }

    /// The value.
    #[inline]
    pub fn get(&self) -> u32 {
        self.now.load(Relaxed)
    }

    /// The highest value.
    pub fn max(&self) -> u32 {
        self.max.load(Relaxed)
    }

    /// Starts the highest value anew.
    pub fn clear_max(&self) {
        self.max.store(self.get(), Relaxed);
    }
}

/// A rate shared by all workers, for limits per second.
#[derive(Debug, Default)]
pub struct SharedRate(parking_lot::Mutex<Promised>);

#[derive(Debug, Default)]
struct Promised {
    counter: FreqCounter,
    /// Events that are allowed and have not happened yet.
    promised: u32,
}

impl SharedRate {
    /// Allows one more event unless that would pass `limit` per second; whether it did. It is to
    /// be followed by [`keep`](Self::keep) or [`forget`](Self::forget).
    pub fn promise(&self, now: Time, limit: u32) -> bool {
        let mut state = self.0.lock();
        let rate = state.counter.read(now.ticks(), RATE_PERIOD_MS);
        let is_free = rate.saturating_add(state.promised) < limit;
        state.promised += u32::from(is_free);
        is_free
    }

    /// Counts an event that needed no leave.
    pub fn hit(&self, now: Time) {
        self.0.lock().counter.add(now.ticks(), RATE_PERIOD_MS, 1);
    }

    /// An allowed event has happened.
    pub fn keep(&self, now: Time) {
        let mut state = self.0.lock();
        state.promised = state.promised.saturating_sub(1);
        state.counter.add(now.ticks(), RATE_PERIOD_MS, 1);
    }

    /// An allowed event will not happen.
    pub fn forget(&self) {
        let mut state = self.0.lock();
        state.promised = state.promised.saturating_sub(1);
    }

    /// Events per second, those included that are allowed.
    pub fn read(&self, now: Time) -> u32 {
        let state = self.0.lock();
        let rate = state.counter.read(now.ticks(), RATE_PERIOD_MS);
        rate.saturating_add(state.promised)
    }
}

/// What second the process starts in: a statistics file tells of sessions before, of the last 136
/// years at most.
const SECONDS_BEFORE: u64 = 1 << 32;

/// Period of all rates.
const RATE_PERIOD_MS: u32 = 1000;

/// Samples that averages weigh, as the reference's `TIME_STATS_SAMPLES`.
const SAMPLES: u64 = 512;
