//! The same work for many things, on all processors.

use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

/// Does `work` with each item, on as many threads as there are processors, and returns the results
/// in the items' order.
///
/// # Panics
///
/// If `work` does.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(items.len());
    if threads <= 1 {
        return items.into_iter().map(work).collect();
    }
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().ok()?.next();
    let take = || {
        let mut results = Vec::new();
        while let Some((index, item)) = next() {
            results.push((index, work(item)));
        }
        results
    };
    let mut results: Vec<(usize, R)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        let results = workers.into_iter().map(|worker| match worker.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        results.flatten().collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_have_the_items_order() {
        let squares = super::map((0..100).collect(), |number: u32| number * number);
        assert_eq!(
            squares,
            (0..100).map(|number| number * number).collect::<Vec<_>>()
        );
        assert!(super::map(Vec::<u8>::new(), |byte| byte).is_empty());
    }
}
