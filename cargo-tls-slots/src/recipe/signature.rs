//! Reads a function's signature off its tokens, for `[[on_host]]`.
//!
//! The edit puts one macro call at the start of a function's body. In an image that is not the
//! host, the macro calls the host's copy of the function instead, through a process-wide key that
//! holds a function pointer. The key needs a type, so the signature is turned into that of a
//! function pointer: without parameter names, with the receiver spelled out, and with `Self` named.
//!
//! | the function, in `impl T` | the pointer's type | the arguments |
//! | --- | --- | --- |
//! | `fn a(&self, mut x: u8) -> Option<Self>` | `fn(&T, u8) -> Option<T>` | `self, x` |
//! | `fn b<'a>(self: Arc<Self>, x: &'a u8)` | `for<'a> fn(Arc<T>, &'a u8)` | `self, x` |
//! | `unsafe extern "C" fn c() -> !` | `unsafe extern "C" fn() -> !` | |
//! | `async fn`, `const fn`, generics, `impl Trait` | none: an error | |
//!
//! Types are copied as they are written. They mean the same in the body of the function, where the
//! pointer's type is going to stand.

use std::ops::Range;

use crate::source::tokens::{Kind, Source};

/// Where and how to call the host's copy of a function.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HostCall {
    /// The byte offset just behind the body's opening brace.
    pub(super) at: usize,
    /// The blanks that the function's line starts with.
    pub(super) indentation: String,
    /// The function pointer type.
    pub(super) pointer: String,
    /// The names of the arguments.
    pub(super) arguments: Vec<String>,
}

/// Finds `function` (or `Type::method`) in `source`.
///
/// # Errors
///
/// The end of a sentence that starts with the function's name: the function is there more than
/// once, or no function pointer can point to it.
pub(super) fn find(source: &Source<'_>, function: &str) -> Result<Option<HostCall>, String> {
    let (owner, name) = match function.rsplit_once("::") {
        Some((owner, name)) => (Some(owner), name),
        None => (None, function),
    };
    let found: Vec<usize> = (0..source.tokens.len())
        .filter(|index| {
            source.is_ident(*index, "fn")
                && source.is_ident(index + 1, name)
                && owner_of(source, *index).as_deref() == owner
        })
        .collect();
    match found[..] {
        [] => Ok(None),
        [index] => read(source, index, owner).map(Some),
        _ => Err(format!("is there {} times, not once", found.len())),
    }
}

/// The type whose `impl` block a token stands directly in, without blanks: for the function of
/// `impl<T: Into<u8>> Wake for A<T> where …` that is `A<T>`.
///
/// `None` means a free function. A trait's own block counts as a type named `trait`, which no type
/// can be, so its methods are never found: they have no body to begin with.
fn owner_of(source: &Source<'_>, index: usize) -> Option<String> {
    let open = source.tokens[index].parent?;
    if source.at(open) != "{" {
        return None;
    }
    // Back to the start of the item whose block this is.
    let mut header = Vec::new();
    let mut at = open;
    while at > 0 {
        at -= 1;
        let token = &source.tokens[at];
        match (token.kind, source.at(at)) {
            (Kind::Open | Kind::Doc, _) | (_, ";" | "}") => break,
            (Kind::Close, _) => {
                let group = token.pair..at + 1;
                header.extend(group.clone().rev());
                at = group.start;
            }
            _ => header.push(at),
        }
    }
    header.reverse();
    let words: Vec<&str> = header.iter().map(|index| source.at(*index)).collect();
    let keyword = words
        .iter()
        .position(|word| matches!(*word, "impl" | "trait" | "mod" | "fn"))?;
    let mut words = match words[keyword] {
        "impl" => &words[keyword + 1..],
        "trait" => return Some("trait".to_owned()),
        _ => return None,
    };
    if words.first() == Some(&"<") {
        let mut depth = 0;
        let end = words.iter().position(|word| {
            depth += i32::from(*word == "<") - i32::from(*word == ">");
            depth == 0
        })?;
        words = &words[end + 1..];
    }
    if let Some(end) = words.iter().position(|word| *word == "where") {
        words = &words[..end];
    }
    if let Some(at) = words.iter().position(|word| *word == "for") {
        words = &words[at + 1..];
    }
    Some(words.concat())
}

/// Reads the signature of the function whose `fn` is at `keyword`, in the `impl` of `owner`.
///
/// # Errors
///
/// As [`find`]: the end of a sentence about the function.
fn read(source: &Source<'_>, keyword: usize, owner: Option<&str>) -> Result<HostCall, String> {
    let qualifiers = qualifiers(source, keyword)?;
    let mut at = keyword + 2;

    // `<'a, 'b: 'a>`
    let mut lifetimes = String::new();
    if source.at(at) == "<" {
        let end = end_of_angles(source, at);
        let generics = at + 1..end - 1;
        for parameter in source.split_at_commas(generics.clone()) {
            if source.tokens[parameter.start].kind != Kind::Lifetime {
                return Err("is generic, and a function pointer cannot be".to_owned());
            }
        }
        lifetimes = format!("for<{}> ", slice(source, generics, owner));
        at = end;
    }

    if source.at(at) != "(" {
        return Err("has no parameter list that can be read".to_owned());
    }
    let mut types = Vec::new();
    let mut arguments = Vec::new();
    for parameter in source.split_at_commas(at + 1..source.tokens[at].pair) {
        let (name, kind) = read_parameter(source, parameter, owner)?;
        arguments.push(name);
        types.push(kind);
    }
    at = source.tokens[at].pair + 1;

    // `-> R where … {`: the body is the first brace outside of everything else.
    let mut body = at;
    while body < source.tokens.len() && source.at(body) != "{" {
        if source.at(body) == ";" {
            return Err("has no body".to_owned());
        }
        body = match source.tokens[body].kind {
            Kind::Open => source.tokens[body].pair + 1,
            _ => body + 1,
        };
    }
    if body == source.tokens.len() {
        return Err("has no body".to_owned());
    }
    let mut pointer = format!("{lifetimes}{qualifiers}fn({})", types.join(", "));
    if source.is_joint(at, "->") {
        let end = (at..body)
            .find(|index| source.is_ident(*index, "where"))
            .unwrap_or(body);
        if source.is_ident(at + 2, "impl") {
            return Err("returns an `impl` type, and a function pointer cannot".to_owned());
        }
        pointer += &format!(" -> {}", slice(source, at + 2..end, owner));
    }
    Ok(HostCall {
        at: source.tokens[body].range.end,
        indentation: source
            .indentation(source.tokens[keyword].range.start)
            .to_owned(),
        pointer,
        arguments,
    })
}

/// `unsafe extern "C" `, as far as it stands before `fn`. These are part of a pointer's type.
///
/// # Errors
///
/// For `async`, whose return type has no name, and `const`, which the compiler may evaluate.
fn qualifiers(source: &Source<'_>, keyword: usize) -> Result<String, String> {
    let mut start = keyword;
    loop {
        match source.before(start, 1) {
            "async" => return Err("is async; name what it awaits instead".to_owned()),
            "const" => return Err("is const, and a host's function cannot be".to_owned()),
            "unsafe" | "extern" => start -= 1,
            _ if source.before(start, 2) == "extern" => start -= 1,
            _ => break,
        }
    }
    Ok((start..keyword)
        .map(|at| format!("{} ", source.at(at)))
        .collect())
}

/// The argument's name and the parameter's type, for a receiver as well: `&'a mut self` is the
/// argument `self` of the type `&'a mut T`.
///
/// # Errors
///
/// For a pattern, which has no name to pass on, and for `impl Trait`, which has no type.
fn read_parameter(
    source: &Source<'_>,
    mut range: Range<usize>,
    owner: Option<&str>,
) -> Result<(String, String), String> {
    while source.at(range.start) == "#" {
        range.start = source.tokens[range.start + 1].pair + 1;
    }
    let whole = range.clone();
    // `self`, `&self`, `&'a mut self`: the type is what stands before `self`, and `Self`.
    if source.is_ident(range.end - 1, "self") {
        let owner = owner.ok_or("has a receiver but no type")?;
        let prefix = match source.at(whole.start) {
            "&" => format!("{} ", slice(source, whole.start..whole.end - 1, None)),
            _ => String::new(),
        };
        return Ok(("self".to_owned(), prefix.replace("& ", "&") + owner));
    }
    if source.is_ident(range.start, "mut") {
        range.start += 1;
    }
    let name = source.at(range.start);
    if source.tokens[range.start].kind != Kind::Ident
        || source.at(range.start + 1) != ":"
        || source.is_joint(range.start + 1, "::")
    {
        let text = slice(source, whole, None);
        return Err(format!("has a parameter without a plain name, `{text}`"));
    }
    if source.is_ident(range.start + 2, "impl") {
        return Err("is generic (`impl` parameter), and a function pointer cannot be".to_owned());
    }
    let kind = slice(source, range.start + 2..range.end, owner);
    Ok((name.to_owned(), kind))
}

/// The text of some tokens on one line, with `Self` named if there is an owner.
///
/// Tokens that stood apart get one blank between them, whatever stood there. So a list that was
/// broken over lines becomes one line, and its comments go.
fn slice(source: &Source<'_>, range: Range<usize>, owner: Option<&str>) -> String {
    let mut text = String::new();
    let mut end = None;
    for index in range {
        let place = source.tokens[index].range.clone();
        if end.is_some_and(|end| end != place.start) {
            text.push(' ');
        }
        text += match (source.at(index), owner) {
            ("Self", Some(owner)) => owner,
            (token, _) => token,
        };
        end = Some(place.end);
    }
    // What a list that was broken over lines leaves. The last comma stays: `(u8,)` needs it.
    for (broken, whole) in [("( ", "("), ("< ", "<"), (" )", ")"), (" >", ">")] {
        text = text.replace(broken, whole);
    }
    text
}

/// The index behind the `>` that closes the `<` at `open`. Groups are skipped, and the `>` of an
/// arrow closes nothing.
fn end_of_angles(source: &Source<'_>, open: usize) -> usize {
    let mut depth = 0;
    let mut at = open;
    while at < source.tokens.len() {
        if source.tokens[at].kind == Kind::Open {
            at = source.tokens[at].pair;
        } else if source.is_joint(at, "->") {
            at += 1;
        } else if source.at(at) == "<" {
            depth += 1;
        } else if source.at(at) == ">" {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str, function: &str) -> Result<(String, String), String> {
        let source = Source::parse(text).unwrap();
        let found = find(&source, function)?.ok_or("is not there")?;
        Ok((found.pointer, found.arguments.join(", ")))
    }

    fn ok(text: &str, function: &str) -> (String, String) {
        call(text, function).unwrap()
    }

    fn pair(pointer: &str, arguments: &str) -> (String, String) {
        (pointer.to_owned(), arguments.to_owned())
    }

    #[test]
    fn a_free_function() {
        assert_eq!(ok("fn f() {}", "f"), pair("fn()", ""));
        assert_eq!(
            ok(
                "pub(super) fn f(a: A, mut b: Vec<(u8, B<C>)>,) -> io::Result<()> {}",
                "f"
            ),
            pair("fn(A, Vec<(u8, B<C>)>) -> io::Result<()>", "a, b")
        );
    }

    #[test]
    fn receivers_are_spelled_out() {
        let text = "impl T { fn a(self) {} fn b(&self) {} fn c(&mut self, x: &Self) -> Option<Self> {} \
                    fn d<'a>(&'a self) -> &'a u8 {} fn e(mut self) {} fn g(self: Arc<Self>) {} }";
        assert_eq!(ok(text, "T::a"), pair("fn(T)", "self"));
        assert_eq!(ok(text, "T::b"), pair("fn(&T)", "self"));
        assert_eq!(
            ok(text, "T::c"),
            pair("fn(&mut T, &T) -> Option<T>", "self, x")
        );
        assert_eq!(
            ok(text, "T::d"),
            pair("for<'a> fn(&'a T) -> &'a u8", "self")
        );
        assert_eq!(ok(text, "T::e"), pair("fn(T)", "self"));
        assert_eq!(ok(text, "T::g"), pair("fn(Arc<T>)", "self"));
    }

    #[test]
    fn qualifiers_stay() {
        assert_eq!(
            ok("unsafe extern \"C\" fn f(a: *const ()) -> ! {}", "f"),
            pair("unsafe extern \"C\" fn(*const ()) -> !", "a")
        );
        assert_eq!(ok("pub unsafe fn f() {}", "f"), pair("unsafe fn()", ""));
        assert!(call("async fn f() {}", "f").unwrap_err().contains("async"));
        assert!(call("const fn f() {}", "f").unwrap_err().contains("const"));
    }

    #[test]
    fn function_types_and_arrows_do_not_confuse_it() {
        assert_eq!(
            ok(
                "fn f(g: Box<dyn Fn(u8, u8) -> Vec<u8>>, h: fn(u8) -> u8) -> Box<dyn Fn() -> u8> where u8: Copy {}",
                "f"
            ),
            pair(
                "fn(Box<dyn Fn(u8, u8) -> Vec<u8>>, fn(u8) -> u8) -> Box<dyn Fn() -> u8>",
                "g, h"
            )
        );
    }

    #[test]
    fn broken_lines_become_one() {
        assert_eq!(
            ok(
                "fn f(\n  a: Result<\n    u8,\n    u8,\n  >,\n) -> (\n  u8,\n) {}",
                "f"
            ),
            pair("fn(Result<u8, u8,>) -> (u8,)", "a")
        );
    }

    #[test]
    fn generic_functions_are_refused() {
        for text in [
            "fn f<T>(a: T) {}",
            "fn f(a: impl Copy) {}",
            "fn f() -> impl Copy {}",
        ] {
            assert!(
                call(text, "f")
                    .unwrap_err()
                    .contains("function pointer cannot")
            );
        }
    }

    #[test]
    fn patterns_are_refused() {
        let error = call("fn f((a, b): (u8, u8)) {}", "f").unwrap_err();
        assert_eq!(
            error,
            "has a parameter without a plain name, `(a, b): (u8, u8)`"
        );
    }

    #[test]
    fn owners_are_told_apart() {
        let text = "cfg_x! { impl<T: Into<u8>> A<T> where T: Fn(u8) { fn f(a: u8) {} } \
                    impl Wake for B { fn f(b: u8) {} } mod m { fn f(c: u8) { fn g(d: u8) {} } } \
                    trait D { fn f(e: u8); } impl E { fn h() { fn g2(f: u8) {} } } }";
        assert_eq!(ok(text, "A<T>::f").1, "a");
        assert_eq!(ok(text, "B::f").1, "b");
        assert_eq!(ok(text, "f").1, "c");
        assert_eq!(ok(text, "g").1, "d");
        assert_eq!(ok(text, "g2").1, "f");
        assert_eq!(call(text, "D::f").unwrap_err(), "is not there");
        assert_eq!(
            call("fn f(){} mod a {fn f(){}}", "f").unwrap_err(),
            "is there 2 times, not once"
        );
    }
}
