//! What stick tables need of the control side: entries whose time is over go.
//!
//! What entries hold is the workers' and the runtime API's business.

use std::sync::Arc;
use std::time::Duration;

use lbd_proxy::Shared;

/// Entries of one table that one look removes, so that checks are not held up.
const SLICE: usize = 2048;

/// Longest time between two looks: entries may come meanwhile.
const LONGEST: Duration = Duration::from_secs(1);

/// Shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(20);

/// Removes entries whose time is over for as long as the runtime lives.
pub(crate) async fn expire(shared: Arc<Shared>) {
    loop {
        let mut wait = LONGEST;
        for table in &shared.current().tables {
            let now = shared.now();
            match table.expire(now, SLICE) {
                Some(next) if next <= now => wait = Duration::ZERO,
                Some(next) => wait = wait.min(next.since(now).max(SHORTEST)),
                None => {}
            }
        }
        if wait.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(wait).await;
        }
    }
}
