//! Whether every thread has left a module's code.
//!
//! The problem: the last thing that a task of a module does is to say that it is gone, and it says so in the
//! module's own code: a few instructions, a return or two, are still to be run when the host already sees
//! that nothing is alive. They must not be unmapped under a thread that was interrupted there.
//!
//! Those instructions neither call nor wait. So a thread has left them when, after the host has seen
//! that nothing is alive, it is seen
//!
//! - to be blocked in the kernel, with its program counter elsewhere (`/proc/self/task/TID/syscall`, proc(5)), or
//! - to have run on for a million instructions and more ([`ENOUGH`] of processor time, `schedstat`), or
//! - to be gone.
//!
//! Nothing is done to the threads: no signal, no stop.
//!
//! A named hold is dropped together with what it is part of, whose memory is freed after it: a call of the
//! allocator, which may wait for another thread there. So after the last hold [`SETTLE`] has to pass first.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Processor time after which a thread has run far more than what is left to be run.
const ENOUGH: Duration = Duration::from_millis(1);

/// How long after a hold the memory that it was part of may still be about to be freed.
pub(super) const SETTLE: Duration = Duration::from_millis(10);

/// How long an unloading that does not wait for anything else waits for threads to leave the module's last
/// instructions.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// How long is waited between two looks.
const PAUSE: Duration = Duration::from_micros(100);

/// Waits until every thread but the calling one has been seen outside of `memory`, after `last_hold`, when the last
/// hold was dropped.
///
/// # Errors
///
/// The threads that have not been seen outside by the deadline, or why nothing can be seen.
pub(super) fn wait(
    memory: &Range<usize>,
    last_hold: Option<Instant>,
    deadline: Instant,
) -> Result<(), String> {
    if let Some(last_hold) = last_hold {
        std::thread::sleep(SETTLE.saturating_sub(last_hold.elapsed()));
    }
    let mut waited_for: Option<BTreeMap<u32, u64>> = None;
    let own = own_id();
    loop {
        let threads = threads()?;
        // Threads that appear later have never been in the module.
        let waiting = waited_for.get_or_insert_with(|| {
            threads
                .iter()
                .filter(|thread| Some(**thread) != own)
                .map(|thread| (*thread, processor_time(*thread)))
                .collect()
        });
        waiting.retain(|thread, then| !has_left(*thread, *then, memory));
        if waiting.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let names: Vec<_> = waiting.keys().map(|thread| name(*thread)).collect();
            return Err(format!(
                "these threads may still be in its last instructions: {}",
                names.join(", ")
            ));
        }
        std::thread::sleep(PAUSE);
    }
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

fn has_left(thread: u32, then: u64, memory: &Range<usize>) -> bool {
    let Ok(state) = fs::read_to_string(format!("/proc/self/task/{thread}/syscall")) else {
        // Gone; or hidden, and then its time tells.
        return !fs::exists(format!("/proc/self/task/{thread}")).unwrap_or(true)
            || has_run(thread, then);
    };
    match program_counter(&state) {
        Some(at) => !memory.contains(&at),
        None => has_run(thread, then),
    }
}

fn has_run(thread: u32, then: u64) -> bool {
    let ran = processor_time(thread).saturating_sub(then);
    Duration::from_nanos(ran) >= ENOUGH
}

/// The last field, which is there unless the thread is running.
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
        assert_eq!(wait(&(0..1), Some(Instant::now()), deadline), Ok(()));
        STOP.store(true, Ordering::Relaxed);
        drop(end);
        assert!(sleeper.join().unwrap().is_err());
        busy.join().unwrap();
    }

    #[test]
    fn a_thread_that_is_inside_is_named() {
        let (end, until) = mpsc::channel::<()>();
        let sleeper = std::thread::Builder::new()
            .name("sleeper".to_owned())
            .spawn(move || until.recv())
            .unwrap();
        // Wherever it sleeps is inside of this range.
        let soon = Instant::now() + Duration::from_millis(5);
        let error = wait(&(0..usize::MAX), None, soon).unwrap_err();
        assert!(error.contains("`sleeper` ("), "{error}");
        drop(end);
        assert!(sleeper.join().unwrap().is_err());
    }
}
