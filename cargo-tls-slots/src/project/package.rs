//! The `Cargo.toml` of one package, with what the package inherits from its workspace.
//!
//! cargo's metadata tells this only of the packages of one workspace. A path dependency may belong
//! to another one, and then `metrics.workspace = true` is all that its own file says of `metrics`.

use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;
use toml::{Table, Value};

/// A `Cargo.toml`, and that of the workspace around it.
pub(crate) struct Package {
    /// The file.
    pub(crate) table: Table,
    /// Its folder.
    folder: PathBuf,
    /// The workspace's folder, and its part `[workspace]`.
    workspace: Option<(PathBuf, Table)>,
}

impl Package {
    /// Reads the `Cargo.toml` in a folder. `None` if it cannot be read: cargo says at the build
    /// what is wrong with it.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        let table = read(folder)?;
        let elsewhere = table.get("package").and_then(|it| it.get("workspace"));
        let workspace = match elsewhere.and_then(Value::as_str) {
            Some(path) => workspace(&folder.join(path)),
            None => folder.ancestors().find_map(workspace),
        };
        Some(Package {
            table,
            folder: folder.to_owned(),
            workspace,
        })
    }

    /// The package's name.
    pub(crate) fn name(&self) -> Option<&str> {
        self.table.get("package")?.get("name")?.as_str()
    }

    /// The package's version. `None` if the file does not say one.
    pub(crate) fn version(&self) -> Option<Version> {
        let version = self.table.get("package")?.get("version")?;
        let version = match is_inherited(version) {
            true => self.workspace.as_ref()?.1.get("package")?.get("version")?,
            false => version,
        };
        version.as_str()?.parse().ok()
    }

    /// What is said of the dependency `key`, and the folder that a path in it starts from.
    /// `value` is what the package's own file says.
    pub(crate) fn dependency<'a>(&'a self, key: &str, value: &'a Value) -> (&'a Value, &'a Path) {
        if is_inherited(value)
            && let Some((folder, workspace)) = &self.workspace
            && let Some(value) = workspace.get("dependencies").and_then(|all| all.get(key))
        {
            return (value, folder);
        }
        (value, &self.folder)
    }
}

/// The `Cargo.toml` in a folder.
fn read(folder: &Path) -> Option<Table> {
    let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    toml::from_str(&text).ok()
}

/// The folder and its part `[workspace]`, if it is the root of a workspace.
fn workspace(folder: &Path) -> Option<(PathBuf, Table)> {
    match read(folder)?.remove("workspace")? {
        Value::Table(workspace) => Some((folder.to_owned(), workspace)),
        _ => None,
    }
}

/// Whether a value is `{ workspace = true }`, perhaps with more.
fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}
