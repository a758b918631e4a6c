//! Where a token stands: in which item, block or macro.
//!
//! A flat list of tokens has no items. What a group is can be read from the words before its
//! opening delimiter: `fn f() {` opens a function's body, `impl A for B {` an item, `m! {` a
//! macro's arguments. That works at any depth and inside any macro, where a parser of items sees
//! only tokens.

use std::ops::Range;

use super::tokens::{Kind, Source};

/// What a group of tokens is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// The body of a function.
    Function {
        /// Whether it is a `const fn`.
        is_const: bool,
    },
    /// `mod`, `impl`, `trait`, a type's body or an `extern` block.
    Item,
    /// The arguments of a macro.
    Macro,
    /// A `macro_rules!` definition.
    Definition,
    /// Any other block of code, or a group that is no block.
    Other,
}

/// The start of the item or statement that `index` belongs to: the tokens of the same group from
/// behind the last `;` or `}` to `index`.
pub(crate) fn lead(source: &Source<'_>, index: usize) -> Range<usize> {
    let stop = source.tokens[index].parent.map_or(0, |open| open + 1);
    let mut start = index;
    while start > stop {
        let before = start - 1;
        match (source.tokens[before].kind, source.at(before)) {
            (Kind::Close, "}") | (Kind::Punct, ";") => break,
            (Kind::Close, _) => start = source.tokens[before].pair,
            _ => start = before,
        }
    }
    start..index
}

/// The identifiers of a range, without those in groups inside of it.
fn outer_idents<'a>(source: &'a Source<'a>, range: Range<usize>) -> impl Iterator<Item = &'a str> {
    let parent = source
        .tokens
        .get(range.start)
        .and_then(|token| token.parent);
    range
        .filter(move |index| {
            source.tokens[*index].kind == Kind::Ident && source.tokens[*index].parent == parent
        })
        .map(|index| source.at(index))
}

/// What the group that `open` opens is.
///
/// The words before the delimiter decide, from the start of the item on and without those in inner
/// groups. The first that says something wins: in `static A: fn() = … {` it is `static`, so the
/// braces are an initialiser's and no function's.
pub(crate) fn block(source: &Source<'_>, open: usize) -> Block {
    match source.macro_call(open).as_deref() {
        Some("macro_rules") => return Block::Definition,
        Some(_) => return Block::Macro,
        None => {}
    }
    if source.at(open) != "{" {
        return Block::Other;
    }
    let mut is_const = false;
    for word in outer_idents(source, lead(source, open)) {
        match word {
            "fn" => return Block::Function { is_const },
            "mod" | "impl" | "trait" | "struct" | "enum" | "union" => return Block::Item,
            "const" => is_const = true,
            // `extern "C" {` or `extern "C" fn f() {`
            "extern"
                if source.before(open, 1) == "extern" || source.before(open, 2) == "extern" =>
            {
                return Block::Item;
            }
            // An initialiser or a statement, whatever types it names.
            "static" | "let" | "return" | "match" | "if" | "while" | "for" | "loop" => {
                return Block::Other;
            }
            _ => {}
        }
    }
    Block::Other
}

/// Whether `open` opens the variants of an enum. A variant may have a static's name and mean
/// something else.
pub(crate) fn is_enum(source: &Source<'_>, open: usize) -> bool {
    source.at(open) == "{" && outer_idents(source, lead(source, open)).any(|word| word == "enum")
}

/// The block of code in which a name is known that is declared at `index`. `None` means: in the
/// whole file, or beyond it.
///
/// | declared in | the block |
/// | --- | --- |
/// | the body of a function, a loop, an initialiser | that one, the innermost |
/// | `mod`, `impl`, `trait`, or no group at all | none |
/// | the arguments of a macro | that of the call: the macro hands items on |
/// | a branch of `cfg_if! { if … { } }` | that of the call: the branch is no block |
pub(crate) fn scope(source: &Source<'_>, index: usize) -> Option<Range<usize>> {
    let ancestors: Vec<usize> = source.ancestors(index).collect();
    for (depth, open) in ancestors.iter().enumerate() {
        match block(source, *open) {
            Block::Function { .. } => return Some(*open..source.tokens[*open].pair),
            Block::Item | Block::Definition => return None,
            Block::Macro => {}
            Block::Other => {
                // A branch of `cfg_if! { if … { } }` is no block of its own.
                let in_macro = ancestors
                    .get(depth + 1)
                    .is_some_and(|outer| block(source, *outer) == Block::Macro);
                if source.at(*open) == "{" && !in_macro {
                    return Some(*open..source.tokens[*open].pair);
                }
            }
        }
    }
    None
}

/// What makes the compiler evaluate the expression at `index`; `None` if the program does.
///
/// This matters because an address that the compiler needs cannot be the host's: it does not exist
/// yet. `static A: &AtomicU8 = &X;` is evaluated by the compiler, and
/// `static A: Lazy<u8> = Lazy::new(|| X.load());` is too, but for the closure.
///
/// The answer is the index of a token: of the keyword of the constant or static whose initialiser
/// holds the expression, or of the opening brace of a `const fn`. A closure in an initialiser runs
/// later, so the compiler does not evaluate its body.
pub(crate) fn constant(source: &Source<'_>, index: usize) -> Option<usize> {
    let mut current = index;
    loop {
        let parent = source.tokens[current].parent;
        let in_braces = parent.is_none_or(|open| source.at(open) == "{");
        let stop = parent.map_or(0, |open| open + 1);
        let mut at = current;
        while at > stop {
            let before = at - 1;
            match (source.tokens[before].kind, source.at(before)) {
                (Kind::Close, "}") if in_braces => break,
                (Kind::Punct, ";") if in_braces => break,
                (Kind::Close, _) => at = source.tokens[before].pair,
                // A closure's parameters: what follows runs later.
                (Kind::Punct, "|") => return None,
                (Kind::Ident, "const") if at == current && source.at(current) == "{" => {
                    return Some(before);
                }
                (Kind::Ident, "static" | "const") => {
                    let name = at + usize::from(["mut", "ref"].contains(&source.at(at)));
                    let is_item = source.tokens[name].kind == Kind::Ident
                        && source.at(name + 1) == ":"
                        && name < current;
                    if is_item {
                        return (!in_lazy_macro(source, before)).then_some(before);
                    }
                    at = before;
                }
                _ => at = before,
            }
        }
        let open = parent?;
        match block(source, open) {
            Block::Function { is_const } => return is_const.then_some(open),
            Block::Item | Block::Definition => return None,
            Block::Macro | Block::Other => {}
        }
        current = open;
    }
}

/// Whether a declaration stands in a macro whose initialisers run at the first use, so that the
/// program evaluates them: `thread_local!` and `lazy_static!`, or one whose name ends so.
fn in_lazy_macro(source: &Source<'_>, index: usize) -> bool {
    source.ancestors(index).any(|open| {
        source.macro_call(open).is_some_and(|path| {
            ["thread_local", "lazy_static"]
                .iter()
                .any(|name| path.ends_with(name))
        })
    })
}

/// Whether `index` stands in the pattern of a `macro_rules!` rule, before its `=>`.
pub(crate) fn in_matcher(source: &Source<'_>, index: usize) -> bool {
    source.ancestors(index).any(|open| is_matcher(source, open))
}

/// Whether `open` opens such a pattern.
fn is_matcher(source: &Source<'_>, open: usize) -> bool {
    let close = source.tokens[open].pair;
    source.is_joint(close + 1, "=>")
        && source.tokens[open]
            .parent
            .is_some_and(|outer| source.macro_definition(outer).is_some())
}

/// Whether `index` stands in an attribute, an outer or an inner one. Names in it are the
/// attribute's business.
pub(crate) fn in_attribute(source: &Source<'_>, index: usize) -> bool {
    source.ancestors(index).any(|open| {
        source.at(open) == "["
            && (source.before(open, 1) == "#"
                || source.before(open, 1) == "!" && source.before(open, 2) == "#")
    })
}

/// The `use` items of a file, each from its keyword to before its `;`.
pub(crate) fn uses(source: &Source<'_>) -> Vec<Range<usize>> {
    (0..source.tokens.len())
        .filter(|index| source.is_ident(*index, "use") && !in_attribute(source, *index))
        .filter_map(|index| Some(index..source.end_of_item(index)?))
        .collect()
}

/// Where the item whose keyword stands at `index` begins: its first attribute, or else its
/// visibility, or the keyword itself.
pub(crate) fn start_of_item(source: &Source<'_>, index: usize) -> usize {
    lead(source, index).start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(source: &Source<'_>, name: &str) -> usize {
        (0..source.tokens.len())
            .find(|index| source.is_ident(*index, name))
            .unwrap()
    }

    #[test]
    fn constants_are_told_from_code() {
        for (text, constant) in [
            ("static A: &u8 = &X;", true),
            (
                "const A: [Foo; 2] = [Foo { a: 1 }, Foo { a: f(&X) }];",
                true,
            ),
            ("static A: Lazy<u8> = Lazy::new(|| X.load());", false),
            (
                "static A: Lazy<u8> = Lazy::new(move || { let a = 1; X.load() });",
                false,
            ),
            ("fn f() { let a: u8 = 1; X.load() }", false),
            ("const fn f() -> &'static u8 { &X }", true),
            ("pub const unsafe fn f() -> &'static u8 { &X }", true),
            ("thread_local! { static A: u8 = X.next(); }", false),
            ("fn f() { static A: u8 = 1; g(X) }", false),
            ("fn f() { const { X } }", true),
            ("impl A { const B: &u8 = &X; }", true),
            ("impl A { const B: u8 = 1; fn f() { X } }", false),
            ("static A: u8 = 1; mod m { fn g() { X } }", false),
        ] {
            let source = Source::parse(text).unwrap();
            let found = super::constant(&source, find(&source, "X"));
            assert_eq!(found.is_some(), constant, "{text}");
        }
    }

    #[test]
    fn scopes_are_blocks_of_functions() {
        for (text, scoped) in [
            ("static X: u8 = 1;", None),
            ("mod a { static X: u8 = 1; }", None),
            (
                "cfg_if! { if #[cfg(a)] { static X: u8 = 1; } else { } }",
                None,
            ),
            ("fn f() { static X: u8 = 1; }", Some("f")),
            ("fn f() { loop { static X: u8 = 1; } }", Some("loop")),
            ("const _: () = { static X: u8 = 1; };", Some("=")),
            ("cfg_rt! { fn f() { static X: u8 = 1; } }", Some("f")),
            (
                "impl A { fn f() where A: B { static X: u8 = 1; } }",
                Some("B"),
            ),
        ] {
            let source = Source::parse(text).unwrap();
            let found = scope(&source, find(&source, "static"));
            let named = found.map(|range| {
                let mut at = range.start - 1;
                if source.at(at) == ")" {
                    at = source.tokens[at].pair - 1;
                }
                source.at(at)
            });
            assert_eq!(named, scoped, "{text}");
        }
    }
}
