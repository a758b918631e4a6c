//! Sorts symbols into crates, and gives each state its verdict.
//!
//! The first of these that holds decides:
//!
//! 1. A key is harmless. Its descriptor is a static named `KEY`, and its own instance, which a host
//!    uses, is one named `INSTANCE`. Both stand for one state, so the instance is left out.
//! 2. The table of what is known has an entry for the state: the entry's verdict.
//! 3. The state is of the crate that the image is built from: harmless.
//! 4. Nobody has looked at the state: unknown.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::known::{Known, Verdict};
use super::names::crate_and_path;
use super::state::{CrateState, Kind, State};
use super::symbols::Symbol;

/// A symbol, by crate and path.
struct Named {
    krate: String,
    path: String,
    symbol: Symbol,
}

/// The crates that the symbols belong to, the worst first. `own` is the crate that the image is
/// built from.
pub(super) fn classify(symbols: Vec<Symbol>, table: &[Known], own: &str) -> Vec<CrateState> {
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
        if let Some(state) = state(&one, &keys, table, own) {
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
    crates.sort_by_key(|one| {
        (
            Reverse((one.verdict(), one.private_bytes())),
            one.name.clone(),
        )
    });
    crates
}

/// The state that a symbol stands for, with its verdict. `None` for this image's own instance of a
/// key: the key stands for the instance, too.
fn state(one: &Named, keys: &[String], table: &[Known], own: &str) -> Option<State> {
    let Named {
        krate,
        path,
        symbol,
    } = one;
    let is_key = symbol.kind == Kind::Key;
    let instance = path.strip_suffix("::INSTANCE");
    if !is_key && instance.is_some_and(|path| keys.iter().any(|key| key == path)) {
        return None;
    }
    let (verdict, reason, fix) = if is_key {
        (Verdict::Harmless, String::new(), None)
    } else if let Some(known) = table.iter().find(|known| known.is_about(krate, path, keys)) {
        (known.verdict, known.reason.clone(), known.command())
    } else if krate == own {
        let reason = "the image's own: no other image has this crate".to_owned();
        (Verdict::Harmless, reason, None)
    } else {
        (Verdict::Unknown, String::new(), None)
    };
    let path = if is_key { key_path(path) } else { path };
    Some(State {
        path: path.to_owned(),
        kind: symbol.kind,
        size: symbol.size,
        verdict,
        reason,
        fix,
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

    #[test]
    fn an_instance_of_a_key_is_no_state_of_its_own() {
        let table = Known::table().unwrap();
        let key = "_ZN3foo5COUNT17h2d86bd1a06d2e54bE";
        let instance = "_ZN3foo5COUNT8INSTANCE17h2d86bd1a06d2e54bE";
        let found = classify(
            vec![
                symbol(key, Kind::Key, 168),
                symbol(instance, Kind::Static, 8),
            ],
            &table,
            "",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].states.len(), 1);
        assert_eq!(found[0].states[0].kind, Kind::Key);
        // Without the key, it is.
        let found = classify(vec![symbol(instance, Kind::Static, 8)], &table, "");
        assert_eq!(found[0].verdict(), Verdict::Unknown);
        let found = classify(vec![symbol(instance, Kind::Static, 8)], &table, "foo");
        assert_eq!(found[0].verdict(), Verdict::Harmless);
    }

    #[test]
    fn the_worst_comes_first() {
        let table = Known::table().unwrap();
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
            &table,
            "",
        );
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["parking_lot_core", "foo", "std"]);
        let fix = found[0].states[0].fix.as_deref();
        assert_eq!(fix, Some("cargo tls-slots fork parking_lot_core"));
    }
}
