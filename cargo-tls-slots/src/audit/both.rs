//! What a host and its modules both have, and do not share.
//!
//! A state that only one image has is no trouble: nobody can disagree with it. So a host's hundred
//! crates are no news to somebody who asks about its modules. What counts is a static with the same
//! path in both:
//!
//! | in the host | in the module | |
//! | --- | --- | --- |
//! | key | key | shared, or refused by `check` |
//! | static | static | the worse of the two verdicts |
//! | key | static | breaks: the module's crate is not the fork |
//! | static | key | breaks: the host's crate is not the fork |

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::classify::sort;
use super::state::{Audit, CrateState, Kind, State};
use super::verdict::Verdict;

/// What a host and modules both have and do not share.
#[derive(Clone, Debug)]
pub struct Both {
    /// The host's file.
    pub host: PathBuf,
    /// The modules' files.
    pub modules: Vec<PathBuf>,
    /// How many keys the host and at least one module have.
    pub shared: usize,
    /// Every crate that has such state, the worst first, then the largest. The sizes are those in
    /// the module.
    pub crates: Vec<CrateState>,
    /// How many crates have state in the host and in no module.
    pub only_host: usize,
    /// How many crates have state in a module and not in the host.
    pub only_modules: usize,
}

impl Both {
    /// Compares a host with its modules. `None` unless `audits` are those of one host and of at
    /// least one other file.
    pub fn of(audits: &[Audit]) -> Option<Self> {
        let mut hosts = audits.iter().filter(|one| one.is_host);
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return None;
        };
        let modules: Vec<&Audit> = audits.iter().filter(|one| !one.is_host).collect();
        if modules.is_empty() {
            return None;
        }
        let ours = by_path(host);
        let mut shared = BTreeSet::new();
        let mut crates = BTreeMap::<&str, BTreeMap<&str, Vec<State>>>::new();
        for module in &modules {
            let mut found = BTreeMap::<_, Vec<State>>::new();
            for (place, theirs) in places(module) {
                match ours.get(&place) {
                    Some(ours) if ours.kind == Kind::Key && theirs.kind == Kind::Key => {
                        shared.insert(place);
                    }
                    Some(ours) => found.entry(place).or_default().push(together(ours, theirs)),
                    None => {}
                }
            }
            // Of a state that several modules have, the worst is told, and how often one has it.
            for ((name, path), states) in found {
                let known = crates.entry(name).or_default().entry(path).or_default();
                let rank = |all: &[State]| (all.first().map(|one| one.verdict), all.len());
                if rank(known) < rank(&states) {
                    *known = states;
                }
            }
        }
        let names = |one: &Audit| -> BTreeSet<String> {
            one.crates.iter().map(|one| one.name.clone()).collect()
        };
        let of_host = names(host);
        let of_modules: BTreeSet<String> = modules.iter().flat_map(|one| names(one)).collect();
        let mut crates: Vec<CrateState> = crates
            .into_iter()
            .map(|(name, states)| CrateState {
                name: name.to_owned(),
                states: states.into_values().flatten().collect(),
            })
            .collect();
        sort(&mut crates);
        Some(Both {
            host: host.path.clone(),
            modules: modules.iter().map(|one| one.path.clone()).collect(),
            shared: shared.len(),
            crates,
            only_host: of_host.difference(&of_modules).count(),
            only_modules: of_modules.difference(&of_host).count(),
        })
    }

    /// Whether host and a module both have state, other than shared keys, whose verdict is as bad
    /// as `verdict` or worse.
    pub fn has(&self, verdict: Verdict) -> bool {
        self.crates.iter().any(|one| one.verdict() >= verdict)
    }
}

/// Where a state is declared: its crate and its path.
type Place<'a> = (&'a str, &'a str);

/// The states of an image, each with its place. A function that declares several statics of one
/// name, in blocks of its own, has several with one place.
fn places(audit: &Audit) -> impl Iterator<Item = (Place<'_>, &State)> {
    let crates = audit.crates.iter();
    crates.flat_map(|one| {
        let states = one.states.iter();
        states.map(|state| ((one.name.as_str(), state.path.as_str()), state))
    })
}

/// The worst state of each place.
fn by_path(audit: &Audit) -> BTreeMap<Place<'_>, &State> {
    let mut all = BTreeMap::<_, &State>::new();
    for (place, state) in places(audit) {
        let known = all.entry(place).or_insert(state);
        if known.verdict < state.verdict {
            *known = state;
        }
    }
    all
}

/// What is said of a state that both have and do not share.
///
/// A crate that only one side has forked is the worst of it: values cross, and each side looks at
/// state of its own. The loader refuses such a module where it can see it; the audit names the
/// statics.
fn together(ours: &State, theirs: &State) -> State {
    let (private, lacks) = match (ours.kind, theirs.kind) {
        (Kind::Key, _) => (theirs, "module"),
        (_, Kind::Key) => (ours, "host"),
        _ if ours.verdict > theirs.verdict => return ours.clone(),
        _ => return theirs.clone(),
    };
    State {
        verdict: Verdict::Breaks,
        reason: format!("shared on one side only: the {lacks} links a copy that is not the fork"),
        fix: Some(format!(
            "the {lacks} needs the lines of [patch.crates-io] that the other side has"
        )),
        ..private.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(path: &str, kind: Kind, verdict: Verdict) -> State {
        State {
            path: path.to_owned(),
            kind,
            size: 8,
            verdict,
            reason: String::new(),
            fix: None,
            fold: None,
        }
    }

    fn image(path: &str, is_host: bool, crates: &[(&str, Vec<State>)]) -> Audit {
        Audit {
            path: PathBuf::from(path),
            is_host,
            bytes: 0,
            named: 0,
            crates: crates
                .iter()
                .map(|(name, states)| CrateState {
                    name: (*name).to_owned(),
                    states: states.clone(),
                })
                .collect(),
        }
    }

    #[test]
    fn only_what_both_have_counts() {
        use Kind::{Key, Static};
        use Verdict::{Breaks, Harmless, Unknown};
        let host = image(
            "host",
            true,
            &[
                ("alone", vec![state("alone::A", Static, Breaks)]),
                ("both", vec![state("both::A", Static, Unknown)]),
                ("keyed", vec![state("keyed::A", Key, Harmless)]),
                ("half", vec![state("half::A", Key, Harmless)]),
                ("other_half", vec![state("other_half::A", Static, Harmless)]),
                ("apart", vec![state("apart::A", Static, Breaks)]),
            ],
        );
        let module = image(
            "module",
            false,
            &[
                ("mine", vec![state("mine::A", Static, Unknown)]),
                ("both", vec![state("both::A", Static, Unknown); 2]),
                ("keyed", vec![state("keyed::A", Key, Harmless)]),
                ("half", vec![state("half::A", Static, Unknown)]),
                ("other_half", vec![state("other_half::A", Key, Harmless)]),
                ("apart", vec![state("apart::B", Static, Breaks)]),
            ],
        );
        assert!(Both::of(std::slice::from_ref(&host)).is_none());
        assert!(Both::of(&[host.clone(), host.clone(), module.clone()]).is_none());
        let both = Both::of(&[module.clone(), host.clone(), module]).unwrap();
        let crates: Vec<(&str, Verdict)> = both
            .crates
            .iter()
            .map(|one| (one.name.as_str(), one.verdict()))
            .collect();
        assert_eq!(
            crates,
            [("half", Breaks), ("other_half", Breaks), ("both", Unknown)]
        );
        assert_eq!((both.shared, both.only_host, both.only_modules), (1, 1, 1));
        let states: usize = both.crates.iter().map(|one| one.states.len()).sum();
        assert_eq!(
            states, 4,
            "two modules that have the same are no more than one"
        );
        let reason = |at: usize| both.crates[at].states[0].reason.clone();
        assert!(reason(0).contains("the module links"), "{}", reason(0));
        assert!(reason(1).contains("the host links"), "{}", reason(1));
    }
}
