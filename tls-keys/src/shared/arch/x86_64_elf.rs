//! Inline access on x86-64 ELF, by the initial-exec TLS model.
//!
//! The host executable's own thread-local block lies at a fixed distance from the thread pointer
//! (`fs:0`), the same on every thread, because it is allocated with the thread ("static TLS", ELF
//! Handling For Thread-Local Storage, sections 3.4.6 and 4.3.6). A module learns the distance of
//! `tls_slots_table_v1` from a GOT entry that the dynamic linker fills (`R_X86_64_TPOFF64`); in
//! the executable itself the linker relaxes the load to a constant.

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
            "mov {value}, qword ptr [rip + tls_slots_table_v1@GOTTPOFF]",
            "mov {value}, qword ptr fs:[{value} + {offset}]",
            value = out(reg) value,
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
    // SAFETY: computes an address as `value` does; `fs:0` holds the thread pointer itself (same
    // document, section 3.4.6). Memory is only read, and the stack stays as it is. `add` writes the
    // flags, so the options do not promise to preserve them.
    unsafe {
        asm!(
            "mov {table}, qword ptr fs:0",
            "add {table}, qword ptr [rip + tls_slots_table_v1@GOTTPOFF]",
            table = out(reg) table,
            options(pure, readonly, nostack),
        );
    }
    table
}
