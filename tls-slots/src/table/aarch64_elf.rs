//! The table on aarch64 ELF: a symbol in `.tbss`, see `tls-keys`' `arch/aarch64_elf.rs`.

std::arch::global_asm!(
    ".section .tbss.tls_slots_table_v1,\"awT\",%nobits",
    ".globl tls_slots_table_v1",
    ".type tls_slots_table_v1,%object",
    ".size tls_slots_table_v1,{bytes}",
    ".p2align 6",
    "tls_slots_table_v1:",
    ".zero {bytes}",
    ".text",
    bytes = const crate::keys::names::TABLE_SLOTS * 8,
);
