//! The environment: `getenv`, `secure_getenv`, `setenv`, `unsetenv`, `putenv` and `clearenv`.
//!
//! # The problem
//!
//! glibc before 2.41 frees and moves the array `environ` in `setenv`, while `getenv` may read it on
//! another thread. Rust's std has a lock around both. But each image has its own std, so the lock
//! of the host's `env::set_var` is not the lock of a module's `env::var`. That is a crash. std
//! also reads `environ` directly, without any function of libc, in `env::vars` and for a `Command`.
//!
//! # The way
//!
//! The executable defines the functions above, so all images find these definitions. Readers take
//! no lock. Whatever writers do meanwhile, a reader that walks from `environ` to the null at the
//! end finds valid strings, and it finds the null:
//!
//! - Memory that a reader may have found is never freed: neither an array nor a string. Equal
//!   strings are the same string, so a variable that is set to the same few values needs no more
//!   memory. An array is twice as large as it has to be, so all old ones together are not larger
//!   than the newest.
//! - An array is filled from its end. The null at its end, and what lies before it up to `environ`,
//!   is never moved down.
//!
//! | what | how |
//! | --- | --- |
//! | an existing name gets a value | one store replaces the pointer to the string |
//! | a new name | the string is stored in the free place before `environ`; then `environ` is moved there |
//! | no free place, or an array of somebody else's | all is copied to the end of a new array; then `environ` is moved there |
//! | a name is removed | the first entry replaces it; then `environ` is moved on by one entry |
//!
//! ```text
//!            environ                              environ
//!               v                                    v
//! | free | free | A | B | C | null |   | free | free | B | A | null |     after B is removed:
//!                                                                         A has replaced it
//! ```
//!
//! In an array, a string only ever moves to a later place, and is there before its old place is
//! used again. So a reader misses no variable that exists all the time. It may see one twice.
//! glibc 2.41 moves strings to earlier places instead. There `getenv` begins again when something
//! was removed meanwhile, but a program that reads `environ` directly may miss a variable.
//!
//! # What stays
//!
//! - libc's own reads of the environment (`TZ`, `LANG`, …) are not taken over. glibc before 2.41
//!   reads an entry twice there, and may take the text of one variable for another's if the two
//!   reads are before and after a removal.
//! - The kernel reads the environment of a new process from the end to the start. It may miss a
//!   variable if another thread has removed one and added one meanwhile.
//! - The string of `putenv` is the caller's, as POSIX has it.
//!
//! Sources: POSIX.1-2024 (`getenv`, `setenv`, `unsetenv`, `putenv`), `clearenv(3)`, glibc 2.36 and
//! 2.41 (stdlib/setenv.c, stdlib/getenv.c), std 1.95 (library/std/src/sys/env/unix.rs).

use std::collections::BTreeSet;
use std::ffi::{CStr, c_char, c_int};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};

use tls_slots::loader::lock;

/// One `char *` of the array: `NAME=value`, or null at the end.
type Entry = AtomicPtr<c_char>;

/// A `char **` that may be moved: `environ`.
///
/// Invariant: it is null, or it points to entries of which the last is null. These stay readable,
/// and so do their strings.
///
/// Stores are releases, and follow the stores to what they publish. Loads are acquires.
type Environ = AtomicPtr<Entry>;

unsafe extern "C" {
    /// libc's, which all images share. C has it as `char **`, which has the same layout.
    safe static environ: Environ;
}

/// Has the linker take this file, and with it the functions that replace libc's.
pub(super) fn link() {
    std::hint::black_box((
        getenv as *const (),
        secure_getenv as *const (),
        setenv as *const (),
        unsetenv as *const (),
        putenv as *const (),
        clearenv as *const (),
    ));
}

/// There is no memory.
#[derive(Debug, PartialEq, Eq)]
struct NoMemory;

/// What writers need. Its methods are given the [`Environ`] to write.
struct Writer {
    /// All arrays that were made here, the newest last. Invariant: each has an entry or more, and
    /// the last of these is null.
    arrays: Vec<&'static [Entry]>,
    /// All strings that were made here, with the 0 at the end.
    strings: BTreeSet<&'static [u8]>,
}

/// Only the allocator is called under this lock.
static WRITER: Mutex<Writer> = Mutex::new(Writer::new());

/// The entries from `start` to the null, and what is in them.
fn entries(start: *mut Entry) -> impl Iterator<Item = (*const Entry, *mut c_char)> {
    let mut next = start.cast_const();
    std::iter::from_fn(move || {
        // SAFETY: null, or by the invariant of `Environ` an entry, as the last one was not null.
        let string = unsafe { next.as_ref() }?.load(Ordering::Acquire);
        let entry = next;
        // SAFETY: not the null at the end, so an entry follows. Else the result is not used.
        next = next.wrapping_add(1);
        (!string.is_null()).then_some((entry, string))
    })
}

/// The value in a string, if it is that of a variable with this name.
///
/// # Safety
///
/// `string` must be a C string, and `name` have no 0.
unsafe fn value_in(string: *mut c_char, name: &[u8]) -> Option<*mut c_char> {
    for (at, expected) in name.iter().chain(b"=").enumerate() {
        // SAFETY: the bytes before this one were not 0, so they were not the last.
        if unsafe { string.add(at).read() } as u8 != *expected {
            return None;
        }
    }
    // SAFETY: the bytes up to this one were not 0.
    Some(unsafe { string.add(name.len() + 1) })
}

/// The first entry of a name, with the value in it.
fn find(start: *mut Entry, name: &[u8]) -> Option<(*const Entry, *mut c_char)> {
    entries(start).find_map(|(entry, string)| {
        // SAFETY: by the invariant of `Environ`; callers' names are C strings without the 0.
        unsafe { value_in(string, name) }.map(|value| (entry, value))
    })
}

impl Writer {
    const fn new() -> Self {
        Self {
            arrays: Vec::new(),
            strings: BTreeSet::new(),
        }
    }

    /// The newest array, and the number of the entry in it that the environment begins with. `None`
    /// if the environment is not in that array.
    fn own(&self, place: &Environ) -> Option<(&'static [Entry], usize)> {
        let array = *self.arrays.last()?;
        let start = place.load(Ordering::Acquire).cast_const();
        if start.is_null() {
            return Some((array, array.len() - 1));
        }
        let range = array.as_ptr_range();
        let at = start.addr().wrapping_sub(range.start.addr()) / size_of::<Entry>();
        range.contains(&start).then_some((array, at))
    }

    /// Copies the environment to a new array, except for one name. Gives the array, and the number
    /// of the first entry.
    fn copy(&mut self, place: &Environ, but: &[u8]) -> Result<(&'static [Entry], usize), NoMemory> {
        /// So many places are free at least.
        const ROOM: usize = 16;

        let start = place.load(Ordering::Acquire);
        let kept = || {
            // SAFETY: by the invariant of `Environ`; `but` is a C string without the 0.
            entries(start).filter(|(_, string)| unsafe { value_in(*string, but) }.is_none())
        };
        let count = kept().count();
        let size = 2 * count + ROOM + 1;
        let mut array = Vec::new();
        array.try_reserve_exact(size).map_err(|_| NoMemory)?;
        self.arrays.try_reserve(1).map_err(|_| NoMemory)?;
        array.resize_with(size, Entry::default);
        let array: &'static [Entry] = array.leak();
        let first = size - 1 - count;
        // Somebody who writes to `environ` directly may have added one since: `zip` has an end.
        for (to, (_, string)) in array[first..size - 1].iter().zip(kept()) {
            to.store(string, Ordering::Relaxed);
        }
        self.arrays.push(array);
        place.store(entry(array, first), Ordering::Release);
        Ok((array, first))
    }

    /// Gives a name the string, which begins with the name.
    fn set(&mut self, place: &Environ, name: &[u8], string: *mut c_char) -> Result<(), NoMemory> {
        if let Some((known, _)) = find(place.load(Ordering::Acquire), name) {
            // SAFETY: `find` gives an entry, which is readable for good.
            unsafe { &*known }.store(string, Ordering::Release);
            return Ok(());
        }
        let (array, first) = match self.own(place) {
            Some((array, first)) if first > 0 => (array, first),
            // The environment has no such name.
            _ => self.copy(place, name)?,
        };
        array[first - 1].store(string, Ordering::Release);
        place.store(entry(array, first - 1), Ordering::Release);
        Ok(())
    }

    /// Removes a name.
    fn remove(&mut self, place: &Environ, name: &[u8]) -> Result<(), NoMemory> {
        // There may be more than one.
        while let Some((known, _)) = find(place.load(Ordering::Acquire), name) {
            let Some((array, first)) = self.own(place) else {
                self.copy(place, name)?;
                continue;
            };
            let moved = array[first].load(Ordering::Acquire);
            // SAFETY: `find` gives an entry, which is readable for good.
            unsafe { &*known }.store(moved, Ordering::Release);
            place.store(entry(array, first + 1), Ordering::Release);
        }
        Ok(())
    }

    /// A string that is there for good: `NAME=value`, and 0.
    fn string(&mut self, name: &[u8], value: &[u8]) -> Result<*mut c_char, NoMemory> {
        let mut string = Vec::new();
        let size = name.len() + value.len() + 2;
        string.try_reserve_exact(size).map_err(|_| NoMemory)?;
        for part in [name, b"=", value, b"\0"] {
            string.extend_from_slice(part);
        }
        let known = self.strings.get(&*string).copied();
        let known = known.unwrap_or_else(|| {
            let new: &'static [u8] = string.leak();
            self.strings.insert(new);
            new
        });
        Ok(known.as_ptr().cast_mut().cast())
    }
}

/// The address of an entry, as `environ` has it.
fn entry(array: &'static [Entry], at: usize) -> *mut Entry {
    ptr::from_ref(&array[at]).cast_mut()
}

/// What a function of libc returns, with `errno`.
fn done(result: Result<(), c_int>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => {
            // SAFETY: gives the address of the calling thread's `errno`.
            unsafe { *libc::__errno_location() = error };
            -1
        }
    }
}

impl From<NoMemory> for c_int {
    fn from(_: NoMemory) -> Self {
        libc::ENOMEM
    }
}

/// A name that a variable can have.
///
/// # Safety
///
/// `name` must be null or a C string.
unsafe fn valid<'a>(name: *const c_char) -> Result<&'a [u8], c_int> {
    if name.is_null() {
        return Err(libc::EINVAL);
    }
    // SAFETY: the caller promises a C string.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    match name.is_empty() || name.contains(&b'=') {
        true => Err(libc::EINVAL),
        false => Ok(name),
    }
}

/// Replaces libc's function.
///
/// # Safety
///
/// As POSIX has it, but other threads may change the environment by the functions of this file.
// SAFETY: it has the type of libc's function of that name, and does the same.
#[unsafe(no_mangle)]
unsafe extern "C" fn getenv(name: *const c_char) -> *mut c_char {
    // SAFETY: the caller promises a C string.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    // No variable has an empty name.
    let start = match name {
        [] => ptr::null_mut(),
        _ => environ.load(Ordering::Acquire),
    };
    find(start, name).map_or(ptr::null_mut(), |(_, value)| value)
}

/// Replaces libc's function: null in a program that has more rights than its caller.
///
/// # Safety
///
/// As [`getenv`].
// SAFETY: it has the type of libc's function of that name, and does the same.
#[unsafe(no_mangle)]
unsafe extern "C" fn secure_getenv(name: *const c_char) -> *mut c_char {
    // SAFETY: takes a number, and reads what the kernel has told the process.
    match unsafe { libc::getauxval(libc::AT_SECURE) } {
        // SAFETY: the caller promises what `getenv` asks for.
        0 => unsafe { getenv(name) },
        _ => ptr::null_mut(),
    }
}

/// Replaces libc's function.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: it has the type of libc's function of that name, and does the same.
#[unsafe(no_mangle)]
unsafe extern "C" fn setenv(name: *const c_char, value: *const c_char, overwrite: c_int) -> c_int {
    let set = || {
        // SAFETY: the caller promises null or a C string.
        let name = unsafe { valid(name) }?;
        let mut writer = lock(&WRITER);
        if overwrite == 0 && find(environ.load(Ordering::Acquire), name).is_some() {
            return Ok(());
        }
        // SAFETY: the caller promises a C string.
        let value = unsafe { CStr::from_ptr(value) }.to_bytes();
        let string = writer.string(name, value)?;
        Ok(writer.set(&environ, name, string)?)
    };
    done(set())
}

/// Replaces libc's function.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: it has the type of libc's function of that name, and does the same.
#[unsafe(no_mangle)]
unsafe extern "C" fn unsetenv(name: *const c_char) -> c_int {
    // SAFETY: the caller promises null or a C string.
    let name = unsafe { valid(name) };
    done(name.and_then(|name| Ok(lock(&WRITER).remove(&environ, name)?)))
}

/// Replaces libc's function: the string itself becomes part of the environment. A string without a
/// `=` removes that name, as glibc has it.
///
/// # Safety
///
/// As POSIX has it: the string must be there as long as it is part of the environment. And as a
/// reader may have found it before, for good.
// SAFETY: it has the type of libc's function of that name, and does the same.
#[unsafe(no_mangle)]
unsafe extern "C" fn putenv(string: *mut c_char) -> c_int {
    // SAFETY: the caller promises a C string.
    let bytes = unsafe { CStr::from_ptr(string) }.to_bytes();
    let end = bytes.iter().position(|byte| *byte == b'=');
    let mut writer = lock(&WRITER);
    let result = match end {
        Some(end) => writer.set(&environ, &bytes[..end], string),
        None if bytes.is_empty() => Ok(()),
        None => writer.remove(&environ, bytes),
    };
    done(result.map_err(Into::into))
}

/// Replaces libc's function: `environ` becomes null.
// SAFETY: it has the type of libc's function of that name, and does the same.
#[unsafe(no_mangle)]
extern "C" fn clearenv() -> c_int {
    let _writer = lock(&WRITER);
    environ.store(ptr::null_mut(), Ordering::Release);
    0
}

#[cfg(test)]
mod tests;
