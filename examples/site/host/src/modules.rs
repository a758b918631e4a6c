//! The three modules, loaded and typed.
//!
//! Problem: a module is a file, and what it exports is a name. Here each name gets its type, once,
//! so that the rest of the host calls async functions.

use std::fmt;
use std::path::{Path, PathBuf};

use site_contract::{Formula, Job, Page, Tasks};
use tls_slots::{CallError, Entry, Function, Module};
use tokio::sync::mpsc;

use crate::args::ModuleFiles;

/// `math_serve` of the math module.
pub(crate) type MathServe = Entry<fn(mpsc::Receiver<Formula>) -> Result<u64, String>>;
type MarkdownRender = Entry<fn(Job) -> Result<Page, String>>;
type StyleRender = Entry<fn(PathBuf) -> Result<String, String>>;
type CountTasks = Function<fn() -> Tasks>;

/// The modules' entries. An entry keeps its module loaded.
#[derive(Clone)]
pub(crate) struct Modules {
    pub(crate) markdown_render: MarkdownRender,
    pub(crate) markdown_panic: MarkdownRender,
    pub(crate) math_serve: MathServe,
    pub(crate) style_render: StyleRender,
    tasks: [(&'static str, CountTasks); 3],
}

impl Modules {
    /// Loads the three files, and looks the entries up.
    pub(crate) fn load(files: &ModuleFiles) -> Result<Self, String> {
        let markdown = load(&files.markdown)?;
        let math = load(&files.math)?;
        let style = load(&files.style)?;
        Ok(Self {
            markdown_render: markdown.entry("markdown_render").map_err(text)?,
            markdown_panic: markdown.entry("markdown_panic").map_err(text)?,
            math_serve: math.entry("math_serve").map_err(text)?,
            style_render: style.entry("style_render").map_err(text)?,
            tasks: [
                (
                    "markdown",
                    markdown.function("markdown_tasks").map_err(text)?,
                ),
                ("math", math.function("math_tasks").map_err(text)?),
                ("style", style.function("style_tasks").map_err(text)?),
            ],
        })
    }

    /// What each module did so far.
    pub(crate) fn tasks(&self) -> Result<Vec<(&'static str, Tasks)>, String> {
        let count = |(name, count): &(&'static str, CountTasks)| {
            Ok((
                *name,
                count.call(()).map_err(|panic| format!("{name}: {panic}"))?,
            ))
        };
        self.tasks.iter().map(count).collect()
    }
}

fn load(file: &Path) -> Result<Module, String> {
    // SAFETY: the driver built the file from this repository's sources, with the compiler, the
    // profile and the tokio that it built this program with, which is what `load` asks for. The
    // module's constructors do nothing but register its keys.
    unsafe { Module::load(file) }.map_err(text)
}

/// An error with all that caused it, in one line.
fn text(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A module's panic, as the error that it is to the host.
pub(crate) fn flatten<T, E: From<String>>(
    outcome: Result<Result<T, E>, CallError>,
) -> Result<T, E> {
    outcome.unwrap_or_else(|panic| Err(format!("{panic}").into()))
}

impl fmt::Debug for Modules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Modules").finish_non_exhaustive()
    }
}
