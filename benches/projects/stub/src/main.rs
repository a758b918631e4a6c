//! Opens modules as a host would, with functions behind the host's symbols that do nothing.
//!
//! The problem: a module cannot be opened in a program that does not have these symbols, and in a
//! host the module's constructor registers it.
//!
//! The way: this program has the symbols, and what is behind them does nothing. The difference
//! between its numbers and those of a host is what a host adds to `dlopen`. It prints what
//! `bench-program scale load` prints.

use std::time::Instant;

use bench_access::memory;

macro_rules! nothing {
    ($($name:ident)+) => {
        $(
            /// Nothing.
            #[unsafe(no_mangle)]
            pub extern "C" fn $name() -> usize {
                0
            }
        )+
    };
}

nothing! {
    tls_slots_register_v1 tls_slots_unregister_v1 tls_slots_get_v1 tls_slots_reserve_v1
    tls_slots_explain_v1 tls_slots_present_std_v1 tls_slots_try_v1 tls_slots_owner_v1
    tls_slots_alloc_v1 tls_slots_dealloc_v1 tls_slots_alloc_zeroed_v1 tls_slots_realloc_v1
    tls_slots_count_v1 tls_slots_hold_v1 tls_slots_quiescent_state_v1 tls_slots_runtime_v1
    tls_slots_on_unload_v1
}

// The thread's table, which a module reads by its offset from the thread pointer.
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
std::arch::global_asm!(
    ".section .tbss.tls_slots_table_v1,\"awT\",%nobits",
    ".globl tls_slots_table_v1",
    ".type tls_slots_table_v1,%object",
    ".size tls_slots_table_v1,1024",
    ".p2align 6",
    "tls_slots_table_v1:",
    ".zero 1024",
    ".text",
);

fn main() {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    let before = memory();
    let start = Instant::now();
    let mut late = start;
    for (at, file) in files.iter().enumerate() {
        if at == files.len() - files.len().div_ceil(4) {
            late = Instant::now();
        }
        // SAFETY: the file's constructors call the functions above, which do nothing.
        let library = unsafe { open(file) };
        match library {
            Ok(library) => std::mem::forget(library),
            Err(error) => {
                eprintln!("bench-stub: {error}");
                std::process::exit(1);
            }
        }
    }
    let (all, late) = (start.elapsed(), late.elapsed());
    let memory = memory().saturating_sub(before);
    println!("{} {} {memory}", all.as_nanos(), late.as_nanos());
    // Without the modules' destructors, which would call the host.
    // SAFETY: ends the process.
    unsafe { libc_exit(0) }
}

unsafe extern "C" {
    #[link_name = "_exit"]
    fn libc_exit(code: i32) -> !;
}

/// As a host does: all symbols at once, none of them visible to others.
///
/// # Safety
///
/// As `dlopen`.
unsafe fn open(file: &std::ffi::OsStr) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the caller's promise.
    unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}
