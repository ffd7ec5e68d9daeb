use super::*;

#[test]
fn skews_are_those_that_keepalived_computes() {
    let v2 = |priority| skew(Version::V2, Priority(priority), Centisecs(100)).as_micros();
    assert_eq!(v2(150), 414_062);
    assert_eq!(v2(100), 609_375);
    assert_eq!(v2(255), 3_906);
    let v3 = |priority, cs| skew(Version::V3, Priority(priority), Centisecs(cs)).as_micros();
    // ((256 - priority) * centiseconds * 625) / 16
    for (priority, cs) in [(100_u8, 10_u16), (150, 10), (1, 1), (254, 4095), (100, 1)] {
        let microseconds = (256 - u128::from(priority)) * u128::from(cs) * 625 / 16;
        assert_eq!(v3(priority, cs), microseconds, "{priority} {cs}");
    }
}

#[test]
fn version_2_skews_up_to_a_second_whatever_the_interval() {
    let skew = |cs| skew(Version::V2, Priority(100), Centisecs(cs));
    assert_eq!(skew(100), skew(1000));
}

#[test]
fn the_down_interval_is_three_intervals_and_the_skew() {
    let wait = |version, adverts, priority, cs| {
        active_down_interval(version, adverts, Priority(priority), Centisecs(cs)).as_micros()
    };
    assert_eq!(wait(Version::V2, 3, 100, 100), 3_609_375);
    assert_eq!(wait(Version::V3, 3, 100, 10), 360_937);
    assert_eq!(wait(Version::V3, 3, 100, 1), 36_093);
    assert_eq!(wait(Version::V3, 5, 100, 10), 560_937);
}
