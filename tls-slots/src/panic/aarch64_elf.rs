//! The frame that stops a panic, on aarch64 ELF. See `x86_64_elf.rs`; the two words are in `x0` and
//! `x1`.

std::arch::global_asm!(
    ".text",
    ".p2align 4",
    ".globl tls_slots_try_v1",
    ".type tls_slots_try_v1,%function",
    "tls_slots_try_v1:",
    ".cfi_startproc",
    // Relative to the program counter, four bytes, signed.
    ".cfi_personality 0x1b, {personality}",
    "stp x29, x30, [sp, #-16]!",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset x29, -16",
    ".cfi_offset x30, -8",
    "mov x29, sp",
    "blr x1",
    ".globl tls_slots_landing_v1",
    ".hidden tls_slots_landing_v1",
    "tls_slots_landing_v1:",
    "ldp x29, x30, [sp], #16",
    ".cfi_def_cfa_offset 0",
    ".cfi_restore x29",
    ".cfi_restore x30",
    "ret",
    ".cfi_endproc",
    ".size tls_slots_try_v1, . - tls_slots_try_v1",
    personality = sym super::frame::personality,
);
