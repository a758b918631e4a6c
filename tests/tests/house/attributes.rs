//! What attributes tell: which code only exists in tests, and where a Rust module's file is.

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, ImplItem, Item, Lit, Meta, MetaList, Stmt, Token, TraitItem};

/// Whether code only exists when tests are compiled: `#[test]`, `#[cfg(test)]`, or
/// `#[cfg(all(test, …))]`. All other cfgs count as on.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => list.path.is_ident("cfg") && inner(list).iter().any(asks_for_test),
        Meta::NameValue(_) => false,
    })
}

fn asks_for_test(predicate: &Meta) -> bool {
    match predicate {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => list.path.is_ident("all") && inner(list).iter().any(asks_for_test),
        Meta::NameValue(_) => false,
    }
}

/// The files that `#[path = "…"]` and `#[cfg_attr(…, path = "…")]` name.
pub(crate) fn paths(attributes: &[Attribute]) -> Vec<String> {
    let metas = attributes
        .iter()
        .flat_map(|attribute| match &attribute.meta {
            Meta::List(list) if list.path.is_ident("cfg_attr") => inner(list),
            other => vec![other.clone()],
        });
    let mut paths = Vec::new();
    for meta in metas {
        if let Meta::NameValue(meta) = &meta
            && meta.path.is_ident("path")
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(path),
                ..
            }) = &meta.value
        {
            paths.push(path.value());
        }
    }
    paths
}

/// Whether an item has an attribute of one word, such as `macro_use`.
pub(crate) fn has(attributes: &[Attribute], word: &str) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.path().is_ident(word))
}

/// What stands between an attribute's parentheses; empty where that is no list of attributes.
fn inner(list: &MetaList) -> Vec<Meta> {
    let parsed = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    parsed.map_or_else(|_| Vec::new(), |metas| metas.into_iter().collect())
}

/// The attributes of an item.
pub(crate) fn of_item(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The attributes of an item of an `impl` block.
pub(crate) fn of_impl_item(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        _ => &[],
    }
}

/// The attributes of an item of a trait.
pub(crate) fn of_trait_item(item: &TraitItem) -> &[Attribute] {
    match item {
        TraitItem::Const(item) => &item.attrs,
        TraitItem::Fn(item) => &item.attrs,
        TraitItem::Macro(item) => &item.attrs,
        TraitItem::Type(item) => &item.attrs,
        _ => &[],
    }
}

/// The attributes of a statement that is no item.
pub(crate) fn of_statement(statement: &Stmt) -> &[Attribute] {
    match statement {
        Stmt::Local(statement) => &statement.attrs,
        Stmt::Macro(statement) => &statement.attrs,
        Stmt::Expr(Expr::Block(block), _) => &block.attrs,
        _ => &[],
    }
}
