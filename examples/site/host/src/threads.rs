//! The threads of this process: named, counted, and checked against what was configured.
//!
//! The problem: three more copies of tokio are in this process. Each could have a runtime of its
//! own, or think that it has one.
//!
//! The way: the kernel knows, as it lists every thread with its name. So the runtime's threads get
//! names. It is an error if there is a thread by any other name, or a worker more than configured,
//! or if a module's task was polled by something that is no worker.
//!
//! | name | thread |
//! | --- | --- |
//! | `site-worker-N` | the runtime's workers, as many as configured |
//! | `site-pool-N` | its blocking pool, as many as were needed |
//! | the program's | the main thread |
//!
//! On a system whose list of threads this program cannot read, nothing is counted or checked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use site_contract::Tasks;
use tokio::task::JoinSet;

use crate::locks::unpoisoned;
use crate::output::table;

/// How the names of workers begin.
const WORKER: &str = "site-worker-";
/// How the names of threads of the blocking pool begin.
const POOL: &str = "site-pool-";

/// How long the workers may take to start.
const MEETING: Duration = Duration::from_secs(30);

/// How long threads that look wrong are looked at again, and how often.
const LOOKING: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Names for the runtime's threads. The workers are the first that a runtime starts.
///
/// A name has at most 15 bytes: the kernel would cut it.
pub(crate) fn namer(workers: usize) -> impl Fn() -> String {
    let started = AtomicUsize::new(0);
    move || match started.fetch_add(1, Ordering::Relaxed) {
        number if number < workers => format!("{WORKER}{number}"),
        number => format!("{POOL}{}", number - workers),
    }
}

/// Waits until all workers run, each on its own thread.
///
/// A worker is a closure that the runtime gives to its blocking pool. A thread of the pool that is
/// started a moment later, for a blocking call, may take that closure before the thread that was
/// started for it; and then the names are wrong. So nothing else is begun before the workers have
/// met: each gets a task that waits, on purpose without `await`, for the others' tasks.
pub(crate) async fn workers_met(workers: usize) -> Result<(), String> {
    let meeting = Arc::new((Mutex::new(0), Condvar::new()));
    let mut tasks = JoinSet::new();
    for _ in 0..workers {
        let meeting = meeting.clone();
        tasks.spawn(async move {
            let (present, changed) = &*meeting;
            let mut present = unpoisoned(present.lock());
            *present += 1;
            changed.notify_all();
            let late = |present: &mut usize| *present < workers;
            let met = unpoisoned(changed.wait_timeout_while(present, MEETING, late));
            !met.1.timed_out()
        });
    }
    match tasks.join_all().await.into_iter().all(|met| met) {
        true => Ok(()),
        false => Err(format!(
            "the {workers} workers did not all run within {MEETING:?}"
        )),
    }
}

/// The names of all threads of the process, or `None` where they are not known.
fn all() -> Option<Vec<String>> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let mut names = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        // A thread of the blocking pool may end while this is read.
        if let Ok(name) = std::fs::read_to_string(task.ok()?.path().join("comm")) {
            names.push(name.trim_end().to_owned());
        }
    }
    names.sort();
    Some(names)
}

/// What ran where.
pub(crate) fn report(tasks: &[(&'static str, Tasks)], converted: u64) -> String {
    let head = [
        "module",
        "its tasks ran on",
        "its blocking calls ran on",
        "tasks",
        "blocking",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    for (module, tasks) in tasks {
        rows.push([
            (*module).to_owned(),
            short(&tasks.task_threads),
            short(&tasks.blocking_threads),
            tasks.spawned.to_string(),
            tasks.blocking.to_string(),
        ]);
    }
    let mut text = format!("\n{}\n", table(&rows, 3));
    let _ = writeln!(
        text,
        "formulas from the markdown module to the math module: {converted}"
    );
    text.push_str(&match all() {
        None => "worker threads in the process: not known here\n".to_owned(),
        Some(names) => {
            let count = |prefix| names.iter().filter(|name| name.starts_with(prefix)).count();
            let (workers, pool) = (count(WORKER), count(POOL));
            format!(
                "worker threads in the process: {workers}, all of the host's runtime \
                 (and {pool} of its blocking pool; {} threads in all)\n",
                names.len()
            )
        }
    });
    text
}

/// `site-worker-0..3`, or `site-pool-1 4`.
fn short(names: &[String]) -> String {
    let mut groups = BTreeMap::<&str, Vec<usize>>::new();
    for name in names {
        let (prefix, number) = name.split_at(name.rfind('-').map_or(0, |dash| dash + 1));
        match number.parse() {
            Ok(number) => groups.entry(prefix).or_default().push(number),
            Err(_) => drop(groups.entry(name).or_default()),
        }
    }
    let mut words = Vec::new();
    for (prefix, mut numbers) in groups {
        numbers.sort_unstable();
        let runs = numbers.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
            [first, _, .., last] => format!("{first}..{last}"),
            run => run
                .iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(" "),
        });
        words.push(format!("{prefix}{}", runs.collect::<Vec<_>>().join(" ")));
    }
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.join(" ")
    }
}

/// Fails if the process has a thread that is not the runtime's, or a module's task ran elsewhere.
pub(crate) fn check(workers: usize, tasks: &[(&'static str, Tasks)]) -> Result<(), String> {
    for (module, tasks) in tasks {
        let elsewhere = tasks
            .task_threads
            .iter()
            .find(|name| !name.starts_with(WORKER));
        if let Some(thread) = elsewhere {
            return Err(format!(
                "a task of the module {module} ran on the thread {thread}"
            ));
        }
        let elsewhere = tasks
            .blocking_threads
            .iter()
            .find(|name| !name.starts_with(POOL));
        if let Some(thread) = elsewhere {
            return Err(format!(
                "a blocking call of the module {module} ran on {thread}"
            ));
        }
    }
    // A thread has the name of the thread that started it until it gives itself one, so what is
    // wrong is looked at again before it is believed.
    let end = Instant::now() + LOOKING;
    loop {
        let outcome = check_names(workers);
        if outcome.is_ok() || Instant::now() > end {
            return outcome;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Fails if a thread has a wrong name, or if there is another number of workers.
fn check_names(workers: usize) -> Result<(), String> {
    let Some(names) = all() else { return Ok(()) };
    let main = std::fs::read_to_string("/proc/self/comm").unwrap_or_default();
    let strange = |name: &&String| {
        !name.starts_with(WORKER) && !name.starts_with(POOL) && name.as_str() != main.trim_end()
    };
    let strangers: Vec<_> = names.iter().filter(strange).map(String::as_str).collect();
    if !strangers.is_empty() {
        let strangers = strangers.join(", ");
        return Err(format!(
            "threads that the host's runtime did not start: {strangers}"
        ));
    }
    let found = names.iter().filter(|name| name.starts_with(WORKER)).count();
    if found != workers {
        return Err(format!(
            "{found} worker threads in the process, {workers} configured"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened() {
        let names =
            |names: &[&str]| short(&names.iter().map(|&it| it.to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&[]), "-");
        assert_eq!(
            names(&["site-worker-0", "site-worker-2", "site-worker-3"]),
            "site-worker-0 2 3"
        );
        assert_eq!(
            names(&["w-10", "w-8", "w-9", "main", "w-1"]),
            "main w-1 8..10"
        );
    }
}
