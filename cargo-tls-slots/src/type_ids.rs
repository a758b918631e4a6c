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
//! | of a registry | name and version, if it is where cargo has unpacked it |
//! | any other, also a vendored one | the `-C metadata` of cargo, which stays as it is |
//! | one with a build script | also by the files in `OUT_DIR` and by the script's `rustc-env` |
//!
//! and of its cfgs (features are some), its edition, its `-Z` flags, `target-cpu` and
//! `target-feature`, the panic strategy, debug assertions, and these same digests of all crates
//! that it uses.
//!
//! So two crates with equal digests have the same sources, and the compiler evaluates the same
//! conditions in them. Their types are equal, unless the crate or a macro reads something else: a
//! variable by `option_env!`, a file outside of the package, what the CPU is behind
//! `target-cpu=native`. cargo's own ids ignore all of `RUSTFLAGS`.
//!
//! Each crate's digest is written beside what rustc makes of it, for the crates that use it. It is
//! written before rustc runs, because cargo starts those crates when rustc is half done.

use std::collections::BTreeMap;
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
    /// `target-cpu` and `target-feature`, in their order: the last one wins.
    target: Vec<String>,
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
                ("target-cpu" | "target-feature", _) => self.target.push(value.to_owned()),
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
        let more = self.settings.iter().chain(&self.target).chain(&used);
        let lines = lines.chain(more.map(String::as_str));
        Ok(digest::of_files(lines.map(|line| (line, &[][..]))))
    }
}

/// What a package's contents are known by, if they are known. `folder` is the package's, and `out`
/// is the `OUT_DIR` of its build script, if it has one.
fn contents(folder: &Path, name: &str, version: &str, out: Option<&Path>) -> Option<String> {
    let sources = fork::digest_of(folder).or_else(|| {
        // A copy of such a folder may have been edited.
        let package = format!("{name}-{version}");
        let cache = folder.parent()?.parent()?;
        let is_unpacked = cache.ends_with("registry/src")
            && folder.ends_with(package)
            && folder.join(".cargo-ok").exists();
        is_unpacked.then(|| format!("{name} {version}"))
    })?;
    match out {
        None => Some(sources),
        Some(out) => Some(format!("{sources} {}", made(out)?)),
    }
}

/// A digest of what a build script has made: the files in its `OUT_DIR`, and the variables that it
/// has set. `None` if they cannot be read.
fn made(out: &Path) -> Option<String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![out.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).ok()? {
            let path = entry.ok()?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside = path.strip_prefix(out).ok()?.to_str()?.to_owned();
                files.insert(inside, fs::read(path).ok()?);
            }
        }
    }
    // What the script has printed. cargo keeps it beside the folder.
    let printed = fs::read_to_string(out.with_file_name("output")).ok()?;
    let variables = printed.lines().filter(|line| {
        let line = line.strip_prefix("cargo:").unwrap_or_default();
        line.trim_start_matches(':').starts_with("rustc-env=")
    });
    let variables = variables.map(|line| (line, &[][..]));
    let files = files
        .iter()
        .map(|(path, bytes)| (path.as_str(), &bytes[..]));
    Some(digest::of_files(files.chain(variables)))
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
            env::var_os("OUT_DIR").as_deref().map(Path::new),
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
            "-Ctarget-cpu=x86-64-v3",
            "-Ctarget-feature=+aes",
        ] {
            assert_ne!(id(&[other]), id(&[]), "{other}");
        }
        let cpus = ["-Ctarget-cpu=x86-64-v2", "-Ctarget-cpu=x86-64-v3"];
        assert_ne!(id(&cpus), id(&[cpus[1], cpus[0]]), "the last one wins");
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

    /// A package `one` 1.0.0 in that folder, as cargo unpacks it.
    fn unpacked(folder: &Path) -> &Path {
        fs::create_dir_all(folder).expect("a folder");
        fs::write(folder.join(".cargo-ok"), "{}").expect("a file");
        folder
    }

    #[test]
    fn only_what_cargo_has_unpacked_is_of_a_registry() {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let of = |folder: &str| {
            let folder = temporary.path().join(folder);
            contents(unpacked(&folder), "one", "1.0.0", None)
        };
        let known = Some("one 1.0.0".to_owned());
        assert_eq!(of("registry/src/index-0a/one-1.0.0"), known);
        // Copies, which somebody may have edited.
        for copy in [
            "one-1.0.0",
            "vendor/one",
            "registry/src/one-1.0.0",
            "registry/src/index/one",
        ] {
            fs::create_dir_all(temporary.path().join(copy)).expect("a folder");
            let checksums = temporary.path().join(copy).join(".cargo-checksum.json");
            fs::write(checksums, "{}").expect("a file");
            assert_eq!(of(copy), None, "{copy}");
        }
        let half = temporary.path().join("registry/src/index/one-1.0.0");
        fs::create_dir_all(&half).expect("a folder");
        assert_eq!(contents(&half, "one", "1.0.0", None), None);
    }

    #[test]
    fn what_a_build_script_makes_is_in_a_digest() {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = temporary.path().join("registry/src/index/one-1.0.0");
        let out = temporary.path().join("one-0a/out");
        fs::create_dir_all(out.join("more")).expect("a folder");
        let of = || contents(unpacked(&folder), "one", "1.0.0", Some(&out));
        assert_eq!(of(), None, "nobody knows what the script has printed");
        let print = |text: &str| fs::write(out.with_file_name("output"), text).expect("a file");
        print("cargo:rustc-link-search=/here\ncargo:rustc-env=LANES=4\n");
        let first = of().expect("it is known");
        assert_ne!(first, "one 1.0.0");
        print("cargo:rustc-link-search=/there\ncargo:rustc-env=LANES=4\n");
        assert_eq!(of(), Some(first.clone()));
        print("cargo::rustc-env=LANES=8\n");
        let other = of().expect("it is known");
        assert_ne!(other, first);
        fs::write(out.join("more/generated.rs"), "struct A;").expect("a file");
        assert_ne!(of(), Some(other));
    }
}
