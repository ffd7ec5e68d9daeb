//! `lbctl`: see `failover::client`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match failover::client::run(std::env::args().skip(1).collect()) {
        Ok(is_well) => ExitCode::from(u8::from(!is_well)),
        Err(message) => {
            eprintln!("lbctl: {message}");
            ExitCode::from(2)
        }
    }
}
