//! What the host and the three modules of the demo say to each other.
//!
//! The problem: host and module are separate builds, and both must mean the same thing by "a page".
//!
//! The way: this crate is a plain dependency of all four. Each binary has its own copy of the code
//! here, and the same layout of the types.
//!
//! What crosses the boundary:
//!
//! - [`Job`] and [`Page`] are the argument and the result of the Markdown module's entry.
//! - [`Formula`] is a message from the Markdown module to the math module, over a tokio channel
//!   that the host made and neither of the two owns.
//! - [`Formula::span`] is a span of `tracing`, made in one module and the parent of another's.
//! - [`PAGE`] is a `task_local!`. The host sets it and the modules read it: one key in all images.
//! - [`Tally`] and [`Tasks`] are not shared: each module keeps its own, and reports it when asked.
//!
//! Nothing here hands a runtime over. There is no `Handle` in any of these types.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tracing::Span;

tokio::task_local! {
    /// The URL of the page that the current task renders.
    ///
    /// The host's tasks set it and the modules' code reads it, for its error messages. A task that
    /// a module spawns does not inherit it, as with any task-local.
    pub static PAGE: Arc<str>;
}

/// The URL of the page that the current task renders, or `-` outside of any page.
pub fn current_page() -> Arc<str> {
    PAGE.try_with(Arc::clone).unwrap_or_else(|_| "-".into())
}

/// One Markdown file to render.
#[derive(Clone, Debug)]
pub struct Job {
    /// The Markdown file; the module reads it.
    pub source: PathBuf,
    /// The address of the host's catalogue, which knows where a link of a page leads.
    pub catalogue: SocketAddr,
    /// Where formulas go to. The other end is in the math module.
    pub formulas: mpsc::Sender<Formula>,
}

/// A rendered page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The text of its first heading.
    pub title: String,
    /// The HTML that goes into the template.
    pub html: String,
    /// The headings of the second and third level, for the table of contents.
    pub headings: Vec<Heading>,
    /// The number of formulas on it.
    pub formulas: usize,
    /// The number of relative links on it.
    pub links: usize,
    /// Links that lead nowhere, and formulas that could not be read.
    pub warnings: Vec<String>,
}

/// A heading of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// 2 or 3.
    pub level: u8,
    /// The fragment that leads to it.
    pub id: String,
    /// Its text, without markup.
    pub text: String,
}

/// A formula on its way to the math module, with the channel for the answer.
#[derive(Debug)]
pub struct Formula {
    /// The formula's LaTeX.
    pub latex: String,
    /// `$$ … $$` rather than `$ … $`.
    pub display: bool,
    /// The span that it is asked in: the conversion's nests in it, in another module.
    pub span: Span,
    /// Takes the MathML, or a sentence about what is wrong with the LaTeX.
    pub reply: oneshot::Sender<Result<String, String>>,
}

/// What a module did so far, and on which threads of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Tasks that the module's code spawned.
    pub spawned: u64,
    /// Closures that it gave to the blocking pool.
    pub blocking: u64,
    /// The names of the threads that polled its tasks.
    pub task_threads: Vec<String>,
    /// The names of the threads that ran its blocking closures.
    pub blocking_threads: Vec<String>,
}

/// A module's own count of its tasks. Each module has one as a `static`.
#[derive(Debug)]
pub struct Tally {
    spawned: AtomicU64,
    blocking: AtomicU64,
    task_threads: Mutex<BTreeSet<String>>,
    blocking_threads: Mutex<BTreeSet<String>>,
}

impl Tally {
    /// A count that starts at zero.
    pub const fn new() -> Self {
        Self {
            spawned: AtomicU64::new(0),
            blocking: AtomicU64::new(0),
            task_threads: Mutex::new(BTreeSet::new()),
            blocking_threads: Mutex::new(BTreeSet::new()),
        }
    }

    /// Counts a task, and notes the thread of every poll: a task may move between workers.
    ///
    /// For use in a call of `tokio::spawn`, whose argument it returns.
    pub fn task<F: Future + Send>(
        &'static self,
        future: F,
    ) -> impl Future<Output = F::Output> + Send + use<F> {
        self.spawned.fetch_add(1, Ordering::Relaxed);
        async move {
            let mut future = pin!(future);
            poll_fn(|cx| {
                note_thread(&self.task_threads);
                future.as_mut().poll(cx)
            })
            .await
        }
    }

    /// Counts a closure, and notes the thread that runs it.
    ///
    /// For use in a call of `tokio::task::spawn_blocking`, whose argument it returns.
    pub fn blocking<R>(&'static self, f: impl FnOnce() -> R) -> impl FnOnce() -> R {
        self.blocking.fetch_add(1, Ordering::Relaxed);
        move || {
            note_thread(&self.blocking_threads);
            f()
        }
    }

    /// What was counted so far.
    pub fn tasks(&self) -> Tasks {
        Tasks {
            spawned: self.spawned.load(Ordering::Relaxed),
            blocking: self.blocking.load(Ordering::Relaxed),
            task_threads: names(&self.task_threads),
            blocking_threads: names(&self.blocking_threads),
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

fn note_thread(threads: &Mutex<BTreeSet<String>>) {
    if let Some(name) = thread_name() {
        let mut threads = lock(threads);
        if !threads.contains(&name) {
            threads.insert(name);
        }
    }
}

fn names(threads: &Mutex<BTreeSet<String>>) -> Vec<String> {
    lock(threads).iter().cloned().collect()
}

/// The names, also if a thread panicked with them: each is added at one stroke.
fn lock(threads: &Mutex<BTreeSet<String>>) -> MutexGuard<'_, BTreeSet<String>> {
    threads.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name that the operating system has for this thread; `None` where it is not known how to ask.
///
/// Not `std::thread::current().name()`: a module has its own copy of std, which did not start the
/// host's threads and finds none of them named.
pub fn thread_name() -> Option<String> {
    if cfg!(target_os = "linux") {
        let name = std::fs::read_to_string("/proc/thread-self/comm").ok()?;
        Some(name.trim_end().to_owned())
    } else {
        None
    }
}
