//! From a path to an image, or to a sentence about what is there instead.
//!
//! The manifest decides. If there is one, the rest of the file is only asked for what the manifest
//! does not tell: the architecture, whether it exports what modules need, and which std it has. If
//! there is none, the first 4,096 bytes tell what the file is instead. Most mistakes are such
//! files: a linker script, an `rlib`, the wrong line of a glob.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use object::{NameOrOrdinal, Object as _, ReadCache, ReadRef};
use tls_slots_manifest::{Bounded, Description, FileError, HostHalf};

use super::error::Error;
use super::image::Image;

/// The function that a module's constructor calls. Only a host exports it.
const REGISTER: &[u8] = HostHalf::REGISTERS.symbol.as_bytes();

/// Reads the manifest of a host or module.
///
/// This reads the section with the manifest, the file's headers and its table of exports. Nothing
/// is mapped for execution, and no code of the file runs.
///
/// # Errors
///
/// [`Error`] has a variant for each thing that the path can lead to instead.
///
/// # Examples
///
/// ```
/// let error = cargo_tls_slots::inspect::read("Cargo.toml".as_ref()).unwrap_err();
/// assert!(error.to_string().starts_with("Cargo.toml is a text file"));
/// ```
pub fn read(path: &Path) -> Result<Image, Error> {
    let mut file = open(path)?;
    let error = |source| Error::Read(path.to_owned(), source);
    let mut head = Vec::new();
    file.by_ref()
        .take(4096)
        .read_to_end(&mut head)
        .map_err(error)?;
    // Both of the next steps read what they need: a module may have a hundred megabytes of code.
    let description =
        Description::from_reader(&file).map_err(|source| refuse(path, &head, source))?;
    let corrupt = |source: object::Error| {
        let reason = source.to_string();
        Error::File(path.to_owned(), FileError::Corrupt { reason })
    };
    let data = ReadCache::new(file);
    let object = object::File::parse(Bounded(&data)).map_err(corrupt)?;
    Ok(Image {
        path: path.to_owned(),
        format: format(object.format()),
        architecture: format!("{:?}", object.architecture()).to_lowercase(),
        exports_host: exports_host(&object).map_err(corrupt)?,
        manifest: description.manifest,
        std: description.std,
    })
}

/// Whether a file exports what modules need.
///
/// # Errors
///
/// If the file's table of exports is damaged.
pub(crate) fn exports_host<'data>(
    object: &object::File<'data, impl ReadRef<'data>>,
) -> Result<bool, object::Error> {
    Ok(object.exports()?.any(|export| {
        let Ok(NameOrOrdinal::Name(name)) = export.as_ref().map(|export| export.name()) else {
            return false;
        };
        // Mach-O puts an underscore before each name.
        name.strip_prefix(b"_").unwrap_or(name) == REGISTER
    }))
}

/// Opens a file, and nothing else: opening a pipe would wait for a writer.
fn open(path: &Path) -> Result<File, Error> {
    let error = |source| Error::Read(path.to_owned(), source);
    let metadata = std::fs::metadata(path).map_err(error)?;
    if !metadata.is_file() {
        let what = match metadata.is_dir() {
            true => "a folder",
            false => "a pipe, a socket or a device",
        };
        let path = path.to_owned();
        return Err(Error::NotAFile { path, what });
    }
    File::open(path).map_err(error)
}

/// The error that tells most about a file without a manifest. `head` is the file's beginning.
fn refuse(path: &Path, head: &[u8], source: FileError) -> Error {
    let what = match source {
        FileError::NoManifest => return Error::NoManifest(path.to_owned()),
        FileError::NotAnObject if head.is_empty() => "an empty file",
        FileError::NotAnObject if !head.contains(&0) && std::str::from_utf8(head).is_ok() => {
            "a text file"
        }
        FileError::NotAnObject => "no ELF, Mach-O or PE file",
        FileError::Kind { found } => found,
        other => return Error::File(path.to_owned(), other),
    };
    let path = path.to_owned();
    Error::Kind { path, what }
}

/// The usual name of a format. What is neither Mach-O nor PE is ELF: the manifest was found in it.
fn format(format: object::BinaryFormat) -> &'static str {
    match format {
        object::BinaryFormat::MachO => "Mach-O",
        object::BinaryFormat::Pe => "PE",
        _ => "ELF",
    }
}
