//! What this host is, for the comparison with a module.
//!
//! The problem: most of it is in memory. But which crates the host links *without* a fork is in its
//! file only, and the file of a host may be large. So the file is read when a module has a fork
//! that the host has not, and then once.
//!
//! Each image that comes into the process asks to be compared, by its constructor. What the host
//! lets pass is about one file: the loader has compared that file before, and opens it now. Any
//! other image comes past the loader, also one that the file needs.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

use tls_slots_manifest::{Allowed, Description, Mismatch, PrivateState, asks_for_private_state};

/// This host, with all that the comparison with that module looks at.
pub(super) fn with_state(host: &'static Description, module: &Description) -> &'static Description {
    static WHOLE: OnceLock<Description> = OnceLock::new();
    if !asks_for_private_state(&host.manifest, &module.manifest) {
        return host;
    }
    WHOLE.get_or_init(|| {
        let mut whole = host.clone();
        whole.private = private_state(own_file());
        whole
    })
}

thread_local! {
    /// The path by which the loader is opening an image on this thread, and what the image may
    /// differ in. The image's constructors run on the thread that opens it.
    static OPENING: RefCell<Option<(String, Allowed)>> = const { RefCell::new(None) };
}

/// Opens an image by that path. The loader has compared its file, and it may differ in what is
/// allowed.
///
/// This is about no other image that `open` opens on this thread. It ends with `open`, also where
/// `open` panics.
pub(super) fn with_allowed<R>(path: String, allowed: &Allowed, open: impl FnOnce() -> R) -> R {
    /// Puts back what was being opened before.
    struct Before(Option<(String, Allowed)>);
    impl Drop for Before {
        fn drop(&mut self) {
            _ = OPENING.try_with(|it| it.replace(self.0.take()));
        }
    }
    let opening = Some((path, allowed.clone()));
    // A thread whose thread-locals are gone allows nothing.
    let _before = OPENING.try_with(|it| Before(it.replace(opening)));
    open()
}

/// What an image may differ in that was opened by that path, if it is the one that the loader is
/// opening. Where the system tells no path, it is.
fn allowed(path: Option<&str>) -> Option<Allowed> {
    let opening = OPENING.try_with(|it| it.borrow().clone()).ok()?;
    let (opening, allowed) = opening?;
    path.is_none_or(|path| path == opening).then_some(allowed)
}

/// Compares an image that was opened by that path with this host.
///
/// # Errors
///
/// What differs.
pub(crate) fn compare(
    host: &'static Description,
    mut module: Description,
    path: Option<String>,
) -> Result<(), Mismatch> {
    if let Some(allowed) = allowed(path.as_deref()) {
        return tls_slots_manifest::compare(host, &module, &allowed);
    }
    if asks_for_private_state(&module.manifest, &host.manifest) {
        module.private = path.map(File::open).map(private_state).unwrap_or_default();
    }
    let host = with_state(host, &module);
    tls_slots_manifest::compare(host, &module, &Allowed::default())
}

/// The state of crates that a file has for itself. A file that cannot be read tells nothing.
fn private_state(file: io::Result<File>) -> PrivateState {
    file.map(PrivateState::from_reader).unwrap_or_default()
}

/// The file of this program.
fn own_file() -> io::Result<File> {
    // On Linux this is the file that was started, also if another one lies at its path now.
    let path = match cfg!(target_os = "linux") {
        true => PathBuf::from("/proc/self/exe"),
        false => std::env::current_exe()?,
    };
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_about_one_file_and_ends_with_the_call_also_by_a_panic() {
        let of = |package: &str| {
            let mut allowed = Allowed::default();
            allowed.private.insert(package.to_owned());
            allowed
        };
        with_allowed("outer.so".to_owned(), &of("outer"), || {
            assert_eq!(allowed(Some("outer.so")), Some(of("outer")));
            assert_eq!(allowed(Some("needed.so")), None);
            assert_eq!(allowed(None), Some(of("outer")));
            let panics = || {
                with_allowed("inner.so".to_owned(), &of("inner"), || {
                    std::panic::panic_any(allowed(Some("inner.so")))
                })
            };
            let panic = std::panic::catch_unwind(panics).expect_err("it panics");
            assert_eq!(panic.downcast_ref(), Some(&Some(of("inner"))));
            assert_eq!(allowed(Some("inner.so")), None);
            assert_eq!(allowed(Some("outer.so")), Some(of("outer")));
        });
        assert_eq!(allowed(Some("outer.so")), None);
    }
}
