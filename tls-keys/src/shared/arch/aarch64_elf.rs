//! Inline access on aarch64 ELF, by the initial-exec TLS model.
//!
//! As on x86-64, with the thread pointer in `tpidr_el0` and the distance of the executable's
//! table in a GOT entry (`R_AARCH64_TLS_TPREL64`; ELF for the Arm 64-bit Architecture, section "TLS
//! descriptors and the initial-exec model").

use core::arch::asm;

/// The pointer at byte `offset` of the calling thread's table.
///
/// # Safety
///
/// `offset` must be less than the table's size and a multiple of 8.
#[inline(always)]
pub unsafe fn value(offset: usize) -> *mut u8 {
    let value: *mut u8;
    // SAFETY:
    // - the symbol is a thread-local of the executable. It is at least `offset + 8` bytes long by
    //   the caller's promise, so the address is readable on every thread;
    // - only whole pointers are written to a slot: by the calling thread, or by the registry after
    //   all use of the slot has stopped;
    // - nothing is written, the stack and the flags stay as they are, and the result depends only
    //   on the input and on memory, as `pure, readonly` demands.
    unsafe {
        asm!(
            "adrp {value}, :gottprel:tls_slots_table_v1",
            "ldr {value}, [{value}, :gottprel_lo12:tls_slots_table_v1]",
            "mrs {thread}, tpidr_el0",
            "add {value}, {value}, {thread}",
            "ldr {value}, [{value}, {offset}]",
            value = out(reg) value,
            thread = out(reg) _,
            offset = in(reg) offset,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    value
}

/// The calling thread's table.
#[inline]
pub fn table() -> *mut u8 {
    let table: *mut u8;
    // SAFETY: computes an address as `value` does. Memory is only read, and the stack and the flags
    // stay as they are.
    unsafe {
        asm!(
            "adrp {table}, :gottprel:tls_slots_table_v1",
            "ldr {table}, [{table}, :gottprel_lo12:tls_slots_table_v1]",
            "mrs {thread}, tpidr_el0",
            "add {table}, {table}, {thread}",
            table = out(reg) table,
            thread = out(reg) _,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    table
}
