//! A module comes: the steps of `open/`, in order.
//!
//! The problem: `dlopen` takes whatever a path leads to, and ends the process where the file is damaged or
//! was built for something else. So a file is looked at before it is opened, step by step, and each step
//! that fails is an error of its own:
//!
//! | step | file in `open/` | errors |
//! | --- | --- | --- |
//! | is this program a host? | `host.rs` | [`LoadError::Host`] |
//! | open the file once, read it once | `file.rs` | `NotFound`, `Read`, `NotAFile`, `Writable` |
//! | its digest, if one is pinned | `check.rs` | `Digest` |
//! | what kind of file it is; its headers | `format.rs`, `elf.rs` | `NotShared`, `Architecture`, `Corrupt`, `ContainsHost` |
//! | its manifest against the host's | `check.rs` | `NoManifest`, `Manifest`, `Abi`, `Mismatch` |
//! | the host's own check | here | `Rejected` |
//! | open what was checked | `copy/`, `image.rs` | `Copy`, `Replaced`, `Open`, `Host` |
//! | did the registry take it? | `image.rs` | `Refused`, `NotRegistered` |
//!
//! # One file, one image
//!
//! A file that is loaded twice is one image, as with `dlopen`: the second [`Module`] is a clone of the
//! first. *The same file* is the same path, links followed, with the same content. A file whose content
//! has changed since is another build. It gets an image of its own beside the old one, where `dlopen`
//! would give the old one. So does a copy under another name, and [`LoadOptions::new_instance`]. Shared
//! keys are the host's in all of them. Private keys and plain statics are one set per image.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tls_slots::loader::lock;

use crate::module::Module;
use crate::loaded::{self, Loaded};
use crate::open::error::LoadError;
use crate::open::{self, check, file, host};

pub use crate::open::source::Source;

/// The host's own check of a module's bytes.
pub(crate) type Verify = dyn Fn(&[u8]) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync;

/// Conditions and ways of loading a module, as [`std::fs::OpenOptions`] has them for files.
///
/// # Examples
///
/// ```no_run
/// use tls_slots_load::LoadOptions;
///
/// # let expected = [0; 32];
/// // SAFETY: the file whose digest this is was built for this host, and read by us.
/// let module = unsafe {
///     LoadOptions::new()
///         .sha256(expected)
///         .private(true)
///         .load("/usr/lib/site/libmarkdown.so")?
/// };
/// # Ok::<(), tls_slots_load::LoadError>(())
/// ```
#[derive(Default)]
pub struct LoadOptions {
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) private: bool,
    pub(crate) source: Source,
    pub(crate) new_instance: bool,
    pub(crate) verify: Option<Box<Verify>>,
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
    /// use tls_slots_load::LoadOptions;
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
        unsafe { load(self, path.as_ref()) }
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

impl Module {
    /// Checks a module's file, loads it, and confirms that it registered with this host.
    ///
    /// What is loaded is what was checked: the file is read once, and the code comes from a private copy
    /// of these bytes ([`Source`] has other ways). All symbols of the module are bound at once, and none is
    /// visible to others, as with `dlopen(path, RTLD_NOW | RTLD_LOCAL)`; a bare file name is a file in the
    /// current folder. Loading a file that is loaded already gives the same image.
    ///
    /// # Errors
    ///
    /// A variant of [`LoadError`] for each step. Up to [`LoadError::Copy`], nothing of the module has run.
    ///
    /// # Safety
    ///
    /// Loading runs code: the module's constructors and those of the libraries that it needs. The caller
    /// promises that
    ///
    /// - the file means no harm and has no undefined behaviour of its own: a damaged header is an
    ///   error, other damage and malice are not noticed (see [`LoadOptions::sha256`]);
    /// - types that cross the boundary and belong to crates that the manifests do not list are
    ///   the same on both sides. Forked crates and what they depend on are compared, arguments and
    ///   results of entries by name, size and alignment; a field that changed its meaning but not its size
    ///   is not noticed;
    /// - memory that crosses the boundary is freed by the allocator that it came from, where the manifests do
    ///   not tell it;
    /// - the module's constructors load no modules.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// // SAFETY: built from this repository, by the same compiler and for this host.
    /// let module = unsafe { tls_slots_load::Module::load("./libmarkdown.so")? };
    /// let render = module.entry::<fn(String) -> Result<String, String>>("render")?;
    /// let html = render.call(("# Title".to_owned(),)).await??;
    /// # Ok(()) }
    /// ```
    pub unsafe fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        // SAFETY: the caller's promise.
        unsafe { LoadOptions::new().load(path) }
    }
}

/// Does all that [`LoadOptions::load`] promises.
///
/// # Safety
///
/// As [`LoadOptions::load`].
unsafe fn load(options: &LoadOptions, path: &Path) -> Result<Module, LoadError> {
    host::check().map_err(|problem| LoadError::Host { problem })?;
    let file = file::read(path, options.private, options.source == Source::Copy)?;
    if let Some(expected) = options.sha256 {
        check::digest(path, &file.content, expected)?;
    }
    let description = check::check(path, &file.content)?;
    if let Some(verify) = &options.verify {
        verify(&file.content).map_err(|source| LoadError::Rejected {
            path: path.to_owned(),
            source,
        })?;
    }

    let list = loaded::images_of(&file.real, options.source);
    let mut images = lock(&list);
    let earlier = images
        .iter()
        .find(|image| !options.new_instance && image.is_of(&file));
    if let Some(earlier) = earlier {
        return Ok(Module::new(earlier));
    }
    // SAFETY: the caller's promise; the file was checked.
    let image = unsafe { open::image::open(options.source, file)? };
    let loaded = Arc::new(Loaded::new(image, description, Arc::clone(&list)));
    images.push(Arc::clone(&loaded));
    Ok(Module::new(&loaded))
}
