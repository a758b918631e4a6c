//! When two keys of two images are the same.
//!
//! The problem: the registry must find the host's key for a module's key, across two builds on two
//! machines. An [`Identity`] is what both builds agree on: package, version, path and name. Two
//! keys are the same if their identities are equal.
//!
//! Line and column are no part of it, as a comment above a key moves the key. Several keys of one
//! path and name, as in two blocks of one function, are told apart by their order in the source.
//! The images have been compared by then (`fit`): the crate's sources are the same, so their order
//! is.
//!
//! An image can have two keys of one identity: a crate linked twice, as in the unit tests of a
//! crate that is a dependency of its own dependencies. Neither is shared then, since to guess which
//! one is meant could mix two types.

use std::collections::BTreeMap;

use crate::keys::abi::{Image, Key, Kind};

/// What makes two keys the same.
///
/// The file is not part of it: the same crate has another path on another machine. Size and
/// alignment are compared separately, so that a difference is an error and not a second key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) kind: Kind,
    pub(crate) package: &'a str,
    pub(crate) version: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) name: &'a str,
    /// How many keys of this path and name stand before this one.
    ordinal: usize,
}

impl<'a> Identity<'a> {
    /// The identity of a key that is the first of its path and name.
    ///
    /// # Safety
    ///
    /// The key's image must stay loaded for `'a`, and be of this compiler.
    pub(crate) unsafe fn of(key: &Key) -> Self {
        let declared = key.declared();
        // SAFETY: the caller's promise.
        unsafe {
            Self {
                kind: key.kind(),
                package: declared.package.as_str(),
                version: declared.version.as_str(),
                scope: (declared.scope)().as_str(),
                name: declared.name.as_str(),
                ordinal: 0,
            }
        }
    }
}

impl<'a> Identity<'a> {
    /// The path as a person would write it: the scope without what the macros add to it.
    pub(crate) fn path(&self) -> &'a str {
        let path = self.scope.strip_suffix("::Here").unwrap_or(self.scope);
        match self.kind {
            Kind::ThreadLocal => path.strip_suffix("::KEY").unwrap_or(path),
            Kind::Process => path,
        }
    }
}

/// The keys of a section.
///
/// # Safety
///
/// The bounds must be those of the section of a loaded image with this layout of keys.
pub unsafe fn keys<'a>(start: *const Key, end: *const Key) -> impl Iterator<Item = &'a Key> {
    let count = (end as usize).saturating_sub(start as usize) / size_of::<Key>();
    (0..count).filter_map(move |at| {
        // SAFETY: inside the section.
        let key = unsafe { start.add(at) };
        // SAFETY: a place of the section; what is no padding is a key.
        unsafe { (!Key::is_padding(key)).then(|| &*key) }
    })
}

/// A key, and what the registry compares it by.
pub(super) struct Identified<'a> {
    pub(super) identity: Identity<'a>,
    pub(super) key: &'a Key,
    /// Whether no other key of the image has this identity.
    pub(super) unique: bool,
}

/// The keys of an image with their identities.
///
/// # Safety
///
/// The image must stay loaded for `'a`, and be of this compiler and this layout of keys.
pub(super) unsafe fn identified<'a>(image: &Image) -> Vec<Identified<'a>> {
    // SAFETY: the caller's promise.
    let mut all: Vec<_> = unsafe { keys(image.keys_start, image.keys_end) }
        .map(|key| Identified {
            // SAFETY: the caller's promise about the image that the key is in.
            identity: unsafe { Identity::of(key) },
            key,
            unique: true,
        })
        .collect();
    let place = |key: &Key| (key.declared().line, key.declared().column);
    let mut places = BTreeMap::<_, BTreeMap<_, usize>>::new();
    for one in &all {
        let places = places.entry(one.identity).or_default();
        *places.entry(place(one.key)).or_default() += 1;
    }
    for one in &mut all {
        let places = &places[&one.identity];
        one.unique = places[&place(one.key)] == 1;
        one.identity.ordinal = places.range(..place(one.key)).count();
    }
    all
}
