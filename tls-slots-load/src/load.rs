//! A module comes: the steps of `open/`, in order.
//!
//! The problem: `dlopen` opens whatever a path leads to. If the file is damaged, or was built for
//! something else, the process may end. So a file is checked before it is opened, step by step.
//! Each step that fails has an error of its own:
//!
//! | step | file in `open/` | errors |
//! | --- | --- | --- |
//! | is this program a host? | `host.rs` | [`LoadError::Host`] |
//! | open the file once | `file.rs` | `NotFound`, `Read`, `NotAFile`, `Writable`, `TooLarge` |
//! | look at its header, without a digest to compare | `look.rs` | as for its kind; `NoManifest` |
//! | read it once | `file.rs` | `Read`, `Changed` |
//! | its digest, if the host expects one | `check.rs` | `Digest` |
//! | what kind of file it is; its headers | `format.rs`, `elf/` | `NotShared`, `Architecture`, `Corrupt`, `ContainsHost` |
//! | its manifest, its std and its state against the host's | `check.rs`, `own.rs` | `NoManifest`, `Dylib`, `Manifest`, `Abi`, `Mismatch` |
//! | the host's own check | here | `Rejected` |
//! | open exactly what was checked | `copy/`, `image.rs` | `Copy`, `Replaced`, `Open`, `Host` |
//! | has the registry accepted it? | `image.rs` | `Refused`, `NotRegistered` |
//!
//! # One file, one image
//!
//! A file that is loaded twice is one image, as with `dlopen`. The second [`Module`] is a clone of
//! the first. *The same file* means: the same path after links are followed, and the same content.
//! If the content has changed since, the file is another build. It gets an image of its own beside
//! the old one, where `dlopen` would give the old one. A copy under another name also gets its own
//! image, and so does [`LoadOptions::new_instance`].
//!
//! All images share the host's shared keys. Each image has its own private keys and plain statics.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tls_slots::loader::lock;
use tls_slots_manifest::Allowed;

use crate::loaded::{self, Loaded};
use crate::module::Module;
use crate::open::error::LoadError;
use crate::open::{self, check, file, host, look};

pub use crate::open::source::Source;

/// The host's own check of a module's bytes.
pub(crate) type Verify = dyn Fn(&[u8]) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync;

/// How a module is loaded, and on which conditions. Like [`std::fs::OpenOptions`] for files.
///
/// # Examples
///
/// ```no_run
/// use tls_slots_load::LoadOptions;
///
/// # let expected = [0; 32];
/// // SAFETY: we have built the file with this digest, for this host.
/// let module = unsafe {
///     LoadOptions::new()
///         .sha256(expected)
///         .private(true)
///         .load("/usr/lib/site/libmarkdown.so")?
/// };
/// # Ok::<(), tls_slots_load::LoadError>(())
/// ```
pub struct LoadOptions {
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) private: bool,
    pub(crate) source: Source,
    pub(crate) new_instance: bool,
    pub(crate) verify: Option<Box<Verify>>,
    pub(crate) allowed: Allowed,
    strict_types: bool,
    trusted: BTreeSet<String>,
    max_size: u64,
}

/// Far above what cargo makes with all its debug information, and far below what a machine has.
const MAX_SIZE: u64 = 1 << 30;

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            sha256: None,
            private: false,
            source: Source::default(),
            new_instance: false,
            verify: None,
            allowed: Allowed::default(),
            strict_types: false,
            trusted: BTreeSet::new(),
            max_size: MAX_SIZE,
        }
    }
}

impl LoadOptions {
    /// What [`Module::load`] does: a copy, and no further conditions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses a file with another SHA-256.
    ///
    /// The digest is that of the bytes that are loaded. It is compared before anything else is read
    /// from these bytes. A second call replaces the first.
    pub fn sha256(&mut self, digest: [u8; 32]) -> &mut Self {
        self.sha256 = Some(digest);
        self
    }

    /// Refuses a file that others may change or replace.
    ///
    /// The file, and every folder above it, must belong to root or to this process's user. Neither
    /// their group nor everybody may have the right to write. A sticky folder such as `/tmp` is an
    /// exception, because only the owner of an entry can remove or rename the entry there.
    ///
    /// Links are followed first, and the folders above the result are checked. So whoever may
    /// change a link can choose among the files that pass. Access control lists count as far as the
    /// bits of the group show them.
    ///
    /// On systems without such modes (Windows), every file is refused.
    pub fn private(&mut self, private: bool) -> &mut Self {
        self.private = private;
        self
    }

    /// Chooses where the code is loaded from.
    pub fn source(&mut self, source: Source) -> &mut Self {
        self.source = source;
        self
    }

    /// Loads a new image, with its own statics, even if the same file with the same content is
    /// loaded already.
    ///
    /// This works only with [`Source::Copy`]. For a descriptor or a path, the system gives the
    /// image that it has, and the load ends with [`LoadError::Replaced`].
    pub fn new_instance(&mut self, new_instance: bool) -> &mut Self {
        self.new_instance = new_instance;
        self
    }

    /// Refuses a file of more bytes. 1 GiB (2³⁰ bytes) by default; [`u64::MAX`] is no limit.
    ///
    /// A load takes as much memory as the file has bytes, because the file is read into a copy. The
    /// size is looked at before that. So is what the file's header tells, unless there is a
    /// [digest](Self::sha256) to compare first.
    pub fn max_size(&mut self, bytes: u64) -> &mut Self {
        self.max_size = bytes;
        self
    }

    /// Loads a module though a crate's state is shared on one side and private on the other.
    ///
    /// `package` is the crate's name in `Cargo.toml`, such as `arc-swap`, or the path of one key,
    /// such as `app::counters::TOTAL`. Without this, such a module is refused with
    /// [`LoadError::Mismatch`]: it was most likely meant to use the fork. It is safe to load where
    /// no value of the crate crosses between host and module, and no value that contains one.
    ///
    /// Several calls add up. It holds for this load only, and for no other difference. A library
    /// that the module needs, and that has keys of its own, is compared with nothing allowed.
    pub fn allow_private(&mut self, package: impl Into<String>) -> &mut Self {
        self.allowed.private.insert(package.into());
        self
    }

    /// Loads a module though a package that declares keys has other sources there than in the host.
    ///
    /// `package` is its name in `Cargo.toml`. The caller promises that the types that cross, and
    /// what they mean, are the same in both. Several calls add up. It holds as
    /// [`allow_private`](Self::allow_private) does.
    pub fn trust_sources(&mut self, package: impl Into<String>) -> &mut Self {
        self.allowed.sources.insert(package.into());
        self
    }

    /// Gives an entry only if host and module have *agreed* on each crate that its signature names.
    ///
    /// They have agreed on forked crates, on crates that declare keys or say `tls_keys::agree!`,
    /// and on those that [`trust_sources`](Self::trust_sources) names. Without this, equal ids of
    /// the compiler's do as well. A path dependency has the same ids after a change of its sources,
    /// so where modules are built again and the host is not, as under a `Reload`, equal ids can
    /// mislead. What crosses otherwise than by an entry's signature is not noticed either way.
    ///
    /// # Errors
    ///
    /// [`Module::entry`] and [`Module::function`] give [`LoadError::Types`], which names the crate.
    pub fn strict_types(&mut self, strict: bool) -> &mut Self {
        self.strict_types = strict;
        self
    }

    /// Unloads a module though it has used state of a crate that was forked by rule.
    ///
    /// `package` is the crate's name in `Cargo.toml`, such as `prometheus`. No recipe tells what
    /// such a crate keeps in its shared statics and thread-locals. So a module that has used them
    /// stays loaded, unless they can hold nothing but numbers, and [`Usage::may_keep`] says so.
    /// The caller promises that nothing of the module is in there when it is unloaded: no closure,
    /// no trait object, no `'static` reference. Either the module gives nothing of the kind, or it
    /// takes that back, in its entry `shutdown` for example. This promise is part of those to
    /// [`Module::unload`].
    ///
    /// Several calls add up, and so do several loads of one image.
    ///
    /// [`Usage::may_keep`]: crate::Usage::may_keep
    pub fn trust(&mut self, package: impl Into<String>) -> &mut Self {
        self.trusted.insert(package.into());
        self
    }

    /// Adds the host's own check. `verify` is called after all other checks, with the bytes of the
    /// file, before anything of them is loaded. Its error becomes the source of
    /// [`LoadError::Rejected`].
    ///
    /// # Panics
    ///
    /// A panic of `verify` goes to the caller of [`load`](Self::load). Nothing stays open. For a
    /// `Reload` it is an error like any other.
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
    /// As [`Module::load`], and those of the options: [`LoadError::Writable`],
    /// [`LoadError::TooLarge`], [`LoadError::Digest`] and [`LoadError::Rejected`].
    ///
    /// # Safety
    ///
    /// As [`Module::load`]. With [`Source::Path`] and [`Source::Descriptor`], the promise must hold
    /// for what the file contains when the system opens it.
    pub unsafe fn load(&self, path: impl AsRef<Path>) -> Result<Module, LoadError> {
        // SAFETY: the caller promises the same.
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
            .field("allowed", &self.allowed)
            .field("strict_types", &self.strict_types)
            .field("trusted", &self.trusted)
            .field("max_size", &self.max_size)
            .finish()
    }
}

impl Module {
    /// Checks a module's file, loads it, and confirms that it registered with this host.
    ///
    /// Exactly the bytes that were checked are loaded: the file is read once, and the code comes
    /// from a private copy of these bytes ([`Source`] has other ways). All symbols of the module
    /// are bound at once, and no other image sees them, as with
    /// `dlopen(path, RTLD_NOW | RTLD_LOCAL)`. A bare file name is a file in the current folder, and
    /// is not searched for. A file that is loaded already gives the same image.
    ///
    /// # Errors
    ///
    /// [`LoadError`] has a variant for each step. Up to [`LoadError::Copy`], nothing of the module
    /// has run.
    ///
    /// # Safety
    ///
    /// Loading runs the constructors of the module and of the libraries that it needs. The caller
    /// promises four things:
    ///
    /// - The file is not malicious, and its code has no undefined behaviour. A damaged header is an
    ///   error. Other damage and malice are not noticed (see [`LoadOptions::sha256`]).
    /// - Types that cross the boundary are the same on both sides, if they belong to crates that
    ///   the manifests do not list. Forked crates and what they depend on are compared, and so are
    ///   crates that declare keys or say `tls_keys::agree!`. The other crates that an entry's
    ///   signature names are compared by the compiler's ids of their types. What crosses in another
    ///   way, or inside of another crate's type, is not noticed.
    /// - Memory that crosses the boundary is freed by the allocator that it came from, where the
    ///   manifests do not tell the allocators apart.
    /// - The module's constructors load no modules.
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
        // SAFETY: the caller promises the same.
        unsafe { LoadOptions::new().load(path) }
    }
}

/// Takes all steps of [`LoadOptions::load`].
///
/// # Errors
///
/// As [`LoadOptions::load`].
///
/// # Safety
///
/// As [`LoadOptions::load`].
unsafe fn load(options: &LoadOptions, path: &Path) -> Result<Module, LoadError> {
    host::check().map_err(|problem| LoadError::Host { problem })?;
    let file = file::open(path, options.private, options.max_size)?;
    if options.sha256.is_none() {
        look::look(path, &file.file)?;
    }
    let file = file.read(options.source == Source::Copy)?;
    if let Some(expected) = options.sha256 {
        check::digest(path, &file.content, expected)?;
    }
    let (headers, mut agreed) = check::check(path, &file.content, &options.allowed)?;
    agreed.ids_count &= !options.strict_types;
    let agreed = Arc::new(agreed);
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
        earlier.trust(&options.trusted);
        return Ok(Module::new(earlier, &agreed));
    }
    // SAFETY: the caller promises it for this file, and all checks have passed.
    let image = unsafe { open::image::open(options.source, file, &options.allowed)? };
    let loaded = Arc::new(Loaded::new(image, headers, Arc::clone(&list)));
    loaded.trust(&options.trusted);
    images.push(Arc::clone(&loaded));
    Ok(Module::new(&loaded, &agreed))
}
