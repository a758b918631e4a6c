//! The demo's driver: forks tokio, builds a host and three modules as four separate cargo projects,
//! and runs the host with the modules.
//!
//! Problem: the demo shows binaries that know nothing of each other's build, so it cannot be one
//! cargo workspace, and yet it should be one `cargo run`. This program is what `cargo run` runs. It
//! links no tokio itself; what it does is what a person would do by hand:
//!
//! ```text
//! cargo tls-slots fork tokio                      <target>/forks/…
//! cargo build, in examples/site/host              <target>/site-build/debug/site-host
//! cargo build, in examples/site/modules/markdown  <target>/site-build/debug/libsite_markdown.so
//! cargo build, in examples/site/modules/math      <target>/site-build/debug/libsite_math.so
//! cargo build, in examples/site/modules/style     <target>/site-build/debug/libsite_style.so
//! site-host --markdown libsite_markdown.so --math libsite_math.so --style libsite_style.so …
//! ```
//!
//! Each project has its own lock file and is built by its own cargo (`projects.rs`). What did not change is not
//! built again: cargo sees to that, and the fork is kept too.
//!
//! With `--watch`, another process of this program builds the modules when their sources change (`live.rs`).

mod live;
mod projects;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Parser;

use projects::Projects;

/// Renders this repository's Markdown into a site, by a host and three modules on one tokio runtime.
///
/// Forks tokio, builds the host and the modules, each as a cargo project of its own, and runs the
/// host. The first run takes a minute; the next ones build nothing that did not change.
#[derive(Debug, Parser)]
#[command(
    name = "site",
    after_help = "Examples:\n  cargo run                        writes the site to target/site\n  \
                  cargo run -- --serve --port 8080 serves it on 127.0.0.1:8080 until Ctrl-C\n  \
                  cargo run -- --serve --watch     the same, and an edited module shows in the next page"
)]
struct Args {
    /// Serve the pages on 127.0.0.1, each rendered in the modules when it is asked for.
    #[arg(long, conflicts_with = "out")]
    serve: bool,

    /// Build a module when its sources change, and load it without an end of the service.
    #[arg(long, requires = "serve")]
    watch: bool,

    /// The port to serve on; 0 finds a free one and prints it.
    #[arg(long, requires = "serve", default_value_t = 0)]
    port: u16,

    /// Where to write the site [default: `site` in the target folder].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Worker threads of the host's runtime.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,

    /// Print the spans of each page, through host and modules, on standard error.
    #[arg(long)]
    trace: bool,

    /// Build host and modules with optimisations.
    #[arg(long)]
    release: bool,

    /// Give each project a target folder of its own, in which it compiles tokio for itself.
    #[arg(long)]
    separate: bool,

    /// Do not use the network: everything must have been fetched before.
    #[arg(long)]
    offline: bool,

    /// Build, and do not run the host.
    #[arg(long, conflicts_with_all = ["serve", "out"])]
    build_only: bool,

    /// The folder of the template, the style sheets and the demo's own pages.
    #[arg(long, value_name = "DIR")]
    content: Option<PathBuf>,

    /// The folder of the projects `host`, `modules/…` and `contract` [default: the demo's].
    #[arg(long, value_name = "DIR")]
    projects: Option<PathBuf>,

    /// Only build modules when their sources change, until standard input ends: what `--watch` starts.
    #[arg(long, hide = true)]
    watcher: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("site: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<ExitCode, String> {
    let start = Instant::now();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = demo
        .ancestors()
        .nth(2)
        .ok_or("this program was built outside of its repository")?;
    let target = target_folder().unwrap_or_else(|| root.join("target"));

    let projects = Projects {
        folder: args.projects.as_deref().unwrap_or(demo),
        target: &target,
        separate: args.separate,
        release: args.release,
        offline: args.offline,
    };
    if args.watcher {
        return live::watch(&projects).map(|()| ExitCode::SUCCESS);
    }
    let built = projects.build()?;
    let seconds = start.elapsed().as_secs_f64();
    match built.changed {
        0 => eprintln!("nothing to build ({seconds:.1} s)"),
        changed => eprintln!("{changed} of 4 projects built in {seconds:.1} s"),
    }
    if args.build_only {
        return Ok(ExitCode::SUCCESS);
    }

    let mut host = Command::new(&built.host);
    host.arg("--root").arg(root);
    host.arg("--content")
        .arg(args.content.clone().unwrap_or_else(|| demo.join("content")));
    for (name, file) in &built.modules {
        let file = match args.watch {
            true => live::published(&projects, file),
            false => file.clone(),
        };
        host.arg(format!("--{name}")).arg(file);
    }
    host.arg("--workers").arg(args.workers.to_string());
    if args.trace {
        host.arg("--trace");
    }
    if args.serve {
        host.arg("--serve").arg("--port").arg(args.port.to_string());
        if args.watch {
            host.arg("--watch").stdin(live::start(args)?);
        }
    } else {
        host.arg("--out")
            .arg(args.out.clone().unwrap_or_else(|| target.join("site")));
    }
    become_host(host).map_err(|error| format!("cannot run {}: {error}", built.host.display()))
}

/// Cargo's target folder: this program lies in `<target>/<profile>`.
fn target_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let target = program.ancestors().nth(2)?;
    target
        .join("CACHEDIR.TAG")
        .exists()
        .then(|| target.to_owned())
}

/// Runs the host in place of this program, so that a signal sent to one is sent to the other.
#[cfg(unix)]
fn become_host(mut host: Command) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    Err(host.exec())
}

/// Runs the host, and ends as it does.
#[cfg(not(unix))]
fn become_host(mut host: Command) -> io::Result<ExitCode> {
    let status = host.status()?;
    Ok(status
        .code()
        .map_or(ExitCode::FAILURE, |code| ExitCode::from(code as u8)))
}
