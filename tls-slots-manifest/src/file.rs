//! Finds the manifest in the bytes of an ELF, Mach-O or PE file.
//!
//! The section is found by its name in the table of sections, which `strip` keeps. Some packers
//! remove that table. A file without it cannot be checked, and is an error.
//!
//! The crate `object` reads the three formats: without the feature `formats`, only ELF and that of
//! the system that this is built for. `object` finds the end of a section's name by looking for
//! a zero in all names, so this file bounds how many sections and how long names it may be given.

use std::{fmt, io};

use object::read::elf::{ElfFile, FileHeader, SectionHeader};
use object::{
    Endianness, File, Object, ObjectKind, ObjectSection, ReadCache, ReadRef, SectionIndex,
};

use crate::bounded::Bounded;
use crate::description::StdCopy;
use crate::manifest::Manifest;
use crate::needed;
use crate::parse::error::ParseError;

/// What the section's name starts with on ELF; the version of the ABI follows.
const ELF: &str = "tls_slots_manifest_v";
/// The same on Mach-O, whose names have 16 characters at most.
const MACHO: &str = "__tls_slots_m_v";
/// The same on PE, whose names have 8 characters at most.
const PE: &str = ".tlsman";

/// The most sections that a file may have. No linker makes more.
pub(crate) const MOST_SECTIONS: usize = 4096;

/// The most bytes that the names of an ELF file's sections may take. No linker makes more, and
/// looking for the end of a million names in a table without ends would take for ever.
const LONGEST_NAMES: u64 = 1 << 18;

/// The ABI of the names above that this crate reads.
const ABI: &str = "1";

/// Why a file gives no manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileError {
    /// It is no ELF, Mach-O or PE file.
    NotAnObject,
    /// It is such a file, or an archive of them, but neither a shared object nor an executable.
    Kind {
        /// What it is.
        found: &'static str,
    },
    /// It starts as such a file, but is truncated or corrupt.
    Corrupt {
        /// What cannot be read, in the words of `object`.
        reason: String,
    },
    /// It has no table of sections, as a tool has removed it.
    NoSections,
    /// It is a shared object or an executable without a manifest: neither host nor module.
    NoManifest,
    /// Its manifest belongs to another version of the binary interface.
    OtherAbi {
        /// The version.
        found: String,
    },
    /// It has records of crates, and not that of `tls-keys`: the latter is in a Rust `dylib` that
    /// the file needs.
    Dylib {
        /// The libraries that the file needs, and one of which it is.
        libraries: Vec<String>,
    },
    /// It has a manifest that cannot be read; the error's source says why.
    Manifest(ParseError),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => f.write_str("this is no ELF, Mach-O or PE file"),
            Self::Kind { found } => write!(
                f,
                "this is {found}, and a host is an executable and a module a shared object \
                 (`crate-type = [\"cdylib\"]`)"
            ),
            Self::Corrupt { reason } => write!(f, "the file is truncated or corrupt: {reason}"),
            Self::NoSections => f.write_str(
                "the file has no table of sections, so its manifest cannot be found; do not let a \
                 tool remove it (`strip` does not)",
            ),
            Self::NoManifest => f.write_str(
                "the file has no manifest: it was not built with a crate that `cargo tls-slots fork` \
                 made, or not with its feature `external-tls`",
            ),
            Self::OtherAbi { found } => write!(
                f,
                "the file was built for version {found} of the interface between host and module, and \
                 this is version {ABI}; build both with the same version of tls-slots"
            ),
            Self::Dylib { libraries } => write!(
                f,
                "`tls-keys` is not in the file but in a Rust `dylib` that the file needs (it is among \
                 {}), so the file's own keys connect to nothing; give the package of that library \
                 `crate-type = [\"rlib\"]`",
                libraries.join(", ")
            ),
            Self::Manifest(_) => {
                f.write_str("the file's manifest cannot be read; build the file again")
            }
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Manifest(source) => Some(source),
            _ => None,
        }
    }
}

fn corrupt(error: object::Error) -> FileError {
    FileError::Corrupt {
        reason: error.to_string(),
    }
}

impl Manifest {
    /// Reads the manifest in the bytes of an executable or a shared object. It may be for any
    /// architecture. With the feature `formats`, it may be in any of the three formats.
    ///
    /// # Errors
    ///
    /// [`FileError`] has a variant for each thing that the file can be instead.
    pub fn from_object(bytes: &[u8]) -> Result<Self, FileError> {
        manifest(&open(bytes)?)
    }

    /// As [`from_object`](Self::from_object), for a file that is not in memory. Only its headers,
    /// its table of sections and the manifest are read, however large the rest may be.
    ///
    /// # Errors
    ///
    /// As [`from_object`](Self::from_object). A file that cannot be read counts as corrupt.
    pub fn from_reader(file: impl io::Read + io::Seek) -> Result<Self, FileError> {
        manifest(&open(Bounded(&ReadCache::new(file)))?)
    }
}

/// Opens an executable or a shared object, whose sections may be looked at.
///
/// # Errors
///
/// [`FileError`], for each thing that it can be instead.
pub(crate) fn open<'a, Data: ReadRef<'a>>(data: Data) -> Result<File<'a, Data>, FileError> {
    let starts = |magic: &[u8]| data.read_bytes_at(0, magic.len() as u64) == Ok(magic);
    // Whether `object` knows archives depends on the features that others in the program ask it
    // for.
    if starts(b"!<arch>\n") || starts(b"!<thin>\n") {
        return Err(FileError::Kind {
            found: "a static library or an rlib",
        });
    }
    if let Err(error) = object::FileKind::parse(data) {
        // It is shorter than a header, or of a class that does not exist.
        return Err(match starts(b"\x7fELF") || starts(b"MZ") {
            true => corrupt(error),
            false => FileError::NotAnObject,
        });
    }
    let file = File::parse(data).map_err(corrupt)?;
    let found = match file.kind() {
        ObjectKind::Executable | ObjectKind::Dynamic => None,
        ObjectKind::Relocatable => Some("an object file"),
        ObjectKind::Core => Some("a core dump"),
        _ => Some("an object of an unknown kind"),
    };
    if let Some(found) = found {
        return Err(FileError::Kind { found });
    }
    match unreasonable(&file) {
        Some(reason) => Err(FileError::Corrupt { reason }),
        None => Ok(file),
    }
}

/// Finds and reads the manifest of a file that was opened.
///
/// # Errors
///
/// [`FileError`]: there is none, or it cannot be read.
pub(crate) fn manifest<'a>(file: &File<'a, impl ReadRef<'a>>) -> Result<Manifest, FileError> {
    let mut any = false;
    let mut other = None;
    for section in file.sections() {
        any = true;
        let Ok(name) = section.name() else {
            continue;
        };
        if name == PE {
            return read(&section);
        }
        let Some(abi) = name.strip_prefix(ELF).or(name.strip_prefix(MACHO)) else {
            continue;
        };
        if abi == ABI {
            return match read(&section) {
                Err(FileError::Manifest(ParseError::NoCompiler)) if needs_std(file) => {
                    let libraries = needed::libraries(file).filter(|name| !needed::is_std(name));
                    Err(FileError::Dylib {
                        libraries: libraries.collect(),
                    })
                }
                result => result,
            };
        }
        if abi.len() < 10 && abi.bytes().all(|digit| digit.is_ascii_digit()) {
            other = Some(abi.to_owned());
        }
    }
    match other {
        Some(found) => Err(FileError::OtherAbi { found }),
        None if any => Err(FileError::NoManifest),
        None => Err(FileError::NoSections),
    }
}

/// Why a file's sections are too many to be looked at; `None` where they are not.
fn unreasonable<'a>(file: &File<'a, impl ReadRef<'a>>) -> Option<String> {
    let names = match file {
        File::Elf32(file) => names(file),
        File::Elf64(file) => names(file),
        _ => 0,
    };
    if names > LONGEST_NAMES {
        return Some(format!("the names of its sections take {names} bytes"));
    }
    let sections = file.sections().take(MOST_SECTIONS + 1).count();
    (sections > MOST_SECTIONS).then(|| format!("it has more than {MOST_SECTIONS} sections"))
}

/// How many bytes the names of an ELF file's sections take.
fn names<'a, Elf: FileHeader<Endian = Endianness>>(
    file: &ElfFile<'a, Elf, impl ReadRef<'a>>,
) -> u64 {
    let endian = file.endian();
    let index = file.elf_header().shstrndx(endian, file.data());
    let table = file.elf_section_table();
    let section = index
        .ok()
        .and_then(|index| table.section(SectionIndex(index as usize)).ok());
    section.map_or(0, |section| section.sh_size(endian).into())
}

/// Whether a file takes std from a shared library.
fn needs_std<'a>(file: &File<'a, impl ReadRef<'a>>) -> bool {
    needed::std_copy(file) != StdCopy::Own
}

fn read<'a>(section: &impl ObjectSection<'a>) -> Result<Manifest, FileError> {
    let bytes = section.data().map_err(corrupt)?;
    Manifest::parse(bytes).map_err(FileError::Manifest)
}
