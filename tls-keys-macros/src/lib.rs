//! What a crate was compiled from, in a few bytes that two images can compare.
//!
//! # The problem
//!
//! Host and module share the values of a key that is declared in a crate of the user's own. Nothing
//! says that both were built from the same sources of that crate: a version changes when its author
//! thinks of it, and the compiler gives no image a name for the *contents* of a crate. `TypeId`, a
//! symbol's hash and `-C metadata` follow names and paths. A `const fn` over `include_bytes!`
//! cannot name the files, as `file!()` starts at a folder that no macro knows.
//!
//! # The way
//!
//! A procedural macro runs inside of the compiler and knows its arguments. So it knows the file
//! that is compiled, follows the `mod`s from there, and takes a digest of the tokens of all these
//! files. Comments, documentation, line breaks and unit tests do not count, and no path does: the
//! digest is the same in two workspaces, on two machines, and with `--remap-path-prefix`, unless a
//! build script of the crate writes times or paths into files of Rust.
//!
//! # How it fits
//!
//! | file | what |
//! | --- | --- |
//! | `lib.rs` | the macro, and what it expands to |
//! | `compilation.rs` | which file is compiled, with which cfgs |
//! | `walk.rs` | the tokens of this file and of the files below it |
//! | `digest.rs` | the hash |
//!
//! `__key_record!` of tls-keys puts the result into the record of each key. `compare` of
//! `tls-slots-manifest` compares it. A forked crate needs none of it, as its own record has a
//! digest of the fork's sources.

mod compilation;
mod digest;
mod walk;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use proc_macro::{Literal, TokenStream, TokenTree};

use compilation::Compilation;
use walk::Sources;

/// Expands to `("…", &[("…", true), …])`: a digest of the sources of the crate that is compiled, in
/// hexadecimal digits, and the features and cfgs that these sources ask for and that are set. Of
/// debug assertions it says whether they are on.
///
/// Both are empty in a forked crate, and where the compiler does not say what is compiled.
#[doc(hidden)]
#[proc_macro]
pub fn sources(_: TokenStream) -> TokenStream {
    Found::of_this_crate().expand()
}

fn literal(text: &str) -> String {
    TokenTree::from(Literal::string(text)).to_string()
}

/// What one crate came to.
struct Found {
    digest: String,
    /// The cfgs that are set and that the sources ask for.
    cfgs: Vec<String>,
    /// Whether the sources ask for debug assertions. The macro's caller knows whether they are on.
    debug_assertions: bool,
    /// The files that were read. The compiler must know: a file that no `cfg` lets in is none of
    /// its own.
    files: Vec<String>,
}

impl Found {
    /// A compiler compiles one crate, so it is found once.
    fn of_this_crate() -> &'static Self {
        static FOUND: OnceLock<Found> = OnceLock::new();
        FOUND.get_or_init(|| {
            Self::new().unwrap_or(Self {
                digest: String::new(),
                cfgs: Vec::new(),
                debug_assertions: false,
                files: Vec::new(),
            })
        })
    }

    fn new() -> Option<Self> {
        let compilation = Compilation::running()?;
        if compilation.is_fork() {
            return None;
        }
        let sources = Sources::read(&compilation.root)?;
        let set = compilation.cfgs.iter();
        let asked = set.filter(|cfg| sources.ask_for(cfg.word()));
        let mut cfgs: Vec<String> = asked.map(|cfg| cfg.text.clone()).collect();
        // Which features the target has, the record of tls-keys says.
        let of_target = "target_feature";
        cfgs.extend(sources.ask_for(of_target).then(|| of_target.to_owned()));
        Some(Self {
            digest: format!("{:032x}", sources.digest),
            cfgs,
            debug_assertions: sources.ask_for("debug_assertions"),
            files: sources.files,
        })
    }

    /// A constant expression: the digest, and the cfgs. The compiler takes each file for a source
    /// of the crate, and cargo builds the crate again when one changes.
    fn expand(&self) -> TokenStream {
        /// A crate may have many keys, and one of them is enough to name its files.
        static NAMED: AtomicBool = AtomicBool::new(false);
        let mut code = String::from("{");
        if !NAMED.swap(true, Ordering::Relaxed) {
            for file in &self.files {
                let file = literal(file);
                code += &format!("const _: &[u8] = ::core::include_bytes!({file});");
            }
        }
        code += &format!("({}, &[", literal(&self.digest));
        for cfg in &self.cfgs {
            code += &format!("({}, true),", literal(cfg));
        }
        if self.debug_assertions {
            code += "(\"debug_assertions\", ::core::cfg!(debug_assertions)),";
        }
        code += "]) }";
        code.parse().expect("it is Rust")
    }
}
