//! Waiting for many operations at once, in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::oneshot;

/// Counts operations down, and tells when the last one is done.
pub(crate) struct Countdown {
    left: AtomicU64,
    done: std::sync::Mutex<Option<oneshot::Sender<()>>>,
}

impl Countdown {
    /// A countdown of `left` operations, and the channel that tells when the last one is done.
    pub(crate) fn new(left: u64) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        let countdown = Self {
            left: AtomicU64::new(left),
            done: std::sync::Mutex::new(Some(sender)),
        };
        (Arc::new(countdown), receiver)
    }

    /// One operation is done.
    pub(crate) fn one(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let done = self.done.lock().unwrap().take();
            done.expect("it ends once")
                .send(())
                .expect("it is waited for");
        }
    }
}

/// How many operations are begun at a time, where all of them would fill the memory.
const BATCH: u64 = 100;

/// `n` operations, as batches of at most [`BATCH`].
pub(crate) fn batches(n: u64) -> impl Iterator<Item = u64> {
    (0..n.div_ceil(BATCH)).map(move |at| BATCH.min(n - at * BATCH))
}
