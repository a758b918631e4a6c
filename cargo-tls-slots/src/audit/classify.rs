//! Sorts symbols into crates, and gives each state its verdict.
//!
//! The first of these that holds decides:
//!
//! 1. A key is harmless. Its descriptor is a static named `KEY`, and its own instance, which a host
//!    uses, is one named `INSTANCE`. Both stand for one state, so the instance is left out.
//! 2. The table of what is known has an entry for the state: the entry's verdict.
//! 3. The crate has a recipe: what the recipe says of the state.
//! 4. The state is of the crate that the image is built from: harmless.
//! 5. The image has the crate's record, so the crate was forked by rule: the rule has left the
//!    state, as it could not share it. Unknown.
//! 6. Nobody has looked at the state: unknown.
//!
//! In 5 and 6 the cure follows from where the crate comes from, as far as the file tells:
//!
//! | the crate is | the cure |
//! | --- | --- |
//! | a package of a registry | `cargo tls-slots fork PACKAGE`, by rule |
//! | the user's own | `tls_keys::process_local!`, `tls_keys::thread_local!` |
//! | forked by rule | a recipe; the fork's report says why the rule could not |
//! | anything else of Rust | both of the first two are named |
//! | C's | none: no tool can share it |
//!
//! The manifest does not say what a fork by rule has left, and need not: what the rule shares is a
//! key, and what never changes is not in writable memory. So the rest is what it has left.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::known::Known;
use super::names::{C, crate_and_path};
use super::packages::{Origin, Packages};
use super::recipes::Recipes;
use super::state::{CrateState, Kind, State};
use super::symbols::Symbol;
use super::verdict::{Judgement, Verdict, fork};

/// What is known before the symbols are looked at.
pub(super) struct Facts {
    pub(super) table: Vec<Known>,
    pub(super) recipes: Recipes,
    pub(super) packages: Packages,
    /// The crates that have a record in the image, as the compiler names them: the forked ones.
    pub(super) forked: BTreeSet<String>,
    /// The crate that the image is built from.
    pub(super) own: String,
}

/// A symbol, by crate and path.
struct Named {
    krate: String,
    path: String,
    symbol: Symbol,
}

/// The crates that the symbols belong to, the worst first.
pub(super) fn classify(symbols: Vec<Symbol>, facts: &Facts) -> Vec<CrateState> {
    let named: Vec<Named> = symbols
        .into_iter()
        .map(|symbol| {
            let (krate, path) = crate_and_path(&symbol.name, symbol.file.as_deref());
            Named {
                krate,
                path,
                symbol,
            }
        })
        .collect();
    let keys: Vec<String> = named
        .iter()
        .filter(|one| one.symbol.kind == Kind::Key)
        .map(|one| key_path(&one.path).to_owned())
        .collect();
    let mut crates: BTreeMap<String, Vec<State>> = BTreeMap::new();
    for one in named {
        if let Some(state) = state(&one, &keys, facts) {
            crates.entry(one.krate).or_default().push(state);
        }
    }
    let mut crates: Vec<CrateState> = crates
        .into_iter()
        .map(|(name, mut states)| {
            states.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.path.cmp(&b.path)));
            CrateState { name, states }
        })
        .collect();
    sort(&mut crates);
    crates
}

/// Puts the worst crates first, and of these the largest.
pub(super) fn sort(crates: &mut [CrateState]) {
    crates.sort_by_key(|one| {
        (
            Reverse((one.verdict(), one.private_bytes())),
            one.name.clone(),
        )
    });
}

/// The state that a symbol stands for, with its verdict. `None` for this image's own instance of a
/// key: the key stands for the instance, too.
fn state(one: &Named, keys: &[String], facts: &Facts) -> Option<State> {
    let Named { path, symbol, .. } = one;
    let is_key = symbol.kind == Kind::Key;
    let instance = path.strip_suffix("::INSTANCE");
    if !is_key && instance.is_some_and(|path| keys.iter().any(|key| key == path)) {
        return None;
    }
    let path = if is_key { key_path(path) } else { path };
    let judgement = match is_key {
        true => Judgement::harmless(""),
        false => judge(one, keys, facts),
    };
    Some(State {
        path: path.to_owned(),
        kind: symbol.kind,
        size: symbol.size,
        verdict: judgement.verdict,
        reason: judgement.reason,
        fix: judgement.fix,
        fold: judgement.fold,
    })
}

/// The verdict on a state that is no key.
fn judge(one: &Named, keys: &[String], facts: &Facts) -> Judgement {
    let Named {
        krate,
        path,
        symbol,
    } = one;
    let mut table = facts.table.iter();
    if let Some(known) = table.find(|known| known.is_about(krate, path, keys)) {
        return known.judgement();
    }
    let is_forked = facts.forked.contains(krate);
    if let Some(judgement) = facts.recipes.judgement(krate, path, is_forked) {
        return judgement;
    }
    if *krate == facts.own {
        return Judgement::harmless("the image's own: no other image has this crate");
    }
    let unknown = |reason: &str, fix| Judgement {
        verdict: Verdict::Unknown,
        reason: reason.to_owned(),
        fix,
        fold: None,
    };
    if is_forked {
        let package = match facts.packages.origin(krate) {
            Some(Origin::Registry(package)) => package,
            _ => krate,
        };
        return unknown(
            "the fork was made by rule, and this is what the rule could not share",
            Some(format!(
                "`{}` says why; a recipe can share it",
                fork(package)
            )),
        );
    }
    unknown("", cure(krate, symbol.kind, facts))
}

/// What shares the state of a crate that nobody has looked at.
fn cure(krate: &str, kind: Kind, facts: &Facts) -> Option<String> {
    if krate == C {
        return None;
    }
    let declare = match kind {
        Kind::ThreadLocal => "declare it by `tls_keys::thread_local!`",
        _ => "declare it by `tls_keys::process_local!`",
    };
    Some(match facts.packages.origin(krate) {
        Some(Origin::Registry(package)) => fork(package),
        Some(Origin::Own(_)) => declare.to_owned(),
        None => format!("`{}`, or in a crate of yours {declare}", fork("PACKAGE")),
    })
}

/// The path of what a key declares, from the path of the key's descriptor.
fn key_path(path: &str) -> &str {
    path.strip_suffix("::KEY").unwrap_or(path)
}

/// The order of the states of a crate: keys first, then the worst, then the largest.
fn rank(state: &State) -> impl Ord + use<> {
    (
        state.kind != Kind::Key,
        Reverse(state.verdict),
        Reverse(state.size),
    )
}

#[cfg(test)]
mod tests {
    use object::SectionIndex;

    use super::*;

    fn symbol(name: &str, kind: Kind, size: u64) -> Symbol {
        Symbol {
            name: name.to_owned(),
            file: None,
            kind,
            section: SectionIndex(1),
            address: 0,
            size,
        }
    }

    /// Facts about an image that is built from `own`, with these forks and paths of sources.
    fn facts(own: &str, forked: &[&str], paths: &str) -> Facts {
        Facts {
            table: Known::table().unwrap(),
            recipes: Recipes::embedded().unwrap(),
            packages: Packages::read(paths.as_bytes()),
            forked: forked.iter().map(|name| (*name).to_owned()).collect(),
            own: own.to_owned(),
        }
    }

    /// The legacy name of a path.
    fn mangled(path: &str) -> String {
        let parts = path.split("::").map(|part| format!("{}{part}", part.len()));
        format!("_ZN{}17h2d86bd1a06d2e54bE", parts.collect::<String>())
    }

    #[test]
    fn an_instance_of_a_key_is_no_state_of_its_own() {
        let key = "_ZN3foo5COUNT17h2d86bd1a06d2e54bE";
        let instance = "_ZN3foo5COUNT8INSTANCE17h2d86bd1a06d2e54bE";
        let nobody = facts("", &[], "");
        let found = classify(
            vec![
                symbol(key, Kind::Key, 168),
                symbol(instance, Kind::Static, 8),
            ],
            &nobody,
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].states.len(), 1);
        assert_eq!(found[0].states[0].kind, Kind::Key);
        // Without the key, it is.
        let alone = || vec![symbol(instance, Kind::Static, 8)];
        let found = classify(alone(), &nobody);
        assert_eq!(found[0].verdict(), Verdict::Unknown);
        let found = classify(alone(), &facts("foo", &[], ""));
        assert_eq!(found[0].verdict(), Verdict::Harmless);
    }

    #[test]
    fn the_worst_comes_first() {
        let found = classify(
            vec![
                symbol("_ZN3std1A17h2d86bd1a06d2e54bE", Kind::Static, 1000),
                symbol("_ZN3foo1A17h2d86bd1a06d2e54bE", Kind::Static, 10),
                symbol(
                    "_ZN16parking_lot_core1A17h2d86bd1a06d2e54bE",
                    Kind::Static,
                    1,
                ),
            ],
            &facts("", &[], ""),
        );
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["parking_lot_core", "foo", "std"]);
        let fix = found[0].states[0].fix.as_deref();
        assert_eq!(fix, Some("cargo tls-slots fork parking_lot_core"));
    }

    #[test]
    fn a_cure_follows_from_where_the_crate_comes_from() {
        let paths = "/registry/src/x/foo-bar-1.2.3/src/lib.rs\0own-thing/src/lib.rs";
        let facts = facts("me", &["by_rule"], paths);
        let fix = |path: &str, kind| {
            let found = classify(vec![symbol(&mangled(path), kind, 8)], &facts);
            found[0].states[0].fix.clone().unwrap_or_default()
        };
        assert_eq!(
            fix("foo_bar::A", Kind::Static),
            "cargo tls-slots fork foo-bar"
        );
        assert_eq!(
            fix("own_thing::A", Kind::Static),
            "declare it by `tls_keys::process_local!`"
        );
        assert_eq!(
            fix("own_thing::A", Kind::ThreadLocal),
            "declare it by `tls_keys::thread_local!`"
        );
        let either = fix("dark::A", Kind::Static);
        assert!(either.contains("fork PACKAGE") && either.contains("process_local!"));
        assert!(fix("by_rule::A", Kind::Static).contains("a recipe can"));
        assert_eq!(fix("me::A", Kind::Static), "");
    }

    #[test]
    fn what_a_fork_leaves_per_copy_is_no_trouble() {
        let path = "foldhash::seed::gen_per_hasher_seed::PER_HASHER_NONDETERMINISM";
        let found = classify(
            vec![symbol(&mangled(path), Kind::ThreadLocal, 8)],
            &facts("", &["foldhash"], ""),
        );
        assert_eq!(found[0].verdict(), Verdict::Harmless);
        assert_eq!(
            found[0].states[0].reason,
            "makes seeds that a map does keep"
        );
    }
}
