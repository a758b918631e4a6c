//! The `Cargo.toml`s of our own crates, which lie beside the forks.
//!
//! In this repository they inherit versions and lints from the workspace; in a fork folder there is
//! no such workspace.

use toml_edit::Item;

use super::document::{parse, table, with_own_workspace};

/// Makes the `Cargo.toml` of one of our crates stand on its own.
///
/// `workspace` is the text of this repository's root `Cargo.toml`. What the crate inherits from it
/// is written out; what only makes sense inside the repository (lints, tests, examples) is left
/// out.
///
/// # Errors
///
/// The end of a sentence whose subject is the crate's `Cargo.toml`: it is no TOML, it inherits a
/// key that the workspace does not have, or it inherits a dependency.
pub(crate) fn stand_alone(text: &str, workspace: &str) -> Result<String, String> {
    let mut cargo_toml = parse(text)?;
    let workspace = parse(workspace)?;
    let root = cargo_toml.as_table_mut();
    let shared = &workspace["workspace"]["package"];
    let package = table(root, "package")?;
    let inherited: Vec<String> = package
        .iter()
        .filter(|(_, item)| inherits(item))
        .map(|(key, _)| key.to_owned())
        .collect();
    for key in inherited {
        let value = shared
            .get(&key)
            .and_then(Item::as_value)
            .ok_or_else(|| format!("inherits `{key}`, which the workspace does not have"))?;
        package.insert(&key, Item::Value(value.clone().decorated(" ", "")));
    }
    if let Some(dependencies) = root.get("dependencies").and_then(Item::as_table_like)
        && let Some((name, _)) = dependencies.iter().find(|(_, item)| inherits(item))
    {
        return Err(format!("inherits the dependency `{name}`"));
    }
    for key in ["lints", "dev-dependencies", "test", "bench", "example"] {
        root.remove(key);
    }
    Ok(with_own_workspace(cargo_toml))
}

/// Whether a key is `{ workspace = true }`.
fn inherits(item: &Item) -> bool {
    item.as_table_like()
        .and_then(|table| table.get("workspace"))
        .and_then(Item::as_bool)
        == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inherited_keys_are_written_out() {
        let root = "[workspace.package]\nversion = \"0.3.0\"\nedition = \"2024\"\n";
        let text = "[package]\nname = \"a\"\nversion.workspace = true\nedition = { workspace = true }\n\n\
                    [dev-dependencies]\nb = \"1\"\n\n[lints]\nworkspace = true\n";
        let alone: toml::Table = stand_alone(text, root).unwrap().parse().unwrap();
        assert_eq!(alone["package"]["version"].as_str(), Some("0.3.0"));
        assert_eq!(alone["package"]["edition"].as_str(), Some("2024"));
        assert!(!alone.contains_key("lints") && !alone.contains_key("dev-dependencies"));
        let text = "[package]\nname = \"a\"\nlicense.workspace = true\n";
        assert!(stand_alone(text, root).unwrap_err().contains("`license`"));
        let text = "[package]\nname = \"a\"\n[dependencies]\nb.workspace = true\n";
        assert!(
            stand_alone(text, root)
                .unwrap_err()
                .contains("dependency `b`")
        );
    }
}
