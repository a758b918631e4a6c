//! What is published of the results: the page, the plots, and the sentences with the means.
//!
//! All of it is made from `results.toml`, and a test holds them together.
//!
//! Where a document quotes a row or a sentence, another test compares the quotation with the page.
//! So a figure in README is a figure that was measured.

use std::fmt::Write as _;
use std::path::Path;

use crate::error::Error;
use crate::plot;
use crate::results::Results;

/// The columns.
const HEADER: &str = "\
| section | what | variant | median | lowest to highest | unit | instructions | compared with | time ÷ | instructions ÷ |
| --- | --- | --- | ---: | ---: | --- | ---: | --- | ---: | ---: |
";

impl Results {
    /// Writes the file, the page and the plots.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let data = toml::to_string(self).map_err(|error| error.to_string())?;
        let files = [
            ("results.toml", data),
            ("RESULTS.md", self.markdown()),
            ("access.svg", plot::access(self)),
            ("runtime.svg", plot::runtime(self)),
        ];
        for (name, content) in files {
            let file = folder.join(name);
            std::fs::write(&file, content)
                .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        }
        Ok(())
    }

    /// The sentences with the means, as README quotes them.
    pub fn summary(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (suffix, profile) in [("", "cargo's release profile"), (", fat LTO", "fat LTO")] {
            if let Some((mean, worst)) = self.module_ratios(suffix) {
                lines.push(format!(
                    "A module ÷ static upstream, by instructions, {profile}: {mean:.3} in the \
                     geometric mean of the workloads, {worst:.3} at worst."
                ));
            }
        }
        lines
    }

    /// The page, `RESULTS.md`.
    pub fn markdown(&self) -> String {
        let mut page = String::from(
            "# Results\n\nMade from `results.toml` by the benchmarks' command; README.md in this \
             folder says what was measured, and how.\n",
        );
        for line in self.summary() {
            let _ = write!(page, "\n{line}\n");
        }
        for part in &self.part {
            let _ = write!(
                page,
                "\n## {}\n\n{}; {}; {}; {}. Load {:.1} before, {:.1} after. {} runs of each, in turn.\n\n",
                part.section.name(),
                part.date,
                part.machine,
                part.system,
                part.rustc,
                part.load[0],
                part.load[1],
                part.pairs,
            );
            page += HEADER;
            for row in &part.row {
                page += &row.line();
                page.push('\n');
            }
            for note in &part.notes {
                let _ = write!(page, "\n{note}\n");
            }
        }
        page
    }
}
