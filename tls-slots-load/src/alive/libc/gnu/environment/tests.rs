//! The environment as a map, under readers, and by libc's names.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Entry, Environ, NoMemory, Writer, entries, find};
use super::{clearenv, getenv, putenv, secure_getenv, setenv, unsetenv};

/// An environment of a test's own.
struct Environment {
    place: Environ,
    writer: Mutex<Writer>,
}

impl Environment {
    fn new() -> Self {
        Self {
            place: Environ::default(),
            writer: Mutex::new(Writer::new()),
        }
    }

    /// That of a program which has made its own array.
    fn foreign(strings: &[&str]) -> Self {
        let environment = Self::new();
        let string = |text: &&str| CString::new(*text).expect("no 0").into_raw();
        let strings = strings.iter().map(string).chain([ptr::null_mut()]);
        let array: Vec<Entry> = strings.map(Entry::new).collect();
        let array = ptr::from_ref(&array.leak()[0]).cast_mut();
        environment.place.store(array, Ordering::Release);
        environment
    }

    fn set(&self, name: &str, value: &str) {
        let mut writer = self.writer.lock().expect("no panic");
        let string = writer.string(name.as_bytes(), value.as_bytes());
        let set = string.and_then(|string| writer.set(&self.place, name.as_bytes(), string));
        assert_eq!(set, Ok::<_, NoMemory>(()));
    }

    fn remove(&self, name: &str) {
        let mut writer = self.writer.lock().expect("no panic");
        assert_eq!(writer.remove(&self.place, name.as_bytes()), Ok(()));
    }

    fn get(&self, name: &str) -> Option<String> {
        let (_, value) = find(self.place.load(Ordering::Acquire), name.as_bytes())?;
        // SAFETY: a C string that is never freed.
        Some(
            unsafe { CStr::from_ptr(value) }
                .to_str()
                .expect("ours")
                .to_owned(),
        )
    }

    /// As std reads it: directly, from the start to the null.
    fn all(&self) -> Vec<String> {
        let text = |(_, string): (_, *mut c_char)| {
            // SAFETY: a C string that is never freed.
            unsafe { CStr::from_ptr(string) }
                .to_str()
                .expect("ours")
                .to_owned()
        };
        entries(self.place.load(Ordering::Acquire))
            .map(text)
            .collect()
    }

    fn memory(&self) -> (usize, usize) {
        let writer = self.writer.lock().expect("no panic");
        let arrays = writer.arrays.iter().map(|array| array.len());
        (arrays.sum(), writer.strings.len())
    }
}

/// xorshift64.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn it_is_a_map() {
    for seed in 1..200 {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed);
        let first = ["A=1", "AB=2", "B=", "C=x=y"];
        let environment = match seed % 2 {
            0 => Environment::new(),
            _ => Environment::foreign(&first),
        };
        let split = |text: &String| {
            let (name, value) = text.split_once('=').expect("a variable");
            (name.to_owned(), value.to_owned())
        };
        let mut model: BTreeMap<_, _> = environment.all().iter().map(split).collect();
        for _ in 0..300 {
            // Some are the beginnings of others.
            let name = "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ";
            let from = random(&mut state) as usize % 26;
            let name = &name[from..=from + random(&mut state) as usize % 3];
            match random(&mut state) % 40 {
                0..20 => {
                    let value = (random(&mut state) % 1000).to_string();
                    environment.set(name, &value);
                    model.insert(name.to_owned(), value);
                }
                39 => {
                    environment.place.store(ptr::null_mut(), Ordering::Release);
                    model.clear();
                }
                _ => {
                    environment.remove(name);
                    model.remove(name);
                }
            }
            assert_eq!(environment.get(name), model.get(name).cloned());
            let all = environment.all();
            assert_eq!(all.len(), model.len(), "{all:?}");
            assert_eq!(all.iter().map(split).collect::<BTreeMap<_, _>>(), model);
        }
    }
}

#[test]
fn an_array_of_somebody_else_is_taken_over() {
    let environment = Environment::foreign(&["A=1", "B=2", "A=3", "C=4"]);
    environment.set("B", "5");
    assert_eq!(environment.all(), ["A=1", "B=5", "A=3", "C=4"]);
    assert_eq!(environment.memory().0, 0, "a value needs no array");
    environment.remove("A");
    assert_eq!(environment.all(), ["B=5", "C=4"]);
    environment.set("A", "6");
    assert_eq!(environment.all(), ["A=6", "B=5", "C=4"]);
    // The program puts another one there, and the first one back.
    let ours = environment.place.load(Ordering::Acquire);
    let other = Environment::foreign(&["D=7"]).place.into_inner();
    environment.place.store(other, Ordering::Release);
    environment.set("E", "8");
    assert_eq!(environment.all(), ["E=8", "D=7"]);
    environment.place.store(ours, Ordering::Release);
    assert_eq!(environment.all(), ["A=6", "B=5", "C=4"]);
    environment.remove("B");
    assert_eq!(environment.all(), ["A=6", "C=4"]);
}

#[test]
fn memory_does_not_grow_by_what_was_there_before() {
    let environment = Environment::foreign(&["A=1", "B=2"]);
    let mut state = 88172645463325252;
    let mut change = || {
        let name = format!("N{}", random(&mut state) % 40);
        match random(&mut state) % 3 {
            0 => environment.remove(&name),
            value => environment.set(&name, &value.to_string()),
        }
    };
    (0..10_000).for_each(|_| change());
    let before = environment.memory();
    assert!(before.0 < 4 * (42 + 16) && before.1 <= 80, "{before:?}");
    (0..100_000).for_each(|_| change());
    assert_eq!(environment.memory(), before);
}

/// Readers find every variable that exists all the time, whole strings, and an end.
#[test]
fn readers_take_no_lock() {
    const STAYS: [&str; 3] = ["STAYS_A", "STAYS_B", "STAYS_C"];
    let environment = Environment::foreign(&["FIRST=1", "STAYS_A=x"]);
    let is_over = AtomicBool::new(false);
    let read = || {
        let mut times = 0_u64;
        while !is_over.load(Ordering::Relaxed) || times < 100 {
            times += 1;
            let all = environment.all();
            for name in STAYS {
                assert_eq!(environment.get(name).as_deref(), Some("x"));
                assert!(
                    all.contains(&format!("{name}=x")),
                    "{name} is not in {all:?}"
                );
            }
            for string in all {
                let (name, value) = string.split_once('=').expect("a variable");
                assert!(
                    value == "x" || value == "1" || name.ends_with(value),
                    "{string}"
                );
            }
            if let Some(value) = environment.get("N7") {
                assert_eq!(value, "7");
            }
        }
    };
    for name in STAYS {
        environment.set(name, "x");
    }
    std::thread::scope(|scope| {
        let readers = [(); 3].map(|()| scope.spawn(read));
        let mut state = 88172645463325252;
        for round in 0..40_000 {
            // More and more names, so that the array grows.
            let number = random(&mut state) % (8 + round / 200);
            let name = format!("N{number}");
            match random(&mut state) % 2 {
                0 => environment.remove(&name),
                _ => environment.set(&name, &number.to_string()),
            }
            environment.set(STAYS[round as usize % 3], "x");
        }
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().expect("a reader finds all");
        }
    });
}

fn text(value: *mut c_char) -> Option<String> {
    if value.is_null() {
        return None;
    }
    // SAFETY: a C string of the environment.
    let value = unsafe { CStr::from_ptr(value) };
    Some(value.to_str().expect("ours").to_owned())
}

fn errno() -> i32 {
    std::io::Error::last_os_error()
        .raw_os_error()
        .expect("a number")
}

/// libc's functions, on the process's own environment. Other tests of this process may read it.
#[test]
fn they_are_libcs_functions() {
    const NAME: &CStr = c"TLS_SLOTS_TEST_ENVIRONMENT";
    // SAFETY: a C string.
    let get = || text(unsafe { getenv(NAME.as_ptr()) });
    // SAFETY: C strings, and null where that is allowed.
    unsafe {
        for name in [c"", c"=", c"A=B"] {
            assert_eq!(setenv(name.as_ptr(), c"1".as_ptr(), 1), -1);
            assert_eq!(errno(), libc::EINVAL);
            assert_eq!(unsetenv(name.as_ptr()), -1);
            assert_eq!(errno(), libc::EINVAL);
            assert_eq!(text(getenv(name.as_ptr())), None);
        }
        assert_eq!(setenv(ptr::null(), c"1".as_ptr(), 1), -1);
        assert_eq!(unsetenv(ptr::null()), -1);

        assert_eq!(setenv(NAME.as_ptr(), c"1".as_ptr(), 0), 0);
        assert_eq!(get().as_deref(), Some("1"));
        assert_eq!(setenv(NAME.as_ptr(), c"2=3".as_ptr(), 0), 0);
        assert_eq!(get().as_deref(), Some("1"));
        assert_eq!(setenv(NAME.as_ptr(), c"2=3".as_ptr(), 1), 0);
        assert_eq!(get().as_deref(), Some("2=3"));
        assert_eq!(text(secure_getenv(NAME.as_ptr())).as_deref(), Some("2=3"));
        // std uses the same ones, and reads the array itself.
        assert_eq!(std::env::var(NAME.to_str().unwrap()).as_deref(), Ok("2=3"));
        assert!(std::env::vars().any(|(_, value)| value == "2=3"));
        assert_eq!(unsetenv(NAME.as_ptr()), 0);
        assert_eq!(get(), None);
        assert_eq!(unsetenv(NAME.as_ptr()), 0);

        // The string itself, which its owner may change.
        let string = CString::new("TLS_SLOTS_TEST_ENVIRONMENT=4")
            .unwrap()
            .into_raw();
        assert_eq!(putenv(string), 0);
        assert_eq!(get().as_deref(), Some("4"));
        string.add(NAME.count_bytes() + 1).write(b'5' as c_char);
        assert_eq!(get().as_deref(), Some("5"));
        assert_eq!(putenv(NAME.as_ptr().cast_mut()), 0);
        assert_eq!(get(), None);
        assert_eq!(putenv(c"".as_ptr().cast_mut()), 0);
    }
}

/// In a process of its own, as it takes all variables away.
#[test]
fn clearing() {
    const CHILD: &str = "TLS_SLOTS_TEST_CLEARING";
    const NAME: &str = "alive::libc::gnu::environment::tests::clearing";
    if std::env::var_os(CHILD).is_none() {
        let test = std::env::current_exe().expect("this test");
        let mut command = std::process::Command::new(test);
        command.args([NAME, "--exact"]).env(CHILD, "1");
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains("1 passed") && output.status.success(),
            "{said}"
        );
        return;
    }
    for value in [c"1", c"2"] {
        assert_eq!(clearenv(), 0);
        assert_eq!(std::env::vars_os().count(), 0);
        // SAFETY: C strings.
        unsafe { assert_eq!(setenv(c"A".as_ptr(), value.as_ptr(), 1), 0) };
        assert_eq!(std::env::vars_os().count(), 1);
    }
}
