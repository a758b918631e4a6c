//! The plots, as SVG.
//!
//! Horizontal bars, drawn by hand: a plotting library would be the largest dependency of this
//! repository.

use std::fmt::Write as _;

use crate::results::Results;
use crate::row::{Row, Section};
use crate::workloads::WORKLOADS;

/// The width of a plot. All lengths are in units of the SVG, which are pixels at 100 %.
const WIDTH: f64 = 860.0;
/// The room left of the bars, for labels.
const LEFT: f64 = 190.0;
/// The room right of the longest bar, for its number.
const RIGHT: f64 = 120.0;
/// The height of a bar.
const BAR: f64 = 15.0;

/// One bar.
struct Bar {
    label: String,
    value: f64,
    low: f64,
    high: f64,
    text: String,
    colour: &'static str,
}

/// Bars below a heading.
struct Group {
    heading: String,
    bars: Vec<Bar>,
}

/// Time of an access, by kind and variant.
pub fn access(results: &Results) -> String {
    let mut groups: Vec<Group> = Vec::new();
    for row in results.rows().filter(|row| row.unit == "ns") {
        // With fat LTO the picture is the same.
        if row.section != Section::Access || row.name.ends_with("fat LTO") {
            continue;
        }
        if groups.last().is_none_or(|group| group.heading != row.name) {
            groups.push(Group {
                heading: row.name.clone(),
                bars: Vec::new(),
            });
        }
        let Some(group) = groups.last_mut() else {
            continue;
        };
        let counted = match row.instructions {
            Some(count) => format!("{:.1} ns, {count:.0} instr.", row.median),
            None => format!("{:.1} ns", row.median),
        };
        group.bars.push(Bar {
            label: row.variant.clone(),
            value: row.median,
            low: row.low,
            high: row.high,
            text: counted,
            colour: colour(&row.variant),
        });
    }
    let longest = longest(&groups);
    draw(
        "One access to a thread-local, loop and call included (median, lowest to highest)",
        &groups,
        longest,
        None,
    )
}

/// Instructions of a workload in a module, against static upstream.
pub fn runtime(results: &Results) -> String {
    let ratio = |name: &str, variant: &str| -> Option<&Row> {
        results
            .rows()
            .find(|row| row.name == name && row.variant == variant)
    };
    let mut groups = Vec::new();
    for workload in WORKLOADS {
        let mut bars = Vec::new();
        for variant in ["static, off", "static, on", "module"] {
            let Some(row) = ratio(workload.name, variant) else {
                continue;
            };
            let Some(value) = row.instruction_ratio else {
                continue;
            };
            bars.push(Bar {
                label: variant.to_owned(),
                value,
                low: value,
                high: value,
                text: format!("{value:.3}"),
                colour: colour(variant),
            });
        }
        if !bars.is_empty() {
            groups.push(Group {
                heading: workload.name.to_owned(),
                bars,
            });
        }
    }
    let longest = longest(&groups).max(1.2);
    draw(
        "Instructions of tokio's workloads ÷ those of the same program with untouched tokio",
        &groups,
        longest,
        Some(1.0),
    )
}

/// The value that the whole width stands for: a little more than the longest bar.
fn longest(groups: &[Group]) -> f64 {
    groups
        .iter()
        .flat_map(|group| &group.bars)
        .map(|bar| bar.value)
        .fold(0.0, f64::max)
        * 1.05
}

/// One colour for a variant in all plots: warm ones for what is ours.
fn colour(variant: &str) -> &'static str {
    match variant {
        "module" | "tls-keys, module" | "process_local!, module" => "#c2410c",
        "static, on" | "tls-keys, host" | "process_local!, host" => "#f59e0b",
        variant if variant.starts_with("rubicon") => "#7c3aed",
        variant if variant.starts_with("plugin_tls") => "#a78bfa",
        variant if variant.ends_with("cdylib") => "#64748b",
        _ => "#94a3b8",
    }
}

/// Text as XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Draws the groups below each other, and a dashed line at the value `line`.
fn draw(title: &str, groups: &[Group], longest: f64, line: Option<f64>) -> String {
    let bars: usize = groups.iter().map(|group| group.bars.len()).sum();
    let height = 50.0 + bars as f64 * (BAR + 3.0) + groups.len() as f64 * 26.0;
    let scale = (WIDTH - LEFT - RIGHT) / longest.max(f64::MIN_POSITIVE);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"24\" font-size=\"15\" font-weight=\"bold\">{}</text>\n",
        escaped(title)
    );
    let mut y = 40.0;
    for group in groups {
        y += 18.0;
        let _ = writeln!(
            svg,
            "<text x=\"12\" y=\"{:.0}\" font-weight=\"bold\">{}</text>",
            y,
            escaped(&group.heading)
        );
        y += 8.0;
        for bar in &group.bars {
            let middle = y + BAR / 2.0;
            let end = LEFT + bar.value * scale;
            let _ = writeln!(
                svg,
                "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
                 <rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{}\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT - 6.0,
                middle + 4.0,
                escaped(&bar.label),
                bar.value * scale,
                bar.colour,
                // Beyond the line of the highest, which may leave the picture.
                end.max(LEFT + bar.high.min(longest) * scale) + 6.0,
                middle + 4.0,
                escaped(&bar.text)
            );
            if bar.low < bar.high {
                let _ = writeln!(
                    svg,
                    "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" stroke=\"#111\"/>",
                    LEFT + bar.low * scale,
                    LEFT + bar.high.min(longest) * scale
                );
            }
            y += BAR + 3.0;
        }
    }
    if let Some(at) = line {
        let x = LEFT + at * scale;
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"40\" y2=\"{y:.0}\" stroke=\"#111\" stroke-dasharray=\"3 3\"/>"
        );
    }
    svg + "</svg>\n"
}
