use std::time::Duration;

use super::Histogram;

#[test]
fn quantiles_lie_within_the_width_of_a_bucket() {
    let mut histogram = Histogram::new();
    for micros in 1..=1000 {
        histogram.record(Duration::from_micros(micros));
    }
    for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
        let got = histogram.quantile_us(share);
        assert!(
            (got / expected - 1.0).abs() < 0.04,
            "{share}: {got} for {expected}"
        );
    }
}

#[test]
fn extremes_are_counted_and_nothing_gives_zero() {
    let mut histogram = Histogram::new();
    assert_eq!(histogram.quantile_us(0.5), 0.0);
    histogram.record(Duration::ZERO);
    histogram.record(Duration::MAX);
    let mut sum = Histogram::new();
    sum.add(&histogram);
    assert!(sum.quantile_us(0.5) < 0.1 && sum.quantile_us(1.0) > 1e15);
}
