//! The programs that several sections measure, and how they are called.
//!
//! All variants of a workload come from one source, `projects/program`. What differs is the tokio
//! that it is built with, and whether it is given a module:
//!
//! | variant | tokio | module |
//! | --- | --- | --- |
//! | static, upstream | the registry's | none |
//! | static, off | the fork without its feature | none |
//! | static, on | the fork with it | none |
//! | module | the fork with it | `projects/module`, which has a tokio of its own |

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::project::{Build, Profile, Tokio, Work};

/// The programs that have the accesses of std and of tls-keys.
#[derive(Clone, Debug)]
pub struct Ours {
    /// The host: `projects/program` with the feature `slots`.
    pub program: PathBuf,
    /// The module: `projects/module`.
    pub module: PathBuf,
}

impl Ours {
    /// Builds host and module, each by a cargo of its own. Their tokio is compiled once, and each
    /// has a copy of it.
    ///
    /// # Errors
    ///
    /// If cargo fails.
    pub fn build(work: &Work, profile: Profile) -> Result<Self, Error> {
        let built = work.build(Build {
            project: "program",
            tokio: Tokio::Fork,
            features: "slots",
            profile,
            target: "ours",
        })?;
        let program = built.join("bench-program");
        let built = work.build(Build {
            project: "module",
            tokio: Tokio::Fork,
            features: "",
            profile,
            target: "ours",
        })?;
        let module = built.join("libbench_module.so");
        Ok(Self { program, module })
    }

    /// The command for `n` accesses of one kind, to thread-locals of one set: `std` or `slots`.
    pub fn access(&self, set: &str, kind: &str, n: u64, in_module: bool) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["access", set, kind, &n.to_string()]);
        if in_module {
            command.arg(&self.module);
        }
        command
    }
}

/// The programs of the section `runtime` in one profile.
#[derive(Clone, Debug)]
pub struct Programs {
    /// For each variant the program, and the module that it loads.
    programs: Vec<(PathBuf, Option<PathBuf>)>,
}

impl Programs {
    /// Builds the programs of all variants.
    ///
    /// # Errors
    ///
    /// If cargo fails.
    pub fn build(work: &Work, profile: Profile) -> Result<Self, Error> {
        let statically = |tokio, target| {
            let built = work.build(Build {
                project: "program",
                tokio,
                features: "",
                profile,
                target,
            })?;
            Ok::<_, Error>((built.join("bench-program"), None))
        };
        let upstream = statically(Tokio::Upstream, "upstream")?;
        let off = statically(Tokio::Fork, "off")?;
        let ours = Ours::build(work, profile)?;
        Ok(Self {
            programs: vec![
                upstream,
                off,
                (ours.program.clone(), None),
                (ours.program, Some(ours.module)),
            ],
        })
    }

    /// The program of a variant.
    pub fn program(&self, variant: usize) -> PathBuf {
        self.programs[variant].0.clone()
    }

    /// The command that runs a workload in a variant.
    pub fn command(&self, variant: usize, flavour: &str, workload: &str, n: u64) -> Command {
        let (program, module) = &self.programs[variant];
        run(program, module.as_deref(), flavour, workload, n)
    }
}

/// The command that runs a workload in a program.
pub fn run(
    program: &Path,
    module: Option<&Path>,
    flavour: &str,
    workload: &str,
    n: u64,
) -> Command {
    let mut command = Command::new(program);
    command
        .args(["run", flavour, workload, &n.to_string()])
        .args(module);
    command
}
