//! The steps of an audit: from a file to its state, with a verdict for each.
//!
//! 1. The bytes become an object file, which must be a program or a shared library.
//! 2. The writable sections say how much there is to account for.
//! 3. The symbols in them say what it is.
//! 4. The manifest says which crates are forks, and paths of sources which packages there are.
//! 5. Each symbol gets a crate and a verdict.
//!
//! How many of the bytes have a name is part of the result. The rest is padding, and symbols that
//! the linker left out.

use std::fs;
use std::path::Path;

use object::{Object as _, ObjectKind};
use tls_slots_manifest::Manifest;

use super::classify::{Facts, classify};
use super::error::Error;
use super::known::Known;
use super::packages::Packages;
use super::recipes::Recipes;
use super::state::{Audit, Kind};
use super::symbols::{sections, symbols};
use crate::inspect;

/// Audits a file: reads its symbols, and says what is known of the state that they stand for.
///
/// # Errors
///
/// - [`Error::Read`] if the file cannot be read.
/// - [`Error::Kind`] and [`Error::Object`] if it is no program or library, or a damaged one.
/// - [`Error::Stripped`] if it has no symbols. It is never an empty result.
/// - [`Error::Table`] and [`Error::Recipe`] if what this command carries is wrong.
///
/// # Examples
///
/// ```no_run
/// use cargo_tls_slots::audit::{Verdict, audit};
///
/// let found = audit("module/target/release/libmodule.so".as_ref())?;
/// assert!(!found.has(Verdict::Breaks), "{}", found.render());
/// # Ok::<(), cargo_tls_slots::audit::Error>(())
/// ```
pub fn audit(path: &Path) -> Result<Audit, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Read(path.to_owned(), source))?;
    if object::FileKind::parse(&*bytes).is_err() {
        return Err(Error::Kind(path.to_owned()));
    }
    let wrong = |source| Error::Object(path.to_owned(), source);
    let file = object::File::parse(&*bytes).map_err(wrong)?;
    if !matches!(file.kind(), ObjectKind::Dynamic | ObjectKind::Executable) {
        return Err(Error::Kind(path.to_owned()));
    }
    let sections = sections(&file);
    let total: u64 = sections
        .values()
        .filter(|(kind, _)| *kind != Kind::Key)
        .map(|(_, size)| *size)
        .sum();
    let symbols = symbols(&file, &sections);
    if symbols.is_empty() && total > 0 {
        return Err(Error::Stripped {
            path: path.to_owned(),
            bytes: total,
        });
    }
    // A file without a manifest has no forks. A crate that says `agree!` has a record, too.
    let mut records = Manifest::from_object(&bytes).map_or(Vec::new(), |manifest| manifest.crates);
    records.retain(|one| !one.checksum.is_empty());
    let facts = Facts {
        table: Known::table().map_err(Error::Table)?,
        recipes: Recipes::embedded().map_err(Error::Recipe)?,
        packages: Packages::read(&bytes),
        forked: records.into_iter().map(|one| one.lib).collect(),
        own: own_name(path),
    };
    let is_host = inspect::exports_host(&file).map_err(wrong)?;
    let named = symbols
        .iter()
        .filter(|symbol| symbol.kind != Kind::Key)
        .map(|symbol| symbol.size)
        .sum();
    Ok(Audit {
        path: path.to_owned(),
        is_host,
        bytes: total,
        named,
        crates: classify(symbols, &facts),
    })
}

/// The crate that a file is built from: cargo names the file after its target.
fn own_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let stem = stem.strip_prefix("lib").unwrap_or(&stem);
    stem.replace('-', "_")
}
