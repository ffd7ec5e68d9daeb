use super::*;

#[test]
fn this_thread_is_found_by_its_name_and_uses_time() {
    let name = "a-thread-of-t";
    let found = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let begun = std::time::Instant::now();
            while begun.elapsed() < Duration::from_millis(2) {
                std::hint::spin_loop();
            }
            let number = named(name)?;
            cpu_time(number)
        })
        .unwrap()
        .join()
        .unwrap();
    assert!(found.is_some());
    assert_eq!(cpu_time(0), None);
    assert_eq!(named("no such thread"), None);
}
