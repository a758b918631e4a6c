//! Which file of a crate uses which, and which files use each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::tree::Crate;

/// A file uses another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrow {
    /// The file's path, from the repository's root, and the first line that uses the other.
    pub(crate) place: String,
    /// The file's name, from `src`, without `.rs`.
    pub(crate) from: String,
    /// The other's name.
    pub(crate) to: String,
    /// The path that is written there.
    pub(crate) by: String,
    /// How many more lines use it.
    pub(crate) more: usize,
}

impl fmt::Display for Arrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} -> {} by `{}`",
            self.place, self.from, self.to, self.by
        )?;
        match self.more {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

/// All arrows of a crate, one for each two files, in the order of the files' names.
pub(crate) fn arrows(tree: &Crate<'_>) -> Vec<Arrow> {
    let mut arrows = BTreeMap::new();
    for (at, file) in tree.files.iter().enumerate() {
        let mut lines = BTreeSet::new();
        for written in &file.parsed.written {
            for to in tree.files_meant(at, written) {
                // A line that names the other twice is one place.
                if !lines.insert((to, written.line)) {
                    continue;
                }
                let to = &tree.files[to].name;
                arrows
                    .entry((&file.name, to))
                    .and_modify(|arrow: &mut Arrow| arrow.more += 1)
                    .or_insert_with(|| Arrow {
                        place: format!("{}:{}", file.path, written.line),
                        from: file.name.clone(),
                        to: to.clone(),
                        by: written.names.join("::"),
                        more: 0,
                    });
            }
        }
    }
    arrows.into_values().collect()
}

/// The circles: sets of files each of which uses all others, directly or not. A complaint for
/// each, with the arrows in it.
pub(crate) fn circles(arrows: &[Arrow]) -> Vec<String> {
    let mut uses = BTreeMap::<&str, BTreeSet<&str>>::new();
    for arrow in arrows {
        uses.entry(&arrow.from).or_default().insert(&arrow.to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> = uses
        .keys()
        .map(|file| (*file, reached_from(file, &uses)))
        .collect();
    let mut circles = BTreeSet::new();
    for (file, reached_files) in &reached {
        if reached_files.contains(file) {
            let back = |other: &&&str| reached.get(**other).is_some_and(|them| them.contains(file));
            circles.insert(
                reached_files
                    .iter()
                    .filter(back)
                    .copied()
                    .collect::<Vec<&str>>(),
            );
        }
    }
    let complaints = circles.iter().map(|circle| {
        let inside = |arrow: &&Arrow| {
            [&arrow.from, &arrow.to]
                .iter()
                .all(|one| circle.contains(&one.as_str()))
        };
        let arrows = arrows
            .iter()
            .filter(inside)
            .map(|arrow| format!("\n    {arrow}"));
        format!(
            "circle of {} files: {}{}",
            circle.len(),
            circle.join(", "),
            arrows.collect::<String>()
        )
    });
    complaints.collect()
}

/// All files that a file uses, directly or not.
fn reached_from<'a>(
    file: &'a str,
    uses: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![file];
    while let Some(file) = next.pop() {
        let used = uses.get(file).into_iter().flatten();
        next.extend(used.filter(|used| reached.insert(**used)));
    }
    reached
}
