//! The result of an audit: crates, and the state of each.
//!
//! An [`Audit`] is a value: [`Audit::has`] answers CI's question, [`Audit::render`] and
//! [`Audit::json`] show it, and a caller with another question walks [`Audit::crates`].

use std::path::PathBuf;

use super::verdict::Verdict;

/// What an image keeps in writable memory.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The file.
    pub path: PathBuf,
    /// Whether the file exports what modules need: whether it can be a host.
    pub is_host: bool,
    /// The number of bytes of writable memory, without those of keys.
    pub bytes: u64,
    /// How many of these bytes belong to a symbol.
    pub named: u64,
    /// Every crate that has state, the worst first, then the largest.
    pub crates: Vec<CrateState>,
}

/// The state of one crate.
#[derive(Clone, Debug)]
pub struct CrateState {
    /// The name, as the compiler has it; `(C)` for what is not Rust's.
    pub name: String,
    /// Its thread-locals and statics, keys first, then worst first.
    pub states: Vec<State>,
}

/// One thread-local or static.
#[derive(Clone, Debug)]
pub struct State {
    /// The path, without what the compiler adds to it.
    pub path: String,
    /// Whether it is a key, a thread-local or a static.
    pub kind: Kind,
    /// The size in this image, in bytes.
    pub size: u64,
    /// Whether a copy in each image is right. A key is shared, and so [`Verdict::Harmless`].
    pub verdict: Verdict,
    /// Why the verdict is so; empty where nobody knows.
    pub reason: String,
    /// What helps: the command that shares the state, how to declare it, or what to read.
    pub fix: Option<String>,
    /// What states like this one are called, where there may be hundreds of them: `callsites of
    /// tracing`. A person reads their number.
    pub fold: Option<String>,
}

/// What a symbol stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A key: the host's, where the host has the same.
    Key,
    /// A thread-local of this image.
    ThreadLocal,
    /// A static of this image.
    Static,
}

impl Kind {
    /// The kind in one word, as in the JSON.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Key => "key",
            Kind::ThreadLocal => "thread-local",
            Kind::Static => "static",
        }
    }
}

impl CrateState {
    /// The worst verdict among the states that are not keys.
    pub fn verdict(&self) -> Verdict {
        self.private()
            .map(|state| state.verdict)
            .max()
            .unwrap_or(Verdict::Harmless)
    }

    /// The states that each image has for itself: all but the keys.
    pub(super) fn private(&self) -> impl Iterator<Item = &State> {
        self.states.iter().filter(|state| state.kind != Kind::Key)
    }

    /// The size of the states that are not keys, in bytes.
    pub(super) fn private_bytes(&self) -> u64 {
        self.private().map(|state| state.size).sum()
    }

    /// The number of states of one kind.
    pub(super) fn count(&self, kind: Kind) -> usize {
        self.states
            .iter()
            .filter(|state| state.kind == kind)
            .count()
    }
}

impl Audit {
    /// Whether there is state, other than keys, whose verdict is as bad as `verdict` or worse.
    ///
    /// `has(Verdict::Breaks)` is what `--deny` asks, and `has(Verdict::Unknown)` is what
    /// `--deny=unknown` asks: what breaks is worse than what is unknown.
    pub fn has(&self, verdict: Verdict) -> bool {
        self.crates.iter().any(|one| one.verdict() >= verdict)
    }

    /// What the file is, in one word: `host`, `module` or `file`.
    ///
    /// A host exports what modules need. A module has keys. Neither is certain of a file that has
    /// no keys and exports nothing, as a module may share nothing.
    pub(super) fn kind(&self) -> &'static str {
        let has_keys = self.crates.iter().any(|one| one.count(Kind::Key) > 0);
        match (self.is_host, has_keys) {
            (true, _) => "host",
            (false, true) => "module",
            // A module without keys looks like any other library.
            (false, false) => "file",
        }
    }
}
