//! Module `style`: SCSS to CSS, with the sources read by tasks and compiled on the blocking pool.
//!
//! The problem: the Sass compiler is synchronous and may take many milliseconds, which a worker of
//! the runtime must not spend. And it reads its `@use`d files itself, with blocking calls.
//!
//! The way: the module reads all sources of the folder first, one task for each file, and compiles
//! them from memory in one `spawn_blocking`. The blocking thread belongs to the host's runtime.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use site_contract::{Tally, Tasks};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::info_span;

/// This module's count of its tasks.
static TALLY: Tally = Tally::new();

/// Longer than any sheet takes; a compiler that does not end must not keep a request forever.
const PATIENCE: Duration = Duration::from_secs(20);

/// Compiles the sheet at `sheet`, which may `@use` the other `.scss` files of its folder.
#[tokio::module]
pub async fn style_render(sheet: PathBuf) -> Result<String, String> {
    let folder = sheet.parent().unwrap_or(Path::new(".")).to_owned();
    let sources = tokio::spawn(TALLY.task(read_folder(folder)))
        .await
        .map_err(|error| format!("reading the style sheets failed: {error}"))??;
    // The page's span is the host's; the thread of the blocking pool is in none.
    let span = info_span!("compile");
    let compile = TALLY.blocking(move || span.in_scope(|| compile(&sheet, sources)));
    timeout(PATIENCE, tokio::task::spawn_blocking(compile))
        .await
        .map_err(|_| format!("the style sheet took longer than {PATIENCE:?}"))?
        .map_err(|error| format!("the style sheet's compiler failed: {error}"))?
}

/// The tasks that this module spawned so far, and where they ran.
#[tokio::module]
pub fn style_tasks() -> Tasks {
    TALLY.tasks()
}

/// Reads all style sheets of `folder`, each in a task of its own.
async fn read_folder(folder: PathBuf) -> Result<Sources, String> {
    let failed = |error| format!("cannot read the folder {}: {error}", folder.display());
    let (sender, mut receiver) = mpsc::channel(4);
    let mut entries = tokio::fs::read_dir(&folder).await.map_err(failed)?;
    while let Some(entry) = entries.next_entry().await.map_err(failed)? {
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "scss")
        {
            let sender = sender.clone();
            tokio::spawn(TALLY.task(async move {
                let text = tokio::fs::read(&path).await;
                // The receiver is gone if another file could not be read.
                let _ = sender.send((path, text)).await;
            }));
        }
    }
    drop(sender);
    let mut files = BTreeMap::new();
    while let Some((path, text)) = receiver.recv().await {
        let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        files.insert(path, text);
    }
    Ok(Sources { files })
}

/// Compiles `sheet` from memory.
fn compile(sheet: &Path, sources: Sources) -> Result<String, String> {
    let options = grass::Options::default()
        .fs(&sources)
        .style(grass::OutputStyle::Compressed);
    grass::from_path(sheet, &options).map_err(|error| error.to_string())
}

/// The files that a compilation may see.
#[derive(Debug)]
struct Sources {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl grass::Fs for Sources {
    fn is_dir(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file.parent() == Some(path))
    }

    fn is_file(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tls_slots as _;

    fn sources(files: &[(&str, &str)]) -> Sources {
        let files = files
            .iter()
            .map(|(path, text)| (path.into(), text.as_bytes().to_vec()));
        Sources {
            files: files.collect(),
        }
    }

    #[test]
    fn a_sheet_may_use_its_neighbours() {
        let sources = sources(&[
            (
                "s/main.scss",
                "@use 'palette'; a { b { color: palette.$ink; } }",
            ),
            ("s/_palette.scss", "$ink: #123456;"),
        ]);
        let css = compile(Path::new("s/main.scss"), sources).unwrap();
        assert_eq!(css.trim(), "a b{color:#123456}");
    }

    #[test]
    fn an_error_names_the_file() {
        let sources = sources(&[("s/main.scss", "a { color: $nowhere; }")]);
        let error = compile(Path::new("s/main.scss"), sources).unwrap_err();
        assert!(error.contains("s/main.scss"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_missing_folder_is_an_error() {
        let error = style_render("/nowhere/at/all.scss".into())
            .await
            .unwrap_err();
        assert!(error.contains("/nowhere/at"), "{error}");
    }
}
