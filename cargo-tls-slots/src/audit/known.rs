//! The table of what is known about crates without a recipe: `audit/known.toml`.
//!
//! What a recipe says about its crate stands in the recipe, and is [asked there](super::recipes).
//! The table is data, so that a crate can be looked at and added without a change of this code. The
//! first entry that is about a static decides. What no entry is about is [`Verdict::Unknown`].
//!
//! An entry in the file:
//!
//! ```toml
//! [[known]]
//! crates = ["signal_hook_registry"]
//! with-key = "tokio::signal::"
//! verdict = "harmless"
//! reason = "the forked tokio registers its signals through the host"
//! ```
//!
//! `statics = ["HOOK", "sys::*::CACHE"]` would restrict the entry to statics whose paths end so.

use serde::Deserialize;

use super::verdict::{Judgement, Verdict, fork};

/// The table's text.
const TABLE: &str = include_str!("../../../audit/known.toml");

/// One entry of the table: what is known about some statics of some crates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Known {
    /// The crates, as the compiler names them; `*` is any.
    crates: Vec<String>,
    /// Patterns for the ends of paths; without patterns the entry is about all statics.
    statics: Option<Vec<String>>,
    /// The entry counts only in an image that has a key whose path starts so.
    with_key: Option<String>,
    /// What is known.
    verdict: Verdict,
    /// Why that is so.
    reason: String,
    /// The package to fork, where that is the cure.
    package: Option<String>,
    /// Another cure.
    fix: Option<String>,
    /// What the statics are called, where there may be hundreds of them.
    fold: Option<String>,
}

impl Known {
    /// The whole table, which this command carries.
    ///
    /// # Errors
    ///
    /// If the table is not of the form above.
    pub(super) fn table() -> Result<Vec<Self>, toml::de::Error> {
        #[derive(Deserialize)]
        struct Table {
            known: Vec<Known>,
        }
        Ok(toml::from_str::<Table>(TABLE)?.known)
    }

    /// Whether the entry is about the static `path` of the crate `name`, in an image with these
    /// keys.
    pub(super) fn is_about(&self, name: &str, path: &str, keys: &[String]) -> bool {
        let fits = |pattern: &String| {
            // A pattern may leave out the first parts of a path.
            path.split("::")
                .enumerate()
                .any(|(skip, _)| glob(pattern, &after(path, skip)))
        };
        self.crates.iter().any(|one| one == name || one == "*")
            && self.statics.as_ref().is_none_or(|all| all.iter().any(fits))
            && self
                .with_key
                .as_ref()
                .is_none_or(|start| keys.iter().any(|key| key.starts_with(start.as_str())))
    }

    /// What the entry says.
    pub(super) fn judgement(&self) -> Judgement {
        Judgement {
            verdict: self.verdict,
            reason: self.reason.clone(),
            fix: self.package.as_deref().map(fork).or(self.fix.clone()),
            fold: self.fold.clone(),
        }
    }
}

/// The path without its first `skip` parts.
fn after(path: &str, skip: usize) -> String {
    path.split("::").skip(skip).collect::<Vec<_>>().join("::")
}

/// Whether `text` matches `pattern`, in which `*` stands for any text.
///
/// A `*` also stands for `::`, so `sys::*::CACHE` is about caches at any depth.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    if rest.is_empty() {
        return true;
    }
    (0..=text.len())
        .filter(|at| text.is_char_boundary(*at))
        .any(|at| glob(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    fn verdict(name: &str, path: &str, keys: &[&str]) -> Option<Verdict> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        Known::table()
            .unwrap()
            .into_iter()
            .find(|one| one.is_about(name, path, &keys))
            .map(|one| one.verdict)
    }

    #[test]
    fn every_entry_is_sound() {
        for one in Known::table().unwrap() {
            assert!(!one.reason.trim().is_empty(), "{one:?}");
            assert!(one.verdict != Verdict::Unknown, "{one:?}");
            // One cure for what breaks, and none for what is right.
            let cures = [&one.fix, &one.package].into_iter().flatten().count();
            match one.verdict {
                Verdict::Breaks => assert_eq!(cures, 1, "{one:?}"),
                Verdict::Harmless => assert_eq!(cures, 0, "{one:?}"),
                _ => assert!(cures <= 1, "{one:?}"),
            }
            assert!(one.crates.iter().all(|name| !name.contains('-')), "{one:?}");
        }
    }

    #[test]
    fn what_recipes_say_is_not_said_twice() {
        let recipes: Vec<String> = Recipe::names()
            .into_iter()
            .map(|name| name.replace('-', "_"))
            .collect();
        for one in Known::table().unwrap() {
            let about_recipes = one.crates.iter().any(|name| recipes.contains(name));
            let is_exception = one.with_key.is_some() && one.verdict == Verdict::Harmless;
            assert!(!about_recipes || is_exception, "{one:?}");
        }
    }

    #[test]
    fn statics_are_found_by_the_end_of_their_path() {
        let caution = Some(Verdict::Caution);
        assert_eq!(
            verdict("std", "std::sys::env::unix::ENV_LOCK", &[]),
            caution
        );
        assert_eq!(
            verdict("std", "<std::thread::id::ThreadId>::new::COUNTER", &[]),
            caution
        );
        assert_eq!(
            verdict("std", "std::sys::a::CACHE", &[]),
            Some(Verdict::Harmless)
        );
        assert_eq!(verdict("std", "std::panicking::HOOK", &[]), caution);
        assert_eq!(verdict("nobody", "nobody::ENV_LOCK", &[]), None);
        assert_eq!(verdict("(C)", "completed.0", &[]), Some(Verdict::Harmless));
        assert_eq!(verdict("(C)", "my_table", &[]), None);
    }

    #[test]
    fn a_key_can_make_the_difference() {
        let path = "signal_hook_registry::GLOBAL_DATA";
        let name = "signal_hook_registry";
        // Without the key the recipe is asked.
        assert_eq!(verdict(name, path, &[]), None);
        let key = "tokio::signal::registry::globals::GLOBALS";
        assert_eq!(verdict(name, path, &[key]), Some(Verdict::Harmless));
    }

    #[test]
    fn what_the_host_takes_care_of_is_no_trouble_where_there_are_keys() {
        for (name, path, without) in [
            (
                "std",
                "<std::thread::id::ThreadId>::new::COUNTER",
                Some(Verdict::Caution),
            ),
            ("std", "std::panicking::HOOK", Some(Verdict::Caution)),
            // The recipe is asked.
            ("crossbeam_channel", "crossbeam_channel::A", None),
        ] {
            assert_eq!(verdict(name, path, &[]), without, "{path}");
            assert_eq!(
                verdict(name, path, &["a::B"]),
                Some(Verdict::Harmless),
                "{path}"
            );
        }
    }

    #[test]
    fn callsites_are_known_in_any_crate() {
        let callsite = "hyper::client::connect::__CALLSITE";
        let found = |keys: &[&str]| verdict("hyper", callsite, keys);
        assert_eq!(
            found(&["tracing_core::dispatcher::EXISTS"]),
            Some(Verdict::Harmless)
        );
        assert_eq!(found(&["tokio::runtime::CONTEXT"]), Some(Verdict::Breaks));
        assert_eq!(
            verdict("my_crate", "my_crate::MY_CALLSITE", &["tracing_core::a"]),
            None
        );
    }

    #[test]
    fn stars_are_anything() {
        assert!(glob("a*c", "abbc") && glob("*", "") && glob("a*", "a") && glob("*b*", "abc"));
        assert!(!glob("a*c", "abb") && !glob("a", "ab") && !glob("b*", "ab"));
    }
}
