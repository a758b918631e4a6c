//! Whose a function is that libc will call on a thread of its own.
//!
//! # The problem
//!
//! A thread's start routine need not be code of the module that wants the thread. A C++
//! `std::thread` starts in libstdc++, and a C library that a module links has routines of its own.
//! What the routine calls is behind its argument, and nobody knows the argument's type. It need not
//! even be a pointer, so it must not be read.
//!
//! # The rule
//!
//! The function's image decides. If that is a library, whoever calls counts as well:
//!
//! | the function is in | it belongs to |
//! | --- | --- |
//! | a module | that module |
//! | the host | nobody: it is the host's |
//! | a library that came by `dlopen`, or with a module | that library, and the callers |
//! | a library that the host is linked to | the callers |
//!
//! The *callers* are found on the stack of the call, from the innermost frame outwards. Libraries
//! that the host is linked to are skipped. Libraries that may go with a module are noted. The first
//! frame in the host or in a module ends the search: a module's frame makes the function that
//! module's, and the host's frame makes it nobody's. So a thread that the host's tokio starts is
//! the host's, even if a module has called tokio.
//!
//! What belongs to a library counts for each module that the library goes with
//! (`alive/companions.rs`).
//!
//! This is conservative. If a module calls a library that the host is linked to, and the library
//! then starts a thread for itself, the thread counts as the module's. A function that ends with a
//! call has no frame if the compiler makes that a jump. So a thread may also count as the module's
//! though a function of the host's stands between.
//!
//! # What it costs
//!
//! All threads of Rust's std have a function in the host or in a module. For these, the image is
//! looked up in a list: 30 ns with a module, and less without. For others the stack is walked: 0.3
//! µs if the next frame decides, and 0.2 µs for each frame more. A thread takes 10 µs to start, or
//! more. (Release build, glibc 2.36, x86-64.) While there is no module, nothing is walked.
//!
//! The walk is `_Unwind_Backtrace` of libgcc_s, which std links. It allocates nothing. With glibc
//! 2.35 or newer it takes no lock (`_dl_find_object`). With older ones it takes the lock of
//! `dl_iterate_phdr`, which a thread may take again.

use std::ffi::{c_int, c_void};

use super::images::{self, Origin};
use crate::alive::libc::types::Span;

/// `_Unwind_Context`.
#[repr(C)]
struct Context {
    _private: [u8; 0],
}

/// `_Unwind_Reason_Code`: goes on with the next frame, or ends the walk.
const GO_ON: c_int = 0;
const END: c_int = 4;

unsafe extern "C" {
    fn _Unwind_Backtrace(
        trace: unsafe extern "C" fn(*mut Context, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut Context) -> usize;
    fn _Unwind_GetRegionStart(context: *mut Context) -> usize;
}

/// The images that a function belongs to. Empty if it is the host's.
///
/// `entry` is the host's function that was called instead of libc's. The search for callers begins
/// outside of it.
pub(super) fn owners(function: usize, entry: usize) -> Vec<Span> {
    match images::origin(function) {
        Origin::Module(module) => vec![module],
        Origin::Host => Vec::new(),
        Origin::Library(library) => {
            let mut owners = callers(entry);
            if !owners.contains(&library) {
                owners.push(library);
            }
            owners
        }
        Origin::Permanent => callers(entry),
    }
}

/// The module and the libraries on the stack, see the top of this file.
fn callers(entry: usize) -> Vec<Span> {
    if !images::has_modules() {
        return Vec::new();
    }
    Walk::from(Begin::Function(entry))
}

/// The module that has had an image opened, if a module did. For the image's constructor: on the
/// stack are the constructor, the system's loader, and then whoever has called that.
pub(super) fn opener(image: Span) -> Option<Span> {
    let callers = Walk::from(Begin::Image(image));
    callers
        .into_iter()
        .find(|caller| images::is_module(*caller))
}

/// How many images a walk can find. There are as many as libraries call each other.
const MOST: usize = 8;

/// Which frames a walk leaves out: those up to this one, and this one.
#[derive(Clone, Copy)]
enum Begin {
    /// The frame of the function that begins at this address.
    Function(usize),
    /// The first frames in this image.
    Image(Span),
}

/// A walk over the stack.
struct Walk {
    begin: Begin,
    /// Whether the frames of `begin` were reached.
    has_begun: bool,
    found: [Option<Span>; MOST],
}

impl Walk {
    /// The module and the libraries on the stack.
    fn from(begin: Begin) -> Vec<Span> {
        let mut walk = Self {
            begin,
            has_begun: false,
            found: [None; MOST],
        };
        // SAFETY: `visit` is made for this `walk`, which outlives the call.
        unsafe { _Unwind_Backtrace(visit, (&raw mut walk).cast()) };
        walk.found.into_iter().flatten().collect()
    }

    /// Looks at a frame. Gives whether to go on.
    fn visit(&mut self, address: usize, function: usize) -> bool {
        let is_beginning = match self.begin {
            Begin::Function(begin) => function == begin,
            Begin::Image(image) => image.contains(address),
        };
        if is_beginning || !self.has_begun {
            self.has_begun |= is_beginning;
            return true;
        }
        if self
            .found
            .iter()
            .flatten()
            .any(|known| known.contains(address))
        {
            return true;
        }
        match images::origin(address) {
            Origin::Module(module) => {
                self.note(module);
                false
            }
            Origin::Library(library) => self.note(library),
            Origin::Host => false,
            Origin::Permanent => true,
        }
    }

    /// Notes an image. Gives whether there is room for another.
    fn note(&mut self, image: Span) -> bool {
        let Some(free) = self.found.iter_mut().find(|one| one.is_none()) else {
            return false;
        };
        *free = Some(image);
        true
    }
}

/// Looks at a frame.
///
/// # Safety
///
/// As `_Unwind_Backtrace` calls it, with a [`Walk`].
unsafe extern "C" fn visit(context: *mut Context, walk: *mut c_void) -> c_int {
    // SAFETY: the caller promises both.
    let (walk, address, function) = unsafe {
        (
            &mut *walk.cast::<Walk>(),
            _Unwind_GetIP(context),
            _Unwind_GetRegionStart(context),
        )
    };
    // A return address may be the first one after its function.
    match walk.visit(address.wrapping_sub(1), function) {
        true => GO_ON,
        false => END,
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::time::Duration;

    use super::owners;

    /// How long this thread has run.
    fn processor_time() -> Duration {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: a clock that every thread has, and room for a time.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }

    /// A thread of the host's costs a look-up. Starting it takes ten times this bound.
    #[test]
    fn threads_of_the_host_cost_next_to_nothing() {
        const TIMES: u32 = 20_000;
        let function = processor_time as *const () as usize;
        let begun = processor_time();
        for _ in 0..TIMES {
            assert_eq!(owners(black_box(function), black_box(0)), []);
        }
        let each = (processor_time() - begun) / TIMES;
        assert!(each < Duration::from_micros(1), "{each:?}");
    }
}
