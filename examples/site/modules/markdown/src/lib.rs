//! Module `markdown`: a page of Markdown to HTML.
//!
//! The problem: one page needs a file, its formulas' MathML from another module, and an answer from
//! a TCP service for each of its links. It should wait for all of them at once.
//!
//! The way: a page is a tree of tasks, on whichever runtime the caller is on. No handle comes in.
//!
//! ```text
//! markdown_render ── spawn ── the page ─┬─ spawn ── one task for each distinct formula ── mpsc ──┐
//!                                       ├─ spawn ── the links ── spawn ── the requests' writer   │
//!                                       └─ collects the formulas  <──────────────────────────────┘
//! ```
//!
//! | file | what it does |
//! | --- | --- |
//! | `lib.rs` | the entries, and the page's task |
//! | `text.rs` | what needs no runtime: headings, links and formulas in Markdown's events |
//! | `links.rs` | the conversation with the host's catalogue |
//! | `tasks.rs` | what all tasks of the module have in common |

mod links;
mod tasks;
mod text;

use std::collections::HashMap;
use std::sync::Arc;

use site_contract::{Formula, Job, Page, Tasks, current_page};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{Instrument as _, Span, info_span};

use tasks::{PATIENCE, TALLY};
use text::Answer;

/// Renders one page.
#[tokio::module]
pub async fn markdown_render(job: Job) -> Result<Page, String> {
    // The task-local is the host's, and a task does not inherit it: take it along.
    let name = current_page();
    let page = render(name.clone(), job).instrument(info_span!("render"));
    tokio::spawn(TALLY.task(page))
        .await
        .map_err(|error| format!("{name}: its task failed: {error}"))?
}

/// Fails as a renderer with a bug does: by a panic, half-way through a page.
#[tokio::module]
pub async fn markdown_panic(job: Job) -> Result<Page, String> {
    let page = render(current_page(), job).await?;
    panic!("the page {:?} is not to my taste", page.title);
}

/// The tasks that this module spawned so far, and where they ran.
#[tokio::module]
pub fn markdown_tasks() -> Tasks {
    TALLY.tasks()
}

/// The page's own task.
async fn render(name: Arc<str>, job: Job) -> Result<Page, String> {
    let source = tokio::fs::read_to_string(&job.source)
        .await
        .map_err(|error| format!("{name}: cannot read {}: {error}", job.source.display()))?;
    let mut text = text::Text::parse(&source);

    let links = links::resolve(job.catalogue, job.source.clone(), text.relative_links());
    let links = tokio::spawn(TALLY.task(links.instrument(info_span!("links"))));
    let formulas = convert(&job.formulas, text.distinct_formulas());
    let formulas = timeout(PATIENCE, formulas)
        .await
        .map_err(|_| format!("{name}: no answer from the math module within {PATIENCE:?}"))?;
    let links = links
        .await
        .map_err(|error| format!("{name}: the task of its links failed: {error}"))?
        .map_err(|error| format!("{name}: the catalogue: {error}"))?;

    let mut page = Page {
        formulas: text.formulas(),
        links: links.len(),
        ..Page::default()
    };
    text.set_formulas(&formulas, &mut page.warnings);
    text.set_links(&links, &mut page.warnings);
    text.finish(&mut page);
    Ok(page)
}

/// Sends the formulas to the math module, each from a task of its own, and collects the MathML.
async fn convert(
    math: &mpsc::Sender<Formula>,
    formulas: Vec<(String, bool)>,
) -> HashMap<(String, bool), Answer> {
    let (sender, mut receiver) = mpsc::channel(8);
    for (latex, display) in formulas {
        let (math, sender) = (math.clone(), sender.clone());
        // A task is not in the span of the one that spawns it, unless it is told so.
        let span = info_span!("formula", latex);
        let asking = async move {
            let answer = ask(&math, latex.clone(), display).await;
            // The page is gone if its request was given up.
            let _ = sender.send(((latex, display), answer)).await;
        };
        tokio::spawn(TALLY.task(asking.instrument(span)));
    }
    drop(sender);
    let mut converted = HashMap::new();
    while let Some((formula, answer)) = receiver.recv().await {
        converted.insert(formula, answer);
    }
    converted
}

/// Sends one formula to the math module, and waits for the answer.
async fn ask(math: &mpsc::Sender<Formula>, latex: String, display: bool) -> Answer {
    let (reply, answer) = oneshot::channel();
    let formula = Formula {
        latex,
        display,
        span: Span::current(),
        reply,
    };
    math.send(formula)
        .await
        .map_err(|_| "the math module is not running")?;
    answer.await.map_err(|_| "the math module gave no answer")?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use tls_slots as _;
    use tokio::net::TcpListener;

    /// A page without links needs no catalogue.
    const NO_CATALOGUE: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

    fn page(name: &str, text: &str) -> std::path::PathBuf {
        let file = std::env::temp_dir().join(format!("site-{}-{name}.md", std::process::id()));
        std::fs::write(&file, text).unwrap();
        file
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn formulas_come_back_from_the_channel() {
        let source = page("formulas", "# Title\n\nSee $a$, $b$ and $a$.\n");
        let (formulas, mut asked) = mpsc::channel::<Formula>(1);
        let math = tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Some(formula) = asked.recv().await {
                formula
                    .reply
                    .send(Ok(format!("<math>{}</math>", formula.latex)))
                    .unwrap();
                seen.push(formula.latex);
            }
            seen.sort();
            seen
        });
        let job = Job {
            source: source.clone(),
            catalogue: NO_CATALOGUE,
            formulas,
        };
        let page = markdown_render(job).await.unwrap();
        assert_eq!(page.title, "Title");
        assert_eq!((page.formulas, page.links), (3, 0));
        assert_eq!(
            page.html.matches("<math>a</math>").count(),
            2,
            "{}",
            page.html
        );
        assert_eq!(math.await.unwrap(), ["a", "b"]);
        std::fs::remove_file(source).unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_silent_catalogue_is_an_error() {
        let source = page("links", "# Title\n\n[other](OTHER.md)\n");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let catalogue = listener.local_addr().unwrap();
        let hang_up = tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
        let (formulas, _asked) = mpsc::channel(1);
        let job = Job {
            source: source.clone(),
            catalogue,
            formulas,
        };
        let error = markdown_render(job).await.unwrap_err();
        assert!(error.contains("the catalogue"), "{error}");
        hang_up.await.unwrap();
        std::fs::remove_file(source).unwrap();
    }
}
