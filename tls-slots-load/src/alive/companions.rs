//! The images that go when a module is closed.
//!
//! # The problem
//!
//! `dlclose` of a module also unmaps what only this module needs: C libraries, and other modules
//! that it links. What of these is alive would run unmapped code, too. And a module that another
//! image needs is not unmapped at all.
//!
//! # The way
//!
//! The images *go along* that the module needs, directly or not, and that no other image needs. An
//! image that was there when the program started never goes, nor does a file that says so (`-z
//! nodelete`). A module that was opened by code of this module may be closed by its destructors. So
//! such a module goes along as well, unless another image needs it. What a
//! [`Module`](crate::Module) has opened stays as long as that is not unloaded ([`hold`]).
//!
//! # Limits
//!
//! The system does not tell how often an image was opened by `dlopen`. If somebody else has opened
//! an image that this module needs, the image stays. Here it goes along all the same, so what is
//! alive of it counts. A library that is linked to the host does not go along.
//!
//! Libraries that are no modules and that the module has opened by `dlopen` are not known to be its
//! own.
//!
//! # What it costs
//!
//! 0.3 µs for a module whose libraries the host has, too. Some microseconds for others: the names
//! of all images are compared.

use std::ops::Range;
use std::sync::Mutex;

use tls_keys::abi::Key;
use tls_slots::loader::lock;

/// A module that goes along with another one.
pub(crate) struct Companion {
    /// Its first key, which identifies it in the registry.
    pub(crate) start: *const Key,
    pub(crate) memory: Range<usize>,
    /// Whether the other module is linked to it. If not, code of that module has opened it.
    pub(crate) is_linked: bool,
}

/// The images that go along with a module.
#[derive(Default)]
pub(crate) struct Companions {
    pub(crate) modules: Vec<Companion>,
    /// Where the libraries lie that are no modules.
    pub(crate) libraries: Vec<Range<usize>>,
}

/// Where the images lie that this crate has opened and not closed.
static HELD: Mutex<Vec<Range<usize>>> = Mutex::new(Vec::new());

/// Takes note that this crate has opened the image that lies there.
pub(crate) fn hold(memory: &Range<usize>) {
    lock(&HELD).push(memory.clone());
}

/// Takes note that this crate closes the image that lies there.
pub(crate) fn release(memory: &Range<usize>) {
    lock(&HELD).retain(|held| held != memory);
}

#[cfg(tls_slots_interpose)]
pub(crate) use known::{needed_by, of};
#[cfg(not(tls_slots_interpose))]
pub(crate) use unknown::{needed_by, of};

/// Where nothing is unloaded.
#[cfg(not(tls_slots_interpose))]
mod unknown {
    use std::ops::Range;

    use super::Companions;

    pub(crate) fn of(_: &Range<usize>) -> Companions {
        Companions::default()
    }

    pub(crate) fn needed_by(_: &Range<usize>) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(tls_slots_interpose)]
mod known {
    use std::ops::Range;

    use tls_slots::loader::{self, lock};

    use super::{Companion, Companions, HELD};
    use crate::alive::libc;
    use crate::alive::linked::{self, Linked};

    /// The images that go along with the module that lies there.
    pub(crate) fn of(memory: &Range<usize>) -> Companions {
        let opened = opened_by(memory);
        let brings_nothing = || {
            let is_there = |needed: &String| any_permanent(|permanent| permanent.is_called(needed));
            let own = linked::of(memory.start);
            own.is_none_or(|own| own.needs.iter().all(is_there))
        };
        if opened.is_empty() && brings_nothing() {
            return Companions::default();
        }
        let all = linked::all();
        let at = |memory: &Range<usize>| all.iter().position(|it| it.memory == *memory);
        let Some(own) = at(memory) else {
            return Companions::default();
        };
        let held = lock(&HELD).clone();
        let stays = |at: usize| {
            let image = &all[at];
            (at != own && held.contains(&image.memory))
                || image.stays
                || any_permanent(|permanent| permanent.memory == image.memory)
        };
        let opened = opened.iter().filter_map(at).collect();
        let linked = reached(&all, vec![own]);

        let modules = modules();
        let mut companions = Companions::default();
        for at in going_along(&all, own, opened, stays) {
            let image = &all[at];
            let module = modules
                .iter()
                .find(|start| image.memory.contains(&start.addr()));
            match module {
                Some(start) => companions.modules.push(Companion {
                    start: start.cast(),
                    memory: image.memory.clone(),
                    is_linked: linked.contains(&at),
                }),
                None => companions.libraries.push(image.memory.clone()),
            }
        }
        companions
    }

    /// Which images go along with `own`, of which code has opened the modules `opened`. `stays`
    /// says which images stay in any case.
    fn going_along(
        all: &[Linked],
        own: usize,
        opened: Vec<usize>,
        stays: impl Fn(usize) -> bool,
    ) -> Vec<usize> {
        let mut from_own = opened;
        from_own.push(own);
        let from_own = reached(all, from_own);
        let others = (0..all.len()).filter(|at| stays(*at) || !from_own.contains(at));
        let kept = reached(all, others.collect());
        let goes = |at: &usize| *at != own && !kept.contains(at);
        from_own.into_iter().filter(goes).collect()
    }

    /// The files of the images that need the module that lies there, and do not go along with it.
    pub(crate) fn needed_by(memory: &Range<usize>) -> Vec<String> {
        let all = linked::all();
        let Some(own) = all.iter().position(|it| it.memory == *memory) else {
            return Vec::new();
        };
        let reached_by_it = reached(&all, vec![own]);
        let needs_it = |at: &usize| {
            let needs = needs(&all, *at);
            !reached_by_it.contains(at) && needs.contains(&own)
        };
        let needing = (0..all.len()).filter(needs_it);
        needing
            .map(|at| file_of(&all[at].memory).unwrap_or_else(|| all[at].file.clone()))
            .collect()
    }

    /// The file that the image was made from that lies there.
    fn file_of(memory: &Range<usize>) -> Option<String> {
        loader::file::of(std::ptr::without_provenance(memory.start))
    }

    /// The modules that were opened by code of a module, or by code of such modules.
    fn opened_by(memory: &Range<usize>) -> Vec<Range<usize>> {
        let mut opened = libc::opened_by(memory);
        let mut looked_at = 0;
        while looked_at < opened.len() {
            for more in libc::opened_by(&opened[looked_at]) {
                if more != *memory && !opened.contains(&more) {
                    opened.push(more);
                }
            }
            looked_at += 1;
        }
        opened
    }

    /// An address in each module that is loaded.
    fn modules() -> Vec<*const u8> {
        let registered = loader::by_address().into_iter();
        let accepted = registered.map(|(start, _)| start);
        accepted
            .filter(|start| loader::is_accepted_module(start.cast()))
            .collect()
    }

    fn any_permanent(is_it: impl FnMut(&Linked) -> bool) -> bool {
        linked::permanent().iter().any(is_it)
    }

    /// Which images an image needs. Of two with one name, the system takes the first.
    fn needs(all: &[Linked], at: usize) -> Vec<usize> {
        let needs = all[at].needs.iter();
        needs
            .filter_map(|name| all.iter().position(|image| image.is_called(name)))
            .collect()
    }

    /// These images and all that they need, directly or not.
    fn reached(all: &[Linked], from: Vec<usize>) -> Vec<usize> {
        let mut reached = from;
        let mut looked_at = 0;
        while looked_at < reached.len() {
            for needed in needs(all, reached[looked_at]) {
                if !reached.contains(&needed) {
                    reached.push(needed);
                }
            }
            looked_at += 1;
        }
        reached
    }

    #[cfg(test)]
    mod tests {
        use super::{Linked, going_along};

        /// An image of that name, and what it needs.
        fn image(name: &str, needs: &[&str]) -> Linked {
            Linked::of_test(name, needs)
        }

        #[test]
        fn what_nobody_else_needs_goes_along() {
            let all = [
                image("host", &["libc"]),
                image("libc", &[]),
                image("first", &["only-first", "both", "libc"]),
                image("only-first", &["below", "libc"]),
                image("below", &["only-first"]),
                image("both", &["libc"]),
                image("second", &["both"]),
                image("opened", &["below", "of-opened"]),
                image("of-opened", &[]),
            ];
            let names = |own: &str, opened: &[&str], stay: &[&str]| {
                let at = |name: &str| all.iter().position(|image| image.is_called(name)).unwrap();
                let opened = opened.iter().map(|name| at(name)).collect();
                let stays = |at: usize| at < 2 || stay.iter().any(|name| all[at].is_called(name));
                let mut along: Vec<_> = going_along(&all, at(own), opened, stays)
                    .into_iter()
                    .map(|at| &*all[at].file)
                    .collect();
                along.sort_unstable();
                along
            };
            let nothing: [&str; 0] = [];
            // What the host has opened keeps what it needs.
            assert_eq!(names("first", &[], &[]), nothing);
            let along = ["below", "of-opened", "only-first", "opened"];
            assert_eq!(names("first", &["opened"], &[]), along);
            let along = ["of-opened", "opened"];
            assert_eq!(names("first", &["opened"], &["below"]), along);
            assert_eq!(names("opened", &[], &[]), ["of-opened"]);
            assert_eq!(names("second", &[], &[]), nothing);
        }
    }
}
