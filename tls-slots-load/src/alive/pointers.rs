//! Finds the values in shared state that point into a module.
//!
//! # The problem
//!
//! A module may leave a pointer to its code or data in a value that lives longer than the module: a
//! logger in `log::LOGGER`, a subscriber in tracing's state of a thread, a function in a
//! `process_local!` of the host. After the module is unmapped, somebody would still follow the
//! pointer. The registry does not know the types of the values. But it knows where each value lies,
//! and how long it is.
//!
//! # The way
//!
//! The search looks at each word of each value that another image owns. It reports each word that
//! is an address in the module. A module with such a pointer is not unloaded. The search is
//!
//! | | |
//! | --- | --- |
//! | *conservative* | a number that happens to be an address in the module counts as a pointer |
//! | *shallow* | what lies behind a pointer of the value's own, as in a `Vec` or a `Box`, is not seen |
//! | *a snapshot* | what other threads write meanwhile may be seen or not. No code of the module runs, so another thread can only write a pointer that it has read somewhere |
//!
//! Not seen are:
//!
//! - a pointer that is not aligned, as in a packed struct;
//! - a value that its thread is dropping at this moment;
//! - everything that is not in a key, such as a `static` or a local variable of the host. Statics
//!   of other modules are looked at by `statics.rs`.
//!
//! A word that a shared crate clears by itself when the module goes (`shared_state.rs`) is left
//! out.
//!
//! `words.rs` reads the values, as other threads may write to them meanwhile.
//!
//! No value is freed while it is read, because [`loader::each_value`] holds the locks that freeing
//! takes.

use std::fmt;
use std::io;
use std::ops::Range;

use tls_slots::Kind;
use tls_slots::loader;

use super::words::{Copier, is_taken_out};

/// A value that points into a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SharedPointer {
    /// The package that declares the key.
    pub(crate) package: String,
    /// Its version.
    pub(crate) version: String,
    /// The key's path.
    pub(crate) path: String,
    /// Whether it is a static or a thread-local.
    pub(crate) kind: Kind,
    /// For a thread-local: the thread whose value it is.
    pub(crate) thread: Option<Owner>,
    /// Where the pointer is in the value, in bytes.
    pub(crate) offset: usize,
    /// Where in the module the pointer leads, in bytes from the module's lowest address.
    pub(crate) into: usize,
}

/// The thread of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Its name, as the system has it.
    pub(crate) name: Option<String>,
    /// Whether it is the calling thread.
    pub(crate) is_current: bool,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("?");
        write!(f, ", on thread `{name}`,")?;
        match self.is_current {
            true => f.write_str(" the calling one,"),
            false => Ok(()),
        }
    }
}

impl fmt::Display for SharedPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Process => "static",
            Kind::ThreadLocal => "thread-local",
        };
        let thread = self.thread.as_ref().map(Owner::to_string);
        let thread = thread.unwrap_or_default();
        write!(
            f,
            "the {kind} `{}` of {} {}{thread} points into the module (offset {:#x}); take the \
             value back before the module is unloaded",
            self.path, self.package, self.version, self.into
        )
    }
}

/// The values that point into this range of addresses. Each value is listed once.
///
/// # Errors
///
/// There is no pipe to be had, or a value cannot be read. Then nothing is known.
pub(crate) fn pointers_into(range: &Range<usize>) -> io::Result<Vec<SharedPointer>> {
    let mut copier = Copier::new()?;
    let mut result = Ok(());
    // Each pointer, with the address of the word that holds it.
    let mut found: Vec<(SharedPointer, usize)> = Vec::new();
    loader::each_value(range, |storage| {
        if result.is_err() {
            return;
        }
        let start = storage.at.addr();
        result = copier.words(storage.at, storage.size, |at, word| {
            if range.contains(&word) {
                let pointer = SharedPointer {
                    package: storage.package.to_owned(),
                    version: storage.version.to_owned(),
                    path: storage.path.to_owned(),
                    kind: storage.kind,
                    thread: storage.thread.map(|thread| Owner {
                        // SAFETY: the list of threads is locked, so the thread has not ended.
                        name: unsafe { loader::thread_name(thread.id) },
                        is_current: thread.is_current,
                    }),
                    offset: at - start,
                    into: word - range.start,
                };
                found.push((pointer, at));
            }
        });
    });
    result?;
    // This calls code of shared crates. No lock is held any more.
    found.retain(|(_, at)| !is_taken_out(std::ptr::without_provenance(*at)));
    let mut last = None;
    found.retain(|(pointer, at)| {
        let value = at - pointer.offset;
        last.replace(value) != Some(value)
    });
    Ok(found.into_iter().map(|(pointer, _)| pointer).collect())
}

#[cfg(all(test, unix))]
mod tests {
    use std::cell::Cell;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::sync::mpsc;
    use std::thread;

    use super::pointers_into;
    use tls_slots::Kind;

    /// "The module" of a test: a range without an image, as it is beyond the addresses of user
    /// space.
    fn nowhere(number: usize) -> std::ops::Range<usize> {
        let start = (usize::MAX >> 1) + 1 + number * 0x10000;
        start..start + 0x1000
    }

    tls_keys::process_local! {
        static POINTER: [AtomicUsize; 100] = [const { AtomicUsize::new(0) }; 100];
        static BYTES: Mutex<(u8, [usize; 2])> = Mutex::new((1, [0; 2]));
    }

    tls_keys::thread_local! {
        static OF_THREAD: Cell<(u16, usize)> = const { Cell::new((0, 0)) };
    }

    /// Has the host's keys registered.
    fn images() {
        assert!(tls_slots::images()[0].is_host);
    }

    #[test]
    fn a_static_that_points_into_the_range_is_found() {
        images();
        let range = nowhere(0);
        assert_eq!(pointers_into(&range).unwrap(), []);
        // The first is beyond the first chunk. The second is in the same value, which is listed
        // once.
        POINTER[70].store(range.start + 0x234, Relaxed);
        POINTER[99].store(range.start, Relaxed);
        let found = pointers_into(&range).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        let pointer = &found[0];
        assert_eq!(pointer.kind, Kind::Process);
        assert_eq!(
            (pointer.offset, pointer.into),
            (70 * size_of::<usize>(), 0x234)
        );
        assert_eq!(
            pointer.to_string(),
            format!(
                "the static `tls_slots_load::alive::pointers::tests::POINTER` of tls-slots-load {} \
                 points into the module (offset 0x234); take the value back before the module is \
                 unloaded",
                env!("CARGO_PKG_VERSION")
            )
        );
        // The first address is in the range, and the end is not.
        POINTER[70].store(range.end, Relaxed);
        assert_eq!(pointers_into(&range).unwrap()[0].into, 0);
        POINTER[99].store(range.start - 1, Relaxed);
        assert_eq!(pointers_into(&range).unwrap(), []);
    }

    #[test]
    fn a_value_of_each_thread_is_found() {
        images();
        let range = nowhere(1);
        OF_THREAD.set((1, range.start + 8));
        let (ready, is_ready) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let other = thread::spawn({
            let into = range.start + 16;
            move || {
                OF_THREAD.set((2, into));
                ready.send(()).expect("somebody waits");
                may_go_on.recv().expect("it is told to");
            }
        });
        is_ready.recv().expect("the thread runs");
        let seen = || {
            let mut seen: Vec<_> = pointers_into(&range)
                .unwrap()
                .into_iter()
                .map(|pointer| (pointer.thread.map(|it| it.is_current), pointer.into))
                .collect();
            seen.sort_unstable();
            seen
        };
        assert_eq!(seen(), [(Some(false), 16), (Some(true), 8)]);
        go_on.send(()).expect("it waits");
        other.join().expect("no panic");
        assert_eq!(seen(), [(Some(true), 8)]);
        OF_THREAD.set((1, 0));
        assert_eq!(seen(), []);
    }

    /// The value has padding, and another thread writes to it. The search finds one of the two
    /// pointers, or none.
    #[test]
    fn values_that_change_meanwhile_are_seen_or_not() {
        images();
        let range = nowhere(2);
        thread::scope(|scope| {
            let (stop, is_stopped) = mpsc::channel::<()>();
            let (first, second) = (range.start + 1, range.start + 2);
            scope.spawn(move || {
                loop {
                    for into in [first, second] {
                        BYTES.lock().expect("no panic").1 = [into; 2];
                    }
                    if is_stopped.try_recv() != Err(mpsc::TryRecvError::Empty) {
                        break;
                    }
                }
            });
            for _ in 0..40 {
                for pointer in pointers_into(&range).unwrap() {
                    assert!(pointer.into == 1 || pointer.into == 2, "{pointer:?}");
                }
            }
            drop(stop);
        });
        assert_eq!(pointers_into(&range).unwrap()[0].into, 2);
    }
}
