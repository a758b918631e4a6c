//! What is left as published, and what the user reads about it.
//!
//! A crate that cannot be forked must not stop the others. It is left as cargo gives it, and the
//! user is told which, why, what then happens, and what helps. A crate that was named, and tokio,
//! is not left: the same words are then an error.

use std::fmt;
use std::sync::Arc;

use semver::Version;

use crate::by_rule::report::State;
use crate::causes::with_causes;
use crate::upstream::error::UpstreamError;

/// How many places that do not fit are shown of a crate that is left.
const SHOWN: usize = 3;

/// A crate that is left as published.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Left {
    /// The crate.
    pub name: String,
    /// Its release, where one is known.
    pub version: Option<Version>,
    /// Why.
    pub why: Why,
    /// A release that fits, and that cargo takes for compatible.
    pub instead: Option<Version>,
    /// Whether a lock file chose the release, so that cargo can choose another one.
    pub is_locked: bool,
}

/// Why a crate is left as published.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Why {
    /// It has no state that two copies must agree on, for this reason.
    Stateless(String),
    /// The recipe is meant for releases from this one on.
    Old(Version),
    /// The recipe does not fit: each place, and what is wrong there.
    Unfit(Vec<String>),
    /// There is no recipe, and the rule does not fit: each place, and what is wrong there.
    Unforkable(Vec<String>),
    /// It is a crate of the user's own: in the workspace, or a path dependency. With its state, if
    /// its sources could be read.
    Path(Vec<State>),
    /// It comes from this repository. With its state, if its sources could be read.
    Git(String, Vec<State>),
    /// A line of the user's own patches it: this one. With its state, if its sources could be read.
    Patched(String, Vec<State>),
    /// It comes from this registry, which is not crates.io.
    Registry(String),
    /// cargo could not get it.
    Unreachable(Arc<UpstreamError>),
}

impl Left {
    /// A crate that is left for a reason with which no other release helps.
    pub(super) fn new(name: &str, version: Option<&Version>, why: Why) -> Self {
        Left {
            name: name.to_owned(),
            version: version.cloned(),
            why,
            instead: None,
            is_locked: false,
        }
    }

    /// Whether nothing is lost by that.
    pub fn is_harmless(&self) -> bool {
        matches!(self.why, Why::Stateless(_))
    }

    /// The crate and its release.
    fn label(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }

    /// What is wrong, and below it what helps: the words of an error.
    pub(super) fn problem(&self) -> String {
        let (name, label) = (&self.name, self.label());
        let mut text = match &self.why {
            Why::Stateless(reason) => format!("{label} needs no fork: {reason}"),
            Why::Old(since) => {
                format!("{label} is too old: the recipe for {name} is meant for {since} and later")
            }
            Why::Unfit(problems) => {
                format!(
                    "the recipe for {name} does not fit {label}:{}",
                    lines(problems)
                )
            }
            Why::Unforkable(problems) => format!(
                "{label} cannot be forked, and there is no recipe for it:{}",
                lines(problems)
            ),
            Why::Path(state) => format!(
                "{label} is a crate of your own, and a line of [patch.crates-io] does not reach it; \
                 {}",
                cure(state)
            ),
            Why::Git(repository, state) => format!(
                "{label} comes from {repository}, and a line of [patch.crates-io] does not reach \
                 it; depend on a release of crates.io, or {}",
                cure(state)
            ),
            Why::Patched(line, state) => format!(
                "{label} is patched by a line of your own, `{line}`; {}",
                cure(state)
            ),
            Why::Registry(registry) => format!(
                "{label} comes from the registry {registry}, and a line of [patch.crates-io] does not reach it; \
                 depend on the release of crates.io"
            ),
            Why::Unreachable(error) => with_causes(&**error),
        };
        if let Some(instead) = &self.instead {
            text += &format!("\n  {instead} fits");
            if let Some(version) = self.version.as_ref().filter(|_| self.is_locked) {
                text += &format!(": cargo update -p {name}@{version} --precise {instead}");
            }
        }
        text
    }
}

/// What is said about a crate that is left: a sentence, the first places that do not fit, and what
/// helps. What happens if nothing is done is the same for all of them, and said once by the caller.
impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Unfit(places) if places.len() > SHOWN => {
                let rest = places.len() - SHOWN;
                let mut short = self.clone();
                let mut places = places[..SHOWN].to_vec();
                places.push(format!(
                    "and {rest} more; `cargo tls-slots fork {}` says all",
                    self.label().replace(' ', "@")
                ));
                short.why = Why::Unfit(places);
                f.write_str(&short.problem())
            }
            _ => f.write_str(&self.problem()),
        }
    }
}

/// How a crate whose text is the user's shares its state.
fn cure(state: &[State]) -> String {
    let declare = "declare its state by `tls_keys::process_local!` and `tls_keys::thread_local!`";
    match state {
        [] => format!("{declare}, if it has any"),
        state => format!("{declare}:{}", lines(state)),
    }
}

/// Lines of a message that lists things.
fn lines(list: &[impl fmt::Display]) -> String {
    let line = |one| format!("\n  {one}");
    list.iter().map(line).collect()
}
