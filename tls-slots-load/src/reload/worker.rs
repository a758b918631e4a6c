//! The reloading thread: reads the file, loads, switches, and unloads old builds.
//!
//! The problem: several things go on at once, and none may hold up the others. A file settles while
//! an old build is unloaded, and a host waits for [`Reload::stop`](super::Reload::stop). So the
//! thread never waits for one thing only. Everything tells it when it is due, and whatever else
//! happens comes as a [`Message`].

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tls_keys::panic::{catch_unwind, discard_panic};

use super::cell::Cell;
use super::event::{ReloadError, ReloadEvent};
use super::file::{Stamp, WatchedFile, stamp};
use super::generation::Shared;
use super::message::Message;
use super::next_build::{self, Bind, Known, NextBuild, bind_entries};
use super::options::ReloadOptions;
use super::retiring::{Retiring, WorkerParts};
use crate::clock::after;
use crate::load::{Source, Verify};
use crate::module::Module;
use crate::open::error::LoadError;
use crate::unload::UnloadError;

pub(super) struct Worker<T> {
    shared: Arc<Shared<T>>,
    file: WatchedFile,
    bind: Bind<T>,
    options: ReloadOptions,
    /// The host's own check, taken out of the options.
    verify: Option<Arc<Verify>>,
    sender: Sender<Message>,
    messages: Receiver<Message>,
    /// The number of the last build.
    number: u64,
    refused: LastRefusal,
    retiring: Vec<Retiring<T>>,
}

/// What was refused last. A change that is noticed several times is refused once.
#[derive(Default)]
struct LastRefusal {
    /// The text of the loader's error.
    text: Option<String>,
    /// The content that `bind` refused.
    content: Option<File>,
}

/// What [`Worker::start`] gives: what is shared with the thread, how to tell it something, and the
/// thread.
type Started<T> = (Arc<Shared<T>>, Sender<Message>, JoinHandle<()>);

impl<T: Send + Sync + 'static> Worker<T> {
    /// Loads the first build, and starts the thread.
    ///
    /// # Errors
    ///
    /// As [`ReloadOptions::watch`].
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
        let (sender, messages) = mpsc::channel();
        // Before the file is read for the first time, so that a change meanwhile is noticed.
        let mut file = WatchedFile::new(path, options.settle, &sender).map_err(|error| {
            ReloadError::Watch {
                path: path.to_owned(),
                source: error.into(),
            }
        })?;
        options.load.source(Source::Copy).new_instance(true);
        let verify = options.load.verify.take().map(next_build::without_panics);
        file.was_read(stamp(path));
        options.load.verify = verify.clone().map(boxed);
        // SAFETY: the caller promises what `LoadOptions::load` asks for.
        let module = unsafe { options.load.load(path)? };
        let generation = bind_entries(&bind, path, 1, module).map_err(|(error, _)| error)?;
        let shared = Arc::new(Shared {
            newest: Cell::new(Arc::new(generation)),
            path: path.to_owned(),
        });
        let mut worker = Self {
            shared: Arc::clone(&shared),
            file,
            bind,
            options,
            verify,
            sender: sender.clone(),
            messages,
            number: 1,
            refused: LastRefusal::default(),
            retiring: Vec::new(),
        };
        let thread = thread::Builder::new().name("tls-slots-reload".to_owned());
        let thread = thread.spawn(move || {
            // A panic of a module's destructor is foreign to this std, and would end the process.
            let ran = catch_unwind(AssertUnwindSafe(|| worker.run()));
            let panic = ran.err().map(next_build::taken_message);
            worker.report(ReloadEvent::Ended { panic });
        });
        Ok((shared, sender, thread.map_err(ReloadError::Thread)?))
    }

    fn run(&mut self) {
        let mut drain = false;
        loop {
            if !drain && let Some(noticed) = self.file.take_due() {
                self.read(noticed);
            }
            self.retire();
            if drain && self.retiring.iter().all(Retiring::was_reported) {
                return;
            }
            match self.next(drain) {
                Some(Message::Changed(event)) => {
                    if let Err(error) = self.file.note(event) {
                        self.report(ReloadEvent::WatchLost { error });
                    }
                }
                Some(Message::Check) => self.file.read_now(),
                Some(Message::Wake) => {}
                Some(Message::Ended(number, result)) => self.ended(number, result),
                Some(Message::Stop { drain: false }) => return,
                Some(Message::Stop { drain: true }) => drain = true,
                // Something is due, or it is time to look for a change that was not reported.
                None => self.file.look_for_change(),
            }
        }
    }

    /// The next message, or `None` if something is due. While old builds are drained, the file is
    /// not read.
    fn next(&self, drain: bool) -> Option<Message> {
        let now = Instant::now();
        let due = self.retiring.iter().filter_map(Retiring::due);
        let read = self.file.due().filter(|_| !drain);
        let due = due.chain(read).chain([after(now, self.options.poll)]);
        let wait = due
            .min()
            .map_or(self.options.poll, |due| due.saturating_duration_since(now));
        match self.messages.recv_timeout(wait) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => unreachable!("this has a sender"),
        }
    }

    /// Reads the file after a change, and takes what it is now.
    fn read(&mut self, noticed: Instant) {
        let state = stamp(&self.file.path);
        let start = Instant::now();
        let known = Known {
            state,
            newest: self.shared.newest.get(),
            refused: self
                .refused
                .content
                .as_ref()
                .and_then(|copy| copy.try_clone().ok()),
            verify: self.verify.clone(),
        };
        // SAFETY: the promise of who called `watch`.
        match unsafe { next_build::load(&mut self.options.load, &self.file.path, known) } {
            Ok(NextBuild::Loaded(module)) => {
                self.file.was_read(state);
                self.refused = LastRefusal::default();
                self.number += 1;
                self.report(ReloadEvent::Loaded {
                    generation: self.number,
                    took: start.elapsed(),
                });
                self.switch(module, noticed);
            }
            Ok(NextBuild::BeingWritten) => self.file.read_again(noticed),
            Ok(NextBuild::SameContent) => {
                // One change may be noticed several times, and is reported once.
                if self.file.was_read(state) {
                    self.report(ReloadEvent::Unchanged);
                }
            }
            Err(error) => self.refuse(error, state),
        }
    }

    /// Has calls go to a new build, if the host takes it.
    fn switch(&mut self, module: Module, noticed: Instant) {
        let number = self.number;
        match bind_entries(&self.bind, &self.file.path, number, module) {
            Ok(generation) => {
                let old = self.shared.newest.replace(Some(Arc::new(generation)));
                self.report(ReloadEvent::Switched {
                    generation: number,
                    since_change: noticed.elapsed(),
                });
                // Only `stop` takes the newest build away, and it waits for this thread's end
                // first.
                let Some(old) = old else { return };
                self.retiring
                    .push(Retiring::replaced(old, self.options.deadline));
            }
            Err((error, module)) => {
                let copy = module.loaded.opened_from.kept_open.as_ref();
                self.refused.content = copy.and_then(|copy| copy.try_clone().ok());
                self.report(ReloadEvent::Refused { error });
                self.retiring.push(Retiring::refused(number, module));
            }
        }
    }

    /// Reports an error of the loader, unless it was reported for this state of the file.
    fn refuse(&mut self, error: LoadError, state: Option<Stamp>) {
        let text = Some(error.to_string());
        let is_known = self.file.was_last_read_in(state) && self.refused.text == text;
        self.file.was_read(state);
        self.refused = LastRefusal {
            text,
            content: None,
        };
        if !is_known {
            self.report(ReloadEvent::Refused {
                error: error.into(),
            });
        }
    }

    /// Goes on with each old build as far as it can.
    fn retire(&mut self) {
        let now = Instant::now();
        let mut events = Vec::new();
        let mut parts = WorkerParts {
            options: &self.options,
            sender: &self.sender,
            events: &mut events,
        };
        self.retiring.retain_mut(|old| old.advance(now, &mut parts));
        self.report_all(events);
    }

    /// The host's future that unloads a build has ended.
    fn ended(&mut self, number: u64, result: Option<Result<(), UnloadError>>) {
        let mut events = Vec::new();
        if let Some(index) = self.retiring.iter().position(|old| old.number == number)
            && !self.retiring[index].ended(&mut events, result, self.options.retry)
        {
            self.retiring.remove(index);
        }
        self.report_all(events);
    }

    fn report_all(&mut self, events: Vec<ReloadEvent>) {
        for event in events {
            self.report(event);
        }
    }

    fn report(&mut self, event: ReloadEvent) {
        if let Some(on_event) = &mut self.options.on_event {
            // The panic hook has reported a panic in this call. It must not end the reloading.
            discard_panic(|| on_event(event));
        }
    }
}

/// The host's own check, for one more use of the options.
fn boxed(verify: Arc<Verify>) -> Box<Verify> {
    Box::new(move |bytes| verify(bytes))
}
