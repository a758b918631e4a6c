//! The results: sections of the table, and the file that keeps them.
//!
//! The whole takes an hour, so `results.toml` is measured in parts. A run replaces the sections
//! that it measured and leaves the others, each with its date, its machine and the load at the
//! time.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::row::{Row, Section};
use crate::workloads::WORKLOADS;

/// A section of the table, with what makes its numbers comparable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Which section.
    pub section: Section,
    /// The day, in UTC.
    pub date: String,
    /// The processors and the memory.
    pub machine: String,
    /// The system: kernel and C library.
    pub system: String,
    /// `rustc --version`.
    pub rustc: String,
    /// The load average of one minute, before and after. Where it is well above that of the
    /// benchmark itself, other programs were running.
    pub load: [f64; 2],
    /// How many times each pair was run.
    pub pairs: usize,
    /// What else there is to say, in sentences.
    pub notes: Vec<String>,
    /// The rows.
    pub row: Vec<Row>,
}

/// The results of all sections that were measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// The sections, in order.
    pub part: Vec<Part>,
}

impl Results {
    /// Reads a results file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is of another form.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        toml::from_str(&text).map_err(|error| format!("cannot read {}: {error}", file.display()))
    }

    /// Puts a section in the place of what there was of it.
    pub fn replace(&mut self, part: Part) {
        self.part.retain(|old| old.section != part.section);
        self.part.push(part);
        self.part.sort_by_key(|part| part.section);
    }

    /// The rows of all sections.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.part.iter().flat_map(|part| &part.row)
    }

    /// The geometric mean and the highest of the ratios of instructions, module against static
    /// upstream, over the workloads whose names have that suffix. `None` if none was counted.
    pub fn module_ratios(&self, suffix: &str) -> Option<(f64, f64)> {
        let ratios: Vec<f64> = WORKLOADS
            .iter()
            .filter(|workload| workload.whole)
            .filter_map(|workload| {
                let name = format!("{}{suffix}", workload.name);
                self.rows()
                    .find(|row| row.name == name && row.variant == "module")?
                    .instruction_ratio
            })
            .collect();
        if ratios.is_empty() {
            return None;
        }
        let mean = ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64;
        Some((
            mean.exp(),
            ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::row;

    #[test]
    fn a_section_replaces_its_older_self_and_the_file_keeps_all() {
        let part = |section, date: &str| Part {
            section,
            date: date.to_owned(),
            machine: String::new(),
            system: String::new(),
            rustc: String::new(),
            load: [0.0, 1.0],
            pairs: 7,
            notes: vec![],
            row: vec![row()],
        };
        let mut results = Results::default();
        results.replace(part(Section::Fork, "1"));
        results.replace(part(Section::Access, "1"));
        results.replace(part(Section::Fork, "2"));
        let dates: Vec<_> = results.part.iter().map(|part| &*part.date).collect();
        assert_eq!(dates, ["1", "2"]);
        let text = toml::to_string(&results).unwrap();
        assert_eq!(toml::from_str::<Results>(&text).unwrap(), results);
    }
}
