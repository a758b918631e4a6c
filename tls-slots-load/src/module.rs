//! [`Module`]: the handle of a loaded module.
//!
//! The problem: an address that `dlsym` gives has no type, and is valid until somebody closes the
//! library. So a [`Module`] gives *entries*, functions that the module marked with
//! `#[tokio::module]`, with their type checked (`entry.rs`). Plain symbols borrow from the
//! [`Module`].
//!
//! A module stays loaded until it is unloaded ([`Module::unload`]), even if all [`Module`]s are
//! dropped.

use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tls_slots_manifest::Agreed;

use crate::loaded::Loaded;
use crate::open::error::LoadError;

/// The handle of a loaded module.
///
/// A clone is cheap. The module stays loaded even if all handles are dropped, see
/// [`unload`](Self::unload).
pub struct Module {
    pub(crate) loaded: Arc<Loaded>,
    /// What it and the host have agreed on, by the options of this load: values of these crates'
    /// types may cross.
    pub(crate) agreed: Arc<Agreed>,
}

impl Module {
    pub(crate) fn new(loaded: &Arc<Loaded>, agreed: &Arc<Agreed>) -> Self {
        loaded.modules.fetch_add(1, Ordering::Relaxed);
        Self {
            loaded: Arc::clone(loaded),
            agreed: Arc::clone(agreed),
        }
    }
}

impl Clone for Module {
    fn clone(&self) -> Self {
        Self::new(&self.loaded, &self.agreed)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // Release: all uses of what was borrowed from this happen before. `Loaded::modules`
        // acquires.
        self.loaded.modules.fetch_sub(1, Ordering::Release);
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("path", &self.loaded.path)
            .finish_non_exhaustive()
    }
}

impl Module {
    /// The path of the module's file, as the first load of it was given.
    pub fn path(&self) -> &Path {
        &self.loaded.path
    }

    /// Whether the module takes no more calls.
    ///
    /// That is so while it is being unloaded. It stays so if an attempt to unload the module has
    /// failed after some of the module's thread-locals were dropped.
    pub fn is_closed(&self) -> bool {
        self.loaded.closed.load(Ordering::SeqCst)
    }

    /// The names of the module's entries, sorted.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &str> {
        self.loaded.entries.iter().map(String::as_str)
    }

    /// A symbol that the module exports, such as a `#[unsafe(no_mangle)] pub fn`. The result is its
    /// address as a `T`, most often a function pointer.
    ///
    /// Prefer [`entry`](Self::entry) and [`function`](Self::function). They check the type and
    /// catch panics.
    ///
    /// # Errors
    ///
    /// [`LoadError::NoSymbol`]: the module exports no such symbol.
    ///
    /// # Safety
    ///
    /// `T` must be the type of a pointer to what the symbol stands for. If it is a function, no
    /// panic may leave it, or this process aborts.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn example(module: &tls_slots_load::Module) -> Result<(), tls_slots_load::LoadError> {
    /// // SAFETY: that is its type, and it does not panic.
    /// let version = unsafe { module.symbol::<extern "C" fn() -> u32>("markdown_version")? };
    /// assert_eq!(version(), 3);
    /// # Ok(()) }
    /// ```
    pub unsafe fn symbol<T: Copy>(&self, name: &str) -> Result<Symbol<'_, T>, LoadError> {
        const {
            assert!(
                size_of::<T>() == size_of::<*mut c_void>(),
                "a symbol is an address: `T` is the type of a pointer or a function pointer"
            );
        }
        // SAFETY: the caller promises the type. The result borrows from this `Module`, and the
        // library is not closed while a `Module` of it exists.
        match unsafe { self.loaded.get::<T>(name) } {
            Ok(value) => Ok(Symbol {
                value,
                module: PhantomData,
            }),
            Err(source) => Err(LoadError::NoSymbol {
                path: self.loaded.path.clone(),
                name: name.to_owned(),
                source,
            }),
        }
    }

    /// A static that the module exports (`#[unsafe(no_mangle)] pub static`).
    ///
    /// # Errors
    ///
    /// [`LoadError::NoSymbol`]: the module exports no such symbol.
    ///
    /// # Safety
    ///
    /// `T` must be the type of the static, and the static must not be `mut`.
    pub unsafe fn variable<T: Sync>(&self, name: &str) -> Result<&T, LoadError> {
        // SAFETY: the caller promises that the symbol stands for a static `T`, so `*const T` is the
        // type of a pointer to it.
        let symbol = unsafe { self.symbol::<*const T>(name)? };
        // SAFETY: the caller promises that a `T` is there which nobody mutates. A static lives as
        // long as the module, from which the result borrows.
        Ok(unsafe { &**symbol })
    }
}

/// A symbol of a module, see [`Module::symbol`]. It borrows from the [`Module`].
#[derive(Clone, Copy)]
pub struct Symbol<'a, T> {
    value: T,
    module: PhantomData<&'a Module>,
}

impl<T> Deref for Symbol<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Symbol<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Symbol").field(&self.value).finish()
    }
}
