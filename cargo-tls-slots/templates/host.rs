//! The host of a conformance module: lists its tests, or runs one on a runtime of its own.
//!
//! `host MODULE list`, or `host MODULE run NAME`, which ends with 0 if the test passes.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;

use tls_slots_load::Module;
use tokio::runtime::Builder;

/// How a test ended; the error says why it failed.
type Verdict = Result<(), String>;
/// The body of a `#[tokio::test]`, as the module hands it over.
type Body = Pin<Box<dyn Future<Output = Verdict>>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        [module, "list"] => list(module),
        [module, "run", name] => run(module, name),
        _ => Err("usage: host MODULE list | host MODULE run NAME".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("FAILED: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Loads the module, and makes sure that it shares state with this host.
fn open(path: &str) -> Result<Module, String> {
    // SAFETY: built for this host, by the same compiler and from the same lock file.
    let module = unsafe { Module::load(path) }.map_err(|error| explain(&error))?;
    // What a test shows is worth nothing if the module had state of its own.
    let images = tls_slots::images();
    let shares = |image: &tls_slots::ImageInfo| image.keys.iter().any(|key| key.shared);
    match images.iter().any(|image| !image.is_host && shares(image)) {
        true => Ok(module),
        false => Err("the module shares no state with its host".to_owned()),
    }
}

/// An error with all that caused it, on one line.
fn explain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", explain(source)),
        None => error.to_string(),
    }
}

/// The module's list of tests, a line for each: see `conformance_list` in the module.
fn tests(module: &Module) -> Result<Vec<String>, String> {
    let list = module
        .function::<fn() -> Vec<String>>("conformance_list")
        .map_err(|error| explain(&error))?;
    list.call(()).map_err(|error| explain(&error))
}

/// Prints the list.
fn list(path: &str) -> Verdict {
    for line in tests(&open(path)?)? {
        println!("{line}");
    }
    Ok(())
}

/// Runs one test: an async body on a runtime of this host, any other on a thread of this host.
fn run(path: &str, name: &str) -> Verdict {
    let module = open(path)?;
    let line = tests(&module)?
        .into_iter()
        .find(|line| line.split('\t').next() == Some(name))
        .ok_or("no such test")?;
    let fields: Vec<&str> = line.split('\t').collect();
    if fields[1] == "async" {
        let future = module
            .function::<fn(String) -> Result<Body, String>>("conformance_future")
            .map_err(|error| explain(&error))?
            .call((name.to_owned(),))
            .map_err(|error| explain(&error))??;
        return on_runtime(fields[2], future);
    }
    let call = module
        .function::<fn(String) -> Verdict>("conformance_call")
        .map_err(|error| explain(&error))?;
    let argument = name.to_owned();
    // As libtest does: on a thread that has the test's name.
    std::thread::Builder::new()
        .name(
            name.split_once("::")
                .map_or(name, |(_, rest)| rest)
                .to_owned(),
        )
        .spawn(move || call.call((argument,)).map_err(|error| explain(&error)))
        .map_err(|error| error.to_string())?
        .join()
        .map_err(|_| "the host's thread panicked".to_owned())??
}

/// Runs the body as `#[tokio::test]` with these arguments would.
///
/// An argument that is not known here is an error, not a default: a new release of tokio may have
/// new ones, and a test must not run on another runtime than it asks for.
fn on_runtime(args: &str, body: Body) -> Verdict {
    let mut flavor = "current_thread";
    let mut workers = None;
    let mut paused = None;
    let mut name: Option<&str> = None;
    for arg in args.split(',').map(str::trim).filter(|arg| !arg.is_empty()) {
        let (key, value) = arg.split_once('=').ok_or("an argument without a value")?;
        let value = value.trim().trim_matches('"');
        match key.trim() {
            "flavor" => flavor = value,
            "worker_threads" => workers = value.parse::<usize>().ok(),
            "start_paused" => paused = value.parse::<bool>().ok(),
            "name" => name = Some(value),
            "crate" => {}
            other => {
                return Err(format!(
                    "`#[tokio::test]` has an argument {other:?} that the host does not know"
                ));
            }
        }
    }
    let mut builder = match flavor {
        "multi_thread" => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    if let Some(workers) = workers {
        builder.worker_threads(workers);
    }
    if let Some(paused) = paused {
        builder.start_paused(paused);
    }
    if let Some(name) = name { /* name */ }
    builder.enable_all();
    match flavor {
        "current_thread" | "multi_thread" => {
            let runtime = builder.build().map_err(|error| error.to_string())?;
            runtime.block_on(body)
        }
        /* local */
        other => Err(format!("the host has no runtime of flavour {other:?}")),
    }
}
