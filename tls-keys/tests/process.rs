//! `process_local!` in one image, and what the registry reports about the keys.

use tls_slots as _;

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, OnceLock};

tls_keys::process_local! {
    /// Documented and visible.
    pub static COUNTER: AtomicU32 = AtomicU32::new(5);
    static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    #[allow(dead_code)]
    static UNUSED: u8 = 1;
    static LAZY: LazyLock<String> = LazyLock::new(|| "lazy".to_owned())
}
tls_keys::process_local!();

fn in_a_function() -> u32 {
    tls_keys::process_local!(
        static COUNTER: AtomicU32 = AtomicU32::new(100);
    );
    COUNTER.fetch_add(1, Relaxed)
}

fn in_another_function() -> u32 {
    tls_keys::process_local!(
        static COUNTER: AtomicU32 = AtomicU32::new(200);
    );
    COUNTER.fetch_add(1, Relaxed)
}

/// Two functions whose keys have one name, one line and one column.
macro_rules! twins {
    ($($function:ident = $first:literal),*) => {
        $(fn $function() -> u32 {
            tls_keys::process_local!(static TWIN: AtomicU32 = AtomicU32::new($first));
            TWIN.fetch_add(1, Relaxed)
        })*
    };
}
twins!(castor = 10, pollux = 20);

#[test]
fn statics_behave_as_statics() {
    assert_eq!(COUNTER.fetch_add(1, Relaxed), 5);
    assert_eq!(COUNTER.load(Relaxed), 6);
    NAMES.lock().unwrap().push("a".to_owned());
    assert_eq!(NAMES.lock().unwrap().len(), 1);
    assert_eq!(**LAZY, *"lazy");
    assert!(format!("{COUNTER:?}").contains('6'));
}

#[test]
fn statics_of_one_name_are_apart() {
    assert_eq!((in_a_function(), in_another_function()), (100, 200));
    assert_eq!((in_a_function(), in_another_function()), (101, 201));
    assert_eq!((castor(), pollux()), (10, 20));
    assert_eq!((castor(), pollux()), (11, 21));
}

#[test]
fn a_reference_is_static() {
    fn instance() -> &'static OnceLock<u32> {
        tls_keys::process_local!(static CELL: OnceLock<u32> = OnceLock::new());
        &CELL
    }
    assert_eq!(*instance().get_or_init(|| 3), 3);
    assert_eq!(instance().get(), Some(&3));
}

#[test]
fn the_host_owns_its_statics() {
    assert!(tls_keys::ProcessLocal::is_own(&COUNTER));
}

#[test]
fn the_registry_lists_every_key_used_or_not() {
    let images = tls_slots::images();
    assert_eq!(images.len(), 1, "{images:?}");
    let host = &images[0];
    assert!(host.is_host && host.refused.is_none());
    let unused = host.keys.iter().find(|key| key.name == "UNUSED").unwrap();
    assert_eq!(unused.package, "tls-keys");
    assert_eq!(unused.path, "process::UNUSED");
    assert_eq!((unused.size, unused.align), (1, 1));
    assert_eq!(unused.kind, tls_slots::Kind::Process);
    let twins: Vec<_> = host.keys.iter().filter(|key| key.name == "TWIN").collect();
    assert_eq!(twins.len(), 2);
    assert_eq!(twins[0].line, twins[1].line);
    assert!(host.keys.iter().all(|key| key.shared), "{:#?}", host.keys);
}
