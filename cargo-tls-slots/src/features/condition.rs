//! The conditions of `cfg`: which features they depend on, and how.
//!
//! Two builds of a crate differ in one feature. A condition is then *the same* in both, or it
//! holds with the feature where it did not hold without, or neither can be said. The answer is
//! exact: it is found by trying all values of the names that the condition has.
//!
//! | condition | in builds with | the feature `f` |
//! | --- | --- | --- |
//! | `feature = "f"` | | adds |
//! | `any(unix, feature = "f")` | | adds: on Unix it is the same, elsewhere more |
//! | `any(feature = "g", feature = "f")` | `g` | is the same |
//! | `all(unstable, feature = "f")` | no `unstable` | is the same |
//! | `not(feature = "f")` | | is mixed: something goes away |
//! | `not(feature = "f")` below `feature = "f"` | | is the same: the place is not there without it |
//!
//! What is around a condition counts as follows: only builds are tried in which that holds
//! *without* the feature. A place that is there with the feature alone holds nothing that both
//! builds have.
//!
//! What no program is built with (`test`, `doc`, …) never holds. What describes the target (`unix`,
//! `target_os = "linux"`) is the same in both builds, and may have any value. Nothing is known of
//! how such names hang together: both `unix` and `windows` are tried at once. That makes more
//! builds than there are, and so a feature may be compared that need not be.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::source::tokens::Source;

/// What no program is built with.
const NEVER: [&str; 7] = [
    "false", "doc", "docsrs", "doctest", "miri", "rustfmt", "test",
];

/// How many names a condition may have for all values to be tried.
const MOST: usize = 10;

/// A condition of `cfg`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Condition {
    /// `feature = "name"`
    Feature(String),
    /// Any other name, with its value if it has one: `unix`, `target_os = "linux"`.
    Other(String),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// What a feature does to a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The condition does not depend on the feature.
    Same,
    /// With the feature the condition holds in more builds, and in none less.
    Adds,
    /// Something else, or too much to be tried.
    Mixed,
}

/// What is taken for granted about a build.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    /// A feature, and whether it is on.
    pub(super) feature: Option<(String, bool)>,
    /// Names that are not set.
    pub(super) unset: BTreeSet<String>,
}

impl Condition {
    /// Reads the condition in a range of tokens. `None` if it has another form than those above,
    /// as in a macro's body (`feature = $name`).
    pub(super) fn read(source: &Source<'_>, range: Range<usize>) -> Option<Self> {
        let name = source.at(range.start);
        if name == "$" || range.is_empty() {
            return None;
        }
        let list = || {
            let inside = range.start + 2..range.end - 1;
            let parts = source.split_at_commas(inside).into_iter();
            let parts = parts.filter(|part| !part.is_empty());
            parts
                .map(|part| Self::read(source, part))
                .collect::<Option<Vec<_>>>()
        };
        match (range.len(), name, source.at(range.start + 1)) {
            (1, "true", _) => Some(Self::All(Vec::new())),
            (1, name, _) => Some(Self::Other(name.to_owned())),
            (3, "feature", "=") => {
                let text = source.at(range.start + 2);
                let text = text.strip_prefix('"')?.strip_suffix('"')?;
                Some(Self::Feature(text.to_owned()))
            }
            (3, name, "=") => {
                let value = source.at(range.start + 2);
                Some(Self::Other(format!("{name}={value}")))
            }
            (_, "all", "(") => Some(Self::All(list()?)),
            (_, "any", "(") => Some(Self::Any(list()?)),
            (_, "not", "(") => match list()?.as_slice() {
                [one] => Some(Self::Not(Box::new(one.clone()))),
                _ => None,
            },
            _ => None,
        }
    }

    /// Adds the features that the condition names.
    pub(super) fn features<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        match self {
            Self::Feature(name) => {
                names.insert(name);
            }
            Self::Other(_) => {}
            Self::All(list) | Self::Any(list) => list.iter().for_each(|one| one.features(names)),
            Self::Not(one) => one.features(names),
        }
    }

    /// What `feature` does to the condition, in builds in which all of `under` hold without it.
    pub(super) fn effect(&self, feature: &str, under: &[Condition], given: &Given) -> Effect {
        let mut names = BTreeSet::new();
        self.atoms(&mut names);
        let own = names.clone();
        under.iter().for_each(|one| one.atoms(&mut names));
        let open = |names: BTreeSet<Atom>| -> Vec<Atom> {
            let is_open = |atom: &Atom| given.value(atom).is_none() && !atom.is_feature(feature);
            names.into_iter().filter(is_open).collect()
        };
        // Where there are too many names, what is around the condition is left out: that makes
        // more builds than there are.
        let (names, under) = match open(names) {
            names if names.len() <= MOST => (names, under),
            _ => (open(own), &[][..]),
        };
        if names.len() > MOST {
            return Effect::Mixed;
        }
        let mut effect = Effect::Same;
        for values in 0..1_u32 << names.len() {
            let value = |atom: &Atom, on: bool| {
                if atom.is_feature(feature) {
                    return on;
                }
                given.value(atom).unwrap_or_else(|| {
                    let at = names.iter().position(|name| name == atom);
                    at.is_some_and(|at| values & (1 << at) != 0)
                })
            };
            let holds = |one: &Condition, on| one.holds(&|atom| value(atom, on));
            if !under.iter().all(|one| holds(one, false)) {
                continue;
            }
            match (holds(self, false), holds(self, true)) {
                (false, true) => effect = Effect::Adds,
                (true, false) => return Effect::Mixed,
                _ => {}
            }
        }
        effect
    }

    fn atoms(&self, names: &mut BTreeSet<Atom>) {
        match self {
            Self::Feature(name) => {
                names.insert(Atom(true, name.clone()));
            }
            Self::Other(name) => {
                names.insert(Atom(false, name.clone()));
            }
            Self::All(list) | Self::Any(list) => list.iter().for_each(|one| one.atoms(names)),
            Self::Not(one) => one.atoms(names),
        }
    }

    fn holds(&self, value: &dyn Fn(&Atom) -> bool) -> bool {
        match self {
            Self::Feature(name) => value(&Atom(true, name.clone())),
            Self::Other(name) => value(&Atom(false, name.clone())),
            Self::All(list) => list.iter().all(|one| one.holds(value)),
            Self::Any(list) => list.iter().any(|one| one.holds(value)),
            Self::Not(one) => !one.holds(value),
        }
    }
}

/// A name in conditions; `true` if it is a feature's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Atom(bool, String);

impl Atom {
    fn is_feature(&self, name: &str) -> bool {
        self.0 && self.1 == name
    }
}

impl Given {
    /// The value of a name, if it is given.
    fn value(&self, Atom(is_feature, name): &Atom) -> Option<bool> {
        match is_feature {
            true => {
                let given = self.feature.as_ref();
                given.filter(|(given, _)| given == name).map(|(_, on)| *on)
            }
            false => {
                let is_unset = NEVER.contains(&name.as_str()) || self.unset.contains(name);
                is_unset.then_some(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> Condition {
        let source = Source::parse(text).unwrap();
        Condition::read(&source, 0..source.tokens.len()).unwrap()
    }

    #[test]
    fn what_a_feature_does_to_a_condition() {
        use Effect::{Adds, Mixed, Same};
        let given = Given {
            feature: Some(("on".to_owned(), true)),
            unset: BTreeSet::from(["unstable".to_owned()]),
        };
        for (text, under, expected) in [
            (r#"feature = "f""#, "true", Adds),
            (r#"not(feature = "f")"#, "true", Mixed),
            (r#"any(unix, feature = "f")"#, "true", Adds),
            (r#"any(feature = "on", feature = "f")"#, "true", Same),
            (r#"all(unstable, not(feature = "f"))"#, "true", Same),
            (r#"all(test, not(feature = "f"))"#, "true", Same),
            (r#"feature = "g""#, "true", Same),
            (
                r#"any(all(unix, feature = "f"), all(windows, not(feature = "f")))"#,
                "true",
                Mixed,
            ),
            // What stands in a place that there is only with the feature.
            (r#"not(feature = "f")"#, r#"feature = "f""#, Same),
            (
                r#"feature = "f""#,
                r#"any(feature = "f", feature = "g")"#,
                Adds,
            ),
            (
                r#"any(feature = "f", feature = "g")"#,
                r#"feature = "g""#,
                Same,
            ),
        ] {
            let under = [condition(under)];
            assert_eq!(
                condition(text).effect("f", &under, &given),
                expected,
                "{text}"
            );
        }
        let many = (0..MOST + 1).map(|n| format!("c{n}")).collect::<Vec<_>>();
        let many = format!("any(feature = \"f\", {})", many.join(", "));
        assert_eq!(condition(&many).effect("f", &[], &given), Mixed);
    }

    #[test]
    fn what_is_no_condition_is_not_read() {
        for text in [
            "feature = $name",
            "$($any)*",
            "not(a, b)",
            "version(\"1.2\")",
        ] {
            let source = Source::parse(text).unwrap();
            let whole = 0..source.tokens.len();
            assert_eq!(Condition::read(&source, whole), None, "{text}");
        }
    }
}
