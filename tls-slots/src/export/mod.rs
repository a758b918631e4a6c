//! The functions that a host exports to its modules, one thin wrapper each.
//!
//! `tls-keys` declares their signatures in `shared/calls/` and `image_std/calls.rs` and lists their
//! names in `names.rs`. Two names are defined elsewhere: that of the per-thread table (`table/`),
//! and that of the frame that stops panics (`panic/`). All of them stay in the executable, and
//! become dynamic symbols, through the linker arguments that `tls_slots_build::host()` prints.
//!
//! | file | for |
//! | --- | --- |
//! | `keys.rs` | images and values |
//! | `std.rs` | each image's own std |
//! | `memory.rs` | `HostAllocator` |
//! | `unloading.rs` | what modules tell a loader, and hooks of shared crates |

mod keys;
mod memory;
mod std;
mod unloading;
