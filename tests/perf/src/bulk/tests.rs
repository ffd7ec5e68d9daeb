use std::time::Duration;

use super::Bulk;

#[test]
fn bytes_flow_over_every_connection_again_and_again() {
    let mut bulk = Bulk::new().expect("a source");
    let target = bulk.address().expect("an address");
    for _ in 0..2 {
        let moved = bulk
            .run(target, 20, Duration::from_millis(100), || 3)
            .expect("it runs");
        assert!(moved.bytes > 1 << 20, "{moved:?}");
        assert_eq!((moved.errors, moved.probed), (0, 0));
    }
}
