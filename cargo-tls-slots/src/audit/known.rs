//! The table of what is known about crates: `audit/known.toml`.

use serde::Deserialize;

/// The table's text.
const TABLE: &str = include_str!("../../../audit/known.toml");

/// What is to be thought of state that an image keeps for itself.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// A copy in each image is right.
    Harmless,
    /// Works, if a rule is kept.
    Caution,
    /// Nobody has looked at it.
    Unknown,
    /// Does not work across images.
    Breaks,
}

impl Verdict {
    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Harmless => "harmless",
            Verdict::Caution => "caution",
            Verdict::Unknown => "unknown",
            Verdict::Breaks => "breaks",
        }
    }
}

/// One entry of the table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Known {
    crates: Vec<String>,
    statics: Option<Vec<String>>,
    with_key: Option<String>,
    pub(super) verdict: Verdict,
    pub(super) reason: String,
    package: Option<String>,
    fix: Option<String>,
}

impl Known {
    /// The whole table.
    pub(super) fn table() -> Result<Vec<Self>, toml::de::Error> {
        #[derive(Deserialize)]
        struct Table {
            known: Vec<Known>,
        }
        Ok(toml::from_str::<Table>(TABLE)?.known)
    }

    /// Whether the entry is about a static of a crate, in an image with these keys.
    pub(super) fn is_about(&self, name: &str, path: &str, keys: &[String]) -> bool {
        let fits = |pattern: &String| {
            // A pattern without a path is about the last part.
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

    /// The command that cures it.
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

/// Whether `text` is what `pattern` says, with `*` for anything.
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
