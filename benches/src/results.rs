//! The table, and the file that keeps it.
//!
//! `results.toml` is data; `RESULTS.md` and the plots are made of it, and a test holds them
//! together. A run replaces the sections that it measured and leaves the others.

use std::fmt::{self, Write as _};
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::measure::{self, Samples};
use crate::{Error, plot};

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// Accesses to thread-locals.
    Access,
    /// tokio's workloads.
    Runtime,
    /// Many modules, many threads.
    Scale,
    /// From an edit to its effect.
    Edit,
    /// The command's own time.
    Fork,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Access,
        Self::Runtime,
        Self::Scale,
        Self::Edit,
        Self::Fork,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Runtime => "runtime",
            Self::Scale => "scale",
            Self::Edit => "edit",
            Self::Fork => "fork",
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The section.
    pub section: Section,
    /// What was measured.
    pub name: String,
    /// Of which variant.
    pub variant: String,
    /// The unit of the next three.
    pub unit: String,
    /// The median.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// The variant that it is compared with; empty for none.
    pub against: String,
    /// The median of the ratios, pair by pair.
    pub ratio: f64,
    /// Instructions, where they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<f64>,
    /// The ratio of instructions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction_ratio: Option<f64>,
}

impl Row {
    /// A row of samples, compared with those of variant `base`.
    pub fn new(
        section: Section,
        name: &str,
        variant: &str,
        unit: &str,
        samples: &Samples,
        at: usize,
        base: usize,
    ) -> Self {
        let (median, low, high) = measure::spread(samples.rounds[at].clone());
        Self {
            section,
            name: name.to_owned(),
            variant: variant.to_owned(),
            unit: unit.to_owned(),
            median: rounded(median),
            low: rounded(low),
            high: rounded(high),
            against: String::new(),
            ratio: ratio(measure::median(&mut samples.ratios(at, base))),
            instructions: None,
            instruction_ratio: None,
        }
    }

    /// A row of one number, which needs no median.
    pub fn single(section: Section, name: &str, variant: &str, unit: &str, number: f64) -> Self {
        let samples = Samples {
            rounds: vec![vec![number]],
        };
        Self::new(section, name, variant, unit, &samples, 0, 0)
    }

    /// With instructions.
    pub fn counted(mut self, own: f64, base: f64) -> Self {
        self.instructions = Some(rounded(own));
        self.instruction_ratio = Some(ratio(own / base));
        self
    }

    /// Compared with that variant, by these numbers.
    pub fn compared(mut self, against: &str, base: f64) -> Self {
        self.against = against.to_owned();
        self.ratio = ratio(self.median / base);
        self
    }

    fn cells(&self) -> [String; 10] {
        let compared = !self.against.is_empty() && self.against != self.variant;
        let if_compared = |text: String| if compared { text } else { String::new() };
        [
            self.section.name().to_owned(),
            self.name.clone(),
            self.variant.clone(),
            shown(self.median),
            if self.low == self.high {
                String::new()
            } else {
                format!("{} to {}", shown(self.low), shown(self.high))
            },
            self.unit.clone(),
            self.instructions.map_or(String::new(), shown),
            if_compared(self.against.clone()),
            if_compared(format!("{:.2}", self.ratio)),
            self.instruction_ratio
                .map_or(String::new(), |ratio| if_compared(format!("{ratio:.3}"))),
        ]
    }

    /// The row as a line of a Markdown table.
    pub fn line(&self) -> String {
        format!("| {} |", self.cells().join(" | "))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [
            section,
            name,
            variant,
            median,
            spread,
            unit,
            count,
            against,
            ratio,
            counts,
        ] = self.cells();
        write!(
            f,
            "{section:<8}{name:<46} {variant:<26}{median:>9} {unit:<3} {spread:<16}{count:>7}  "
        )?;
        if !against.is_empty() {
            write!(f, "÷ {against:<18}{ratio:>7}{counts:>8}")?;
        }
        Ok(())
    }
}

/// The columns.
const HEADER: &str = "\
| section | what | variant | median | lowest to highest | unit | instructions | compared with | time ÷ | instructions ÷ |
| --- | --- | --- | ---: | ---: | --- | ---: | --- | ---: | ---: |
";

/// To four figures: more would be noise.
fn rounded(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let digits = (3.0 - number.abs().log10().floor()).clamp(-12.0, 12.0) as i32;
    let scale = 10_f64.powi(digits.abs());
    if digits >= 0 {
        (number * scale).round() / scale
    } else {
        (number / scale).round() * scale
    }
}

fn ratio(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

fn shown(number: f64) -> String {
    let digits = match number.abs() {
        below if below < 10.0 => 2,
        below if below < 100.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$}")
}

/// A section of the table, with what makes its numbers comparable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Which.
    pub section: Section,
    /// The day, in UTC.
    pub date: String,
    /// The processor, how many of them, and the memory.
    pub machine: String,
    /// The system: kernel and C library.
    pub system: String,
    /// `rustc --version`.
    pub rustc: String,
    /// Load average (one minute) before and after: other programs were running where it is well
    /// above the one of the benchmark itself.
    pub load: [f64; 2],
    /// How many times each pair was run.
    pub pairs: usize,
    /// What else there is to say.
    pub notes: Vec<String>,
    /// Its lines.
    pub row: Vec<Row>,
}

/// The results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// The sections, in order.
    pub part: Vec<Part>,
}

impl Results {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        toml::from_str(&text).map_err(|error| format!("cannot read {}: {error}", file.display()))
    }

    /// Puts a section in the place of what there was.
    pub fn replace(&mut self, part: Part) {
        self.part.retain(|old| old.section != part.section);
        self.part.push(part);
        self.part.sort_by_key(|part| part.section);
    }

    /// All lines.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.part.iter().flat_map(|part| &part.row)
    }

    /// Writes the file, the page and the plots.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to.
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

    /// The geometric mean and the highest of the ratios of instructions, module against static
    /// upstream, over the workloads with that suffix. `None` without counts.
    pub fn module_ratios(&self, suffix: &str) -> Option<(f64, f64)> {
        let ratios: Vec<f64> = crate::runtime::WORKLOADS
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

    /// The sentences with the means.
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

    /// The page.
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

/// The machine's description, and the load.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Processor and memory.
    pub machine: String,
    /// Kernel and C library.
    pub system: String,
    /// The compiler.
    pub rustc: String,
    /// Today.
    pub date: String,
}

impl Machine {
    /// Looks around.
    pub fn look() -> Self {
        let said = |program: &str, args: &[&str]| {
            Command::new(program)
                .args(args)
                .output()
                .ok()
                .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
                .unwrap_or_default()
        };
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let field = |text: &str, name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.split(':').nth(1))
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let cpuinfo = read("/proc/cpuinfo");
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kilobytes: f64 = memory
            .split_whitespace()
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or_default();
        let cpus = std::thread::available_parallelism().map_or(0, usize::from);
        let hypervisor = if cpuinfo.contains(" hypervisor") {
            ", a virtual machine"
        } else {
            ""
        };
        Self {
            machine: format!(
                "{} × {} (family {}, model {}){hypervisor}, {:.0} GiB",
                cpus,
                field(&cpuinfo, "model name"),
                field(&cpuinfo, "cpu family"),
                field(&cpuinfo, "model\t"),
                kilobytes / 1024.0 / 1024.0
            ),
            system: format!(
                "{}, {}",
                said("uname", &["-sr"]),
                said("getconf", &["GNU_LIBC_VERSION"])
            ),
            rustc: said("rustc", &["--version"]),
            date: said("date", &["-u", "+%Y-%m-%d"]),
        }
    }
}

/// The load average of the last minute.
pub fn load() -> f64 {
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let samples = Samples {
            rounds: vec![vec![2.0, 1.0, 4.0], vec![3.0, 3.0, 4.2]],
        };
        let mut row = Row::new(Section::Access, "Cell", "module", "ns", &samples, 1, 0);
        row.against = "executable".to_owned();
        row.counted(13.0, 6.0)
    }

    #[test]
    fn a_row_has_median_spread_and_ratios() {
        assert_eq!(
            row().line(),
            "| access | Cell | module | 3.00 | 3.00 to 4.20 | ns | 13.0 | executable | 1.50 | 2.167 |"
        );
    }

    #[test]
    fn four_figures_are_kept() {
        assert_eq!(rounded(123_456.0), 123_500.0);
        assert_eq!(rounded(0.012_345_6), 0.012_35);
        assert_eq!(rounded(0.0), 0.0);
    }

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
