//! Named holds: a list of things that keep an image loaded.
//!
//! The problem: code of a module may be stored where nothing counts it, for instance as a closure
//! in a registry. Whoever stores it keeps a `tls_keys::Hold` with a name beside it. A module with a
//! hold is not unloaded, and the error lists the holds by name. Holds begin and end seldom, so one
//! list with a lock is enough.

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

// SAFETY: the address is only compared, and never dereferenced.
unsafe impl Send for Named {}

/// The holds of all images. Invariant: no count is zero.
///
/// Lock order: after the registry's. Under this lock runs no code but this file's.
static HOLDS: Mutex<Vec<Named>> = Mutex::new(Vec::new());

/// When the last hold of each image ended. Lock order: after [`HOLDS`].
static LAST_ENDS: Mutex<Vec<(usize, Instant)>> = Mutex::new(Vec::new());

/// When a hold of an image last ended. The thread that has ended it may not have freed yet the
/// memory that the hold was a part of.
pub(crate) fn last_end(image: *const Key) -> Option<Instant> {
    let ends = lock(&LAST_ENDS);
    let found = ends.iter().find(|(known, _)| *known == image.addr());
    found.map(|(_, when)| *when)
}

/// The holds of an image: names and numbers, sorted.
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

/// Takes note that a hold begins or ends.
///
/// # Safety
///
/// `image` must be the first key of a loaded image, and `name` a text of this image.
pub(crate) unsafe fn hold(image: *const Key, name: Text, begins: bool) {
    // SAFETY: the caller promises that the text's image is loaded, so its bytes are there.
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
