//! The driver's command line.

use std::path::PathBuf;

use clap::Parser;

/// Renders this repository's Markdown into a site, by a host and three modules on one tokio
/// runtime.
///
/// Forks tokio, builds the host and the modules, each as a cargo project of its own, and runs the
/// host. The first run takes a minute; the next ones build nothing that did not change.
#[derive(Debug, Parser)]
#[command(
    name = "site",
    after_help = "Examples:\n  cargo run                        writes the site to target/site\n  \
                  cargo run -- --serve --port 8080 serves it on 127.0.0.1:8080 until Ctrl-C\n  \
                  cargo run -- --serve --watch     the same, and an edited module shows in the next page"
)]
pub(crate) struct Args {
    /// Serve the pages on 127.0.0.1, each rendered in the modules when it is asked for.
    #[arg(long, conflicts_with = "out")]
    pub(crate) serve: bool,

    /// Build a module when its sources change, and load it without an end of the service.
    #[arg(long, requires = "serve")]
    pub(crate) watch: bool,

    /// The port to serve on; 0 finds a free one and prints it.
    #[arg(long, requires = "serve", default_value_t = 0)]
    pub(crate) port: u16,

    /// Where to write the site [default: `site` in the target folder].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Worker threads of the host's runtime.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) workers: u8,

    /// Print the spans of each page, through host and modules, on standard error.
    #[arg(long)]
    pub(crate) trace: bool,

    /// Build host and modules with optimisations.
    #[arg(long)]
    pub(crate) release: bool,

    /// Give each project a target folder of its own, in which it compiles tokio for itself.
    #[arg(long)]
    pub(crate) separate: bool,

    /// Do not use the network: everything must have been fetched before.
    #[arg(long)]
    pub(crate) offline: bool,

    /// Build, and do not run the host.
    #[arg(long, conflicts_with_all = ["serve", "out"])]
    pub(crate) build_only: bool,

    /// The folder of the template, the style sheets and the demo's own pages.
    #[arg(long, value_name = "DIR")]
    pub(crate) content: Option<PathBuf>,

    /// The folder of the projects `host`, `modules/…` and `contract` [default: the demo's].
    #[arg(long, value_name = "DIR")]
    pub(crate) projects: Option<PathBuf>,

    /// Only build modules when their sources change, until standard input ends: what `--watch`
    /// starts.
    #[arg(long, hide = true)]
    pub(crate) watcher: bool,
}
