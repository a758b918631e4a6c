//! An audit as JSON, for a program.
//!
//! The form is stable: members are added and not renamed. It has every state, whatever its
//! verdict, in the order of the long text.

use serde_json::{Value, json};

use super::both::Both;
use super::state::{Audit, CrateState, Kind, State};

impl Audit {
    /// The audit as JSON.
    pub fn json(&self) -> Value {
        json!({
            "file": self.path.display().to_string(),
            "kind": self.kind(),
            "bytes": self.bytes,
            "named_bytes": self.named,
            "crates": all(&self.crates),
        })
    }
}

impl Both {
    /// What both have and do not share, as JSON: the member `both` of the host's object.
    pub fn json(&self) -> Value {
        let modules = self.modules.iter();
        let modules: Vec<String> = modules.map(|path| path.display().to_string()).collect();
        json!({
            "modules": modules,
            "shared_keys": self.shared,
            "crates": all(&self.crates),
        })
    }
}

/// All crates, each with its states.
fn all(crates: &[CrateState]) -> Vec<Value> {
    crates.iter().map(CrateState::json).collect()
}

impl CrateState {
    /// One crate.
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
    /// One state.
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
            "what": self.fold,
        })
    }
}
