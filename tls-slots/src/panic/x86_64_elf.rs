//! The frame that stops a panic, on x86-64 ELF.
//!
//! `tls_slots_try_v1` calls its second argument with its first, which is where the System V calling
//! convention wants it already, and leaves the two words that come back, in `rax` and `rdx`, as
//! they are. Its personality is [`personality`](super::frame::personality), which, for an exception
//! that is to stop here, has the unwinder continue at `tls_slots_landing_v1` with the exception in
//! `rdx`: the same way out, with another result. The unwinder restores the stack pointer and the
//! preserved registers to what they were at the call, by the call-frame information below.
//!
//! Four instructions, as every poll of a task passes here.

std::arch::global_asm!(
    ".text",
    ".p2align 4",
    ".globl tls_slots_try_v1",
    ".type tls_slots_try_v1,@function",
    "tls_slots_try_v1:",
    ".cfi_startproc",
    // Relative to the program counter, four bytes, signed.
    ".cfi_personality 0x1b, {personality}",
    "sub rsp, 8",
    ".cfi_adjust_cfa_offset 8",
    "call rsi",
    ".globl tls_slots_landing_v1",
    ".hidden tls_slots_landing_v1",
    "tls_slots_landing_v1:",
    "add rsp, 8",
    ".cfi_adjust_cfa_offset -8",
    "ret",
    ".cfi_endproc",
    ".size tls_slots_try_v1, . - tls_slots_try_v1",
    personality = sym super::frame::personality,
);
