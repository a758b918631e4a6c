//! A loaded module: its file, its entries' names, its symbols.
//!
//! A [`Module`] gives *entries*, functions that the module marked with `#[tokio::module]` (`entry.rs`), and
//! plain symbols. The module stays loaded until it is unloaded ([`Module::unload`]), also when all
//! [`Module`]s are dropped.

use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::loaded::Loaded;
use crate::open::error::LoadError;

/// A loaded module.
///
/// Cheap to clone. The module stays loaded when all of these are dropped: see [`unload`](Self::unload).
pub struct Module {
    pub(crate) loaded: Arc<Loaded>,
}

impl Module {
    pub(crate) fn new(loaded: &Arc<Loaded>) -> Self {
        loaded.modules.fetch_add(1, Ordering::Relaxed);
        Self {
            loaded: Arc::clone(loaded),
        }
    }
}

impl Clone for Module {
    fn clone(&self) -> Self {
        Self::new(&self.loaded)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // Release: what was done with what is borrowed from it comes before.
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
    /// The file it was loaded from, as it was named when it was first loaded.
    pub fn path(&self) -> &Path {
        &self.loaded.path
    }

    /// Whether the module takes no calls any more: it is being unloaded, or an unloading got so far that the
    /// module cannot go on.
    pub fn is_closed(&self) -> bool {
        self.loaded.closed.load(Ordering::SeqCst)
    }

    /// The names of its entries, sorted.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &str> {
        self.loaded.entries.iter().map(String::as_str)
    }

    /// A symbol that the module exports, such as a `#[unsafe(no_mangle)] pub fn`: an address as a `T`, most
    /// often a function pointer.
    ///
    /// Prefer [`entry`](Self::entry) and [`function`](Self::function), which know the type and catch panics.
    ///
    /// # Errors
    ///
    /// [`LoadError::NoSymbol`].
    ///
    /// # Safety
    ///
    /// `T` must be the type of a pointer to what the symbol stands for. A function must not let a panic out:
    /// this process would abort.
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
        // SAFETY: the caller's promise; the library is not closed while a `Module` of it exists, which the
        // result borrows.
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
    /// [`LoadError::NoSymbol`].
    ///
    /// # Safety
    ///
    /// `T` must be the static's type, and the static not `mut`.
    pub unsafe fn variable<T: Sync>(&self, name: &str) -> Result<&T, LoadError> {
        // SAFETY: a static's symbol stands for its address.
        let symbol = unsafe { self.symbol::<*const T>(name)? };
        // SAFETY: the caller promises that a `T` is there; statics live as long as the module.
        Ok(unsafe { &**symbol })
    }
}

/// A symbol of a module, see [`Module::symbol`]. Borrowed from the module.
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
