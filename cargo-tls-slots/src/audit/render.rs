//! An audit as text, for a person, and as JSON, for a program.
//!
//! The text begins with a line about the file and a table of its crates:
//!
//! ```text
//! module liba.so: 95 shared keys; 2480 bytes of writable state of its own, 98% of it with a name
//!
//! crate   shared  thread-locals  statics   bytes  verdict
//! log          0              0        3      40  breaks
//! tokio       53              0        0       0  shared
//! ```
//!
//! Below it each verdict that occurs has a section, with crates and reasons. What is harmless is
//! not listed in its parts: there is a lot of it, and nothing to do about it.
//!
//! The JSON has every state, in the order of the text, whatever its verdict.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::known::Verdict;
use super::state::{Audit, CrateState, Kind, State};

/// The sections of the text after the table, in their order, with the heading of each.
const SECTIONS: [(Verdict, &str); 4] = [
    (Verdict::Breaks, "breaks: does not work across images"),
    (
        Verdict::Unknown,
        "unknown: nobody has looked at these; `cargo tls-slots fork PACKAGE` shares them",
    ),
    (Verdict::Caution, "caution: works, if a rule is kept"),
    (Verdict::Harmless, "harmless: a copy in each image is right"),
];

impl Audit {
    /// The audit as a person reads it: a table of the crates, then a section for each verdict.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let keys: usize = self.crates.iter().map(|one| one.count(Kind::Key)).sum();
        let kind = self.kind();
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let percent = (self.named.min(self.bytes) * 100).checked_div(self.bytes);
        let _ = writeln!(
            text,
            "{kind} {name}: {keys} shared keys; {} bytes of writable state of its own, \
             {}% of it with a name\n",
            self.bytes,
            percent.unwrap_or(100)
        );
        self.table(&mut text);
        for (verdict, title) in SECTIONS {
            self.section(verdict, title, &mut text);
        }
        text
    }

    /// Appends the table of the crates.
    fn table(&self, text: &mut String) {
        let names = self.crates.iter().map(|one| one.name.len());
        let width = names.max().unwrap_or(0).max(5);
        let _ = writeln!(
            text,
            "{:width$}  shared  thread-locals  statics   bytes  verdict",
            "crate"
        );
        for one in &self.crates {
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
    }

    /// Appends the states with one verdict, by crate and reason; nothing if there are none.
    fn section(&self, verdict: Verdict, title: &str, text: &mut String) {
        let mut groups: Vec<(&str, &State, Vec<&State>)> = Vec::new();
        for (one, state) in self.with(verdict) {
            let same = groups
                .iter_mut()
                .find(|(name, first, _)| *name == one.name && first.reason == state.reason);
            match same {
                Some((_, _, all)) => all.push(state),
                None => groups.push((&one.name, state, vec![state])),
            }
        }
        if groups.is_empty() {
            return;
        }
        let _ = writeln!(text, "\n{title}");
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
                    let _ = writeln!(
                        text,
                        "    {} {} ({} bytes)",
                        state.kind.word(),
                        state.path,
                        state.size
                    );
                }
            }
        }
    }

    /// The audit as JSON, for a program.
    pub fn json(&self) -> Value {
        let crates: Vec<Value> = self.crates.iter().map(CrateState::json).collect();
        json!({
            "file": self.path.display().to_string(),
            "kind": self.kind(),
            "bytes": self.bytes,
            "named_bytes": self.named,
            "crates": crates,
        })
    }
}

impl CrateState {
    /// One crate of [`Audit::json`].
    fn json(&self) -> Value {
        let states: Vec<Value> = self.states.iter().map(State::json).collect();
        json!({
            "crate": self.name,
            "verdict": self.verdict().word(),
            "bytes": self.private_bytes(),
            "states": states,
        })
    }
}

impl State {
    /// One state of [`Audit::json`].
    fn json(&self) -> Value {
        json!({
            "path": self.path,
            "kind": self.kind.word(),
            "bytes": self.size,
            "verdict": match self.kind {
                Kind::Key => "shared",
                _ => self.verdict.word(),
            },
            "reason": self.reason,
            "fix": self.fix,
        })
    }
}
