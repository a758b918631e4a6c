//! Which names a library declares where, and whether an added one could take another's place.
//!
//! An item that is there with a feature only does no harm by itself: the code that is there in any
//! case cannot name it. But the same name may mean something else without the feature. These are
//! the ways to that:
//!
//! - another item of that name in the same Rust module, under another condition;
//! - a name of a glob import, of the prelude, or of another crate, which an item goes before;
//! - another method of that name: in another `impl` of the type, of a trait, or behind a `Deref`;
//! - another macro of that name anywhere, as macros are known by the order of the text.
//!
//! # Why declarations, and not uses
//!
//! One could look for uses of the name in common code instead. A use is hard to tell from a local
//! variable, a field or a lifetime of the same spelling. A declaration is not: it has a keyword and
//! stands in a known place. And both builds compile, so each use that common code has finds some
//! declaration in each of them. It is enough that there is no second one.
//!
//! # Name spaces
//!
//! A function and a Rust module may have one name, as `mod maybe_done` and `fn maybe_done` do. So a
//! name counts with its [`Space`]. What a `use` brings is not known from its text, and meets all.
//!
//! # Two declarations of which one build has both, or none
//!
//! `#[cfg(unix)] use a::X; #[cfg(not(unix))] use b::X;` inside of a Rust module that the feature
//! adds are two declarations of one name, and no trouble: without the feature there is neither. So
//! the answer is a list, and who asks looks at the conditions of each declaration in it.

use std::collections::{BTreeMap, BTreeSet};

use super::gates::Gates;
use super::items::{Item, Scope, Space, item, last_name, scope};
use crate::source::library::{File, Library};
use crate::source::module_files::module;
use crate::source::tokens::{Kind, Source};

/// Names that every Rust module knows, and that an item of that name goes before.
///
/// These are the prelude of the edition 2024, the primitive types, and the crates of the standard
/// library. A name too many here makes a feature be compared that need not be.
const PRELUDE: &str = "std core alloc Option Some None Result Ok Err Box String Vec ToString ToOwned \
    Clone Copy Send Sync Sized Drop Fn FnMut FnOnce AsyncFn AsyncFnMut AsyncFnOnce Iterator \
    IntoIterator Extend DoubleEndedIterator ExactSizeIterator FromIterator Default Eq PartialEq Ord \
    PartialOrd AsRef AsMut Into From TryFrom TryInto Future IntoFuture Unpin drop Debug Hash \
    bool char str u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64";

/// The macros that every crate knows.
const MACROS: &str = "assert assert_eq assert_ne cfg column compile_error concat dbg debug_assert \
    debug_assert_eq debug_assert_ne env eprint eprintln file format format_args include include_bytes \
    include_str line matches module_path option_env panic print println stringify thread_local todo \
    try unimplemented unreachable vec write writeln";

/// Methods of std's traits, which many types have.
///
/// A type may get such a method by a derive, or by an `impl` for all types, which no text of the
/// crate shows.
const METHODS: &str = "as_mut as_ref borrow borrow_mut clone clone_from cmp default deref deref_mut \
    drop eq fmt from from_str hash into into_iter ne next partial_cmp poll to_owned to_string \
    try_from try_into type_id";

/// Where a name is declared: the file, and the Rust module inside of it.
type Place = (String, String);

/// A declaration: the index of its file, and that of its token.
pub(super) type At = (usize, usize);

/// What an added name may take the place of.
///
/// No declarations are the best answer: then the name is the only one of its kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// These declarations, where they are there.
    These(Vec<At>),
    /// Something that is always there, or nobody knows what.
    Always,
}

/// All names of a library.
#[derive(Default)]
pub(super) struct Names {
    /// The declarations of each Rust module, by name.
    items: BTreeMap<(Place, String), Vec<(Space, At)>>,
    /// How often a name is declared anywhere.
    anywhere: BTreeMap<String, usize>,
    /// The Rust modules with a glob import, and whether all of these are of the crate itself.
    globs: BTreeMap<Place, bool>,
    /// The methods, and other associated items, of a name that a type has.
    methods: BTreeMap<(String, String), Vec<At>>,
    /// The methods of the crate's traits.
    of_traits: BTreeSet<String>,
    /// The types that dereference to another one.
    derefs: BTreeSet<String>,
    /// The definitions of a macro.
    macros: BTreeMap<String, Vec<At>>,
    /// Names of other crates.
    crates: BTreeSet<String>,
}

impl Names {
    /// Reads the items of all files. `crates` are the names of the dependencies.
    pub(super) fn new(library: &Library<'_>, gates: &Gates<'_>, crates: BTreeSet<String>) -> Self {
        let mut names = Names {
            crates,
            ..Names::default()
        };
        for (at, file) in library.files.iter().enumerate() {
            let source = &file.source;
            names.add_group(library, gates, at, None);
            for open in 0..source.tokens.len() {
                if let Some(name) = source.macro_definition(open) {
                    // As an item has it: by `macro_rules`.
                    let all = names.macros.entry(name.to_owned()).or_default();
                    all.push((at, open - 3));
                }
                if source.tokens[open].kind == Kind::Open {
                    names.add_group(library, gates, at, Some(open));
                }
            }
        }
        names
    }

    /// Adds the items of a Rust module or of a wrapper's arguments; of a file, where there is no
    /// group.
    fn add_group(
        &mut self,
        library: &Library<'_>,
        gates: &Gates<'_>,
        at: usize,
        open: Option<usize>,
    ) {
        let file = &library.files[at];
        let source = &file.source;
        let Scope::Module(inside) = scope(gates, source, open) else {
            return;
        };
        let place = (module(file.path).to_owned(), inside);
        for one in items(source, open).into_iter().flatten() {
            if library.is_test_only(file, one.index) {
                continue;
            }
            if one.keyword == "impl" {
                self.add_impl(gates, source, at, &one);
            } else if one.keyword == "trait" {
                let open = source.tokens[one.range.end - 1].pair;
                let methods = associated(gates, source, open).into_iter();
                self.of_traits.extend(methods.map(|(name, _)| name));
            }
            for (space, name) in &one.names {
                if name == "*" {
                    let is_own = ["crate", "self", "super"].contains(&source.at(one.index + 1));
                    let all_own = self.globs.entry(place.clone()).or_insert(true);
                    *all_own &= is_own;
                    continue;
                }
                let key = (place.clone(), name.clone());
                let declared = (*space, (at, one.index));
                self.items.entry(key).or_default().push(declared);
                *self.anywhere.entry(name.clone()).or_default() += 1;
            }
        }
    }

    /// Adds the associated items of an `impl`, under the last name of the type's path.
    ///
    /// Two types of one name in different Rust modules count as one. That can only add to what a
    /// method may take the place of.
    fn add_impl(&mut self, gates: &Gates<'_>, source: &Source<'_>, file: usize, one: &Item) {
        let open = one.range.end - 1;
        let open = source.tokens[open].pair;
        let parent = source.tokens[open].parent;
        let own = |at: &usize| source.tokens[*at].parent == parent;
        let heads = (one.index..open)
            .filter(own)
            .find(|at| source.is_ident(*at, "for"));
        let start = heads.map_or(one.index, |at| at) + 1;
        let Some(ty) = last_name(source, start, open) else {
            return;
        };
        if let Some(at) = heads
            && last_name(source, one.index + 1, at).is_some_and(|name| name == "Deref")
        {
            self.derefs.insert(ty.clone());
        }
        for (name, index) in associated(gates, source, open) {
            let all = self.methods.entry((ty.clone(), name)).or_default();
            all.push((file, index));
        }
    }

    /// What a name may take the place of that an item brings into a scope. `own` is the item.
    pub(super) fn others(
        &self,
        file: &File<'_>,
        own: At,
        scope: &Scope,
        (space, name): (Space, &str),
    ) -> Others {
        let not_own = |at: &At| *at != own;
        match scope {
            Scope::Other => Others::Always,
            Scope::Type(ty)
                if self.derefs.contains(ty)
                    || self.of_traits.contains(name)
                    || has(METHODS, name) =>
            {
                Others::Always
            }
            Scope::Type(ty) => {
                let all = self.methods.get(&(ty.clone(), name.to_owned()));
                let all = all.into_iter().flatten().copied();
                Others::These(all.filter(not_own).collect())
            }
            Scope::Module(_) if space == Space::Macros => self.other_macros(own, name),
            Scope::Module(inside) => {
                let place = (module(file.path).to_owned(), inside.clone());
                let by_glob = self.globs.get(&place).is_some_and(|all_own| {
                    !all_own || self.anywhere.get(name).is_some_and(|times| *times > 1)
                });
                let is_crate = space != Space::Values && self.crates.contains(name);
                if name == "*" || by_glob || has(PRELUDE, name) || is_crate {
                    return Others::Always;
                }
                let all = self.items.get(&(place, name.to_owned()));
                let all = all.into_iter().flatten();
                let same = all
                    .filter(|(other, _)| other.meets(space))
                    .map(|(_, at)| *at);
                Others::These(same.filter(not_own).collect())
            }
        }
    }

    /// What a macro may take the place of.
    pub(super) fn other_macros(&self, own: At, name: &str) -> Others {
        if has(MACROS, name) {
            return Others::Always;
        }
        let all = self.macros.get(name).into_iter().flatten().copied();
        Others::These(all.filter(|at| *at != own).collect())
    }
}

/// Whether a list has a word.
fn has(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|one| one == word)
}

/// The items of a group, or of the file; `None` for what is no item that is known.
pub(super) fn items(source: &Source<'_>, open: Option<usize>) -> Vec<Option<Item>> {
    let (mut at, end) = match open {
        Some(open) => (open + 1, source.tokens[open].pair),
        None => (0, source.tokens.len()),
    };
    let mut all = Vec::new();
    while at < end {
        let is_inner = source.at(at) == "#" && source.at(at + 1) == "!";
        if source.tokens[at].kind == Kind::Doc {
            at += 1;
        } else if source.at(at) == "#" {
            let open = at + 1 + usize::from(is_inner);
            at = source.tokens.get(open).map_or(end, |token| token.pair + 1);
        } else {
            let found = item(source, at);
            at = match &found {
                Some(item) => item.range.end,
                None => behind(source, at, end),
            };
            all.push(found);
        }
    }
    all
}

/// Behind the `;` or `}` that ends what begins at `at`. What is no item that is known must not hide
/// the items after it.
fn behind(source: &Source<'_>, mut at: usize, end: usize) -> usize {
    while at < end {
        match (source.tokens[at].kind, source.at(at)) {
            (Kind::Open, text) => {
                at = source.tokens[at].pair + 1;
                if text == "{" {
                    break;
                }
            }
            (_, ";") => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// The associated items in an `impl`'s braces, by name, those in a wrapper's arguments included.
pub(super) fn associated(
    gates: &Gates<'_>,
    source: &Source<'_>,
    open: usize,
) -> Vec<(String, usize)> {
    let mut names = Vec::new();
    for one in items(source, Some(open)).into_iter().flatten() {
        if one.keyword == "!" && gates.wrapper(source, one.index).is_some() {
            names.extend(associated(gates, source, one.index));
        }
        let index = one.index;
        names.extend(one.names.into_iter().map(|(_, name)| (name, index)));
    }
    names
}
