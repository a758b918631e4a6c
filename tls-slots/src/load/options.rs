//! How a module is loaded, and on what conditions.

use std::error::Error;
use std::fmt;
use std::path::Path;

use super::{LoadError, Module};

/// Where a module's code is loaded from, once its file has been checked.
///
/// Between the check and the loading, whoever may write to the file or to a folder above it can change
/// what is there.
///
/// | | another file takes the path | the file is written to | extra memory |
/// | --- | --- | --- | --- |
/// | [`Copy`](Self::Copy) | no effect | no effect | the file's size |
/// | [`Descriptor`](Self::Descriptor) | no effect | **runs what was written** | none |
/// | [`Path`](Self::Path) | **runs the other file** | **runs what was written** | none |
///
/// What else depends on it: with a copy, and with a descriptor, the system knows the image by another
/// path, `/proc/PID/fd/N` on Linux. So `$ORIGIN` in the module's search path (`DT_RUNPATH`) does not mean
/// the module's folder, files beside it (`.dwp`, `.debug`) are not found, and tools that look at
/// `/proc/PID/maps`, such as `perf` and valgrind, find no symbols for a copy. Backtraces and debuggers
/// that ask the process for its images do. Where one of these is needed, take [`Path`](Self::Path)
/// together with [`LoadOptions::private`], which leaves nobody to change the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A private copy of the bytes that were checked. On Linux this is sealed memory (`memfd_create`), which
    /// nobody can write to any more; where memory files are forbidden, a file without a name in the
    /// temporary folder. On Windows it is the file itself, which nobody can change while it is open.
    #[default]
    Copy,
    /// The file that was opened and checked, by its descriptor. Linux only.
    Descriptor,
    /// The file that is at the path when the system opens it.
    Path,
}

pub(super) type Verify = dyn Fn(&[u8]) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync;

/// Conditions and ways of loading a module, as [`std::fs::OpenOptions`] has them for files.
///
/// # Examples
///
/// ```no_run
/// use tls_slots::LoadOptions;
///
/// # let pinned = [0; 32];
/// // SAFETY: the file whose digest this is was built for this host, and read by us.
/// let module = unsafe {
///     LoadOptions::new()
///         .sha256(pinned)
///         .private(true)
///         .load("/usr/lib/site/libmarkdown.so")?
/// };
/// # Ok::<(), tls_slots::LoadError>(())
/// ```
#[derive(Default)]
pub struct LoadOptions {
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) private: bool,
    pub(super) source: Source,
    pub(super) new_instance: bool,
    pub(super) verify: Option<Box<Verify>>,
}

impl LoadOptions {
    /// What [`Module::load`] does: a copy, no conditions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses a file whose SHA-256 is another.
    ///
    /// The digest is of the bytes that are loaded. It is looked at before anything else is read out of them.
    pub fn sha256(&mut self, digest: [u8; 32]) -> &mut Self {
        self.sha256 = Some(digest);
        self
    }

    /// Refuses a file that others may change or replace.
    ///
    /// The file, and every folder above it, must be owned by root or by this process's user, and must
    /// not be writable by their group or by everybody. A sticky folder, such as `/tmp`, may be: there,
    /// entries are removed and renamed by their owners only. Links are followed first: what counts is
    /// the way to the file without them, so whoever may change a link on the way can choose among
    /// the files that pass. Access control lists count as far as the group's bits show them.
    ///
    /// Where the system has no such modes (Windows), every file is refused.
    pub fn private(&mut self, private: bool) -> &mut Self {
        self.private = private;
        self
    }

    /// Chooses where the code is loaded from.
    pub fn source(&mut self, source: Source) -> &mut Self {
        self.source = source;
        self
    }

    /// Loads an image of its own, with statics of its own, even if the same file with the same content
    /// is loaded already.
    ///
    /// With [`Source::Copy`] only: by a descriptor or path, the system gives the image that it has.
    pub fn new_instance(&mut self, new_instance: bool) -> &mut Self {
        self.new_instance = new_instance;
        self
    }

    /// Has the last word: `verify` is given the file's bytes after all checks, and before anything of them
    /// is loaded. An error of its own is the source of [`LoadError::Rejected`].
    ///
    /// # Examples
    ///
    /// A signature in a file beside the module:
    ///
    /// ```no_run
    /// # fn signed_by_us(module: &[u8], signature: &[u8]) -> bool { true }
    /// use tls_slots::LoadOptions;
    ///
    /// let signature = std::fs::read("libmarkdown.so.sig")?;
    /// let mut options = LoadOptions::new();
    /// options.verify(move |bytes| match signed_by_us(bytes, &signature) {
    ///     true => Ok(()),
    ///     false => Err("the signature is not ours".into()),
    /// });
    /// // SAFETY: we sign what we built for this host.
    /// let module = unsafe { options.load("libmarkdown.so")? };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(
        &mut self,
        verify: impl Fn(&[u8]) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> &mut Self {
        self.verify = Some(Box::new(verify));
        self
    }

    /// Loads a module; see [`Module::load`].
    ///
    /// # Errors
    ///
    /// As [`Module::load`], and what the options ask for: [`LoadError::Writable`],
    /// [`LoadError::Digest`], [`LoadError::Rejected`].
    ///
    /// # Safety
    ///
    /// As [`Module::load`]. With [`Source::Path`] and [`Source::Descriptor`] what is promised must hold for
    /// what the file is when it is opened.
    pub unsafe fn load(&self, path: impl AsRef<Path>) -> Result<Module, LoadError> {
        // SAFETY: the caller's promise.
        unsafe { super::load(self, path.as_ref()) }
    }
}

impl fmt::Debug for LoadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadOptions")
            .field("sha256", &self.sha256)
            .field("private", &self.private)
            .field("source", &self.source)
            .field("new_instance", &self.new_instance)
            .field("verify", &self.verify.is_some())
            .finish()
    }
}
