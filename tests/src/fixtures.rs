//! The hosts and modules of the scenarios.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::process::{self, Ended};
use crate::project::Project;
use crate::sources::Tokio;

/// How long a scenario's process may take.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// One way to build host and modules.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Which tokio.
    tokio: Tokio,
    /// Whether with cargo's release profile.
    release: bool,
    /// Link-time optimisation, if other than the fixtures' `Cargo.toml` say, which is thin.
    lto: Option<&'static str>,
    /// The fixture's feature that chooses tokio's.
    features: &'static str,
}

/// The fork, unoptimised, all of tokio's features.
pub const DEV_FULL: Config = Config {
    tokio: Tokio::Fork,
    release: false,
    lto: None,
    features: "full",
};
/// The fork, unoptimised, without `parking_lot`.
pub const DEV_NO_PARKING_LOT: Config = Config {
    features: "no-parking-lot",
    ..DEV_FULL
};
/// The fork, optimised, all of tokio's features. The host and the second module have thin LTO, the
/// first module has [fat LTO](fat).
pub const RELEASE_FULL: Config = Config {
    release: true,
    ..DEV_FULL
};
/// The fork, optimised, without LTO, without `parking_lot`.
pub const RELEASE_NO_PARKING_LOT: Config = Config {
    release: true,
    lto: Some("off"),
    ..DEV_NO_PARKING_LOT
};
/// The tokio of the registry, all features: the negative control.
pub const REGISTRY_FULL: Config = Config {
    tokio: Tokio::Registry,
    ..DEV_FULL
};
/// The tokio of the registry without `parking_lot`.
pub const REGISTRY_NO_PARKING_LOT: Config = Config {
    tokio: Tokio::Registry,
    ..DEV_NO_PARKING_LOT
};

/// A host and its modules.
#[derive(Clone, Debug)]
pub struct Built {
    /// The program.
    pub host: PathBuf,
    /// What it loads.
    pub modules: Vec<PathBuf>,
}

/// Fat LTO, one unit, no symbols: what a release of a product looks like.
///
/// For the last rustc only, where all three take effect: the dependencies are bitcode, as for thin
/// LTO, and have been compiled.
pub fn fat(project: Project) -> Project {
    project
        .rustc("-Clto=fat")
        .rustc("-Cstrip=symbols")
        .rustc("-Ccodegen-units=1")
}

impl Config {
    fn project(&self, fixture: &str) -> Project {
        let features = match self.tokio {
            Tokio::Fork => format!("patched,{}", self.features),
            Tokio::Registry => self.features.to_owned(),
        };
        let project = Project::new(fixture)
            .tokio(self.tokio)
            .features(&features)
            .release(self.release);
        match self.lto {
            Some(lto) => project.env("CARGO_PROFILE_RELEASE_LTO", lto),
            None => project,
        }
    }

    /// The host and both modules, each built by a cargo of its own.
    pub fn built(&self) -> Built {
        let mut first = self.project("module");
        if self.release && self.lto.is_none() {
            first = fat(first);
        }
        // The second module has the code of the first one, and is there to be another image. For
        // LTO, which compiles all of that code once more, it is not optimised a second time.
        let mut second = self.project("module_b");
        if self.release {
            second = second.rustc("-Copt-level=0");
        }
        Built {
            host: self.project("host").built(),
            modules: vec![first.built(), second.built()],
        }
    }

    /// The module, built once more, as `change` has it.
    pub fn module(&self, change: impl FnOnce(Project) -> Project) -> PathBuf {
        change(self.project("module")).built()
    }

    /// The host, built once more, as `change` has it.
    pub fn host(&self, change: impl FnOnce(Project) -> Project) -> PathBuf {
        change(self.project("host")).built()
    }
}

impl Built {
    /// Runs one scenario in a process of its own.
    pub fn scenario(
        &self,
        flavour: &str,
        name: &str,
        deadline: Duration,
        env: &[(&str, &str)],
    ) -> Ended {
        let mut command = Command::new(&self.host);
        command
            .args([flavour, name])
            .args(&self.modules)
            .envs(env.iter().copied());
        process::run(&mut command, deadline)
    }

    /// Runs one scenario; the test fails with all that was printed unless it succeeds.
    #[track_caller]
    pub fn assert_scenario(&self, flavour: &str, name: &str) {
        self.scenario(flavour, name, DEADLINE, &[]).assert_ok();
    }

    /// The host's own table: each scenario's name and the flavours it runs on.
    pub fn table(&self) -> Vec<(String, Vec<String>)> {
        let ended = process::run(Command::new(&self.host).arg("list"), DEADLINE);
        ended.assert_success();
        let parse = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            let name = words.next().unwrap_or_default();
            (
                name,
                words
                    .filter(|word| word == "multi" || word == "current")
                    .collect(),
            )
        };
        ended.stdout.lines().map(parse).collect()
    }
}
