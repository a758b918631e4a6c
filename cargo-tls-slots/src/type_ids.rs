//! `RUSTC_WRAPPER=cargo-tls-slots`: ids of types that do not depend on how a crate is optimised.
//!
//! # The problem
//!
//! A `TypeId` is made from the id of the type's crate, and cargo hashes into that id what changes
//! no type: `opt-level`, debug info, LTO, the folder of a fork. So a host and a module with other
//! settings do not find each other's types in an `Any`.
//!
//! # The way
//!
//! cargo runs this command in place of rustc, and the command runs rustc with another
//! `-C metadata`: a digest of what the crate's types are made from. That is, of the crate itself
//!
//! | crate | is known by |
//! | --- | --- |
//! | a fork | the digests of its files, if the folder is as `fork` has made it |
//! | of a registry | name and version |
//! | any other | the `-C metadata` of cargo, which stays as it is |
//!
//! and of its cfgs (features are some), its edition, its `-Z` flags, the panic strategy, debug
//! assertions, and these same digests of all crates that it uses. So where the digests are equal,
//! the types are: cargo's own ids ignore the cfgs of `RUSTFLAGS`, and these do not.
//!
//! Each crate's digest is written beside what rustc makes of it, for the crates that use it. It is
//! written before rustc runs, because cargo starts those crates when rustc is half done.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::{digest, fork};

/// The ending of the files that have digests.
const ENDING: &str = "tls-slots-id";

/// What rustc is asked to do, as far as it matters here.
#[derive(Debug, Default)]
struct Call {
    /// The crate's name, as paths have it.
    name: String,
    /// Each `--crate-type`.
    kinds: Vec<String>,
    /// The folder that rustc writes into.
    out: PathBuf,
    /// What the names of files end in, before the dot: `-C extra-filename`.
    extra: String,
    /// cargo's own id of the crate. Without: rustc is only asked something.
    metadata: Option<String>,
    /// The files of the crates that it uses.
    externs: Vec<PathBuf>,
    /// Cfgs, the edition, `-Z` flags.
    settings: Vec<String>,
    /// Whether it is optimised: then debug assertions are off, unless a flag says otherwise.
    optimised: bool,
    /// As a flag says.
    debug_assertions: Option<bool>,
    /// The panic strategy, as a flag says.
    panic: Option<String>,
}

impl Call {
    /// Reads the arguments of rustc. An option and its value are two arguments or one: cargo writes
    /// `-C opt-level=1` and `--edition=2024`, and people write `-Copt-level=1` into `RUSTFLAGS`.
    fn new(arguments: &[String]) -> Self {
        let mut call = Call::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let (option, value) = match argument.as_str() {
                "-C" | "-Z" | "--cfg" | "--codegen" | "--crate-name" | "--crate-type"
                | "--edition" | "--extern" | "--out-dir" => (
                    argument.as_str(),
                    arguments.next().map_or("", |value| value),
                ),
                text => match text.get(..2) {
                    Some(option @ ("-C" | "-Z")) => (option, &text[2..]),
                    _ => text.split_once('=').unwrap_or((text, "")),
                },
            };
            call.take(option, value);
        }
        call.settings.sort();
        call
    }

    /// Takes an option with its value. Of two that say the same thing, rustc obeys the last one.
    fn take(&mut self, option: &str, value: &str) {
        match option {
            "--crate-name" => value.clone_into(&mut self.name),
            "--crate-type" => self.kinds.push(value.to_owned()),
            "--out-dir" => self.out = value.into(),
            "--extern" => self
                .externs
                .extend(value.split_once('=').map(|(_, file)| PathBuf::from(file))),
            "--cfg" | "--edition" | "-Z" => self.settings.push(format!("{option} {value}")),
            "-O" => self.optimised = true,
            "-C" | "--codegen" => match value.split_once('=').unwrap_or((value, "")) {
                ("metadata", id) => self.metadata = Some(id.to_owned()),
                ("extra-filename", extra) => extra.clone_into(&mut self.extra),
                ("opt-level", level) => self.optimised = level != "0",
                ("debug-assertions", value) => {
                    self.debug_assertions = Some(!["off", "no", "n", "false"].contains(&value));
                }
                ("panic", strategy) => self.panic = Some(strategy.to_owned()),
                _ => {}
            },
            _ => {}
        }
    }

    /// The digest of what the crate's types are made from. `itself` stands for the crate's own
    /// contents.
    ///
    /// # Errors
    ///
    /// A crate that this one uses has no digest: another rustc has compiled it.
    fn digest(&self, itself: &str) -> io::Result<String> {
        let mut used = Vec::new();
        for file in &self.externs {
            let stem = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
            let stem = stem.strip_prefix("lib").unwrap_or(stem);
            let id = file.with_file_name(format!("{stem}.{ENDING}"));
            let text = fs::read_to_string(&id).map_err(|error| {
                let file = file.display();
                let words = format!(
                    "{file} was compiled without this RUSTC_WRAPPER; build in another target \
                     folder, or `cargo clean` ({error})"
                );
                io::Error::new(error.kind(), words)
            })?;
            used.push(text);
        }
        used.sort();
        let debug_assertions = self.debug_assertions.unwrap_or(!self.optimised);
        let panic = self.panic.as_deref().unwrap_or("unwind");
        let flags = format!("debug assertions {debug_assertions}, panic {panic}");
        let lines = [&self.name, itself, &flags].into_iter();
        let lines = lines.chain(self.settings.iter().chain(&used).map(String::as_str));
        Ok(digest::of_files(lines.map(|line| (line, &[][..]))))
    }
}

/// What a package's contents are known by, if they are known. `folder` is the package's.
fn contents(folder: &Path, name: &str, version: &str) -> Option<String> {
    if let Some(files) = fork::digest_of(folder) {
        return Some(files);
    }
    // A registry's package is unpacked beside the first file, and vendored beside the second. A
    // git repository has the first as well.
    let is_unpacked = folder.join(".cargo-ok").exists() && !folder.join(".git").exists();
    let of_registry = is_unpacked || folder.join(".cargo-checksum.json").exists();
    of_registry.then(|| format!("{name} {version}"))
}

/// Runs rustc, if that is what the arguments say, and returns its exit status: cargo has started
/// this command as a `RUSTC_WRAPPER`.
pub(crate) fn wrapped(arguments: &[OsString]) -> Option<ExitCode> {
    let rustc = Path::new(arguments.get(1)?);
    // `cargo clippy` starts the second one, with the path of rustc behind it.
    let is_rustc = ["rustc", "clippy-driver"]
        .iter()
        .any(|name| rustc.file_stem() == Some(OsStr::new(name)));
    if !is_rustc {
        return None;
    }
    let done = run(rustc, &arguments[2..]);
    Some(done.unwrap_or_else(|error| {
        eprintln!("error: {}: {error}", rustc.display());
        ExitCode::FAILURE
    }))
}

/// Writes the crate's digest, and runs rustc with the digest as the crate's id.
///
/// Programs, `cdylib`s and macros keep the id that cargo gives: nobody else has their types.
fn run(rustc: &Path, arguments: &[OsString]) -> io::Result<ExitCode> {
    let texts: Option<Vec<String>> = arguments
        .iter()
        .map(|argument| argument.to_str().map(str::to_owned))
        .collect();
    let mut texts = texts.ok_or_else(|| io::Error::other("an argument is no text"))?;
    let call = Call::new(&texts);
    if let Some(metadata) = &call.metadata {
        let variable = |name| env::var(name).unwrap_or_default();
        let known = contents(
            Path::new(&variable("CARGO_MANIFEST_DIR")),
            &variable("CARGO_PKG_NAME"),
            &variable("CARGO_PKG_VERSION"),
        );
        let id = call.digest(known.as_deref().unwrap_or(metadata))?;
        let file = format!("{}{}.{ENDING}", call.name, call.extra);
        fs::write(call.out.join(file), &id)?;
        if known.is_some()
            && call
                .kinds
                .iter()
                .all(|kind| kind == "lib" || kind == "rlib")
        {
            let old = format!("metadata={metadata}");
            for text in texts.iter_mut().filter(|text| text.ends_with(&old)) {
                *text = text.replace(&old, &format!("metadata={}", &id[..16]));
            }
        }
    }
    let status = Command::new(rustc).args(texts).status()?;
    // If a signal has ended it, there is no code.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_no_call_of_rustc() {
        for arguments in [
            &["cargo-tls-slots"][..],
            &["cargo-tls-slots", "check", "rustc"],
        ] {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            assert!(wrapped(&arguments).is_none());
        }
    }

    /// A call of rustc, as cargo makes it.
    fn call(more: &[&str]) -> Call {
        let text = "--crate-name one --edition=2021 src/lib.rs --crate-type lib -C opt-level=1 \
                    --cfg feature=\"std\" -C metadata=07 -C extra-filename=-08 --out-dir target";
        let arguments = text.split_whitespace().chain(more.iter().copied());
        Call::new(&arguments.map(str::to_owned).collect::<Vec<_>>())
    }

    fn id(more: &[&str]) -> String {
        call(more).digest("one 1.0.0").expect("nothing is used")
    }

    #[test]
    fn what_changes_no_type_is_not_in_a_digest() {
        let plain = call(&[]);
        assert_eq!((plain.name.as_str(), plain.extra.as_str()), ("one", "-08"));
        assert_eq!(
            (plain.metadata.as_deref(), plain.kinds.len()),
            (Some("07"), 1)
        );
        for same in [
            "-Copt-level=3",
            "-Cdebug-assertions=off",
            "-Clto=fat",
            "-Cpanic=unwind",
        ] {
            assert_eq!(id(&[same]), id(&[]), "{same}");
        }
        for other in [
            "--cfg=more",
            "-Zrandomize-layout",
            "-Cdebug-assertions=on",
            "-Copt-level=0",
            "-Cpanic=abort",
        ] {
            assert_ne!(id(&[other]), id(&[]), "{other}");
        }
        assert_ne!(
            call(&[]).digest("one 1.0.1").expect("nothing is used"),
            id(&[])
        );
    }

    #[test]
    fn what_a_crate_uses_is_in_its_digest() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("libtwo-09.rmeta");
        let using = call(&["--extern", &format!("two={}", file.display())]);
        let error = using.digest("one 1.0.0").expect_err("it has no digest");
        assert!(error.to_string().contains("without this RUSTC_WRAPPER"));
        let digest_with = |id| {
            fs::write(folder.path().join("two-09.tls-slots-id"), id).expect("a file");
            using.digest("one 1.0.0").expect("it has a digest")
        };
        assert_ne!(digest_with("a"), digest_with("b"));
    }
}
