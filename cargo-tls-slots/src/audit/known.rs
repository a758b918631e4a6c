//! The table of what is known about crates: `audit/known.toml`.
//!
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

/// The table's text.
const TABLE: &str = include_str!("../../../audit/known.toml");

/// Whether it is right that an image keeps some state for itself. Worse verdicts are greater.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// A copy in each image is right.
    Harmless,
    /// A copy in each image works, if a rule is kept.
    Caution,
    /// Nobody has looked at the state.
    Unknown,
    /// A copy in each image does not work.
    Breaks,
}

impl Verdict {
    /// The verdict in one word, as in the text and the JSON.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Harmless => "harmless",
            Verdict::Caution => "caution",
            Verdict::Unknown => "unknown",
            Verdict::Breaks => "breaks",
        }
    }
}

/// One entry of the table: what is known about some statics of some crates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Known {
    /// The crates, as the compiler names them.
    crates: Vec<String>,
    /// Patterns for the ends of paths; without patterns the entry is about all statics.
    statics: Option<Vec<String>>,
    /// The entry counts only in an image that has a key whose path starts so.
    with_key: Option<String>,
    /// What is known.
    pub(super) verdict: Verdict,
    /// Why that is so.
    pub(super) reason: String,
    /// The package to fork, for `FORK` in `fix`.
    package: Option<String>,
    /// The command that shares the statics; `FORK` in it stands for the command that forks the
    /// package.
    fix: Option<String>,
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
        self.crates.iter().any(|one| one == name)
            && self.statics.as_ref().is_none_or(|all| all.iter().any(fits))
            && self
                .with_key
                .as_ref()
                .is_none_or(|start| keys.iter().any(|key| key.starts_with(start.as_str())))
    }

    /// The command that shares the statics, if there is one.
    pub(super) fn command(&self) -> Option<String> {
        let fix = self.fix.as_ref()?;
        Some(match &self.package {
            Some(package) => fix.replace("FORK", &format!("cargo tls-slots fork {package}")),
            None => fix.clone(),
        })
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
            // A fix names its package, and is for what breaks.
            assert_eq!(one.fix.is_some(), one.package.is_some(), "{one:?}");
            assert!(one.fix.is_none() || one.verdict == Verdict::Breaks);
            assert!(one.crates.iter().all(|name| !name.contains('-')), "{one:?}");
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
        assert_eq!(verdict(name, path, &[]), Some(Verdict::Breaks));
        let key = "tokio::signal::registry::globals::GLOBALS";
        assert_eq!(verdict(name, path, &[key]), Some(Verdict::Harmless));
    }

    #[test]
    fn what_the_host_takes_care_of_is_no_trouble_where_there_are_keys() {
        for (name, path, without) in [
            (
                "std",
                "<std::thread::id::ThreadId>::new::COUNTER",
                Verdict::Caution,
            ),
            ("std", "std::panicking::HOOK", Verdict::Caution),
            ("crossbeam_channel", "crossbeam_channel::A", Verdict::Breaks),
        ] {
            assert_eq!(verdict(name, path, &[]), Some(without), "{path}");
            assert_eq!(
                verdict(name, path, &["a::B"]),
                Some(Verdict::Harmless),
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_known_to_break_is_in_the_table() {
        for name in [
            "parking_lot_core",
            "dashmap",
            "arc_swap",
            "crossbeam_epoch",
            "crossbeam_channel",
            "sharded_slab",
            "thread_local",
            "regex_automata",
            "foldhash",
            "send_wrapper",
            "string_cache",
            "tracing_core",
            "log",
            "metrics",
            "opentelemetry",
            "rustls",
            "rayon_core",
            "tokio",
            "signal_hook_registry",
        ] {
            assert_eq!(
                verdict(name, &format!("{name}::ANY"), &[]),
                Some(Verdict::Breaks),
                "{name}"
            );
        }
    }

    #[test]
    fn stars_are_anything() {
        assert!(glob("a*c", "abbc") && glob("*", "") && glob("a*", "a") && glob("*b*", "abc"));
        assert!(!glob("a*c", "abb") && !glob("a", "ab") && !glob("b*", "ab"));
    }
}
