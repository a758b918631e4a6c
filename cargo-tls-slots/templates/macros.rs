//! The attribute that takes the place of `#[test]` and `#[tokio::test]` in a conformance module.
//!
//! A `cdylib` is not built with `--test`, so both attributes would make their function disappear.
//! This one keeps the function as it is and registers it. An `async fn` is what `#[tokio::test]`
//! would have run: its arguments say on which runtime of the host.

use proc_macro::{Delimiter, TokenStream, TokenTree};

/// Registers a test.
///
/// `#[should_panic]` and `#[ignore]` are taken away and noted: without the built-in attribute,
/// nobody would look at them. Other attributes stay with the function.
///
/// The test is registered by a constructor of the module, so the list needs no build script and no
/// knowledge of the files: whatever was compiled is in it.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = item.into_iter().collect();
    let mut kept = Vec::new();
    let mut should_panic = "None".to_owned();
    let mut ignored = false;
    let mut at = 0;
    // Attributes come first; `#[cfg]` and `#[cfg_attr]` are gone by now.
    while let (Some(TokenTree::Punct(hash)), Some(TokenTree::Group(group))) =
        (tokens.get(at), tokens.get(at + 1))
    {
        if hash.as_char() != '#' || group.delimiter() != Delimiter::Bracket {
            break;
        }
        let mut content = group.stream().into_iter();
        match content.next().map(|name| name.to_string()).as_deref() {
            Some("should_panic") => {
                let expected = literal(content.collect()).unwrap_or_else(|| "\"\"".to_owned());
                should_panic = format!("Some({expected})");
            }
            Some("ignore") => ignored = true,
            _ => kept.extend(tokens[at..at + 2].iter().cloned()),
        }
        at += 2;
    }
    let word = |index: usize| {
        tokens
            .get(index)
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let function = (at..tokens.len()).find(|index| word(*index) == "fn");
    let Some(function) = function else {
        return "compile_error!(\"a test is a function\");".parse().unwrap();
    };
    let name = word(function + 1);
    let is_async = (at..function).any(|index| word(index) == "async");
    let make = if is_async { "future" } else { "call" };
    let args = args.to_string();
    let registration = format!(
        "const _: () = {{
            use crate::conformance_support as support;
            fn body() -> support::Body {{ support::Body::{make}({name}) }}
            static TEST: support::Test = support::Test {{
                module: ::core::module_path!(),
                name: \"{bare}\",
                is_async: {is_async},
                args: {args:?},
                ignored: {ignored},
                should_panic: {should_panic},
                body,
                next: support::NEXT,
            }};
            extern \"C\" fn register() {{ support::register(&TEST) }}
            #[used]
            #[cfg_attr(target_vendor = \"apple\", link_section = \"__DATA,__mod_init_func\")]
            #[cfg_attr(windows, link_section = \".CRT$XCU\")]
            #[cfg_attr(not(any(windows, target_vendor = \"apple\")), link_section = \".init_array\")]
            static REGISTER: extern \"C\" fn() = register;
        }};",
        bare = name.trim_start_matches("r#"),
    );
    let mut output: TokenStream = kept
        .into_iter()
        .chain(tokens[at..].iter().cloned())
        .collect();
    output.extend(registration.parse::<TokenStream>().unwrap());
    output
}

/// The string of `= "…"` or `(expected = "…")`.
fn literal(tokens: Vec<TokenTree>) -> Option<String> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Literal(literal) => Some(literal.to_string()),
        TokenTree::Group(group) => literal(group.stream().into_iter().collect()),
        _ => None,
    })
}
