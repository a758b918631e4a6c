//! The type behind `thread_local!`, with the interface of std's.
//!
//! `std::thread_local!` in a `cdylib` is a thread-local of that `cdylib`: the host has another one.
//! [`thread_local!`](crate::thread_local) declares a *key* instead. Where the host declares the
//! same key, both use the host's value. Otherwise the key is private to the image, and behaves as
//! std's.
//!
//! How the value is found is told in `access.rs`.

use core::cell::{Cell, RefCell};
use core::fmt;

/// A thread-local key; the counterpart of [`std::thread::LocalKey`].
///
/// Made by [`thread_local!`](crate::thread_local) only. A value is made on a thread's first access.
/// When the thread exits, the host drops the thread's values in reverse order of initialisation.
///
/// # After a value is gone
///
/// While a thread exits, a key whose type needs dropping goes from alive to destroyed before its
/// destructor runs, and stays destroyed: [`try_with`](Self::try_with) returns an [`AccessError`]
/// and [`with`](Self::with) panics. A key that was never used on the thread can still be used from
/// the destructor of another key. Keys whose type needs no dropping stay usable until the host
/// frees the thread's values. The host does that in the destructor of a pthread key. In the
/// destructor of a pthread key that runs later, the value is gone as well, where std's would still
/// be there.
///
/// # In a signal handler
///
/// A thread's first access of a key takes locks and allocates, where std's may do neither. So a
/// signal handler may use a key only on threads that have used it before: the first access in a
/// handler can wait for the interrupted code of its own thread for good.
///
/// [`std::thread::LocalKey`]: https://doc.rust-lang.org/std/thread/struct.LocalKey.html
pub struct LocalKey<T: 'static> {
    /// Returns the calling thread's value, or null when the value is gone.
    ///
    /// The argument may bring a first value, which is then used in place of the initialiser. Where
    /// there is a value already, the function leaves the argument as it is.
    ///
    /// Invariant: a non-null result points to a `T` that lives at least until the calling thread
    /// runs its destructors, and to which no mutable reference exists.
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

    /// Runs `f` with the thread's value. Makes the value first where there is none.
    ///
    /// # Panics
    ///
    /// - when the value is gone (see the type's documentation);
    /// - when the initialiser panics;
    /// - in a module that the host has refused, with the reason for the refusal.
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

    /// As [`with`](Self::with), but returns an error where the value is gone.
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
        // SAFETY: by the field's invariant this is null, or a value that outlives this call: the
        // destructors of a thread run after everything else on it.
        match unsafe { value.as_ref() } {
            Some(value) => Ok(f(value)),
            None => Err(AccessError),
        }
    }

    /// Runs `f` with the thread's value. Where there is no value yet, `first` becomes the value,
    /// and the initialiser does not run. Where there is one, `f` gets `first` back.
    #[track_caller]
    fn with_first<F, R>(&'static self, first: T, f: F) -> R
    where
        F: FnOnce(Option<T>, &T) -> R,
    {
        let mut first = Some(first);
        let value = (self.access)(Some(&mut first));
        // SAFETY: by the field's invariant this is null, or a value that outlives this call.
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
