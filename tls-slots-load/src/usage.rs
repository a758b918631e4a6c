//! What of a module is alive in the process, as a report.
//!
//! The problem: when a module is not unloaded, somebody has to find out why and do something about
//! it. So the report counts each kind of thing, and names threads, packages and values. `alive/`
//! has the facts. Here they come together, once in full and once in part (`counts`), because the
//! search for pointers takes longer.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use tls_slots::loader::{self, lock};

use crate::alive::companions::{self, Companions};
use crate::alive::counters::{self, Row};
use crate::alive::{by_rule, holds, libc, shared_state};
use crate::loaded::{Group, Loaded};
use crate::module::Module;

/// How many things of a module a thread has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct ThreadUse {
    /// The thread's name, as the system knows it.
    pub thread: String,
    /// Whether it is the thread that asked for the report.
    pub is_current: bool,
    /// How many things it has.
    pub count: usize,
}

/// What of a module is alive, see [`Module::usage`](crate::Module::usage).
///
/// Each field counts something that would use the module's code or data after the module is
/// unmapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Other [`Module`](crate::Module)s of the image. Symbols and variables borrow from them.
    pub modules: usize,
    /// Calls of entries that have not ended. A future that was not dropped counts as one.
    pub calls: usize,
    /// Tasks that the module has spawned and that have not ended. Also those that have ended, if
    /// somebody has their `JoinHandle` or a waker.
    pub tasks: usize,
    /// Blocking calls that the module has spawned (`spawn_blocking`), counted as tasks are.
    pub blocking_calls: usize,
    /// Wakers of the module's own that tokio keeps, in a socket, a timer, a channel, a `JoinHandle`
    /// or the like: those of a `FuturesUnordered`, of another executor, of a `Wake`. They end when
    /// they are woken, and when what keeps them is dropped or polled again.
    pub wakers: usize,
    /// Named holds (`tls_keys::Hold`): name and number.
    pub holds: Vec<(String, usize)>,
    /// Threads that the module has started.
    pub threads: Vec<ThreadUse>,
    /// Values of `std::thread_local!`s and the like that have a destructor. It runs when the thread
    /// ends.
    pub destructors: Vec<ThreadUse>,
    /// Functions of the module that `crossbeam-epoch` runs later. It frees the contents of its
    /// queues and maps when no thread can read them any more.
    pub deferred: usize,
    /// Values of the module's private keys that need to be dropped.
    pub values: Vec<ThreadUse>,
    /// Signals whose action is a function of the module, or has replaced one and may call it.
    pub signal_actions: Vec<i32>,
    /// Timers that call a function of the module (`timer_create` with `SIGEV_THREAD`).
    pub timers: usize,
    /// Functions of the module that run when the process exits, and that nobody can take back
    /// (`on_exit`, `at_quick_exit`).
    pub exit_functions: usize,
    /// Shared thread-locals and statics that point into the module, a sentence each.
    pub pointers: Vec<String>,
    /// Crates without a recipe whose shared state the module has used, and which may keep something
    /// of it there, a sentence each. [`LoadOptions::trust`](crate::LoadOptions::trust) leaves one
    /// out.
    pub may_keep: Vec<String>,
    /// What the module has registered with shared crates that have a recipe, and must take back:
    /// kind and number.
    pub registered: Vec<(String, usize)>,
    /// What the module has registered with such crates, and is taken out when the module is
    /// unloaded: kind and number. This is no reason to stay loaded.
    pub taken_out: Vec<(String, usize)>,
    /// What keeps the system from unmapping the file, a sentence each.
    pub kept_mapped_by: Vec<String>,
    /// Other modules that go when this one is closed, as far as something of them is alive.
    pub goes_along: Vec<GoesAlong>,
}

/// A module that goes when another one is closed: the other one needs it, and nothing else does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GoesAlong {
    /// Its file.
    pub file: String,
    /// Whether the other module is linked to it. If not, code of that module has opened it, and may
    /// close it. Then its values of thread-locals stay until that happens.
    pub is_linked: bool,
    /// What of it is alive.
    pub usage: Usage,
}

impl GoesAlong {
    /// Whether nothing is alive but what is dropped together with the other module's.
    fn is_only_on_threads(&self) -> bool {
        self.usage.is_only_on_threads() && (self.is_linked || self.usage.is_on_no_thread())
    }
}

impl Usage {
    /// Whether the calling thread could unload the module now: nothing of the module is alive,
    /// except for values that this thread can drop itself.
    pub fn allows_unload(&self) -> bool {
        let elsewhere = |threads: &[ThreadUse]| threads.iter().any(|it| !it.is_current);
        self.is_only_on_threads()
            && self.deferred == 0
            && !elsewhere(&self.destructors)
            && !elsewhere(&self.values)
            && self.goes_along.iter().all(|it| it.usage.allows_unload())
    }

    /// Whether nothing is alive but values of thread-locals, and deferred functions.
    pub(crate) fn is_only_on_threads(&self) -> bool {
        self.modules + self.calls + self.tasks + self.blocking_calls + self.wakers == 0
            && self.holds.is_empty()
            && self.threads.is_empty()
            && self.signal_actions.is_empty()
            && self.timers + self.exit_functions == 0
            && self.pointers.is_empty()
            && self.may_keep.is_empty()
            && self.registered.is_empty()
            && self.kept_mapped_by.is_empty()
            && self.goes_along.iter().all(GoesAlong::is_only_on_threads)
    }

    /// Whether there is no value of a thread-local, and no deferred function.
    pub(crate) fn is_on_no_thread(&self) -> bool {
        self.destructors.is_empty()
            && self.values.is_empty()
            && self.deferred == 0
            && self.goes_along.iter().all(|it| it.usage.is_on_no_thread())
    }

    /// How many functions are deferred, with those of modules that go along.
    pub(crate) fn all_deferred(&self) -> usize {
        let along = self.goes_along.iter().map(|it| it.usage.all_deferred());
        self.deferred + along.sum::<usize>()
    }

    /// Whether there are tasks, which can be aborted.
    pub(crate) fn has_tasks(&self) -> bool {
        self.tasks > 0 || self.goes_along.iter().any(|it| it.usage.has_tasks())
    }
}

/// A number of things in words. `None` for none.
fn counted(count: usize, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    }
}

/// How many things are on which threads, in words.
fn on(threads: &[ThreadUse]) -> String {
    let names: Vec<_> = threads
        .iter()
        .map(|it| {
            let current = if it.is_current {
                ", the calling one"
            } else {
                ""
            };
            format!("{} on thread `{}`{current}", it.count, it.thread)
        })
        .collect();
    names.join(", ")
}

impl fmt::Display for Usage {
    /// A list in one line, or "nothing".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(counted(self.modules, "other `Module`", "other `Module`s"));
        parts.extend(counted(self.calls, "call of an entry", "calls of entries"));
        parts.extend(counted(self.tasks, "task", "tasks"));
        parts.extend(counted(
            self.blocking_calls,
            "blocking call",
            "blocking calls",
        ));
        parts.extend(counted(
            self.wakers,
            "waker that tokio keeps",
            "wakers that tokio keeps",
        ));
        for (name, count) in &self.holds {
            parts.extend(counted(*count, name, name));
        }
        if !self.threads.is_empty() {
            let names: Vec<_> = self
                .threads
                .iter()
                .map(|it| format!("`{}`", it.thread))
                .collect();
            parts
                .extend(counted(names.len(), "thread", "threads").map(|threads| {
                    format!("{threads} that it has started ({})", names.join(", "))
                }));
        }
        if !self.destructors.is_empty() {
            let threads = on(&self.destructors);
            parts.push(format!("destructors of thread-locals ({threads})"));
        }
        parts.extend(counted(
            self.deferred,
            "function deferred with `crossbeam-epoch`",
            "functions deferred with `crossbeam-epoch`",
        ));
        if !self.values.is_empty() {
            let threads = on(&self.values);
            parts.push(format!("values of private keys ({threads})"));
        }
        for signal in &self.signal_actions {
            parts.push(format!("the action of signal {signal}"));
        }
        parts.extend(counted(self.timers, "timer", "timers"));
        parts.extend(counted(
            self.exit_functions,
            "function that runs when the process exits",
            "functions that run when the process exits",
        ));
        for (what, count) in &self.registered {
            parts.extend(counted(*count, what, what));
        }
        parts.extend(self.pointers.iter().cloned());
        parts.extend(self.may_keep.iter().cloned());
        parts.extend(self.kept_mapped_by.iter().cloned());
        for GoesAlong { file, usage, .. } in &self.goes_along {
            parts.push(format!("of {file}, which goes when it is closed: {usage}"));
        }
        match parts.is_empty() {
            true => f.write_str("nothing"),
            false => f.write_str(&parts.join("; ")),
        }
    }
}

impl Module {
    /// What of this module is alive in the process. All [`Module`]s of its image are counted,
    /// except for this one.
    ///
    /// The report covers everything that happened before this call. Other threads go on meanwhile,
    /// so what they do may be in the report or not.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn example(module: &tls_slots_load::Module) {
    /// let usage = module.usage();
    /// println!("{} tasks; in all: {usage}", usage.tasks);
    /// # }
    /// ```
    pub fn usage(&self) -> Usage {
        self.loaded.usage(1)
    }
}

impl Loaded {
    /// What of this image is alive. `own` [`Module`]s are the caller's and are not counted.
    pub(crate) fn usage(&self, own: usize) -> Usage {
        let memory = &self.image.memory;
        let needed_by = companions::needed_by(memory).into_iter();
        let needed_by = needed_by.map(|file| format!("{file}, which is linked to it"));
        let known = self.image.kept_mapped_by.iter().cloned();
        let companions = self.companions();
        let along = self.all_ranges(&companions);
        let trusted = lock(&self.trusted).clone();
        let mut usage = self.all_of(&companions, |group| group.usage(&along, &trusted));
        usage.modules = self.modules().saturating_sub(own);
        usage.kept_mapped_by.splice(..0, known.chain(needed_by));
        usage
    }

    /// The part of the report that is found out quickly: what is counted.
    pub(crate) fn counts(&self, own: usize) -> Usage {
        let mut usage = self.all_of(&self.companions(), Group::counts);
        usage.modules = self.modules().saturating_sub(own);
        usage
    }

    /// What is found of this image and its libraries, and of the modules that go along.
    fn all_of(&self, companions: &Companions, look: impl Fn(&Group) -> Usage) -> Usage {
        let along = companions.modules.iter().map(|module| GoesAlong {
            file: loader::file::of(module.start.cast()).unwrap_or_default(),
            is_linked: module.is_linked,
            usage: look(&Group::of(module)),
        });
        let is_alive =
            |it: &GoesAlong| !it.usage.is_only_on_threads() || !it.usage.is_on_no_thread();
        let along = along.filter(is_alive).collect();
        Usage {
            goes_along: along,
            ..look(&self.group(companions))
        }
    }
}

impl Group {
    /// What is found out quickly, and the rest. `along` is where all images lie that go, and
    /// `trusted` are the packages that keep nothing of them.
    fn usage(&self, along: &[Range<usize>], trusted: &BTreeSet<String>) -> Usage {
        let each = || self.ranges.iter();
        let pointers = each().flat_map(|memory| match shared_state::pointers(memory, along) {
            Ok(pointers) => pointers,
            Err(error) => vec![format!(
                "shared state that may point to it, as it cannot be looked through: {error}"
            )],
        });
        // SAFETY: the images are loaded. They are closed only by `unload/`, which calls this
        // before.
        let left: Vec<_> = each()
            .flat_map(|memory| unsafe { shared_state::left(memory) })
            .collect();
        // SAFETY: likewise.
        let may_keep = each().flat_map(|memory| unsafe { by_rule::may_keep(memory) });
        let may_keep = may_keep.filter(|one| !trusted.contains(&one.package));
        let of_kind = |refuses| {
            let of_kind = left.iter().filter(move |left| left.refuses == refuses);
            of_kind
                .map(|left| (left.what.clone(), left.count))
                .collect()
        };
        Usage {
            registered: of_kind(true),
            taken_out: of_kind(false),
            signal_actions: each().flat_map(libc::signal_actions).collect(),
            pointers: pointers.collect(),
            may_keep: may_keep.map(|one| one.to_string()).collect(),
            kept_mapped_by: each().flat_map(libc::kept_mapped_by).collect(),
            ..self.counts()
        }
    }

    /// What is found out quickly.
    fn counts(&self) -> Usage {
        // The host's row counts nothing, but then the image has come before the loader.
        let row = counters::row_of(self.start()).unwrap_or_else(Row::of_host);
        let alive = counters::alive(row);
        let threads = libc::threads(&self.ranges)
            .into_iter()
            .map(|it| ThreadUse::new(it.name, it.is_current, 1));
        let destructors = self.ranges.iter().flat_map(libc::destructors);
        let destructors = destructors.map(|it| ThreadUse::new(it.name, it.is_current, it.count));
        let values = loader::to_be_dropped(&loader::private_thread_locals(self.start()))
            .into_iter()
            .map(|(name, is_current, count)| ThreadUse::new(name, is_current, count));
        Usage {
            calls: alive.calls,
            tasks: alive.tasks,
            blocking_calls: alive.blocking,
            wakers: alive.wakers,
            deferred: alive.deferred,
            holds: holds::of(self.start()),
            threads: sorted(threads),
            destructors: sorted(destructors),
            values: sorted(values),
            timers: libc::timers(&self.ranges),
            exit_functions: libc::exit_functions(&self.ranges),
            ..Usage::default()
        }
    }
}

impl ThreadUse {
    fn new(thread: Option<String>, is_current: bool, count: usize) -> Self {
        Self {
            thread: thread.unwrap_or_else(|| "?".to_owned()),
            is_current,
            count,
        }
    }
}

fn sorted(threads: impl Iterator<Item = ThreadUse>) -> Vec<ThreadUse> {
    let mut threads: Vec<_> = threads.collect();
    threads.sort();
    threads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_everything() {
        let on = |thread: &str, is_current, count| ThreadUse {
            thread: thread.to_owned(),
            is_current,
            count,
        };
        assert_eq!(Usage::default().to_string(), "nothing");
        let usage = Usage {
            modules: 1,
            calls: 2,
            tasks: 1,
            blocking_calls: 3,
            wakers: 2,
            holds: vec![("action of a signal".to_owned(), 1)],
            threads: vec![on("poller", false, 1)],
            destructors: vec![on("worker", false, 2), on("main", true, 1)],
            deferred: 3,
            values: vec![on("worker", false, 1)],
            signal_actions: vec![15],
            pointers: vec!["the static `log::LOGGER` points to it".to_owned()],
            may_keep: vec!["`prometheus` may keep something".to_owned()],
            registered: vec![("actions for signals".to_owned(), 2)],
            taken_out: vec![("callsites".to_owned(), 7)],
            timers: 2,
            exit_functions: 1,
            kept_mapped_by: Vec::new(),
            goes_along: vec![GoesAlong {
                file: "/lib/libinner.so".to_owned(),
                is_linked: true,
                usage: Usage {
                    tasks: 1,
                    ..Usage::default()
                },
            }],
        };
        assert_eq!(
            usage.to_string(),
            "1 other `Module`; 2 calls of entries; 1 task; 3 blocking calls; 2 wakers that tokio \
             keeps; 1 action of a signal; 1 thread that it has started (`poller`); destructors of \
             thread-locals (2 on thread `worker`, 1 on thread `main`, the calling one); 3 functions \
             deferred with \
             `crossbeam-epoch`; values of private keys (1 on thread `worker`); the action of \
             signal 15; 2 timers; 1 function that runs when the process exits; 2 actions for \
             signals; the static `log::LOGGER` points to it; `prometheus` may keep something; of \
             /lib/libinner.so, which goes when it is closed: 1 task"
        );
        assert!(!usage.allows_unload());
        let own = Usage {
            values: vec![on("main", true, 1)],
            ..Usage::default()
        };
        assert!(own.allows_unload() && own.is_only_on_threads() && !own.is_on_no_thread());
    }
}
