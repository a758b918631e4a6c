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
    /// Which rustc.
    pub(crate) rustc: Rustc,
    /// Whether the target is named. Build scripts and macros are then built without `rustflags`.
    pub(crate) targeted: bool,
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

/// What all rows differ from: the dev profile without optimisation.
pub(crate) const BASE: Build = Build {
    features: "",
    rustflags: "",
    last: &[],
    config: &[],
    env: &[],
    release: false,
    place: None,
    apart: None,
    rustc: Rustc::Ours,
    targeted: false,
};

pub(crate) const fn features(features: &'static str) -> Build {
    Build { features, ..BASE }
}

/// The target folder of builds in which each crate is compiled anew. What they would find in the
/// folder of the others is nothing, and apart from the others they are made at the same time.
const ANEW: Option<&str> = Some("compat-anew");

pub(crate) const fn rustflags(rustflags: &'static str) -> Build {
    Build {
        rustflags,
        apart: ANEW,
        ..BASE
    }
}

pub(crate) const fn last(last: &'static [&'static str]) -> Build {
    Build { last, ..BASE }
}

/// For all crates, or for many.
pub(crate) const fn config(config: &'static [&'static str]) -> Build {
    Build {
        apart: ANEW,
        ..own_config(config)
    }
}

/// For the host's or the module's own crate.
pub(crate) const fn own_config(config: &'static [&'static str]) -> Build {
    Build { config, ..BASE }
}

pub(crate) const fn place(place: Place) -> Build {
    Build {
        place: Some(place),
        ..BASE
    }
}

pub(crate) const RELEASE: Build = Build {
    release: true,
    apart: ANEW,
    ..BASE
};
pub(crate) const OTHER_RUSTC: Build = Build {
    rustc: Rustc::Other,
    apart: ANEW,
    ..BASE
};
/// With `-Z` flags.
pub(crate) const fn unstable(flags: &'static str) -> Build {
    Build {
        rustc: Rustc::Unstable,
        ..rustflags(flags)
    }
}

/// With AddressSanitizer. Its runtime is in the host, which exports it.
pub(crate) const ADDRESS: Build = Build {
    targeted: true,
    ..unstable("-Zsanitizer=address -Clink-arg=-Wl,--export-dynamic-symbol=__*san_*")
};

/// With floating-point arguments where std does not look for them. Build scripts would not work.
pub(crate) const SOFT_FLOAT: Build = Build {
    targeted: true,
    ..rustflags("-Ctarget-feature=+soft-float")
};

/// As on another machine.
pub(crate) const ELSEWHERE: Place = Place {
    folder: "compat/another machine",
    locked: &[],
    edit: None,
};
pub(crate) const TOKIO_1_53: Place = Place {
    folder: "compat/tokio-1.53",
    locked: &[(
        "tokio",
        "1.53.3",
        "ce3335fa71841cda333a58d7615b03901380ecf09d59b3296d21f8bbac0dde4e",
    )],
    edit: None,
};
pub(crate) const OTHER_MIO: Place = Place {
    folder: "compat/mio",
    locked: &[(
        "mio",
        "1.2.1",
        "02bd0af71c67b473010cbbc60715ee815645a4dc942899111f494b4b737d6fda",
    )],
    edit: None,
};
pub(crate) const OTHER_BYTES: Place = Place {
    folder: "compat/bytes",
    locked: &[(
        "bytes",
        "1.11.1",
        "1e748733b7cbc798e1434b6ac524f0c1ff2ab456fe201501e6497c8417a4fc33",
    )],
    edit: None,
};
pub(crate) const OTHER_SOCKET2: Place = Place {
    folder: "compat/socket2",
    locked: &[(
        "socket2",
        "0.6.4",
        "52d1cfed4120b4d927bf7c0f86d2087a4a7d6027c906d9f9d525a80573b9be51",
    )],
    edit: None,
};
pub(crate) const OTHER_SMALLVEC: Place = Place {
    folder: "compat/smallvec",
    locked: &[(
        "smallvec",
        "1.15.1",
        "67b1b7a3b5fe4f1376887184045fcf45c69e92af734b7aaddc05fb777b6fbd03",
    )],
    edit: None,
};
/// A future version of the binary interface: every symbol and section has another name.
pub(crate) const ABI_2: Place = Place {
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

/// Another edit of the crate that host and module share: each has a folder, and the text before
/// and after.
macro_rules! shared_crate {
    ($($name:ident: $folder:literal, $before:literal => $after:literal;)*) => {
        $(pub(crate) const $name: Place = Place {
            folder: concat!("compat/", $folder),
            locked: &[],
            edit: Some(|path, text| match path.starts_with("fixtures/keys_iface") {
                true => text.replace($before, $after),
                false => text.to_owned(),
            }),
        };)*
    };
}

shared_crate! {
    OTHER_TYPE: "type", "type Width = u32;" => "type Width = i32;";
    OTHER_BODY: "body", "-> u32 {\n    1\n}" => "-> u32 {\n    2\n}";
    OTHER_KEY: "key", "    pub static CELL" => "    pub static MORE: u8 = 0;\n    pub static CELL";
    OTHER_OWN_VERSION: "own-version", "version = \"0.1.0\"" => "version = \"0.1.1\"";
    COMMENT_ABOVE: "comment", "    pub static CELL" => "    // A line more.\n\n    /// Another.\n    pub static CELL";
    COMMENT_INSIDE: "comment-inside", "-> u32 {\n    1\n}" => "-> u32 {\n    // One.\n    1\n}";
    OTHER_FORMAT: "format", "-> u32 {\n    1\n}" => "-> u32 { 1 }";
    UNIT_TEST: "unit-test", "/// Counts its drops." => "#[cfg(test)]\nmod tests {\n    #[test]\n    fn it() {}\n}\n\n/// Counts its drops.";
}

/// This machine's target.
const TARGET: &str = if cfg!(target_arch = "aarch64") {
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
    let mut project = Project::new(fixture)
        .features(build.features)
        .release(build.release)
        .env("RUSTFLAGS", build.rustflags);
    if let Some(place) = build.place {
        project = project.at(place);
    }
    if build.targeted {
        project = project.target(TARGET);
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
pub(crate) fn is_there(linker: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .any(|folder| folder.join(format!("ld.{linker}")).exists() || folder.join(linker).exists())
}
