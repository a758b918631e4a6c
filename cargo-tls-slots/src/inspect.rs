//! Reads what a host or module says about itself, from the file alone.
//!
//! Each image carries a *manifest*, plain bytes in a section of their own: see `tls-slots-manifest`. Only that
//! section and the file's tables are read, and nothing is loaded or run, so the file may be of
//! another architecture, and as large as it likes.
//!
//! What is no host or module can be many things, and each has a sentence of its own: see [`Error`].

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use object::{NameOrOrdinal, Object as _, ReadCache, ReadRef};
use serde_json::{Value, json};
use tls_slots_manifest::{FileError, Key, Manifest};

/// A host or module, as its file describes it.
#[derive(Clone, Debug)]
pub struct Image {
    /// The file.
    pub path: PathBuf,
    /// `ELF`, `Mach-O` or `PE`.
    pub format: &'static str,
    /// What the file's header says it is for, such as `x86_64`.
    pub architecture: String,
    /// Whether it exports the functions that modules need: whether it can be a host.
    pub exports_host: bool,
    /// What it says about itself.
    pub manifest: Manifest,
}

/// Why a file is no host and no module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be opened or read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// It is a folder, a pipe, a device.
    #[error("{path} is {what}, and a host or module is a file")]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// It is a file of another kind.
    #[error(
        "{path} is {what}; a host is a program, and a module a shared library \
         (`crate-type = [\"cdylib\"]`)"
    )]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// It is a program or shared library, but says nothing about itself.
    #[error(
        "{0} is not a host or module of ours: it has no manifest, so it was not built with a crate \
         that `cargo tls-slots fork` made, or not with its feature `external-tls`"
    )]
    NoManifest(PathBuf),
    /// It cannot be understood.
    #[error("{0} cannot be read as a host or module")]
    File(PathBuf, #[source] FileError),
}

impl Error {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Read(path, _) | Self::NoManifest(path) | Self::File(path, _) => path,
            Self::NotAFile { path, .. } | Self::Kind { path, .. } => path,
        }
    }
}

/// The symbol that a module's constructor calls, which tells a host from a module.
const REGISTER: &[u8] = b"tls_slots_register_v1";

/// Reads the manifest of a host or module.
///
/// # Errors
///
/// [`Error`] has a variant for each thing that a path can lead to instead.
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
    // Both read by need: a module may have a hundred megabytes of code, of which this wants none.
    let manifest = Manifest::from_reader(&file).map_err(|source| refuse(path, &head, source))?;
    let corrupt = |source: object::Error| {
        let reason = source.to_string();
        Error::File(path.to_owned(), FileError::Corrupt { reason })
    };
    let data = ReadCache::new(file);
    let object = object::File::parse(&data).map_err(corrupt)?;
    Ok(Image {
        path: path.to_owned(),
        format: format(object.format()),
        architecture: format!("{:?}", object.architecture()).to_lowercase(),
        exports_host: exports_host(&object).map_err(corrupt)?,
        manifest,
    })
}

/// Whether a file exports what modules need.
pub(crate) fn exports_host<'data>(
    object: &object::File<'data, impl ReadRef<'data>>,
) -> Result<bool, object::Error> {
    Ok(object.exports()?.any(|export| {
        let Ok(NameOrOrdinal::Name(name)) = export.as_ref().map(|export| export.name()) else {
            return false;
        };
        // Mach-O puts an underscore before it.
        name.strip_prefix(b"_").unwrap_or(name) == REGISTER
    }))
}

fn open(path: &Path) -> Result<File, Error> {
    let error = |source| Error::Read(path.to_owned(), source);
    // Before it is opened: opening a pipe waits for somebody who writes to it.
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

/// The most telling words for a file that gives no manifest; `head` is its beginning.
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

fn format(format: object::BinaryFormat) -> &'static str {
    match format {
        object::BinaryFormat::MachO => "Mach-O",
        object::BinaryFormat::Pe => "PE",
        _ => "ELF",
    }
}

impl Image {
    /// As a person reads it: a line for each fact, a table of the keys.
    pub fn render(&self) -> String {
        let manifest = &self.manifest;
        let compiler = &manifest.compiler;
        let mut text = format!("{}\n", self.path.display());
        let mut line = |what: &str, value: &str| {
            let _ = writeln!(text, "  {what:<17} {value}");
        };
        let role = match self.exports_host {
            true => "exports the host's state to modules",
            false => "a module",
        };
        line(
            "file",
            &format!("{} {}, {role}", self.format, self.architecture),
        );
        line("ABI", &manifest.abi.to_string());
        line("compiler", &compiler.rustc);
        line("commit", &compiler.commit);
        line("target", &compiler.target);
        line("panic", &compiler.panic);
        line("debug assertions", on(compiler.debug_assertions));
        line("order of fields", &hex(compiler.layout_probe));
        let allocator = match &manifest.allocator {
            None => "not told".to_owned(),
            Some(one) if one.forwards => format!("{}, by the host's", one.name),
            Some(one) => one.name.clone(),
        };
        line("allocator", &allocator);
        for one in &manifest.crates {
            let _ = writeln!(text, "\n{} {}", one.name, one.version);
            let mut line = |what: &str, value: &str| {
                let _ = writeln!(text, "  {what:<17} {value}");
            };
            line("checksum", &one.checksum);
            line("sources", &one.source);
            line("features", &list(one.enabled_features()));
            let cfgs = one.cfgs.iter().filter(|cfg| cfg.enabled);
            line("cfgs", &list(cfgs.map(|cfg| cfg.name.as_str())));
            let dependencies: Vec<String> = one
                .dependencies
                .iter()
                .filter(|dependency| dependency.enabled && !dependency.version.is_empty())
                .map(|dependency| format!("{} {}", dependency.name, dependency.version))
                .collect();
            line("dependencies", &list(dependencies.iter().map(|one| &**one)));
            let rows = one.types.iter().map(|one| {
                let [size, align] = [one.size, one.align].map(|number| number.to_string());
                [one.name.clone(), size, align, hex(one.fields)]
            });
            table(&mut text, ["type", "size", "align", "fields"], rows);
        }
        let rows = self.keys().into_iter().map(|key| {
            let path = format!(
                "{} {}: {}::{}",
                key.package, key.version, key.path, key.name
            );
            let [size, align] = [key.size, key.align].map(|number| number.to_string());
            [
                format!("{} {path}", key.kind),
                size,
                align,
                one_line(&key.type_text),
            ]
        });
        let _ = writeln!(text, "\nkeys");
        table(&mut text, ["key", "size", "align", "type"], rows);
        text
    }

    /// The keys in an order of their own: the linker's is nobody's.
    fn keys(&self) -> Vec<&Key> {
        let mut keys: Vec<&Key> = self.manifest.keys.iter().collect();
        keys.sort_by_key(|key| {
            (
                &key.package,
                &key.version,
                &key.path,
                &key.name,
                key.line,
                key.column,
            )
        });
        keys
    }

    /// The same as JSON.
    ///
    /// Hashes are strings of sixteen hexadecimal digits: a number of JSON need not hold 64 bits.
    pub fn json(&self) -> Value {
        let manifest = &self.manifest;
        let compiler = &manifest.compiler;
        let crates: Vec<Value> = manifest
            .crates
            .iter()
            .map(|one| {
                json!({
                    "name": one.name,
                    "version": one.version,
                    "checksum": one.checksum,
                    "source": one.source,
                    "features": one.features.iter().map(|feature| json!({
                        "name": feature.name,
                        "enabled": feature.enabled,
                        "group": feature.group,
                    })).collect::<Vec<_>>(),
                    "cfgs": one.cfgs.iter().map(|cfg| json!({
                        "name": cfg.name,
                        "enabled": cfg.enabled,
                    })).collect::<Vec<_>>(),
                    "dependencies": one.dependencies.iter().map(|dependency| json!({
                        "name": dependency.name,
                        "version": dependency.version,
                        "enabled": dependency.enabled,
                    })).collect::<Vec<_>>(),
                    "types": one.types.iter().map(|one| json!({
                        "name": one.name,
                        "size": one.size,
                        "align": one.align,
                        "fields": hex(one.fields),
                    })).collect::<Vec<_>>(),
                })
            })
            .collect();
        let keys: Vec<Value> = self
            .keys()
            .into_iter()
            .map(|key| {
                json!({
                    "kind": key.kind.to_string(),
                    "package": key.package,
                    "version": key.version,
                    "path": key.path,
                    "name": key.name,
                    "file": key.file,
                    "line": key.line,
                    "column": key.column,
                    "type": key.type_text,
                    "size": key.size,
                    "align": key.align,
                })
            })
            .collect();
        json!({
            "file": self.path.to_string_lossy(),
            "format": self.format,
            "architecture": self.architecture,
            "exports_host": self.exports_host,
            "abi": manifest.abi,
            "compiler": {
                "rustc": compiler.rustc,
                "commit": compiler.commit,
                "target": compiler.target,
                "panic": compiler.panic,
                "debug_assertions": compiler.debug_assertions,
                "layout_probe": hex(compiler.layout_probe),
            },
            "allocator": manifest.allocator.as_ref().map(|one| json!({
                "name": one.name,
                "forwards": one.forwards,
            })),
            "crates": crates,
            "keys": keys,
        })
    }
}

fn on(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}

/// A type may have been written over several lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Appends a table; numbers to the right. Nothing if there are no rows.
fn table(text: &mut String, head: [&str; 4], rows: impl Iterator<Item = [String; 4]>) {
    let rows: Vec<[String; 4]> = std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .collect();
    if rows.len() == 1 {
        return;
    }
    let width = |at: usize| {
        let widths = rows.iter().map(|row| row[at].chars().count());
        widths.max().unwrap_or_default()
    };
    let (a, b, c) = (width(0), width(1), width(2));
    for row in &rows {
        let _ = writeln!(
            text,
            "  {:a$}  {:>b$}  {:>c$}  {}",
            row[0], row[1], row[2], row[3]
        );
    }
}
