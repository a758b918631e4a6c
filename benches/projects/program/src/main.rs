//! Runs one measurement and prints its numbers.
//!
//! The problem: what is compared must differ in one thing only.
//!
//! The way: this is the program of every static variant, and with the feature `slots` it is the
//! host as well. Given a module, it runs the module's copy of the same code on its own runtime.
//!
//! ```text
//! bench-program run FLAVOUR WORKLOAD N [MODULE]   wall and processor time, nanoseconds
//! bench-program access std|slots ROW N [MODULE]   nanoseconds
//! bench-program tasks N PARTS [MODULE…]           nanoseconds for N tasks, spawned in modules
//! bench-program threads none|std|slots N          first and later access, nanoseconds, and kB,
//!                                                 for each thread
//! bench-program scale …                           see scale.rs
//! ```

#[cfg(feature = "slots")]
mod modules;
#[cfg(feature = "slots")]
mod scale;

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Instant;

use bench_access::{PLAIN, Row, memory};
use bench_workloads::Times;
use tokio::runtime::{Builder, Runtime};

#[cfg(feature = "slots")]
use modules::{load, text};

/// `std::thread_local!`.
mod own {
    bench_access::accesses!(std::thread_local);
}

/// Our `thread_local!`.
#[cfg(feature = "slots")]
mod slots {
    bench_access::accesses!(tls_keys::thread_local);
    bench_access::process_access!(tls_keys::process_local);
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match measure(&args) {
        Ok(numbers) => {
            println!("{numbers}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench-program: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the measurement that the arguments ask for, and returns its numbers.
fn measure(args: &[&str]) -> Result<String, String> {
    // glibc takes shorter ways in a program that has never had a second thread, and a host has had
    // one: a module's loading needs some.
    let _ = std::thread::spawn(|| ()).join();
    match args {
        ["run", flavour, workload, n, module @ ..] => {
            let times = run(
                &runtime(flavour)?,
                workload,
                number(n)?,
                module.first().copied(),
            )?;
            Ok(format!("{} {}", times.wall, times.cpu))
        }
        ["access", set, row, n] => {
            let tables: &[&[Row]] = match *set {
                "std" => &[PLAIN, own::CONST, own::LAZY],
                #[cfg(feature = "slots")]
                "slots" => &[PLAIN, slots::PROCESS, slots::CONST, slots::LAZY],
                _ => return Err(format!("there is no set `{set}`")),
            };
            Ok(bench_access::time(tables, row, number(n)?).to_string())
        }
        #[cfg(feature = "slots")]
        ["access", set, row, n, module] => {
            let access = load(module)?
                .function::<fn(String, String, u64) -> u64>("access")
                .map_err(text)?;
            let time = access
                .call((set.to_string(), row.to_string(), number(n)?))
                .map_err(text)?;
            Ok(time.to_string())
        }
        ["tasks", n, parts, modules @ ..] => tasks(number(n)?, number(parts)?, modules),
        ["threads", set, n] => threads(set, number(n)?),
        #[cfg(feature = "slots")]
        ["scale", args @ ..] => scale::measure(args),
        _ => Err("unknown arguments; the program's first lines tell which there are".to_owned()),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

/// A runtime: `current`, pinned to one processor, or `multi`, with two workers.
fn runtime(flavour: &str) -> Result<Runtime, String> {
    let mut builder = match flavour {
        "current" => {
            bench_access::pin();
            Builder::new_current_thread()
        }
        "multi" => Builder::new_multi_thread(),
        _ => return Err(format!("there is no flavour `{flavour}`")),
    };
    builder
        .enable_all()
        .worker_threads(2)
        // What a workload queues is then done in order, whatever the system's scheduler does.
        .max_blocking_threads(1)
        .build()
        .map_err(|error| error.to_string())
}

/// Spawns `n` tasks from `parts` places at once: modules, or this program.
fn tasks(n: u64, parts: u64, modules: &[&str]) -> Result<String, String> {
    let runtime = runtime("multi")?;
    #[cfg(feature = "slots")]
    let entries = modules
        .iter()
        .map(|module| {
            load(module)?
                .entry::<fn(String, u64) -> Result<Times, String>>("run")
                .map_err(text)
        })
        .collect::<Result<Vec<_>, _>>()?;
    #[cfg(not(feature = "slots"))]
    if !modules.is_empty() {
        return Err("this program is no host".to_owned());
    }
    let start = Instant::now();
    runtime.block_on(async {
        let mut running = tokio::task::JoinSet::new();
        for _part in 0..parts {
            #[cfg(feature = "slots")]
            if let Some(entry) = entries.get(_part as usize) {
                let call = entry.call(("spawn_local".to_owned(), n / parts));
                running.spawn(async move { call.await.map_err(text)? });
                continue;
            }
            running.spawn(bench_workloads::run("spawn_local".to_owned(), n / parts));
        }
        while let Some(done) = running.join_next().await {
            done.map_err(|error| error.to_string())??;
        }
        Ok(start.elapsed().as_nanos().to_string())
    })
}

/// Starts threads, each of which makes a first and a second access and then waits for the others.
fn threads(set: &str, n: u64) -> Result<String, String> {
    let access: fn() -> u64 = match set {
        "std" => own::CONST[1].1,
        #[cfg(feature = "slots")]
        "slots" => slots::CONST[1].1,
        "none" => PLAIN[0].1,
        _ => return Err(format!("there is no set `{set}`")),
    };
    let end = std::sync::RwLock::new(());
    let held = end.write();
    let before = memory();
    std::thread::scope(|scope| {
        let (sender, times) = std::sync::mpsc::channel();
        for _ in 0..n {
            let (sender, end) = (sender.clone(), &end);
            scope.spawn(move || {
                let start = Instant::now();
                access();
                let first = start.elapsed();
                let start = Instant::now();
                for _ in 0..LATER {
                    std::hint::black_box(access());
                }
                let _ = sender.send((first, start.elapsed()));
                let _end = end.read();
            });
        }
        let times: Vec<_> = times.iter().take(n as usize).collect();
        let memory = memory().saturating_sub(before);
        drop(held);
        let mut first: Vec<_> = times.iter().map(|(first, _)| first.as_nanos()).collect();
        let mut later: Vec<_> = times.iter().map(|(_, later)| later.as_nanos()).collect();
        first.sort_unstable();
        later.sort_unstable();
        Ok(format!(
            "{} {} {}",
            first[first.len() / 2],
            later[later.len() / 2] as f64 / LATER as f64,
            memory as f64 / n as f64
        ))
    })
}

/// How many later accesses each thread makes.
const LATER: u32 = 10_000;

/// Runs a workload of this program or of a module. The future is boxed in any case, as a module's
/// entry gives a boxed one.
fn run(runtime: &Runtime, workload: &str, n: u64, module: Option<&str>) -> Result<Times, String> {
    let Some(module) = module else {
        let work: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(bench_workloads::run(workload.to_owned(), n));
        return runtime.block_on(work);
    };
    #[cfg(feature = "slots")]
    {
        let run = load(module)?
            .entry::<fn(String, u64) -> Result<Times, String>>("run")
            .map_err(text)?;
        runtime
            .block_on(run.call((workload.to_owned(), n)))
            .map_err(text)?
    }
    #[cfg(not(feature = "slots"))]
    Err(format!("this program is no host: it cannot load {module}"))
}
