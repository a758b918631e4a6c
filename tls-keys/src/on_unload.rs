//! What a module leaves behind in the state of a crate that the host shares, and who takes it out.
//!
//! # The problem
//!
//! Some crates keep, in a shared static, pointers to places of the image that called them: `tracing-core` has
//! a list of callsites, which are statics; `signal-hook-registry` has closures. When the module is
//! unmapped, these pointers dangle. The registry of keys cannot know of them: they are inside of values
//! whose type it does not know.
//!
//! # How this fits
//!
//! The crate knows. Its recipe declares an [`OnUnload`], by `on_unload!`, where the crate is about to
//! keep such a pointer. That is a process-wide key, so it is the host's functions that are
//! noted, for the module that asked (`tls-slots`' `on_unload.rs`). The host asks for nothing, as it is
//! never unloaded. An image whose key is its own asks for nothing either: then the state is its own, too.
//!
//! | when | what is called | on which thread |
//! | --- | --- | --- |
//! | somebody asks what of a module is in use | [`count`](OnUnload::count) | any |
//! | a pointer into the module was found in a shared static | [`takes_out`](OnUnload::takes_out) | any |
//! | a thread has nothing to do, and gives up what it has of a module that is being unloaded | [`quiescent`](OnUnload::quiescent) | that one, and the one that unloads |
//! | the image's destructor runs, after its private values were dropped, and before its keys are unresolved | [`take_out`](OnUnload::take_out) | the one that unloads |
//!
//! No lock of the host's half is held during any of them.

use core::sync::atomic::AtomicBool;
#[cfg(feature = "shared")]
use core::sync::atomic::{AtomicUsize, Ordering};

/// The addresses of an image.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// From the first address to one past the last.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Whether this thing lies in the image.
    pub fn contains<T>(&self, thing: *const T) -> bool {
        (self.start..self.end).contains(&thing.addr())
    }

    /// Whether a pointer leads into the image, by its address or by its vtable.
    ///
    /// A closure of a module that is on the heap is known by its vtable only.
    pub fn refers<T: ?Sized>(&self, pointer: *const T) -> bool {
        let at = (&raw const pointer).cast::<usize>();
        // A pointer is an address, or an address with a vtable or a length, in whichever order: nothing
        // but words, none of them padding. A length is no address of an image: those are larger
        // than any length of what lies in the same address space beside it.
        (0..size_of::<*const T>() / size_of::<usize>()).any(|word| {
            // SAFETY: inside of `pointer`, which is made of so many initialised words.
            let word = unsafe { at.add(word).read() };
            (self.start..self.end).contains(&word)
        })
    }
}

#[cfg(feature = "shared")]
crate::process_local! {
    /// Where the host begins and ends, and 0 where that is not known. Written by the host, always the same.
    static HOST: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
}

/// Tells where the host lies in memory.
#[cfg(feature = "shared")]
pub fn set_host(start: usize, end: usize) {
    HOST[0].store(start, Ordering::Relaxed);
    HOST[1].store(end, Ordering::Relaxed);
}

/// Whether that was told.
#[cfg(feature = "shared")]
pub fn host_is_known() -> bool {
    HOST[1].load(Ordering::Relaxed) != 0
}

/// Whether a thing is a place of the host, and so there for good: a literal, say. False where that is not known.
#[inline]
pub fn is_lasting<T>(thing: *const T) -> bool {
    #[cfg(feature = "shared")]
    {
        // Relaxed: a zero that is no longer one leads to a copy that need not be.
        let [start, end] = [&HOST[0], &HOST[1]].map(|bound| bound.load(Ordering::Relaxed));
        Span::new(start, end).contains(thing)
    }
    // A program that loads no modules has nothing that goes.
    #[cfg(not(feature = "shared"))]
    {
        let _ = thing;
        true
    }
}

/// What a crate does about places of an image that is unloaded.
pub struct OnUnload {
    /// What is counted, in the plural, with the crate's name: "callsites registered with `tracing`".
    pub what: &'static str,
    /// Whether a module must not be unloaded while `count` finds some. Otherwise they are
    /// taken out, and nobody misses them.
    pub refuses: bool,
    /// How many places of the image the crate refers to. The image is loaded, and its code may run.
    pub count: fn(Span) -> usize,
    /// Takes them out, so that the crate does not refer to the image any more when this returns, on no
    /// thread.
    ///
    /// # Safety
    ///
    /// The image must still be mapped. No thread may run its code, but for destructors that this calls.
    pub take_out: unsafe fn(Span),
    /// Whether a word of a shared static, at this address, is one of those that `take_out` clears.
    pub takes_out: fn(*const u8) -> bool,
    /// Does soon what the crate would do later, where that may be code of a module. Called without a lock,
    /// where any code may run.
    pub quiescent: fn(),
    /// Of an image's own, otherwise unused instance: whether it has asked. Only set by [`ask`].
    pub asked: AtomicBool,
}

impl OnUnload {
    /// Nothing, for the fields that a crate does not need.
    #[allow(clippy::declare_interior_mutable_const)] // to begin with: each use is a new one
    pub const NOTHING: Self = Self {
        what: "",
        refuses: false,
        count: |_| 0,
        take_out: |_| (),
        takes_out: |_| false,
        quiescent: || (),
        asked: AtomicBool::new(false),
    };
}

/// Notes, for the module that this is called from, what the host does when it is unloaded. Says whether the state
/// is another image's, the host's: else there was nothing to note.
///
/// A few loads, but for the first time.
#[cfg(feature = "shared")]
#[inline]
pub fn ask(hook: &'static crate::ProcessLocal<OnUnload>) -> bool {
    if crate::ProcessLocal::is_own(hook) {
        return false;
    }
    // Relaxed: who finds it set has nothing to do, and needs nothing that was done before.
    if !crate::ProcessLocal::own(hook).asked.load(Ordering::Relaxed) {
        ask_first(hook);
    }
    true
}

#[cfg(feature = "shared")]
#[cold]
fn ask_first(hook: &'static crate::ProcessLocal<OnUnload>) {
    // SAFETY: the id of the image that this code is in; the shared instance is the host's static.
    unsafe { crate::object::on_unload(crate::object::id(), &raw const **hook) }
    // Afterwards, so that nobody goes on before the host knows.
    let own = crate::ProcessLocal::own(hook);
    own.asked.store(true, Ordering::Relaxed);
}

/// A program that is no module is not unloaded.
#[cfg(not(feature = "shared"))]
pub fn ask(_: &'static crate::ProcessLocal<OnUnload>) -> bool {
    false
}

/// Declares what the host does when a module is unloaded that has come by here; the value is that of
/// [`ask`](on_unload::ask).
#[doc(hidden)]
#[macro_export]
macro_rules! __on_unload {
    ($name:ident = $value:expr) => {{
        $crate::process_local! {
            static $name: $crate::on_unload::OnUnload = $value;
        }
        $crate::on_unload::ask(&$name)
    }};
}
