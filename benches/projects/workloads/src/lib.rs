//! What the variants are compared by: tokio's own benchmarks, written as functions.
//!
//! Each workload does `n` operations of one kind on the runtime that it is called on. It checks its
//! own result, so that a variant that does nothing cannot win. [`run`] is what every variant calls:
//! the static programs directly, a module by its entry.

use std::future::Future;
use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A workload.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Its name on the command line.
    pub name: &'static str,
    work: fn(u64) -> Work,
}

macro_rules! workloads {
    ($($name:ident)+) => {
        /// All of them.
        pub const WORKLOADS: &[Workload] = &[
            $(Workload { name: stringify!($name), work: |n| Box::pin($name(n)) }),+
        ];
    };
}

workloads! {
    spawn_local spawn_remote spawn_join yield_now ping_pong chained_spawn
    mpsc_uncontended mpsc_contended mpsc_unbounded oneshot_pairs broadcast_all watch_all
    timers timeouts sleep blocking tcp_echo fs_files
    try_id try_current
}

/// How long `n` operations took.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Nanoseconds by the clock.
    pub wall: u64,
    /// Nanoseconds of the process on its processors.
    pub cpu: u64,
}

/// Runs a workload on the calling task's runtime.
///
/// # Errors
///
/// If there is none of that name.
pub async fn run(name: String, n: u64) -> Result<Times, String> {
    let workload = WORKLOADS
        .iter()
        .find(|workload| workload.name == name)
        .ok_or_else(|| format!("there is no workload `{name}`"))?;
    // Always the same, so that twice as many operations are just that.
    (workload.work)(100).await;
    let (wall, cpu) = (Instant::now(), cpu_time());
    (workload.work)(n).await;
    Ok(Times {
        wall: u64::try_from(wall.elapsed().as_nanos()).unwrap_or(u64::MAX),
        cpu: cpu_time() - cpu,
    })
}

/// The processor time of this process, in nanoseconds.
pub fn cpu_time() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Counts down, and tells when it is done.
struct Countdown {
    left: AtomicU64,
    done: std::sync::Mutex<Option<oneshot::Sender<()>>>,
}

impl Countdown {
    fn new(left: u64) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        let countdown = Self {
            left: AtomicU64::new(left),
            done: std::sync::Mutex::new(Some(sender)),
        };
        (Arc::new(countdown), receiver)
    }

    fn one(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let done = self.done.lock().unwrap().take();
            done.expect("it ends once")
                .send(())
                .expect("it is waited for");
        }
    }
}

/// Operations at a time, where the number of operations would fill the memory.
const BATCH: u64 = 100;

fn batches(n: u64) -> impl Iterator<Item = u64> {
    (0..n.div_ceil(BATCH)).map(move |at| BATCH.min(n - at * BATCH))
}

/// Spawns from a task of the runtime.
async fn spawn_local(n: u64) {
    for batch in batches(n) {
        let (countdown, done) = Countdown::new(batch);
        for _ in 0..batch {
            let countdown = countdown.clone();
            tokio::spawn(async move { countdown.one() });
        }
        done.await.unwrap();
    }
}

/// Spawns from a thread that is not of the runtime.
async fn spawn_remote(n: u64) {
    let (countdowns, to_spawn) = std::sync::mpsc::channel::<(u64, Arc<Countdown>)>();
    let (spawned, is_spawned) = std::sync::mpsc::channel();
    let handle = Handle::current();
    let spawner = std::thread::spawn(move || {
        for (batch, countdown) in to_spawn {
            for _ in 0..batch {
                let countdown = countdown.clone();
                handle.spawn(async move { countdown.one() });
            }
            spawned.send(()).unwrap();
        }
    });
    for batch in batches(n) {
        let (countdown, done) = Countdown::new(batch);
        countdowns.send((batch, countdown)).unwrap();
        // With the runtime's thread blocked, as no task can run before the last one is spawned: so
        // a single-threaded runtime does the same each time.
        is_spawned.recv().unwrap();
        done.await.unwrap();
    }
    drop(countdowns);
    spawner.join().unwrap();
}

/// Spawns, and waits for the result.
async fn spawn_join(n: u64) {
    let mut sum = 0;
    for at in 0..n {
        sum += tokio::spawn(async move { black_box(at) }).await.unwrap();
    }
    assert_eq!(sum, n * n.saturating_sub(1) / 2);
}

/// Ten tasks that yield.
async fn yield_now(n: u64) {
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        tasks.spawn(async move {
            for _ in 0..n.div_ceil(10) {
                tokio::task::yield_now().await;
            }
        });
    }
    assert_eq!(tasks.join_all().await.len(), 10);
}

/// A task spawns another, and each wakes the other once.
async fn ping_pong(n: u64) {
    for batch in batches(n) {
        let (countdown, done) = Countdown::new(batch);
        for _ in 0..batch {
            let countdown = countdown.clone();
            tokio::spawn(async move {
                let (ping, pinged) = oneshot::channel();
                let (pong, ponged) = oneshot::channel();
                tokio::spawn(async move {
                    pinged.await.unwrap();
                    pong.send(()).unwrap();
                });
                ping.send(()).unwrap();
                ponged.await.unwrap();
                countdown.one();
            });
        }
        done.await.unwrap();
    }
}

/// A task spawns a task, which spawns a task.
async fn chained_spawn(n: u64) {
    fn link(done: oneshot::Sender<()>, n: u64) {
        if n == 0 {
            done.send(()).unwrap();
        } else {
            tokio::spawn(async move { link(done, n - 1) });
        }
    }
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move { link(sender, n) });
    receiver.await.unwrap();
}

/// Sends and receives in turn, in one task.
async fn mpsc_uncontended(n: u64) {
    let (sender, mut receiver) = mpsc::channel(64);
    let mut sum = 0;
    for at in 0..n.div_ceil(32) {
        for _ in 0..32 {
            sender.send(at).await.unwrap();
        }
        for _ in 0..32 {
            sum += receiver.recv().await.unwrap() - at + 1;
        }
    }
    assert_eq!(sum, n.div_ceil(32) * 32);
}

/// Five tasks send to one, through a channel that is mostly full.
async fn mpsc_contended(n: u64) {
    // Not the type of the workload above: whether the compiler inlines what both use would else be
    // a matter of which of them it comes to first.
    let (sender, mut receiver) = mpsc::channel::<u32>(100);
    for _ in 0..5 {
        let sender = sender.clone();
        tokio::spawn(async move {
            for _ in 0..n.div_ceil(5) {
                sender.send(1).await.unwrap();
            }
        });
    }
    drop(sender);
    let mut sum = 0;
    while let Some(one) = receiver.recv().await {
        sum += u64::from(one);
    }
    assert_eq!(sum, n.div_ceil(5) * 5);
}

/// Five tasks send to one, without a bound.
async fn mpsc_unbounded(n: u64) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<u64>();
    for _ in 0..5 {
        let sender = sender.clone();
        tokio::spawn(async move {
            for _ in 0..n.div_ceil(5) {
                sender.send(1).unwrap();
            }
        });
    }
    drop(sender);
    let mut sum = 0;
    while let Some(one) = receiver.recv().await {
        sum += one;
    }
    assert_eq!(sum, n.div_ceil(5) * 5);
}

/// A channel for one message, to a waiting task.
async fn oneshot_pairs(n: u64) {
    let mut sum = 0;
    for at in 0..n {
        let (sender, receiver) = oneshot::channel();
        let task = tokio::spawn(receiver);
        tokio::task::yield_now().await;
        sender.send(at).unwrap();
        sum += task.await.unwrap().unwrap();
    }
    assert_eq!(sum, n * n.saturating_sub(1) / 2);
}

/// Every message to six tasks.
async fn broadcast_all(n: u64) {
    let (sender, _) = broadcast::channel::<u64>(1024);
    let mut tasks = JoinSet::new();
    for _ in 0..6 {
        let mut receiver = sender.subscribe();
        tasks.spawn(async move {
            let mut sum = 0;
            while let Ok(one) = receiver.recv().await {
                sum += one;
            }
            sum
        });
    }
    for at in 0..n {
        sender.send(1).unwrap();
        if at % 32 == 31 {
            // On several threads a receiver may still be behind.
            while sender.len() > 512 {
                tokio::task::yield_now().await;
            }
            tokio::task::yield_now().await;
        }
    }
    drop(sender);
    assert_eq!(tasks.join_all().await, [n; 6]);
}

/// A value that ten tasks watch.
async fn watch_all(n: u64) {
    let (sender, _) = watch::channel(0_u64);
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let mut receiver = sender.subscribe();
        tasks.spawn(async move {
            while receiver.changed().await.is_ok() {
                black_box(*receiver.borrow_and_update());
            }
            *receiver.borrow()
        });
    }
    for at in 1..=n {
        sender.send(at).unwrap();
        tokio::task::yield_now().await;
    }
    drop(sender);
    assert_eq!(tasks.join_all().await, [n; 10]);
}

/// Tasks that sleep, 10,000 at a time, each at its own moment of the next ten milliseconds.
async fn timers(n: u64) {
    const TIMERS: u64 = 10_000;
    for at in 0..n.div_ceil(TIMERS) {
        let (countdown, done) = Countdown::new(TIMERS.min(n - at * TIMERS));
        let start = tokio::time::Instant::now();
        for at in 0..TIMERS.min(n - at * TIMERS) {
            let countdown = countdown.clone();
            tokio::spawn(async move {
                tokio::time::sleep_until(start + Duration::from_micros(at)).await;
                countdown.one();
            });
        }
        done.await.unwrap();
    }
}

/// Timers that are set and never fire.
async fn timeouts(n: u64) {
    for _ in 0..n {
        let work = tokio::time::timeout(Duration::from_secs(60), tokio::task::yield_now());
        work.await.unwrap();
    }
}

/// A sleep that is over at once.
async fn sleep(n: u64) {
    for _ in 0..n {
        tokio::time::sleep(Duration::ZERO).await;
    }
}

/// Holds the runtime's only thread for blocking work until the gate is opened, so that what is done
/// does not depend on which thread happens to be faster.
struct Gate {
    open: std::sync::mpsc::Sender<()>,
}

impl Gate {
    async fn close() -> Self {
        let (open, opened) = std::sync::mpsc::channel();
        let (reached, is_reached) = std::sync::mpsc::channel();
        tokio::task::spawn_blocking(move || {
            reached.send(()).unwrap();
            opened.recv().unwrap();
        });
        is_reached.recv().unwrap();
        Self { open }
    }

    /// Opens it, and holds this thread until all is done that was queued.
    async fn open(self) {
        let (done, is_done) = std::sync::mpsc::channel();
        tokio::task::spawn_blocking(move || done.send(()).unwrap());
        self.open.send(()).unwrap();
        is_done.recv().unwrap();
    }
}

/// Closures on the pool for blocking work, queued and then run.
async fn blocking(n: u64) {
    let mut sum: u64 = 0;
    for batch in batches(n) {
        let gate = Gate::close().await;
        let tasks: Vec<_> = (0..batch)
            .map(|at| tokio::task::spawn_blocking(move || black_box(at)))
            .collect();
        gate.open().await;
        for task in tasks {
            sum += task.await.unwrap();
        }
    }
    assert_eq!(sum, batches(n).map(|batch| batch * (batch - 1) / 2).sum());
}

/// Messages of 64 bytes to a TCP server on this machine and back.
async fn tcp_echo(n: u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut buffer = [0; 64];
        let mut echoed = 0;
        while stream.read_exact(&mut buffer).await.is_ok() {
            stream.write_all(&buffer).await?;
            echoed += 1;
        }
        io::Result::Ok(echoed)
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = [0; 64];
    for at in 0..n {
        let question = [at as u8; 64];
        stream.write_all(&question).await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, question);
    }
    drop(stream);
    assert_eq!(server.await.unwrap().unwrap(), n);
}

/// Files of a kilobyte, written and read by many tasks.
async fn fs_files(n: u64) {
    let folder = std::env::temp_dir().join(format!("tls-slots-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for batch in batches(n) {
        let batch = batch.min(100);
        let files: Vec<_> = (0..batch).map(|at| folder.join(at.to_string())).collect();
        at_once(files.iter().cloned().map(|file| async move {
            tokio::fs::write(file, [7; 1024]).await.unwrap();
        }))
        .await;
        at_once(files.into_iter().map(|file| async move {
            assert_eq!(tokio::fs::read(file).await.unwrap(), [7; 1024]);
        }))
        .await;
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Spawns all of these; what they queue on the pool is run when all have queued something.
async fn at_once(futures: impl Iterator<Item = impl Future<Output = ()> + Send + 'static>) {
    let gate = Gate::close().await;
    let begun = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = futures
        .map(|future| {
            let begun = begun.clone();
            tokio::spawn(async move {
                let mut future = std::pin::pin!(future);
                let mut first = true;
                std::future::poll_fn(|cx| {
                    let polled = future.as_mut().poll(cx);
                    if std::mem::take(&mut first) {
                        begun.fetch_add(1, Ordering::AcqRel);
                    }
                    polled
                })
                .await;
            })
        })
        .collect();
    while begun.load(Ordering::Acquire) < tasks.len() as u64 {
        tokio::task::yield_now().await;
    }
    gate.open().await;
    for task in tasks {
        task.await.unwrap();
    }
}

/// One look at the context: which task is this?
async fn try_id(n: u64) {
    let task = tokio::spawn(async move {
        for _ in 0..n {
            black_box(tokio::task::try_id());
        }
        tokio::task::try_id()
    });
    assert!(task.await.unwrap().is_some());
}

/// One look at the context: which runtime is this?
async fn try_current(n: u64) {
    for _ in 0..n {
        black_box(Handle::try_current()).unwrap();
    }
}
