//! A named hold on an image: the image is not unloaded while one is alive.

use core::fmt;

use super::key::{Key, Text};
use super::{calls, image};

/// While a hold is alive, the image whose code made it is not unloaded.
///
/// For code of this image that others keep where the host cannot count it: a closure in a registry,
/// a trait object in a static. Whoever stores the code keeps the hold beside it. What the host's
/// loader reports as in use lists the hold by its name.
///
/// Making and dropping a hold takes a lock of the host: not for hot paths.
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

// SAFETY: `image` is only compared, and `name` is `'static`. The host's functions may be called
// from any thread.
unsafe impl Send for Hold {}
// SAFETY: a shared reference gives access to the name only, which is immutable.
unsafe impl Sync for Hold {}

impl Hold {
    /// Holds the calling image. `name` says what holds the image, in the singular.
    pub fn new(name: &'static str) -> Self {
        let hold = Self {
            image: image::id(),
            name: Text::new(name),
        };
        // SAFETY: this image's own id, and a text of its own.
        unsafe { calls::hold(hold.image, hold.name, true) }
        hold
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // SAFETY: the id and a text of an image that is loaded, as this hold keeps it loaded.
        unsafe { calls::hold(self.image, self.name, false) }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the image of the text is loaded, as this hold keeps it loaded.
        let name = unsafe { self.name.as_str() };
        f.debug_tuple("Hold").field(&name).finish()
    }
}
