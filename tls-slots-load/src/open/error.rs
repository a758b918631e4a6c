//! Why a module is not loaded, or does not give what it is asked for: a variant for each step that
//! can fail.
//!
//! Every text is one sentence about this step, which names the file; what the system or another crate
//! said is the [`source`](std::error::Error::source). A [`Mismatch`] is the exception: it is a table.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use tls_slots_manifest::{Mismatch, ParseError};

/// Why a module could not be loaded, or an entry or symbol not be given.
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
    /// The program that calls cannot load modules, whatever the file.
    Host {
        /// What is missing in it.
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
        /// The file, or with [`LoadOptions::private`](crate::LoadOptions::private) a folder above it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path leads to a folder, a pipe, a device.
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// The file or a folder above it can be changed by others, and the options forbid that.
    Writable {
        /// The file.
        path: PathBuf,
        /// What can be changed: the file, or a folder on the way to it.
        writable: PathBuf,
        /// By whom.
        by: String,
    },
    /// The file has another SHA-256 than the options pin.
    Digest {
        /// The file.
        path: PathBuf,
        /// The one in the options.
        pinned: [u8; 32],
        /// The file's.
        found: [u8; 32],
    },
    /// The file is no shared object of this system.
    NotShared {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// The file was built for another kind of machine.
    Architecture {
        /// The file.
        path: PathBuf,
        /// The host's.
        host: String,
        /// The file's.
        module: String,
    },
    /// The file is cut off, or its headers contradict each other.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file contains the host's half, which belongs into the program only.
    ContainsHost {
        /// The file.
        path: PathBuf,
        /// A symbol that it defines.
        symbol: String,
    },
    /// The file has no manifest: it is no module of ours.
    NoManifest {
        /// The file.
        path: PathBuf,
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
    /// The check that the host gave to [`LoadOptions::verify`](crate::LoadOptions::verify) said no.
    Rejected {
        /// The file.
        path: PathBuf,
        /// What that check said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// No copy of the file could be made to load from.
    Copy {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An image of that path is loaded already, and not from the file that was checked.
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
    /// The file was opened, and this host's registry refused it. Its keys are not connected.
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file was opened, and did not present itself to this host's registry.
    NotRegistered {
        /// The file.
        path: PathBuf,
    },
    /// The module has no entry of that name.
    NoEntry {
        /// The module's file.
        path: PathBuf,
        /// The name.
        name: String,
        /// The entries that there are.
        entries: Vec<String>,
    },
    /// The module exports no symbol of that name.
    NoSymbol {
        /// The module's file.
        path: PathBuf,
        /// The name.
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
    /// The entry has another signature.
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
}

/// Why a program cannot load modules.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostProblem {
    /// The executable does not export what modules need.
    NotExported {
        /// A symbol that is missing.
        symbol: String,
    },
    /// The symbols belong to another copy of `tls-slots` than the one that was called.
    OtherHost {
        /// The file of the one that exports them, where the system tells.
        file: Option<String>,
    },
    /// The program has its C library linked in, and a module would bring another.
    Static,
    /// The program has no manifest of its own.
    Manifest {
        /// What is wrong with it.
        source: ParseError,
    },
}

impl fmt::Display for HostProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotExported { symbol } => write!(
                f,
                "the executable does not export `{symbol}`; call `tls_slots_build::host()` in the \
                 `build.rs` of the package whose executable this is"
            ),
            Self::OtherHost { file } => {
                f.write_str("there is another host in this process")?;
                if let Some(file) = file {
                    write!(f, ", {file}")?;
                }
                f.write_str(
                    ", and a process has one; let that one load the modules, and make this library a \
                     module, without a dependency on `tls-slots`",
                )
            }
            Self::Static => f.write_str(
                "it is linked statically, and a module would bring a second C library; build it \
                 without `-C target-feature=+crt-static`",
            ),
            Self::Manifest { .. } => {
                f.write_str("its own manifest cannot be read; build it again, and do not pack it")
            }
        }
    }
}

/// Hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl LoadError {
    /// The file that it is about; none for [`LoadError::Host`].
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Host { .. } => None,
            Self::NotFound { path, .. }
            | Self::Read { path, .. }
            | Self::NotAFile { path, .. }
            | Self::Writable { path, .. }
            | Self::Digest { path, .. }
            | Self::NotShared { path, .. }
            | Self::Architecture { path, .. }
            | Self::Corrupt { path, .. }
            | Self::ContainsHost { path, .. }
            | Self::NoManifest { path }
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
            | Self::Layout { path, .. } => Some(path),
        }
    }

    /// The sentence, for a path that is written as `at`.
    fn say(&self, f: &mut fmt::Formatter<'_>, at: &dyn fmt::Display) -> fmt::Result {
        match self {
            Self::Host { problem } => write!(f, "this program cannot load modules: {problem}"),
            Self::NotFound { .. } => write!(f, "there is no module {at}"),
            Self::Read { .. } => write!(f, "{at} cannot be read"),
            Self::NotAFile { what, .. } => write!(f, "{at} is {what}, not a module's file"),
            Self::Writable { writable, by, .. } => write!(
                f,
                "module {at} is not loaded, because {} may be changed by {by}; give it to root or to \
                 this process's user, and let nobody else write to it (`chmod go-w`)",
                writable.display()
            ),
            Self::Digest { pinned, found, .. } => write!(
                f,
                "module {at} has the SHA-256 {} and {} is pinned; give the file that was meant, or pin \
                 the new one",
                Hex(found),
                Hex(pinned)
            ),
            Self::NotShared { what, .. } => write!(
                f,
                "{at} is {what}, and a module is a shared object: what cargo makes of a library with \
                 `crate-type = [\"cdylib\"]`"
            ),
            Self::Architecture { host, module, .. } => write!(
                f,
                "module {at} was built for {module} and this host for {host}; build both for the same \
                 target"
            ),
            Self::Corrupt { reason, .. } => write!(
                f,
                "module {at} is cut off or damaged: {reason}; build it or copy it again"
            ),
            Self::ContainsHost { symbol, .. } => write!(
                f,
                "module {at} contains the host's half, as it defines `{symbol}`; take `tls-slots` out of \
                 its dependencies (under `[dev-dependencies]` it does no harm)"
            ),
            Self::NoManifest { .. } => write!(
                f,
                "{at} is a shared object but no module, as it has no manifest; a module depends on \
                 tokio with the feature `external-tls`, made by `cargo tls-slots fork`"
            ),
            Self::Manifest { .. } => write!(
                f,
                "the manifest of module {at} cannot be read; build it or copy it again"
            ),
            Self::Abi { module, .. } => write!(
                f,
                "module {at} was built for version {module} of the interface between modules and hosts, \
                 and this host for version 1; build both with the same version of tls-slots"
            ),
            Self::Mismatch { source, .. } => write!(f, "module {at} is not loaded: {source}"),
            Self::Rejected { .. } => write!(f, "this host's own check rejected module {at}"),
            Self::Copy { .. } => write!(
                f,
                "no private copy of module {at} could be made to load it from; see \
                 `LoadOptions::source` for other ways"
            ),
            Self::Replaced { .. } => write!(
                f,
                "module {at} cannot be opened by its own path, as an image of that path is loaded \
                 already, by other means or from another build; load it with `Source::Copy`"
            ),
            Self::Open { .. } => write!(f, "the system cannot open module {at}"),
            Self::Refused { reason, .. } => write!(f, "this host refused module {at}: {reason}"),
            Self::NotRegistered { .. } => write!(
                f,
                "module {at} was opened but did not register with this host; build both with the same \
                 version of tls-slots"
            ),
            Self::NoEntry { name, entries, .. } => {
                write!(f, "module {at} has no entry `{name}`; ")?;
                match entries.as_slice() {
                    [] => f.write_str("it has none at all: mark the function `#[tokio::module]`"),
                    [one] => write!(f, "it has `{one}` only"),
                    [first, more @ ..] => {
                        write!(f, "it has `{first}`")?;
                        more.iter().try_for_each(|entry| write!(f, ", `{entry}`"))
                    }
                }
            }
            Self::NoSymbol { name, .. } => write!(
                f,
                "module {at} exports no symbol `{name}`; mark it `#[unsafe(no_mangle)]` and `pub`"
            ),
            Self::Kind { name, is_async, .. } => {
                let (is, other) = match is_async {
                    true => ("an `async fn`", "Module::entry"),
                    false => ("a `fn`", "Module::function"),
                };
                write!(
                    f,
                    "entry `{name}` of module {at} is {is}; ask for it with `{other}`"
                )
            }
            Self::Signature {
                name, host, module, ..
            } => write!(
                f,
                "the host asks for entry `{name}` as `{host}`, module {at} has it as `{module}`; make \
                 the two agree"
            ),
            Self::Layout {
                name, signature, ..
            } => write!(
                f,
                "entry `{name}` of module {at} is `{signature}` as the host expects, but a type in it has \
                 another size there; build both with the same versions and features of the crates \
                 that define these types"
            ),
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(path) => self.say(f, &path.display()),
            None => self.say(f, &""),
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
            // Past libloading's own text, "dlopen failed", to what the system said.
            Self::Open { source, .. } | Self::NoSymbol { source, .. } => {
                Some(source.source().unwrap_or(source))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io;
    use std::path::PathBuf;

    use tls_slots_manifest::{Manifest, Mismatch, ParseError, compare};

    use super::{HostProblem, LoadError};

    /// An error and what caused it, one line each.
    fn told(error: &dyn Error) -> String {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text += &format!("\n  caused by: {cause}");
            source = cause.source();
        }
        text
    }

    fn path() -> PathBuf {
        PathBuf::from("/srv/libsite.so")
    }

    /// An error of the system's loader.
    fn system() -> libloading::Error {
        let error = c"libx.so.1: cannot open shared object file: No such file or directory";
        libloading::Error::DlOpen {
            source: error.into(),
        }
    }

    fn manifest_error() -> ParseError {
        Manifest::parse(&[0; 8]).expect_err("there is nothing in it")
    }

    /// Of a host that differs from this program in two points.
    fn mismatch() -> Mismatch {
        let mut host = tls_slots::manifest().expect("a test is a host").clone();
        host.keys.clear();
        let mut module = host.clone();
        for (manifest, commit, debug_assertions) in
            [(&mut host, "1111", true), (&mut module, "2222", false)]
        {
            manifest.compiler.rustc = "rustc 1.95.0".to_owned();
            manifest.compiler.commit = commit.to_owned();
            manifest.compiler.debug_assertions = debug_assertions;
        }
        compare(&host, &module).expect_err("they differ")
    }

    fn all() -> Vec<LoadError> {
        let host = |problem| LoadError::Host { problem };
        let name = || "render".to_owned();
        vec![
            host(HostProblem::NotExported {
                symbol: "tls_slots_register_v1".to_owned(),
            }),
            host(HostProblem::OtherHost {
                file: Some("/srv/site".to_owned()),
            }),
            host(HostProblem::OtherHost { file: None }),
            host(HostProblem::Static),
            host(HostProblem::Manifest {
                source: manifest_error(),
            }),
            LoadError::NotFound {
                path: path(),
                source: io::ErrorKind::NotFound.into(),
            },
            LoadError::Read {
                path: path(),
                source: io::ErrorKind::PermissionDenied.into(),
            },
            LoadError::NotAFile {
                path: path(),
                what: "a folder",
            },
            LoadError::Writable {
                path: path(),
                writable: "/srv".into(),
                by: "everybody".to_owned(),
            },
            LoadError::Digest {
                path: path(),
                pinned: [0xAB; 32],
                found: [0x01; 32],
            },
            LoadError::NotShared {
                path: path(),
                what: "a script".to_owned(),
            },
            LoadError::Architecture {
                path: path(),
                host: "x86_64".to_owned(),
                module: "aarch64".to_owned(),
            },
            LoadError::Corrupt {
                path: path(),
                reason: "a segment lies beyond the end of the file".to_owned(),
            },
            LoadError::ContainsHost {
                path: path(),
                symbol: "tls_slots_register_v1".to_owned(),
            },
            LoadError::NoManifest { path: path() },
            LoadError::Manifest {
                path: path(),
                source: manifest_error(),
            },
            LoadError::Abi {
                path: path(),
                module: "2".to_owned(),
            },
            LoadError::Mismatch {
                path: path(),
                source: mismatch(),
            },
            LoadError::Rejected {
                path: path(),
                source: "the signature is not ours".into(),
            },
            LoadError::Copy {
                path: path(),
                source: io::ErrorKind::StorageFull.into(),
            },
            LoadError::Replaced { path: path() },
            LoadError::Open {
                path: path(),
                source: system(),
            },
            LoadError::Refused {
                path: path(),
                reason: "a reason".to_owned(),
            },
            LoadError::NotRegistered { path: path() },
            LoadError::NoEntry {
                path: path(),
                name: name(),
                entries: Vec::new(),
            },
            LoadError::NoEntry {
                path: path(),
                name: name(),
                entries: vec!["draw".to_owned()],
            },
            LoadError::NoEntry {
                path: path(),
                name: name(),
                entries: vec!["draw".to_owned(), "paint".to_owned(), "print".to_owned()],
            },
            LoadError::NoSymbol {
                path: path(),
                name: name(),
                source: system(),
            },
            LoadError::Kind {
                path: path(),
                name: name(),
                is_async: true,
            },
            LoadError::Kind {
                path: path(),
                name: name(),
                is_async: false,
            },
            LoadError::Signature {
                path: path(),
                name: name(),
                host: "fn(u32) -> u64",
                module: "fn(u64) -> u64".to_owned(),
            },
            LoadError::Layout {
                path: path(),
                name: name(),
                signature: "fn(site::Page)",
            },
        ]
    }

    #[test]
    fn every_error_is_a_sentence_that_names_the_file() {
        let all = all();
        for error in &all {
            let text = error.to_string();
            assert_eq!(
                error.path().is_some(),
                text.contains("/srv/libsite.so"),
                "{text}"
            );
            // One sentence, but for the table.
            let sentence = !text.ends_with(['.', '\n', ' ']) && !text.contains('\n');
            let table = matches!(error, LoadError::Mismatch { .. });
            assert_ne!(sentence, table, "{text}");
        }
        let told: Vec<_> = all.iter().map(|error| told(error)).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
