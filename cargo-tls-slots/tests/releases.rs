//! The table of releases: what it must hold, the page that shows it, and that a sample of it still
//! forks.
//!
//! `cargo tls-slots releases --known` tries all of it, and compiles.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_tls_slots::fork::{ForkOptions, fork};
use cargo_tls_slots::releases::{Answer, Table, page};
use semver::Version;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a recipe says of releases.
struct Said {
    name: String,
    since: Version,
    default: Version,
}

fn recipes() -> Vec<Said> {
    let folder = repository().join("patches");
    let mut recipes = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "toml") {
            continue;
        }
        let recipe: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        let version = |key: &str| recipe[key].as_str().unwrap().parse().unwrap();
        recipes.push(Said {
            name: recipe["crate"].as_str().unwrap().to_owned(),
            since: version("since"),
            default: version("default"),
        });
    }
    assert!(recipes.len() > 20);
    recipes
}

/// The crates that are forked along another one have no rows of their own.
fn is_along(name: &str) -> bool {
    name == "tokio-macros"
}

#[test]
fn the_table_holds_what_the_recipes_name() {
    let table = Table::embedded();
    for Said {
        name,
        since,
        default,
    } in recipes()
    {
        if is_along(&name) {
            continue;
        }
        let facts = |version| {
            let facts = table.facts(&name, version);
            facts.unwrap_or_else(|| panic!("{name} {version} is not in the table"))
        };
        for version in [&since, &default] {
            let facts = facts(version);
            let fits = facts.forks.is_yes() || matches!(facts.forks, Answer::None(_));
            assert!(fits, "{name} {version}: {:?}", facts.forks);
            assert_eq!(facts.checksum.len(), 64, "{name} {version}");
        }
        assert!(facts(&default).compiles.is_yes(), "{name} {default}");
    }
    let crates: Vec<&str> = table.crates().collect();
    for name in crates {
        assert!(recipes().iter().any(|recipe| recipe.name == name), "{name}");
    }
}

#[test]
fn what_real_lock_files_hold_fits() {
    let table = Table::embedded();
    let (mut all, mut crates) = (0, BTreeSet::new());
    for name in table.crates() {
        for (version, facts) in table.releases(name).filter(|(_, facts)| facts.lockfile) {
            assert!(
                !matches!(facts.forks, Answer::No(_) | Answer::Open),
                "{name} {version}"
            );
            assert!(!matches!(facts.compiles, Answer::No(_)), "{name} {version}");
            all += 1;
            crates.insert(name);
        }
    }
    // Ten lock files of large projects, as of the time when they were looked at.
    assert!(
        all >= 55 && crates.len() >= 18,
        "{all} releases of {crates:?}"
    );
}

#[test]
fn the_page_shows_the_table() {
    let path = repository().join("docs/releases.md");
    let text = fs::read_to_string(path).unwrap();
    assert!(
        page(&text, Table::embedded()) == text,
        "docs/releases.md is not what `cargo tls-slots releases` writes"
    );
}

/// Oldest, middle and newest of those releases of each crate that fork, in one lock file.
#[test]
fn a_sample_still_forks() {
    let table = Table::embedded();
    let mut lock = String::from("version = 4\n");
    let mut sample = BTreeSet::new();
    for name in table.crates().filter(|name| !is_along(name)) {
        let fitting = table.releases(name);
        let fitting: Vec<_> = fitting.filter(|(_, facts)| facts.forks.is_yes()).collect();
        let last = fitting.len() - 1;
        for at in BTreeSet::from([0, last / 2, last]) {
            let (version, facts) = fitting[at];
            lock += &format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\
                 source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                 checksum = \"{}\"\n",
                facts.checksum
            );
            sample.insert(format!("{name}-{version}"));
        }
    }
    assert!(sample.len() > 40, "{sample:?}");
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("releases");
    fs::create_dir_all(&place).unwrap();
    let lockfile = place.join("Cargo.lock");
    fs::write(&lockfile, lock).unwrap();
    let forked = fork(&ForkOptions {
        strict: true,
        lockfile: Some(lockfile),
        ..ForkOptions::new(place.join("forks"))
    });
    let forked = forked.unwrap_or_else(|error| panic!("{error}"));
    assert!(forked.left.is_empty(), "{:?}", forked.left);
    let folders = forked.crates.iter().map(|one| one.folder().to_owned());
    let folders: BTreeSet<String> = folders.collect();
    assert!(sample.is_subset(&folders), "{sample:?}, {folders:?}");
}
