//! The table as a page of the guide.
//!
//! The page has one row for each crate, and below it one row for each release that somebody would
//! look for: the oldest and the newest, those that lock files of published projects hold, those
//! that are shared between a host and a module in tests, and those that do not fit.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;

use super::error::Error;
use crate::release_table::{Answer, Facts, Table};
use crate::replace_file::replace_file;

/// The line of the page after which it is generated.
const MARK: &str = "<!-- `cargo tls-slots releases` writes what follows -->";

/// The page with `table` in it. What is above the mark stays as it is in `page`.
pub fn page(page: &str, table: &Table) -> String {
    let head = page.split(MARK).next().unwrap_or_default();
    format!("{head}{MARK}\n\n{}\n{}", crates(table), details(table))
}

/// Writes the table into the page of the guide, if the table lies in a repository that has one.
///
/// # Errors
///
/// [`Error::Read`] or [`Error::Write`].
pub(super) fn write_page(table_path: &Path, table: &Table) -> Result<(), Error> {
    let path = table_path
        .parent()
        .map_or(PathBuf::new(), |it| it.join("../docs/releases.md"));
    if !path.is_file() {
        return Ok(());
    }
    let old = fs::read_to_string(&path).map_err(|source| Error::Read(path.clone(), source))?;
    let new = page(&old, table);
    match new == old {
        true => Ok(()),
        false => replace_file(&path, new.as_bytes()).map_err(|source| Error::Write(path, source)),
    }
}

/// One row for each crate: how many releases gave which answer.
fn crates(table: &Table) -> String {
    let mut text = String::from(
        "| crate | releases | tried | fork | compile | own tests pass | shared between host and \
         module | nothing to share |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
    );
    for name in table.crates() {
        let all: BTreeMap<&Version, &Facts> = table.releases(name).collect();
        let (Some(oldest), Some(newest)) = (all.keys().next(), all.keys().next_back()) else {
            continue;
        };
        let nothing: Vec<&Version> = all
            .iter()
            .filter(|(_, facts)| matches!(facts.forks, Answer::None(_)))
            .map(|(version, _)| *version)
            .collect();
        let count = |answer: fn(&Facts) -> &Answer| {
            let answers = all.values().map(|facts| answer(facts));
            let tried = answers.filter(|answer| matches!(answer, Answer::Yes(_) | Answer::No(_)));
            let tried: Vec<&Answer> = tried.collect();
            let yes = tried.iter().filter(|answer| answer.is_yes()).count();
            match tried.len() {
                0 => String::new(),
                all if all == yes => format!("{yes}"),
                all => format!("{yes} of {all}"),
            }
        };
        text += &format!(
            "| `{name}` | {} | {} | {} | {} | {} | {} | {} |\n",
            range(oldest, newest),
            all.len(),
            count(|facts| &facts.forks),
            count(|facts| &facts.compiles),
            count(|facts| &facts.own_tests),
            count(|facts| &facts.boundary),
            match (nothing.first(), nothing.last()) {
                (Some(first), Some(last)) => range(first, last),
                _ => String::new(),
            },
        );
    }
    text
}

/// `1.0.0 – 1.2.3`, or one version.
fn range(first: &Version, last: &Version) -> String {
    match first == last {
        true => first.to_string(),
        false => format!("{first} – {last}"),
    }
}

/// One row for each release that somebody would look for.
fn details(table: &Table) -> String {
    let mut text = String::from(
        "| crate | release | in a lock file | forks | compiles | own tests | shared |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for name in table.crates() {
        let all: Vec<(&Version, &Facts)> = table.releases(name).collect();
        for (index, (version, facts)) in all.iter().enumerate() {
            let Facts {
                forks,
                compiles,
                own_tests,
                boundary,
                ..
            } = facts;
            let no = [forks, compiles, own_tests, boundary]
                .iter()
                .any(|answer| matches!(answer, Answer::No(_)));
            let edge = index == 0 || index + 1 == all.len();
            if !(edge || no || facts.lockfile || boundary.is_yes()) {
                continue;
            }
            text += &format!(
                "| `{name}` | {version} | {} | {} | {} | {} | {} |\n",
                if facts.lockfile { "yes" } else { "" },
                cell(forks),
                cell(compiles),
                cell(own_tests),
                cell(boundary),
            );
        }
    }
    text
}

/// An answer in a table.
fn cell(answer: &Answer) -> String {
    let words = answer.words().replace('|', "\\|");
    match answer {
        Answer::Open => String::new(),
        Answer::Yes(_) if words.is_empty() => "yes".to_owned(),
        Answer::Yes(_) => words,
        Answer::None(_) => words,
        Answer::No(_) => format!("**no**: {words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_its_head_and_shows_what_matters() {
        let mut table = Table::default();
        for patch in 0..5 {
            table.entry("a", &Version::new(1, 0, patch)).forks = Answer::yes();
        }
        table.entry("a", &Version::new(1, 0, 2)).compiles = Answer::No("a|b".to_owned());
        table.entry("a", &Version::new(1, 0, 3)).lockfile = true;
        let first = page(&format!("# Head\n\n{MARK}\nold"), &table);
        assert!(
            first.starts_with("# Head\n\n<!--") && !first.contains("old"),
            "{first}"
        );
        assert!(
            first.contains("| `a` | 1.0.0 – 1.0.4 | 5 | 5 | 0 of 1 |  |  |  |"),
            "{first}"
        );
        assert!(!first.contains("| `a` | 1.0.1 |"), "{first}");
        for row in [
            "| `a` | 1.0.0 |",
            "| 1.0.2 |  | yes | **no**: a\\|b |",
            "| 1.0.3 | yes |",
        ] {
            assert!(first.contains(row), "{row}\n{first}");
        }
        assert_eq!(page(&first, &table), first);
    }
}
