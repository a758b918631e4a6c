//! The files that are no modules of this host's, and what they come to.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_tls_slots::check;
use object::{Object, ObjectSection};

use crate::build::{BASE, Skipped, built, our_rustc};
use crate::told::{Told, expect_not_opened, is_root};

/// A file that is no module of this host's.
pub(crate) struct FileRow {
    /// What it is.
    pub(crate) what: &'static str,
    /// Makes it in a folder of its own, from a module that fits; `None` if that cannot be done
    /// here.
    pub(crate) make: fn(&Path, &Path) -> Option<PathBuf>,
    /// `check`'s word, and what it says.
    pub(crate) check: (&'static str, &'static str),
    /// The variant of `LoadError`, and what it says; `ok` if it loads.
    pub(crate) load: (&'static str, &'static str),
    pub(crate) past: Past,
}

/// What becomes of a file that is opened past the loader.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Past {
    /// The system refuses it.
    NotOpened,
    /// The registry refuses it, in the same words.
    Refused,
    /// It works.
    Works,
    /// It is opened, and is none of the registry's business.
    NotOurs,
    /// Not tried, for this reason.
    NotTried(&'static str),
}

pub(crate) const DAMAGED: Past =
    Past::NotTried("the system maps what is not there, and a signal may end it");

pub(crate) const FILES: &[FileRow] = &[
    FileRow {
        what: "a missing file",
        make: |folder, _| Some(folder.join("missing.so")),
        check: ("unreadable", "cannot read"),
        load: ("NotFound", "there is no module"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "a link to a missing file",
        make: |folder, _| {
            let link = folder.join("link.so");
            std::os::unix::fs::symlink("missing.so", &link).ok()?;
            Some(link)
        },
        check: ("unreadable", "cannot read"),
        load: ("NotFound", "there is no module"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "a file that may not be read",
        make: |folder, module| {
            let path = folder.join("module.so");
            fs::copy(module, &path).ok()?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).ok()?;
            Some(path)
        },
        check: ("unreadable", "cannot read"),
        load: ("Read", "cannot be read"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "a folder",
        make: |folder, _| Some(folder.to_owned()),
        check: ("unreadable", "is a folder"),
        load: ("NotAFile", "a folder"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "a pipe that nobody writes to",
        make: |folder, _| {
            let path = folder.join("pipe.so");
            let made = Command::new("mkfifo").arg(&path).status().ok()?;
            made.success().then_some(path)
        },
        check: ("unreadable", "is a pipe"),
        load: ("NotAFile", "a pipe"),
        past: Past::NotTried("`dlopen` waits for a writer"),
    },
    FileRow {
        what: "a device",
        make: |_, _| Some("/dev/zero".into()),
        check: ("unreadable", "a device"),
        load: ("NotAFile", "a device"),
        past: Past::NotTried("it has no end"),
    },
    FileRow {
        what: "an empty file",
        make: |folder, _| file(folder, b""),
        check: ("unreadable", "is an empty file"),
        load: ("NotShared", "empty"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "a text",
        make: |folder, _| {
            file(
                folder,
                "Not a module, \u{201c}but a text\u{201d}.\n".as_bytes(),
            )
        },
        check: ("unreadable", "is a text file"),
        load: ("NotShared", "text"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "a linker script, as `libc.so` is one",
        make: |folder, _| file(folder, b"/* GNU ld script */\nGROUP ( /lib/libc.so.6 )\n"),
        check: ("unreadable", "is a text file"),
        load: ("NotShared", "a linker script"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "bytes that mean nothing",
        make: |folder, _| file(folder, &[0, 1, 2, 3, 255, 254].repeat(1000)),
        check: ("unreadable", "is no ELF, Mach-O or PE file"),
        load: ("NotShared", "of no known format"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "a library of Rust's (an rlib)",
        make: |folder, _| rustc(folder, "rlib", "libforeign.rlib"),
        check: ("unreadable", "is a static library"),
        load: ("NotShared", "a static library"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "an object file",
        make: |folder, _| rustc(folder, "obj", "foreign.o"),
        check: ("unreadable", "is an object file"),
        load: ("NotShared", "an object file"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "a `cdylib` without any of ours",
        make: |folder, _| rustc(folder, "cdylib", "libforeign.so"),
        check: ("unreadable", "is not a host or module of ours"),
        load: ("NoManifest", "it has no manifest"),
        past: Past::NotOurs,
    },
    FileRow {
        what: "a program",
        make: |_, _| Some("/bin/true".into()),
        check: ("unreadable", "is not a host or module of ours"),
        load: ("NotShared", "an executable"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "the host itself",
        make: |_, _| built("compat_host", &BASE).ok(),
        check: ("refused", "contains the host's half"),
        load: ("NotShared", "an executable"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "libz",
        make: |_, _| system_library("libz.so.1"),
        check: ("unreadable", "is not a host or module of ours"),
        load: ("NoManifest", "it has no manifest"),
        past: Past::NotOurs,
    },
    FileRow {
        what: "libc",
        make: |_, _| system_library("libc.so.6"),
        check: ("unreadable", "is not a host or module of ours"),
        load: ("NoManifest", "it has no manifest"),
        past: Past::NotOurs,
    },
    FileRow {
        what: "a module for another processor, by its header",
        // `e_machine`: AArch64 here, and what this machine is not there.
        make: |folder, module| {
            let other: u16 = if cfg!(target_arch = "aarch64") {
                62
            } else {
                183
            };
            patched(folder, module, &[(18, &other.to_le_bytes())])
        },
        check: ("refused", "the host is built for"),
        load: ("Architecture", "build both for the same target"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "a module, cut off after 16 bytes",
        make: |folder, module| cut(folder, module, |_| 16),
        check: ("unreadable", "truncated or corrupt"),
        load: ("Corrupt", "cut off or damaged"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "a module, cut off after its header",
        make: |folder, module| cut(folder, module, |_| 64),
        check: ("unreadable", "truncated or corrupt"),
        load: ("Corrupt", "cut off or damaged"),
        past: Past::NotOpened,
    },
    FileRow {
        what: "a module, cut off in the middle",
        make: |folder, module| cut(folder, module, |length| length / 2),
        check: ("unreadable", "truncated or corrupt"),
        load: ("Corrupt", "cut off or damaged"),
        past: DAMAGED,
    },
    FileRow {
        what: "a module without its last byte",
        make: |folder, module| cut(folder, module, |length| length - 1),
        check: ("unreadable", "truncated or corrupt"),
        load: ("Corrupt", "cut off or damaged"),
        past: Past::Works,
    },
    FileRow {
        what: "a module without a table of sections",
        // `e_shoff`, then `e_shnum` and `e_shstrndx`.
        make: |folder, module| patched(folder, module, &[(40, &[0; 8]), (60, &[0; 4])]),
        check: ("unreadable", "no table of sections"),
        load: ("Corrupt", "no section headers"),
        past: Past::Works,
    },
    FileRow {
        what: "a module whose manifest was zeroed",
        make: |folder, module| {
            let (at, length) = manifest(module);
            patched(folder, module, &[(at, &vec![0; length])])
        },
        check: ("unreadable", "manifest"),
        load: ("Manifest", "cannot be read"),
        past: Past::Refused,
    },
    FileRow {
        what: "a module with a flipped byte where its manifest begins",
        make: |folder, module| flipped(folder, module, 0),
        check: ("unreadable", "there is no record at byte 0"),
        load: ("Manifest", "there is no record at byte 0"),
        past: Past::Refused,
    },
    FileRow {
        what: "a module with a flipped byte in the format's number",
        make: |folder, module| flipped(folder, module, 9),
        check: ("unreadable", "record of format"),
        load: ("Manifest", "record of format"),
        past: Past::Refused,
    },
    FileRow {
        what: "a module with a flipped byte in a record's length",
        make: |folder, module| flipped(folder, module, 15),
        check: ("unreadable", "is cut off at byte"),
        load: ("Manifest", "is cut off at byte"),
        past: Past::Refused,
    },
    FileRow {
        what: "a module whose manifest names another rustc",
        make: |folder, module| renamed(folder, module, "rustc 1.", "rustc 0."),
        check: ("refused", "compiler"),
        load: ("Mismatch", "Build both with the same compiler."),
        past: Past::Refused,
    },
    FileRow {
        what: "a module whose manifest names another commit of rustc",
        make: |folder, module| {
            let output = Command::new(our_rustc()).arg("-vV").output().ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            let mut lines = text.lines();
            let commit = lines.find_map(|line| line.strip_prefix("commit-hash: "))?;
            renamed(folder, module, commit, &commit.replace('0', "1"))
        },
        check: ("refused", "commit of the compiler"),
        load: ("Mismatch", "Build both with the same compiler."),
        past: Past::Refused,
    },
    FileRow {
        what: "a module whose manifest names another target",
        make: |folder, module| renamed(folder, module, "-linux-gnu", "-linux-new"),
        check: ("refused", "target"),
        load: ("Mismatch", "Build the module for"),
        past: Past::Refused,
    },
];

pub(crate) fn file(folder: &Path, content: &[u8]) -> Option<PathBuf> {
    let path = folder.join("module.so");
    fs::write(&path, content).ok()?;
    Some(path)
}

/// A copy with another text, as long as the old one, in its manifest.
pub(crate) fn renamed(folder: &Path, module: &Path, from: &str, to: &str) -> Option<PathBuf> {
    assert_eq!(from.len(), to.len());
    let bytes = fs::read(module).ok()?;
    let (start, length) = manifest(module);
    let section = &bytes[start as usize..][..length];
    let mut windows = section.windows(from.len());
    let at = windows.position(|bytes| bytes == from.as_bytes())?;
    patched(folder, module, &[(start + at as u64, to.as_bytes())])
}

/// A copy with other bytes at these offsets.
pub(crate) fn patched(folder: &Path, module: &Path, patches: &[(u64, &[u8])]) -> Option<PathBuf> {
    let path = folder.join("module.so");
    fs::copy(module, &path).ok()?;
    let file = fs::File::options().write(true).open(&path).ok()?;
    for (at, bytes) in patches {
        file.write_all_at(bytes, *at).ok()?;
    }
    Some(path)
}

pub(crate) fn flipped(folder: &Path, module: &Path, at: u64) -> Option<PathBuf> {
    let (start, _) = manifest(module);
    let byte = fs::read(module).ok()?[(start + at) as usize];
    patched(folder, module, &[(start + at, &[!byte])])
}

pub(crate) fn cut(folder: &Path, module: &Path, length: fn(u64) -> u64) -> Option<PathBuf> {
    let path = folder.join("module.so");
    let whole = fs::copy(module, &path).ok()?;
    let file = fs::File::options().write(true).open(&path).ok()?;
    file.set_len(length(whole)).ok()?;
    Some(path)
}

/// Where a module's manifest is in its file.
pub(crate) fn manifest(module: &Path) -> (u64, usize) {
    let bytes = fs::read(module).expect("it was built");
    let object = object::File::parse(&*bytes).expect("it was built");
    let section = object
        .section_by_name("tls_slots_manifest_v1")
        .expect("it has a manifest");
    let (at, length) = section.file_range().expect("it is in the file");
    (at, length as usize)
}

/// What our rustc makes of a library with nothing in it.
pub(crate) fn rustc(folder: &Path, kind: &str, name: &str) -> Option<PathBuf> {
    let source = folder.join("foreign.rs");
    fs::write(
        &source,
        "#[unsafe(no_mangle)] pub extern \"C\" fn foreign() {}\n",
    )
    .ok()?;
    let path = folder.join(name);
    let mut command = Command::new(our_rustc());
    match kind {
        "obj" => command.args(["--crate-type", "lib", "--emit", "obj"]),
        kind => command.args(["--crate-type", kind]),
    };
    let made = command.arg("-o").arg(&path).arg(&source).status().ok()?;
    made.success().then_some(path)
}

/// A library that this test's own process or its tools have.
pub(crate) fn system_library(name: &str) -> Option<PathBuf> {
    let output = Command::new("sh")
        .args(["-c", "PATH=$PATH:/sbin:/usr/sbin ldconfig -p"])
        .output()
        .ok()?;
    let cache = String::from_utf8(output.stdout).ok()?;
    let own = if cfg!(target_arch = "aarch64") {
        "AArch64"
    } else {
        "x86-64"
    };
    let line = cache
        .lines()
        .find(|line| line.trim_start().starts_with(name) && line.contains(own))?;
    Some(line.split("=> ").nth(1)?.into())
}

impl FileRow {
    pub(crate) fn result(&self) -> String {
        format!("check: {}, load: {}", self.check.0, self.load.0)
    }

    pub(crate) fn run(&self, host: &Path, good: &Path) -> Result<Result<(), String>, Skipped> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // For others as well, see `Told::new`.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
        let Some(file) = (self.make)(folder.path(), good) else {
            return Err(Skipped("it cannot be made here".to_owned()));
        };
        Ok(self.compare(host, &file))
    }

    pub(crate) fn compare(&self, host: &Path, file: &Path) -> Result<(), String> {
        // Root reads everything, and this process does not change its user.
        if !(is_root() && self.load.0 == "Read") {
            let report = check::check(host, &[file]).map_err(|error| error.to_string())?;
            let verdict = &report.modules[0].verdict;
            let reason = verdict.reason().unwrap_or_default();
            if verdict.word() != self.check.0 || !reason.contains(self.check.1) {
                return Err(format!(
                    "check came to something else:\n{}",
                    report.render()
                ));
            }
        }
        let load = Told::new(host, "load", file)?;
        load.expect("LOAD", self.load.0)?;
        load.expect_text("SAYS", self.load.1)?;
        load.expect("STATE", "untouched")?;

        if let Past::NotTried(_) = self.past {
            return Ok(());
        }
        let how = match self.past {
            Past::Works | Past::Refused => "raw",
            _ => "open",
        };
        let past = Told::new(host, how, file)?;
        match self.past {
            Past::NotOpened => expect_not_opened(&past),
            Past::NotOurs => {
                past.expect("OPEN", "ok")?;
                match past.all("IMAGE").is_empty() {
                    true => past.expect("STATE", "untouched"),
                    false => Err(format!("it registered:\n{}", past.ended)),
                }
            }
            Past::Works => past.expect_works(),
            _ => past.expect_refused(""),
        }
    }
}
