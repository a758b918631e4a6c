//! Several things side by side.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Calls `work` for each of `items`, on `jobs` threads, and returns the results in the items' order.
///
/// `work` gets the number of its thread, from 0, and the item. A thread works on one item at a
/// time, so what belongs to a thread's number is used by one call at a time.
///
/// # Panics
///
/// If `work` panicked.
pub(super) fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(usize, &T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let worker = |number| {
        loop {
            // The index alone is shared; what is at it was there before the threads.
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else {
                break;
            };
            let result = work(number, item);
            results
                .lock()
                .expect("no panic holds the lock")
                .push((index, result));
        }
    };
    thread::scope(|scope| {
        for number in 0..jobs.clamp(1, items.len().max(1)) {
            let worker = &worker;
            scope.spawn(move || worker(number));
        }
    });
    let mut results = results.into_inner().expect("no panic holds the lock");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        let busy = [
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        ];
        let doubled = side_by_side(&items, 3, |number, item| {
            assert_eq!(busy[number].fetch_add(1, Ordering::SeqCst), 0);
            busy[number].fetch_sub(1, Ordering::SeqCst);
            item * 2
        });
        assert_eq!(
            doubled,
            items.iter().map(|item| item * 2).collect::<Vec<_>>()
        );
        assert!(side_by_side(&[] as &[u8], 3, |_, _| 0).is_empty());
    }
}
