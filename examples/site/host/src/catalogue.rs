//! Which files become which pages, and the TCP service that answers for the pages' links.
//!
//! The problem: a link in a page is relative to its file in the repository. Only the host knows
//! which files became pages, and under which address.
//!
//! The way: a module asks over a socket, as it would ask a service of somebody else. A question is
//! the line `<file of the page>\t<destination>`. An answer is `page\t<url>`,
//! `file\t<path in the repository>` or `missing\t<reason>`. Anything but a question ends the
//! connection.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The longest question.
const MAX_QUESTION: u64 = 8 * 1024;

/// How long a connection may stay silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// How deep below the root a Markdown file may lie.
const DEPTH: usize = 2;

/// A file that becomes a page.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The Markdown file.
    pub(crate) source: PathBuf,
    /// The same, from the root of the repository.
    pub(crate) path: PathBuf,
    /// What the navigation calls it.
    pub(crate) title: String,
}

/// The pages of the site by their addresses, and the repository they are from.
#[derive(Debug)]
pub(crate) struct Catalogue {
    root: PathBuf,
    pages: BTreeMap<String, Entry>,
}

impl Catalogue {
    /// Finds the Markdown files in `root` and in the folder `content`, which may lie outside of it.
    pub(crate) fn scan(root: &Path, content: &Path) -> Result<Self, String> {
        let failed = |path: &Path, error| format!("cannot read {}: {error}", path.display());
        let root = root.canonicalize().map_err(|error| failed(root, error))?;
        let content = content
            .canonicalize()
            .map_err(|error| failed(content, error))?;
        let mut files = Vec::new();
        find(&content, 1, &mut files).map_err(|error| failed(&content, error))?;
        let own = files.len();
        find(&root, DEPTH, &mut files).map_err(|error| failed(&root, error))?;
        let mut seen = HashSet::new();
        files.retain(|file| seen.insert(file.clone()));

        let mut pages = BTreeMap::new();
        for (index, source) in files.into_iter().enumerate() {
            let base = if index < own { &content } else { &root };
            let url = url(source.strip_prefix(base).unwrap_or(&source));
            let path = source.strip_prefix(&root).unwrap_or(&source).to_owned();
            let title = if index < own {
                heading(&source)?
            } else {
                path.display().to_string()
            };
            if let Some(first) = pages.get(&url) {
                let Entry { source: first, .. } = first;
                let (first, second) = (first.display(), source.display());
                return Err(format!("{first} and {second} would both be the page {url}"));
            }
            pages.insert(
                url,
                Entry {
                    source,
                    path,
                    title,
                },
            );
        }
        if !pages.contains_key("index.html") {
            return Err(format!("there is no index.md in {}", content.display()));
        }
        Ok(Self { root, pages })
    }

    /// The pages by their addresses.
    pub(crate) fn pages(&self) -> &BTreeMap<String, Entry> {
        &self.pages
    }

    /// Answers one question.
    fn resolve(&self, question: &str) -> Option<String> {
        let (source, link) = question.split_once('\t')?;
        let link = link.split('?').next()?.replace("%20", " ");
        let Some(target) = normal(Path::new(source).parent()?.join(&link)) else {
            return Some("missing\tthere is nothing above the root".to_owned());
        };
        let page = |target: &Path| {
            let mut pages = self.pages.iter();
            pages
                .find(|(_, entry)| entry.source == target)
                .map(|(url, _)| url)
        };
        Some(
            match page(&target).or_else(|| page(&target.join("README.md"))) {
                Some(url) => format!("page\t{url}"),
                None => match target.strip_prefix(&self.root) {
                    Ok(path) if target.exists() => format!("file\t{}", path.display()),
                    Ok(path) => {
                        format!("missing\tthere is no {} in the repository", path.display())
                    }
                    Err(_) => format!("missing\t{link} is outside of the repository"),
                },
            },
        )
    }
}

/// The Markdown files in `folder`, sorted, and those in its folders down to `depth`.
fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let hidden = name.as_encoded_bytes().starts_with(b".");
        let kind = entry.file_type()?;
        if kind.is_file() && path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        } else if kind.is_dir() && depth > 1 && !hidden && !is_build_folder(&path) {
            find(&path, depth - 1, files)?;
        }
    }
    Ok(())
}

/// Whether cargo, and not a person, wrote what is in the folder.
fn is_build_folder(folder: &Path) -> bool {
    folder.join("CACHEDIR.TAG").exists()
}

/// `patches/README.md` becomes `patches-readme.html`.
fn url(path: &Path) -> String {
    let path = path.with_extension("html").display().to_string();
    path.replace(['/', '\\', ' '], "-").to_lowercase()
}

/// The first heading of a file.
fn heading(file: &Path) -> Result<String, String> {
    let text = fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let heading = text.lines().find_map(|line| line.strip_prefix("# "));
    heading
        .map(str::to_owned)
        .ok_or_else(|| format!("{} has no heading", file.display()))
}

/// The path without `.` and `..`, or `None` if it climbs above the root of the file system.
fn normal(path: PathBuf) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => normal.pop().then_some(())?,
            other => normal.push(other),
        }
    }
    Some(normal)
}

/// Serves the catalogue until the task is aborted.
pub(crate) async fn answer(listener: TcpListener, catalogue: Arc<Catalogue>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                let catalogue = catalogue.clone();
                connections.spawn(async move { converse(stream, &catalogue).await });
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the questions of one connection, in their order, until the client closes it.
async fn converse(stream: TcpStream, catalogue: &Catalogue) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut question = String::new();
        let mut bounded = (&mut reader).take(MAX_QUESTION);
        timeout(PATIENCE, bounded.read_line(&mut question)).await??;
        let Some(question) = question.strip_suffix('\n') else {
            return Ok(());
        };
        let Some(answer) = catalogue.resolve(question) else {
            return Ok(());
        };
        writer.write_all(format!("{answer}\n").as_bytes()).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This repository's own.
    fn catalogue() -> Catalogue {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        Catalogue::scan(&demo.join("../.."), &demo.join("content")).unwrap()
    }

    #[test]
    fn links_are_resolved_from_their_page() {
        let catalogue = catalogue();
        let index = catalogue.pages["index.html"].source.display().to_string();
        let ask = |link: &str| catalogue.resolve(&format!("{index}\t{link}")).unwrap();
        assert_eq!(ask("mathematics.md"), "page\tmathematics.html");
        assert_eq!(ask("./../content/index.md?x"), "page\tindex.html");
        assert_eq!(ask("../../../Cargo.toml"), "file\tCargo.toml");
        assert!(ask("gone.md").starts_with("missing\tthere is no examples/site/content/gone.md"));
        assert!(ask("../../../../../../../etc/passwd").starts_with("missing\t"));
        assert!(ask(&"../".repeat(100)).starts_with("missing\tthere is nothing above"));
        assert_eq!(catalogue.resolve("no question"), None);
    }

    #[tokio::test]
    async fn what_is_no_question_ends_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(answer(listener, Arc::new(catalogue())));
        let long = vec![b'x'; MAX_QUESTION as usize + 1];
        for question in [&b"no question\n"[..], b"\xff\t\xff\n", b"", &long] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // The other side may be gone before all is written.
            let _ = stream.write_all(question).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
                .await
                .unwrap();
            assert!(answer.is_empty(), "{answer:?}");
        }
        serving.abort();
        assert!(serving.await.unwrap_err().is_cancelled());
    }
}
