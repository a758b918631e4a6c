//! The command line: results on standard output, everything else on standard error.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use semver::Version;

use crate::audit;
use crate::build::{self, ArtifactKind, BuildOptions};
use crate::by_rule::report;
use crate::cargo;
use crate::check;
use crate::conformance::{self, Mode, Options, Suite};
use crate::fork::{self, CrateSpec, DEFAULT_OUT, ForkOptions};
use crate::inspect;
use crate::progress::Progress;
use crate::watch::{Watch, WatchEvent, WatchOptions};

#[derive(Parser)]
#[command(
    name = "cargo tls-slots",
    bin_name = "cargo tls-slots",
    version,
    about = "One tokio runtime across a program and the modules it loads",
    long_about = "One tokio runtime across a program (the host) and the shared libraries that it \
                  loads (modules).\n\n\
                  Host and modules are built apart and share no crate, so each would have a tokio \
                  of its own. `fork` makes the tokio that uses the host's state instead, from the \
                  release that cargo gets and a recipe that this command carries. `build` builds \
                  projects with it, without a change to their manifests. `check` tells from the \
                  built files whether modules fit their host.",
    after_help = "Examples:\n  \
                  cargo tls-slots fork --write        fork tokio, and patch this project to it\n  \
                  cargo tls-slots build --manifest-path host/Cargo.toml --manifest-path module/Cargo.toml\n  \
                  cargo tls-slots check host/target/debug/host module/target/debug/libmodule.so",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Fork(ForkArgs),
    Build(BuildArgs),
    Watch(WatchArgs),
    Check(CheckArgs),
    Inspect(InspectArgs),
    Audit(AuditArgs),
    Conformance(ConformanceArgs),
}

/// Make the forked crates, and print the patch lines for them
///
/// Gets the upstream release through cargo, so mirrors, vendored sources and checksums are those
/// of any dependency. Applies the recipe to it, lays our own files over it, and writes ordinary
/// crates: one folder for each, side by side. An edit that does not fit the release, or state in
/// it that the recipe says nothing about, is an error that names file, line and static.
///
/// A crate that there is no recipe for is forked by rule: every static and thread-local that is state is
/// shared. What became of each is said, and kept in the fork as tls-slots-report.toml.
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
      also put the patch lines into this workspace's manifest
  cargo tls-slots fork --offline --lockfile ../host/Cargo.lock
      the version that another project uses, from what is on this machine")]
struct ForkArgs {
    /// What to fork, as NAME or NAME@VERSION [default: the crates of the lock file that there are
    /// recipes for]
    ///
    /// Without a version: that of the lock file, or else the one the recipe was made with. A crate
    /// without a recipe is forked as well: all of its state is shared, and what is not is named.
    #[arg(value_name = "NAME[@VERSION]")]
    crates: Vec<CrateSpec>,

    /// The folder that the forks go to
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    out: PathBuf,

    /// Take versions from this lock file instead of the current workspace's
    #[arg(long, value_name = "FILE")]
    lockfile: Option<PathBuf>,

    /// The project whose workspace is meant, instead of the current folder's
    #[arg(long, value_name = "FILE")]
    manifest_path: Option<PathBuf>,

    /// Put the patch lines into a manifest [default: the workspace's own]
    ///
    /// The paths are relative to the manifest; what else it holds stays as it is.
    #[arg(long, value_name = "MANIFEST", num_args = 0..=1)]
    write: Option<Option<PathBuf>>,

    /// Use only what is on this machine
    #[arg(long)]
    offline: bool,

    /// Say nothing but the result
    #[arg(long, short)]
    quiet: bool,
}

/// Build hosts and modules, each by a cargo of its own, with the patches in place
///
/// Makes the forks first if need be, in the version of tokio that the projects' lock files hold.
/// Each project is built in its own target folder and with its own lock file. Prints the
/// programs and shared libraries that were made, one path on a line.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo tls-slots build
      the project in the current folder
  cargo tls-slots build --release --manifest-path host/Cargo.toml --manifest-path modules/a/Cargo.toml
      a host and a module, optimised
  cargo tls-slots build -- --features extra
      with more arguments for cargo")]
struct BuildArgs {
    /// A project to build; can be given again [default: ./Cargo.toml]
    #[arg(long = "manifest-path", value_name = "FILE")]
    manifests: Vec<PathBuf>,

    /// Build with optimisations
    #[arg(long, short)]
    release: bool,

    /// The folder of the forks
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    fork_dir: PathBuf,

    /// Use only what is on this machine
    #[arg(long)]
    offline: bool,

    /// Say nothing but the result
    #[arg(long, short)]
    quiet: bool,

    /// More arguments for each `cargo build`
    #[arg(last = true, value_name = "CARGO ARGS")]
    cargo_args: Vec<String>,
}

/// Build modules again whenever their sources change
///
/// Builds each project as `build` does, and then again when one of its files changes: those of its package, of the
/// packages that it depends on by path, and others that the compiler read. What the compiler says is printed,
/// and the project stays watched. Ctrl-C ends it.
///
/// With --out, each built library is copied there under another name and then renamed, so that a host that
/// watches the file (`tls_slots_load::Reload`) never finds half of it; cargo writes its own in place.
#[derive(Args)]
#[command(after_help = "\
Standard output has a line for each result, with the time in milliseconds at its end:
  built NAME PATH MS        NAME's file is new, and PATH is complete
  unchanged MANIFEST MS     a file changed, and cargo had nothing to build
  failed MANIFEST MS        the reason is on standard error; the last file stays

Examples:
  cargo tls-slots watch --out target/live
      the project in the current folder, published in target/live
  cargo tls-slots watch --release --out live --manifest-path modules/a/Cargo.toml --manifest-path modules/b/Cargo.toml
      two modules, optimised
  cargo tls-slots watch --out live -- --package a --features extra
      one package of a workspace, with more arguments for cargo")]
struct WatchArgs {
    /// Copy each built library there, so that nobody reads half of it
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    #[command(flatten)]
    build: BuildArgs,
}

/// Compare modules with the host that is to load them
///
/// Reads what host and modules say about themselves (compiler, profile, forked crates with their versions,
/// features and cfgs, shared keys) and compares it as the host's loader would, without loading anything. Files
/// of another architecture can be compared as well.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  every module fits
  1  a module does not fit: build it as the text says
  2  a file cannot be read, or is no host or no module

Examples:
  cargo tls-slots check host/target/debug/host module/target/debug/libmodule.so
      a host and a module, as they were built
  cargo tls-slots check host modules/*.so --format json
      for a program: a status, a reason and a list of differences for each module")]
struct CheckArgs {
    /// The program that is to load the modules
    host: PathBuf,

    /// The modules
    #[arg(required = true, value_name = "MODULE")]
    modules: Vec<PathBuf>,

    /// How the result is written
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// Print what a host or module says about itself
///
/// Which compiler built it and how, which forked crates are in it, in which versions and with which features
/// and cfgs, and which thread-locals and statics it may share: all that `check` compares. Nothing is
/// loaded.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  it is there
  2  the file cannot be read, or is no host and no module

Examples:
  cargo tls-slots inspect module/target/debug/libmodule.so
      for a person
  cargo tls-slots inspect host/target/debug/host --format json
      for a program")]
struct InspectArgs {
    /// The host or module
    file: PathBuf,

    /// How the result is written
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// Say what state a host or module has, and what of it is not shared
///
/// Reads the symbols of a built file: every thread-local and every static in writable memory, by crate.
/// A key is shared where the host has the same; everything else each image has for itself, and what is known
/// of that is said: that a copy is right, or that it breaks, and which command shares it.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  it was read, and nothing is denied
  1  something is denied
  2  the file cannot be read, is no host or module, or has no symbols

Examples:
  cargo tls-slots audit module/target/release/libmodule.so
      for a person
  cargo tls-slots audit --deny host/target/release/host module/target/release/libmodule.so
      for CI: fails if anything is not shared that is known to break")]
struct AuditArgs {
    /// The hosts and modules
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// How the result is written
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,

    /// Fail if there is state that is known to break, or that nobody has looked at
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true,
          default_missing_value = "breaks")]
    deny: Option<Deny>,
}

/// What an audit does not let pass.
#[derive(Clone, Copy, ValueEnum)]
enum Deny {
    /// What is known to break
    Breaks,
    /// That, and what nobody has looked at
    Unknown,
}

/// How a result is written.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For a person
    Table,
    /// For a program
    Json,
}

/// Run tokio's own tests on the fork
///
/// Forks tokio, and runs the tests that upstream's package carries: untouched, on the fork without
/// and with `external-tls`, and from inside a module. Prints a table, and fails if a test fails
/// that passes on untouched upstream in the same run, or if the list of exceptions is out of
/// date.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo tls-slots conformance
      tokio's integration tests in every mode
  cargo tls-slots conformance --quick
      some of them, self-hosted and in a module: a few minutes
  cargo tls-slots conformance --suite lib,doc,unstable,loom --out conformance/results.toml
      the other suites, with the results kept in a file")]
struct ConformanceArgs {
    /// The modes, commas between [default: all that a suite has]
    #[arg(long, value_name = "MODES", value_delimiter = ',')]
    mode: Vec<Mode>,

    /// The suites, commas between
    #[arg(
        long,
        value_name = "SUITES",
        value_delimiter = ',',
        default_value = "integration"
    )]
    suite: Vec<Suite>,

    /// The releases of tokio, commas between
    #[arg(long, value_name = "VERSIONS", value_delimiter = ',',
          default_value = conformance::DEFAULT_VERSION)]
    version: Vec<Version>,

    /// Only this file of the integration tests; can be given again
    #[arg(long = "test", value_name = "FILE")]
    files: Vec<String>,

    /// A few files of the integration tests, self-hosted and in a module
    #[arg(long, conflicts_with_all = ["mode", "suite", "files"])]
    quick: bool,

    /// Keep the results in this TOML file, and as RESULTS.md beside it
    ///
    /// What the file says about other suites and modes stays.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// The folder for everything that is built
    #[arg(long, value_name = "DIR", default_value = "target/conformance")]
    work: PathBuf,

    /// How many tests run at a time [default: one per processor]
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,

    /// Use only what is on this machine
    #[arg(long)]
    offline: bool,

    /// Say nothing but the result
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the command with the process's arguments.
pub fn main() -> ExitCode {
    // `cargo tls-slots …` runs `cargo-tls-slots tls-slots …`.
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "tls-slots") {
        arguments.remove(1);
    }
    let command = Cli::parse_from(arguments).command;
    let trouble = match command {
        // 1 is the answer "does not fit".
        Command::Check(_) | Command::Inspect(_) | Command::Audit(_) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    };
    let done = match command {
        Command::Fork(args) => run_fork(args).map(|()| ExitCode::SUCCESS),
        Command::Build(args) => run_build(args).map(|()| ExitCode::SUCCESS),
        Command::Watch(args) => run_watch(args).map(|()| ExitCode::SUCCESS),
        Command::Check(args) => run_check(args),
        Command::Inspect(args) => run_inspect(args).map(|()| ExitCode::SUCCESS),
        Command::Audit(args) => run_audit(args),
        Command::Conformance(args) => run_conformance(args).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{}", report(&*error));
        trouble
    })
}

/// An error and what caused it, each once.
fn report(error: &dyn Error) -> String {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(
            "\n  because: {}",
            error.to_string().trim_end().replace('\n', "\n  ")
        );
        cause = error.source();
    }
    text
}

fn progress(quiet: bool) -> Progress {
    match quiet {
        true => Progress::silent(),
        false => Progress::stderr(),
    }
}

fn run_fork(args: ForkArgs) -> Result<(), Box<dyn Error>> {
    let progress = progress(args.quiet);
    // Before anything is made: which manifest would be written?
    let manifest = match &args.write {
        None => None,
        Some(Some(path)) => Some(path.clone()),
        Some(None) => Some(
            cargo::workspace_manifest(Path::new("."), args.manifest_path.as_deref()).ok_or(
                "there is no Cargo.toml around the current folder; name one after --write",
            )?,
        ),
    };
    let forked = fork::fork(&ForkOptions {
        crates: args.crates,
        out: args.out,
        lockfile: args.lockfile,
        more_lockfiles: Vec::new(),
        manifest_path: args.manifest_path,
        offline: args.offline,
        folder: PathBuf::from("."),
        progress: progress.clone(),
    })?;
    for one in &forked.crates {
        if let Some(report) = &one.report {
            progress.line(&report.to_string());
            let file = one.dir.join(report::FILE);
            progress.line(&format!("  all of it: {}", file.display()));
        }
    }
    if let Some(manifest) = manifest {
        match forked.write_patches(&manifest)? {
            true => progress.line(&format!("patched {}", manifest.display())),
            false => progress.line(&format!("{} has the patches already", manifest.display())),
        }
    }
    print(&forked.patch_lines())
}

fn build_options(args: BuildArgs) -> BuildOptions {
    let mut manifests = args.manifests;
    if manifests.is_empty() {
        manifests.push(PathBuf::from("Cargo.toml"));
    }
    BuildOptions {
        manifests,
        release: args.release,
        offline: args.offline,
        fork_dir: args.fork_dir,
        cargo_args: args.cargo_args,
        progress: progress(args.quiet),
    }
}

fn run_watch(args: WatchArgs) -> Result<(), Box<dyn Error>> {
    let options = WatchOptions {
        builds: vec![build_options(args.build)],
        out: args.out,
    };
    let watch = Watch::new(options)?;
    let stop = watch.stop();
    let mut failure = None;
    watch.run(|event| {
        let line = match event {
            WatchEvent::Built {
                artifact,
                path,
                took,
            } => format!(
                "built {} {} {}\n",
                artifact.target,
                path.display(),
                took.as_millis()
            ),
            WatchEvent::Unchanged { manifest, took } => {
                format!("unchanged {} {}\n", manifest.display(), took.as_millis())
            }
            WatchEvent::Failed {
                manifest,
                error,
                took,
            } => {
                eprintln!("{}", report(&error));
                format!("failed {} {}\n", manifest.display(), took.as_millis())
            }
        };
        let written = io::stdout().write_all(line.as_bytes());
        if let Err(error) = written.and_then(|()| io::stdout().flush()) {
            // Whoever read the lines has gone.
            stop.stop();
            if error.kind() != io::ErrorKind::BrokenPipe {
                failure = Some(error);
            }
        }
    });
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

fn run_build(args: BuildArgs) -> Result<(), Box<dyn Error>> {
    let artifacts = build::build(&build_options(args))?;
    let mut lines = String::new();
    for artifact in artifacts {
        let kind = match artifact.kind {
            ArtifactKind::Executable => "program",
            ArtifactKind::Cdylib => "module ",
        };
        lines += &format!("{kind} {}\n", artifact.path.display());
    }
    print(&lines)
}

fn run_check(args: CheckArgs) -> Result<ExitCode, Box<dyn Error>> {
    let report = check::check(&args.host, &args.modules)?;
    match args.format {
        Format::Table => print(&report.render())?,
        Format::Json => print(&format!("{:#}\n", report.json()))?,
    }
    Ok(ExitCode::from(report.status()))
}

fn run_inspect(args: InspectArgs) -> Result<(), Box<dyn Error>> {
    let image = inspect::read(&args.file)?;
    match args.format {
        Format::Table => print(&image.render()),
        Format::Json => print(&format!("{:#}\n", image.json())),
    }
}

fn run_audit(args: AuditArgs) -> Result<ExitCode, Box<dyn Error>> {
    let audits = args
        .files
        .iter()
        .map(|file| audit::audit(file))
        .collect::<Result<Vec<_>, _>>()?;
    match args.format {
        Format::Table => {
            let texts: Vec<String> = audits.iter().map(audit::Audit::render).collect();
            print(&texts.join("\n"))?;
        }
        Format::Json => {
            let all: Vec<_> = audits.iter().map(audit::Audit::json).collect();
            print(&format!("{:#}\n", serde_json::Value::from(all)))?;
        }
    }
    let denied = match args.deny {
        None => return Ok(ExitCode::SUCCESS),
        Some(Deny::Breaks) => audit::Verdict::Breaks,
        Some(Deny::Unknown) => audit::Verdict::Unknown,
    };
    Ok(match audits.iter().any(|one| one.has(denied)) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// Writes the result. A reader that has read enough, as `head` does, is no error.
fn print(text: &str) -> Result<(), Box<dyn Error>> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn run_conformance(args: ConformanceArgs) -> Result<(), Box<dyn Error>> {
    let mut options = match args.quick {
        true => Options::quick(args.work),
        false => Options {
            suites: args.suite,
            files: args.files,
            ..Options::new(args.work)
        },
    };
    if !args.mode.is_empty() {
        options.modes = args.mode;
    }
    options.versions = args.version;
    options.jobs = args.jobs.unwrap_or(options.jobs);
    options.offline = args.offline;
    options.progress = progress(args.quiet);
    let report = conformance::run(&options)?;
    if let Some(file) = &args.out {
        report.write(file)?;
    }
    print!("{}", report.render());
    match report.is_good() {
        true => Ok(()),
        false => Err(format!(
            "the fork does not do what upstream does: {} regressions, {} exceptions out of date",
            report.regressions().count(),
            report.stale.len()
        )
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
