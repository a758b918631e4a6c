//! `[[wakers]]`: what the library keeps of a waker goes through the seam.
//!
//! A waker that is kept may outlive the module whose code it is. So each clone of a waker becomes a
//! call of a function of ours, in all files, and no entry names the places:
//!
//! | in the source | becomes |
//! | --- | --- |
//! | `cx.waker().clone()` | `crate::external_tls::keep_waker(&cx.waker())` |
//! | `kept.clone_from(cx.waker())` | `crate::external_tls::keep_waker_from(&mut *kept, cx.waker())` |
//! | `kept.will_wake(waker)` | `crate::external_tls::will_wake(&kept, waker)` |
//!
//! A waker is known by its name: it is called `waker`, or something that ends so, or is what a
//! method of that name returns. A clone under another name would go unnoticed. So the entry also
//! says which types have a waker among their fields, and any other such type is an error: somebody
//! has to look how the waker comes there.
//!
//! ```toml
//! [[wakers]]
//! file = "src/**"
//! kept-in = ["src/sync/notify.rs: Waiter"]
//! not-wakers = ["trailer"]
//! reason = "…"
//! ```

use serde::Deserialize;

use super::kind::{EditEntry, Entry};
use crate::recipe::about::About;
use crate::recipe::alternatives::InFile;
use crate::recipe::count::Misfit;
use crate::source::edit::Edit;
use crate::source::library::{File, Library};
use crate::source::tokens::{Kind, Source};

/// All clones of wakers in the library.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Wakers {
    /// Its reason, and its files: always all.
    #[serde(flatten)]
    pub(crate) about: About,
    /// The types that have a waker among their fields, each after its file. A release may be
    /// without some of them.
    pub(crate) kept_in: Vec<String>,
    /// What has a method `will_wake` of its own.
    #[serde(default)]
    pub(crate) not_wakers: Vec<String>,
}

impl Entry for Wakers {
    fn about(&self) -> &About {
        &self.about
    }
}

impl EditEntry for Wakers {
    fn edits(&self, library: &Library<'_>) -> Result<Vec<InFile>, Misfit> {
        let mut edits = Vec::new();
        let mut unknown = Vec::new();
        for file in library.files {
            let source = &file.source;
            let of_program = (0..source.tokens.len())
                .filter(|at| source.tokens[*at].kind == Kind::Ident)
                .filter(|at| !library.is_test_only(file, *at));
            for at in of_program {
                let pair = self.call(source, at);
                edits.extend(
                    pair.into_iter()
                        .flatten()
                        .map(|edit| (file.path.to_owned(), edit)),
                );
                unknown.extend(self.unknown(file, at));
            }
        }
        let is_absent = edits.is_empty();
        let message = match (is_absent, unknown.is_empty()) {
            (false, true) => return Ok(edits),
            (true, _) => "no waker is cloned in any file".to_owned(),
            (false, false) => unknown.join(", and "),
        };
        Err(Misfit { is_absent, message })
    }
}

impl Wakers {
    /// The two edits by which the call of a waker's method, whose name is the token at `at`,
    /// becomes a call of ours.
    fn call(&self, source: &Source<'_>, at: usize) -> Option<[Edit; 2]> {
        let dot = at.checked_sub(1).filter(|dot| source.at(*dot) == ".")?;
        let open = at + 1;
        if source.at(open) != "(" || dot == 0 {
            return None;
        }
        let close = source.tokens[open].pair;
        let is_waker = |end: usize| named(source, end).is_some_and(is_name_of_waker);
        let (function, receiver, rest) = match source.at(at) {
            "clone" if close == open + 1 && is_waker(dot) => ("keep_waker", "&", ""),
            "clone_from" if is_waker(close) => ("keep_waker_from", "&mut *", ", "),
            "will_wake" if is_waker(close) && !self.is_no_waker(source, dot) => {
                ("will_wake", "&", ", ")
            }
            _ => return None,
        };
        let start = source.tokens[start_of_receiver(source, dot)].range.start;
        let name = source.tokens[dot].range.start..source.tokens[open].range.end;
        Some([
            Edit::insert(start, format!("crate::external_tls::{function}({receiver}")),
            Edit::replace(name, rest),
        ])
    }

    /// Whether what stands before the dot is among `not-wakers`.
    fn is_no_waker(&self, source: &Source<'_>, dot: usize) -> bool {
        named(source, dot).is_some_and(|name| self.not_wakers.iter().any(|one| one == name))
    }

    /// What is wrong with the token at `at`, in half a sentence, if it is the name `Waker`.
    ///
    /// | around the name | |
    /// | --- | --- |
    /// | `Waker::clone` | a clone that no edit can find, as a function that is passed on |
    /// | a field of a type that the entry names | in order |
    /// | a field of another type | a place that nobody has looked at |
    /// | `&Waker`, `*const Waker`, `mio::Waker` | in order: this owns no waker of a future |
    /// | an argument, a result, a variable | in order: what it is made of was cloned elsewhere |
    fn unknown(&self, file: &File<'_>, at: usize) -> Option<String> {
        let source = &file.source;
        let place = || format!("in {}:{}", file.path, source.line_of(at));
        if source.at(at) != "Waker" {
            return None;
        }
        if source.is_joint(at + 1, "::") && source.at(at + 3).starts_with("clone") {
            return Some(format!("`Waker::{}` {}", source.at(at + 3), place()));
        }
        let before = source.before(at, 1);
        // A reference or a raw pointer, which owns no waker.
        let is_borrowed = ["&", "mut", "const"].contains(&before)
            || at > 0 && source.tokens[at - 1].kind == Kind::Lifetime;
        let is_of_another_crate = source.before(at, 3) == "mio";
        if is_borrowed || is_of_another_crate {
            return None;
        }
        let open_type = |open| type_with(source, open);
        let name = source.ancestors(at).find_map(open_type)?;
        let known = format!("{}: {name}", file.path);
        (!self.kept_in.contains(&known)).then(|| {
            format!(
                "`{name}` {} has a waker that the recipe does not know",
                place()
            )
        })
    }
}

/// The last name of an expression that ends before the token at `end`: that of a value, a field or
/// a method. `None` if the expression ends in something else, such as an index.
fn named<'s>(source: &Source<'s>, end: usize) -> Option<&'s str> {
    let mut last = end.checked_sub(1)?;
    if source.at(last) == ")" {
        last = source.tokens[last].pair.checked_sub(1)?;
    }
    (source.tokens[last].kind == Kind::Ident).then(|| source.at(last))
}

/// Whether a name says that it is a waker's: `waker`, `read_waker`.
///
/// What only looks like it does not compile in the fork, and so is noticed: `keep_waker` takes
/// nothing but a waker.
fn is_name_of_waker(name: &str) -> bool {
    name.ends_with("waker")
}

/// The index of the first token of the expression whose method is called at `dot`.
///
/// Goes back over names, calls, indices, `?`, dots and `::`. What stands in front of those, such as
/// `!`, `*` or `&`, is about the method's result, and stays outside.
fn start_of_receiver(source: &Source<'_>, dot: usize) -> usize {
    let mut start = dot;
    loop {
        // One operand, back to front: a name, or groups with perhaps a name in front.
        start -= 1;
        while source.at(start) == "?" {
            start -= 1;
        }
        if source.tokens[start].kind == Kind::Close {
            start = source.tokens[start].pair;
            if start > 0 && source.tokens[start - 1].kind == Kind::Ident {
                start -= 1;
            }
        }
        match start {
            1.. if source.at(start - 1) == "." => start -= 1,
            2.. if source.is_joint(start - 2, "::") => start -= 2,
            _ => return start,
        }
    }
}

/// The name of the `struct`, `enum` or `union` whose fields `open` opens. `None` for other groups,
/// so whoever looks for the type of a field in a variant goes on with the group around.
fn type_with<'s>(source: &Source<'s>, open: usize) -> Option<&'s str> {
    let parent = source.tokens[open].parent;
    let is_before = |at: &usize| {
        source.tokens[*at].parent == parent && ![";", "}", "]"].contains(&source.at(*at))
    };
    let mut head = (0..open).rev().take_while(is_before);
    let keyword = head.find(|at| {
        ["struct", "enum", "union"]
            .iter()
            .any(|keyword| source.is_ident(*at, keyword))
    })?;
    Some(source.at(keyword + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::why::Why;
    use crate::source::edit;
    use crate::source::library;
    use crate::source::tree::Tree;

    fn entry() -> Wakers {
        let why = Why {
            reason: String::new(),
            until: None,
            versions: None,
        };
        Wakers {
            about: About {
                why,
                file: "src/**".to_owned(),
            },
            kept_in: vec!["src/lib.rs: Known".to_owned()],
            not_wakers: vec!["trailer".to_owned()],
        }
    }

    fn applied(text: &str) -> Result<String, String> {
        let tree = Tree::from([("src/lib.rs".to_owned(), text.as_bytes().to_vec())]);
        let (files, _) = library::read(&tree, |_| true);
        let edits = entry().edits(&Library::new(&files));
        let edits = edits.map_err(|misfit| misfit.message)?;
        let edits = edits.into_iter().map(|(_, edit)| edit).collect();
        Ok(edit::apply(text, edits).unwrap())
    }

    #[test]
    fn what_is_kept_goes_through_the_seam() {
        let seam = "crate::external_tls::";
        for (from, to) in [
            ("f(cx.waker().clone())", "f(@keep_waker(&cx.waker()))"),
            ("*a = waker.clone();", "*a = @keep_waker(&waker);"),
            (
                "a::b()?.read_waker.clone()",
                "@keep_waker(&a::b()?.read_waker)",
            ),
            (
                "w.waker.as_mut().unwrap().clone_from(cx.waker());",
                "@keep_waker_from(&mut *w.waker.as_mut().unwrap(), cx.waker());",
            ),
            ("!(*p).will_wake(waker)", "!@will_wake(&(*p), waker)"),
            (
                "{ trailer.will_wake(waker); t.will_wake(cx); waker.clone() }",
                "{ trailer.will_wake(waker); t.will_wake(cx); @keep_waker(&waker) }",
            ),
        ] {
            let [from, to] = [from, to].map(|text| format!("fn f() {{ {text} }}"));
            assert_eq!(applied(&from), Ok(to.replace('@', seam)), "{from}");
        }
    }

    #[test]
    fn a_waker_that_is_kept_in_a_new_way_is_told() {
        let with = |text: &str| applied(&format!("fn f() {{ waker.clone() }} {text}"));
        for known in [
            "struct Known { waker: Option<Waker> }",
            "struct A<'a>(&'a Waker, *mut Waker, mio::Waker);",
            "struct A { f: fn(&Waker) } fn g(waker: Waker) -> Waker { waker }",
            "#[cfg(test)] struct A { waker: Waker }",
        ] {
            with(known).unwrap_or_else(|error| panic!("{known}: {error}"));
        }
        for (new, message) in [
            (
                "struct New { a: u8, b: Vec<Waker> }",
                "`New` in src/lib.rs:1 has a waker",
            ),
            (
                "struct New<T>(T, Waker);",
                "`New` in src/lib.rs:1 has a waker",
            ),
            (
                "m! { enum New { A, B(Waker) } }",
                "`New` in src/lib.rs:1 has a waker",
            ),
            (
                "fn g() { w.map(Waker::clone) }",
                "`Waker::clone` in src/lib.rs:1",
            ),
        ] {
            let error = with(new).expect_err(new);
            assert!(error.contains(message), "{error}");
        }
        assert!(applied("fn f() {}").is_err(), "nothing to do is a mistake");
    }
}
