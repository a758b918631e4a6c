//! The places where a feature makes a difference, and whether the difference may be one more item.
//!
//! Every file is walked once, token by token. What is understood is marked, and a feature that is
//! named anywhere else is compared in any case.
//!
//! | in the source | a place | may add |
//! | --- | --- | --- |
//! | `#[cfg(C)]` before an item | with the condition C | if the [item](super::adds) may be added |
//! | `#[cfg(C)]` elsewhere, `#![cfg(C)]`, `cfg!(C)` | with the condition C | no |
//! | `#[cfg_attr(C, lint)]` | none: it changes nothing | |
//! | `#[cfg_attr(C, derive(Debug))]` | with the condition C | yes |
//! | `#[cfg_attr(C, derive(Clone))]` | likewise, where the type is there | no |
//! | `#[cfg_attr(C, repr(C))]` | with the condition C | no |
//! | `cfg_x! { … }` of a [wrapper](super::gates) | with the wrapper's condition | if each item may |
//! | a static that may change, a key, `#[no_mangle]` | with all conditions around it | no |
//! | an [`impl`](super::impls) of `Drop`, or with methods | likewise, where T is there | no |
//! | a macro whose name another one has | likewise, where the other one is there | no |
//! | `#[cfg(C)] compile_error!(…)` | none: a build that failed is none | |
//! | `#[cfg(C)] type_layout!(…)` | none: the record's table is compared by name | |
//!
//! Statics, each `impl` and macros need no attribute of their own: a static in a file whose `mod`
//! has a condition is there in the builds that have the file. So their condition is all that is
//! around them.

use std::collections::BTreeSet;
use std::ops::Range;

use super::adds::{Added, Adds};
use super::condition::Condition;
use super::gates::Gates;
use super::impls::Impls;
use super::items::{is_core_as_std, scope};
use super::names::{Names, Others};
use crate::source::library::{File, Library};
use crate::source::tokens::{Kind, Source};

/// Attributes that change neither a type nor what code does.
const INERT: [&str; 9] = [
    "allow",
    "deny",
    "deprecated",
    "doc",
    "expect",
    "forbid",
    "must_use",
    "no_std",
    "warn",
];

/// Derives that add an `impl` of a trait, and nothing else.
///
/// A derive may write anything. `ZeroizeOnDrop` writes a `Drop`, and `Copy` changes what becomes of
/// values. So these are named one by one.
const DERIVES: [&str; 11] = [
    "Clone",
    "Debug",
    "Default",
    "Deserialize",
    "Eq",
    "Hash",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Serialize",
    "Error",
];

/// Attributes that the linker or the runtime looks at. What they are about acts without being named
/// by any code.
const OF_LINKER: [&str; 8] = [
    "export_name",
    "global_allocator",
    "link_section",
    "linkage",
    "no_mangle",
    "panic_handler",
    "used",
    "ctor",
];

/// Macros that declare state.
const OF_STATE: [&str; 4] = [
    "on_host",
    "on_unload",
    "process_local",
    "scoped_thread_local",
];

/// A place that a condition decides about.
///
/// A feature changes the place if the condition depends on it in a build in which all of `under`
/// hold. That is harmless if the feature only adds, and if `may_add`.
#[derive(Debug)]
pub(super) struct Site {
    /// File and line, for a person.
    pub(super) place: String,
    pub(super) condition: Condition,
    /// The conditions around it.
    pub(super) under: Vec<Condition>,
    /// Whether the condition may hold with a feature where it did not hold without: what it adds
    /// changes nothing that is there in any case.
    pub(super) may_add: bool,
}

/// All of a library's.
#[derive(Default)]
pub(super) struct Sites {
    pub(super) all: Vec<Site>,
    /// Features that stand where nobody knows what they do.
    pub(super) strict: BTreeSet<String>,
    /// Whether a condition's feature is not written out, so that it may be any.
    pub(super) any_feature: bool,
}

/// What is looked at.
struct Search<'a> {
    library: &'a Library<'a>,
    gates: &'a Gates<'a>,
    names: &'a Names,
    adds: Adds<'a>,
    impls: Impls<'a>,
    found: Sites,
}

/// Finds all places.
pub(super) fn find(library: &Library<'_>, gates: &Gates<'_>, names: &Names) -> Sites {
    let adds = Adds {
        library,
        gates,
        names,
    };
    let mut search = Search {
        library,
        gates,
        names,
        impls: Impls {
            library,
            gates,
            adds,
        },
        adds,
        found: Sites::default(),
    };
    for at in 0..library.files.len() {
        search.file(at);
    }
    search.statics();
    // The first of those that say the same.
    let mut seen = BTreeSet::new();
    let is_new = |one: &Site| seen.insert((one.condition.clone(), one.under.clone(), one.may_add));
    let mut is_new = is_new;
    search.found.all.retain(|one| is_new(one));
    search.found
}

impl Search<'_> {
    /// Looks at one file.
    fn file(&mut self, file_at: usize) {
        let library = self.library;
        let file = &library.files[file_at];
        let source = &file.source;
        // What has been understood: mentions of features elsewhere have not.
        let mut covered = Vec::new();
        for at in 0..source.tokens.len() {
            if source.at(at) == "#" {
                let open = at + 1 + usize::from(source.at(at + 1) == "!");
                if source.at(open) == "[" {
                    let is_inner = open == at + 2;
                    covered.extend(self.attribute(file_at, at, open, is_inner));
                    self.linker(file, open);
                }
            } else if source.is_ident(at, "cfg") && source.at(at + 1) == "!" {
                let inside = at + 3..source.tokens.get(at + 2).map_or(at, |token| token.pair);
                covered.push(inside.clone());
                self.condition(file, at, inside, Vec::new(), None);
            } else if self.gates.wrapper(source, at).is_some() {
                covered.extend(self.call(file_at, at));
            } else if source.is_ident(at, "impl") {
                for under in self.impls.changes(file_at, at) {
                    self.thing(file, at, under);
                }
            } else if source.is_ident(at, "macro_rules") {
                self.definition(file_at, at);
            } else if OF_STATE.contains(&source.at(at)) && source.at(at + 1) == "!" {
                self.thing(file, at, Vec::new());
            }
        }
        let is_covered = |at: &usize| {
            covered
                .iter()
                .any(|range: &Range<usize>| range.contains(at))
        };
        let mentions = (0..source.tokens.len()).filter(|at| is_mention(source, *at));
        for at in mentions.filter(|at| !is_covered(at)) {
            self.unknown(source, at);
        }
    }

    /// A feature that stands where nobody knows what it does.
    fn unknown(&mut self, source: &Source<'_>, mention: usize) {
        let text = source.at(mention + 2);
        match text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
        {
            Some(name) => {
                self.found.strict.insert(name.to_owned());
            }
            None => self.found.any_feature = true,
        }
    }

    /// Adds a place with the condition in a range of tokens. `beside` are others of the same item.
    fn condition(
        &mut self,
        file: &File<'_>,
        at: usize,
        range: Range<usize>,
        beside: Vec<Condition>,
        added: Added,
    ) {
        let source = &file.source;
        match Condition::read(source, range.clone()) {
            Some(condition) => self.add(file, at, condition, beside, added),
            None => {
                for at in range.filter(|at| is_mention(source, *at)) {
                    self.unknown(source, at);
                }
            }
        }
    }

    /// Adds a place.
    fn add(
        &mut self,
        file: &File<'_>,
        at: usize,
        condition: Condition,
        beside: Vec<Condition>,
        added: Added,
    ) {
        let mut features = BTreeSet::new();
        condition.features(&mut features);
        if features.is_empty() || self.library.is_test_only(file, at) {
            return;
        }
        // The conditions of the group that it stands in.
        let mut under = match file.source.tokens[at].parent {
            Some(open) => self.gates.of(file, open),
            None => self.gates.of_file(file),
        };
        // Two attributes of one item that name the same feature decide together: each is then
        // looked at as if it stood alone.
        under.extend(beside.into_iter().filter(|one| {
            let mut named = BTreeSet::new();
            one.features(&mut named);
            named.is_disjoint(&features)
        }));
        let place = format!("{}:{}", file.path, file.source.line_of(at));
        let site = |under: Vec<Condition>, may_add: bool| Site {
            place: place.clone(),
            condition: condition.clone(),
            under,
            may_add,
        };
        self.found.all.push(site(under.clone(), added.is_some()));
        // Where another declaration is there that the added one would go before, the condition
        // must be the same.
        for (at, index) in added.into_iter().flatten() {
            let mut under = under.clone();
            under.extend(self.gates.of(&self.library.files[at], index));
            self.found.all.push(site(under, false));
        }
    }

    /// Adds a thing that must be there in both builds, or in none, where all of `under` hold.
    fn thing(&mut self, file: &File<'_>, at: usize, under: Vec<Condition>) {
        if self.library.is_test_only(file, at) {
            return;
        }
        self.found.all.push(Site {
            place: format!("{}:{}", file.path, file.source.line_of(at)),
            condition: Condition::All(self.gates.of(file, at)),
            under,
            may_add: false,
        });
    }

    /// Looks at the definition of a macro: another one of its name must not come in its place.
    fn definition(&mut self, file_at: usize, at: usize) {
        let library = self.library;
        let file = &library.files[file_at];
        match self
            .names
            .other_macros((file_at, at), file.source.at(at + 2))
        {
            Others::Always => self.thing(file, at, Vec::new()),
            Others::These(others) => {
                for (other, index) in others {
                    let under = self.gates.of(&library.files[other], index);
                    self.thing(file, at, under);
                }
            }
        }
    }

    /// Looks at the attribute in `open`. Returns what of it is understood.
    fn attribute(
        &mut self,
        file_at: usize,
        at: usize,
        open: usize,
        is_inner: bool,
    ) -> Vec<Range<usize>> {
        let library = self.library;
        let file = &library.files[file_at];
        let source = &file.source;
        let close = source.tokens[open].pair;
        let whole = open..close;
        let arguments = open + 3..close.saturating_sub(1);
        match source.at(open + 1) {
            "doc" => vec![whole],
            "cfg" if source.at(open + 2) == "(" => {
                // A wrapper's definition is looked at where it is called.
                let is_wrapper = source
                    .ancestors(at)
                    .any(|open| self.gates.is_definition(source, open));
                let start = behind_attributes(source, close + 1);
                // A build that failed is none. The record's table of layouts is compared by name.
                let is_told = ["compile_error", "type_layout"].contains(&source.at(start));
                if !is_wrapper && !is_told && !is_core_as_std(source, start) {
                    let added = match is_inner {
                        true => None,
                        false => self.adds.item_behind(file_at, at, start),
                    };
                    let beside = Gates::beside(source, start, open);
                    self.condition(file, at, arguments, beside, added);
                }
                vec![whole]
            }
            "cfg_attr" if source.at(open + 2) == "(" => {
                let mut parts = source.split_at_commas(arguments).into_iter();
                let Some(condition) = parts.next() else {
                    return Vec::new();
                };
                let mut covered = vec![condition.clone()];
                let attributes: Vec<Range<usize>> = parts.filter(|part| !part.is_empty()).collect();
                let is_doc = |part: &&Range<usize>| source.at(part.start) == "doc";
                covered.extend(attributes.iter().filter(is_doc).cloned());
                let all = |is: &dyn Fn(&Range<usize>) -> bool| attributes.iter().all(is);
                let is_inert = |part: &Range<usize>| INERT.contains(&source.at(part.start));
                let adds = |part: &Range<usize>| is_inert(part) || is_derive(source, part.clone());
                if !all(&is_inert) {
                    // Where the type is there, it is so with its `Clone` or without.
                    let start = behind_attributes(source, close + 1);
                    let mut derives = attributes.iter();
                    let clones = derives.any(|part| derives_clone(source, part.clone()));
                    let added = match clones {
                        true => vec![(file_at, start)],
                        false => Vec::new(),
                    };
                    let added = all(&adds).then_some(added);
                    self.condition(file, at, condition, Vec::new(), added);
                }
                covered
            }
            _ => Vec::new(),
        }
    }

    /// Looks at the call of a wrapper. Returns what of it is understood.
    fn call(&mut self, file_at: usize, open: usize) -> Vec<Range<usize>> {
        let library = self.library;
        let file = &library.files[file_at];
        let source = &file.source;
        let argument = match source.at(open + 1) {
            "#" if source.at(open + 2) == "!" => open + 1..source.tokens[open + 3].pair,
            _ => open..open,
        };
        let Some(conditions) = self.gates.of_call(source, open) else {
            return Vec::new();
        };
        let place = scope(self.gates, source, source.tokens[open].parent);
        let added = self.adds.all_items(file_at, open, &place);
        self.add(file, open, Condition::All(conditions), Vec::new(), added);
        vec![argument]
    }

    /// Looks at an attribute for the linker: what it is about is state, or has a name that only
    /// one thing may have.
    fn linker(&mut self, file: &File<'_>, open: usize) {
        let source = &file.source;
        let mut inside = open + 1..source.tokens[open].pair;
        if inside
            .any(|at| source.tokens[at].kind == Kind::Ident && OF_LINKER.contains(&source.at(at)))
        {
            // The item: behind this attribute, and so with all that stand before it.
            self.thing(file, source.tokens[open].pair + 1, Vec::new());
        }
    }

    /// Looks at all statics that may be state.
    fn statics(&mut self) {
        for (at, found) in self.library.statics() {
            let file = &self.library.files[at];
            let is_state = !self.library.is_in_no_program(file, &found)
                && !self.library.is_plain_data(file, &found);
            if is_state {
                self.thing(file, found.index, Vec::new());
            }
        }
    }
}

/// Where the item begins whose next attribute, or else the item itself, stands at `at`.
fn behind_attributes(source: &Source<'_>, mut at: usize) -> usize {
    while at < source.tokens.len() {
        match (source.tokens[at].kind, source.at(at)) {
            (Kind::Doc, _) => at += 1,
            (_, "#") => at = source.tokens.get(at + 1).map_or(at, |it| it.pair) + 1,
            _ => break,
        }
    }
    at
}

/// Whether a token begins `feature = …`.
fn is_mention(source: &Source<'_>, at: usize) -> bool {
    source.is_ident(at, "feature") && source.at(at + 1) == "=" && !source.is_joint(at + 1, "==")
}

/// Whether an attribute in a `cfg_attr` derives traits that add nothing but their `impl`, or is one
/// that such a derive reads.
fn is_derive(source: &Source<'_>, part: Range<usize>) -> bool {
    match source.at(part.start) {
        "derive" => {
            let traits = source.split_at_commas(part.start + 2..part.end - 1);
            let last = |one: &Range<usize>| source.at(one.end - 1);
            traits
                .iter()
                .filter(|one| !one.is_empty())
                .all(|one| DERIVES.contains(&last(one)))
        }
        "serde" => true,
        _ => false,
    }
}

/// Whether an attribute in a `cfg_attr` derives `Clone`.
fn derives_clone(source: &Source<'_>, mut part: Range<usize>) -> bool {
    source.at(part.start) == "derive" && part.any(|at| source.is_ident(at, "Clone"))
}
