//! [`LoadError`]: a variant for each step that can fail.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use tls_slots_manifest::{Mismatch, ParseError, Unforked};

use super::host_problem::HostProblem;

/// Why a module was not loaded, or why it does not have an entry or a symbol that the host asked
/// for.
///
/// # Examples
///
/// ```
/// use tls_slots_load::{LoadError, Module};
///
/// // SAFETY: there is no such file.
/// let error = unsafe { Module::load("./libnothing.so") }.unwrap_err();
/// assert!(matches!(error, LoadError::NotFound { .. } | LoadError::Host { .. }));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// This program cannot load any module.
    Host {
        /// What the program lacks.
        problem: HostProblem,
    },
    /// There is no such file.
    NotFound {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be read.
    Read {
        /// The file, or with [`LoadOptions::private`](crate::LoadOptions::private) a folder above
        /// it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path leads to a folder, a pipe or a device.
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// The file has more bytes than the options allow
    /// ([`LoadOptions::max_size`](crate::LoadOptions::max_size)).
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How many bytes it has.
        size: u64,
        /// How many bytes the options allow.
        most: u64,
    },
    /// The file was written to while it was read.
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Others can change the file or a folder above it, and the options forbid that
    /// ([`LoadOptions::private`](crate::LoadOptions::private)).
    Writable {
        /// The file.
        path: PathBuf,
        /// What others can change: the file, or a folder above it.
        writable: PathBuf,
        /// Who can change it.
        by: String,
    },
    /// The file has another SHA-256 than the options expect.
    Digest {
        /// The file.
        path: PathBuf,
        /// The digest in the options ([`LoadOptions::sha256`](crate::LoadOptions::sha256)).
        expected: [u8; 32],
        /// The digest of the file.
        found: [u8; 32],
    },
    /// The file is no shared object of this system.
    NotShared {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// The file was built for another kind of machine.
    Architecture {
        /// The file.
        path: PathBuf,
        /// The host's machine.
        host: String,
        /// The file's machine.
        module: String,
    },
    /// The file is cut off, or its headers contradict each other.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file contains the host's half, `tls-slots`, which belongs only into the program.
    ContainsHost {
        /// The file.
        path: PathBuf,
        /// A symbol that it defines.
        symbol: String,
    },
    /// The file has no manifest, so it is no module.
    NoManifest {
        /// The file.
        path: PathBuf,
        /// The crates that the host shares and the file has for itself, if there are some: the file
        /// was meant as a module.
        unforked: Option<Unforked>,
    },
    /// The file's `tls-keys` is in a Rust `dylib` that the file needs, and not in the file.
    Dylib {
        /// The file.
        path: PathBuf,
        /// The libraries that the file needs, and one of which it is.
        libraries: Vec<String>,
    },
    /// The file's manifest cannot be read.
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ParseError,
    },
    /// The file was built for another version of the interface between modules and hosts.
    Abi {
        /// The file.
        path: PathBuf,
        /// The file's version.
        module: String,
    },
    /// The file's manifest does not fit the host's.
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Each difference, and what to do about it.
        source: Mismatch,
    },
    /// The host's own check ([`LoadOptions::verify`](crate::LoadOptions::verify)) refused the file.
    Rejected {
        /// The file.
        path: PathBuf,
        /// What that check said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// No private copy of the file could be made.
    Copy {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An image of that path is loaded already. The system would give that one, which may not be
    /// the file that was checked.
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// The system could not open the file.
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: libloading::Error,
    },
    /// The file was opened, and this host's registry refused it. Its keys do not resolve to the
    /// host's state.
    Refused {
        /// The file.
        path: PathBuf,
        /// Why it was refused.
        reason: String,
    },
    /// The file was opened, and did not register with this host.
    NotRegistered {
        /// The file.
        path: PathBuf,
    },
    /// The module has no entry of that name.
    NoEntry {
        /// The module's file.
        path: PathBuf,
        /// The name that was asked for.
        name: String,
        /// The names of the entries that the module has.
        entries: Vec<String>,
    },
    /// The module exports no symbol of that name.
    NoSymbol {
        /// The module's file.
        path: PathBuf,
        /// The name that was asked for.
        name: String,
        /// What the system said.
        source: libloading::Error,
    },
    /// The entry is an `async fn` and a `fn` was asked for, or the other way round.
    Kind {
        /// The module's file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// Whether the entry is an `async fn`.
        is_async: bool,
    },
    /// The entry has another signature than the host asked for.
    Signature {
        /// The module's file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// The signature that the host asked for.
        host: &'static str,
        /// The signature that the module has.
        module: String,
    },
    /// The entry's types have the same names but another layout.
    Layout {
        /// The module's file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// The signature.
        signature: &'static str,
    },
    /// The entry's types have the same names, sizes and alignments, but may be other types: the two
    /// sides have built a crate of theirs in different ways, and do not say from what.
    Types {
        /// The module's file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// The signature.
        signature: &'static str,
        /// The crate, by the name that paths have.
        package: String,
    },
}

impl LoadError {
    /// The file that the error is about. `None` for [`LoadError::Host`], which is about the
    /// program.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Host { .. } => None,
            Self::NotFound { path, .. }
            | Self::Read { path, .. }
            | Self::NotAFile { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Changed { path }
            | Self::Writable { path, .. }
            | Self::Digest { path, .. }
            | Self::NotShared { path, .. }
            | Self::Architecture { path, .. }
            | Self::Corrupt { path, .. }
            | Self::ContainsHost { path, .. }
            | Self::NoManifest { path, .. }
            | Self::Dylib { path, .. }
            | Self::Manifest { path, .. }
            | Self::Abi { path, .. }
            | Self::Mismatch { path, .. }
            | Self::Rejected { path, .. }
            | Self::Copy { path, .. }
            | Self::Replaced { path }
            | Self::Open { path, .. }
            | Self::Refused { path, .. }
            | Self::NotRegistered { path }
            | Self::NoEntry { path, .. }
            | Self::NoSymbol { path, .. }
            | Self::Kind { path, .. }
            | Self::Signature { path, .. }
            | Self::Layout { path, .. }
            | Self::Types { path, .. } => Some(path),
        }
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Host {
                problem: HostProblem::Manifest { source },
            } => Some(source),
            Self::NotFound { source, .. }
            | Self::Read { source, .. }
            | Self::Copy { source, .. } => Some(source),
            Self::Manifest { source, .. } => Some(source),
            Self::Rejected { source, .. } => Some(&**source),
            // What the system said. libloading's own text in between is "dlopen failed".
            Self::Open { source, .. } | Self::NoSymbol { source, .. } => {
                Some(source.source().unwrap_or(source))
            }
            _ => None,
        }
    }
}
