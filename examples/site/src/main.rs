//! The demo's driver: forks tokio, builds a host and three modules as four separate cargo projects,
//! and runs the host with the modules.
//!
//! The problem: the demo shows binaries that know nothing of each other's build, so it cannot be
//! one cargo workspace, and yet it should be one `cargo run`.
//!
//! The way: this program is what `cargo run` runs. It links no tokio itself, and does what a person
//! would do by hand:
//!
//! ```text
//! cargo tls-slots fork tokio                      <target>/forks/…
//! cargo build, in examples/site/host              <target>/debug/site-host
//! cargo build, in examples/site/modules/markdown  <target>/debug/libsite_markdown.so
//! cargo build, in examples/site/modules/math      <target>/debug/libsite_math.so
//! cargo build, in examples/site/modules/style     <target>/debug/libsite_style.so
//! site-host --markdown libsite_markdown.so --math libsite_math.so --style libsite_style.so …
//! ```
//!
//! Each project has its own lock file and is built by its own cargo (`projects.rs`). What did not
//! change is not built again: cargo sees to that, and the fork is kept too.
//!
//! With `--watch`, another process of this program builds the modules when their sources change:
//! see `live.rs`.
//!
//! | file | what it does |
//! | --- | --- |
//! | `main.rs` | the order of things |
//! | `args.rs` | the command line |
//! | `live.rs` | the process that builds modules when their sources change |
//! | `projects.rs` | the four projects, and how each is built |

mod args;
mod live;
mod projects;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Parser as _;

use args::Args;
use projects::Projects;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("site: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds what has changed, and becomes the host.
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
