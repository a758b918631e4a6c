//! The tables of which a file has at most one, each a section of its own.

use object::elf;

/// A table that the dynamic section names.
pub(super) struct Table {
    /// The subject of a message.
    pub(super) what: &'static str,
    /// The tag that holds its address.
    pub(super) address: elf::DynamicTag,
    /// The tag that holds its size, if there is such a tag.
    pub(super) size: Option<elf::DynamicTag>,
    /// The type of its section.
    pub(super) kind: elf::SectionType,
}

/// All of them.
pub(super) const TABLES: [Table; 9] = [
    Table {
        what: "the symbol table",
        address: elf::DT_SYMTAB,
        size: None,
        kind: elf::SHT_DYNSYM,
    },
    Table {
        what: "the hash table",
        address: elf::DT_HASH,
        size: None,
        kind: elf::SHT_HASH,
    },
    Table {
        what: "the hash table",
        address: elf::DT_GNU_HASH,
        size: None,
        kind: elf::SHT_GNU_HASH,
    },
    Table {
        what: "the versions of symbols",
        address: elf::DT_VERSYM,
        size: None,
        kind: elf::SHT_GNU_VERSYM,
    },
    Table {
        what: "the versions needed",
        address: elf::DT_VERNEED,
        size: None,
        kind: elf::SHT_GNU_VERNEED,
    },
    Table {
        what: "the versions defined",
        address: elf::DT_VERDEF,
        size: None,
        kind: elf::SHT_GNU_VERDEF,
    },
    Table {
        what: "the list of constructors",
        address: elf::DT_INIT_ARRAY,
        size: Some(elf::DT_INIT_ARRAYSZ),
        kind: elf::SHT_INIT_ARRAY,
    },
    Table {
        what: "the list of destructors",
        address: elf::DT_FINI_ARRAY,
        size: Some(elf::DT_FINI_ARRAYSZ),
        kind: elf::SHT_FINI_ARRAY,
    },
    Table {
        what: "the packed relocations",
        address: elf::DT_RELR,
        size: Some(elf::DT_RELRSZ),
        kind: elf::SHT_RELR,
    },
];
