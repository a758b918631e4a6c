//! An audit as text, for a person.
//!
//! What a person must look at has one line a crate, the worst first. What needs nothing done is a
//! number:
//!
//! ```text
//! module liba.so: 95 shared keys; 2480 bytes of writable state of its own, 98% of it with a name
//!
//! breaks   log  3 statics  the logger is set per copy: …; cargo tls-slots fork log
//! caution  std  5 statics  3 reasons; see "What std keeps per copy" in docs/audit.md
//! not listed: 12 crates with nothing to do, 430 callsites of `tracing`; `--all` lists everything
//! ```
//!
//! For a host with modules, the lines are about [what both have](super::both). With `--all` there
//! is a table of all crates, and below it a section for each verdict with every state in it, but
//! for what is harmless: there is a lot of it, and nothing to do about it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::both::Both;
use super::state::{Audit, CrateState, Kind, State};
use super::verdict::Verdict;

/// The sections of the long text, in their order, with the heading of each.
const SECTIONS: [(Verdict, &str); 4] = [
    (Verdict::Breaks, "breaks: does not work across images"),
    (Verdict::Unknown, "unknown: nobody has looked at these"),
    (Verdict::Caution, "caution: works, if a rule is kept"),
    (Verdict::Harmless, "harmless: a copy in each image is right"),
];

impl Audit {
    /// The audit as a person reads it: a line for each crate that needs a look.
    pub fn render(&self) -> String {
        let mut text = self.head();
        text += &lines(&self.crates);
        text += &rest(&self.crates, &[]);
        text
    }

    /// All of the audit: a table of the crates, then a section for each verdict.
    pub fn render_all(&self) -> String {
        self.head() + &all(&self.crates)
    }

    /// The first line, about the file, and an empty one.
    fn head(&self) -> String {
        let keys: usize = self.crates.iter().map(|one| one.count(Kind::Key)).sum();
        let kind = self.kind();
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let percent = (self.named.min(self.bytes) * 100).checked_div(self.bytes);
        format!(
            "{kind} {name}: {keys} shared keys; {} bytes of writable state of its own, \
             {}% of it with a name\n\n",
            self.bytes,
            percent.unwrap_or(100)
        )
    }
}

impl Both {
    /// What both have and do not share, a line for each crate that needs a look.
    pub fn render(&self) -> String {
        let mut text = self.head();
        text += &lines(&self.crates);
        let others = [
            (self.only_host, "that only the host has"),
            (self.only_modules, "that only a module has"),
        ];
        text += &rest(&self.crates, &others);
        text
    }

    /// All that both have and do not share: a section for each verdict.
    pub fn render_all(&self) -> String {
        self.head() + &all(&self.crates)
    }

    /// The first line, about the files, and an empty one.
    fn head(&self) -> String {
        let name = |path: &PathBuf| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        let modules: Vec<String> = self.modules.iter().map(name).collect();
        format!(
            "host {} with {}: {} keys shared; what follows both sides have, each for itself\n\n",
            name(&self.host),
            modules.join(", "),
            self.shared
        )
    }
}

/// A table of the crates, then a section for each verdict.
fn all(crates: &[CrateState]) -> String {
    let mut text = table(crates);
    for (verdict, title) in SECTIONS {
        text += &section(crates, verdict, title);
    }
    text
}

/// One line for each crate that has state with a worse verdict than harmless, and one for each
/// kind of statics that are folded.
///
/// A line says the worst verdict of the crate, how many statics and thread-locals need a look, why,
/// and what helps. Where the worst of them have several reasons, only their number is told: the
/// reasons are in the long text.
fn lines(crates: &[CrateState]) -> String {
    let mut rows = Vec::new();
    let mut folds = BTreeMap::<(Verdict, &str), (&State, Vec<&str>)>::new();
    for one in crates {
        let looked_at = |state: &&State| state.verdict > Verdict::Harmless;
        let states = one.private().filter(looked_at);
        let (folded, mut states): (Vec<&State>, Vec<&State>) =
            states.partition(|state| state.fold.is_some());
        for state in folded {
            let name = state.fold.as_deref().unwrap_or_default();
            let fold = folds.entry((state.verdict, name));
            fold.or_insert((state, Vec::new())).1.push(&one.name);
        }
        states.sort_by_key(|state| std::cmp::Reverse(state.verdict));
        if let Some(worst) = states.first() {
            let advice = advice(&states, worst.verdict);
            rows.push((worst.verdict, one.name.clone(), counted(&states), advice));
        }
    }
    for ((verdict, name), (state, mut of)) in folds {
        let count = of.len();
        of.dedup();
        let what = format!("{count} in {}", number(of.len(), "crate"));
        rows.push((verdict, name.to_owned(), what, advice(&[state], verdict)));
    }
    if rows.is_empty() {
        return "nothing breaks, nothing is unknown, and there is no rule to keep\n".to_owned();
    }
    rows.sort_by_key(|(verdict, ..)| std::cmp::Reverse(*verdict));
    let width = |of: fn(&Row) -> &String| rows.iter().map(|row| of(row).len()).max().unwrap_or(0);
    let (names, counts) = (width(|row| &row.1), width(|row| &row.2));
    let mut text = String::new();
    for (verdict, name, count, advice) in &rows {
        let verdict = verdict.word();
        let line = format!("{verdict:8} {name:names$}  {count:counts$}  {advice}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// A line: verdict, crate, how much of what, and what helps.
type Row = (Verdict, String, String, String);

/// Why the worst of some states have their verdict, and what helps.
fn advice(states: &[&State], worst: Verdict) -> String {
    let worst = states.iter().filter(|state| state.verdict == worst);
    let mut reasons: Vec<&str> = worst.clone().map(|state| state.reason.as_str()).collect();
    let mut fixes: Vec<&str> = worst.filter_map(|state| state.fix.as_deref()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    fixes.sort_unstable();
    fixes.dedup();
    let reason = match reasons.as_slice() {
        [one] => (*one).to_owned(),
        several => number(several.len(), "reason"),
    };
    let fix = fixes.join("; ");
    match (reason.is_empty(), fix.is_empty()) {
        (_, true) => reason,
        (true, false) => fix,
        (false, false) => format!("{reason}; {fix}"),
    }
}

/// How many thread-locals and statics some states are.
fn counted(states: &[&State]) -> String {
    let kinds = [
        (Kind::ThreadLocal, "thread-local"),
        (Kind::Static, "static"),
        // Of one that only the other side shares.
        (Kind::Key, "key"),
    ];
    let parts = kinds.iter().filter_map(|(kind, word)| {
        let count = states.iter().filter(|state| state.kind == *kind).count();
        (count > 0).then(|| number(count, word))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// A number with a word, in the plural where there are several.
fn number(count: usize, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    }
}

/// What the lines do not list, as numbers. `others` are numbers of crates, each with what they are.
///
/// A person must see that something is left out, and how to get it. Empty if nothing is.
fn rest(crates: &[CrateState], others: &[(usize, &str)]) -> String {
    let mut parts = Vec::new();
    let is_right = |one: &&CrateState| one.verdict() == Verdict::Harmless;
    let count = crates.iter().filter(is_right).count();
    if count > 0 {
        parts.push(format!("{} with nothing to do", number(count, "crate")));
    }
    for (count, what) in others {
        if *count > 0 {
            parts.push(format!("{} {what}", number(*count, "crate")));
        }
    }
    let mut folds = BTreeMap::<&str, usize>::new();
    for state in crates.iter().flat_map(CrateState::private) {
        if state.verdict == Verdict::Harmless
            && let Some(fold) = &state.fold
        {
            *folds.entry(fold).or_default() += 1;
        }
    }
    parts.extend(folds.into_iter().map(|(what, count)| {
        // `callsites of …`
        let what = match (count, what.split_once("s ")) {
            (1, Some((one, rest))) => format!("{one} {rest}"),
            _ => what.to_owned(),
        };
        format!("{count} {what}")
    }));
    match parts.is_empty() {
        true => String::new(),
        false => format!(
            "not listed: {}; `--all` lists everything\n",
            parts.join(", ")
        ),
    }
}

/// The table of all crates.
fn table(crates: &[CrateState]) -> String {
    let names = crates.iter().map(|one| one.name.len());
    let width = names.max().unwrap_or(0).max(5);
    let mut text = format!(
        "{:width$}  shared  thread-locals  statics   bytes  verdict\n",
        "crate"
    );
    for one in crates {
        let verdict = match one.private().next() {
            None => "shared",
            Some(_) => one.verdict().word(),
        };
        let _ = writeln!(
            text,
            "{:width$}  {:6}  {:13}  {:7}  {:6}  {verdict}",
            one.name,
            one.count(Kind::Key),
            one.count(Kind::ThreadLocal),
            one.count(Kind::Static),
            one.private_bytes(),
        );
    }
    text
}

/// The states with one verdict, by crate and reason; nothing if there are none.
fn section(crates: &[CrateState], verdict: Verdict, title: &str) -> String {
    let mut groups: Vec<(&str, &State, Vec<&State>)> = Vec::new();
    for one in crates {
        for state in one.private().filter(|state| state.verdict == verdict) {
            let name = state.fold.as_deref().unwrap_or(&one.name);
            let same = groups.iter_mut().find(|(group, first, _)| {
                *group == name && first.reason == state.reason && first.fix == state.fix
            });
            match same {
                Some((_, _, all)) => all.push(state),
                None => groups.push((name, state, vec![state])),
            }
        }
    }
    if groups.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{title}\n");
    for (name, first, all) in groups {
        let reason = match first.reason.as_str() {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        let _ = writeln!(text, "  {name}{reason}");
        if let Some(fix) = &first.fix {
            let _ = writeln!(text, "    cure: {fix}");
        }
        // What is right needs no list of its parts.
        if verdict != Verdict::Harmless {
            for state in all {
                let (kind, path, size) = (state.kind.word(), &state.path, state.size);
                let _ = writeln!(text, "    {kind} {path} ({size} bytes)");
            }
        }
    }
    text
}
