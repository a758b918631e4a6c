//! A row of the table, and how a section collects its rows.
//!
//! A row compares one variant with another. Its ratio is the median of the ratios of single rounds,
//! not the ratio of the medians: both samples of a round were taken within a second or two, under
//! the same load.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::measure::{self, Samples};

/// A section of the table.
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
    /// All sections, in the table's order.
    pub const ALL: [Self; 5] = [
        Self::Access,
        Self::Runtime,
        Self::Scale,
        Self::Edit,
        Self::Fork,
    ];

    /// The section's name, on the command line and in the table.
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

/// A row of the table: one variant of one thing that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The section.
    pub section: Section,
    /// What was measured.
    pub name: String,
    /// The variant of it.
    pub variant: String,
    /// The unit of the next three.
    pub unit: String,
    /// The median of the samples.
    pub median: f64,
    /// The lowest sample.
    pub low: f64,
    /// The highest sample.
    pub high: f64,
    /// The variant that this one is compared with; empty for none.
    pub against: String,
    /// The median of the ratios to that variant, pair by pair.
    pub ratio: f64,
    /// The instructions of one operation, where they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<f64>,
    /// The ratio of the instructions to those of that variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction_ratio: Option<f64>,
}

impl Row {
    /// The row of variant `at` of the samples, compared with variant `base`.
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

    /// The row with the instructions of this variant and of the one that it is compared with.
    pub fn counted(mut self, own: f64, base: f64) -> Self {
        self.instructions = Some(rounded(own));
        self.instruction_ratio = Some(ratio(own / base));
        self
    }

    /// The row compared with the variant `against`, whose number is `base`.
    pub fn compared(mut self, against: &str, base: f64) -> Self {
        self.against = against.to_owned();
        self.ratio = ratio(self.median / base);
        self
    }

    /// The row's text in each column.
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

/// The rows of a section, each printed as soon as it is measured: a section may take an hour.
#[derive(Debug)]
pub struct Rows {
    section: Section,
    rows: Vec<Row>,
}

impl Rows {
    /// No rows yet.
    pub fn new(section: Section) -> Self {
        Self {
            section,
            rows: Vec::new(),
        }
    }

    /// Adds a row, and prints it on standard error.
    pub fn push(&mut self, row: Row) {
        eprintln!("{row}");
        self.rows.push(row);
    }

    /// Adds a row of one number.
    pub fn single(&mut self, name: &str, variant: &str, unit: &str, number: f64, base: f64) {
        let row = Row::single(self.section, name, variant, unit, number);
        self.push(row.compared("static", base));
    }

    /// Adds a row for each variant of the samples, compared with the first one.
    pub fn add(&mut self, name: &str, unit: &str, variants: &[&str], samples: &Samples) {
        self.add_counted(name, unit, variants, samples, &[]);
    }

    /// As [`add`](Self::add). `counts` are the variants' instructions; empty where they were not
    /// counted.
    pub fn add_counted(
        &mut self,
        name: &str,
        unit: &str,
        variants: &[&str],
        samples: &Samples,
        counts: &[f64],
    ) {
        for (at, variant) in variants.iter().enumerate() {
            let mut row = Row::new(self.section, name, variant, unit, samples, at, 0);
            row.against = variants[0].to_owned();
            if let (Some(own), Some(base)) = (counts.get(at), counts.first()) {
                row = row.counted(*own, *base);
            }
            self.push(row);
        }
    }

    /// The rows, in the order in which they were added.
    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }
}

/// The number with four figures: more would be noise.
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

/// A ratio with four digits after the point.
fn ratio(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

/// A number as the table shows it.
fn shown(number: f64) -> String {
    let digits = match number.abs() {
        below if below < 10.0 => 2,
        below if below < 100.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$}")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn row() -> Row {
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
}
