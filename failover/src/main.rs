//! `lbd-failover`: owns addresses on behalf of the balancer on this node, instead of keepalived.

use std::process::ExitCode;

use failover::args::{self, Action};
use failover::{daemon, guardian, launcher, namespace};

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(guardian::ARGUMENT) {
        return guardian::main();
    }
    if std::env::args().nth(1).as_deref() == Some(launcher::ARGUMENT) {
        return launcher::main(std::env::args().skip(2));
    }
    let options = match args::parse(std::env::args().skip(1)) {
        Ok(Action::Run(options)) => options,
        Ok(Action::Test(options)) => return test(&options),
        Ok(Action::Clean(options)) => return daemon::clean(&options),
        Ok(Action::Say(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("lbd-failover: {message}");
            return ExitCode::from(1);
        }
    };
    daemon::main(options)
}

/// `-t`: every fault in one run.
fn test(options: &args::Options) -> ExitCode {
    let reading = namespace::read(options, true);
    eprint!("{}", vrrp_config::render(&reading));
    ExitCode::from(reading.status())
}
