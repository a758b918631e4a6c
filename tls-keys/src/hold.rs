//! A named hold on an image: the image is not unloaded while one is alive.

use core::fmt;

use crate::abi::{self, Key, Text};

/// Keeps the image whose code made it from being unloaded.
///
/// For code of this image that others keep where the host cannot count it: a closure in a registry, a
/// trait object in a static. Whoever stores it keeps the token beside it. `Module::usage()` of `tls-slots`
/// lists it by its name.
///
/// Made and dropped under a lock of the host's: not for hot paths.
///
/// # Examples
///
/// ```
/// # use tls_slots as _;
/// use tls_keys::Hold;
///
/// struct Callback {
///     function: Box<dyn Fn() + Send>,
///     // After the function, so that it is dropped last.
///     _hold: Hold,
/// }
///
/// let callback = Callback {
///     function: Box::new(|| ()),
///     _hold: Hold::new("callback of the metrics registry"),
/// };
/// (callback.function)();
/// ```
#[must_use = "dropping it ends the hold"]
pub struct Hold {
    image: *const Key,
    name: Text,
}

// SAFETY: an identity and a `'static` text; the host's functions may be called from any thread.
unsafe impl Send for Hold {}
// SAFETY: as above.
unsafe impl Sync for Hold {}

impl Hold {
    /// Holds the image that this is called from. The name says what it is, in the singular.
    pub fn new(name: &'static str) -> Self {
        let hold = Self {
            image: crate::object::id(),
            name: Text::new(name),
        };
        // SAFETY: this image's own id and text.
        unsafe { abi::hold(hold.image, hold.name, true) }
        hold
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // SAFETY: as in `new`; the image is loaded, as this very token holds it.
        unsafe { abi::hold(self.image, self.name, false) }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the image is loaded, as this very token holds it.
        let name = unsafe { self.name.as_str() };
        f.debug_tuple("Hold").field(&name).finish()
    }
}
