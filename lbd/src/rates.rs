//! The highest rates of everything: looked at several times in a second.
//!
//! Each worker counts for itself; nobody but a reader knows their sum.

use std::sync::Arc;
use std::time::Duration;

use lbd_proxy::Shared;

/// Time between two looks: a rate is that of the last second, so no peak is missed by much.
const EVERY: Duration = Duration::from_millis(250);

/// Looks for as long as the runtime lives.
pub(crate) async fn observe(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let now = shared.now();
        shared.process().counters.observe_rates(now);
        shared.current().observe_rates(now);
    }
}
