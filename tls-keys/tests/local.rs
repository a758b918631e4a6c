//! `thread_local!` in one image: everything that std's does.

use tls_slots as _;

use std::cell::{Cell, RefCell};
use std::sync::mpsc;
use std::thread;

tls_keys::thread_local! {
    static LAZY: Cell<u32> = Cell::new(1 + 1);
    /// Documented, visible, const.
    pub(crate) static CONST: Cell<u32> = const { Cell::new(3) };
    #[allow(dead_code)]
    static UNUSED: String = String::new();
    static NAMES: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) }
}
tls_keys::thread_local!(static LAST: u8 = 9);
tls_keys::thread_local!(static ZERO_SIZED: () = ());
tls_keys::thread_local!();

#[test]
fn forms() {
    assert_eq!(LAZY.get(), 2);
    assert_eq!(CONST.get(), 3);
    assert_eq!(LAST.with(|last| *last), 9);
    ZERO_SIZED.with(|()| ());
    NAMES.with_borrow_mut(|names| names.push("a"));
    NAMES.with_borrow(|names| assert_eq!(names, &["a"]));
}

#[test]
fn cell_methods() {
    thread::spawn(|| {
        tls_keys::thread_local!(static CELL: Cell<i32> = panic!("the initialiser must not run"));
        CELL.set(1);
        assert_eq!(CELL.get(), 1);
        assert_eq!(CELL.replace(2), 1);
        assert_eq!(CELL.take(), 2);
        assert_eq!(CELL.get(), 0);
        CELL.set(5);
        assert_eq!(CELL.get(), 5);
    })
    .join()
    .unwrap();
}

#[test]
fn ref_cell_methods() {
    thread::spawn(|| {
        tls_keys::thread_local! {
            static CELL: RefCell<String> = panic!("the initialiser must not run");
        }
        CELL.set("a".to_owned());
        assert_eq!(CELL.replace("b".to_owned()), "a");
        assert_eq!(CELL.take(), "b");
        CELL.with_borrow_mut(|text| text.push('c'));
        assert_eq!(CELL.with_borrow(String::clone), "c");
        CELL.set("d".to_owned());
        assert_eq!(CELL.take(), "d");
    })
    .join()
    .unwrap();
}

#[test]
fn each_thread_has_its_own() {
    CONST.set(30);
    let other = thread::spawn(|| CONST.get()).join().unwrap();
    assert_eq!((CONST.get(), other), (30, 3));
}

/// Sends its name when dropped.
struct Loud(&'static str, mpsc::Sender<&'static str>);

impl Drop for Loud {
    fn drop(&mut self) {
        let _ = self.1.send(self.0);
    }
}

tls_keys::thread_local! {
    static FIRST: RefCell<Option<Loud>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<Loud>> = const { RefCell::new(None) };
    static THIRD: RefCell<Option<Loud>> = const { RefCell::new(None) };
}

#[test]
fn destructors_run_in_reverse_order_of_initialisation() {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        SECOND.set(Some(Loud("second", sender.clone())));
        THIRD.set(Some(Loud("third", sender.clone())));
        FIRST.set(Some(Loud("first", sender)));
    })
    .join()
    .unwrap();
    assert_eq!(
        receiver.iter().collect::<Vec<_>>(),
        ["first", "third", "second"]
    );
}

#[test]
fn a_thread_that_panics_drops_its_values() {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        FIRST.set(Some(Loud("first", sender)));
        panic!("on purpose");
    })
    .join()
    .unwrap_err();
    assert_eq!(receiver.iter().collect::<Vec<_>>(), ["first"]);
}

/// What a destructor sees of its own key, of one that is gone, and of one never used.
struct Nosy(mpsc::Sender<(bool, bool, u32, bool)>);

tls_keys::thread_local! {
    static NOSY: RefCell<Option<Nosy>> = const { RefCell::new(None) };
    static GONE: RefCell<String> = const { RefCell::new(String::new()) };
    static FRESH: RefCell<String> = RefCell::new("fresh".to_owned());
    static NO_DROP: Cell<u32> = const { Cell::new(4) };
}

impl Drop for Nosy {
    fn drop(&mut self) {
        let own = NOSY.try_with(|_| ()).is_err();
        let gone = GONE.try_with(|_| ()).is_err();
        let fresh = FRESH.try_with(|text| text.borrow().clone()).as_deref() == Ok("fresh");
        self.0.send((own, gone, NO_DROP.get(), fresh)).unwrap();
    }
}

#[test]
fn access_from_a_destructor() {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        NO_DROP.set(8);
        NOSY.set(Some(Nosy(sender)));
        GONE.set("x".to_owned());
    })
    .join()
    .unwrap();
    assert_eq!(receiver.recv().unwrap(), (true, true, 8, true));
}

#[test]
fn keys_live_as_long_as_std_thread_locals_do() {
    /// Uses a key when std drops it.
    struct AtExit(mpsc::Sender<Result<u32, tls_keys::AccessError>>);
    impl Drop for AtExit {
        fn drop(&mut self) {
            self.0.send(NO_DROP.try_with(Cell::get)).unwrap();
            // Initialised for the first time while the thread's values go: it is dropped, too.
            LATE.with(|late| {
                *late.borrow_mut() = LATE_SENDER
                    .lock()
                    .unwrap()
                    .take()
                    .map(|sender| Loud("late", sender));
            });
        }
    }
    std::thread_local!(static AT_EXIT: RefCell<Option<AtExit>> = const { RefCell::new(None) });
    tls_keys::thread_local!(static LATE: RefCell<Option<Loud>> = const { RefCell::new(None) });
    static LATE_SENDER: std::sync::Mutex<Option<mpsc::Sender<&'static str>>> =
        std::sync::Mutex::new(None);

    let (late_sender, late_receiver) = mpsc::channel();
    *LATE_SENDER.lock().unwrap() = Some(late_sender);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        AT_EXIT.set(Some(AtExit(sender)));
        NO_DROP.set(11);
        FIRST.set(None);
    })
    .join()
    .unwrap();
    assert_eq!(receiver.recv().unwrap(), Ok(11));
    assert_eq!(late_receiver.iter().collect::<Vec<_>>(), ["late"]);
}

#[test]
fn an_initialiser_may_use_its_own_key() {
    tls_keys::thread_local! {
        static DEPTH: Cell<u32> = const { Cell::new(0) };
        static RECURSIVE: RefCell<Vec<u32>> = {
            DEPTH.set(DEPTH.get() + 1);
            if DEPTH.get() < 3 {
                RECURSIVE.with_borrow_mut(|list| list.push(99));
            }
            RefCell::new(vec![DEPTH.get()])
        };
    }
    thread::spawn(|| assert_eq!(RECURSIVE.take(), [3]))
        .join()
        .unwrap();
}

#[test]
fn an_initialiser_that_panics_can_run_again() {
    tls_keys::thread_local! {
        static TRIES: Cell<u32> = const { Cell::new(0) };
        static SHY: String = {
            TRIES.set(TRIES.get() + 1);
            assert!(TRIES.get() > 1, "not yet");
            "here".to_owned()
        };
    }
    thread::spawn(|| {
        let error = std::panic::catch_unwind(|| SHY.with(String::clone)).unwrap_err();
        assert_eq!(error.downcast_ref::<&str>(), Some(&"not yet"));
        assert_eq!(SHY.with(String::clone), "here");
    })
    .join()
    .unwrap();
}

#[test]
fn with_panics_where_the_value_is_gone() {
    struct Late(mpsc::Sender<String>);
    impl Drop for Late {
        fn drop(&mut self) {
            let error = std::panic::catch_unwind(|| LATE.with(|_| ())).unwrap_err();
            let text = error.downcast_ref::<String>().unwrap().clone();
            self.0.send(text).unwrap();
        }
    }
    tls_keys::thread_local!(static LATE: RefCell<Option<Late>> = const { RefCell::new(None) });
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || LATE.set(Some(Late(sender))))
        .join()
        .unwrap();
    let text = receiver.recv().unwrap();
    assert!(text.contains("during or after its destruction"), "{text}");
}

#[test]
fn over_aligned_values_are_aligned() {
    #[repr(align(256))]
    struct Aligned([u8; 3]);
    tls_keys::thread_local!(static ALIGNED: Aligned = const { Aligned([1, 2, 3]) });
    ALIGNED.with(|value| {
        assert_eq!(std::ptr::from_ref(value).addr() % 256, 0);
        assert_eq!(value.0, [1, 2, 3]);
    });
}

/// Declares one key for each name, in a Rust module of its own, and lists the keys.
macro_rules! many {
    ($($hundred:ident: [$($name:ident)*];)*) => {
        $(mod $hundred {
            use std::cell::Cell;
            tls_keys::thread_local! {
                $(pub(super) static $name: Cell<usize> = const { Cell::new(0) };)*
            }
        })*
        fn many() -> Vec<&'static tls_keys::LocalKey<Cell<usize>>> {
            vec![$($(&$hundred::$name,)*)*]
        }
    };
}

many! {
    h0: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h1: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h2: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h3: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h4: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h5: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h6: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h7: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h8: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h9: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h10: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h11: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h12: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h13: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h14: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h15: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h16: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
    h17: [A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9];
}

#[test]
fn more_keys_than_the_table_has_slots() {
    let keys = many();
    assert!(keys.len() > tls_keys::names::TABLE_SLOTS);
    let check = |offset: usize| {
        for (at, key) in many().iter().enumerate() {
            assert_eq!(key.get(), 0);
            key.set(at + offset);
        }
        for (at, key) in many().iter().enumerate() {
            assert_eq!(key.get(), at + offset);
        }
    };
    thread::scope(|scope| {
        for offset in 1..4 {
            scope.spawn(move || check(offset * 1000));
        }
    });
}

#[test]
fn first_access_on_many_threads_at_once() {
    use std::sync::{Arc, Barrier};
    for _ in 0..40 {
        let barrier = Arc::new(Barrier::new(8));
        let threads: Vec<_> = (0..8_u32)
            .map(|at| {
                let barrier = Arc::clone(&barrier);
                thread::spawn(move || {
                    barrier.wait();
                    assert_eq!(LAZY.replace(at), 2);
                    NAMES.with_borrow_mut(|names| names.push("x"));
                    barrier.wait();
                    assert_eq!(LAZY.get(), at);
                    NAMES.with_borrow(Vec::len)
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 1);
        }
    }
}

/// The buffer for the host's message is on the stack of a thread's first access. Room for the text
/// would touch one more page of the stack, which costs two microseconds.
#[test]
fn a_message_takes_no_room_until_there_is_one() {
    let mut buffer = tls_keys::abi::Buffer::new();
    assert!(size_of_val(&buffer) <= 4 * size_of::<usize>());
    assert_eq!(buffer.read(7), "");
    let long = "a message ".repeat(1000);
    assert_eq!(buffer.write("short"), 5);
    assert_eq!(buffer.write(&long), long.len());
    assert_eq!(buffer.read(long.len()), long);
    assert_eq!(buffer.read(9), "a message");
}
