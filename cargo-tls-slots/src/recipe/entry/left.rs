//! `[[per_copy]]` and `[[test_only]]`: statics that stay as they are.
//!
//! `per_copy` says that every copy of the crate has its own, and that this is right: a table that
//! never changes, a cache that may differ, state of a feature that no module uses. `test_only` says
//! that no program compiles it. Both do the same, which is nothing; they differ in what a reader
//! learns.
//!
//! ```toml
//! [[per_copy]]
//! file = "src/runtime/io/mod.rs"
//! names = ["EXPOSE_IO"]
//! reason = "…"
//! ```

use serde::Deserialize;

use super::kind::Entry;
use crate::recipe::about::About;
use crate::recipe::claim::{Action, Claim, Wanted};
use crate::source::statics::{Form, Found};

/// Statics that stay: each copy of the crate has its own, and that is right.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Left {
    /// Its reason, and its file: one, or with `folder/**` all below a folder.
    #[serde(flatten)]
    pub(crate) about: About,
    /// Which statics of it. Without it, all.
    pub(crate) names: Option<Vec<String>>,
    /// Whether `static ref` is meant, and no plain `static` of the same name.
    #[serde(default)]
    pub(crate) lazy: bool,
}

impl Left {
    /// Whether the entry is about the file at `path`: `src/a/**` covers all below `src/a/`, other
    /// patterns do not exist.
    pub(crate) fn covers(&self, path: &str) -> bool {
        match self.about.file.strip_suffix("**") {
            Some(folder) => path.starts_with(folder),
            None => path == self.about.file,
        }
    }

    /// The claim on the statics of one name, or on all.
    ///
    /// Without a name the form does not matter: an entry about a whole file is about whatever is in
    /// it.
    fn claim<'r>(&'r self, subject: String, name: Option<&'r String>) -> Claim<'r> {
        let is_meant = move |found: &Found| {
            name.is_none_or(|name| found.name == *name && (found.form == Form::Lazy) == self.lazy)
        };
        Claim::new(
            &self.about,
            subject,
            move |path, found| self.covers(path) && is_meant(found),
            Wanted::Some,
            Action::Leave,
        )
    }
}

impl Entry for Left {
    fn about(&self) -> &About {
        &self.about
    }

    fn claims(&self) -> Vec<Claim<'_>> {
        let Some(names) = &self.names else {
            let subject = "the entry that leaves all statics as they are".to_owned();
            return vec![self.claim(subject, None)];
        };
        let keyword = match self.lazy {
            true => "static ref",
            false => "static",
        };
        // A claim for each name, so that one that is gone is noticed.
        let subject = |name| format!("`{keyword} {name}` to be left as it is");
        names
            .iter()
            .map(|name| self.claim(subject(name), Some(name)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::why::Why;

    #[test]
    fn globs_cover_folders() {
        let left = |file: &str| Left {
            about: About {
                why: Why {
                    reason: String::new(),
                    until: None,
                    versions: None,
                },
                file: file.to_owned(),
            },
            names: None,
            lazy: false,
        };
        assert!(left("src/a/**").covers("src/a/b/c.rs"));
        assert!(!left("src/a/**").covers("src/ab.rs"));
        assert!(left("src/a.rs").covers("src/a.rs"));
        assert!(!left("src/a.rs").covers("src/a.rs.bak"));
    }
}
