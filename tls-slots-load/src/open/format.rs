//! What kind of file it is, from its bytes alone.
//!
//! The problem: for a file that is no module, `dlopen` gives a line in the words of its object
//! format, if it gives an error at all. Here each way of not being a module for this machine is
//! told apart. On the way, the exported names that the loader needs are collected.

use object::{
    Architecture, BinaryFormat, Endianness, FileKind, Object as _, ObjectKind, ObjectSymbol as _,
    ReadRef,
};

use tls_keys::names::ENTRY_PREFIX;

use super::{elf, never_unmapped};

/// What the loader knows of a file that may be a module.
pub(crate) struct Headers {
    /// The names of its entries, sorted.
    pub(crate) entries: Vec<String>,
    /// Symbols that only a host may define.
    host_symbols: Vec<String>,
    /// What is known to keep the file mapped for ever, a sentence each.
    pub(crate) kept_mapped_by: Vec<String>,
}

impl Headers {
    /// One of the symbols that only a host may define. Prefers the one that registers modules, as
    /// its name says the most.
    pub(crate) fn host_symbol(&self) -> Option<&str> {
        let symbols = &self.host_symbols;
        let registers = symbols.iter().find(|name| name.contains("_register_"));
        registers.or(symbols.first()).map(String::as_str)
    }
}

/// Why a file can be no module.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// What it is instead of a shared object.
    NotShared(String),
    /// The machine that it was built for, another one.
    Architecture(String),
    /// A shared object for this machine that is damaged. The text says how.
    Corrupt(String),
}

/// The object format that this system loads.
const FORMAT: BinaryFormat = if cfg!(target_vendor = "apple") {
    BinaryFormat::MachO
} else if cfg!(windows) {
    BinaryFormat::Pe
} else {
    BinaryFormat::Elf
};

/// The machine that this program was built for, where `object` has a name for it.
fn own_machine() -> Option<Architecture> {
    let wide = cfg!(target_pointer_width = "64");
    Some(match std::env::consts::ARCH {
        "x86_64" if wide => Architecture::X86_64,
        "x86" => Architecture::I386,
        "aarch64" if wide => Architecture::Aarch64,
        "arm" => Architecture::Arm,
        "riscv64" => Architecture::Riscv64,
        "riscv32" => Architecture::Riscv32,
        "loongarch64" => Architecture::LoongArch64,
        "powerpc64" => Architecture::PowerPc64,
        "s390x" => Architecture::S390x,
        _ => return None,
    })
}

/// How this machine is called in messages.
pub(crate) fn own_machine_name() -> String {
    match own_machine() {
        Some(own) => machine_name(own, cfg!(target_endian = "little")),
        None => std::env::consts::ARCH.to_owned(),
    }
}

/// How a machine is called in messages.
fn machine_name(architecture: Architecture, little: bool) -> String {
    let order = match architecture {
        Architecture::PowerPc64 | Architecture::Mips64 | Architecture::Mips => "",
        _ if little => "",
        _ => " (big-endian)",
    };
    format!("{architecture:?}{order}").to_lowercase()
}

/// What begins as a file of some format does.
enum Begins {
    /// An executable, a library or an object file of this format.
    As(BinaryFormat),
    /// Several Mach-O files in one, for several machines.
    Universal,
    /// An archive of object files.
    Archive,
}

/// How a file begins; `None` for a file of no format that is known here.
///
/// `object` knows the formats of its features only, here those that this system loads and ELF. An
/// error must not depend on the features that other crates of the program turn on.
fn begins(bytes: &[u8]) -> Option<Begins> {
    let is_pe = || {
        // The header of a program for DOS says where that of Windows is.
        let at = bytes.get(0x3c..0x40)?.try_into().ok()?;
        let at = usize::try_from(u32::from_le_bytes(at)).ok()?;
        Some(bytes.get(at..)?.starts_with(b"PE\0\0"))
    };
    match bytes {
        [0x7f, b'E', b'L', b'F', ..] => Some(Begins::As(BinaryFormat::Elf)),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => {
            Some(Begins::As(BinaryFormat::MachO))
        }
        [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..] => Some(Begins::Universal),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..]
        | [b'!', b'<', b't', b'h', b'i', b'n', b'>', ..] => Some(Begins::Archive),
        [b'M', b'Z', ..] if is_pe() == Some(true) => Some(Begins::As(BinaryFormat::Pe)),
        _ => None,
    }
}

/// What a file looks like that is no object file of any kind.
fn looks_like(bytes: &[u8]) -> &'static str {
    let start = &bytes[..bytes.len().min(512)];
    if bytes.is_empty() {
        "empty"
    } else if start.starts_with(b"#!") {
        "a script"
    } else if start.starts_with(b"!<") || start.starts_with(b"/* GNU ld script") {
        "a linker script"
    } else if std::str::from_utf8(start).is_ok_and(|text| !text.contains('\0')) {
        "text"
    } else {
        "of no known format"
    }
}

/// Looks at a whole file.
///
/// # Errors
///
/// [`Unfit`]: the file cannot be a module of this machine.
pub(crate) fn read(bytes: &[u8]) -> Result<Headers, Unfit> {
    check_format(bytes)?;
    let kind = kind(bytes)?;
    // The machine comes before everything else: the rest of another machine's file does not matter.
    check_machine(bytes, kind)?;
    let file = object::File::parse(bytes).map_err(corrupt)?;
    check_is_library(file.kind(), bytes, kind)?;
    let checked = match kind {
        FileKind::Elf32 => elf::check::<object::elf::FileHeader32<Endianness>>(bytes),
        FileKind::Elf64 => elf::check::<object::elf::FileHeader64<Endianness>>(bytes),
        _ => Ok(()),
    };
    checked.map_err(Unfit::Corrupt)?;
    let (mut entries, mut host_symbols) = exported_names(&file)?;
    entries.sort_unstable();
    host_symbols.sort_unstable();
    Ok(Headers {
        entries,
        host_symbols,
        kept_mapped_by: never_unmapped::of(bytes, kind),
    })
}

/// Which of its format's kinds the file is.
pub(super) fn kind(bytes: &[u8]) -> Result<FileKind, Unfit> {
    // It begins as the format does, and then ends too early.
    let damaged = |_| Unfit::Corrupt("its header is damaged".to_owned());
    FileKind::parse(bytes).map_err(damaged)
}

fn not_shared(what: &str) -> Unfit {
    Unfit::NotShared(what.to_owned())
}

fn corrupt(error: object::Error) -> Unfit {
    Unfit::Corrupt(error.to_string())
}

/// Checks that the file begins as those do that this system loads.
pub(super) fn check_format(bytes: &[u8]) -> Result<(), Unfit> {
    Err(not_shared(match begins(bytes) {
        Some(Begins::As(format)) if format == FORMAT => return Ok(()),
        Some(Begins::As(BinaryFormat::MachO)) => "a Mach-O file, as macOS has them",
        Some(Begins::As(BinaryFormat::Pe)) => "a PE file, as Windows has them",
        Some(Begins::As(_)) => "an ELF file, as Linux has them",
        Some(Begins::Universal) => {
            "a universal binary: take this machine's part out of it, with `lipo -thin`"
        }
        Some(Begins::Archive) => "a static library",
        None => looks_like(bytes),
    }))
}

/// Checks that the file was built for this machine. Of an ELF file, its header is enough.
pub(super) fn check_machine(bytes: &[u8], kind: FileKind) -> Result<(), Unfit> {
    let (machine, little) = match kind {
        FileKind::Elf32 | FileKind::Elf64 => elf_machine(bytes, kind)?,
        _ => {
            let file = object::File::parse(bytes).map_err(corrupt)?;
            (file.architecture(), file.is_little_endian())
        }
    };
    let same = own_machine().is_none_or(|own| own == machine);
    match same && little == cfg!(target_endian = "little") {
        true => Ok(()),
        false => Err(Unfit::Architecture(machine_name(machine, little))),
    }
}

/// Checks that the file is a library, and not a program or a part of one.
pub(super) fn check_is_library<'data>(
    what: ObjectKind,
    data: impl ReadRef<'data>,
    kind: FileKind,
) -> Result<(), Unfit> {
    match (what, is_position_independent_executable(data, kind)) {
        (ObjectKind::Dynamic, false) => Ok(()),
        (ObjectKind::Dynamic, true) | (ObjectKind::Executable, _) => {
            Err(not_shared("an executable"))
        }
        (ObjectKind::Relocatable, _) => Err(not_shared("an object file, not linked yet")),
        (ObjectKind::Core, _) => Err(not_shared("a core dump")),
        _ => Err(not_shared("an object file of another kind")),
    }
}

/// The names of the entries that a file exports, and its symbols that only a host defines.
fn exported_names(file: &object::File<'_>) -> Result<(Vec<String>, Vec<String>), Unfit> {
    let (mut entries, mut host_symbols) = (Vec::new(), Vec::new());
    let mut export = |name: &[u8]| {
        let Ok(name) = std::str::from_utf8(name) else {
            return;
        };
        // Mach-O puts an underscore before every name of C's.
        let name = match FORMAT {
            BinaryFormat::MachO => name.strip_prefix('_').unwrap_or(name),
            _ => name,
        };
        if let Some(entry) = name.strip_prefix(ENTRY_PREFIX) {
            entries.push(entry.to_owned());
        } else if name.starts_with("tls_slots_") {
            host_symbols.push(name.to_owned());
        }
    };
    match FORMAT {
        BinaryFormat::Elf => file
            .dynamic_symbols()
            .filter(|symbol| symbol.is_definition() && symbol.is_global())
            .filter_map(|symbol| symbol.name_bytes().ok())
            .for_each(&mut export),
        _ => {
            for one in file.exports().map_err(corrupt)? {
                if let object::NameOrOrdinal::Name(name) = one.map_err(corrupt)?.name() {
                    export(name);
                }
            }
        }
    }
    Ok((entries, host_symbols))
}

/// The machine, and whether it is little-endian. From the header alone, as the rest may be cut off.
fn elf_machine(bytes: &[u8], kind: FileKind) -> Result<(Architecture, bool), Unfit> {
    use object::elf::{FileHeader32, FileHeader64, Machine};
    fn read<Elf>(bytes: &[u8]) -> object::Result<(Machine, bool)>
    where
        Elf: object::read::elf::FileHeader<Endian = Endianness>,
    {
        let header = Elf::parse(bytes)?;
        let endian = header.endian()?;
        Ok((header.e_machine(endian), header.is_little_endian()))
    }
    let wide = kind == FileKind::Elf64;
    let read = if wide {
        read::<FileHeader64<Endianness>>(bytes)
    } else {
        read::<FileHeader32<Endianness>>(bytes)
    };
    let (machine, little) = read.map_err(|error| Unfit::Corrupt(error.to_string()))?;
    use object::elf;
    let architecture = match machine {
        elf::EM_X86_64 if wide => Architecture::X86_64,
        elf::EM_X86_64 => Architecture::X86_64_X32,
        elf::EM_386 => Architecture::I386,
        elf::EM_AARCH64 if wide => Architecture::Aarch64,
        elf::EM_AARCH64 => Architecture::Aarch64_Ilp32,
        elf::EM_ARM => Architecture::Arm,
        elf::EM_RISCV if wide => Architecture::Riscv64,
        elf::EM_RISCV => Architecture::Riscv32,
        elf::EM_LOONGARCH if wide => Architecture::LoongArch64,
        elf::EM_PPC64 => Architecture::PowerPc64,
        elf::EM_S390 => Architecture::S390x,
        _ => Architecture::Unknown,
    };
    Ok((architecture, little))
}

/// Whether an ELF file has the type of a library, but is a program. `dlopen` refuses those.
fn is_position_independent_executable<'data>(data: impl ReadRef<'data>, kind: FileKind) -> bool {
    fn flagged<'data, Elf>(data: impl ReadRef<'data>) -> Option<bool>
    where
        Elf: object::read::elf::FileHeader<Endian = Endianness>,
    {
        use object::read::elf::Dyn as _;
        let header = Elf::parse(data).ok()?;
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, data).ok()?;
        let (entries, _) = sections.dynamic(endian, data).ok()??;
        let flags = entries
            .iter()
            .find(|entry| entry.tag(endian) == object::elf::DT_FLAGS_1)?;
        Some(flags.val(endian) & object::elf::DF_1_PIE.0 != 0)
    }
    match kind {
        FileKind::Elf32 => flagged::<object::elf::FileHeader32<Endianness>>(data),
        FileKind::Elf64 => flagged::<object::elf::FileHeader64<Endianness>>(data),
        _ => None,
    }
    .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::{Unfit, read};

    fn unfit(bytes: &[u8]) -> Unfit {
        read(bytes).err().expect("it is no module")
    }

    #[test]
    fn what_is_no_object_file_is_described() {
        for (bytes, what) in [
            (&b""[..], "empty"),
            (b"#!/bin/sh\n", "a script"),
            (b"!<arch>\nlibsite.rlib", "a static library"),
            (b"/* GNU ld script\nGROUP ( libc.so.6 )", "a linker script"),
            (b"[package]\nname = \"site\"", "text"),
            (b"\x00\x01\x02", "of no known format"),
        ] {
            assert_eq!(unfit(bytes), Unfit::NotShared(what.to_owned()));
        }
    }

    #[cfg(target_os = "linux")]
    mod elf {
        use super::super::{Unfit, read};
        use super::unfit;

        /// This program, with the mark of a program taken out, so that it looks like a library.
        fn shared_object() -> Vec<u8> {
            let own = std::env::current_exe().expect("a test has a path");
            let mut bytes = std::fs::read(own).expect("a test can be read");
            assert_eq!(unfit(&bytes), Unfit::NotShared("an executable".to_owned()));
            // `DT_FLAGS_1` with `DF_1_NOW` and `DF_1_PIE`. The latter is taken out.
            let flags: [u8; 16] = [0xfb, 0xff, 0xff, 0x6f, 0, 0, 0, 0, 1, 0, 0, 8, 0, 0, 0, 0];
            let at = bytes
                .windows(16)
                .position(|window| window == flags)
                .expect("a program that is linked as rustc does it");
            bytes[at + 11] = 0;
            assert!(read(&bytes).is_ok());
            bytes
        }

        #[test]
        fn a_cut_off_file_is_damaged() {
            let bytes = shared_object();
            for end in [5, 17, 64, 100, 0x1000, bytes.len() / 2, bytes.len() - 1] {
                assert!(matches!(unfit(&bytes[..end]), Unfit::Corrupt(_)), "{end}");
            }
        }

        #[test]
        fn what_keeps_a_file_mapped_is_named() {
            use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

            let mut bytes = shared_object();
            let kept_mapped_by = |bytes: &[u8]| read(bytes).expect("it is whole").kept_mapped_by;
            assert_eq!(kept_mapped_by(&bytes), [""; 0]);
            let file = object::File::parse(&*bytes).expect("it is whole");
            let symbols = file.section_by_name(".dynsym").expect("it has symbols");
            let (symbols, _) = symbols.file_range().expect("they are in the file");
            let mut defined = file
                .dynamic_symbols()
                .filter(|symbol| symbol.is_global() && symbol.is_definition() && !symbol.is_weak());
            let symbol = defined.next().expect("a host defines some");
            let name = symbol.name().expect("a name").to_owned();
            // `Elf64_Sym` has 24 bytes. The fifth holds binding and type.
            let info = symbols as usize + 24 * symbol.index().0 + 4;
            let flags: [u8; 16] = [0xfb, 0xff, 0xff, 0x6f, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
            let flags = bytes.windows(16).position(|window| window == flags);
            drop(defined);

            bytes[info] = 10 << 4 | bytes[info] & 15;
            assert!(kept_mapped_by(&bytes)[0].starts_with(&format!("the symbol `{name}`, ")));
            bytes[flags.expect("as `shared_object` left them") + 8] |= 8;
            assert!(kept_mapped_by(&bytes)[0].contains("`-z nodelete`"));
            assert_eq!(kept_mapped_by(&bytes).len(), 2);
        }

        #[test]
        fn another_machine_is_named() {
            let mut bytes = shared_object();
            bytes[18] = 0xb7;
            assert_eq!(unfit(&bytes), Unfit::Architecture("aarch64".to_owned()));
            // Also if there is nothing but the header.
            assert_eq!(
                unfit(&bytes[..64]),
                Unfit::Architecture("aarch64".to_owned())
            );
        }

        #[test]
        fn other_kinds_of_file_are_named() {
            let mut bytes = shared_object();
            for (kind, what) in [
                (1, "an object file, not linked yet"),
                (2, "an executable"),
                (4, "a core dump"),
            ] {
                bytes[16] = kind;
                assert_eq!(unfit(&bytes), Unfit::NotShared(what.to_owned()));
            }
        }
    }
}
