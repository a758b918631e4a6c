//! A library as a whole: its files, and what they say together.
//!
//! Two questions cannot be answered by one file. A `#[cfg(test)] mod name;` makes *another* file a
//! test's; a static's type may be defined anywhere in the crate. [`Library`] reads all files once
//! and then answers for each place. It is the one piece that knows what is immutable and what only
//! tests compile.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::module_files::taken_in;
use super::place;
use super::statics::{self, Form, Found};
use super::test_code::{self, TestFiles};
use super::tokens::{Kind, Source};
use super::tree::Tree;
use super::types::Types;

/// One source file of a library.
#[derive(Debug)]
pub(crate) struct File<'a> {
    /// Its path inside the crate.
    pub(crate) path: &'a str,
    /// Its tokens.
    pub(crate) source: Source<'a>,
}

/// The source files of a library in `tree`: those whose paths `is_of_library`, and what these take
/// in. Sorted by path.
///
/// Also gives what cannot be read: each path, and the end of a sentence about the file, which is no
/// UTF-8 or no Rust.
pub(crate) fn read<'a>(
    tree: &'a Tree,
    is_of_library: impl Fn(&str) -> bool,
) -> (Vec<File<'a>>, Vec<(&'a str, String)>) {
    let mut files = BTreeMap::new();
    let mut unread = Vec::new();
    let mut seen = BTreeSet::new();
    let mut next: Vec<String> = tree
        .keys()
        .filter(|path| is_of_library(path))
        .cloned()
        .collect();
    while let Some(path) = next.pop() {
        let Some((path, bytes)) = tree
            .get_key_value(&path)
            .filter(|_| seen.insert(path.clone()))
        else {
            continue;
        };
        match parse(bytes) {
            Ok(source) => {
                next.extend(taken_in(path, &source));
                files.insert(&**path, source);
            }
            Err(message) => unread.push((&**path, message)),
        }
    }
    let files = files.into_iter();
    let files = files.map(|(path, source)| File { path, source });
    (files.collect(), unread)
}

/// The tokens of a file.
///
/// # Errors
///
/// The end of a sentence about the file: it is no UTF-8, or no Rust.
fn parse(bytes: &[u8]) -> Result<Source<'_>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("is not UTF-8: {error}"))?;
    Source::parse(text).map_err(|error| error.to_string())
}

/// A library, with what its files say together.
///
/// It borrows the files: edits are made as byte ranges of their texts and applied when all
/// questions have been asked.
pub(crate) struct Library<'a> {
    /// Its files, sorted by path.
    pub(crate) files: &'a [File<'a>],
    types: Types<'a>,
    test_files: TestFiles,
}

impl<'a> Library<'a> {
    /// Reads the types and the `mod` items of all files.
    pub(crate) fn new(files: &'a [File<'a>]) -> Self {
        let mut types = Types::default();
        let mut test_files = TestFiles::default();
        for file in files {
            types.collect(&file.source);
            test_files.collect(file.path, &file.source);
        }
        Library {
            files,
            types,
            test_files,
        }
    }

    /// Every static and thread-local, with the index of its file.
    pub(crate) fn statics(&self) -> Vec<(usize, Found)> {
        let files = self.files.iter().enumerate();
        files
            .flat_map(|(index, file)| {
                let all = statics::find(&file.source);
                all.into_iter().map(move |found| (index, found))
            })
            .collect()
    }

    /// Whether only tests compile the token at `index` of a file of this library.
    pub(crate) fn is_test_only(&self, file: &File<'_>, index: usize) -> bool {
        self.test_files.has(file.path) || test_code::is_marked(&file.source, index)
    }

    /// Whether the type in a range of tokens is known to have no interior mutability.
    pub(crate) fn is_immutable(&self, source: &'a Source<'a>, ty: Range<usize>) -> bool {
        self.types.is_immutable(source, ty)
    }

    /// Whether a declaration is in no program: it is the pattern of a macro, or only tests compile
    /// it.
    pub(crate) fn is_in_no_program(&self, file: &File<'_>, found: &Found) -> bool {
        place::in_matcher(&file.source, found.index) || self.is_test_only(file, found.index)
    }

    /// Whether a declaration is that of a static whose type has neither interior mutability nor
    /// pointers to functions.
    pub(crate) fn is_plain_data(&self, file: &'a File<'a>, found: &Found) -> bool {
        let ty = type_of(&file.source, found);
        found.form == Form::Plain
            && found.thread_local.is_none()
            && ty.is_some_and(|ty| self.types.is_plain_data(&file.source, ty))
    }

    /// Whether a declaration is known to be state that changes: a thread-local, a `static mut`, a
    /// static whose type has interior mutability.
    pub(crate) fn is_known_to_change(&self, file: &File<'a>, found: &Found) -> bool {
        let is_mutable = |ty| self.types.is_mutable(&file.source, ty);
        found.form != Form::Plain
            || found.thread_local.is_some()
            || type_of(&file.source, found).is_some_and(is_mutable)
    }

    /// The file at a path, if the library has it.
    pub(crate) fn file(&self, path: &str) -> Option<&'a File<'a>> {
        let at = self.files.binary_search_by_key(&path, |file| file.path);
        Some(&self.files[at.ok()?])
    }

    /// Whether the type in a range of tokens is known to have some. A type of which nothing is
    /// known is neither immutable nor mutable.
    pub(crate) fn is_mutable(&self, source: &Source<'a>, ty: Range<usize>) -> bool {
        self.types.is_mutable(source, ty)
    }
}

/// The type of a static, as a range of tokens: what stands between its `:` and its `=`. `None` if
/// the declaration has no value, as in an `extern` block, or is not that of a static.
pub(crate) fn type_of(source: &Source<'_>, found: &Found) -> Option<Range<usize>> {
    // `static`, perhaps `mut` or `ref`, perhaps `$`, the name, `:`.
    let colon = (found.index + 1..=found.index + 4).find(|at| source.at(*at) == ":")?;
    let start = colon + 1;
    let mut angles = 0;
    let mut at = start;
    while at < source.tokens.len() {
        match (source.tokens[at].kind, source.at(at)) {
            (Kind::Open, _) => at = source.tokens[at].pair,
            (Kind::Close, _) | (Kind::Punct, ";") => return None,
            (Kind::Punct, "<") => angles += 1,
            (Kind::Punct, ">") if source.before(at, 1) != "-" => angles -= 1,
            (Kind::Punct, "=") if angles == 0 => return Some(start..at),
            _ => {}
        }
        at += 1;
    }
    None
}
