use super::*;

#[test]
fn the_summary_of_h2load_is_read() {
    let text = "finished in 2.00s, 36994.50 req/s, 4.80MB/s\n\
        requests: 73989 total, 74189 started, 73989 done, 73980 succeeded, 9 failed, 0 errored, 0 timeout\n";
    let elapsed = Duration::from_secs(2);
    assert_eq!(
        counts(text, elapsed),
        Some(Done {
            requests: 73_980,
            errors: 9,
            elapsed
        })
    );
    assert_eq!(counts("nothing", elapsed), None);
}
