//! Module `math`: LaTeX formulas to MathML, as a service that runs on the host's runtime.
//!
//! The problem: the host has pages with formulas in them, and a LaTeX parser that it would rather
//! not link.
//!
//! The way: this module is that parser behind a tokio channel. The host makes the channel, gives
//! the receiving end to [`math_serve`] and the sending end to the Markdown module. So two modules
//! that know nothing of each other exchange messages, with no code of the host in between.
//!
//! ```text
//! markdown's task ── Formula ──> mpsc ──> math_serve ──> a task per batch ──> a task per formula
//!        ^                                                                          │
//!        └───────────────────────── oneshot: MathML ────────────────────────────────┘
//! ```

use std::time::Duration;

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};
use site_contract::{Formula, Tally, Tasks};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::info_span;

/// This module's count of its tasks.
static TALLY: Tally = Tally::new();

/// A batch is closed when it holds this many formulas …
const BATCH: usize = 16;

/// … or when its first formula has waited for so long.
const BATCH_WINDOW: Duration = Duration::from_millis(2);

/// Formulas longer than this are refused.
const MAX_LATEX: usize = 16 * 1024;

/// Converts formulas until every sender of the channel is gone, and returns how many there were.
#[tokio::module]
pub async fn math_serve(mut formulas: mpsc::Receiver<Formula>) -> Result<u64, String> {
    let mut served = 0;
    let mut batches = JoinSet::new();
    while let Some(first) = formulas.recv().await {
        let batch = fill(first, &mut formulas).await;
        served += batch.len() as u64;
        batches.spawn(TALLY.task(convert_batch(batch)));
        while batches.try_join_next().is_some() {}
    }
    while let Some(done) = batches.join_next().await {
        done.map_err(|error| format!("a batch of formulas failed: {error}"))?;
    }
    Ok(served)
}

/// The tasks that this module spawned so far, and where they ran.
#[tokio::module]
pub fn math_tasks() -> Tasks {
    TALLY.tasks()
}

/// Collects what arrives within the window after `first`.
async fn fill(first: Formula, formulas: &mut mpsc::Receiver<Formula>) -> Vec<Formula> {
    let mut batch = vec![first];
    let window = sleep_until(Instant::now() + BATCH_WINDOW);
    tokio::pin!(window);
    while batch.len() < BATCH {
        let room = BATCH - batch.len();
        tokio::select! {
            received = formulas.recv_many(&mut batch, room) => if received == 0 { break },
            () = &mut window => break,
        }
    }
    batch
}

/// Converts the formulas of a batch, each in a task of its own, and sends the answers.
async fn convert_batch(batch: Vec<Formula>) {
    let mut tasks = JoinSet::new();
    for Formula {
        latex,
        display,
        span,
        reply,
    } in batch
    {
        tasks.spawn(TALLY.task(async move {
            // A page that was given up takes no answer any more.
            let _ = reply.send(
                span.in_scope(|| info_span!("convert").in_scope(|| to_mathml(&latex, display))),
            );
        }));
    }
    // A task that panicked has dropped its `reply`, which is how the page learns of it.
    while tasks.join_next().await.is_some() {}
}

/// Converts one formula.
///
/// # Errors
///
/// Returns the parser's message if `latex` is not a formula that it knows.
pub fn to_mathml(latex: &str, display: bool) -> Result<String, String> {
    if latex.len() > MAX_LATEX {
        return Err(format!("a formula of {} bytes is too long", latex.len()));
    }
    // The source goes along as an annotation, for whoever copies the formula.
    let config = MathCoreConfig {
        annotation: true,
        ..MathCoreConfig::default()
    };
    let converter = LatexToMathML::new(config)
        .map_err(|(error, ..)| format!("the converter's own macros: {error}"))?;
    let display = if display {
        MathDisplay::Block
    } else {
        MathDisplay::Inline
    };
    let converted = converter.convert_with_local_state(latex, display);
    converted
        .map(|converted| converted.mathml)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tls_slots as _;
    use tokio::sync::oneshot;

    #[test]
    fn fractions_become_mfrac() {
        let mathml = to_mathml(r"\frac{a}{b}", true).unwrap();
        assert!(mathml.starts_with("<math"), "{mathml}");
        assert!(mathml.contains("<mfrac>"), "{mathml}");
        assert!(mathml.contains(r#"display="block""#), "{mathml}");
    }

    #[test]
    fn unknown_commands_are_errors() {
        assert!(to_mathml(r"\nosuchcommand{a}", false).is_err());
        assert!(to_mathml(r"\frac{a}{", false).is_err());
        assert!(to_mathml("}", false).is_err());
        assert!(to_mathml(&"x".repeat(MAX_LATEX + 1), false).is_err());
    }

    #[test]
    fn a_formula_is_no_way_into_the_page() {
        for latex in [r"a<b>c", r"\text{<script>}", r"\mathrm{a</math><b>}"] {
            let Ok(mathml) = to_mathml(latex, false) else {
                continue;
            };
            let tags = ["<script", "<b>", "</math><"];
            assert!(!tags.iter().any(|tag| mathml.contains(tag)), "{mathml}");
        }
        assert!(to_mathml("a<b", false).unwrap().contains("a&lt;b"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_formula_is_answered() {
        let (sender, receiver) = mpsc::channel(4);
        let service = tokio::spawn(math_serve(receiver));
        let mut replies = Vec::new();
        for i in 0..100 {
            let (reply, answer) = oneshot::channel();
            sender
                .send(Formula {
                    latex: format!("x_{{{i}}}"),
                    display: false,
                    span: tracing::Span::none(),
                    reply,
                })
                .await
                .unwrap();
            replies.push(answer);
        }
        drop(sender);
        for answer in replies {
            assert!(answer.await.unwrap().unwrap().contains("<msub>"));
        }
        assert_eq!(service.await.unwrap().unwrap(), 100);
    }
}
