//! Which declaration a name means, as far as tokens can tell.
//!
//! A static's name may be declared several times: in functions, in files, as a constant elsewhere.
//! The compiler resolves names by scopes and imports; here the order is: the innermost block of a
//! function, then the file, then the crate. Where a doubt is left, all that may be meant is the
//! answer, or nothing if one of them is no static.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::source::library::{File, Library};
use crate::source::place::{self, Block};
use crate::source::statics::{Form, Found};
use crate::source::tokens::{Kind, Source};

/// A declaration of a name that an expression could mean.
struct Declared {
    /// The index of its file.
    file: usize,
    /// The block that it is known in. `None` means all of the crate.
    scope: Option<Range<usize>>,
    /// Its index among the statics, if it is one and no constant.
    static_of: Option<usize>,
}

/// The names of a crate's statics and constants.
pub(super) struct Names<'a>(BTreeMap<&'a str, Vec<Declared>>);

impl<'a> Names<'a> {
    /// Collects the names of `statics` and of all constants.
    ///
    /// Thread-locals are not among them: their keys are used by the same paths before and after.
    pub(super) fn read(library: &Library<'a>, statics: &[(usize, Found)]) -> Self {
        let mut names = Names(BTreeMap::new());
        for (id, (file, found)) in statics.iter().enumerate() {
            let source = &library.files[*file].source;
            let plain = matches!(found.form, Form::Plain | Form::Mut);
            if !plain || found.thread_local.is_some() || place::in_matcher(source, found.index) {
                continue;
            }
            let at = found.index + 1 + usize::from(found.form == Form::Mut);
            names.add(source, at, *file, found.index, Some(id));
        }
        for (file, File { source, .. }) in library.files.iter().enumerate() {
            for index in (0..source.tokens.len()).filter(|index| is_constant(source, *index)) {
                names.add(source, index + 1, file, index, None);
            }
        }
        names
    }

    /// Adds the name at `at`, of the declaration whose keyword is at `keyword`. A constant has no
    /// number among the statics.
    fn add(
        &mut self,
        source: &'a Source<'a>,
        at: usize,
        file: usize,
        keyword: usize,
        static_of: Option<usize>,
    ) {
        self.0.entry(source.at(at)).or_default().push(Declared {
            file,
            scope: place::scope(source, keyword),
            static_of,
        });
    }

    /// Whether a static has this name.
    pub(super) fn has_static(&self, name: &str) -> bool {
        let mut declared = self.0.get(name).into_iter().flatten();
        declared.any(|one| one.static_of.is_some())
    }

    /// The statics that `name` can mean at the token `index` of a file. Empty if it is in doubt, or
    /// means none.
    ///
    /// `plain` says that no path stands before the name: only then a local declaration or the
    /// file's own can be meant before others.
    pub(super) fn resolve(&self, name: &str, file: usize, index: usize, plain: bool) -> Vec<usize> {
        let Some(all) = self.0.get(name) else {
            return Vec::new();
        };
        // The innermost block of a function that declares it.
        let local = all
            .iter()
            .filter(|one| {
                let scope = one.scope.as_ref();
                plain && one.file == file && scope.is_some_and(|scope| scope.contains(&index))
            })
            .min_by_key(|one| {
                let scope = one.scope.as_ref();
                scope.map_or(usize::MAX, ExactSizeIterator::len)
            });
        let mut possible: Vec<&Declared> = match local {
            Some(local) => all
                .iter()
                .filter(|one| one.file == file && one.scope == local.scope)
                .collect(),
            None => all.iter().filter(|one| one.scope.is_none()).collect(),
        };
        if local.is_none() && plain && possible.iter().any(|one| one.file == file) {
            possible.retain(|one| one.file == file);
        }
        possible
            .iter()
            .map(|one| one.static_of)
            .collect::<Option<Vec<_>>>()
            .unwrap_or_default()
    }
}

/// Whether the token at `index` begins a constant that an expression can name without its type:
/// `const NAME: T`, but no associated one.
fn is_constant(source: &Source<'_>, index: usize) -> bool {
    let is_name = |at: usize| {
        let token = source.tokens.get(at);
        token.is_some_and(|token| token.kind == Kind::Ident)
    };
    let associated = || {
        let parent = source.tokens[index].parent;
        parent.is_some_and(|open| {
            // `mod name {` holds items of the crate, other items hold associated ones.
            place::block(source, open) == Block::Item
                && !source.is_ident(open.saturating_sub(2), "mod")
        })
    };
    source.is_ident(index, "const")
        && is_name(index + 1)
        && source.at(index + 2) == ":"
        && !place::in_matcher(source, index)
        && !associated()
}
