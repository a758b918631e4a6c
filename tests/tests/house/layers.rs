//! The layers of a crate, as ARCHITECTURE.md draws them, against its arrows.
//!
//! A block there names the layers of a crate, the top one first:
//!
//! ````text
//! ```layers tls-slots
//! export
//! report panics
//! values
//! ```
//! ````
//!
//! Each word is an *entry*: a file of `src/` without `.rs`, or a folder with all that is in it.
//! Where the block also has entries below a folder, as `load` and `load/copy`, the folder's name
//! means its own file only: `load.rs` or `load/mod.rs`. A crate's first file, `lib.rs` or
//! `main.rs`, needs no entry: it is on top.
//!
//! A file may use files of its own entry and of layers below; not of layers above, and not of
//! other entries in its line.

use std::collections::{BTreeMap, BTreeSet};

use crate::arrows::Arrow;

/// The layers of a crate, top first: the entries of each.
#[derive(Default)]
pub(crate) struct Layers(pub(crate) Vec<Vec<String>>);

/// A file's layer (0 is on top), and its entry there.
type Place<'a> = (usize, &'a str);

impl Layers {
    /// All blocks of a text, by crate.
    ///
    /// # Panics
    ///
    /// If a crate has two blocks.
    pub(crate) fn all(markdown: &str) -> BTreeMap<String, Self> {
        let mut all = BTreeMap::new();
        let mut lines = markdown.lines().map(str::trim);
        while let Some(line) = lines.next() {
            let Some(name) = line.strip_prefix("```layers ") else {
                continue;
            };
            let block = lines.by_ref().take_while(|line| *line != "```");
            let layers = block.filter(|line| !line.is_empty());
            let layers = layers.map(|line| line.split_whitespace().map(str::to_owned).collect());
            let earlier = all.insert(name.trim().to_owned(), Self(layers.collect()));
            assert!(earlier.is_none(), "two blocks `layers {name}`");
        }
        all
    }

    /// What the order forbids: files without a place, entries without a file, arrows that run up
    /// or between two entries of a layer.
    pub(crate) fn complaints(&self, files: &BTreeSet<&str>, arrows: &[Arrow]) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut places = BTreeMap::new();
        for file in files {
            match self.entries(file)[..] {
                [] => complaints.push(format!("{file}: no entry of ARCHITECTURE.md covers it")),
                [place] => drop(places.insert(*file, place)),
                [(_, one), (_, other), ..] => {
                    complaints.push(format!("{file}: both `{one}` and `{other}` cover it"));
                }
            }
        }
        for entry in self.0.iter().flatten() {
            if !places.values().any(|(_, used)| used == entry) {
                complaints.push(format!("ARCHITECTURE.md: `{entry}` covers no file"));
            }
        }
        complaints.extend(arrows.iter().filter_map(|arrow| {
            let (from, to) = (places.get(&*arrow.from), places.get(&*arrow.to));
            let why = match (from?, to?) {
                (from, to) if from == to => return None,
                (from, to) if from.0 > to.0 => "runs up",
                (from, to) if from.0 == to.0 => "stays in its layer",
                _ => return None,
            };
            Some(format!("{arrow}: {why}"))
        }));
        complaints
    }

    /// The entries that cover a file.
    fn entries(&self, file: &str) -> Vec<Place<'_>> {
        if matches!(file, "lib" | "main") || file.starts_with("bin/") {
            // On top of all, and above no other one.
            return vec![(0, "")];
        }
        let entries = self.0.iter().enumerate().flat_map(|(layer, entries)| {
            entries.iter().map(move |entry| (layer + 1, entry.as_str()))
        });
        entries
            .filter(|(_, entry)| self.covers(entry, file))
            .collect()
    }

    fn covers(&self, entry: &str, file: &str) -> bool {
        let Some(rest) = file.strip_prefix(entry) else {
            return false;
        };
        let below = format!("{entry}/");
        let is_split = self
            .0
            .iter()
            .flatten()
            .any(|other| other.starts_with(&below));
        rest.is_empty() || rest == "/mod" || (!is_split && rest.starts_with('/'))
    }
}
