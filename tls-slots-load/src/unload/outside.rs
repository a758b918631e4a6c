//! Whether every thread has left a module's code.
//!
//! # The problem
//!
//! The last thing that a task of a module does is to count itself out. It does so in the module's
//! own code. So when the host sees that nothing is alive, a thread may still have to run a few
//! instructions there: a return or two. If that thread was interrupted, the code must not be
//! unmapped yet.
//!
//! # The way
//!
//! Those instructions neither call nor wait. So a thread has left them if it is seen in one of
//! these states, after the host has seen that nothing is alive:
//!
//! - It is blocked in the kernel, and its program counter is elsewhere
//!   (`/proc/self/task/TID/syscall`, proc(5)).
//! - It has run for a million instructions or more: [`ENOUGH`] of processor time (`schedstat`).
//! - It is gone.
//!
//! Only root may read `syscall` of a process that is not *dumpable* (prctl(2), `PR_SET_DUMPABLE`):
//! one that has changed its user, has capabilities by its file, or whose file nobody may read. That
//! is how servers run. What everybody may read then is `stat`. A thread that waits in a system call
//! has the state `S` there. One that waits for a page of memory has the state `D`, and one that was
//! interrupted is `R` (`fs/proc/array.c` of Linux 6.1). So a thread in state `S` has left, too.
//!
//! Nothing is done to the threads: they get no signal, and are not stopped.
//!
//! There is one exception to "neither call nor wait". A named hold is a part of some value, and the
//! value's memory is freed after the hold has ended. That is a call of the allocator, which may
//! wait for another thread. So [`SETTLE`] has to pass after the end of the last hold.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::time::{Duration, Instant};

/// After this processor time, a thread has run far more instructions than it had left in the
/// module.
const ENOUGH: Duration = Duration::from_millis(1);

/// How long the thread that has ended a hold may take to free the memory that the hold was part of.
pub(super) const SETTLE: Duration = Duration::from_millis(10);

/// How long threads have to leave the module's last instructions, if the caller does not wait for
/// anything else.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_micros(100);

/// Whether threads can be seen at all. To be asked before anything of the module is dropped.
///
/// # Errors
///
/// Why nothing can be seen: `/proc` is not mounted, or shows nothing of this process's threads.
pub(super) fn can_be_seen() -> Result<(), String> {
    match fs::read_to_string("/proc/thread-self/stat") {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("this thread cannot be seen in /proc: {error}")),
    }
}

/// Waits until every thread but the calling one has been seen outside of each range of `memory`.
/// The last hold ended at `last_hold`.
///
/// # Errors
///
/// Which threads have not been seen outside by the deadline, or why nothing can be seen.
pub(super) fn wait(
    memory: &[Range<usize>],
    last_hold: Option<Instant>,
    deadline: Instant,
) -> Result<(), String> {
    if let Some(last_hold) = last_hold {
        std::thread::sleep(SETTLE.saturating_sub(last_hold.elapsed()));
    }
    let own = own_id();
    // Threads that appear later have never been in the module. Most threads wait, so the first look
    // is enough for them.
    let mut waiting: BTreeMap<u32, u64> = threads()?
        .into_iter()
        .filter(|thread| Some(*thread) != own && look(*thread, memory) != Seen::Outside)
        .map(|thread| (thread, processor_time(thread)))
        .collect();
    while !waiting.is_empty() {
        if Instant::now() >= deadline {
            let names: Vec<_> = waiting.keys().map(|thread| name(*thread)).collect();
            return Err(format!(
                "these threads may still be in its last instructions: {}",
                names.join(", ")
            ));
        }
        std::thread::sleep(PAUSE);
        waiting.retain(|thread, then| match look(*thread, memory) {
            Seen::Outside => false,
            Seen::Inside => true,
            Seen::Running => !has_run(*thread, *then),
        });
    }
    Ok(())
}

/// The calling thread's id: `/proc/thread-self` is a link to `PID/task/TID`.
fn own_id() -> Option<u32> {
    let link = fs::read_link("/proc/thread-self").ok()?;
    link.file_name()?.to_str()?.parse().ok()
}

/// All threads of the process.
fn threads() -> Result<Vec<u32>, String> {
    let all = fs::read_dir("/proc/self/task")
        .map_err(|error| format!("this process's threads cannot be seen in /proc: {error}"))?;
    Ok(all
        .filter_map(|thread| thread.ok()?.file_name().to_str()?.parse().ok())
        .collect())
}

/// How a thread is called in messages.
fn name(thread: u32) -> String {
    let name = fs::read_to_string(format!("/proc/self/task/{thread}/comm")).unwrap_or_default();
    format!("`{}` ({thread})", name.trim_end())
}

/// Nanoseconds that a thread has run: the first field of `schedstat`.
fn processor_time(thread: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"));
    text.ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Where a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Blocked elsewhere, or gone.
    Outside,
    /// Blocked in the module.
    Inside,
    /// Nobody can tell: it runs, or it would run if there were a processor.
    Running,
}

fn look(thread: u32, memory: &[Range<usize>]) -> Seen {
    if let Ok(state) = fs::read_to_string(format!("/proc/self/task/{thread}/syscall")) {
        return match program_counter(&state) {
            Some(at) if memory.iter().any(|range| range.contains(&at)) => Seen::Inside,
            Some(_) => Seen::Outside,
            None => Seen::Running,
        };
    }
    // The thread is gone, or this process is not dumpable.
    let is_outside = match fs::read_to_string(format!("/proc/self/task/{thread}/stat")) {
        Ok(stat) => waits(&stat),
        Err(_) => !fs::exists(format!("/proc/self/task/{thread}")).unwrap_or(true),
    };
    match is_outside {
        true => Seen::Outside,
        false => Seen::Running,
    }
}

/// Whether a thread waits in a system call: the first field of `stat` after the thread's name,
/// which may contain anything.
fn waits(stat: &str) -> bool {
    let after_name = stat.rsplit_once(')');
    after_name.is_some_and(|(_, rest)| rest.trim_start().starts_with('S'))
}

/// Whether a thread has run long enough since its processor time was `then`.
fn has_run(thread: u32, then: u64) -> bool {
    let ran = processor_time(thread).saturating_sub(then);
    Duration::from_nanos(ran) >= ENOUGH
}

/// The program counter: the last field of `syscall`. A running thread has none.
fn program_counter(state: &str) -> Option<usize> {
    let last = state.split_whitespace().last()?;
    usize::from_str_radix(last.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        let blocked = "202 0x7f 0x80 0x0 0x0 0x0 0x0 0x7ffd10 0x7f2a4c0b1d9e";
        assert_eq!(program_counter(blocked), Some(0x7f2a_4c0b_1d9e));
        assert_eq!(program_counter("-1 0x7ffd10 0x55d0"), Some(0x55d0));
        assert_eq!(program_counter("running\n"), None);
        assert_eq!(program_counter(""), None);
        assert!(waits("7 (of (the) host) S 1 7 7 0 -1"));
        for other in ["7 (S) R 1 7", "7 (worker) D 1 7", "7", ""] {
            assert!(!waits(other), "{other}");
        }
    }

    #[test]
    fn sleeping_and_busy_threads_are_seen_outside() {
        static STOP: AtomicBool = AtomicBool::new(false);
        let (end, until) = mpsc::channel::<()>();
        let sleeper = std::thread::spawn(move || until.recv());
        let busy = std::thread::spawn(|| {
            while !STOP.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(
            wait(
                std::slice::from_ref(&(0..1)),
                Some(Instant::now()),
                deadline
            ),
            Ok(())
        );
        STOP.store(true, Ordering::Relaxed);
        drop(end);
        assert!(sleeper.join().unwrap().is_err());
        busy.join().unwrap();
    }

    #[test]
    fn a_thread_that_is_inside_is_named() {
        let (end, until) = mpsc::channel::<()>();
        let (ready, is_ready) = mpsc::channel();
        let sleeper = std::thread::Builder::new()
            .name("sleeper".to_owned())
            .spawn(move || {
                // The system knows the thread's name when this runs.
                ready.send(()).expect("somebody waits");
                until.recv()
            })
            .unwrap();
        is_ready.recv().expect("the thread runs");
        // Wherever it sleeps is inside of this range.
        let soon = Instant::now() + Duration::from_millis(5);
        let error = wait(std::slice::from_ref(&(0..usize::MAX)), None, soon).unwrap_err();
        assert!(error.contains("`sleeper` ("), "{error}");
        drop(end);
        assert!(sleeper.join().unwrap().is_err());
    }
}
