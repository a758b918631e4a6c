//! Whether a static's type is known to be immutable.
//!
//! The compiler knows (`Freeze`); tokens do not. So this says yes only where every name in the type
//! is known: primitives, plain types of the standard library, and the crate's own structs and
//! enums whose fields are such types again. Everything else counts as state. Being wrong in that
//! direction costs little: a shared immutable static behaves as one instance, which it also was
//! in a program without modules.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::tokens::{Kind, Source};

/// Names of the language and its library whose values nothing can change through a shared
/// reference, if their parameters are so too.
const PLAIN: &[&str] = &[
    "bool",
    "char",
    "str",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "f32",
    "f64",
    "Option",
    "Result",
    "String",
    "Vec",
    "Box",
    "Cow",
    "CStr",
    "CString",
    "OsStr",
    "OsString",
    "Path",
    "PathBuf",
    "Duration",
    "Instant",
    "SystemTime",
    "Ordering",
    "Range",
    "RangeInclusive",
    "RangeFrom",
    "RangeTo",
    "PhantomData",
    "NonZero",
    "NonZeroU8",
    "NonZeroU16",
    "NonZeroU32",
    "NonZeroU64",
    "NonZeroUsize",
    "NonZeroI8",
    "NonZeroI16",
    "NonZeroI32",
    "NonZeroI64",
    "NonZeroIsize",
    "Wrapping",
    "Layout",
    "TypeId",
    "IpAddr",
    "Ipv4Addr",
    "Ipv6Addr",
    "SocketAddr",
    "BTreeMap",
    "BTreeSet",
    "Infallible",
    "RawWakerVTable",
    "c_char",
    "c_schar",
    "c_uchar",
    "c_short",
    "c_ushort",
    "c_int",
    "c_uint",
    "c_long",
    "c_ulong",
    "c_longlong",
    "c_ulonglong",
    "c_void",
    "fn",
    "unsafe",
    "extern",
    "for",
    "ManuallyDrop",
    "MaybeUninit",
    "Reverse",
    "Bound",
];

/// Names that are state for sure. For the report's wording only.
const MUTABLE: &[&str] = &[
    "Mutex",
    "RwLock",
    "ReentrantMutex",
    "FairMutex",
    "Once",
    "OnceLock",
    "OnceCell",
    "OnceBox",
    "OnceRef",
    "OnceBool",
    "OnceNonZeroUsize",
    "LazyLock",
    "Lazy",
    "Condvar",
    "Barrier",
    "UnsafeCell",
    "SyncUnsafeCell",
    "Cell",
    "RefCell",
    "ThreadLocal",
    "Parker",
    "Semaphore",
    "ArcSwap",
    "ArcSwapOption",
    "RawMutex",
    "Sender",
    "Receiver",
    "SyncSender",
];

/// A struct, enum, union or type alias of the crate.
struct Definition<'a> {
    source: &'a Source<'a>,
    /// Its generic parameters, whose arguments are looked at where the type is used.
    parameters: Vec<&'a str>,
    /// The groups that hold its fields, or an alias's type.
    bodies: Vec<Range<usize>>,
    /// Enums: names of variants stand where fields' types do.
    is_enum: bool,
}

/// What the crate's own types are made of.
#[derive(Default)]
pub(super) struct Types<'a> {
    definitions: BTreeMap<&'a str, Vec<Definition<'a>>>,
}

impl<'a> Types<'a> {
    /// Remembers the types that a file defines.
    pub(super) fn collect(&mut self, source: &'a Source<'a>) {
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
            if let Some(definition) = define(source, index) {
                self.definitions
                    .entry(source.at(index + 1))
                    .or_default()
                    .push(definition);
            }
        }
    }

    /// Whether the type in these tokens is known to have no interior mutability.
    pub(super) fn is_immutable(&self, source: &'a Source<'a>, range: Range<usize>) -> bool {
        self.immutable(source, range, &[], &mut BTreeSet::new())
    }

    /// Whether the type is known to have some: it names a lock, a cell or an atomic, or one of the
    /// crate's own types whose fields do.
    pub(super) fn is_mutable(&self, source: &Source<'a>, range: Range<usize>) -> bool {
        self.mutable(source, range, &mut BTreeSet::new())
    }

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
                if name.starts_with("Atomic") || MUTABLE.contains(&name) {
                    return true;
                }
                let definitions = self.definitions.get(name);
                seen.insert(name)
                    && definitions.into_iter().flatten().any(|one| {
                        let mut bodies = one.bodies.iter().cloned();
                        bodies.any(|body| self.mutable(one.source, body, seen))
                    })
            })
    }

    fn immutable(
        &self,
        source: &'a Source<'a>,
        range: Range<usize>,
        parameters: &[&'a str],
        seen: &mut BTreeSet<&'a str>,
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
                    at = end_of_pointer(source, at, range.end);
                    continue;
                }
                Kind::Ident if text == "mut" || text == "dyn" || text == "impl" => return false,
                Kind::Ident if text == "const" => {}
                // A segment of a path; `phf::Map` is known by its crate.
                Kind::Ident if source.is_joint(at + 1, "::") => {
                    at += if text == "phf" { 3 } else { 0 };
                }
                Kind::Ident if parameters.contains(&text) => {}
                Kind::Ident if !self.name_is_immutable(text, seen) => return false,
                _ => {}
            }
            at += 1;
        }
        true
    }

    fn name_is_immutable(&self, name: &'a str, seen: &mut BTreeSet<&'a str>) -> bool {
        let Some(definitions) = self.definitions.get(name) else {
            return PLAIN.contains(&name);
        };
        // A type that holds itself: its other fields decide.
        if !seen.insert(name) {
            return true;
        }
        definitions.iter().all(|one| {
            one.bodies
                .iter()
                .all(|body| self.fields_are_immutable(one, body.clone(), seen))
        })
    }

    /// Fields are `attributes visibility name: type,` or `attributes visibility type,`; an enum's
    /// variants are `attributes name {fields} = value,`.
    fn fields_are_immutable(
        &self,
        one: &Definition<'a>,
        body: Range<usize>,
        seen: &mut BTreeSet<&'a str>,
    ) -> bool {
        let source = one.source;
        let mut at = body.start;
        while at < body.end {
            // One field, up to its comma.
            let mut end = at;
            let mut angles = 0;
            while end < body.end && !(angles == 0 && source.at(end) == ",") {
                match (source.tokens[end].kind, source.at(end)) {
                    (Kind::Open, _) => end = source.tokens[end].pair,
                    (Kind::Punct, "<") => angles += 1,
                    (Kind::Punct, ">") if source.before(end, 1) != "-" => angles -= 1,
                    _ => {}
                }
                end += 1;
            }
            let mut start = at;
            while start < end && (source.at(start) == "#" || source.tokens[start].kind == Kind::Doc)
            {
                start = match source.at(start) {
                    "#" => source.tokens[start + 1].pair + 1,
                    _ => start + 1,
                };
            }
            if source.is_ident(start, "pub") {
                start += 1;
                if source.at(start) == "(" {
                    start = source.tokens[start].pair + 1;
                }
            }
            let fine = if one.is_enum {
                // The variant's fields, if it has any.
                let open = start + 1;
                match source.at(open) {
                    "(" | "{" => {
                        let fields = Definition {
                            source,
                            parameters: one.parameters.clone(),
                            bodies: Vec::new(),
                            is_enum: false,
                        };
                        let body = open + 1..source.tokens[open].pair;
                        self.fields_are_immutable(&fields, body, seen)
                    }
                    _ => true,
                }
            } else {
                if source.at(start + 1) == ":" && !source.is_joint(start + 1, "::") {
                    start += 2;
                }
                self.immutable(source, start..end.max(start), &one.parameters, seen)
            };
            if !fine {
                return false;
            }
            at = end + 1;
        }
        true
    }
}

/// The index behind the type of a function pointer whose `fn` is at `at`.
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

fn define<'a>(source: &'a Source<'a>, keyword: usize) -> Option<Definition<'a>> {
    let mut parameters = Vec::new();
    let mut at = keyword + 2;
    if source.at(at) == "<" {
        let mut depth = 0;
        loop {
            match source.at(at) {
                "<" => depth += 1,
                ">" if source.before(at, 1) != "-" => depth -= 1,
                "" => return None,
                // Parameters; bounds may come along, which does no harm.
                name if source.tokens[at].kind == Kind::Ident && depth == 1 => {
                    parameters.push(name);
                }
                _ => {}
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
    }
    let mut bodies = Vec::new();
    let is_alias = source.at(keyword) == "type";
    if is_alias {
        let end = (at..source.tokens.len()).find(|index| source.at(*index) == ";")?;
        // An associated type without a value defines nothing.
        if source.at(at) != "=" {
            return None;
        }
        bodies.push(at + 1..end);
    } else {
        while at < source.tokens.len() {
            match source.at(at) {
                ";" => break,
                "{" => {
                    bodies.push(at + 1..source.tokens[at].pair);
                    break;
                }
                "(" if bodies.is_empty() => {
                    bodies.push(at + 1..source.tokens[at].pair);
                    at = source.tokens[at].pair;
                }
                _ => {}
            }
            at += 1;
        }
    }
    Some(Definition {
        source,
        parameters,
        bodies,
        is_enum: source.at(keyword) == "enum",
    })
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
