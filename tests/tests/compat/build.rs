//! The ways to build a host or a module.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tls_slots_tests::Place;
use tls_slots_tests::project::Project;

/// One way to build a host or a module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build {
    /// Features of the fixture or, as `tokio/…`, of its tokio, spaces between.
    pub(crate) features: &'static str,
    /// Whether it shares tokio. The other side of its row does then, too.
    pub(crate) tokio: bool,
    /// `RUSTFLAGS`, for every crate.
    pub(crate) rustflags: &'static str,
    /// Arguments for the last rustc only: `--` of `cargo rustc`.
    pub(crate) last: &'static [&'static str],
    /// For cargo, `--config` each.
    pub(crate) config: &'static [&'static str],
    /// For cargo.
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// Whether in the release profile, which does not optimise in the fixtures.
    pub(crate) release: bool,
    /// Sources and forks of their own.
    pub(crate) place: Option<Place>,
    /// A target folder of its own.
    pub(crate) apart: Option<&'static str>,
    /// The target, if cargo is told. Build scripts and macros are then built without `rustflags`.
    pub(crate) target: Option<&'static str>,
    /// Which rustc.
    pub(crate) rustc: Rustc,
}

/// Which rustc.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rustc {
    /// The one that everything is built with.
    Ours,
    /// Any other one that rustup has.
    Other,
    /// Ours, which takes `-Z` then.
    Unstable,
}

/// What all rows differ from: the dev profile without optimisation, and no more than a crate of
/// keys to share.
pub(crate) const BASE: Build = Build {
    features: "",
    tokio: false,
    rustflags: "",
    last: &[],
    config: &[],
    env: &[],
    release: false,
    place: None,
    apart: None,
    target: None,
    rustc: Rustc::Ours,
};

/// What the rows about tokio differ from.
pub(crate) const TOKIO: Build = Build {
    tokio: true,
    ..BASE
};

impl Build {
    /// The same, sharing tokio.
    pub(crate) const fn and_tokio(self) -> Build {
        Build {
            tokio: true,
            ..self
        }
    }

    /// The same, with these features.
    pub(crate) const fn and_features(self, features: &'static str) -> Build {
        Build { features, ..self }
    }
}

pub(crate) const fn features(features: &'static str) -> Build {
    BASE.and_features(features)
}

pub(crate) const fn tokio(features: &'static str) -> Build {
    TOKIO.and_features(features)
}

/// The target folders of builds in which each crate is compiled anew. What they would find in the
/// folder of the others is nothing, and apart from the others they are made at the same time.
const FLAGS: Option<&str> = Some("compat-flags");
const PROFILES: Option<&str> = Some("compat-profiles");

pub(crate) const fn rustflags(rustflags: &'static str) -> Build {
    Build {
        rustflags,
        apart: FLAGS,
        ..BASE
    }
}

pub(crate) const fn last(last: &'static [&'static str]) -> Build {
    Build { last, ..BASE }
}

/// For all crates, or for many.
pub(crate) const fn config(config: &'static [&'static str]) -> Build {
    Build {
        apart: PROFILES,
        ..own_config(config)
    }
}

/// For one crate.
pub(crate) const fn own_config(config: &'static [&'static str]) -> Build {
    Build { config, ..BASE }
}

pub(crate) const fn env(env: &'static [(&'static str, &'static str)]) -> Build {
    Build { env, ..BASE }
}

pub(crate) const fn place(place: Place) -> Build {
    Build {
        place: Some(place),
        ..BASE
    }
}

pub(crate) const RELEASE: Build = Build {
    release: true,
    ..BASE
};
pub(crate) const OTHER_RUSTC: Build = Build {
    rustc: Rustc::Other,
    apart: PROFILES,
    ..BASE
};
/// With a flag that only unstable compilers take.
pub(crate) const fn unstable(flags: &'static str) -> Build {
    Build {
        rustc: Rustc::Unstable,
        ..rustflags(flags)
    }
}

/// With AddressSanitizer. Its runtime is in the host, which exports it.
pub(crate) const ADDRESS: Build = Build {
    target: Some(HERE),
    ..unstable("-Zsanitizer=address -Clink-arg=-Wl,--export-dynamic-symbol=__*san_*")
};

/// With floating-point arguments where std does not look for them. Build scripts would not work.
pub(crate) const SOFT_FLOAT: Build = Build {
    target: Some(HERE),
    ..rustflags("-Ctarget-feature=+soft-float")
};

/// The target that is the default on most machines, named.
pub(crate) const NAMED_TARGET: Build = Build {
    target: Some(HERE),
    ..BASE
};

/// As on another machine.
pub(crate) const ELSEWHERE: Place = Place {
    forks: Some(&["tokio"]),
    ..Place::at("compat/another machine")
};
pub(crate) const TOKIO_1_53: Place = Place {
    locked: &[(
        "tokio",
        "1.53.3",
        "ce3335fa71841cda333a58d7615b03901380ecf09d59b3296d21f8bbac0dde4e",
    )],
    forks: Some(&["tokio"]),
    ..Place::at("compat/tokio-1.53")
};
pub(crate) const OTHER_MIO: Place = Place {
    locked: &[(
        "mio",
        "1.2.1",
        "02bd0af71c67b473010cbbc60715ee815645a4dc942899111f494b4b737d6fda",
    )],
    forks: Some(&["tokio"]),
    ..Place::at("compat/mio")
};
pub(crate) const OTHER_BYTES: Place = Place {
    locked: &[(
        "bytes",
        "1.11.1",
        "1e748733b7cbc798e1434b6ac524f0c1ff2ab456fe201501e6497c8417a4fc33",
    )],
    forks: Some(&["tokio"]),
    ..Place::at("compat/bytes")
};
pub(crate) const OTHER_SOCKET2: Place = Place {
    locked: &[(
        "socket2",
        "0.6.4",
        "52d1cfed4120b4d927bf7c0f86d2087a4a7d6027c906d9f9d525a80573b9be51",
    )],
    forks: Some(&["tokio"]),
    ..Place::at("compat/socket2")
};
pub(crate) const OTHER_SMALLVEC: Place = Place {
    locked: &[(
        "smallvec",
        "1.15.1",
        "67b1b7a3b5fe4f1376887184045fcf45c69e92af734b7aaddc05fb777b6fbd03",
    )],
    forks: Some(&["tokio"]),
    ..Place::at("compat/smallvec")
};
/// The crates of the feature `crates`, each in another release.
pub(crate) const OTHER_RELEASES: Place = Place {
    locked: &[
        (
            "arc-swap",
            "1.9.2",
            "c049c0be4daef0b145cb3555416b3b8ef5b7888a38aea1a3a155801fe7b0810b",
        ),
        (
            "crossbeam-epoch",
            "0.9.20",
            "2d6914041f254d6e9176c01941b21115dcfb7089e55135a35411081bd106ef3f",
        ),
        (
            "log",
            "0.4.34",
            "f9f8bd3e56ce4dfc153cf470fffbfa98c7620958b312ca5c3a4b8d5181fd13c6",
        ),
        (
            "parking_lot_core",
            "0.9.11",
            "bc838d2a56b5b1a6c25f55575dfc605fabb63bb2365f6c2353ef9159aa69e4a5",
        ),
        (
            "sharded-slab",
            "0.1.6",
            "c1b21f559e07218024e7e9f90f96f601825397de0e25420135f7f952453fed0b",
        ),
        (
            "signal-hook-registry",
            "1.4.7",
            "7664a098b8e616bdfcc2dc0e9ac44eb231eedf41db4e9fe95d8d32ec728dedad",
        ),
        (
            "thread_local",
            "1.1.9",
            "f60246a4944f24f6e018aa17cdeffb7818b76356965d03b07d6a9886e8962185",
        ),
        (
            "tracing-core",
            "0.1.35",
            "7a04e24fab5c89c6a36eb8558c9656f30d81de51dfa4d3b45f26b21d61fa0a6c",
        ),
    ],
    forks: Some(&[
        "tokio",
        "arc-swap",
        "crossbeam-epoch",
        "log",
        "parking_lot_core",
        "sharded-slab",
        "signal-hook-registry",
        "thread_local",
        "tracing-core",
    ]),
    ..Place::at("compat/releases")
};
/// The packages of the lock file the other way round, as older versions of cargo or a merge leave
/// them.
pub(crate) const LOCK_ORDER: Place = Place {
    forks: Some(&["tokio"]),
    edit: Some(|path, text| match path == Path::new("Cargo.lock") {
        true => {
            let (head, packages) = text
                .split_once("[[package]]\n")
                .expect("there are packages");
            let mut packages: Vec<&str> = packages.trim_end().split("\n\n[[package]]\n").collect();
            packages.reverse();
            format!(
                "{head}[[package]]\n{}\n",
                packages.join("\n\n[[package]]\n")
            )
        }
        false => text.to_owned(),
    }),
    ..Place::at("compat/lock-order")
};
/// One crate from a copy of its sources. Types of tokio have mio's in them.
pub(crate) const VENDORED: Place = Place {
    vendored: &["mio"],
    ..Place::at("compat/vendored")
};
/// A future version of the binary interface: every symbol and section has another name.
pub(crate) const ABI_2: Place = Place {
    forks: Some(&["tokio"]),
    edit: Some(|path, text| match path.starts_with("tls-keys") {
        true => text
            .replace("tls_slots_keys_v1", "tls_slots_keys_v2")
            .replace("tls_slots_manifest_v1", "tls_slots_manifest_v2")
            .replace("tls_slots_register_v1", "tls_slots_register_v2"),
        false => text.to_owned(),
    }),
    ..Place::at("compat/abi-2")
};

/// Another edit of the crate that host and module share: each has a folder, and the text before
/// and after.
macro_rules! shared_crate {
    ($($name:ident: $folder:literal, $before:literal => $after:literal;)*) => {
        $(pub(crate) const $name: Place = Place {
            edit: Some(|path, text| match path.starts_with("fixtures/keys_iface") {
                true => text.replace($before, $after),
                false => text.to_owned(),
            }),
            ..Place::at(concat!("compat/", $folder))
        };)*
    };
}

shared_crate! {
    OTHER_TYPE: "type", "type Width = u32;" => "type Width = i32;";
    OTHER_BODY: "body", "-> u32 {\n    1\n}" => "-> u32 {\n    2\n}";
    BY_ATTRIBUTE: "by-attribute", "SIZE: usize = 1;" => "SIZE: usize = 11;";
    BY_MACRO: "by-macro", "SIZE: usize = 2;" => "SIZE: usize = 12;";
    INCLUDED: "included", "INCLUDED: usize = 3;" => "INCLUDED: usize = 13;";
    OTHER_KEY: "key", "    pub static CELL" => "    pub static MORE: u8 = 0;\n    pub static CELL";
    OTHER_KIND: "kind", "    pub static MADE: RefCell<Made> = RefCell::new(Made { by: maker });" => "}\ntls_keys::process_local! {\n    pub static MADE: std::sync::Mutex<Made> = std::sync::Mutex::new(Made { by: maker });\n}\ntls_keys::thread_local! {";
    OTHER_STATIC: "static", "AtomicU64" => "AtomicI64";
    OTHER_OWN_VERSION: "own-version", "version = \"0.1.0\"" => "version = \"0.1.1\"";
    COMMENT_ABOVE: "comment", "    pub static CELL" => "    // A line more.\n\n    /// Another.\n    pub static CELL";
    COMMENT_INSIDE: "comment-inside", "-> u32 {\n    1\n}" => "-> u32 {\n    // One.\n    1\n}";
    OTHER_FORMAT: "format", "-> u32 {\n    1\n}" => "-> u32 { 1 }";
    UNIT_TEST: "unit-test", "/// Counts its drops." => "#[cfg(test)]\nmod tests {\n    #[test]\n    fn it() {}\n}\n\n/// Counts its drops.";
}

/// This machine's target.
const HERE: &str = if cfg!(target_arch = "aarch64") {
    "aarch64-unknown-linux-gnu"
} else {
    "x86_64-unknown-linux-gnu"
};

/// A row that cannot be tried on this machine, and why.
pub(crate) struct Skipped(pub(crate) String);

pub(crate) fn our_rustc() -> PathBuf {
    std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}

/// Any rustc of rustup's that is not ours.
pub(crate) fn other_rustc() -> Result<PathBuf, Skipped> {
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
pub(crate) fn built(fixture: &str, build: &Build) -> Result<PathBuf, Skipped> {
    let features = match build.tokio {
        true => format!("tokio {}", build.features),
        false => build.features.to_owned(),
    };
    let mut project = Project::new(fixture)
        .features(features.trim_end())
        .release(build.release)
        .env("RUSTFLAGS", build.rustflags);
    if let Some(place) = build.place {
        project = project.at(place);
    }
    if let Some(folder) = build.apart {
        project = project.apart(folder);
    }
    if let Some(target) = build.target {
        project = project.target(target);
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
pub(crate) fn is_there(linker: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .any(|folder| folder.join(format!("ld.{linker}")).exists() || folder.join(linker).exists())
}
