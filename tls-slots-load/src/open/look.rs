//! Looks at a file before it is copied: at its header and at the names of its sections.
//!
//! The problem: a copy takes as much memory as the file has bytes. A disk image or a core dump
//! under the name of a module would fill the memory before its first byte is looked at.
//!
//! The way: a few short reads of the file itself. They tell what kind of file it is, whether it
//! ends before its table of sections does, and whether it has a manifest, if it is large. This is
//! good enough to refuse a file, and for nothing else: somebody may write to the file between this
//! look and the reading. So `check.rs` looks again at the copy, at these things too.
//!
//! What fails here only because the file cannot be read passes. The reading will fail as well, with
//! the system's words.

use std::fs::File;
use std::path::Path;

use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, SectionHeader as _};
use object::{Endianness, FileKind, ObjectKind, ReadCache, ReadRef, SectionIndex};
use tls_slots::loader;
use tls_slots_manifest::{Bounded, PrivateState, Unforked};

use super::error::LoadError;
use super::format::{self, Unfit};

/// How many bytes of the file tell its kind: the headers, and the start of a text.
const HEAD: u64 = 4096;

/// The most sections that a module may have, and the most bytes that their names may take. No
/// linker makes more. `tls-slots-manifest` has the same limits.
const MOST_SECTIONS: usize = 4096;
const LONGEST_NAMES: u64 = 1 << 18;

/// From this size on, a library without a manifest is not read. A smaller one is, because
/// `check.rs` looks at more of it than its headers, and can say more.
const LARGE: u64 = 256 << 20;

/// What the name of a manifest's section starts with on ELF. The version of the ABI follows.
const MANIFEST: &[u8] = b"tls_slots_manifest_v";

/// What the ELF headers tell.
enum Seen {
    /// There is a manifest, or nothing that tells its absence.
    MayBeModule,
    /// It is no library, or a library without a manifest.
    Other(ObjectKind),
}

/// Looks at a file that was opened, and leaves it at any position.
///
/// # Errors
///
/// [`LoadError::NotShared`], `Architecture`, `Corrupt` or `NoManifest`.
pub(crate) fn look(path: &Path, file: &File) -> Result<(), LoadError> {
    let data = ReadCache::new(file);
    let data = Bounded(&data);
    let head = data
        .len()
        .and_then(|length| data.read_bytes_at(0, length.min(HEAD)));
    let Ok(head) = head else { return Ok(()) };
    let of_header = || {
        format::check_format(head)?;
        let kind = format::kind(head)?;
        let seen = match kind {
            FileKind::Elf32 => {
                format::check_machine(head, kind)?;
                of_elf::<FileHeader32<Endianness>>(data)?
            }
            FileKind::Elf64 => {
                format::check_machine(head, kind)?;
                of_elf::<FileHeader64<Endianness>>(data)?
            }
            // The header of the other formats does not tell more.
            _ => Seen::MayBeModule,
        };
        match seen {
            Seen::MayBeModule => Ok(true),
            Seen::Other(what) => format::check_is_library(what, data, kind).map(|()| false),
        }
    };
    match of_header() {
        Ok(true) => Ok(()),
        Ok(false) => Err(LoadError::NoManifest {
            path: path.to_owned(),
            unforked: loader::description()
                .ok()
                .and_then(|host| Unforked::find(host, &PrivateState::from_reader(file))),
        }),
        Err(reason) => Err(unfit(path, reason)),
    }
}

/// Looks at the file header and at the sections.
fn of_elf<'data, Elf>(data: impl ReadRef<'data>) -> Result<Seen, Unfit>
where
    Elf: FileHeader<Endian = Endianness>,
{
    let corrupt = |error: object::Error| Unfit::Corrupt(error.to_string());
    let header = Elf::parse(data).map_err(corrupt)?;
    let endian = header.endian().map_err(corrupt)?;
    let what = match header.e_type(endian) {
        elf::ET_DYN => ObjectKind::Dynamic,
        elf::ET_EXEC => return Ok(Seen::Other(ObjectKind::Executable)),
        elf::ET_REL => return Ok(Seen::Other(ObjectKind::Relocatable)),
        elf::ET_CORE => return Ok(Seen::Other(ObjectKind::Core)),
        _ => return Ok(Seen::Other(ObjectKind::Unknown)),
    };
    // Before the table is read, as all of it is read at once.
    if header.shnum(endian, data).map_err(corrupt)? as usize > MOST_SECTIONS {
        return Err(Unfit::Corrupt(format!(
            "it has more than {MOST_SECTIONS} sections"
        )));
    }
    let sections = header.sections(endian, data).map_err(corrupt)?;
    if sections.is_empty() {
        // Then there are no names either. Who reads the whole file says what is missing.
        return Ok(Seen::MayBeModule);
    }
    let index = header.shstrndx(endian, data).map_err(corrupt)?;
    let names = sections.section(SectionIndex(index as usize));
    let names = names.map_or(0, |names| names.sh_size(endian).into());
    if names > LONGEST_NAMES {
        return Err(Unfit::Corrupt(format!(
            "the names of its sections take {names} bytes"
        )));
    }
    let mut manifests = sections.iter().filter(|section| {
        let name = sections.section_name(endian, section);
        name.is_ok_and(|name| name.starts_with(MANIFEST))
    });
    let is_small = data.len().is_ok_and(|length| length < LARGE);
    match is_small || manifests.next().is_some() {
        true => Ok(Seen::MayBeModule),
        false => Ok(Seen::Other(what)),
    }
}

/// The error for a file that can be no module.
pub(super) fn unfit(path: &Path, reason: Unfit) -> LoadError {
    let path = path.to_owned();
    match reason {
        Unfit::NotShared(what) => LoadError::NotShared { path, what },
        Unfit::Architecture(module) => LoadError::Architecture {
            path,
            host: format::own_machine_name(),
            module,
        },
        Unfit::Corrupt(reason) => LoadError::Corrupt { path, reason },
    }
}
