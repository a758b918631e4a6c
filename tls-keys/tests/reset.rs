//! `tls_slots::reset_thread` in one image.

use std::cell::{Cell, RefCell};
use std::thread;

tls_keys::thread_local! {
    static PLAIN: Cell<u32> = const { Cell::new(3) };
    static LOGS: RefCell<Vec<Logs>> = const { RefCell::new(Vec::new()) };
    static FIRST: Logs = Logs("first");
    static SECOND: Logs = Logs("second");
    static UNUSED: Cell<u32> = const { Cell::new(0) };
}

tls_keys::process_local!(static DROPPED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new()));

struct Logs(&'static str);

impl Drop for Logs {
    fn drop(&mut self) {
        // Keys that are reset with this one are destroyed by now, or still alive. Others are as
        // before.
        let first = FIRST.try_with(|_| ()).is_ok();
        let line = format!(
            "{} while first is there: {first}, plain {}",
            self.0,
            PLAIN.get()
        );
        DROPPED.lock().unwrap().push(line);
    }
}

/// Resets the keys with these names.
fn reset(names: &[&str]) -> usize {
    // SAFETY: no test calls this inside a `with`, and there are no modules.
    unsafe { tls_slots::reset_thread(|image, key| image.is_host && names.contains(&&*key.name)) }
}

#[test]
fn values_are_dropped_in_reverse_and_made_anew() {
    PLAIN.set(4);
    FIRST.with(|_| ());
    SECOND.with(|_| ());
    assert_eq!(reset(&["FIRST", "SECOND", "UNUSED"]), 2);
    assert_eq!(
        std::mem::take(&mut *DROPPED.lock().unwrap()),
        [
            "second while first is there: true, plain 4",
            "first while first is there: false, plain 4"
        ]
    );
    assert_eq!(PLAIN.get(), 4);
    assert_eq!(reset(&["PLAIN"]), 1);
    assert_eq!((PLAIN.get(), reset(&["FIRST"])), (3, 0));
    // Values that are made anew are dropped, too: by a reset, and at the thread's end.
    FIRST.with(|first| assert_eq!(first.0, "first"));
    assert_eq!(reset(&["FIRST"]), 1);
    LOGS.with_borrow_mut(|logs| logs.push(Logs("last")));
    assert_eq!(reset(&["LOGS", "PLAIN"]), 2);
    assert_eq!(DROPPED.lock().unwrap().len(), 2);
}

#[test]
fn other_threads_keep_theirs() {
    UNUSED.set(1);
    thread::spawn(|| {
        assert_eq!(reset(&["UNUSED"]), 0);
        UNUSED.set(2);
        assert_eq!(reset(&["UNUSED"]), 1);
        assert_eq!(UNUSED.get(), 0);
    })
    .join()
    .unwrap();
    assert_eq!(UNUSED.get(), 1);
}
