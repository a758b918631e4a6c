//! What must agree between a host and its modules, and what may differ: every rule tried with real
//! builds, in both directions.
//!
//! Each row of the tables builds a host and a module by cargo invocations of their own, or makes a
//! file that is no module, and looks at it in three ways, which have to come to the same:
//!
//! | way       | what it is                                                                    |
//! | --------- | ----------------------------------------------------------------------------- |
//! | check     | `cargo tls-slots check`'s comparison, from the two files                      |
//! | load      | `tls_slots_load::Module::load` in a host's process                                 |
//! | past it   | `dlopen` alone in a host's process: what the registry does, and what use does |
//!
//! Every process ends by itself and normally. The rows, with what they come to, are the tables of
//! `docs/compatibility.md`, which [`documented`] compares; `SNAPSHOTS=overwrite` writes them anew.
//!
//! What is built is kept: the whole costs minutes at first, and seconds once it is there.
//! `COMPAT=word` runs only the rows that have the word in their name.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use cargo_tls_slots::check::{self, Verdict};
use object::{Object, ObjectSection};
use tls_slots_tests::Place;
use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::project::Project;
use tls_slots_tests::sanitizer;

/// How long a process may take. Much less than a test's time: a module that was let in and should
/// not have been is likely to hang.
const DEADLINE: Duration = Duration::from_secs(30);

/// One way to build a host or a module.
#[derive(Clone, Copy, Debug)]
struct Build {
    /// Features of the fixture or, as `tokio/…`, of its tokio, spaces between.
    features: &'static str,
    /// `RUSTFLAGS`, for every crate.
    rustflags: &'static str,
    /// Arguments for the last rustc only: `--` of `cargo rustc`.
    last: &'static [&'static str],
    /// For cargo, `--config` each.
    config: &'static [&'static str],
    /// For cargo.
    env: &'static [(&'static str, &'static str)],
    /// Whether in the release profile, which does not optimise in the fixtures.
    release: bool,
    /// Sources and forks of their own.
    place: Option<Place>,
    /// A target folder of its own.
    apart: Option<&'static str>,
    /// Which rustc.
    rustc: Rustc,
}

/// Which rustc.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rustc {
    /// The one that everything is built with.
    Ours,
    /// Any other one that rustup has.
    Other,
    /// Ours, which takes `-Z` then.
    Unstable,
}

/// What all rows differ from: the dev profile without optimisation.
const BASE: Build = Build {
    features: "",
    rustflags: "",
    last: &[],
    config: &[],
    env: &[],
    release: false,
    place: None,
    apart: None,
    rustc: Rustc::Ours,
};

const fn features(features: &'static str) -> Build {
    Build { features, ..BASE }
}

const fn rustflags(rustflags: &'static str) -> Build {
    Build { rustflags, ..BASE }
}

const fn last(last: &'static [&'static str]) -> Build {
    Build { last, ..BASE }
}

const fn config(config: &'static [&'static str]) -> Build {
    Build { config, ..BASE }
}

const fn place(place: Place) -> Build {
    Build {
        place: Some(place),
        ..BASE
    }
}

const RELEASE: Build = Build {
    release: true,
    ..BASE
};
const OTHER_RUSTC: Build = Build {
    rustc: Rustc::Other,
    ..BASE
};
const RANDOM: Build = Build {
    rustflags: "-Zrandomize-layout",
    rustc: Rustc::Unstable,
    ..BASE
};

/// As on another machine.
const ELSEWHERE: Place = Place {
    folder: "compat/another machine",
    locked: &[],
    edit: None,
};
const TOKIO_1_53: Place = Place {
    folder: "compat/tokio-1.53",
    locked: &[(
        "tokio",
        "1.53.3",
        "ce3335fa71841cda333a58d7615b03901380ecf09d59b3296d21f8bbac0dde4e",
    )],
    edit: None,
};
const OTHER_MIO: Place = Place {
    folder: "compat/mio",
    locked: &[(
        "mio",
        "1.2.1",
        "02bd0af71c67b473010cbbc60715ee815645a4dc942899111f494b4b737d6fda",
    )],
    edit: None,
};
const OTHER_BYTES: Place = Place {
    folder: "compat/bytes",
    locked: &[(
        "bytes",
        "1.11.1",
        "1e748733b7cbc798e1434b6ac524f0c1ff2ab456fe201501e6497c8417a4fc33",
    )],
    edit: None,
};
const OTHER_SOCKET2: Place = Place {
    folder: "compat/socket2",
    locked: &[(
        "socket2",
        "0.6.4",
        "52d1cfed4120b4d927bf7c0f86d2087a4a7d6027c906d9f9d525a80573b9be51",
    )],
    edit: None,
};
const OTHER_SMALLVEC: Place = Place {
    folder: "compat/smallvec",
    locked: &[(
        "smallvec",
        "1.15.1",
        "67b1b7a3b5fe4f1376887184045fcf45c69e92af734b7aaddc05fb777b6fbd03",
    )],
    edit: None,
};
/// A future version of the binary interface: every symbol and section has another name.
const ABI_2: Place = Place {
    folder: "compat/abi-2",
    locked: &[],
    edit: Some(|path, text| match path.starts_with("tls-keys") {
        true => text
            .replace("tls_slots_keys_v1", "tls_slots_keys_v2")
            .replace("tls_slots_manifest_v1", "tls_slots_manifest_v2")
            .replace("tls_slots_register_v1", "tls_slots_register_v2"),
        false => text.to_owned(),
    }),
};

/// A host and a module.
struct Row {
    /// What is peculiar about it.
    what: &'static str,
    host: Build,
    module: Build,
    expected: Expected,
}

/// What all three ways have to come to.
#[derive(Clone, Copy)]
enum Expected {
    /// The module works.
    Fits,
    /// It is refused for these differences, no more and no fewer. `…` at the end stands for
    /// anything.
    Differs(&'static [&'static str]),
    /// It is of another version of the interface; the system cannot open it.
    OtherAbi,
}
use Expected::{Differs, Fits, OtherAbi};

const fn module(what: &'static str, module: Build, expected: Expected) -> Row {
    let host = BASE;
    Row {
        what,
        host,
        module,
        expected,
    }
}

const fn host(what: &'static str, host: Build, expected: Expected) -> Row {
    let module = BASE;
    Row {
        what,
        host,
        module,
        expected,
    }
}

const fn both(what: &'static str, host: Build, module: Build, expected: Expected) -> Row {
    Row {
        what,
        host,
        module,
        expected,
    }
}

/// A feature of tokio that only the module has.
macro_rules! module_has {
    ($feature:literal) => {
        module(
            concat!("feature `", $feature, "` in the module only"),
            features(concat!("tokio/", $feature)),
            Differs(&[concat!("tokio: feature `", $feature, "`")]),
        )
    };
}

/// A feature of tokio that only the host has.
macro_rules! host_has {
    ($feature:literal) => {
        host(
            concat!("feature `", $feature, "` in the host only"),
            features(concat!("tokio/", $feature)),
            Differs(&[concat!("tokio: feature `", $feature, "`")]),
        )
    };
}

#[rustfmt::skip]
const MISMATCHES: &[Row] = &[
    module("another rustc", OTHER_RUSTC, Differs(&["compiler"])),
    host("another rustc for the host", OTHER_RUSTC, Differs(&["compiler"])),
    module_has!("fs"), host_has!("fs"),
    module_has!("io-std"), host_has!("io-std"),
    module_has!("io-util"), host_has!("io-util"),
    module_has!("macros"), host_has!("macros"),
    module_has!("parking_lot"), host_has!("parking_lot"),
    module_has!("process"), host_has!("process"),
    module_has!("rt-multi-thread"), host_has!("rt-multi-thread"),
    module_has!("signal"), host_has!("signal"),
    module_has!("sync"), host_has!("sync"),
    module("feature `test-util`, which turns on `sync`, in the module only", features("tokio/test-util"),
        Differs(&["tokio: feature `sync`", "tokio: feature `test-util`"])),
    host("feature `test-util`, which turns on `sync`, in the host only", features("tokio/test-util"),
        Differs(&["tokio: feature `sync`", "tokio: feature `test-util`"])),
    both("feature `test-util` in the module, `sync` in both", features("tokio/sync"), features("tokio/test-util"),
        Differs(&["tokio: feature `test-util`"])),
    module("tokio 1.53.3", place(TOKIO_1_53), Differs(&["tokio: version"])),
    host("tokio 1.53.3 for the host", place(TOKIO_1_53), Differs(&["tokio: version"])),
    module("`RUSTFLAGS=\"--cfg tokio_unstable\"`", rustflags("--cfg tokio_unstable"),
        Differs(&["tokio: cfg `tokio_unstable`"])),
    host("`RUSTFLAGS=\"--cfg tokio_unstable\"` for the host", rustflags("--cfg tokio_unstable"),
        Differs(&["tokio: cfg `tokio_unstable`"])),
    module("a release module for a dev host", RELEASE, Differs(&["debug assertions"])),
    host("a dev module for a release host", RELEASE, Differs(&["debug assertions"])),
    module("`RUSTFLAGS=\"-C debug-assertions=off\"` for a dev module", rustflags("-Cdebug-assertions=off"),
        Differs(&["debug assertions"])),
    both("`RUSTFLAGS=\"-C debug-assertions=on\"` for a release module", RELEASE,
        Build { rustflags: "-Cdebug-assertions=on", ..RELEASE }, Differs(&["debug assertions"])),
    module("`profile.dev.package.mio.debug-assertions = false`",
        config(&["profile.dev.package.mio.debug-assertions=false"]), Differs(&["layout of tokio::net…", "layout of mio…"])),
    module("`profile.dev.package.tokio.debug-assertions = false`",
        config(&["profile.dev.package.tokio.debug-assertions=false"]), Differs(&["tokio: cfg `debug_assertions`"])),
    module("`profile.dev.package.\"*\".debug-assertions = false`",
        config(&["profile.dev.package.\"*\".debug-assertions=false"]), Differs(&["debug assertions"])),
    module("mio 1.2.1", place(OTHER_MIO), Differs(&["tokio: dependency mio"])),
    host("mio 1.2.1 for the host", place(OTHER_MIO), Differs(&["tokio: dependency mio"])),
    module("socket2 0.6.4", place(OTHER_SOCKET2), Differs(&["tokio: dependency socket2"])),
    both("bytes 1.11.1, with `io-util` on both sides", features("tokio/io-util"),
        Build { features: "tokio/io-util", ..place(OTHER_BYTES) }, Differs(&["tokio: dependency bytes"])),
    module("`panic = \"abort\"`", config(&["profile.dev.panic=\"abort\""]), Differs(&["panic strategy"])),
    host("`panic = \"abort\"` for the host", config(&["profile.dev.panic=\"abort\""]), Differs(&["panic strategy"])),
    module("`-Z randomize-layout`", RANDOM, Differs(&["order of fields"])),
    module("a key of another size", features("wide"), Differs(&["thread-local keys_iface::WIDTH"])),
    module("another version of the interface", place(ABI_2), OtherAbi),
    module("another rustc, profile and feature at once", Build { features: "tokio/sync", release: true, ..OTHER_RUSTC },
        Differs(&["compiler", "debug assertions", "tokio: feature `sync`"])),
];

#[rustfmt::skip]
const HARMLESS: &[Row] = &[
    module("nothing", BASE, Fits),
    module("`opt-level = 2`", config(&["profile.dev.opt-level=2"]), Fits),
    module("`opt-level = 3`", config(&["profile.dev.opt-level=3"]), Fits),
    module("`opt-level = \"s\"`", config(&["profile.dev.opt-level=\"s\""]), Fits),
    host("`opt-level = 3` for the host", config(&["profile.dev.opt-level=3"]), Fits),
    module("`lto = \"fat\"`", config(&["profile.dev.lto=\"fat\""]), Fits),
    module("`lto = \"thin\"`", config(&["profile.dev.lto=\"thin\""]), Fits),
    module("`lto = \"off\"`", config(&["profile.dev.lto=\"off\""]), Fits),
    both("in release, `opt-level = 3`, fat LTO, `strip` and one codegen unit", RELEASE,
        Build {
            config: &["profile.release.opt-level=3", "profile.release.lto=\"fat\"", "profile.release.strip=true",
                "profile.release.codegen-units=1"],
            ..RELEASE
        }, Fits),
    module("`strip = true`", config(&["profile.dev.strip=true"]), Fits),
    host("`strip = true` for the host", config(&["profile.dev.strip=true"]), Fits),
    module("`codegen-units = 1`", config(&["profile.dev.codegen-units=1"]), Fits),
    module("`codegen-units = 16`", config(&["profile.dev.codegen-units=16"]), Fits),
    module("`debug = 2`", config(&["profile.dev.debug=2", "profile.dev.package.\"*\".debug=2"]), Fits),
    module("`overflow-checks = false`", config(&["profile.dev.overflow-checks=false"]), Fits),
    module("`-C target-cpu=native`", rustflags("-Ctarget-cpu=native"), Fits),
    module("`incremental = true`", Build { env: &[("CARGO_INCREMENTAL", "1")], ..BASE }, Fits),
    module("a `--cfg` that no crate asks for", rustflags("--cfg nobody_asks"), Fits),
    module("debug assertions of the module's own crate only",
        config(&["profile.dev.package.compat-module.debug-assertions=false"]), Fits),
    module("unrelated dependencies", features("unrelated"), Fits),
    module("unrelated dependencies in other versions", Build { features: "unrelated", ..place(OTHER_SMALLVEC) }, Fits),
    module("bytes 1.11.1, which nothing uses without `io-util`", place(OTHER_BYTES), Fits),
    both("feature `full` for the host, all that it turns on for the module", features("tokio/full"),
        features("tokio/fs tokio/io-util tokio/io-std tokio/macros tokio/net tokio/parking_lot tokio/process \
                  tokio/rt tokio/rt-multi-thread tokio/signal tokio/sync tokio/time"), Fits),
    module("another target folder", Build { apart: Some("compat-too"), ..BASE }, Fits),
    module("another machine's paths", place(ELSEWHERE), Fits),
    module("`--remap-path-prefix`", rustflags("--remap-path-prefix=/=/nowhere/"), Fits),
    module("linked by GNU ld", last(&["-Clink-arg=-fuse-ld=bfd"]), Fits),
    module("linked by gold", last(&["-Clink-arg=-fuse-ld=gold"]), Fits),
    module("linked by mold", last(&["-Clink-arg=-fuse-ld=mold"]), Fits),
    host("linked by GNU ld, the host", last(&["-Clink-arg=-fuse-ld=bfd"]), Fits),
];

/// A file that is no module of this host's.
struct FileRow {
    /// What it is.
    what: &'static str,
    /// Makes it in a folder of its own, from a module that fits; `None` if that cannot be done
    /// here.
    make: fn(&Path, &Path) -> Option<PathBuf>,
    /// `check`'s word, and what it says.
    check: (&'static str, &'static str),
    /// The variant of `LoadError`, and what it says; `ok` if it loads.
    load: (&'static str, &'static str),
    past: Past,
}

/// What becomes of a file that is opened past the loader.
#[derive(Clone, Copy, PartialEq)]
enum Past {
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

const DAMAGED: Past = Past::NotTried("the system maps what is not there, and a signal may end it");

const FILES: &[FileRow] = &[
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
        check: ("refused", "is a host itself"),
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
        make: |folder, module| {
            let bytes = fs::read(module).ok()?;
            let (start, length) = manifest(module);
            let section = &bytes[start as usize..][..length];
            let word = b"rustc 1.";
            let at = section
                .windows(word.len())
                .position(|bytes| bytes == word)?;
            patched(folder, module, &[(start + at as u64 + 6, b"0")])
        },
        check: ("refused", "compiler"),
        load: ("Mismatch", "Build both with the same compiler."),
        past: Past::Refused,
    },
];

fn file(folder: &Path, content: &[u8]) -> Option<PathBuf> {
    let path = folder.join("module.so");
    fs::write(&path, content).ok()?;
    Some(path)
}

/// A copy with other bytes at these offsets.
fn patched(folder: &Path, module: &Path, patches: &[(u64, &[u8])]) -> Option<PathBuf> {
    let path = folder.join("module.so");
    fs::copy(module, &path).ok()?;
    let file = fs::File::options().write(true).open(&path).ok()?;
    for (at, bytes) in patches {
        file.write_all_at(bytes, *at).ok()?;
    }
    Some(path)
}

fn flipped(folder: &Path, module: &Path, at: u64) -> Option<PathBuf> {
    let (start, _) = manifest(module);
    let byte = fs::read(module).ok()?[(start + at) as usize];
    patched(folder, module, &[(start + at, &[!byte])])
}

fn cut(folder: &Path, module: &Path, length: fn(u64) -> u64) -> Option<PathBuf> {
    let path = folder.join("module.so");
    let whole = fs::copy(module, &path).ok()?;
    let file = fs::File::options().write(true).open(&path).ok()?;
    file.set_len(length(whole)).ok()?;
    Some(path)
}

/// Where a module's manifest is in its file.
fn manifest(module: &Path) -> (u64, usize) {
    let bytes = fs::read(module).expect("it was built");
    let object = object::File::parse(&*bytes).expect("it was built");
    let section = object
        .section_by_name("tls_slots_manifest_v1")
        .expect("it has a manifest");
    let (at, length) = section.file_range().expect("it is in the file");
    (at, length as usize)
}

/// What our rustc makes of a library with nothing in it.
fn rustc(folder: &Path, kind: &str, name: &str) -> Option<PathBuf> {
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
fn system_library(name: &str) -> Option<PathBuf> {
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

/// A row that cannot be tried on this machine, and why.
struct Skipped(String);

fn our_rustc() -> PathBuf {
    std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}

/// Any rustc of rustup's that is not ours.
fn other_rustc() -> Result<PathBuf, Skipped> {
    static OTHER: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let say = |program: &Path, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            output.status.success().then_some(text)
        };
        let ours = say(&our_rustc(), &["-vV"])?;
        let toolchains = say("rustup".as_ref(), &["toolchain", "list", "--quiet"])?;
        toolchains.lines().find_map(|toolchain| {
            let arguments = ["which", "rustc", "--toolchain", toolchain];
            let path = PathBuf::from(say("rustup".as_ref(), &arguments)?.trim());
            (say(&path, &["-vV"])? != ours).then_some(path)
        })
    });
    let none = || Skipped("rustup has no other toolchain".to_owned());
    OTHER.clone().ok_or_else(none)
}

/// Builds it, unless that was done.
fn built(fixture: &str, build: &Build) -> Result<PathBuf, Skipped> {
    let mut project = Project::new(fixture)
        .features(build.features)
        .release(build.release)
        .env("RUSTFLAGS", build.rustflags);
    if let Some(place) = build.place {
        project = project.at(place);
    }
    if let Some(folder) = build.apart {
        project = project.apart(folder);
    }
    for setting in build.config {
        project = project.config(setting);
    }
    for (name, value) in build.env {
        project = project.env(name, value);
    }
    match build.rustc {
        Rustc::Ours => {}
        Rustc::Unstable => project = project.env("RUSTC_BOOTSTRAP", "1"),
        Rustc::Other => {
            let rustc = other_rustc()?;
            project = project.env("RUSTC", rustc.to_str().expect("a plain path"));
        }
    }
    for argument in build.last {
        let linker = argument.strip_prefix("-Clink-arg=-fuse-ld=");
        if let Some(linker) = linker.filter(|linker| !is_there(linker)) {
            return Err(Skipped(format!("there is no linker {linker}")));
        }
        project = project.rustc(argument);
    }
    Ok(project.built())
}

/// Whether gcc finds that linker.
fn is_there(linker: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .any(|folder| folder.join(format!("ld.{linker}")).exists() || folder.join(linker).exists())
}

/// What the host's process said: see `fixtures/compat_host`.
struct Told {
    ended: Ended,
}

impl Told {
    fn new(host: &Path, how: &str, module: &Path) -> Result<Self, String> {
        let unreadable = fs::symlink_metadata(module)
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o444 == 0);
        let mut command = Command::new(host);
        // Root reads everything.
        if unreadable && is_root() {
            command.uid(65534);
        }
        let ended = process::run(command.arg(how).arg(module), DEADLINE);
        match ended.success() && ended.result() == Some("ok") {
            true => Ok(Self { ended }),
            false => Err(format!("`{how}` did not end normally:\n{ended}")),
        }
    }

    /// The rest of each line that begins with the word.
    fn all(&self, word: &str) -> Vec<&str> {
        let of = |line| str::strip_prefix(line, word)?.strip_prefix(' ');
        self.ended.stdout.lines().filter_map(of).collect()
    }

    fn expect(&self, word: &str, value: &str) -> Result<(), String> {
        match self.all(word).as_slice() {
            [one] if *one == value => Ok(()),
            _ => Err(format!("not `{word} {value}`:\n{}", self.ended)),
        }
    }

    fn expect_text(&self, word: &str, text: &str) -> Result<(), String> {
        match self.all(word).join("\n").contains(text) {
            true => Ok(()),
            false => Err(format!("no `{text}` in `{word}`:\n{}", self.ended)),
        }
    }

    fn expect_works(&self) -> Result<(), String> {
        let uses = self.all("USE");
        let worked = uses.iter().filter(|line| line.contains(" worked")).count();
        match worked == 6 && uses.len() == 6 {
            true => self.expect("STATE", "8 1000"),
            false => Err(format!("not everything works:\n{}", self.ended)),
        }
    }

    /// Every use is refused, in words that have this text in them.
    fn expect_refused(&self, text: &str) -> Result<(), String> {
        let uses = self.all("USE");
        let refused = |line: &&&str| line.contains(" is not connected to a host: ");
        let says = |line: &&&str| line.contains(text);
        match uses.len() == 5 && uses.iter().filter(refused).filter(says).count() == 5 {
            true => self.expect("STATE", "untouched"),
            false => Err(format!(
                "not everything is refused with `{text}`:\n{}",
                self.ended
            )),
        }
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self")
        .is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

/// Whether the system could not open it.
fn expect_not_opened(told: &Told) -> Result<(), String> {
    match told.all("OPEN").as_slice() {
        [one] if *one != "ok" => told.expect("STATE", "untouched"),
        _ => Err(format!("it was opened:\n{}", told.ended)),
    }
}

impl Row {
    /// In a word: what it comes to.
    fn result(&self) -> String {
        match self.expected {
            Fits => "fits".to_owned(),
            OtherAbi => "refused: another version of the interface".to_owned(),
            Differs(what) => format!("refused: {}", what.join(", ")),
        }
    }

    fn run(&self) -> Result<Result<(), String>, Skipped> {
        let host = built("compat_host", &self.host)?;
        let module = built("compat_module", &self.module)?;
        Ok(self.compare(&host, &module))
    }

    fn compare(&self, host: &Path, module: &Path) -> Result<(), String> {
        let report = check::check(host, &[module]).map_err(|error| error.to_string())?;
        let verdict = &report.modules[0].verdict;
        let unlike = || format!("check came to something else:\n{}", report.render());
        let load = Told::new(host, "load", module)?;
        // A panic of such a module is the end of the process, so it is only opened.
        let aborts = self
            .module
            .config
            .iter()
            .any(|config| config.contains("abort"));
        let past = Told::new(host, if aborts { "open" } else { "raw" }, module)?;
        match (self.expected, verdict) {
            (Fits, Verdict::Fits) => {
                load.expect("LOAD", "ok")?;
                load.expect_works()?;
                past.expect("IMAGE", "fits")?;
                past.expect_works()
            }
            (OtherAbi, Verdict::OtherAbi(_)) => {
                load.expect("LOAD", "Abi")?;
                load.expect("STATE", "untouched")?;
                expect_not_opened(&past)
            }
            (Differs(expected), Verdict::Differs(mismatch)) => {
                let found: Vec<&str> = mismatch
                    .differences
                    .iter()
                    .map(|one| one.what.as_str())
                    .collect();
                let is = |found: &str, expected: &str| match expected.strip_suffix('…') {
                    Some(start) => found.starts_with(start),
                    None => found == expected,
                };
                let all_expected = found
                    .iter()
                    .all(|one| expected.iter().any(|it| is(one, it)));
                let all_found = expected
                    .iter()
                    .all(|it| found.iter().any(|one| is(one, it)));
                if !(all_expected && all_found) {
                    return Err(unlike());
                }
                load.expect("LOAD", "Mismatch")?;
                load.expect("STATE", "untouched")?;
                for line in mismatch.to_string().lines() {
                    load.expect_text("SAYS", line)?;
                }
                past.expect("OPEN", "ok")?;
                for one in &mismatch.differences {
                    past.expect_text("IMAGE", &one.what)?;
                    past.expect_text("IMAGE", &one.host)?;
                    past.expect_text("IMAGE", &one.module)?;
                }
                match aborts {
                    true => past.expect("STATE", "untouched"),
                    false => past.expect_refused(found[0]),
                }
            }
            _ => Err(unlike()),
        }
    }
}

impl FileRow {
    fn result(&self) -> String {
        format!("check: {}, load: {}", self.check.0, self.load.0)
    }

    fn run(&self, host: &Path, good: &Path) -> Result<Result<(), String>, Skipped> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // For others as well, see `Told::new`.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
        let own = folder.path().join("compat-host");
        fs::copy(host, &own).expect("a copy");
        let Some(file) = (self.make)(folder.path(), good) else {
            return Err(Skipped("it cannot be made here".to_owned()));
        };
        Ok(self.compare(&own, &file))
    }

    fn compare(&self, host: &Path, file: &Path) -> Result<(), String> {
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

/// Runs rows, says what each came to, and fails at the end if one is not as documented.
fn run<R>(
    rows: &[R],
    name: impl Fn(&R) -> (&str, String),
    run: impl Fn(&R) -> Result<Result<(), String>, Skipped>,
) {
    if sanitizer::chosen().is_some() {
        return say("skipped: builds of other kinds than the sanitizer's are the point");
    }
    let wanted = std::env::var("COMPAT").unwrap_or_default();
    let mut failures = String::new();
    for row in rows {
        let (what, expected) = name(row);
        if !what.contains(&wanted) {
            continue;
        }
        let begin = Instant::now();
        let came_to = match run(row) {
            Ok(Ok(())) => format!("as expected, {expected}"),
            Err(Skipped(reason)) => format!("SKIPPED, {reason}"),
            Ok(Err(error)) => {
                let _ = writeln!(failures, "{what}: {error}\n");
                format!("FAILED, expected {expected}")
            }
        };
        say(&format!(
            "{what}: {came_to} ({:.1} s)",
            begin.elapsed().as_secs_f32()
        ));
    }
    assert!(failures.is_empty(), "\n{failures}");
}

/// Past the test's capture: a skipped row must be seen.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "compat: {line}");
}

#[test]
fn what_differs_is_refused() {
    run(MISMATCHES, |row| (row.what, row.result()), Row::run);
}

#[test]
fn what_is_harmless_is_not() {
    run(HARMLESS, |row| (row.what, row.result()), Row::run);
}

#[test]
fn what_is_no_module_is_told_apart() {
    run(
        FILES,
        |row| (row.what, row.result()),
        |row| {
            let host = built("compat_host", &BASE)?;
            let module = built("compat_module", &BASE)?;
            row.run(&host, &module)
        },
    );
}

/// The tables of the document.
fn tables() -> String {
    let mut text = String::new();
    for (title, of, rows) in [
        ("What is refused", "built with", MISMATCHES),
        ("What may differ", "built with", HARMLESS),
    ] {
        let _ = writeln!(text, "## {title}\n\n| {of} | result |\n| --- | --- |");
        for row in rows {
            let _ = writeln!(text, "| {} | {} |", row.what, row.result());
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "## Files\n\n| file | `check` | `Module::load` | past the loader |\n| --- | --- | --- | --- |"
    );
    for row in FILES {
        let past = match row.past {
            Past::NotOpened => "`dlopen` fails".to_owned(),
            Past::Refused => "its keys panic".to_owned(),
            Past::Works => "works".to_owned(),
            Past::NotOurs => "opened, nothing of ours".to_owned(),
            Past::NotTried(reason) => format!("not tried: {reason}"),
        };
        let _ = writeln!(
            text,
            "| {} | {} | `LoadError::{}` | {past} |",
            row.what, row.check.0, row.load.0
        );
    }
    text
}

#[test]
fn documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md");
    let page = fs::read_to_string(&path).expect("the document is there");
    let mark = "<!-- tests/tests/compat.rs writes what follows -->\n";
    let (head, old) = page.split_once(mark).expect("the mark is there");
    let new = format!("\n{}", tables());
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(&path, format!("{head}{mark}{new}")).expect("it can be written");
        return;
    }
    assert!(
        old == new,
        "docs/compatibility.md has other rows than the test; SNAPSHOTS=overwrite writes them"
    );
}
