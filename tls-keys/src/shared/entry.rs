//! Functions that a module exports by name, and what it takes to call them safely.
//!
//! The problem: a symbol has no type. A host that asks for `render` with the wrong signature gets
//! undefined behaviour, and a panic that leaves the module reaches the host as a foreign exception,
//! which ends the process. So a module does not export the function, but an [`Entry`]. That is a
//! static that tells the function's signature, kind and layout. It holds a caller that catches
//! panics *in the module*, by the module's own code.
//!
//! `#[tokio::module]` of the forked tokio writes entries. The host's loader finds and checks them.
//! Neither side has to link the other one: this file is all that they share.

use alloc::boxed::Box;
use alloc::string::String;
use core::any::{self, TypeId};
use core::fmt;
use core::future::Future;
use core::pin::Pin;

use super::key::Text;

/// A function signature as a type: `fn(A, B) -> R`, for up to eight arguments.
///
/// For an `async` entry, `R` is what the future resolves to: the same signature as in the source,
/// without the `async`.
///
/// # Safety
///
/// For this crate only: `Args` must be the tuple of the arguments and `Output` the result.
pub unsafe trait Signature: 'static {
    /// The arguments, as a tuple.
    type Args: 'static;
    /// The result.
    type Output: 'static;
}

macro_rules! signatures {
    ($($args:ident)*) => {
        // SAFETY: `Args` and `Output` are those of the function type in the line below.
        unsafe impl<$($args: 'static,)* Output: 'static> Signature for fn($($args),*) -> Output {
            type Args = ($($args,)*);
            type Output = Output;
        }
    };
}

signatures!();
signatures!(A);
signatures!(A B);
signatures!(A B C);
signatures!(A B C D);
signatures!(A B C D E);
signatures!(A B C D E F);
signatures!(A B C D E F G);
signatures!(A B C D E F G H);

/// A panic that was caught at the boundary of a module.
///
/// It holds the message only: the payload's vtable lies in the module, and would dangle after the
/// module is unloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPanic {
    message: String,
}

impl EntryPanic {
    /// A panic with this message.
    pub fn new(message: String) -> Self {
        Self { message }
    }

    /// The panic's message, or a stand-in where the payload was no text.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for EntryPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the module panicked: {}", self.message)
    }
}

impl core::error::Error for EntryPanic {}

/// What an `async` entry returns to the host.
///
/// The module's code makes the future, polls it and drops it, through its vtable. A panic in any of
/// these is caught there.
pub type EntryFuture<R> = Pin<Box<dyn Future<Output = Result<R, EntryPanic>> + Send>>;

/// The caller of an `async` entry.
pub type CallAsync<S> = fn(<S as Signature>::Args) -> EntryFuture<<S as Signature>::Output>;

/// The caller of a synchronous entry.
pub type CallSync<S> = fn(<S as Signature>::Args) -> Result<<S as Signature>::Output, EntryPanic>;

/// How an entry is called.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A `fn`: `caller` is a [`CallSync`].
    Sync = 1,
    /// An `async fn`: `caller` is a [`CallAsync`].
    Async = 2,
}

/// Sizes and alignments of a signature's arguments and result.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    args: (usize, usize),
    output: (usize, usize),
}

impl Layout {
    /// The layout of `S`.
    pub const fn of<S: Signature>() -> Self {
        Self {
            args: (size_of::<S::Args>(), align_of::<S::Args>()),
            output: (size_of::<S::Output>(), align_of::<S::Output>()),
        }
    }
}

/// Why an entry does not fit what the host asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The entry is of the other [`EntryKind`].
    Kind(EntryKind),
    /// The entry has this signature.
    Signature(&'static str),
    /// Signature and kind agree, but the types have another size or alignment: the two sides were
    /// built from different versions or features of a crate.
    Layout,
}

/// A function that a module exports, as the static behind its symbol.
#[repr(C)]
pub struct Entry {
    /// Invariant: the address of a [`CallAsync<S>`] or [`CallSync<S>`], as `kind` says, where `S`
    /// is the type behind `signature` and `layout`.
    caller: *const (),
    kind: EntryKind,
    layout: Layout,
    signature: fn() -> &'static str,
    types: fn() -> TypeId,
    module: Text,
}

// SAFETY: immutable. The caller is a function, which may be called from any thread.
unsafe impl Sync for Entry {}

impl Entry {
    /// The entry of an `async fn`; `module` is the module's `module_path!()`.
    pub const fn future<S: Signature>(caller: CallAsync<S>, module: &'static str) -> Self {
        Self {
            caller: caller as *const (),
            kind: EntryKind::Async,
            layout: Layout::of::<S>(),
            signature: any::type_name::<S>,
            types: TypeId::of::<S>,
            module: Text::new(module),
        }
    }

    /// The entry of a `fn`; `module` is the module's `module_path!()`.
    pub const fn function<S: Signature>(caller: CallSync<S>, module: &'static str) -> Self {
        Self {
            caller: caller as *const (),
            kind: EntryKind::Sync,
            layout: Layout::of::<S>(),
            signature: any::type_name::<S>,
            types: TypeId::of::<S>,
            module: Text::new(module),
        }
    }

    /// Whether the compiler gives the types of `S` the same ids in the module and in the caller.
    ///
    /// The id of a type follows the crate that declares it: its name, version and source, its
    /// features, profile and dependencies, as cargo hashes them for `-C metadata`. So equal ids
    /// mean that a crate of a registry was built alike. Other ids mean nothing: a profile or the
    /// path of a workspace may be all that differs. Of a crate's *contents* an id tells nothing.
    ///
    /// # Safety
    ///
    /// The module must be loaded, and the same compiler must have built host and module.
    pub unsafe fn has_same_types<S: Signature>(&'static self) -> bool {
        (self.types)() == TypeId::of::<S>()
    }

    /// Checks that this is an `async` entry of signature `S`.
    ///
    /// Types are compared by their full names, and by size and alignment of arguments and result.
    /// Whether both sides mean the same by a name, the caller has to know:
    /// [`has_same_types`](Self::has_same_types) tells of some types that they do.
    ///
    /// # Errors
    ///
    /// What differs.
    ///
    /// # Safety
    ///
    /// The module must be loaded, and the same compiler must have built host and module.
    pub unsafe fn as_async<S: Signature>(&'static self) -> Result<CallAsync<S>, Misfit> {
        self.check::<S>(EntryKind::Async)?;
        // SAFETY: the field's invariant; kind and signature were just compared. The same compiler
        // gives both sides the same calling convention.
        Ok(unsafe { core::mem::transmute::<*const (), CallAsync<S>>(self.caller) })
    }

    /// Checks that this is a synchronous entry of signature `S`.
    ///
    /// # Errors
    ///
    /// What differs.
    ///
    /// # Safety
    ///
    /// As [`as_async`](Self::as_async).
    pub unsafe fn as_sync<S: Signature>(&'static self) -> Result<CallSync<S>, Misfit> {
        self.check::<S>(EntryKind::Sync)?;
        // SAFETY: the field's invariant; kind and signature were just compared. The same compiler
        // gives both sides the same calling convention.
        Ok(unsafe { core::mem::transmute::<*const (), CallSync<S>>(self.caller) })
    }

    fn check<S: Signature>(&'static self, kind: EntryKind) -> Result<(), Misfit> {
        let signature = (self.signature)();
        if signature != any::type_name::<S>() {
            return Err(Misfit::Signature(signature));
        }
        if self.kind != kind {
            return Err(Misfit::Kind(self.kind));
        }
        if self.layout != Layout::of::<S>() {
            return Err(Misfit::Layout);
        }
        Ok(())
    }
}
