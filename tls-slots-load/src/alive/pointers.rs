//! Which values in shared state point into a module.
//!
//! # The problem
//!
//! A module may leave a pointer to its code or data in a value that outlives it: a logger in `log::LOGGER`, a
//! subscriber in tracing's state of a thread, a function of its own in a `process_local!` that the host
//! declares. Unmapped, the module would be called all the same. The registry does not know the types
//! of the values; but it knows where each lies, and how long it is.
//!
//! # How this fits
//!
//! The search looks at each word of each value that another image owns, and reports each word that is an
//! address of the module. A module that is pointed to is not unloaded. The search is
//!
//! | | |
//! | --- | --- |
//! | *conservative* | a number that happens to be an address of the module counts as a pointer |
//! | *shallow* | what a value keeps behind a pointer of its own, in a `Vec` or a `Box`, is not seen |
//! | *a snapshot* | what other threads write meanwhile may or may not be seen. Nothing of the module may run: then what another thread can still write is what it has read from somewhere |
//!
//! Not seen: a pointer that is not aligned, as in a packed struct; a value that its thread is dropping
//! at this moment; and whatever is in no key, such as a `static` or a local variable of the host. What a
//! shared crate takes out by itself (`shared_state.rs`) is left out.
//!
//! # How values are read
//!
//! Other threads may be writing to them, without atomics: a `Cell` of theirs, a static under a lock that the
//! search cannot know. And there may be padding. A read by Rust code, volatile or atomic, would be a data race
//! with the first, and undefined for the second. So no Rust code reads: the kernel is asked to copy the
//! bytes, through a pipe. As with a debugger, that is no access of the program's own; what arrives
//! are initialised bytes, whatever they mean. Memory that cannot be read is an error, not a fault. A
//! pipe needs two descriptors for as long as the search takes, and no privilege; `process_vm_readv` of one's
//! own process needs none, but sandboxes forbid it or kill for it.
//!
//! A value is not freed while it is read: [`loader::each_value`] holds the locks that freeing takes.

use std::fmt;
use std::io;
use std::ops::Range;

use tls_slots::Kind;
use tls_slots::loader;

/// A value that points into a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SharedPointer {
    /// The package that declares the key.
    pub(crate) package: String,
    /// Its version.
    pub(crate) version: String,
    /// The key's path.
    pub(crate) path: String,
    /// Static or thread-local.
    pub(crate) kind: Kind,
    /// Of a thread-local: whose value it is.
    pub(crate) thread: Option<Owner>,
    /// Where in the value the pointer is.
    pub(crate) offset: usize,
    /// Where in the module it points to, from the module's first address.
    pub(crate) into: usize,
}

/// The thread of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// As the system knows it.
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
            "the {kind} `{}` of {} {}{thread} points into the module (offset {:#x}); take the value back \
             before the module is unloaded",
            self.path, self.package, self.version, self.into
        )
    }
}

/// The values that point into this range of addresses, one entry for each value.
///
/// # Errors
///
/// Where there is no pipe to be had, or a value cannot be read. Then nothing is known.
pub(crate) fn pointers_into(range: &Range<usize>) -> io::Result<Vec<SharedPointer>> {
    let mut copier = Copier::new()?;
    let mut result = Ok(());
    // The pointer with the address of the word it is in.
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
                        name: loader::thread_name(thread.id),
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
    // Asks code of shared crates, so no lock is held.
    found.retain(|(_, at)| !is_taken_out(std::ptr::without_provenance(*at)));
    let mut last = None;
    found.retain(|(pointer, at)| {
        let value = at - pointer.offset;
        last.replace(value) != Some(value)
    });
    Ok(found.into_iter().map(|(pointer, _)| pointer).collect())
}

#[cfg(unix)]
unsafe extern "C" {
    /// POSIX, "write".
    fn write(descriptor: std::ffi::c_int, bytes: *const std::ffi::c_void, count: usize) -> isize;
}

/// Whether a shared crate clears a word of its static, at this address, when the module goes that the
/// word points to.
fn is_taken_out(word: *const u8) -> bool {
    let hooks = loader::all_unload_hooks();
    hooks.iter().any(|hook| (hook.takes_out)(word))
}

/// Copies memory by way of the kernel.
#[cfg(unix)]
struct Copier {
    from: io::PipeReader,
    to: io::PipeWriter,
}

#[cfg(unix)]
impl Copier {
    /// What every pipe takes at once, so that nobody has to empty it meanwhile (POSIX, `_POSIX_PIPE_BUF`),
    /// in bytes.
    const CHUNK: usize = 512;

    fn new() -> io::Result<Self> {
        let (from, to) = io::pipe()?;
        Ok(Self { from, to })
    }

    /// Shows each aligned word of the memory, with its address.
    fn words(
        &mut self,
        at: *const u8,
        size: usize,
        mut look: impl FnMut(usize, usize),
    ) -> io::Result<()> {
        const WORD: usize = size_of::<usize>();
        let end = at.addr() + size;
        let mut next = at.addr().next_multiple_of(WORD);
        while next + WORD <= end {
            let len = (end - next).min(Self::CHUNK) / WORD * WORD;
            let mut bytes = [0; Self::CHUNK];
            self.copy(at.with_addr(next), &mut bytes[..len])?;
            for (word, bytes) in bytes[..len].as_chunks::<WORD>().0.iter().enumerate() {
                look(next + word * WORD, usize::from_ne_bytes(*bytes));
            }
            next += len;
        }
        Ok(())
    }

    /// Copies so many bytes from there.
    fn copy(&mut self, at: *const u8, bytes: &mut [u8]) -> io::Result<()> {
        use std::io::Read;
        use std::os::fd::AsRawFd;

        debug_assert!(bytes.len() <= Self::CHUNK);
        let mut written = 0;
        while written < bytes.len() {
            // SAFETY: the descriptor is ours and open. The kernel checks the memory, and copies what is
            // there: nothing in this process reads it (see the top of this file).
            let count = unsafe {
                write(
                    self.to.as_raw_fd(),
                    at.wrapping_add(written).cast(),
                    bytes.len() - written,
                )
            };
            match usize::try_from(count) {
                Ok(count) => written += count,
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
        self.from.read_exact(bytes)
    }
}

/// No range of a module is known there (`image_memory.rs`), so nobody asks.
#[cfg(not(unix))]
struct Copier;

#[cfg(not(unix))]
impl Copier {
    fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn words(&mut self, _: *const u8, _: usize, _: impl FnMut(usize, usize)) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::cell::Cell;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::sync::mpsc;
    use std::thread;

    use super::{Copier, pointers_into};
    use tls_slots::Kind;

    /// A range that no image is in, as the addresses of user space end before it: it is "the module" of a test.
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

    /// So that the host's keys are registered.
    fn images() {
        assert!(tls_slots::images()[0].is_host);
    }

    #[test]
    fn a_static_that_points_into_the_range_is_found() {
        images();
        let range = nowhere(0);
        assert_eq!(pointers_into(&range).unwrap(), []);
        // Beyond the first chunk; the second is in the same value, and told once.
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
                "the static `tls_slots_load::alive::pointers::tests::POINTER` of tls-slots-load {} points into the module \
                 (offset 0x234); take the value back before the module is unloaded",
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

    /// With padding, and while others write: the numbers of a run are those of this test.
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

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        let mut copier = Copier::new().unwrap();
        // 14 is `EFAULT` on all Unix systems.
        let nothing = std::ptr::without_provenance(size_of::<usize>());
        let error = copier.words(nothing, 64, |_, _| panic!("nothing is there"));
        assert_eq!(error.unwrap_err().raw_os_error(), Some(14));
        // And it can be used again. Of memory that is not aligned, whole words are looked at.
        let words = [1_usize, 2, 3];
        let mut seen = Vec::new();
        let at = words.as_ptr().cast::<u8>().wrapping_add(1);
        let size = size_of_val(&words) - 2;
        copier.words(at, size, |_, word| seen.push(word)).unwrap();
        assert_eq!(seen, [2]);
    }
}
