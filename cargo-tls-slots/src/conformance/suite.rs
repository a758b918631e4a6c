//! What can be run: the suites, and the modes in which each makes sense.
//!
//! The names of [`Mode`] and [`Suite`] stand on the command line, in the results file and in the
//! list of exceptions. clap and serde make all of them from the variants, in kebab case, so one
//! name cannot differ from another.

use std::fmt;

use clap::ValueEnum;
use semver::Version;
use serde::{Deserialize, Serialize};

/// The release of tokio whose suite is run unless another is named: the default of tokio's recipe.
pub const DEFAULT_VERSION: &str = "1.54.1";

/// The features that upstream runs its tests with, commas between.
pub(crate) const FEATURES: &str = "full,test-util";

/// The integration tests of a quick run: each part of tokio that has shared state, and the locks
/// and channels whose wakers cross copies.
pub const QUICK: [&str; 24] = [
    "io_driver",
    "macros_select",
    "net_panic",
    "rt_basic",
    "rt_common",
    "rt_handle",
    "rt_handle_block_on",
    "rt_shutdown_err",
    "rt_spawn_blocking",
    "signal_usr1",
    "sync_broadcast",
    "sync_mpsc",
    "sync_mutex",
    "sync_notify",
    "sync_oneshot",
    "sync_semaphore",
    "task_abort",
    "task_blocking",
    "task_id",
    "task_join_set",
    "task_local",
    "task_local_set",
    "time_pause",
    "time_sleep",
];

/// Which tokio the tests run on, and where.
///
/// The modes are ordered from untouched upstream to what is furthest from it.
// The first line of each variant is its help on the command line, so none ends with a full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The registry's files: the baseline
    Upstream,
    /// The fork, without its feature
    Off,
    /// The fork with `external-tls`, each test binary being its own host
    SelfHosted,
    /// The tests in a module, the runtimes of `#[tokio::test]` in its host
    Module,
}

/// Which tests are run.
// As for `Mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// The files in tests/
    Integration,
    /// The unit tests
    Lib,
    /// The examples in the documentation
    Doc,
    /// Unit and integration tests with `--cfg tokio_unstable`
    Unstable,
    /// The loom models, with one preemption
    Loom,
    /// The integration tests of tokio-stream
    Stream,
    /// The integration tests of tokio-util
    Util,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

/// The name that the value has on the command line.
fn display(value: &impl ValueEnum, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let value = value.to_possible_value();
    f.pad(value.as_ref().map_or("", |value| value.get_name()))
}

impl Suite {
    /// The modes in which the suite makes sense, the baseline first.
    ///
    /// Loom replaces std's primitives inside tokio, so a loom model has no upstream run to compare
    /// with that would say more than the run without the feature. tokio-stream and tokio-util have
    /// no shared state of their own: with the feature off their run would repeat upstream's.
    pub fn modes(self) -> &'static [Mode] {
        use Mode::{Module, Off, SelfHosted, Upstream};
        match self {
            Suite::Integration => &[Upstream, Off, SelfHosted, Module],
            Suite::Lib | Suite::Doc | Suite::Unstable => &[Upstream, Off, SelfHosted],
            Suite::Loom => &[Off, SelfHosted],
            Suite::Stream | Suite::Util => &[Upstream, SelfHosted],
        }
    }

    /// The package, other than tokio, whose tests these are, and the release that is used.
    pub(super) fn companion(self) -> Option<(&'static str, Version)> {
        match self {
            Suite::Stream => Some(("tokio-stream", Version::new(0, 1, 19))),
            Suite::Util => Some(("tokio-util", Version::new(0, 7, 20))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_recipes() {
        let recipe = crate::embedded::file("patches/tokio.toml").unwrap();
        let recipe: toml::Table = recipe.parse().unwrap();
        assert_eq!(recipe["default"].as_str(), Some(DEFAULT_VERSION));
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        assert_eq!(Mode::SelfHosted.to_string(), "self-hosted");
        assert_eq!(Suite::Integration.to_string(), "integration");
        assert!(
            Suite::Loom
                .modes()
                .iter()
                .all(|mode| *mode != Mode::Upstream)
        );
    }
}
