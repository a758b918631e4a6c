//! Finds every static and every thread-local of a file, at any depth.
//!
//! # The problem
//!
//! A fork promises that no state exists twice. State that the finder misses is state that nobody
//! decides about: each copy of the crate then silently has its own.
//!
//! # The way
//!
//! | in the source | found as |
//! | --- | --- |
//! | `static A: u8 = 1;` anywhere, in any macro | `static A` |
//! | `static mut B: u8 = 1;` | `static mut B` |
//! | `lazy_static! { static ref C: u8 = 1; }` | `static ref C`, in `lazy_static!` |
//! | `thread_local! { static D: u8 = 1; }` | `static D`, in `thread_local!` |
//! | `thread_local! { $($t)* }` | the call itself |
//! | `static $n: $t = $v;` of `macro_rules! m` | `static $n`, in the definition of `m` |
//! | `&'static str`, `static \|\| 1`, doc comments, strings | nothing |
//!
//! The finder rather reports too much than too little. A `static` inside a macro's definition
//! counts, and so does one inside a module of tests. What a declaration *is* (state, a constant,
//! a macro's pattern) is decided by those who ask: an entry of a [recipe](crate::recipe), or the
//! [rule](crate::by_rule).

use super::tokens::{Kind, Source};

/// How a static is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `static NAME: …`, in a thread-local macro or outside of one.
    Plain,
    /// `static mut NAME: …`
    Mut,
    /// `static ref NAME: …`, as in `lazy_static!`.
    Lazy,
    /// A call of a thread-local macro in which no `static` is written out: a macro's definition
    /// that passes its arguments on.
    Call,
}

/// One static, one thread-local, or one call of a macro that makes some.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The token `static`, or the opening delimiter of the call.
    pub(crate) index: usize,
    /// How it is declared.
    pub(crate) form: Form,
    /// The static's name, without `r#` and with the `$` of a macro's parameter; or the path of the
    /// macro with `!`, if the form is [`Form::Call`].
    pub(crate) name: String,
    /// The path of the thread-local or `lazy_static` macro that it stands in, without `!`.
    pub(crate) thread_local: Option<String>,
    /// The name of the `macro_rules!` definition that it stands in.
    pub(crate) definition: Option<String>,
}

impl Found {
    /// The declaration as the source spells it, for a message.
    pub(crate) fn spelling(&self) -> String {
        let name = &self.name;
        match self.form {
            Form::Plain => format!("static {name}"),
            Form::Mut => format!("static mut {name}"),
            Form::Lazy => format!("static ref {name}"),
            Form::Call => name.clone(),
        }
    }
}

/// Everything in `source` that may be state, in the order of the text.
pub(crate) fn find(source: &Source<'_>) -> Vec<Found> {
    let mut all = Vec::new();
    for index in 0..source.tokens.len() {
        if let Some((form, name)) = declaration(source, index) {
            all.push(found(source, index, form, name));
        } else if let Some(path) = thread_local_call(source, index) {
            let written_out = (index..source.tokens[index].pair)
                .any(|inner| declaration(source, inner).is_some());
            if !written_out {
                all.push(found(source, index, Form::Call, format!("{path}!")));
            }
        }
    }
    all
}

/// Looks at what stands around a declaration.
fn found(source: &Source<'_>, index: usize, form: Form, name: String) -> Found {
    Found {
        index,
        form,
        name,
        thread_local: source
            .ancestors(index)
            .find_map(|open| thread_local_call(source, open)),
        definition: source
            .ancestors(index)
            .find_map(|open| source.macro_definition(open))
            .map(str::to_owned),
    }
}

/// The form and name of the static that the token `static` at `index` declares.
///
/// `static || …` and `static move || …` are closures, `'static` is a lifetime.
fn declaration(source: &Source<'_>, index: usize) -> Option<(Form, String)> {
    if !source.is_ident(index, "static") {
        return None;
    }
    let mut at = index + 1;
    let mut form = Form::Plain;
    if source.is_ident(at, "mut") {
        form = Form::Mut;
        at += 1;
    } else if source.is_ident(at, "ref") {
        form = Form::Lazy;
        at += 1;
    }
    let mut name = String::new();
    if source.at(at) == "$" {
        name.push('$');
        at += 1;
    }
    if source.tokens.get(at)?.kind != Kind::Ident {
        return None;
    }
    name.push_str(source.at(at).trim_start_matches("r#"));
    // One colon: `static a::b!{}` is nothing that exists, but `::` is no type either. In a
    // macro's pattern the name is `$name:ident`, and the type comes after it.
    let colon = source.at(at + 1) == ":" && !source.is_joint(at + 1, "::");
    colon.then_some((form, name))
}

/// The path of the call of a thread-local or lazy-static macro that `open` opens.
///
/// A macro counts if its name *ends* so: crates wrap `thread_local!` in macros such as
/// `tokio_thread_local!`, and a name that is not known must be noticed.
fn thread_local_call(source: &Source<'_>, open: usize) -> Option<String> {
    if source.tokens[open].kind != Kind::Open {
        return None;
    }
    let path = source.macro_call(open)?;
    let last = path.rsplit("::").next()?;
    ["thread_local", "lazy_static"]
        .iter()
        .any(|name| last.ends_with(name))
        .then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        find(&Source::parse(text).unwrap())
            .iter()
            .map(|found| {
                let mut line = found.spelling();
                if let Some(path) = &found.thread_local {
                    line += &format!(" in {path}!");
                }
                if let Some(name) = &found.definition {
                    line += &format!(" of {name}");
                }
                line
            })
            .collect()
    }

    #[test]
    fn statics_are_found_at_any_depth() {
        assert_eq!(
            names(
                "cfg_rt! { mod a { fn f() { static A: u8 = 1; } } pub(crate) static mut B: u8 = 2; }"
            ),
            ["static A", "static mut B"]
        );
    }

    #[test]
    fn lifetimes_closures_strings_and_docs_are_no_statics() {
        let text = "/// static A: u8 = 1;\nfn f(x: &'static A) -> impl 'static { \
                    let _ = static || 1; let _ = static move || 2; \"static B: u8\" }";
        assert!(names(text).is_empty());
        assert!(names("struct S { r#static: u8 }").is_empty());
    }

    #[test]
    fn raw_names_lose_their_mark() {
        assert_eq!(names("static r#type: u8 = 1;"), ["static type"]);
    }

    #[test]
    fn thread_locals_name_their_macro() {
        assert_eq!(
            names(
                "std::thread_local! { static A: u8 = 1; static B: u8 = 2; } lazy_static!{static ref C: u8 = 3;}"
            ),
            [
                "static A in std::thread_local!",
                "static B in std::thread_local!",
                "static ref C in lazy_static!"
            ]
        );
    }

    #[test]
    fn macro_definitions_are_told_apart() {
        assert_eq!(
            names(
                "macro_rules! mine { ($v:vis static $n:ident : $t:ty) => { ::std::thread_local! { $v static $n: $t; } }; \
                   ($($t:tt)*) => { ::std::thread_local! { $($t)* } } }"
            ),
            [
                "static $n of mine",
                "static $n in ::std::thread_local! of mine",
                "::std::thread_local! of mine"
            ]
        );
    }
}
