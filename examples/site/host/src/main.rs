//! The static-site host: it owns the one multi-thread runtime, and three modules do the work on it.
//!
//! The problem: a program wants to be extended by libraries that are built apart from it and that
//! use tokio as any crate does.
//!
//! The way, by example: this program renders a repository's Markdown into a site. It knows no
//! Markdown, no LaTeX and no Sass. It has the runtime, the list of pages, the template, and an HTTP
//! server.
//!
//! | file | what it does |
//! | --- | --- |
//! | `main.rs` | the command line, the runtime, the order of things |
//! | `args.rs` | the command line |
//! | `modules.rs` | loads the modules, again if they change, and gives their entries types |
//! | `catalogue.rs` | which files become which pages; the TCP service that answers for links |
//! | `render.rs` | one page, all pages, the template |
//! | `serve.rs` | the HTTP server |
//! | `state.rs` | the shared state, listed and checked |
//! | `threads.rs` | the threads of this process, counted and checked |
//! | `output.rs` | what the program prints: text and tables |
//! | `locks.rs` | locks whose poison does not matter |

mod args;
mod catalogue;
mod locks;
mod modules;
mod output;
mod render;
mod serve;
mod state;
mod threads;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tracing_subscriber::fmt::format::FmtSpan;

use args::{Args, Mode};
use catalogue::Catalogue;
use modules::Modules;
use output::say;
use render::Renderer;

/// What may still take its time when everything is done: a blocking call, for instance.
const SHUTDOWN: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args_os().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            say(args::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("site-host: {error}\n\n{}", args::HELP);
            return ExitCode::from(2);
        }
    };
    if args.trace {
        trace();
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(args.workers)
        .thread_name_fn(threads::namer(args.workers))
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!(
                "site-host: cannot start a runtime of {} workers: {error}",
                args.workers
            );
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(run(args));
    runtime.shutdown_timeout(SHUTDOWN);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("site-host: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints each span on standard error when it is over: where it was, and how long it took.
///
/// The modules know nothing of this subscriber, and have none: their spans come here.
fn trace() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .without_time()
        .init();
}

/// Everything that runs on the runtime: from loading the modules to checking that all is gone.
async fn run(args: Args) -> Result<(), String> {
    threads::workers_met(args.workers).await?;
    let start = Instant::now();
    let catalogue = Arc::new(Catalogue::scan(&args.root, &args.content)?);
    // The modules are loaded here, in the middle of the runtime that they will run on. Nothing
    // tells them about it.
    let watch = matches!(args.mode, Mode::Serve { watch: true, .. });
    let modules = Modules::load(&args.modules, watch)?;
    let loaded = start.elapsed();

    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| format!("cannot bind the catalogue's port: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let answering = tokio::spawn(catalogue::answer(listener, catalogue.clone()));

    let renderer = Renderer::new(&args.content, catalogue, modules, address)?;
    let renderer = Arc::new(renderer);

    let outcome = match &args.mode {
        Mode::Render { out } => {
            let start = Instant::now();
            let site = render::render_site(&renderer, out).await;
            site.map(|site| say(&site.report(out, loaded, start.elapsed())))
        }
        Mode::Serve { port, .. } => serve::serve(renderer.clone(), *port).await,
    };

    let tasks = renderer.modules().tasks()?;
    let renderer = sole_owner(renderer).await?;
    let converted = renderer.into_modules().end(SHUTDOWN).await?;
    answering.abort();
    let _ = answering.await;
    outcome?;

    say(&format!(
        "{}{}",
        threads::report(&tasks, converted),
        state::report()
    ));
    end_of_tasks().await?;
    state::check(tasks.len())?;
    threads::check(args.workers, &tasks)
}

/// Waits until nobody else has it: the tasks of a site that was given up may take a moment to be
/// gone.
async fn sole_owner(renderer: Arc<Renderer>) -> Result<Renderer, String> {
    let mut renderer = renderer;
    let owned = async {
        let mut again = tokio::time::interval(Duration::from_millis(1));
        loop {
            match Arc::try_unwrap(renderer) {
                Ok(renderer) => return renderer,
                Err(shared) => renderer = shared,
            }
            again.tick().await;
        }
    };
    tokio::time::timeout(SHUTDOWN, owned)
        .await
        .map_err(|_| format!("a page is still being rendered after {SHUTDOWN:?}"))
}

/// No task is left when all work is done: not in the host, and not in a module.
///
/// A task that was asked to end, or whose outcome was taken, may take a moment to be gone.
async fn end_of_tasks() -> Result<(), String> {
    let metrics = Handle::current().metrics();
    let gone = async {
        let mut again = tokio::time::interval(Duration::from_millis(1));
        while metrics.num_alive_tasks() > 0 {
            again.tick().await;
        }
    };
    tokio::time::timeout(SHUTDOWN, gone).await.map_err(|_| {
        format!(
            "{} tasks are alive when all work is done",
            metrics.num_alive_tasks()
        )
    })
}
