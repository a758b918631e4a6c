//! Catching panics of all images.
//!
//! Each image's std knows only its own panics. A panic of a module that reaches a
//! [`std::panic::catch_unwind`] of the host ends the process. So does a panic of the host in a
//! module. The functions here catch both. The forked tokio uses them wherever it catches panics. A
//! program uses them where *its own* code stands between a module and a `catch_unwind` of std.
//! There is such a `catch_unwind` at the top of every thread:
//!
//! ```
//! # fn call_a_module() -> u32 { 7 }
//! let thread = std::thread::spawn(|| tls_slots::panic::own_panics(call_a_module));
//! assert_eq!(thread.join().unwrap(), 7);
//! ```
//!
//! A module has the same functions in `tls_keys::panic`, whose documentation tells how it works.

// The host's half:
//
// - A frame that stops any Rust exception, whichever image raised it: a few instructions with a
//   *personality* of their own (`frame.rs`). The personality is the function that the unwinder asks
//   about a frame (Itanium C++ ABI, "Exception Handling", section 1.6). One file per architecture.
// - Whose exception it is: `tls_slots_owner_v1`, see `stds/modules.rs`.
//
// Only Rust's exceptions are stopped, by their class. C++ exceptions and forced unwinding
// (`pthread_exit`, cancellation) pass, as if the frame were not there.

pub use tls_keys::panic::{catch_unwind, discard_panic, own_panics};

#[cfg(all(tls_slots_asm, target_arch = "x86_64"))]
mod x86_64_elf;

#[cfg(all(tls_slots_asm, target_arch = "aarch64"))]
mod aarch64_elf;

#[cfg(not(tls_slots_asm))]
mod none;

#[cfg(tls_slots_asm)]
mod frame;
