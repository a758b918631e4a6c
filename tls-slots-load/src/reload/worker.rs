//! The reloading thread: looks at the file, loads, switches, and sees old builds off.
//!
//! It never waits for one thing only. What it knows of is a deadline for each: when a file that was written to
//! counts as complete, when an old build is looked at again. Everything else comes as a [`Message`].
//!
//! # When a file is complete
//!
//! A file that was renamed to the path is read at once, and so is one that its writer has closed, after it has
//! stayed the same for a moment. A file that changes while it is read is read again. What is read in between, a
//! half of a build, is refused by the loader, which needs the section headers at its end.

use std::fmt;
use std::fs::{self, File};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher};
use tls_keys::panic::{catch_unwind, discard_panic};
use tls_slots::loader::panic_message;

use super::cell::Cell;
use super::event::{ReloadError, ReloadEvent};
use super::generation::{Cause, Generation, Shared, Work};
use super::message::{Alarm, End, Message, watch};
use super::options::ReloadOptions;
use super::retiring::{Retiring, Step};
use crate::load::{Source, Verify};
use crate::module::Module;
use crate::open::error::LoadError;
use crate::open::file;
use crate::unload::UnloadError;

/// A wait between two looks at who holds an old generation grows from the first to the second.
const LOOKS: [Duration; 2] = [Duration::from_micros(200), Duration::from_millis(20)];

/// For how long a file that changes all the time is left alone.
const PATIENCE: Duration = Duration::from_secs(5);

type Bind<T> = Box<dyn Fn(&Module) -> Result<T, Cause> + Send>;

pub(super) struct Worker<T> {
    shared: Arc<Shared<T>>,
    path: PathBuf,
    bind: Bind<T>,
    options: ReloadOptions,
    /// The user's own check, which [`load`](Self::load) wraps.
    verify: Option<Arc<Verify>>,
    sender: Sender<Message>,
    messages: Receiver<Message>,
    /// `None` once it has failed.
    watcher: Option<RecommendedWatcher>,
    /// The last number that was given.
    number: u64,
    /// The file when it was last looked at.
    seen: Option<Stamp>,
    /// A change that is to be looked at.
    change: Option<Change>,
    /// What was refused last, so that a change that is noticed several times is refused once: the loader's
    /// words, or the content that `bind` did not take.
    refused: (Option<String>, Option<File>),
    retiring: Vec<Retiring<T>>,
}

/// What tells one state of the file from another, without reading it.
type Stamp = (Option<SystemTime>, u64, u64);

struct Change {
    /// When it was noticed first.
    noticed: Instant,
    /// When to look.
    due: Instant,
}

/// What the loading of a build came to, short of an error.
enum Loaded {
    Module(Module),
    /// What runs already.
    Unchanged,
    /// It was written to while it was read.
    Changing,
}

/// Said by the check that stands before the loading. Never seen by anybody else.
#[derive(Debug)]
enum Halt {
    Unchanged,
    Changing,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unchanged => "this build runs already",
            Self::Changing => "the file is being written",
        })
    }
}

impl std::error::Error for Halt {}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Some((metadata.modified().ok(), metadata.len(), inode))
}

/// What [`Worker::start`] gives: what is shared with the thread, how to tell it something, the thread.
type Started<T> = (Arc<Shared<T>>, Sender<Message>, JoinHandle<()>);

impl<T: Send + Sync + 'static> Worker<T> {
    /// Loads the first build, and starts the thread.
    ///
    /// # Safety
    ///
    /// As [`ReloadOptions::watch`].
    pub(super) unsafe fn start(
        mut options: ReloadOptions,
        path: &Path,
        bind: Bind<T>,
    ) -> Result<Started<T>, ReloadError> {
        // The current folder may become another one.
        let path = &std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // The folder is watched from before the first look: what changes meanwhile is noticed.
        let (sender, messages) = mpsc::channel();
        let watcher = watch(path, &sender).map_err(|error| ReloadError::Watch {
            path: path.to_owned(),
            source: error.into(),
        })?;
        options.load.source(Source::Copy).new_instance(true);
        let verify = options.load.verify.take().map(Arc::from);
        let seen = stamp(path);
        options.load.verify = verify.clone().map(user);
        // SAFETY: the caller's promise.
        let module = unsafe { options.load.load(path)? };
        let generation = bound(&bind, path, 1, module).map_err(|(error, _)| error)?;
        let shared = Arc::new(Shared {
            newest: Cell::new(Arc::new(generation)),
            path: path.to_owned(),
        });
        let mut worker = Self {
            shared: Arc::clone(&shared),
            path: path.to_owned(),
            bind,
            options,
            verify,
            sender: sender.clone(),
            messages,
            watcher: Some(watcher),
            number: 1,
            seen,
            change: None,
            refused: (None, None),
            retiring: Vec::new(),
        };
        let thread = thread::Builder::new().name("tls-slots-reload".to_owned());
        // A panic of a destructor of a module's would be a foreign one.
        let thread = thread.spawn(move || discard_panic(|| worker.run()));
        Ok((shared, sender, thread.map_err(ReloadError::Thread)?))
    }

    fn run(&mut self) {
        let mut drain = false;
        loop {
            if self
                .change
                .as_ref()
                .is_some_and(|change| change.due <= Instant::now())
                && !drain
            {
                self.look();
            }
            self.see_off();
            if drain && self.retiring.iter().all(|old| old.said.is_some()) {
                return;
            }
            match self.next() {
                Some(Message::Changed(event)) => self.note(event),
                Some(Message::Check) => self.changed(Duration::ZERO),
                Some(Message::Wake) => {}
                Some(Message::Ended(number, result)) => self.ended(number, result),
                Some(Message::Stop { drain: false }) => return,
                Some(Message::Stop { drain: true }) => drain = true,
                // Something is due, or it is time to look without being told.
                None => {
                    if self.change.is_none() && stamp(&self.path) != self.seen {
                        self.changed(self.options.settle);
                    }
                }
            }
        }
    }

    /// The next message, or none if something is due.
    fn next(&self) -> Option<Message> {
        let now = Instant::now();
        let due = self.retiring.iter().filter_map(|old| match &old.step {
            Step::Held { due, .. } | Step::Waiting { due, .. } => Some(*due),
            _ => None,
        });
        let due = due.chain(self.change.as_ref().map(|change| change.due));
        let due = due.min().unwrap_or(now + self.options.poll);
        let due = due.min(now + self.options.poll);
        match self
            .messages
            .recv_timeout(due.saturating_duration_since(now))
        {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => unreachable!("this has a sender"),
        }
    }

    /// Whether a change concerns the file, and when it is to be looked at.
    fn note(&mut self, event: notify::Result<notify::Event>) {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                self.watcher = None;
                self.say(ReloadEvent::WatchLost {
                    error: error.into(),
                });
                return;
            }
        };
        let name = self.path.file_name();
        let concerns = event.paths.iter().any(|path| path.file_name() == name);
        if !concerns && !event.need_rescan() {
            return;
        }
        match event.kind {
            // It came as a whole.
            EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => {
                self.changed(Duration::ZERO);
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                self.changed(self.options.settle);
            }
            EventKind::Access(_) => {}
            _ => self.changed(self.options.settle),
        }
    }

    /// Looks at the file after this time, and not before.
    fn changed(&mut self, after: Duration) {
        let now = Instant::now();
        let change = self.change.get_or_insert(Change {
            noticed: now,
            due: now,
        });
        change.due = (now + after).min(change.noticed + PATIENCE).max(now);
    }

    /// Looks at the file, and takes what it is now.
    fn look(&mut self) {
        let Some(Change { noticed, .. }) = self.change.take() else {
            return;
        };
        let seen = stamp(&self.path);
        let start = Instant::now();
        // SAFETY: the promise of who called `watch`.
        let loaded = unsafe { self.load(seen) };
        let module = match loaded {
            Ok(Loaded::Module(module)) => module,
            Ok(Loaded::Changing) => {
                self.change = Some(Change {
                    noticed,
                    due: Instant::now() + self.options.settle,
                });
                return;
            }
            Ok(Loaded::Unchanged) => {
                // One change may be noticed several times.
                if std::mem::replace(&mut self.seen, seen) != seen {
                    self.say(ReloadEvent::Unchanged);
                }
                return;
            }
            Err(error) => {
                let words = Some(error.to_string());
                let is_known = self.seen == seen && self.refused.0 == words;
                self.seen = seen;
                self.refused = (words, None);
                if !is_known {
                    self.say(ReloadEvent::Refused {
                        error: error.into(),
                    });
                }
                return;
            }
        };
        self.seen = seen;
        self.refused = (None, None);
        self.number += 1;
        let number = self.number;
        self.say(ReloadEvent::Loaded {
            generation: number,
            took: start.elapsed(),
        });
        match bound(&self.bind, &self.path, number, module) {
            Ok(generation) => {
                let old = self.shared.newest.replace(Some(Arc::new(generation)));
                self.say(ReloadEvent::Switched {
                    generation: number,
                    since_change: noticed.elapsed(),
                });
                // It is taken away by `stop` only, which waits for this thread's end.
                let Some(old) = old else { return };
                let now = Instant::now();
                self.retiring.push(Retiring {
                    number: old.number,
                    since: now,
                    step: Step::Held {
                        generation: old,
                        deadline: now + self.options.deadline,
                        pause: LOOKS[0],
                        due: now,
                    },
                    said: None,
                });
            }
            Err((error, module)) => {
                let copy = module.loaded.place.keep.as_ref();
                self.refused.1 = copy.and_then(|copy| copy.try_clone().ok());
                self.say(ReloadEvent::Refused { error });
                let now = Instant::now();
                self.retiring.push(Retiring {
                    number,
                    since: now,
                    step: Step::Waiting { module, due: now },
                    said: None,
                });
            }
        }
    }

    /// Loads what the file is now, unless it is the newest build already, or is being written.
    ///
    /// # Safety
    ///
    /// As [`ReloadOptions::watch`].
    unsafe fn load(&mut self, seen: Option<Stamp>) -> Result<Loaded, LoadError> {
        let newest = self.shared.newest.get();
        let path = self.path.clone();
        let users = self.verify.clone();
        let refused = self
            .refused
            .1
            .as_ref()
            .and_then(|copy| copy.try_clone().ok());
        // After all other checks, and before anything of the file is mapped.
        self.options.load.verify = Some(Box::new(move |bytes| {
            if stamp(&path) != seen {
                return Err(Halt::Changing.into());
            }
            let newest = newest.as_ref();
            let copy = newest.and_then(|newest| newest.module.loaded.place.keep.as_ref());
            let mut copies = copy.into_iter().chain(&refused);
            if copies.any(|copy| file::has_content(copy, bytes)) {
                return Err(Halt::Unchanged.into());
            }
            users.iter().try_for_each(|verify| verify(bytes))
        }));
        // SAFETY: the caller's promise.
        let loaded = unsafe { self.options.load.load(&self.path) };
        // It holds the newest generation.
        self.options.load.verify = None;
        match loaded {
            Ok(module) => Ok(Loaded::Module(module)),
            Err(LoadError::Rejected { path, source }) => match source.downcast_ref() {
                Some(Halt::Unchanged) => Ok(Loaded::Unchanged),
                Some(Halt::Changing) => Ok(Loaded::Changing),
                None => Err(LoadError::Rejected { path, source }),
            },
            // Half a file is no file; but one that does not change any more is what it is.
            Err(_) if stamp(&self.path) != seen => Ok(Loaded::Changing),
            Err(error) => Err(error),
        }
    }

    /// Goes on with each old build as far as it can.
    fn see_off(&mut self) {
        let mut events = Vec::new();
        let now = Instant::now();
        let mut retiring = std::mem::take(&mut self.retiring);
        retiring.retain_mut(|old| {
            old.step = match std::mem::replace(&mut old.step, Step::Nothing) {
                Step::Held {
                    generation,
                    deadline,
                    pause,
                    due,
                } if due <= now => match generation.parts() {
                    Ok((value, module)) => {
                        // A panic there is reported by the hook, and must not end the reloading.
                        discard_panic(|| drop(value));
                        self.unload(old.number, module)
                    }
                    Err(generation) => {
                        let references = Arc::strong_count(&generation) - 1;
                        if now >= deadline && references > 0 {
                            old.say(&mut events, references, None);
                        }
                        let pause = match now < deadline {
                            true => (pause * 2).min(LOOKS[1]),
                            false => self.options.retry,
                        };
                        Step::Held {
                            generation,
                            deadline,
                            pause,
                            due: now + pause,
                        }
                    }
                },
                Step::Waiting { module, due } if due <= now => self.unload(old.number, module),
                step => step,
            };
            if let Step::Unloading(unload) = &mut old.step {
                let waker = Waker::from(Arc::new(Alarm(Mutex::new(self.sender.clone()))));
                let poll = unload.as_mut().poll(&mut Context::from_waker(&waker));
                if let Poll::Ready(result) = poll {
                    return old.ended(&mut events, result, self.options.retry);
                }
            }
            true
        });
        self.retiring = retiring;
        for event in events {
            self.say(event);
        }
    }

    /// Begins to unload a module.
    fn unload(&self, number: u64, module: Module) -> Step<T> {
        // SAFETY: the promise of who called `watch`: its generation is dropped.
        let mut unload = unsafe { module.unload(self.options.deadline) };
        if let Some(time) = self.options.abort_after {
            unload = unload.abort_after(time);
        }
        let Some(drive) = &self.options.drive else {
            return Step::Unloading(Box::pin(unload));
        };
        let end = End {
            number,
            result: None,
            sender: self.sender.clone(),
        };
        let work: Work = Box::pin(async move {
            // All of it, so that it is dropped here and not before.
            let mut end = end;
            end.result = Some(unload.await);
        });
        drive(work);
        Step::Driven
    }

    fn ended(&mut self, number: u64, result: Option<Result<(), UnloadError>>) {
        let mut events = Vec::new();
        if let Some(index) = self.retiring.iter().position(|old| old.number == number) {
            let stays = match result {
                Some(result) => self.retiring[index].ended(&mut events, result, self.options.retry),
                None => {
                    events.push(ReloadEvent::StillInUse {
                        generation: number,
                        references: 0,
                        error: Some(
                            "what drives the unloading has dropped it; it stays loaded".to_owned(),
                        ),
                        usage: None,
                    });
                    false
                }
            };
            if !stays {
                self.retiring.remove(index);
            }
        }
        for event in events {
            self.say(event);
        }
    }

    fn say(&mut self, event: ReloadEvent) {
        if let Some(on_event) = &mut self.options.on_event {
            // A panic there is reported by the hook, and must not end the reloading.
            discard_panic(|| on_event(event));
        }
    }
}

/// Binds a module's entries. Gives it back with the error.
fn bound<T>(
    bind: &Bind<T>,
    path: &Path,
    number: u64,
    module: Module,
) -> Result<Generation<T>, (ReloadError, Module)> {
    let value = catch_unwind(AssertUnwindSafe(|| bind(&module)));
    let path = path.to_owned();
    let error = match value {
        Ok(Ok(value)) => {
            return Ok(Generation {
                number,
                loaded: SystemTime::now(),
                value,
                module,
            });
        }
        Ok(Err(source)) => ReloadError::Bind { path, source },
        Err(payload) => ReloadError::BindPanicked {
            path,
            message: panic_message(&*payload),
        },
    };
    Err((error, module))
}

/// The user's own check.
fn user(verify: Arc<Verify>) -> Box<Verify> {
    Box::new(move |bytes| verify(bytes))
}
