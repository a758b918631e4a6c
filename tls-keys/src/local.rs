//! `thread_local!` whose values live in the host, with the interface of std's.
//!
//! `std::thread_local!` in a `cdylib` is a thread-local of that `cdylib`: the host has another.
//! [`thread_local!`](crate::thread_local) declares a *key* instead. Where the host declares the same
//! key, both use the host's value; otherwise the key is private to the image, and behaves as std's.
//!
//! One access is: the key's slot (a load from this image's section), the thread's table at that
//! slot, a null check. Null leads to [`cold`]:
//!
//! | the host says | then |
//! | --- | --- |
//! | `Alive` | use that value (keys beyond the table come this way each time) |
//! | `Initialise` | run this image's initialiser, ask for storage, write |
//! | `Destroyed` | [`AccessError`] |
//! | `Panicked` | the host's initialiser panicked: panic with its message |
//! | `Unresolved` | panic with the reason |
//!
//! The initialiser of a *shared* key always runs in the host, by the host's code, even if a module is
//! the first to use the key: a value with a vtable or a `&'static` in it must not point into a module
//! that may be unloaded. No borrow and no lock is held while an initialiser runs, so it may use the
//! same key: as with std, the inner value is then replaced by the outer one.

use core::cell::{Cell, RefCell};
use core::fmt;

use crate::abi::{self, Answer, Buffer, Key, Status};
use crate::arch;

/// A thread-local key; the counterpart of [`std::thread::LocalKey`].
///
/// Made by [`thread_local!`](crate::thread_local) only. A value is made on a thread's first access and
/// dropped when the thread exits, by the host, in reverse order of initialisation.
///
/// # After a value is gone
///
/// While a thread exits, a key whose type needs dropping goes from alive to destroyed before its
/// destructor runs, and stays so: [`try_with`](Self::try_with) returns an [`AccessError`] and
/// [`with`](Self::with) panics. A key that was never used on the thread can still be used from another
/// key's destructor. Keys whose type needs no dropping stay usable until the thread is gone.
///
/// [`std::thread::LocalKey`]: https://doc.rust-lang.org/std/thread/struct.LocalKey.html
pub struct LocalKey<T: 'static> {
    /// Gives the calling thread's value, or null when it is gone. `Some` brings a first value in
    /// place of the initialiser, and is left in place where there is a value already.
    ///
    /// Invariant: a non-null result points to a `T` that lives at least until the calling thread
    /// runs its destructors, and is not referenced mutably by anybody.
    access: fn(Option<&mut Option<T>>) -> *const T,
}

/// The value of a [`LocalKey`] is gone, because the thread is exiting.
#[non_exhaustive]
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct AccessError;

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt("already destroyed", f)
    }
}

impl core::error::Error for AccessError {}

impl<T> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

impl<T: 'static> LocalKey<T> {
    /// For the macro.
    ///
    /// # Safety
    ///
    /// `access` must keep the invariant of the field.
    #[doc(hidden)]
    pub const unsafe fn new(access: fn(Option<&mut Option<T>>) -> *const T) -> Self {
        Self { access }
    }

    /// Runs `f` with the thread's value, making it first where there is none.
    ///
    /// # Panics
    ///
    /// When the value is gone (see the type's documentation), when the initialiser panics, and, in a
    /// module that the host has refused, with the reason of that refusal.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_slots as _;
    /// use std::cell::Cell;
    ///
    /// tls_keys::thread_local!(static DEPTH: Cell<u32> = const { Cell::new(1) });
    ///
    /// assert_eq!(DEPTH.with(|depth| depth.replace(2)), 1);
    /// assert_eq!(DEPTH.get(), 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => gone(error),
        }
    }

    /// As [`with`](Self::with), but an error where the value is gone.
    ///
    /// # Errors
    ///
    /// [`AccessError`] when the thread is exiting and the value has been, or is being, dropped.
    ///
    /// # Panics
    ///
    /// When the initialiser panics, and in a module that the host has refused.
    #[inline(always)]
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        let value = (self.access)(None);
        // SAFETY: the field's invariant: null, or a value that outlives this call, as the
        // destructors of a thread run after everything else on it.
        match unsafe { value.as_ref() } {
            Some(value) => Ok(f(value)),
            None => Err(AccessError),
        }
    }

    /// Runs `f` with the thread's value; where there is none yet, `first` becomes it, without the
    /// initialiser. `f` gets `first` back where it was not needed.
    #[track_caller]
    fn with_first<F, R>(&'static self, first: T, f: F) -> R
    where
        F: FnOnce(Option<T>, &T) -> R,
    {
        let mut first = Some(first);
        let value = (self.access)(Some(&mut first));
        // SAFETY: as in `try_with`.
        match unsafe { value.as_ref() } {
            Some(value) => f(first, value),
            None => gone(AccessError),
        }
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the value, without running the initialiser.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with).
    #[track_caller]
    pub fn set(&'static self, value: T) {
        self.with_first(Cell::new(value), |value, cell| {
            if let Some(value) = value {
                cell.set(value.into_inner());
            }
        });
    }

    /// Returns a copy of the value.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with).
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Takes the value, leaving `Default::default()`.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with).
    #[track_caller]
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// Replaces the value and returns the old one.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with).
    #[track_caller]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Runs `f` with a shared borrow of the value.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with), and when the value is mutably borrowed.
    #[track_caller]
    pub fn with_borrow<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Runs `f` with a mutable borrow of the value.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with), and when the value is borrowed.
    #[track_caller]
    pub fn with_borrow_mut<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// Sets the value, without running the initialiser.
    ///
    /// # Panics
    ///
    /// As [`with_borrow_mut`](Self::with_borrow_mut).
    #[track_caller]
    pub fn set(&'static self, value: T) {
        self.with_first(RefCell::new(value), |value, cell| {
            if let Some(value) = value {
                *cell.borrow_mut() = value.into_inner();
            }
        });
    }

    /// Takes the value, leaving `Default::default()`.
    ///
    /// # Panics
    ///
    /// As [`with_borrow_mut`](Self::with_borrow_mut).
    #[track_caller]
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// Replaces the value and returns the old one.
    ///
    /// # Panics
    ///
    /// As [`with_borrow_mut`](Self::with_borrow_mut).
    #[track_caller]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

#[cold]
#[track_caller]
fn gone(error: AccessError) -> ! {
    panic!("cannot access a thread-local value during or after its destruction: {error:?}")
}

/// The calling thread's value of `key`, or null when it is gone.
///
/// # Safety
///
/// `key` must be a thread-local key of this image, declared for type `T`.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn access<T>(
    key: &'static Key,
    first: Option<&mut Option<T>>,
    init: fn() -> T,
) -> *const T {
    // SAFETY: `Key::slot` is inside the table by its invariant.
    let value = unsafe { arch::value(key.slot()) };
    if value.is_null() {
        // SAFETY: the caller's promise.
        unsafe { cold(key, first, init) }
    } else {
        value.cast()
    }
}

/// [`access`] where the table has no value.
///
/// # Safety
///
/// As [`access`].
#[cold]
#[inline(never)]
pub(crate) unsafe fn cold<T>(
    key: &'static Key,
    first: Option<&mut Option<T>>,
    init: fn() -> T,
) -> *const T {
    let mut buffer = Buffer::new();
    if key.definition().is_null() {
        // Some other constructor of this image runs before ours, or the image was refused; in
        // the latter case this changes nothing.
        crate::object::enter();
    }

    // SAFETY: the key is a static of this image, which is loaded; the buffer is ours.
    let answer = unsafe { abi::get(key, first.is_some(), &mut buffer) };
    match answer.status {
        Status::Alive => return answer.value.cast(),
        Status::Destroyed => return core::ptr::null(),
        Status::Initialise => {}
        Status::Reserved | Status::Panicked | Status::Unresolved => refuse(key, answer, &buffer),
    }

    // May panic, may use this very key.
    let new = match first.and_then(Option::take) {
        Some(new) => new,
        None => init(),
    };

    // SAFETY: as above.
    let answer = unsafe { abi::reserve(key, &mut buffer) };
    match answer.status {
        Status::Reserved => {
            let value = answer.value.cast::<T>();
            // SAFETY: fresh storage of the key's size and alignment, which are `T`'s.
            unsafe { value.write(new) };
            value
        }
        Status::Alive => {
            let value = answer.value.cast::<T>();
            // SAFETY: the initialiser has used this key, so there is a live `T`; nobody refers to
            // it any more: `with` hands out references only for the time of a call, and all calls
            // inside the initialiser are over.
            drop(unsafe { value.replace(new) });
            value
        }
        // The initialiser ran while the thread was exiting and outlived the key: `new` is
        // dropped here.
        Status::Destroyed => core::ptr::null(),
        Status::Initialise | Status::Panicked | Status::Unresolved => refuse(key, answer, &buffer),
    }
}

#[cold]
fn refuse(key: &Key, answer: Answer, buffer: &Buffer) -> ! {
    // SAFETY: the key is of this image.
    let name = unsafe { key.declared().name.as_str() };
    let message = buffer.read(answer.message);
    if answer.status == Status::Panicked {
        panic!("the host's initialiser of thread-local `{name}` panicked: {message}");
    }
    panic!("thread-local `{name}` is not connected to a host: {message}");
}
