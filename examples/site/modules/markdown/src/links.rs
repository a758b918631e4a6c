//! Where the relative links of a page lead: a conversation with the host's catalogue over TCP.
//!
//! The problem: a module cannot know which files became pages, and a page may have hundreds of
//! links. Waiting for each answer before the next question would cost a round trip for each link.
//!
//! The way: one task writes the questions while this task reads the answers, which come in the
//! order of the questions.
//!
//! A question is the line `<file of the page>\t<destination>`. An answer is `page\t<url>`,
//! `file\t<path in the repository>` or `missing\t<reason>`.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::tasks::{PATIENCE, TALLY};

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// To a page of the site, at this address.
    Page(String),
    /// To this file of the repository, which is no page.
    File(String),
    /// Nowhere, for this reason.
    Missing(String),
}

/// Asks the catalogue at `address` for all of `links` of the page in `source`.
pub(crate) async fn resolve(
    address: SocketAddr,
    source: PathBuf,
    links: Vec<String>,
) -> Result<HashMap<String, Target>, String> {
    if links.is_empty() {
        return Ok(HashMap::new());
    }
    timeout(PATIENCE, converse(address, source, links))
        .await
        .map_err(|_| format!("no answer within {PATIENCE:?}"))?
        .map_err(|error| error.to_string())
}

/// Asks all questions over one connection.
async fn converse(
    address: SocketAddr,
    source: PathBuf,
    links: Vec<String>,
) -> io::Result<HashMap<String, Target>> {
    let (reader, mut writer) = TcpStream::connect(address).await?.into_split();
    let questions: String = links
        .iter()
        .map(|link| format!("{}\t{link}\n", source.display()))
        .collect();
    let asking = tokio::spawn(TALLY.task(async move {
        writer.write_all(questions.as_bytes()).await?;
        writer.shutdown().await
    }));
    let mut answers = BufReader::new(reader).lines();
    let mut targets = HashMap::new();
    for link in links {
        let answer = answers
            .next_line()
            .await?
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        targets.insert(link, parse(&answer)?);
    }
    asking.await??;
    Ok(targets)
}

/// Reads an answer.
fn parse(answer: &str) -> io::Result<Target> {
    match answer.split_once('\t') {
        Some(("page", url)) => Ok(Target::Page(url.to_owned())),
        Some(("file", path)) => Ok(Target::File(path.to_owned())),
        Some(("missing", reason)) => Ok(Target::Missing(reason.to_owned())),
        _ => Err(io::Error::other(format!(
            "an answer that makes no sense: {answer:?}"
        ))),
    }
}
