//! `cargo tls-slots fork`.
//!
//! The library's [`fork`](crate::fork) does the work. Here are the defaults that make the short
//! forms useful: which crates, which versions, and which `Cargo.toml` gets the patch lines. The
//! last is found out before anything is made, so that a wrong `--write` leaves no folder behind.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::shared::{Done, print, progress};
use crate::by_rule::report;
use crate::cargo;
use crate::fork::{self, CrateSpec, DEFAULT_OUT, ForkOptions, Left, Pin, Write};
use crate::progress::Progress;

/// Make the forked crates, and print the patch lines for them
///
/// Gets the upstream release through cargo, so mirrors, vendored sources and checksums are those
/// of any dependency. Applies the recipe to it, lays our own files over it, and writes ordinary
/// crates: one folder for each release, side by side.
///
/// A release that the recipe does not fit, or that has state which the recipe says nothing about,
/// is left as published, and listed with file, line and what helps. So is a crate of your own or
/// from a repository. tokio, and a crate that was named, is an error instead.
///
/// A crate that there is no recipe for is forked by rule: every static and thread-local that is
/// state is shared. What became of each is said, and kept in the fork as tls-slots-report.toml.
///
/// A folder that is up to date is left alone, without any network; one that is not gets only the
/// files that differ. A folder that this command did not make is never touched.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo tls-slots fork
      the crates of this project's Cargo.lock that there are recipes for, into tls-slots-forks/
  cargo tls-slots fork tokio@1.47.5 --out forks
      this very version, into forks/
  cargo tls-slots fork env_logger ctrlc
      these two, for which there is no recipe
  cargo tls-slots fork --write
      also put the patch lines into this workspace's Cargo.toml
  cargo tls-slots fork --check
      in CI: is all of that done?
  cargo tls-slots fork --offline --lockfile ../host/Cargo.lock
      the version that another project uses, from what is on this machine")]
pub(super) struct ForkArgs {
    /// What to fork, as NAME or NAME@VERSION [default: the crates of the lock file that there are
    /// recipes for]
    ///
    /// Without a version: all releases of the lock file, or else the one that Cargo.toml asks for,
    /// or else the one the recipe was made with. A crate without a recipe is forked as well: all of
    /// its state is shared, and what is not is named.
    #[arg(value_name = "NAME[@VERSION]")]
    crates: Vec<CrateSpec>,

    /// The folder that the forks go to [default: the one that the workspace is patched to, or
    /// tls-slots-forks at its root]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Take versions from this lock file instead of the current workspace's
    #[arg(long, value_name = "FILE")]
    lockfile: Option<PathBuf>,

    /// The project whose workspace is meant, instead of the current folder's
    #[arg(long, value_name = "FILE")]
    manifest_path: Option<PathBuf>,

    /// Put the patch lines into a Cargo.toml [default: the workspace's own]
    ///
    /// The paths are relative to that file; what else the file holds stays as it is.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    write: Option<Option<PathBuf>>,

    /// With --write: replace patches of these crates that are not of this command
    #[arg(long, requires = "write")]
    force: bool,

    /// Move a dependency of the forks to this version
    ///
    /// The forks depend on one version each of some packages. Without this, that is the version of
    /// the lock file, so `cargo update` alone cannot move it. Says how the lock
    /// file follows. Can be given several times.
    #[arg(long, value_name = "NAME@VERSION", conflicts_with = "check")]
    pin: Vec<Pin>,

    /// Fail if any crate is left as published, not only if one was named or is tokio
    #[arg(long)]
    strict: bool,

    /// Change nothing; say what is out of step between lock file, patch lines and forks
    ///
    /// Needs no network and reads no sources, so it is quick enough for a build script. Exits with
    /// 1 if there is anything to say.
    #[arg(long, conflicts_with_all = ["write", "offline"])]
    check: bool,

    /// Use only what is on this machine
    #[arg(long)]
    offline: bool,

    /// Say nothing but the result
    #[arg(long, short)]
    quiet: bool,
}

impl ForkArgs {
    /// Forks these crates for a project, and patches it: `fork NAME… --write`.
    pub(super) fn written(
        crates: Vec<CrateSpec>,
        manifest_path: Option<PathBuf>,
        offline: bool,
        quiet: bool,
    ) -> Self {
        Self {
            crates,
            out: None,
            lockfile: None,
            manifest_path,
            write: Some(None),
            force: false,
            pin: Vec::new(),
            strict: false,
            check: false,
            offline,
            quiet,
        }
    }

    /// Makes the forks, and prints the patch lines.
    pub(super) fn run(self) -> Done {
        let progress = progress(self.quiet);
        let options = self.options(progress.clone())?;
        if self.check {
            return self.check(&options);
        }
        let forked = fork::fork(&options)?;
        for one in &forked.crates {
            if let Some(report) = &one.report {
                progress.line(&report.to_string());
                let file = one.dir.join(report::FILE);
                progress.line(&format!("  all of it: {}", file.display()));
            }
        }
        show_left(&forked.left, &progress);
        if let (Some(write), Some(changed)) = (&options.write, forked.patched) {
            let file = write.cargo_toml.display();
            progress.line(&match changed {
                true => format!("patched {file}"),
                false => format!("{file} has the patches already"),
            });
        }
        print(&forked.patch_lines())?;
        Ok(ExitCode::SUCCESS)
    }

    /// Prints what is out of step, and which command helps, if one does. That is the answer "no",
    /// and not an error.
    fn check(&self, options: &ForkOptions) -> Done {
        let problems = fork::check(options)?;
        let mut text = String::new();
        for one in &problems {
            text += &format!("{}\n", one.says);
        }
        if problems.iter().any(|one| one.write_helps) {
            text += &format!("run `cargo tls-slots fork{} --write`\n", self.project());
        }
        print(&text)?;
        Ok(match problems.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    /// The arguments that say what is forked, of which project, and where to.
    fn project(&self) -> String {
        let mut text = String::new();
        for spec in &self.crates {
            text += &match &spec.version {
                Some(version) => format!(" {}@{version}", spec.name),
                None => format!(" {}", spec.name),
            };
        }
        for (flag, path) in [
            ("out", &self.out),
            ("lockfile", &self.lockfile),
            ("manifest-path", &self.manifest_path),
        ] {
            if let Some(path) = path {
                text += &format!(" --{flag} {}", path.display());
            }
        }
        text
    }

    /// What these arguments ask the library for.
    ///
    /// Which file would be written, and which folder the workspace is patched to, is found out
    /// here, before anything is made.
    fn options(&self, progress: Progress) -> Result<ForkOptions, Box<dyn Error>> {
        let around = match &self.lockfile {
            Some(lockfile) => Some(lockfile.with_file_name("Cargo.toml")),
            None => cargo::workspace_cargo_toml(Path::new("."), self.manifest_path.as_deref())
                .map_err(fork::Error::Workspace)?,
        };
        let around = around.filter(|path| path.is_file());
        let to_write = match &self.write {
            None => None,
            Some(Some(path)) => Some(path.clone()),
            Some(None) => Some(around.clone().ok_or(
                "there is no Cargo.toml around the current folder; name one after --write",
            )?),
        };
        // Another project's lock file says nothing about where this one's forks are.
        let own = around.filter(|_| self.lockfile.is_none());
        let out = match (&self.out, to_write.as_ref().or(own.as_ref())) {
            (Some(out), _) => Some(out.clone()),
            (None, Some(cargo_toml)) => fork::fork_folder(cargo_toml)?,
            (None, None) => None,
        };
        // All members of a workspace have one folder, wherever the command runs.
        let beside = own.as_ref().and_then(|cargo_toml| cargo_toml.parent());
        let default = || beside.unwrap_or(Path::new("")).join(DEFAULT_OUT);
        Ok(ForkOptions {
            crates: self.crates.clone(),
            strict: self.strict,
            out: out.unwrap_or_else(default),
            lockfile: self.lockfile.clone(),
            more_lockfiles: Vec::new(),
            pins: self.pin.clone(),
            manifest_path: self.manifest_path.clone(),
            offline: self.offline,
            folder: PathBuf::from("."),
            by_config: false,
            write: to_write.map(|cargo_toml| Write {
                cargo_toml,
                force: self.force,
            }),
            progress,
        })
    }
}

/// Says what is left as published: first what needs no fork, then the rest, and what happens to it.
fn show_left(left: &[Left], progress: &Progress) {
    let (harmless, left): (Vec<_>, Vec<_>) = left.iter().partition(|one| one.is_harmless());
    for one in harmless {
        progress.line(&one.to_string());
    }
    if left.is_empty() {
        return;
    }
    progress.line(
        "\nLeft as published; host and module each have their own state of these, and no value of \
         them may go from one to the other:\n",
    );
    for one in left {
        progress.line(&format!("- {}", one.to_string().replace('\n', "\n  ")));
    }
}
