//! The answer for each feature of a crate.
//!
//! 1. The library's files are read. If one cannot be, or if a build script looks at features,
//!    nothing is known, and every feature is compared.
//! 2. The [places](super::sites) are found that conditions with features decide about. That is done
//!    once for all features.
//! 3. A feature is harmless if it changes none of them; or if it only adds to those that may be
//!    added to. This is tried without the crate's cfgs, and then with each of them again, as far as
//!    that goes.
//! 4. What is left may be harmless where one other feature is on, or off. Only a feature that
//!    stands in every place that is changed can help. The one that helps most features is taken
//!    first, and is compared from then on.
//!
//! A crate of tokio's size takes two seconds in a build without optimisation.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::condition::{Effect, Given};
use super::gates::Gates;
use super::names::Names;
use super::sites::{Site, Sites, find};
use crate::source::layout::Layout;
use crate::source::library::{Library, read};
use crate::source::tree::Tree;

/// What is known of a crate's features.
pub(crate) struct Features {
    sites: Sites,
    /// Where each condition comes for the first time among the sites. Most come hundreds of times.
    distinct: Vec<usize>,
    /// Cfgs that the crate's record has.
    cfgs: BTreeSet<String>,
}

/// In which builds a feature is harmless.
///
/// What it names is compared between the two images, so the answer is the same in both of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Harmless {
    /// Builds with this feature, or without it.
    with: Option<(String, bool)>,
    /// Builds without these cfgs.
    without: BTreeSet<String>,
}

impl Features {
    /// Reads the sources of a crate. `crates` are the names of its dependencies, and `cfgs` those
    /// that its record has: both sides agree on them.
    ///
    /// `None` if not all of it can be read, or if a build script looks at features: nothing is
    /// known then.
    pub(crate) fn read(
        tree: &Tree,
        crates: BTreeSet<String>,
        cfgs: &BTreeSet<String>,
    ) -> Option<Self> {
        let layout = Layout::read(tree).ok()?;
        let (files, unread) = read(tree, |path| layout.has(path));
        if !unread.is_empty() || script_asks(tree, &layout) {
            return None;
        }
        let library = Library::new(&files);
        let gates = Gates::new(&library);
        let names = Names::new(&library, &gates, crates);
        let sites = find(&library, &gates, &names);
        let mut cfgs = cfgs.clone();
        cfgs.remove("debug_assertions");
        let mut known = BTreeSet::new();
        let distinct = (0..sites.all.len()).filter(|at| {
            let Site {
                condition,
                under,
                may_add,
                ..
            } = &sites.all[*at];
            known.insert((condition, under, may_add))
        });
        Some(Features {
            distinct: distinct.collect(),
            sites,
            cfgs,
        })
    }

    /// The features among `all` that are harmless, each with the builds in which it is. `all` are
    /// those that both sides agree on unless they are harmless by this answer.
    pub(crate) fn harmless(&self, all: &BTreeSet<&str>) -> BTreeMap<String, Harmless> {
        let mut found = BTreeMap::new();
        if self.sites.any_feature {
            return found;
        }
        let mut open = Vec::new();
        for name in all {
            match self.in_builds(name, None) {
                Some(harmless) => _ = found.insert((*name).to_owned(), harmless),
                None => open.push(*name),
            }
        }
        // Those that need another one, which is compared in all builds from then on. The one that
        // helps most comes first.
        loop {
            let mut helped = BTreeMap::<(&str, bool), Vec<(&str, Harmless)>>::new();
            for name in &open {
                for other in self
                    .deciding_with(name)
                    .into_iter()
                    .filter(|one| open.contains(one))
                {
                    for on in [true, false] {
                        if let Some(harmless) = self.in_builds(name, Some((other, on))) {
                            helped
                                .entry((other, on))
                                .or_default()
                                .push((*name, harmless));
                        }
                    }
                }
            }
            let most = helped.into_iter().max_by_key(|(_, names)| names.len());
            let Some(((other, _), names)) = most else {
                return found;
            };
            open.retain(|name| *name != other && names.iter().all(|(one, _)| one != name));
            let names = names.into_iter();
            found.extend(names.map(|(name, harmless)| (name.to_owned(), harmless)));
        }
    }

    /// The features that decide together with `name` wherever it decides.
    fn deciding_with<'s>(&'s self, name: &str) -> BTreeSet<&'s str> {
        let mut all: Option<BTreeSet<&str>> = None;
        for site in self.differs(name) {
            let mut named = BTreeSet::new();
            site.condition.features(&mut named);
            site.under.iter().for_each(|one| one.features(&mut named));
            named.remove(name);
            all = Some(all.map_or(named.clone(), |all| &all & &named));
        }
        all.unwrap_or_default()
    }

    /// In which builds a feature is harmless, with (or without) that other feature, and without as
    /// few cfgs as possible. `None` if it is in none.
    fn in_builds(&self, name: &str, with: Option<(&str, bool)>) -> Option<Harmless> {
        let with = with.map(|(other, on)| (other.to_owned(), on));
        let is_harmless = |without: &BTreeSet<String>| {
            let given = Given {
                feature: with.clone(),
                unset: without.clone(),
            };
            let mut sites = self.distinct.iter().map(|at| &self.sites.all[*at]);
            !self.sites.strict.contains(name)
                && !sites.any(|site| Self::changes(site, name, &given))
        };
        let mut without = self.cfgs.clone();
        if !is_harmless(&without) {
            return None;
        }
        for cfg in &self.cfgs {
            without.remove(cfg);
            if !is_harmless(&without) {
                without.insert(cfg.clone());
            }
        }
        Some(Harmless { with, without })
    }

    /// Whether a feature changes what is in one of the places.
    fn changes(site: &Site, name: &str, given: &Given) -> bool {
        site.condition.names(name)
            && match site.condition.effect(name, &site.under, given) {
                Effect::Same => false,
                Effect::Adds => !site.may_add,
                Effect::Mixed => true,
            }
    }

    /// The places that a feature changes in builds without the crate's cfgs.
    fn differs<'s>(&'s self, name: &str) -> Vec<&'s Site> {
        let given = Given {
            feature: None,
            unset: self.cfgs.clone(),
        };
        let sites = self.sites.all.iter();
        sites
            .filter(|site| Self::changes(site, name, &given))
            .collect()
    }

    /// Where a feature that is not harmless makes a difference: files and lines. A feature may be
    /// compared for another reason, and then there are none.
    pub(crate) fn places(&self, name: &str) -> Vec<&str> {
        let sites = self.differs(name).into_iter();
        sites.map(|site| site.place.as_str()).collect()
    }
}

impl Harmless {
    /// The builds, as an expression of Rust.
    pub(crate) fn expression(&self) -> String {
        let with = self.with.iter().map(|(name, on)| match on {
            true => format!("feature = {name:?}"),
            false => format!("not(feature = {name:?})"),
        });
        let without = self.without.iter().map(|name| format!("not({name})"));
        let all: Vec<String> = with.chain(without).collect();
        match all.is_empty() {
            true => "true".to_owned(),
            false => format!("cfg!(all({}))", all.join(", ")),
        }
    }
}

/// Whether a build script may look at features: by their variables, by conditions, or at all
/// variables there are.
///
/// A script may consist of several files. These are looked for outside of the library's sources,
/// and a script that takes in others by their path may do anything. One beside it is looked at.
fn script_asks(tree: &Tree, layout: &Layout) -> bool {
    const ASKS: [&str; 6] = [
        "CARGO_FEATURE",
        "CARGO_CFG_FEATURE",
        "feature =",
        "feature=",
        "vars()",
        "vars_os()",
    ];
    let cargo_toml = tree
        .get("Cargo.toml")
        .map(|bytes| String::from_utf8_lossy(bytes));
    let cargo_toml: Table = cargo_toml.unwrap_or_default().parse().unwrap_or_default();
    let build = cargo_toml
        .get("package")
        .and_then(|package| package.get("build"));
    let scripts: Vec<&str> = match build {
        Some(Value::Boolean(false)) => return false,
        Some(Value::String(path)) => vec![path],
        Some(Value::Array(paths)) => paths.iter().filter_map(Value::as_str).collect(),
        _ => vec!["build.rs"],
    };
    let scripts: Vec<&str> = scripts
        .into_iter()
        .map(|path| path.trim_start_matches("./"))
        .collect();
    if !scripts.iter().any(|path| tree.contains_key(*path)) {
        // One that is not there is outside of the package.
        return build.is_some_and(|build| build.as_bool() != Some(true));
    }
    let is_other = |path: &str| {
        let of_others = ["src/", "tests/", "benches/", "examples/"];
        layout.has(path) || of_others.iter().any(|folder| path.starts_with(folder))
    };
    let is_script = |path: &str| {
        let may_be = path.ends_with(".rs") && !is_other(path);
        may_be || scripts.contains(&path)
    };
    tree.iter()
        .filter(|(path, _)| is_script(path))
        .any(|(_, bytes)| {
            let text = String::from_utf8_lossy(bytes);
            ASKS.iter().any(|word| text.contains(word)) || takes_in_others(&text)
        })
}

/// Whether a script's file takes in one that is not beside it.
fn takes_in_others(text: &str) -> bool {
    let is_beside = |rest: &str| {
        let name = rest.trim_start_matches(['(', ' ', '=']).strip_prefix('"');
        let name = name.and_then(|name| name.split('"').next());
        name.is_some_and(|name| name.ends_with(".rs") && !name.contains(['/', '\\']))
    };
    let mut takes = ["include!", "#[path"].into_iter();
    takes.any(|word| !text.split(word).skip(1).all(is_beside))
}
