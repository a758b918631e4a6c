//! Steps that all edits of a `Cargo.toml` are made of.
//!
//! `toml_edit` keeps comments, blanks and order. The errors are ends of a sentence whose subject is
//! the file: `has a [workspace] already`.

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

/// Reads a `Cargo.toml`.
///
/// # Errors
///
/// `is no TOML`, and where.
pub(super) fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse()
        .map_err(|error: toml_edit::TomlError| format!("is no TOML: {}", error.message()))
}

/// The table at `key`, which is made if it is not there.
///
/// # Errors
///
/// If something else is there.
pub(super) fn table<'a>(
    parent: &'a mut dyn TableLike,
    key: &str,
) -> Result<&'a mut dyn TableLike, String> {
    parent
        .entry(key)
        .or_insert(Item::Table(Table::new()))
        .as_table_like_mut()
        .ok_or_else(|| format!("has a `{key}` that is no table"))
}

/// The text of a `Cargo.toml` that is made the root of a workspace of its own.
///
/// cargo takes the workspace of a folder above for the crate's otherwise, and the types of a path
/// dependency inside a workspace have other `TypeId`s than those of one outside.
pub(super) fn with_own_workspace(mut cargo_toml: DocumentMut) -> String {
    let mut workspace = Table::new();
    workspace.decor_mut().set_prefix(
        "\n# A workspace of its own: its types are then the same in whichever project builds it.\n",
    );
    cargo_toml.insert("workspace", Item::Table(workspace));
    cargo_toml.to_string()
}

/// A value of a recipe as a value of a `Cargo.toml`.
///
/// # Errors
///
/// If it is a table, a float or a date: no key of a dependency has one.
pub(super) fn value(value: &toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Array(list) => {
            let values = list.iter().map(self::value);
            values.collect::<Result<Array, _>>()?.into()
        }
        other => return Err(format!("cannot take {other} as a dependency's key")),
    })
}
