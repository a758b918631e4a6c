//! Says what is being done: by a spinner on a terminal, by a line for each step elsewhere.
//!
//! All of that goes to standard error; standard output is for results only. So a script can read
//! the results, and a person still sees how far a build is.
//!
//! | | on a terminal | elsewhere, such as a log |
//! | --- | --- | --- |
//! | [`Progress::step`] | the spinner's text | a line |
//! | [`Progress::detail`] | replaces the spinner's text | nothing |
//! | [`Progress::line`] | a line above the spinner | a line |
//! | [`Progress::done`] | the spinner goes, a line stays | a line |

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Where the steps of a long task are shown. Clones show in the same place.
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

/// Where a [`Progress`] shows its steps.
#[derive(Clone, Debug, Default)]
enum Shown {
    /// The caller wants silence.
    #[default]
    Nowhere,
    /// Standard error is no terminal.
    Lines,
    /// Standard error is a terminal.
    Spinner(ProgressBar),
}

impl Progress {
    /// A progress that shows nothing.
    pub fn silent() -> Self {
        Progress(Shown::Nowhere)
    }

    /// A progress that shows the steps on standard error.
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

    /// Says that a step begins, such as `building host/Cargo.toml`.
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

    /// Says how far the step is. Only a terminal shows that, in place of what it showed before.
    pub fn detail(&self, text: &str) {
        if let Shown::Spinner(spinner) = &self.0 {
            spinner.set_message(text.to_owned());
        }
    }

    /// Shows lines that stay, in the middle of a step.
    pub fn line(&self, text: &str) {
        match &self.0 {
            Shown::Nowhere => {}
            Shown::Lines => eprintln!("{text}"),
            Shown::Spinner(spinner) => spinner.suspend(|| eprintln!("{text}")),
        }
    }

    /// Says that the step has ended. `text` stays.
    pub fn done(&self, text: &str) {
        self.clear();
        self.line(text);
    }

    /// Takes the spinner away without a word, before an error is shown.
    pub fn clear(&self) {
        if let Shown::Spinner(spinner) = &self.0 {
            spinner.disable_steady_tick();
            spinner.finish_and_clear();
        }
    }
}
