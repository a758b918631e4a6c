//! One file's syntax: what it declares, which paths it writes, how long its functions are.
//!
//! A path is kept as it is written, with the inline module that it stands in. What it means is
//! told by [`meaning`](crate::meaning), which knows all files of the crate.

use std::ops::RangeInclusive;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Arm, Block, Field, ImplItem, ImplItemFn, Item, ItemExternCrate, ItemFn, ItemMacro, ItemMod,
    ItemUse, Macro, Path, Signature, Stmt, TraitItem, TraitItemFn, UseTree, Visibility,
};

use crate::attributes;
use crate::tokens;

/// How a path is written, which decides what its first name may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In a `use`: the first name may be a Rust module.
    Use,
    /// A glob in a `use`: the path in front of `*`, which is a Rust module or an enum.
    Glob,
    /// In an expression, a type, a pattern, or a macro's tokens. A single name is no module.
    Path,
    /// The name of a macro that is called.
    Macro,
    /// `$crate::…` in a macro's body. Such a path must be public, so it may have to go through the
    /// crate's root although the thing stands in another file.
    Expansion,
}

/// A path as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Its names. `$crate` is written `crate`.
    pub(crate) names: Vec<String>,
    /// How it is written.
    pub(crate) form: Form,
    /// The line in the file.
    pub(crate) line: usize,
    /// The inline modules around it, outermost first.
    pub(crate) within: Vec<String>,
}

/// A `mod name;` or `mod name { … }`.
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) within: Vec<String>,
    /// Whether it has a file of its own.
    pub(crate) is_file: bool,
    /// Where `#[path]` says that the file is; may be several, by cfg.
    pub(crate) paths: Vec<String>,
    pub(crate) macro_use: bool,
}

/// A name that a `use` or an `extern crate` gives to a path.
pub(crate) struct Import {
    /// The new name; `None` for a glob.
    pub(crate) name: Option<String>,
    pub(crate) path: Written,
}

/// A `macro_rules!`.
pub(crate) struct Defined {
    pub(crate) name: String,
    pub(crate) within: Vec<String>,
    /// `#[macro_export]`: its path is `crate::name`.
    pub(crate) exported: bool,
}

/// A function with a body.
pub(crate) struct Function {
    pub(crate) name: String,
    /// From `fn` to the closing brace.
    pub(crate) lines: RangeInclusive<usize>,
}

/// A file's syntax, without its tests.
#[derive(Default)]
pub(crate) struct Parsed {
    pub(crate) declared: Vec<Declared>,
    pub(crate) imports: Vec<Import>,
    pub(crate) macros: Vec<Defined>,
    pub(crate) written: Vec<Written>,
    pub(crate) functions: Vec<Function>,
    /// Lines that only exist in tests.
    pub(crate) tests: Vec<RangeInclusive<usize>>,
    /// The inline modules around what is visited now.
    within: Vec<String>,
}

impl Parsed {
    /// Parses a file.
    ///
    /// # Errors
    ///
    /// The parser's, with line and column.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let file = syn::parse_file(text).map_err(|error| {
            let at = error.span().start();
            format!("{}:{}: {error}", at.line, at.column + 1)
        })?;
        let mut parsed = Self::default();
        if attributes::is_test(&file.attrs) {
            parsed.tests.push(1..=text.lines().count());
        } else {
            parsed.visit_file(&file);
        }
        Ok(parsed)
    }

    /// Whether a line only exists in tests.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.tests.iter().any(|lines| lines.contains(&line))
    }

    fn write(&mut self, names: Vec<String>, form: Form, span: Span) {
        self.written.push(Written {
            names,
            form,
            line: span.start().line,
            within: self.within.clone(),
        });
    }

    fn function(&mut self, signature: &Signature, body: &Block) {
        self.functions.push(Function {
            name: signature.ident.to_string(),
            lines: signature.fn_token.span.start().line..=body.brace_token.span.close().end().line,
        });
    }

    /// Each leaf of a `use` as a path of its own.
    fn use_tree(&mut self, tree: &UseTree, prefix: &[String]) {
        let with = |name: &proc_macro2::Ident| {
            let mut names = prefix.to_vec();
            // `a::{self}` is `a`.
            if prefix.is_empty() || name != "self" {
                names.push(name.to_string());
            }
            names
        };
        let (name, names, form, span) = match tree {
            UseTree::Path(path) => return self.use_tree(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => {
                return group
                    .items
                    .iter()
                    .for_each(|tree| self.use_tree(tree, prefix));
            }
            UseTree::Glob(glob) => (None, prefix.to_vec(), Form::Glob, glob.span()),
            UseTree::Name(leaf) => {
                let names = with(&leaf.ident);
                (names.last().cloned(), names, Form::Use, leaf.span())
            }
            UseTree::Rename(leaf) => {
                let names = with(&leaf.ident);
                (Some(leaf.rename.to_string()), names, Form::Use, leaf.span())
            }
        };
        self.write(names, form, span);
        let path = self
            .written
            .last()
            .expect("it was written just now")
            .clone();
        self.imports.push(Import { name, path });
    }

    /// Leaves out what only exists in tests.
    fn unless_test(
        &mut self,
        attributes: &[syn::Attribute],
        span: Span,
        otherwise: impl FnOnce(&mut Self),
    ) {
        if attributes::is_test(attributes) {
            self.tests.push(span.start().line..=span.end().line);
        } else {
            otherwise(self);
        }
    }
}

impl<'ast> Visit<'ast> for Parsed {
    fn visit_item(&mut self, item: &'ast Item) {
        self.unless_test(attributes::of_item(item), item.span(), |this| {
            visit::visit_item(this, item);
        });
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        self.unless_test(attributes::of_impl_item(item), item.span(), |this| {
            visit::visit_impl_item(this, item);
        });
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        self.unless_test(attributes::of_trait_item(item), item.span(), |this| {
            visit::visit_trait_item(this, item);
        });
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        self.unless_test(
            attributes::of_statement(statement),
            statement.span(),
            |this| {
                visit::visit_stmt(this, statement);
            },
        );
    }

    fn visit_field(&mut self, field: &'ast Field) {
        self.unless_test(&field.attrs, field.span(), |this| {
            visit::visit_field(this, field)
        });
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        self.unless_test(&arm.attrs, arm.span(), |this| visit::visit_arm(this, arm));
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.declared.push(Declared {
            name: item.ident.to_string(),
            within: self.within.clone(),
            is_file: item.content.is_none(),
            paths: attributes::paths(&item.attrs),
            macro_use: attributes::has(&item.attrs, "macro_use"),
        });
        self.within.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.within.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // `::name` is another crate.
        if item.leading_colon.is_none() {
            self.use_tree(&item.tree, &[]);
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast ItemExternCrate) {
        if let Some((_, name)) = &item.rename {
            let path = Written {
                names: vec![item.ident.to_string()],
                form: Form::Use,
                line: item.span().start().line,
                within: self.within.clone(),
            };
            self.imports.push(Import {
                name: Some(name.to_string()),
                path,
            });
        }
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        if let Some(name) = &item.ident {
            self.macros.push(Defined {
                name: name.to_string(),
                within: self.within.clone(),
                exported: attributes::has(&item.attrs, "macro_export"),
            });
        }
        visit::visit_item_macro(self, item);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        if call.path.leading_colon.is_none() {
            self.write(names(&call.path), Form::Macro, call.path.span());
        }
        for found in tokens::paths(call.tokens.clone()) {
            self.write(found.names, found.form, found.span);
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            self.write(names(path), Form::Path, path.span());
        }
        visit::visit_path(self, path);
    }

    /// `pub(in crate::a)` names a place, and uses nothing of it.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

fn names(path: &Path) -> Vec<String> {
    path.segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect()
}
