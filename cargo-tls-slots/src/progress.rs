//! Saying what is being done: a spinner on a terminal, a line per step elsewhere.
//!
//! All of it goes to standard error; standard output is for results only.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Where the steps of a long task are shown.
///
/// # Examples
///
/// ```
/// use cargo_tls_slots::progress::Progress;
///
/// let progress = Progress::silent();
/// progress.step("forking tokio 1.54.1");
/// progress.done("forked tokio 1.54.1");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Progress(Shown);

#[derive(Clone, Debug, Default)]
enum Shown {
    #[default]
    Nowhere,
    Lines,
    Spinner(ProgressBar),
}

impl Progress {
    /// Shows nothing.
    pub fn silent() -> Self {
        Progress(Shown::Nowhere)
    }

    /// Shows the steps on standard error.
    pub fn stderr() -> Self {
        if !std::io::stderr().is_terminal() {
            return Progress(Shown::Lines);
        }
        let spinner = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
            spinner.set_style(style);
        }
        Progress(Shown::Spinner(spinner))
    }

    /// A step begins.
    pub fn step(&self, text: &str) {
        match &self.0 {
            Shown::Nowhere => {}
            Shown::Lines => eprintln!("{text}"),
            Shown::Spinner(spinner) => {
                spinner.reset_elapsed();
                spinner.enable_steady_tick(Duration::from_millis(100));
                spinner.set_message(text.to_owned());
            }
        }
    }

    /// The step goes on; only a terminal shows this.
    pub fn detail(&self, text: &str) {
        if let Shown::Spinner(spinner) = &self.0 {
            spinner.set_message(text.to_owned());
        }
    }

    /// A line that stays, in the middle of a step.
    pub fn line(&self, text: &str) {
        match &self.0 {
            Shown::Nowhere => {}
            Shown::Lines => eprintln!("{text}"),
            Shown::Spinner(spinner) => spinner.suspend(|| eprintln!("{text}")),
        }
    }

    /// The step has ended; `text` stays.
    pub fn done(&self, text: &str) {
        if let Shown::Spinner(spinner) = &self.0 {
            spinner.disable_steady_tick();
            spinner.finish_and_clear();
        }
        self.line(text);
    }

    /// The step has ended without a word, as when an error is about to be shown.
    pub fn clear(&self) {
        if let Shown::Spinner(spinner) = &self.0 {
            spinner.disable_steady_tick();
            spinner.finish_and_clear();
        }
    }
}
