//! What the system does for the crates, done for a model's threads: the table, a thread's end, the
//! end of the process, images that are loaded and unloaded.

/// The two of `tls-keys`' names that matter here. The table is so small that keys beyond it occur.
pub(crate) mod names {
    pub(crate) const TABLE_SLOTS: usize = 4;
}

/// Which file an image came from: none.
pub(crate) mod image {
    pub(crate) mod file {
        pub(crate) fn of(_: *const u8) -> Option<String> {
            None
        }

        pub(crate) fn is_here(_: *const u8) -> bool {
            true
        }

        pub(crate) fn are_together(_: *const u8, _: *const u8) -> bool {
            true
        }
    }
}

/// Whether a module fits: there is only one kind here.
pub(crate) mod fit {
    pub(crate) mod allocator {
        pub(crate) unsafe fn fit(_: &crate::keys::abi::Image) -> Result<(), String> {
            Ok(())
        }
    }

    pub(crate) mod manifest {
        pub(crate) unsafe fn fits(_: &crate::keys::abi::Image) -> Result<(), String> {
            Ok(())
        }
    }
}

/// Modules' copies of std: there are none.
pub(crate) mod stds {
    pub(crate) mod modules {
        pub(crate) fn forget(_: &crate::keys::abi::Image) {}

        pub(crate) fn first_thread_id(_: *const crate::keys::abi::Key) -> Option<u64> {
            None
        }
    }
}

/// Who is told of images and threads: nobody.
pub(crate) mod observers {
    use crate::keys::abi::{Image, Key};
    use crate::sync::AtomicUsize;

    #[derive(Clone, Copy)]
    pub(crate) struct AcceptedImage {
        pub(crate) start: *const Key,
        pub(crate) end: *const Key,
        pub(crate) row: *const AtomicUsize,
    }

    impl AcceptedImage {
        pub(crate) fn of(image: &Image) -> Self {
            Self {
                start: image.keys_start,
                end: image.keys_end,
                row: image.row,
            }
        }
    }

    pub(crate) struct Observer {
        pub(crate) image_came: unsafe fn(AcceptedImage),
        pub(crate) image_leaves: unsafe fn(AcceptedImage),
        pub(crate) image_left: unsafe fn(AcceptedImage),
        pub(crate) thread_ends: fn(),
        pub(crate) thread_ended: unsafe fn(&dyn Fn(usize) -> Option<*mut u8>),
    }

    pub(crate) fn all() -> impl Iterator<Item = &'static Observer> {
        std::iter::empty()
    }
}

/// What shared crates do about a module: there are no such crates.
pub(crate) mod unload_hooks {
    pub(crate) fn tell_host() {}

    pub(crate) unsafe fn take_out(_: *const crate::keys::abi::Key) {}
}

/// The table: a block of atomics that goes with its thread.
pub(crate) mod arch {
    use std::cell::Cell;

    use super::names::TABLE_SLOTS;
    use crate::sync::AtomicPtr;

    type Slots = [AtomicPtr<u8>; TABLE_SLOTS];

    loom::thread_local! {
        static TABLE: Cell<*mut Slots> = Cell::new(std::ptr::null_mut());
    }

    pub(crate) fn table() -> *mut u8 {
        let mut table = TABLE.with(Cell::get);
        if table.is_null() {
            let slots: Slots = [const { AtomicPtr::new(std::ptr::null_mut()) }; TABLE_SLOTS];
            for slot in &slots {
                slot.settle();
            }
            table = Box::into_raw(Box::new(slots));
            TABLE.with(|own| own.set(table));
        }
        table.cast()
    }

    /// # Safety
    ///
    /// As the real one.
    pub(crate) unsafe fn value(offset: usize) -> *mut u8 {
        // SAFETY: this thread's table, and the caller's promise.
        let slots = unsafe { &*table().cast::<Slots>() };
        slots[offset / size_of::<*mut u8>()].plain_load()
    }

    /// The thread's block is given back. Its box stays, to tell who comes too late.
    pub(crate) fn end() {
        let table = TABLE.with(|own| own.replace(std::ptr::null_mut()));
        if !table.is_null() {
            // SAFETY: from `table`, this thread's, which ends now.
            unsafe { std::ptr::drop_in_place(table) }
        }
    }
}

/// A thread's end and the process's, as on glibc.
pub(crate) mod exit {
    use std::cell::Cell;

    use loom::sync::Mutex;

    loom::thread_local! {
        static DESTRUCTORS: Cell<Option<fn()>> = Cell::new(None);
        static RELEASE: Cell<Option<fn()>> = Cell::new(None);
    }

    loom::lazy_static! {
        static ref AT_EXIT: Mutex<Option<extern "C" fn()>> = Mutex::new(None);
    }

    pub(crate) type ThreadId = ();

    pub(crate) fn thread_id() -> ThreadId {}

    pub(crate) fn arm_destructors(run: fn()) {
        DESTRUCTORS.with(|armed| armed.set(Some(run)));
    }

    pub(crate) fn arm_release(release: fn()) -> bool {
        RELEASE.with(|armed| armed.set(Some(release)));
        true
    }

    pub(crate) fn thread_name((): ThreadId) -> Option<String> {
        None
    }

    pub(crate) fn at_process_exit(function: extern "C" fn()) {
        *AT_EXIT.lock().unwrap() = Some(function);
    }

    /// What the system does when the calling thread ends.
    pub(crate) fn thread_end() {
        while let Some(run) = DESTRUCTORS.with(|armed| armed.replace(None)) {
            run();
        }
        if let Some(release) = RELEASE.with(|armed| armed.replace(None)) {
            release();
        }
        super::arch::end();
    }

    /// What `exit` does first.
    pub(crate) fn process_end() {
        let function = *AT_EXIT.lock().unwrap();
        function.expect("the host has registered")();
    }
}

/// The host's functions, by symbol, as in `shared/calls/linked.rs` of `tls-keys`.
pub(crate) mod calls {
    use crate::keys::abi::{Answer, Buffer, Image, Key};

    #[allow(improper_ctypes)] // both sides are this crate
    unsafe extern "C" {
        #[link_name = "tls_slots_register_v1"]
        pub fn register(image: *const Image);
        #[link_name = "tls_slots_unregister_v1"]
        pub fn unregister(image: *const Image);
        #[link_name = "tls_slots_explain_v1"]
        pub fn explain(key: *const Key, buffer: *mut Buffer) -> usize;
    }

    #[allow(improper_ctypes)] // both sides are this crate
    unsafe extern "C-unwind" {
        #[link_name = "tls_slots_get_v1"]
        pub fn get(key: *const Key, has_value: bool, buffer: *mut Buffer) -> Answer;
        #[link_name = "tls_slots_reserve_v1"]
        pub fn reserve(key: *const Key, buffer: *mut Buffer) -> Answer;
    }
}

/// The image whose code runs, and its constructor.
pub(crate) mod own_image {
    use std::cell::Cell;

    loom::thread_local! {
        /// Whose code the thread runs.
        static IMAGE: Cell<Option<crate::Loaded>> = Cell::new(None);
    }

    /// Runs code of that image.
    pub(crate) fn within<R>(image: crate::Loaded, code: impl FnOnce() -> R) -> R {
        let outer = IMAGE.with(|current| current.replace(Some(image)));
        let result = code();
        IMAGE.with(|current| current.set(outer));
        result
    }

    /// The constructor of the image whose code asks.
    pub(crate) fn enter() {
        let image = IMAGE.with(Cell::get).expect("code of some image");
        // SAFETY: a loaded image of nothing but keys.
        unsafe { super::calls::register(&image.describe()) }
    }
}

/// What the host's half needs of `tls-keys`.
pub(crate) mod host {
    pub(crate) use super::calls::register;

    pub(crate) fn image() -> crate::keys::abi::Image {
        crate::HOST.describe()
    }
}
