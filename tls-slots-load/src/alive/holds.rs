//! Named holds: seldom things that keep an image loaded, in a list.
//!
//! The problem: code of a module may be kept where nothing can count it, such as a closure in a
//! registry. Whoever stores it keeps a `tls_keys::Hold` beside it, with a name. A module with a hold is
//! not unloaded, and the refusal lists the holds by name.

use std::sync::Mutex;
use std::time::Instant;

use tls_keys::abi::{Key, Text};
use tls_slots::loader::lock;

/// The holds of one name that an image has.
struct Named {
    image: *const Key,
    name: String,
    count: usize,
}

// SAFETY: the address is only compared.
unsafe impl Send for Named {}

/// The holds of all images. Invariant: no count is zero. Lock order: after the registry's. Nobody's
/// code runs under this lock.
static HOLDS: Mutex<Vec<Named>> = Mutex::new(Vec::new());

/// When the last hold of each image ended. Lock order: after [`HOLDS`].
static LAST_ENDS: Mutex<Vec<(usize, Instant)>> = Mutex::new(Vec::new());

/// When a hold of an image last ended. The thread that ended it may still be about to free the memory
/// that the hold was part of.
pub(crate) fn last_end(image: *const Key) -> Option<Instant> {
    let ends = lock(&LAST_ENDS);
    let found = ends.iter().find(|(known, _)| *known == image.addr());
    found.map(|(_, when)| *when)
}

/// The holds of an image by name, with their number.
pub(crate) fn of(image: *const Key) -> Vec<(String, usize)> {
    let holds = lock(&HOLDS);
    let of_image = holds.iter().filter(|hold| hold.image == image);
    let mut of_image: Vec<_> = of_image
        .map(|hold| (hold.name.clone(), hold.count))
        .collect();
    of_image.sort();
    of_image
}

/// Forgets the holds of an image that is gone.
pub(crate) fn image_left(image: *const Key) {
    lock(&HOLDS).retain(|hold| hold.image != image);
    lock(&LAST_ENDS).retain(|(known, _)| *known != image.addr());
}

/// A hold begins or ends.
///
/// # Safety
///
/// `image` must be what identifies a loaded image, `name` a text of its own.
pub(crate) unsafe fn hold(image: *const Key, name: Text, begins: bool) {
    // SAFETY: the caller's promise.
    let name = unsafe { name.as_str() };
    let mut holds = lock(&HOLDS);
    let found = holds
        .iter()
        .position(|hold| hold.image == image && hold.name == name);
    match (found, begins) {
        (Some(at), true) => holds[at].count += 1,
        (Some(at), false) => {
            let mut ends = lock(&LAST_ENDS);
            ends.retain(|(known, _)| *known != image.addr());
            ends.push((image.addr(), Instant::now()));
            drop(ends);
            holds[at].count -= 1;
            if holds[at].count == 0 {
                holds.swap_remove(at);
            }
        }
        (None, true) => holds.push(Named {
            image,
            name: name.to_owned(),
            count: 1,
        }),
        // The image was forgotten meanwhile.
        (None, false) => {}
    }
}
