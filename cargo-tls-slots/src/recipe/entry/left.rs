//! `[[per_copy]]`: statics that stay as they are.
//!
//! Every copy of the crate has its own, and that is right: a cache that may differ, a constant
//! whose type does not show that it is one, state of a feature that no module uses. What is
//! immutable by its type, and what only tests compile, needs no entry.
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
use crate::recipe::claim::{Action, Claim};

/// Statics that stay: each copy of the crate has its own, and that is right.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Left {
    /// Its reason, and its file: one, or with `folder/**` all below a folder.
    #[serde(flatten)]
    pub(crate) about: About,
    /// Which statics of it, in whichever form. Without it all, but below a folder none that is
    /// known to change.
    pub(crate) names: Option<Vec<String>>,
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
}

impl Entry for Left {
    fn about(&self) -> &About {
        &self.about
    }

    fn claims(&self) -> Vec<Claim<'_>> {
        let is_named = |name: &String| match &self.names {
            Some(names) => names.contains(name),
            None => true,
        };
        vec![Claim::new(
            "what stays as it is".to_owned(),
            move |path, found| self.covers(path) && is_named(&found.name),
            match (&self.names, self.about.file.ends_with("/**")) {
                (None, true) => Action::LeaveConstants,
                _ => Action::Leave,
            },
        )]
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
        };
        assert!(left("src/a/**").covers("src/a/b/c.rs"));
        assert!(!left("src/a/**").covers("src/ab.rs"));
        assert!(left("src/a.rs").covers("src/a.rs"));
        assert!(!left("src/a.rs").covers("src/a.rs.bak"));
    }
}
