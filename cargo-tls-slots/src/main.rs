//! The command `cargo tls-slots`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_tls_slots::cli::main()
}
