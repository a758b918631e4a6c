//! How a thread finds its table: one file per way, all with the same two functions.
//!
//! | file | target | access |
//! | --- | --- | --- |
//! | `x86_64_elf.rs` | x86-64 with ELF | inline, initial-exec TLS |
//! | `aarch64_elf.rs` | aarch64 with ELF | inline, initial-exec TLS |
//! | `call.rs` | every other target | a function of the host |
//!
//! Each file has
//!
//! - `unsafe fn value(offset: usize) -> *mut u8`: the pointer at byte `offset` of the calling
//!   thread's table;
//! - `fn table() -> *mut u8`: the calling thread's table, for the host's cold path.
//!
//! *An address is never kept across an opaque call.* The inline variants read the thread pointer
//! inside an `asm!` that is `pure` and `readonly` but not `nomem`. So the compiler may merge two
//! accesses with nothing between them. But a call to code that the compiler cannot see may have
//! written memory, so after such a call the code reads again. A stackful coroutine may be suspended
//! in that call and resumed on another thread: it then sees the new thread's table.

#[cfg(all(tls_keys_inline, target_arch = "x86_64"))]
mod x86_64_elf;
#[cfg(all(tls_keys_inline, target_arch = "x86_64"))]
pub use x86_64_elf::{table, value};

#[cfg(all(tls_keys_inline, target_arch = "aarch64"))]
mod aarch64_elf;
#[cfg(all(tls_keys_inline, target_arch = "aarch64"))]
pub use aarch64_elf::{table, value};

#[cfg(not(tls_keys_inline))]
mod call;
#[cfg(not(tls_keys_inline))]
pub use call::{table, value};

/// Whether accesses are inline on this target. If so, the host exports its table as a symbol.
pub const INLINE: bool = cfg!(tls_keys_inline);
