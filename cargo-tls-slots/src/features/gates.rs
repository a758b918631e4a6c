//! Under which conditions the compiler sees a token.
//!
//! | in the source | the condition |
//! | --- | --- |
//! | `#[cfg(C)]` on an item, a field, a statement | of the item, with all inside of it |
//! | `#[cfg(C)] mod name;` | of the file `name.rs`, and of the files that it takes in |
//! | `#![cfg(C)]` at the head of a file | of the file |
//! | `cfg_x! { … }`, where the macro puts `#[cfg(C)]` before each item | of these items |
//!
//! The conditions of a token are all of these together: each of them must hold. A file that several
//! `mod` items declare is there if one of them is.
//!
//! A condition that cannot be read is left out. Whoever asks then thinks that the token is there in
//! more builds than it is, and compares a feature that need not be.
//!
//! # Attributes and commas
//!
//! `#[cfg(C)] a: u8, b: u8` is about the field `a` alone, while `#[cfg(C)] fn f(a: u8, b: u8)` is
//! about all of the function. So an attribute is followed to the token that is asked about: it ends
//! at a comma, unless an item begins behind it.
//!
//! A macro is of the last kind if its one rule is `($($item:item)*) => { $( #[…] $item )* }`, as
//! those of tokio are, or has a `#![$meta:meta]` before the items, which is then the condition.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::condition::Condition;
use crate::source::library::{File, Library};
use crate::source::module_files::{declared, module};
use crate::source::place;
use crate::source::test_code::reaches;
use crate::source::tokens::{Kind, Source};

/// A macro that puts conditions before items.
///
/// ```text
/// macro_rules! cfg_fs { ($($item:item)*) => { $( #[cfg(feature = "fs")] $item )* } }
/// macro_rules! feature { (#![$meta:meta] $($item:item)*) => { $( #[cfg($meta)] $item )* } }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrapper {
    /// These conditions.
    Fixed(Vec<Condition>),
    /// The one that stands first in its arguments, as `#![condition]`.
    Argument,
}

/// The conditions of a library.
pub(super) struct Gates<'a> {
    library: &'a Library<'a>,
    /// The macros of the crate that put conditions before items.
    wrappers: BTreeMap<&'a str, Wrapper>,
    /// For each Rust module the `mod` items that declare it: file, and index of the `mod`.
    declared: BTreeMap<String, Vec<(usize, usize)>>,
    /// The conditions of each file, by its path.
    files: BTreeMap<&'a str, Vec<Condition>>,
}

impl<'a> Gates<'a> {
    pub(super) fn new(library: &'a Library<'a>) -> Self {
        let mut declared_by = BTreeMap::<String, Vec<(usize, usize)>>::new();
        let mut wrappers = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (at, file) in library.files.iter().enumerate() {
            for (index, module) in declared(file.path, &file.source) {
                declared_by.entry(module).or_default().push((at, index));
            }
            for (name, open) in definitions(&file.source) {
                // Two macros of one name: nothing is known.
                let wrapper = wrapper(&file.source, open).filter(|_| seen.insert(name));
                match wrapper {
                    Some(wrapper) => wrappers.insert(name, wrapper),
                    None => wrappers.remove(name),
                };
                seen.insert(name);
            }
        }
        let mut gates = Gates {
            library,
            wrappers,
            declared: declared_by,
            files: BTreeMap::new(),
        };
        let files = library.files.iter();
        let files = files.map(|file| (file.path, gates.find_of_file(file, &mut BTreeSet::new())));
        gates.files = files.collect();
        gates
    }

    /// The wrapper whose call `open` opens.
    pub(super) fn wrapper(&self, source: &Source<'_>, open: usize) -> Option<&Wrapper> {
        if source.tokens[open].kind != Kind::Open {
            return None;
        }
        let path = source.macro_call(open)?;
        self.wrappers.get(path.rsplit("::").next()?)
    }

    /// Whether `open` opens the definition of a wrapper.
    pub(super) fn is_definition(&self, source: &Source<'_>, open: usize) -> bool {
        let name = source.macro_definition(open);
        name.is_some_and(|name| self.wrappers.contains_key(name))
    }

    /// The conditions that the wrapper's call puts before each item. `None` if one of them cannot
    /// be read.
    pub(super) fn of_call(&self, source: &Source<'_>, open: usize) -> Option<Vec<Condition>> {
        match self.wrapper(source, open)? {
            Wrapper::Fixed(conditions) => Some(conditions.clone()),
            Wrapper::Argument => {
                let inside = open + 3;
                let is_inner = source.at(open + 1) == "#" && source.at(open + 2) == "!";
                let close = source.tokens.get(inside).filter(|_| is_inner)?.pair;
                Some(vec![Condition::read(source, inside + 1..close)?])
            }
        }
    }

    /// The conditions of the token at `index`, of its file included.
    pub(super) fn of(&self, file: &File<'_>, index: usize) -> Vec<Condition> {
        let mut all = self.of_file(file);
        all.extend(self.inside(&file.source, index));
        all
    }

    /// The conditions of a file.
    pub(super) fn of_file(&self, file: &File<'_>) -> Vec<Condition> {
        self.files.get(file.path).cloned().unwrap_or_default()
    }

    /// The conditions in the attributes of the item that begins at `start`, but for the attribute
    /// that `except` opens.
    pub(super) fn beside(source: &Source<'_>, start: usize, except: usize) -> Vec<Condition> {
        let all = attributes(source, start).into_iter();
        let others = all.filter(|one| one.start != except + 1);
        let cfgs = others.filter(|one| {
            source.is_ident(one.start, "cfg")
                && source.at(one.start + 1) == "("
                && reaches(source, one.end + 1, start)
        });
        cfgs.filter_map(|one| Condition::read(source, one.start + 2..one.end - 1))
            .collect()
    }

    /// Finds the conditions of a file. `seen` are the Rust modules that are being looked at.
    fn find_of_file(&self, file: &File<'_>, seen: &mut BTreeSet<String>) -> Vec<Condition> {
        let mut all: Vec<Condition> = head(&file.source);
        let module = module(file.path).to_owned();
        if !seen.insert(module.clone()) {
            return all;
        }
        let by = self.declared.get(&module).map_or(&[][..], Vec::as_slice);
        let each = by.iter().map(|(at, index)| {
            let parent = &self.library.files[*at];
            let mut conditions = self.find_of_file(parent, seen);
            conditions.extend(self.inside(&parent.source, *index));
            Condition::All(conditions)
        });
        let each: Vec<Condition> = each.collect();
        if !each.is_empty() {
            all.push(Condition::Any(each));
        }
        seen.remove(&module);
        all
    }

    /// The conditions of a token inside of its file: those of each group around it, from the inside
    /// out, and of the item that each of these groups belongs to.
    fn inside(&self, source: &Source<'_>, index: usize) -> Vec<Condition> {
        let mut all = Vec::new();
        for at in std::iter::once(index).chain(source.ancestors(index)) {
            for attribute in attributes(source, at) {
                if source.is_ident(attribute.start, "cfg")
                    && source.at(attribute.start + 1) == "("
                    && reaches(source, attribute.end + 1, at)
                {
                    let inside = attribute.start + 2..attribute.end - 1;
                    // One that cannot be read is left out: that makes more builds than there are.
                    all.extend(Condition::read(source, inside));
                }
            }
            if self.wrapper(source, at).is_some() {
                all.extend(self.of_call(source, at).into_iter().flatten());
            }
        }
        all
    }
}

/// The insides of the attributes before the item or statement that the token at `index` belongs
/// to.
fn attributes(source: &Source<'_>, index: usize) -> Vec<Range<usize>> {
    place::lead(source, index)
        .filter(|at| source.at(*at) == "#" && source.at(*at + 1) == "[")
        .map(|at| at + 2..source.tokens[at + 1].pair)
        .collect()
}

/// The conditions at the head of a file.
fn head(source: &Source<'_>) -> Vec<Condition> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < source.tokens.len() {
        match (source.tokens[at].kind, source.at(at)) {
            (Kind::Doc, _) => at += 1,
            (_, "#") if source.at(at + 1) == "!" && source.at(at + 2) == "[" => {
                let end = source.tokens[at + 2].pair;
                if source.is_ident(at + 3, "cfg") && source.at(at + 4) == "(" {
                    all.extend(Condition::read(source, at + 5..end - 1));
                }
                at = end + 1;
            }
            _ => break,
        }
    }
    all
}

/// The `macro_rules!` definitions of a file: names, and where their bodies open.
fn definitions<'a>(source: &Source<'a>) -> Vec<(&'a str, usize)> {
    let opens = (0..source.tokens.len()).filter(|at| source.tokens[*at].kind == Kind::Open);
    opens
        .filter_map(|open| Some((source.macro_definition(open)?, open)))
        .collect()
}

/// What the definition that `open` opens puts before items, if that is all it does.
fn wrapper(source: &Source<'_>, open: usize) -> Option<Wrapper> {
    let matcher = open + 1;
    let matcher_end = source.tokens.get(matcher)?.pair;
    let texts = |range: Range<usize>| -> Vec<&str> { range.map(|at| source.at(at)).collect() };
    let has_argument = source.at(matcher + 1) == "#";
    let items = match has_argument {
        true => matcher + 9,
        false => matcher + 1,
    };
    if has_argument && texts(matcher + 1..items) != ["#", "!", "[", "$", "meta", ":", "meta", "]"] {
        return None;
    }
    if texts(items..matcher_end) != ["$", "(", "$", "item", ":", "item", ")", "*"]
        || texts(matcher_end + 1..matcher_end + 3) != ["=", ">"]
    {
        return None;
    }
    let body = matcher_end + 3;
    let body_end = source.tokens.get(body)?.pair;
    // One rule, with `$( … )*` alone in its body.
    let rest = texts(body_end + 1..source.tokens[open].pair);
    let repeated = body + 2;
    if !matches!(rest.as_slice(), [] | [";"])
        || source.at(body + 1) != "$"
        || source.at(repeated) != "("
        || texts(source.tokens[repeated].pair + 1..body_end) != ["*"]
    {
        return None;
    }
    let end = source.tokens[repeated].pair;
    let mut conditions = Vec::new();
    let mut at = repeated + 1;
    while source.at(at) == "#" && source.at(at + 1) == "[" {
        let close = source.tokens[at + 1].pair;
        let is_cfg = source.is_ident(at + 2, "cfg") && source.at(at + 3) == "(";
        match source.at(at + 2) {
            "cfg" if has_argument && texts(at + 4..close - 1) == ["$", "meta"] => {}
            "cfg" if is_cfg => conditions.push(Condition::read(source, at + 4..close - 1)?),
            // What these put before an item is looked at where the definition stands.
            "cfg_attr" | "doc" | "allow" | "expect" | "warn" | "deny" => {}
            _ => return None,
        }
        at = close + 1;
    }
    if texts(at..end) != ["$", "item"] {
        return None;
    }
    Some(match has_argument {
        true => Wrapper::Argument,
        false => Wrapper::Fixed(conditions),
    })
}
