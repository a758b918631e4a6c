//! What a crate does about a module's pointers in its state when the module is unloaded.
//!
//! # The problem
//!
//! Some crates keep, in a shared static, pointers into the image that called them: `tracing-core`
//! has a list of callsites, which are statics; `signal-hook-registry` has closures. When the module
//! is unmapped, these pointers dangle. The registry of keys cannot know of them: they are inside
//! values whose type it does not know.
//!
//! # How this fits
//!
//! The crate knows its pointers. Its recipe declares an [`OnUnload`] by the macro `on_unload!`,
//! where the crate is about to keep such a pointer. The hook is a process-wide key, so the host's
//! functions are noted, for the module that asked (`shared/on_unload.rs`). The host asks for
//! nothing, as it is never unloaded. An image whose key is private asks for nothing either: then
//! the crate's state is the image's own, too.
//!
//! | field | called when | on which thread |
//! | --- | --- | --- |
//! | `count` | somebody asks what of a module is in use | any |
//! | `takes_out` | a shared static, or one of another module, holds a pointer into the module | any |
//! | `quiescent` | a thread gives up what it has of the module (`quiescence.rs`) | that thread |
//! | | the module is about to be unmapped | the one that unloads |
//! | `take_out` | the image's destructor runs | the one that unloads |
//!
//! `take_out` is called after the image's private values were dropped, and before its keys are
//! unresolved.
//!
//! The host's half holds none of its locks during any of these calls.

use core::sync::atomic::AtomicBool;

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
    /// If a module's closure is on the heap, only its vtable lies in the image.
    pub fn refers<T: ?Sized>(&self, pointer: *const T) -> bool {
        let at = (&raw const pointer).cast::<usize>();
        // A pointer is an address, or an address with a vtable or a length, in whichever order:
        // nothing but words, and none of them is padding. A length is no address of an image: an
        // image lies higher in the address space than any length reaches.
        (0..size_of::<*const T>() / size_of::<usize>()).any(|word| {
            // SAFETY: inside `pointer`, which is made of that many initialised words.
            let word = unsafe { at.add(word).read() };
            (self.start..self.end).contains(&word)
        })
    }
}

/// What a crate does about its pointers into an image that is unloaded.
pub struct OnUnload {
    /// What is counted: a noun in the plural with the crate's name, such as "callsites registered
    /// with `tracing`".
    pub what: &'static str,
    /// Whether a module must not be unloaded while `count` finds some. Otherwise they are taken
    /// out, and nobody misses them.
    pub refuses: bool,
    /// How many pointers into the image the crate has. The image is loaded, and its code may run.
    pub count: fn(Span) -> usize,
    /// Takes these pointers out. When this returns, the crate no longer refers to the image, on any
    /// thread.
    ///
    /// # Safety
    ///
    /// The image must still be mapped. No thread may run its code, except destructors that this
    /// calls.
    pub take_out: unsafe fn(Span),
    /// Whether `take_out` clears the word at this address, of a shared static or of a static of
    /// another module.
    pub takes_out: fn(*const u8) -> bool,
    /// Does now what the crate would do later, where that may be code of a module. Called without a
    /// lock, where any code may run.
    pub quiescent: fn(),
    /// In the module's own, otherwise unused instance: whether the module has asked. Only set by
    /// `ask` in `shared/on_unload.rs`.
    pub asked: AtomicBool,
}

impl OnUnload {
    /// Does nothing. For the fields that a crate does not need.
    #[allow(clippy::declare_interior_mutable_const)] // as a start value: each use is a new one
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
