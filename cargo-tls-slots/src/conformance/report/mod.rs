//! The report: the table of a run, and the file that keeps it.
//!
//! The problem: the whole of the suites takes hours, so it is run in parts, and what is published
//! must be what was measured.
//!
//! The way: the results file is data (TOML), and a Markdown page beside it is made from the data.
//! A run replaces the rows of the suites and modes that it ran. Other rows stay, each with its own
//! date.
//!
//! | file | what it does |
//! | --- | --- |
//! | `rows.rs` | the data: what a results file holds |
//! | `judge.rs` | from outcomes to rows: what is a regression |
//! | `pages.rs` | the table as text, and the Markdown page |
//! | `file.rs` | reads the results file, and writes a run into it |
//! | `origin.rs` | the day of a run, and its compiler |

mod file;
mod judge;
mod origin;
mod pages;
mod rows;

pub use rows::{Difference, Report, Row};
