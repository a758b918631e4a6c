//! What a run leaves behind: forks, and the lines that patch a project to them.

use std::path::{Path, PathBuf};

use semver::Version;

use super::content::OUR_CRATES;
use super::left::Left;
use crate::by_rule::report::Report;
use crate::cargo_toml::path;
use crate::cargo_toml::users::NewLine;
use crate::upstream::release::compatible;

/// The forks that now exist.
#[derive(Clone, Debug)]
pub struct Forked {
    /// The fork folder, absolute and without links.
    pub dir: PathBuf,
    /// Its crates: those that were asked for, each followed by what is forked along it, and then
    /// those of ours that they need.
    pub crates: Vec<ForkedCrate>,
    /// What is left as published, and why.
    pub left: Vec<Left>,
    /// Whether the patch lines of the project had to be changed. `None` if that was not asked for.
    pub patched: Option<bool>,
}

/// One crate of a fork folder.
#[derive(Clone, Debug)]
pub struct ForkedCrate {
    /// The crate's name.
    pub name: String,
    /// Its version; for a forked crate, upstream's.
    pub version: Version,
    /// The registry's SHA-256 of upstream's archive. Our own crates have none.
    pub checksum: Option<String>,
    /// Its folder, absolute.
    pub dir: PathBuf,
    /// Whether a project names it in `[patch.crates-io]`. Others only belong to one that is.
    pub patched: bool,
    /// What had to be done.
    pub outcome: Outcome,
    /// Of a crate that was forked by rule: what became of its state.
    pub report: Option<Report>,
}

impl ForkedCrate {
    /// The name of its folder: `NAME-VERSION` for a fork, and the name alone for a crate of ours.
    pub fn folder(&self) -> &str {
        let name = self.dir.file_name();
        name.and_then(|name| name.to_str()).unwrap_or(&self.name)
    }

    /// Whether it is a crate of ours, and no fork.
    pub(crate) fn is_ours(&self) -> bool {
        OUR_CRATES.contains(&&*self.name)
    }
}

/// What a run did to one crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there before.
    Written,
    /// So many of its files were changed, made or removed.
    Updated(usize),
    /// Nothing was written.
    UpToDate,
}

impl Forked {
    /// The lines for a `Cargo.toml`, with absolute paths. Nothing if nothing was forked.
    pub fn patch_lines(&self) -> String {
        let lines = self.lines(|_| true);
        if lines.is_empty() {
            return String::new();
        }
        let mut text = "[patch.crates-io]\n".to_owned();
        for line in lines {
            let NewLine { key, package, path } = line;
            let package = match key == package {
                true => String::new(),
                false => format!("package = \"{package}\", "),
            };
            text += &format!("{key} = {{ {package}path = {} }}\n", quoted(&path));
        }
        text
    }

    /// The arguments that give cargo the same patches for one run:
    /// `--config patch.crates-io.tokio.path="…"` and so on.
    ///
    /// cargo warns of a patch that a project does not use; [`build`](crate::build::build)
    /// leaves those out.
    pub fn cargo_config_args(&self) -> Vec<String> {
        self.config_args(|_| true)
    }

    /// [`cargo_config_args`](Self::cargo_config_args) of the crates that are `wanted`.
    pub fn config_args(&self, wanted: impl Fn(&ForkedCrate) -> bool) -> Vec<String> {
        let mut args = Vec::new();
        for NewLine { key, package, path } in self.lines(wanted) {
            let mut add = |name: &str, value: String| {
                args.push("--config".to_owned());
                args.push(format!("patch.crates-io.{key}.{name}={value}"));
            };
            if key != package {
                add("package", format!("\"{package}\""));
            }
            add("path", quoted(&path));
        }
        args
    }

    /// The patches to the crates that are `wanted`.
    ///
    /// A key is the crate's name where there is one release of it. Several have the range of
    /// releases in it that cargo takes for compatible, as in `foldhash_0_1`, or the whole version
    /// if even that is the same.
    pub(crate) fn lines(&self, wanted: impl Fn(&ForkedCrate) -> bool) -> Vec<NewLine> {
        let all = self.crates.iter().filter(|one| one.patched && wanted(one));
        let all: Vec<&ForkedCrate> = all.collect();
        let line = |one: &&ForkedCrate| {
            let same = all.iter().filter(|other| other.name == one.name);
            let same: Vec<_> = same.map(|other| compatible(&other.version)).collect();
            let range = compatible(&one.version);
            let of_range = same.iter().filter(|other| **other == range).count();
            let suffix = match (same.len(), of_range) {
                (1, _) => String::new(),
                (_, 1) => format!("_{range}"),
                _ => format!("_{}", one.version),
            };
            NewLine {
                key: format!("{}{}", one.name, suffix.replace(['.', '+'], "_")),
                package: one.name.clone(),
                path: one.dir.clone(),
            }
        };
        all.iter().map(line).collect()
    }
}

/// A path as a string of TOML.
fn quoted(folder: &Path) -> String {
    toml::Value::String(path::with_slashes(folder)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_one_crate_have_keys_of_their_own() {
        let crates = [
            ("tokio", "1.54.1"),
            ("foldhash", "0.1.5"),
            ("foldhash", "0.2.0"),
            ("log", "0.4.1"),
            ("log", "0.4.2-rc.1+x"),
        ];
        let crates = crates.map(|(name, version)| ForkedCrate {
            name: name.to_owned(),
            version: version.parse().unwrap(),
            dir: PathBuf::from(format!("/f/{name}-{version}")),
            checksum: None,
            patched: true,
            outcome: Outcome::Written,
            report: None,
        });
        let forked = Forked {
            dir: PathBuf::from("/f"),
            crates: crates.to_vec(),
            left: Vec::new(),
            patched: None,
        };
        assert_eq!(
            forked.patch_lines(),
            "[patch.crates-io]\n\
             tokio = { path = \"/f/tokio-1.54.1\" }\n\
             foldhash_0_1 = { package = \"foldhash\", path = \"/f/foldhash-0.1.5\" }\n\
             foldhash_0_2 = { package = \"foldhash\", path = \"/f/foldhash-0.2.0\" }\n\
             log_0_4_1 = { package = \"log\", path = \"/f/log-0.4.1\" }\n\
             log_0_4_2-rc_1_x = { package = \"log\", path = \"/f/log-0.4.2-rc.1+x\" }\n"
        );
        // One of several that a project uses needs no key of its own.
        let args = forked.config_args(|one| one.dir.ends_with("foldhash-0.2.0"));
        assert_eq!(
            args,
            [
                "--config",
                "patch.crates-io.foldhash.path=\"/f/foldhash-0.2.0\""
            ]
        );
    }
}
