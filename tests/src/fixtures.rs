//! The hosts and modules of the scenarios.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::process::{self, Ended};
use crate::project::{Project, Tokio, once_per_run};

/// How long a scenario's process may take.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// One way to build host and modules.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Its name, also that of its folders.
    pub name: &'static str,
    /// Which tokio.
    pub tokio: Tokio,
    /// Whether with cargo's release profile: with thin LTO, or, without `parking_lot`, with none.
    pub release: bool,
    /// The fixture's feature that chooses tokio's.
    pub features: &'static str,
}

/// The fork, unoptimised, all of tokio's features.
pub const DEV_FULL: Config = Config {
    name: "dev-full",
    tokio: Tokio::Fork,
    release: false,
    features: "full",
};
/// The fork, unoptimised, without `parking_lot`.
pub const DEV_NO_PARKING_LOT: Config = Config {
    name: "dev-no-parking-lot",
    tokio: Tokio::Fork,
    release: false,
    features: "no-parking-lot",
};
/// The fork, optimised, all of tokio's features.
pub const RELEASE_FULL: Config = Config {
    name: "release-full",
    tokio: Tokio::Fork,
    release: true,
    features: "full",
};
/// The fork, optimised, without `parking_lot`.
pub const RELEASE_NO_PARKING_LOT: Config = Config {
    name: "release-no-parking-lot",
    tokio: Tokio::Fork,
    release: true,
    features: "no-parking-lot",
};
/// The tokio of the registry, all features: the negative control.
pub const REGISTRY_FULL: Config = Config {
    name: "dev-full",
    tokio: Tokio::Registry,
    release: false,
    features: "full",
};
/// The tokio of the registry without `parking_lot`.
pub const REGISTRY_NO_PARKING_LOT: Config = Config {
    name: "dev-no-parking-lot",
    tokio: Tokio::Registry,
    release: false,
    features: "no-parking-lot",
};

/// A host and its modules.
#[derive(Clone, Debug)]
pub struct Built {
    /// The program.
    pub host: PathBuf,
    /// What it loads.
    pub modules: Vec<PathBuf>,
}

impl Config {
    /// The host's target directory is never a module's. The two modules have one each where that
    /// is cheap; elsewhere they share their dependencies' builds, and each still has its own copy
    /// of tokio inside.
    fn project(&self, fixture: &str) -> Project {
        let target = match fixture {
            "module_b" if (self.tokio, self.name) != (DEV_FULL.tokio, DEV_FULL.name) => "module",
            own => own,
        };
        let project = Project::new(self.tokio, fixture).target(&format!("{}/{target}", self.name));
        if self.name == RELEASE_NO_PARKING_LOT.name {
            // The manifests say thin; this is the build without any.
            return project.env("CARGO_PROFILE_RELEASE_LTO", "off");
        }
        project
    }

    /// Builds all three, each by a cargo of its own, unless this run has done so.
    pub fn built(&self) -> Built {
        let features = match self.tokio {
            Tokio::Fork => format!("patched,{}", self.features),
            Tokio::Registry => self.features.to_owned(),
        };
        let mut arguments = vec!["build", "--features", &features];
        if self.release {
            arguments.push("--release");
        }
        once_per_run(&format!("{:?}-{}", self.tokio, self.name), |building| {
            for fixture in ["host", "module", "module_b"] {
                self.project(fixture).build(building, &arguments);
            }
        });
        let profile = if self.release { "release" } else { "debug" };
        let module = |fixture| {
            self.project(fixture)
                .artifact(&format!("{profile}/libfixture_{fixture}.so"))
        };
        Built {
            host: self
                .project("host")
                .artifact(&format!("{profile}/fixture-host")),
            modules: vec![module("module"), module("module_b")],
        }
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
        let ended = self.scenario(flavour, name, DEADLINE, &[]);
        ended.assert_success();
        assert_eq!(ended.result(), Some("ok"), "{ended}");
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
