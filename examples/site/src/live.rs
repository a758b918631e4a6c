//! The modules, built anew whenever their sources change, by a process beside the host.
//!
//! The problem: the host is started in place of this program, so that a signal that is sent to one
//! reaches the other. So the sources are watched by a second process of this program, and that
//! process must end when the host does, however the host ends.
//!
//! The way: the second process's standard input is a pipe. The host has the other end of the pipe
//! as *its* standard input, and never reads it. When the host ends, the kernel closes that end.
//!
//! The watcher builds as the driver does, and publishes each module in a folder of its own, by a
//! rename. The host loads the modules from there. The watcher says once, by a line on its standard
//! output, that all of them are there.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use cargo_tls_slots::watch::{Watch, WatchEvent, WatchOptions};
use cargo_tls_slots::with_causes;

use crate::args::Args;
use crate::projects::Projects;

/// What the watcher says when the host can be started.
const READY: &str = "ready";

/// Where the modules are published.
fn folder(projects: &Projects<'_>) -> PathBuf {
    projects.target.join("site-live")
}

/// Where a module is published that is built as `file`.
pub(crate) fn published(projects: &Projects<'_>, file: &Path) -> PathBuf {
    folder(projects).join(file.file_name().unwrap_or_default())
}

/// Starts the watcher, and waits until the modules are published. What it gives is to be the host's
/// standard input.
pub(crate) fn start(args: &Args) -> Result<Stdio, String> {
    let failed = |error| format!("cannot start the process that watches the modules: {error}");
    let program = std::env::current_exe().map_err(failed)?;
    let mut watcher = Command::new(program);
    watcher.arg("--watcher");
    for (flag, is_given) in [
        ("--release", args.release),
        ("--separate", args.separate),
        ("--offline", args.offline),
    ] {
        if is_given {
            watcher.arg(flag);
        }
    }
    if let Some(projects) = &args.projects {
        watcher.arg("--projects").arg(projects);
    }
    let mut child = watcher
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let mut lines = stdout
        .map(BufReader::new)
        .into_iter()
        .flat_map(|out| out.lines());
    let is_ready = lines.any(|line| line.is_ok_and(|line| line == READY));
    match stdin {
        Some(stdin) if is_ready => Ok(stdin.into()),
        // It has said why.
        _ => Err("the modules could not be published".to_owned()),
    }
}

/// Builds the modules, and again when their sources change, until standard input ends.
pub(crate) fn watch(projects: &Projects<'_>) -> Result<(), String> {
    let builds = projects.modules()?;
    let modules = builds.len();
    let watch = Watch::new(WatchOptions {
        builds,
        out: Some(folder(projects)),
    })
    .map_err(|error| with_causes(&error))?;
    thread::spawn(|| {
        // Nobody writes to it: this returns when the host has ended.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let mut published = 0;
    let stop = watch.stop();
    let mut failure = None;
    watch.run(|event| match event {
        WatchEvent::Built { artifact, took, .. } => {
            published += 1;
            if published == modules {
                println!("{READY}");
            } else if published > modules {
                eprintln!("{} is new, in {took:.1?}", artifact.package);
            }
        }
        WatchEvent::Failed { error, .. } => {
            let text = format!("the build that runs goes on: {}", with_causes(&error));
            if published < modules {
                failure = Some(with_causes(&error));
                stop.stop();
            } else {
                eprintln!("{text}");
            }
        }
        _ => {}
    });
    failure.map_or(Ok(()), Err)
}
