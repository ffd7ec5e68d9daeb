use super::*;

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).process_group(0);
    command
}

#[test]
fn the_result_is_the_exit_code_or_the_signal() {
    let run = |script| code(Process::default().run(shell(script)).unwrap());
    assert_eq!(run("exit 0"), 0);
    assert_eq!(run("exit 3"), 3);
    assert_eq!(run("kill -9 $$"), 137);
    assert!(
        Process::default()
            .run(Command::new("/nonexistent"))
            .is_err()
    );
}

#[test]
fn a_process_that_is_given_up_ends_with_all_that_it_started() {
    let process = Process::default();
    let own = process.clone();
    let thread = std::thread::spawn(move || own.run(shell("sleep 1000 & sleep 1000")));
    while matches!(*process.0.lock(), Progress::Begun) {
        std::thread::yield_now();
    }
    process.give_up();
    assert_eq!(thread.join().unwrap().unwrap().signal(), Some(9));
}

#[test]
fn a_process_that_is_given_up_before_its_start_does_not_start() {
    let process = Process::default();
    process.give_up();
    assert!(process.clone().run(shell("exit 0")).is_err());
}
