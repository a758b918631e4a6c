//! Whether a static's type is known to be immutable.
//!
//! # The problem
//!
//! A static whose value never changes is no state: a copy of it in each image does no harm, and
//! sharing it would only make it slower. The compiler knows which types those are (its trait
//! `Freeze`), but a fork is made from tokens.
//!
//! # The way
//!
//! | type | immutable | because |
//! | --- | --- | --- |
//! | `&'static [(u8, Option<&str>)]` | yes | every name is plain |
//! | `fn(&mut AtomicU8) -> Foo` | yes | what a function takes is not in its pointer |
//! | `[Table; 2]`, where `struct Table { rows: Vec<u8> }` | yes | plain fields |
//! | `&'static AtomicU8`, `Mutex<u8>` | no | known to change |
//! | `&dyn Log`, `other::Type`, `name!(u8)` | no | nothing is known |
//!
//! The answer is yes only where every name in the type is known: primitives, plain types of the
//! standard library ([`names`]), and the crate's own structs and enums ([`definition`]) whose
//! fields are such types again. Everything else counts as state. An error in that direction costs
//! little: an immutable static that is shared behaves as one instance, which it also was in a
//! program without modules.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::tokens::{Kind, Source};

mod definition;
mod names;
mod origin;

use definition::Definition;
use names::{MUTABLE, PLAIN};
use origin::{Origin, Origins};

/// What the crate's own types are made of, by name.
///
/// Names have no paths here: `a::Foo` and `b::Foo` of the crate are one entry with two definitions,
/// and both are asked.
#[derive(Default)]
pub(crate) struct Types<'a> {
    definitions: BTreeMap<&'a str, Vec<Definition<'a>>>,
    origins: Origins<'a>,
}

/// What is asked of a type, and of the types that it is made of.
struct Question<'a> {
    /// The crate's types that are being looked at: a type that holds itself is as immutable as its
    /// other fields.
    seen: BTreeSet<&'a str>,
    /// Whether a pointer to a function counts as immutable.
    with_functions: bool,
}

impl Question<'_> {
    fn new(with_functions: bool) -> Self {
        Question {
            seen: BTreeSet::new(),
            with_functions,
        }
    }
}

impl<'a> Types<'a> {
    /// Remembers the types that a file defines, at any depth.
    ///
    /// Two types of one name are both remembered. A name is immutable if all types of that name
    /// are, so a mistaken identity shares a constant but never leaves state alone.
    pub(crate) fn collect(&mut self, source: &'a Source<'a>) {
        self.origins.collect(source);
        for index in 0..source.tokens.len() {
            let keyword = source.at(index);
            if source.tokens[index].kind != Kind::Ident
                || !["struct", "enum", "union", "type"].contains(&keyword)
                || source
                    .tokens
                    .get(index + 1)
                    .is_none_or(|token| token.kind != Kind::Ident)
            {
                continue;
            }
            if let Some(definition) = Definition::read(source, index) {
                self.definitions
                    .entry(source.at(index + 1))
                    .or_default()
                    .push(definition);
            }
        }
    }

    /// Whether the type in these tokens is known to have no interior mutability.
    pub(crate) fn is_immutable(&self, source: &'a Source<'a>, range: Range<usize>) -> bool {
        self.immutable(source, range, &[], &mut Question::new(true))
    }

    /// Whether the type is known to have no interior mutability and no pointer to a function.
    ///
    /// Which image's function a pointer leads to may matter even if the pointer never changes: a
    /// table of functions is compared by its address, or outlives the image.
    pub(crate) fn is_plain_data(&self, source: &'a Source<'a>, range: Range<usize>) -> bool {
        self.immutable(source, range, &[], &mut Question::new(false))
    }

    /// Whether the type is known to have some: it names a lock, a cell or an atomic, or one of the
    /// crate's own types whose fields do.
    pub(crate) fn is_mutable(&self, source: &Source<'a>, range: Range<usize>) -> bool {
        self.mutable(source, range, &mut BTreeSet::new())
    }

    /// [`is_mutable`](Self::is_mutable), without the types in `seen`.
    fn mutable(
        &self,
        source: &Source<'a>,
        range: Range<usize>,
        seen: &mut BTreeSet<&'a str>,
    ) -> bool {
        range
            .filter(|index| source.tokens[*index].kind == Kind::Ident)
            .any(|index| {
                let name = source.at(index);
                if is_state(name) {
                    return true;
                }
                let definitions = self.definitions.get(name);
                seen.insert(name)
                    && definitions.into_iter().flatten().any(|one| {
                        let mut parts = one.defaults.iter().chain(&one.bodies).cloned();
                        parts.any(|part| self.mutable(one.source, part, seen))
                    })
            })
    }

    /// [`is_immutable`](Self::is_immutable), where the generic `parameters` count as immutable.
    fn immutable(
        &self,
        source: &'a Source<'a>,
        range: Range<usize>,
        parameters: &[&'a str],
        question: &mut Question<'a>,
    ) -> bool {
        let mut at = range.start;
        while at < range.end {
            let text = source.at(at);
            match source.tokens[at].kind {
                // `[T; LENGTH]`
                Kind::Punct if text == ";" => {
                    at = match source.tokens[at].parent {
                        Some(open) => source.tokens[open].pair,
                        None => range.end,
                    };
                    continue;
                }
                // A macro's parameter, or its call.
                Kind::Punct if text == "$" || text == "!" && source.at(at + 1) != "=" => {
                    // `!` alone is the never type.
                    let is_call = source.before(at, 1) != ">" && text == "!";
                    if text == "$" || is_call {
                        return false;
                    }
                }
                // What a function takes and gives is not in its pointer.
                Kind::Ident if text == "fn" => {
                    if !question.with_functions {
                        return false;
                    }
                    at = end_of_pointer(source, at, range.end);
                    continue;
                }
                Kind::Ident if text == "RawWakerVTable" && !question.with_functions => {
                    return false;
                }
                Kind::Ident if text == "mut" || text == "dyn" || text == "impl" => return false,
                Kind::Ident if text == "const" => {}
                // A segment of a path; `phf::Map` is known by its crate.
                Kind::Ident if source.is_joint(at + 1, "::") && source.at(at + 3) != "<" => {
                    at += if text == "phf" { 3 } else { 0 };
                }
                Kind::Ident if parameters.contains(&text) => {}
                Kind::Ident if !self.name_is_immutable(source, at, question) => return false,
                _ => {}
            }
            at += 1;
        }
        true
    }

    /// Whether the name at `at` is that of an immutable type: one of the crate's own, or else a
    /// plain one.
    ///
    /// The crate's own type wins over a plain one of the same name. A name that stands for state
    /// everywhere does so here: whoever wraps a cell calls it a cell.
    fn name_is_immutable(
        &self,
        source: &'a Source<'a>,
        at: usize,
        question: &mut Question<'a>,
    ) -> bool {
        let name = source.at(at);
        if is_state(name) {
            return false;
        }
        let definitions = self.definitions.get(name);
        let is_here = |all: &Vec<Definition<'a>>| {
            let mut all = all.iter();
            all.any(|one| std::ptr::eq(one.source, source))
        };
        let definitions = match self
            .origins
            .of(source, at, definitions.is_some_and(is_here))
        {
            Origin::Known => return PLAIN.contains(&name),
            Origin::Elsewhere => return false,
            Origin::Crate => match definitions {
                Some(definitions) => definitions,
                None => return false,
            },
            Origin::Open => match definitions {
                Some(definitions) => definitions,
                None => return PLAIN.contains(&name),
            },
        };
        if !question.seen.insert(name) {
            return true;
        }
        definitions.iter().all(|one| {
            let mut defaults = one.defaults.iter().cloned();
            let mut bodies = one.bodies.iter().cloned();
            defaults.all(|ty| self.immutable(one.source, ty, &one.parameters, question))
                && bodies.all(|body| self.fields_are_immutable(one, body, question))
        })
    }

    /// Whether all fields in the group `body` of a definition are immutable.
    ///
    /// Fields are `attributes visibility name: type,` or `attributes visibility type,`; an enum's
    /// variants are `attributes name {fields} = value,`.
    fn fields_are_immutable(
        &self,
        one: &Definition<'a>,
        body: Range<usize>,
        question: &mut Question<'a>,
    ) -> bool {
        let source = one.source;
        let parts = source.split_at_commas(body).into_iter();
        parts
            .map(|field| without_attributes(source, field))
            .all(|field| {
                if !one.is_enum {
                    let ty = behind_name(source, field);
                    return self.immutable(source, ty, &one.parameters, question);
                }
                // The variant's fields, if it has any.
                let open = field.start + 1;
                if !matches!(source.at(open), "(" | "{") {
                    return true;
                }
                let fields = Definition {
                    source,
                    parameters: one.parameters.clone(),
                    defaults: Vec::new(),
                    bodies: Vec::new(),
                    is_enum: false,
                };
                self.fields_are_immutable(&fields, open + 1..source.tokens[open].pair, question)
            })
    }
}

/// Whether a name is that of a type with interior mutability, whoever defines it.
fn is_state(name: &str) -> bool {
    name.starts_with("Atomic") || MUTABLE.contains(&name)
}

/// A field or a variant without the attributes, doc comments and visibility before it.
fn without_attributes(source: &Source<'_>, field: Range<usize>) -> Range<usize> {
    let Range { mut start, end } = field;
    while start < end && (source.at(start) == "#" || source.tokens[start].kind == Kind::Doc) {
        start = match source.at(start) {
            "#" => source.tokens[start + 1].pair + 1,
            _ => start + 1,
        };
    }
    if source.is_ident(start, "pub") {
        start += 1;
        // `pub(crate) A`, but not the tuple of `pub (A, B)`.
        if source.at(start) == "("
            && matches!(source.at(start + 1), "crate" | "self" | "super" | "in")
        {
            start = source.tokens[start].pair + 1;
        }
    }
    start..end.max(start)
}

/// The type of a field: without the name and the colon of one that has a name.
fn behind_name(source: &Source<'_>, field: Range<usize>) -> Range<usize> {
    let Range { mut start, end } = field;
    if source.at(start + 1) == ":" && !source.is_joint(start + 1, "::") {
        start += 2;
    }
    start..end.max(start)
}

/// The index behind the type of a function pointer whose `fn` is at `at`, at most `end`.
///
/// `fn(A) -> B<C>, D` ends before the comma: parameters are one group, and the return type goes on
/// until something closes that it did not open.
fn end_of_pointer(source: &Source<'_>, at: usize, end: usize) -> usize {
    let mut at = at + 1;
    if source.at(at) == "(" {
        at = source.tokens[at].pair + 1;
    }
    if !source.is_joint(at, "->") {
        return at.min(end);
    }
    at += 2;
    let mut angles = 0;
    while at < end {
        match (source.tokens[at].kind, source.at(at)) {
            (Kind::Open, _) => at = source.tokens[at].pair,
            (Kind::Close, _) => break,
            (Kind::Punct, "<") => angles += 1,
            (Kind::Punct, ">") if angles == 0 => break,
            (Kind::Punct, ">") if source.before(at, 1) != "-" => angles -= 1,
            (Kind::Punct, "," | ";") if angles == 0 => break,
            _ => {}
        }
        at += 1;
    }
    at.min(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn immutable(types: &str, text: &str) -> bool {
        let all = format!("{types}\nstatic A: {text} = 1;");
        let source = Source::parse(&all).unwrap();
        let mut known = Types::default();
        known.collect(&source);
        let start = (0..source.tokens.len())
            .find(|index| source.is_ident(*index, "static"))
            .unwrap()
            + 3;
        let mut end = source.tokens.len() - 3;
        assert_eq!(source.at(end), "=");
        if source.at(end) != "=" {
            end += 1;
        }
        known.is_immutable(&source, start..end)
    }

    #[test]
    fn plain_types_are_immutable() {
        for text in [
            "u8",
            "&'static str",
            "[&str; 3]",
            "&[(u8, Option<&'static [char]>)]",
            "[u8; { f(); N }]",
            "fn(u8) -> bool",
            "std::time::Duration",
            "phf::Map<&'static str, u8>",
            "[Option<unsafe extern \"C\" fn(*const u8)>; 2]",
            "(fn(&mut AtomicU8) -> Foo<Bar>, Option<fn(Mutex<u8>) -> (A, B)>, u8)",
        ] {
            assert!(immutable("", text), "{text}");
        }
    }

    #[test]
    fn pointers_to_functions_are_no_plain_data() {
        let types = "struct Table { f: Option<fn(u8) -> u8> } struct Row(u8, &'static str);";
        let rows = [
            ("fn(u8)", false),
            ("&[Table]", false),
            ("RawWakerVTable", false),
            ("[Row; 2]", true),
        ];
        for (text, plain) in rows {
            let all = format!("{types}\nstatic A: {text} = 1;");
            let source = Source::parse(&all).unwrap();
            let mut known = Types::default();
            known.collect(&source);
            let end = source.tokens.len() - 3;
            let start = (0..end).rfind(|at| source.is_ident(*at, "static")).unwrap() + 3;
            assert!(known.is_immutable(&source, start..end), "{text}");
            assert_eq!(known.is_plain_data(&source, start..end), plain, "{text}");
        }
    }

    #[test]
    fn everything_unknown_is_not() {
        for text in [
            "AtomicU8",
            "&'static AtomicU8",
            "Mutex<u8>",
            "&dyn Log",
            "Foo",
            "[foo::Bar; 2]",
            "&mut u8",
            "Option<Cell<u8>>",
            "foo!(u8)",
            "(fn() -> u8, Foo)",
        ] {
            assert!(!immutable("", text), "{text}");
        }
    }

    #[test]
    fn a_type_that_wraps_one_of_its_name_is_not_made_of_itself() {
        for types in [
            "struct Foo(other::Foo);",
            "use other::Foo; mod m { struct Foo(u8); }",
            "use other::*; struct Bar { x: Foo }",
            "struct UnsafeCell<T>(std::cell::UnsafeCell<T>); struct Foo { x: UnsafeCell<u8> }",
            "struct AtomicU8(std::sync::atomic::AtomicU8); struct Foo(AtomicU8);",
        ] {
            assert!(!immutable(types, "Foo"), "{types}");
        }
        // What only looks plain.
        for (types, text) in [
            ("", "boxcar::Vec<u8>"),
            ("use boxcar::Vec;", "Vec<u8>"),
            ("use boxcar::*;", "Vec<u8>"),
            ("", "std::sync::Mutex::<u8>"),
            ("type Foo = ([u8; 4], AtomicUsize);", "Foo"),
            ("struct Foo<L = AtomicUsize> { next: L }", "Foo"),
            ("struct Foo(pub (AtomicUsize, u8));", "Foo"),
            (
                "struct Foo<T> where [T; 2]: Sized { x: AtomicUsize }",
                "Foo<u8>",
            ),
            (
                "use crate::a::State as Entry; mod b { struct Entry; }",
                "Entry",
            ),
            (
                "mod shim { pub use other::Foo; } mod y { struct Foo; }",
                "shim::Foo",
            ),
        ] {
            assert!(!immutable(types, text), "{types} {text}");
        }
        assert!(immutable(
            "struct Foo<L = u8>(L); type Bar = ([u8; 4], Foo);",
            "Bar"
        ));
        assert!(immutable("", "libc::c_int"));
        assert!(immutable(
            "mod m; struct Foo(m::Bar); struct Bar(crate::Foo);",
            "Foo"
        ));
        assert!(immutable(
            "use std::time::Duration; struct Foo(Duration);",
            "Foo"
        ));
    }

    #[test]
    fn state_is_known_through_the_crates_own_types() {
        let types = "struct A { b: B } struct B(Option<Box<A>>, AtomicU8); struct C { x: Foo }";
        for (text, mutable) in [("A", true), ("&[B]", true), ("C", false), ("u8", false)] {
            let all = format!("{types}\nstatic X: {text} = 1;");
            let source = Source::parse(&all).unwrap();
            let mut known = Types::default();
            known.collect(&source);
            let end = source.tokens.len() - 3;
            let start = (0..end).rfind(|at| source.at(*at) == ":").unwrap() + 1;
            assert_eq!(known.is_mutable(&source, start..end), mutable, "{text}");
        }
    }

    #[test]
    fn the_crates_own_types_are_looked_into() {
        let types = "pub struct A { #[doc(hidden)] pub(crate) x: &'static str, y: [B; 2] } \
                     enum B { C, D(u8, E), F { g: Vec<(u8, u8)> } = 3 } \
                     struct E(pub u8, PhantomData<u8>); struct G<T> { x: T, } \
                     struct H { x: UnsafeCell<u8> } struct I(u8, H); enum J { K(I) } type L = [A; 2]; \
                     struct M { next: Option<Box<M>> }";
        for text in ["A", "B", "E", "G<u8>", "L", "crate::a::A", "M"] {
            assert!(immutable(types, text), "{text}");
        }
        for text in ["H", "I", "J", "G<H>", "G<AtomicU8>", "&[J]"] {
            assert!(!immutable(types, text), "{text}");
        }
    }
}
