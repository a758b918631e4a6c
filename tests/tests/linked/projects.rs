//! Small projects that are written and built at test time: what a row is about is a line of their
//! `Cargo.toml`, or a flag of rustc.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use cargo_tls_slots::cargo;
use cargo_tls_slots::fork::{self, ForkOptions, Forked};
use cargo_tls_slots::with_causes;
use tls_slots_tests::building::Building;
use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::scratch;

/// The longest that one cargo invocation may take.
const BUILD: Duration = Duration::from_secs(600);

/// What a project is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A program that loads modules.
    Host,
    /// A `cdylib`.
    Module,
    /// A `cdylib` that links nothing of ours.
    Library,
    /// A Rust `dylib` that hosts link when they are built.
    Dylib,
}

/// A project: how it is written, and how it is built.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    /// The package's name. Each project has its own.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Lines of `[dependencies]`, beside what every host and every module has.
    pub(crate) dependencies: &'static str,
    /// The body of `fn link()`, which host and module call.
    pub(crate) link: &'static str,
    /// The crates that are patched to their forks; those of ours always are.
    pub(crate) forks: &'static [&'static str],
    /// Lines at the end of `Cargo.toml`.
    pub(crate) settings: &'static str,
    /// Arguments for the last rustc.
    pub(crate) rustc: &'static [&'static str],
}

/// A host that links nothing else.
pub(crate) const HOST: Project = Project {
    name: "linked-host",
    kind: Kind::Host,
    dependencies: "",
    link: "",
    forks: &[],
    settings: "",
    rustc: &[],
};

/// A module that links nothing else.
pub(crate) const MODULE: Project = Project {
    name: "linked-module",
    kind: Kind::Module,
    ..HOST
};

/// Of hosts: cargo takes no `cargo::` from the build script of such a package.
const OLD: &str = "edition = \"2021\"\nrust-version = \"1.70\"\n";

const OF_A_HOST: &str = "libloading = \"0.9\"
tls-keys = \"0.1\"
tls-slots = \"0.1\"
tls-slots-load = \"0.1\"

[build-dependencies]
tls-slots-build = \"0.1\"
";

const OF_A_MODULE: &str = "tls-keys = { version = \"0.1\", features = [\"std\"] }

[lib]
crate-type = [\"cdylib\"]
";

const OF_A_DYLIB: &str = "tls-keys = { version = \"0.1\", features = [\"std\"] }

[lib]
crate-type = [\"dylib\"]
";

const OF_A_LIBRARY: &str = "
[lib]
crate-type = [\"cdylib\"]
";

/// The forks, made once per process.
fn forked() -> &'static Forked {
    static FORKED: LazyLock<Forked> = LazyLock::new(|| {
        let mut options = ForkOptions::new(scratch().join("linked/forks"));
        let crates = ["arc-swap@1.9.2", "log@0.4.30", "tokio@1.54.1"];
        options.crates = crates.map(|one| one.parse().expect("a release")).to_vec();
        fork::fork(&options)
            .unwrap_or_else(|error| panic!("the fork failed: {}", with_causes(&error)))
    });
    &FORKED
}

/// Writes a file, unless it has this content already: cargo looks at the time of a file.
fn write(path: &Path, content: &str) {
    if fs::read_to_string(path).is_ok_and(|old| old == content) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder of ours");
    fs::write(path, content).expect("a folder of ours");
}

impl Project {
    /// Builds the project, and gives its program or shared library.
    #[track_caller]
    pub(crate) fn built(&self) -> PathBuf {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let _building = Building::begin();
        let folder = self.write();
        let mut command = self.cargo(&folder, "rustc");
        process::run(command.arg("--").args(self.rustc), BUILD).assert_success();
        let file = match self.kind {
            Kind::Host => self.name.to_owned(),
            _ => format!("lib{}.so", self.name.replace('-', "_")),
        };
        target().join("debug").join(file)
    }

    /// Writes the project's files. Gives its folder.
    pub(crate) fn write(&self) -> PathBuf {
        let folder = scratch().join("linked").join(self.name);
        let Project {
            name,
            dependencies,
            settings,
            link,
            ..
        } = self;
        let (own, source, text) = match self.kind {
            Kind::Host => (OF_A_HOST, "src/main.rs", include_str!("host.rs.in")),
            Kind::Module => (OF_A_MODULE, "src/lib.rs", include_str!("module.rs.in")),
            Kind::Dylib => (OF_A_DYLIB, "src/lib.rs", include_str!("dylib.rs.in")),
            Kind::Library => (OF_A_LIBRARY, "src/lib.rs", include_str!("library.rs.in")),
        };
        let package = match self.kind {
            Kind::Host => OLD,
            _ => "edition = \"2024\"\n",
        };
        write(
            &folder.join("Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n{package}\n\
                 [dependencies]\n{dependencies}{own}\n[profile.dev]\n\
                 debug = \"line-tables-only\"\n{settings}\n[workspace]\n"
            ),
        );
        write(&folder.join(source), &text.replace("/* link */", link));
        if self.kind == Kind::Host {
            let build = "fn main() {\n    tls_slots_build::host();\n}\n";
            write(&folder.join("build.rs"), build);
        }
        folder
    }

    /// Writes the project, and has `cargo vendor` copy what it takes from the registry: to the
    /// folder `vendor` beside the projects' folders.
    pub(crate) fn vendor(&self) {
        let folder = self.write();
        let mut command = self.cargo(&folder, "vendor");
        process::run(command.arg("../vendor"), BUILD).assert_success();
    }

    fn cargo(&self, folder: &Path, subcommand: &str) -> Command {
        let mut command = Command::new(cargo::program());
        cargo::isolate(&mut command);
        command.current_dir(folder).arg(subcommand);
        let is_ours = |name: &str| name.starts_with("tls-");
        let patches =
            forked().config_args(|one| is_ours(&one.name) || self.forks.contains(&&*one.name));
        command
            .args(patches)
            .env("CARGO_TARGET_DIR", target())
            .env("CARGO_INCREMENTAL", "0");
        command
    }
}

/// Runs a program that may need shared libraries of Rust's, or of these projects.
pub(crate) fn run(command: &mut Command, deadline: Duration) -> Ended {
    static STD: LazyLock<String> = LazyLock::new(|| {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let found = Command::new(rustc)
            .args(["--print", "target-libdir"])
            .output();
        let found = found.expect("there is a rustc").stdout;
        String::from_utf8(found).expect("a path").trim().to_owned()
    });
    let folders = [PathBuf::from(&*STD), target().join("debug/deps")];
    let path = std::env::join_paths(folders).expect("no colon in them");
    process::run(command.env("LD_LIBRARY_PATH", path), deadline)
}

/// The target folder of all these projects.
fn target() -> PathBuf {
    scratch().join("linked/target")
}
