//! The demo from end to end: the built driver forks, builds, renders and serves, and the tests look
//! at it from outside, as a person would: files on disk, bytes on a socket, lines on standard
//! output.
//!
//! The problem: a demo that only prints "ok" proves nothing. So the tests check what the three
//! modules alone can have made: HTML with the catalogue's addresses in it, MathML, compiled Sass.
//! And they check that the process has the workers of one runtime.
//!
//! All waits have a deadline. The host's processes end with their test, also when it fails.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LockResult, Once, PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::{Duration, Instant};

use cargo_tls_slots::audit;
use cargo_tls_slots::fork::{ForkOptions, fork};
use tls_slots_tests::running::{PATIENCE, Running};

/// How long forking and building may take, on a slow machine and with nothing there.
const BUILD: Duration = Duration::from_secs(1200);

/// Each driver reads this lock. A test that keeps cargo from the projects for longer than a driver
/// may wait writes it.
static BUILDING: RwLock<()> = RwLock::new(());

/// The guard, also after another test has failed with it: there is no data to be left half written.
fn unpoisoned<G>(lock: LockResult<G>) -> G {
    lock.unwrap_or_else(PoisonError::into_inner)
}

// ---------------------------------------------------------------------------------------------
// The driver, as a process.

/// A running driver. It becomes the host once everything is built.
struct Site {
    process: Running,
    /// None if the test keeps all others from building.
    _building: Option<RwLockReadGuard<'static, ()>>,
}

impl Site {
    /// Starts the driver, with everything built before.
    fn start(args: &[&str]) -> Self {
        static BUILT: Once = Once::new();
        BUILT.call_once(|| {
            let (status, _, errors) = Self::spawn(&["--build-only"]).finish(BUILD);
            assert!(status.success(), "the build failed:\n{errors}");
        });
        Self::spawn(args)
    }

    fn spawn(args: &[&str]) -> Self {
        Self::spawn_with(args, Some(unpoisoned(BUILDING.read())))
    }

    fn spawn_with(args: &[&str], building: Option<RwLockReadGuard<'static, ()>>) -> Self {
        Self {
            process: Running::start(Command::new(env!("CARGO_BIN_EXE_site")).args(args)),
            _building: building,
        }
    }

    /// Waits for the end; returns the status, and what the driver wrote to its two streams.
    fn finish(self, patience: Duration) -> (ExitStatus, String, String) {
        self.process.finish_with_output(patience)
    }

    /// Waits for the end, which must be a success; returns standard output.
    fn succeed(self) -> String {
        let (status, output, errors) = self.finish(PATIENCE);
        assert!(status.success(), "{status}\n{output}\n{errors}");
        output
    }
}

// ---------------------------------------------------------------------------------------------
// Folders and HTTP.

/// A folder of this test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the last run's folder can be removed");
    }
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the target folder's path is UTF-8")
}

fn read(file: PathBuf) -> String {
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A driver that became a server, and how to talk to it.
struct Server {
    site: Site,
    http: Http,
}

impl Server {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(args: &[&str]) -> Self {
        Self::of(Site::start(&[&["--serve", "--port", "0"], args].concat()))
    }

    fn of(site: Site) -> Self {
        let line = site.process.line_with("serving ");
        let address = line
            .split_once("http://")
            .and_then(|(_, rest)| rest.split_once('/'));
        let address = address.and_then(|(address, _)| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        Self {
            site,
            http: Http { address },
        }
    }
}

/// Where a server is.
#[derive(Clone, Copy)]
struct Http {
    address: SocketAddr,
}

impl Http {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE).expect("it listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        stream
    }

    /// Sends the bytes; returns all that comes back until the server closes the connection.
    fn send(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        // A server that refuses a request may close before it has read all of it, and then both
        // of these may fail; what matters is what came back.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert!(!answer.is_empty(), "no answer: {error}");
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn request(&self, method: &str, path: &str, headers: &str) -> String {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n");
        self.send(format!("{head}{headers}\r\n").as_bytes())
    }

    /// The body of a page that must be there.
    fn get(&self, path: &str) -> String {
        let answer = self.request("GET", path, "");
        assert_eq!(status(&answer), 200, "{path}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("an answer has a body");
        body.to_owned()
    }
}

fn status(answer: &str) -> u16 {
    let code = answer
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok());
    code.unwrap_or_else(|| panic!("no status line in {answer:?}"))
}

// ---------------------------------------------------------------------------------------------
// The pages, wherever they come from.

fn check_index(html: &str) {
    assert!(html.starts_with("<!DOCTYPE html>"), "{html}");
    assert!(html.contains("<title>One runtime, three modules"), "{html}");
    assert!(
        html.contains(r#"<h2 id="how-a-page-is-made">How a page is made</h2>"#),
        "{html}"
    );
    assert!(
        html.contains(r##"<a href="#how-a-page-is-made">"##),
        "{html}"
    );
    // The source says `mathematics.md` and `../modules/math`; the catalogue said the rest.
    assert!(
        html.contains(r#"<a href="mathematics.html">Some mathematics"#),
        "{html}"
    );
    assert!(
        html.contains(r#"title="in the repository: examples/site/modules/math""#),
        "{html}"
    );
    assert!(!html.contains("{{"), "a placeholder is left: {html}");
}

fn check_mathematics(html: &str) {
    let source = read(Path::new(env!("CARGO_MANIFEST_DIR")).join("content/mathematics.md"));
    let display = source.matches("$$").count() / 2;
    let inline = source.replace("$$", "").matches('$').count() / 2;
    assert!(
        display > 10 && inline > 30,
        "the page has fewer formulas than it had"
    );
    assert_eq!(html.matches("<math display=\"block\">").count(), display);
    assert_eq!(html.matches("<math").count(), display + inline);
    for element in [
        "<mfrac>",
        "<msqrt>",
        "<munderover>",
        "<mtable",
        "<annotation ",
    ] {
        assert!(html.contains(element), "no {element} in {html}");
    }
    assert!(!html.contains("class=\"broken\""), "{html}");
}

fn check_css(css: &str) {
    // A media query in a mixin, a nested selector, a function, a loop, a colour that was computed.
    assert!(css.contains("@media (min-width: 78rem)"), "{css}");
    assert!(
        css.contains("article>h1:first-child{margin-top:0}"),
        "{css}"
    );
    assert!(css.contains("padding:.75rem 1rem"), "{css}");
    assert!(css.contains(".level-3{padding-left:1rem}"), "{css}");
    for left in ["$", "@use", "@mixin", "@include", "#{", "darken("] {
        assert!(!css.contains(left), "{left:?} is no CSS: {css}");
    }
}

/// The report's line of a module: what it spawned.
fn tasks(output: &str, module: &str) -> (u64, u64) {
    let line = output
        .lines()
        .find(|line| line.starts_with(&format!("{module} ")));
    let line = line.unwrap_or_else(|| panic!("no line of {module} in {output}"));
    if cfg!(target_os = "linux") {
        assert!(line.contains("site-worker-"), "{line}");
    }
    let mut numbers = line
        .split_whitespace()
        .rev()
        .map(|word| word.parse().expect("a number"));
    let blocking = numbers.next().expect("the last column");
    (numbers.next().expect("the column before"), blocking)
}

/// The report's line about the process's threads.
fn check_workers(output: &str, workers: u32) {
    let expected = if cfg!(target_os = "linux") {
        format!("worker threads in the process: {workers}, all of the host's runtime (")
    } else {
        "worker threads in the process: not known here".to_owned()
    };
    assert!(output.contains(&expected), "{output}");
}

// ---------------------------------------------------------------------------------------------
// The tests.

#[test]
fn the_site_is_rendered() {
    let out = folder("rendered");
    let output = Site::start(&["--out", text(&out)]).succeed();

    check_index(&read(out.join("index.html")));
    check_mathematics(&read(out.join("mathematics.html")));
    check_css(&read(out.join("style.css")));
    // The repository's own documents, as many as it has.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for document in ["README", "ARCHITECTURE", "CHANGELOG"] {
        if root.join(document).with_extension("md").exists() {
            let html = read(out.join(document.to_lowercase()).with_extension("html"));
            assert!(html.contains("<h1 id="), "{document}: {html}");
        }
    }

    check_workers(&output, 4);
    let (markdown, _) = tasks(&output, "markdown");
    let (math, _) = tasks(&output, "math");
    let (style, blocking) = tasks(&output, "style");
    // A task for each formula and each page, and one for each formula and batch; one for the
    // folder and one for each of its three files; and the compiler's blocking call.
    assert!(markdown > 50 && math > 50, "{output}");
    assert_eq!((style, blocking), (4, 1), "{output}");
}

/// The host's subscriber is the only one. A page's spans go from the host through one module into
/// another.
#[test]
fn spans_nest_through_host_and_modules() {
    let out = folder("trace");
    let (status, _, errors) = Site::start(&["--trace", "--out", text(&out)]).finish(PATIENCE);
    assert!(status.success(), "{errors}");
    let page = r#"page{url="mathematics.html"}"#;
    for (spans, target) in [
        (page.to_owned(), "site_host::render"),
        (format!("{page}:render"), "site_markdown"),
        (format!("{page}:render:links"), "site_markdown"),
        (r#"page{url="style.css"}:compile"#.to_owned(), "site_style"),
    ] {
        let line = format!(" INFO {spans}: {target}: close");
        assert!(errors.contains(&line), "no {line:?} in\n{errors}");
    }
    // A formula of a page, asked for by the Markdown module, and converted by the math module.
    let start = format!(" INFO {page}:render:formula{{latex=");
    let formulas = |end: &str| {
        let lines = errors.lines();
        lines
            .filter(|line| line.starts_with(&start) && line.contains(end))
            .count()
    };
    let asked = formulas("}: site_markdown: close");
    assert!(asked > 0, "{errors}");
    assert_eq!(formulas("}:convert: site_math: close"), asked, "{errors}");
    // Nothing is printed unless it is asked for.
    let (status, _, errors) = Site::start(&["--out", text(&out)]).finish(PATIENCE);
    assert!(status.success() && !errors.contains("close"), "{errors}");
}

#[test]
fn everything_that_breaks_when_duplicated_is_shared() {
    // Builds it.
    let (status, _, errors) = Site::start(&["--build-only"]).finish(BUILD);
    assert!(status.success(), "{errors}");
    for file in [
        "debug/site-host",
        "debug/libsite_markdown.so",
        "debug/libsite_math.so",
        "debug/libsite_style.so",
    ] {
        // Elsewhere a library has another name.
        let path = target().join(file);
        if cfg!(not(target_os = "linux")) && !path.is_file() {
            continue;
        }
        let audit = audit::audit(&path).unwrap();
        for verdict in [audit::Verdict::Breaks, audit::Verdict::Unknown] {
            assert!(!audit.has(verdict), "{}", audit.render());
        }
    }
}

#[test]
fn as_many_workers_as_configured() {
    let out = folder("workers");
    for workers in [1, 7] {
        let count = workers.to_string();
        let output = Site::start(&["--workers", &count, "--out", text(&out)]).succeed();
        check_workers(&output, workers);
    }
}

#[test]
fn a_second_run_builds_nothing() {
    let out = folder("second");
    Site::start(&["--out", text(&out)]).succeed();
    let (status, _, errors) = Site::start(&["--out", text(&out)]).finish(PATIENCE);
    assert!(status.success(), "{errors}");
    assert!(errors.contains("nothing to build"), "{errors}");
}

/// A folder of content with this style sheet and this page in it.
fn content(name: &str, sheet: &str, page: &str) -> PathBuf {
    let content = folder(name);
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("content/template.html");
    fs::create_dir(content.join("style")).expect("a folder can be made");
    fs::copy(template, content.join("template.html")).expect("it is copied");
    write(&content.join("style/style.scss"), sheet);
    write(&content.join("index.md"), page);
    content
}

fn write(file: &Path, text: &str) {
    fs::write(file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

#[test]
fn what_is_broken_in_a_page_is_a_warning() {
    let page = "# A page\n\n[gone](gone.md), [here](#there), $\\nosuch{1}$, $x^2$, {{title}}\n";
    let content = content("broken", "a { b { c: 1px + 1px } }", page);
    let out = content.join("out");
    let output = Site::start(&["--content", text(&content), "--out", text(&out)]).succeed();
    for warning in [
        "the link `gone.md`",
        "the link `#there`",
        "the formula `\\nosuch{1}`",
    ] {
        assert!(
            output.lines().any(|line| line.contains(warning)),
            "{warning}: {output}"
        );
    }
    let html = read(out.join("index.html"));
    assert!(
        html.contains("<code class=\"broken\">\\nosuch{1}</code>"),
        "{html}"
    );
    assert!(
        html.contains("<msup>"),
        "the other formula is there: {html}"
    );
    assert!(
        html.contains(", {{title}}</p>"),
        "what a page says stays as it is: {html}"
    );
    assert_eq!(read(out.join("style.css")).trim(), "a b{c:2px}");
}

#[test]
fn a_sheet_that_does_not_compile_is_an_error() {
    let content = content("no-sheet", "a { color: $nowhere }", "# A page\n");
    let out = content.join("out");
    let site = Site::start(&["--content", text(&content), "--out", text(&out)]);
    let (status, output, errors) = site.finish(PATIENCE);
    assert_eq!(status.code(), Some(1), "{output}\n{errors}");
    assert!(errors.contains("Undefined variable"), "{errors}");
    assert!(errors.contains("style.scss"), "{errors}");
}

#[test]
fn what_cannot_be_done_is_said() {
    let nowhere = folder("nowhere").join("at/all");
    for (args, reason) in [
        (["--content", text(&nowhere)], "cannot read"),
        (
            ["--out", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")],
            "cannot write",
        ),
    ] {
        let (status, output, errors) = Site::start(&args).finish(PATIENCE);
        assert_eq!(status.code(), Some(1), "{output}\n{errors}");
        assert!(errors.contains(reason), "{errors}");
    }
    for args in [["--workers", "0"], ["--port", "80"], ["--nonsense", "x"]] {
        let (status, _, errors) = Site::start(&args).finish(PATIENCE);
        assert_eq!(status.code(), Some(2), "{errors}");
        assert!(
            errors.contains("Usage") || errors.contains("--help"),
            "{errors}"
        );
    }
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let (status, output, errors) = Site::start(&["--serve", "--port", &port]).finish(PATIENCE);
    assert_eq!(status.code(), Some(1), "{output}\n{errors}");
    assert!(
        errors.contains(&format!("cannot bind 127.0.0.1:{port}")),
        "{errors}"
    );
}

#[test]
fn pages_are_served() {
    let server = Server::start();
    check_index(&server.http.get("/"));
    check_index(&server.http.get("/index.html?some=query"));
    check_mathematics(&server.http.get("/mathematics.html"));
    check_css(&server.http.get("/style.css"));

    let answer = server.http.request("HEAD", "/mathematics.html", "");
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with("\r\n\r\n"), "HEAD has no body: {answer}");
    assert!(
        answer.contains("content-type: text/html; charset=utf-8\r\n"),
        "{answer}"
    );
}

#[test]
fn pages_are_rendered_when_they_are_asked_for() {
    let content = content("fresh", "a { b { c: 1px } }", "# First\n");
    let second = content.join("second.md");
    write(&second, "# Before\n");
    let server = Server::start_with(&["--content", text(&content)]);
    let http = server.http;
    assert!(http.get("/second.html").contains("<title>Before "));
    assert_eq!(http.get("/style.css").trim(), "a b{c:1px}");

    write(&second, "# After $x$\n");
    write(&content.join("style/style.scss"), "a { b { c: 2px } }");
    let html = http.get("/second.html");
    assert!(
        html.contains("<title>After ") && html.contains("<mi>x</mi>"),
        "{html}"
    );
    assert_eq!(http.get("/style.css").trim(), "a b{c:2px}");

    // The module knows the page's address from a task-local of the host's task, and from there
    // only.
    fs::remove_file(&second).expect("it can be removed");
    let answer = http.request("GET", "/second.html", "");
    assert_eq!(status(&answer), 500, "{answer}");
    assert!(answer.contains("second.html: cannot read"), "{answer}");
    assert!(http.get("/").contains("<title>First "));
}

#[test]
fn a_slow_client_is_left() {
    let server = Server::start();
    let start = Instant::now();
    let answer = server.http.send(b"GET / HTTP/1.1\r\nHost: here\r\n");
    let patience = Duration::from_secs(25);
    assert!(start.elapsed() < patience, "the connection stays open");
    assert!(!answer.contains(" 200 "), "{answer}");
    check_index(&server.http.get("/"));
}

#[test]
fn many_at_once_are_served() {
    let server = Server::start();
    let http = server.http;
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(move || {
                for _ in 0..10 {
                    check_mathematics(&http.get("/mathematics.html"));
                }
            });
        }
    });
}

#[test]
fn a_module_that_panics_is_a_500() {
    let server = Server::start();
    for _ in 0..3 {
        let answer = server.http.request("GET", "/panic", "");
        assert_eq!(status(&answer), 500, "{answer}");
        assert!(answer.contains("is not to my taste"), "{answer}");
        check_index(&server.http.get("/"));
    }
}

#[test]
fn bad_requests_are_the_clients_fault() {
    let server = Server::start();
    let long = "a".repeat(40_000);
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();

    for (path, expected) in [
        ("/nowhere.html", 404),
        ("/readme.html/", 404),
        ("/Cargo.toml", 404),
        ("/etc/passwd", 404),
        ("//etc/passwd", 404),
        ("/../../etc/passwd", 400),
        ("/../../../../../../../../etc/passwd", 400),
        ("/a/../index.html", 400),
        ("/%2e%2e/%2e%2e/etc/passwd", 400),
        ("/..%2f..%2fetc/passwd", 400),
        ("/..%5c..%5cetc%5cpasswd", 400),
        ("/%00", 400),
        ("/%ff%fe", 400),
        ("/%", 400),
        ("/%g0", 400),
    ] {
        let answer = server.http.request("GET", path, "");
        assert_eq!(status(&answer), expected, "{path}: {answer}");
        assert!(!answer.contains("root:"), "{path}: {answer}");
    }
    for (method, path, headers, expected) in [
        ("POST", "/", "Content-Length: 0\r\n", 405),
        ("DELETE", "/index.html", "", 405),
        ("OPTIONS", "*", "", 405),
        ("GET", "/", "Content-Length: 1000000000\r\n", 413),
        ("GET", "/", "Transfer-Encoding: chunked\r\n", 413),
        (
            "GET",
            "/",
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            400,
        ),
        ("GET", "/", "Content-Length: many\r\n", 400),
        ("GET", "/", &format!("X: {long}\r\n"), 431),
        ("GET", "/", &many, 431),
        ("GET", "/", "no header\r\n", 400),
    ] {
        let answer = server.http.request(method, path, headers);
        let head = &headers[..headers.len().min(40)];
        assert_eq!(
            status(&answer),
            expected,
            "{method} {path} {head}: {answer}"
        );
    }
    let answer = server.http.request("PUT", "/", "");
    assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
    let answer = server.http.request("GET", &format!("/{long}"), "");
    assert!([414, 431].contains(&status(&answer)), "{answer}");
    for garbage in [
        &b"garbage\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/7.7\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: here\r\n\r\n",
    ] {
        let answer = server.http.send(garbage);
        assert_eq!(status(&answer), 400, "{garbage:?}: {answer}");
    }
    // A client that leaves in the middle of things.
    drop(server.http.connect());
    let mut half = server.http.connect();
    half.write_all(b"GET / HT").expect("it can be written");
    drop(half);

    check_index(&server.http.get("/"));
}

#[cfg(unix)]
#[test]
fn signals_end_the_server() {
    use tls_slots_tests::running::Signal;

    for (signal, name) in [
        (Signal::Interrupt, "SIGINT"),
        (Signal::Terminate, "SIGTERM"),
    ] {
        let server = Server::start();
        check_index(&server.http.get("/"));
        // A connection that stays open, with nothing asked, must not keep the server.
        let open = server.http.connect();
        server.site.process.signal(signal);
        let output = server.site.succeed();
        drop(open);
        assert!(
            output.contains(&format!("{name}: the server ends")),
            "{output}"
        );
        check_workers(&output, 4);
        assert!(tasks(&output, "markdown").0 > 0, "{output}");
    }
}

/// Copies a folder, but for what cargo has made in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("it can be read") {
        let entry = entry.expect("it can be read");
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().expect("it has a type").is_dir() {
            true if entry.file_name() == "target" => {}
            true => copy(&path, &to),
            false => drop(fs::copy(path, to).expect("it can be copied")),
        }
    }
}

/// In a copy of the projects, and with clients that ask all the time. Each request is answered,
/// whatever is built and loaded meanwhile.
#[cfg(unix)]
#[test]
fn an_edited_module_shows_in_the_next_page() {
    use tls_slots_tests::running::Signal;

    Site::start(&["--build-only"]).succeed();
    let projects = folder("watch");
    for name in ["host", "modules", "contract"] {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&demo.join(name), &projects.join(name));
    }
    let edit = |file: &str, from: &str, to: &str| {
        let file = projects.join(file);
        let text = read(file.clone());
        assert_eq!(text.matches(from).count(), 1, "{from}");
        write(&file, &text.replace(from, to));
    };
    // Its builds are of other sources than those of the other tests, in the same folders.
    let _building = unpoisoned(BUILDING.write());
    let args = [
        "--serve",
        "--watch",
        "--port",
        "0",
        "--projects",
        text(&projects),
    ];
    let server = Server::of(Site::spawn_with(&args, None));
    let (http, site) = (server.http, &server.site.process);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        // Also when an assertion fails below.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let end = End(&ended);
        let clients = ["/", "/mathematics.html", "/style.css"].map(|path| {
            let ended = &ended;
            scope.spawn(move || {
                let mut answers = 0;
                while !ended.load(Ordering::Relaxed) {
                    let page = http.get(path);
                    assert!(!page.contains("class=\"broken\""), "{page}");
                    answers += 1;
                    // Time for the builds, which share the processors with the clients.
                    thread::sleep(Duration::from_millis(5));
                }
                answers
            })
        });
        let page = http.get("/");
        assert!(
            page.contains("markdown's build 1, math's build 1"),
            "{page}"
        );

        let finish = "    text.finish(&mut page);\n";
        let edited = format!("{finish}    page.html += \"<p>edited</p>\";\n");
        edit("modules/markdown/src/lib.rs", finish, &edited);
        site.line_with("markdown: build 2 takes the calls");
        let page = http.get("/");
        assert!(page.contains("<p>edited</p>"), "{page}");
        assert!(
            page.contains("markdown's build 2, math's build 1"),
            "{page}"
        );
        site.line_with("markdown: build 1 is unloaded");

        assert!(http.get("/mathematics.html").contains("<annotation "));
        edit(
            "modules/math/src/lib.rs",
            "annotation: true",
            "annotation: false",
        );
        site.line_with("math: build 2 takes the calls");
        let page = http.get("/mathematics.html");
        assert!(
            !page.contains("<annotation ") && page.contains("<math"),
            "{page}"
        );
        assert!(
            page.contains("markdown's build 2, math's build 2"),
            "{page}"
        );
        // Its service has ended, though nobody told it to.
        site.line_with("math: build 1 is unloaded");

        // What does not compile changes nothing.
        let broken = "    page.html += 7;\n";
        edit(
            "modules/markdown/src/lib.rs",
            "    page.html += \"<p>edited</p>\";\n",
            broken,
        );
        site.error_with("error[E0308]");
        assert!(http.get("/").contains("<p>edited</p>"));
        edit(
            "modules/markdown/src/lib.rs",
            broken,
            "    page.html += \"<p>again</p>\";\n",
        );
        site.line_with("markdown: build 3 takes the calls");
        assert!(http.get("/").contains("<p>again</p>"));
        site.line_with("markdown: build 2 is unloaded");

        // What all of them depend on. A comment changes no meaning.
        let current_page = "pub fn current_page() -> Arc<str> {\n";
        let commented = format!("// A comment.\n{current_page}");
        edit("contract/src/lib.rs", current_page, &commented);
        for line in ["markdown: build 4", "math: build 3", "style: build 2"] {
            site.line_with(line);
        }
        assert!(http.get("/style.css").starts_with("/* style's build 2 */"));
        // Anything else might, and the host is not built anew.
        let changed = format!("{current_page}    let _built = \"anew\";\n");
        edit("contract/src/lib.rs", current_page, &changed);
        for name in ["markdown", "math", "style"] {
            site.line_with(&format!("{name}: the new build is not taken"));
            site.line_with("site-contract: sources");
        }
        assert!(http.get("/").contains("<p>again</p>"));
        assert!(http.get("/style.css").starts_with("/* style's build 2 */"));
        drop(end);
        for client in clients {
            let answers = client.join().expect("each request is answered");
            assert!(answers > 10, "only {answers} answers");
        }
    });
    server.site.process.signal(Signal::Interrupt);
    let output = server.site.succeed();
    check_workers(&output, 4);
    assert!(!output.contains("still in use"), "{output}");
}

/// The demo's four projects, and how many tests each has.
const PROJECTS: [(&str, u32); 4] = [
    ("host", 6),
    ("modules/markdown", 6),
    ("modules/math", 4),
    ("modules/style", 3),
];

/// A cargo command in one of the projects, with the fork that the driver made.
fn cargo(project: &str, args: &[&str]) -> Command {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR"));
    let forks = target().join("forks");
    let mut options = ForkOptions::new(forks);
    // As the driver: what this project's lock file holds, and no patch of anything else. cargo
    // would note an unused patch in the lock file, which `--locked` forbids.
    let lockfile = demo.join(project).join("Cargo.lock");
    let locked = read(lockfile.clone());
    options.lockfile = Some(lockfile);
    let forked = fork(&options).expect("the fork is there");
    let mut command = Command::new(env!("CARGO"));
    command.args(args);
    let is_locked = |name: &str| locked.contains(&format!("\nname = \"{name}\"\n"));
    command.args(forked.config_args(|one| is_locked(&one.name)));
    command.current_dir(demo.join(project)).stdin(Stdio::null());
    command
}

fn target() -> &'static Path {
    let program = Path::new(env!("CARGO_BIN_EXE_site"));
    program
        .ancestors()
        .nth(2)
        .expect("it lies in `<target>/<profile>`")
}

/// What crosses the boundary has one layout only if its crates have the same version and the same
/// features everywhere. Nothing but the projects' `Cargo.toml`s and lock files sees to that.
#[test]
fn the_projects_agree_on_what_crosses() {
    Site::start(&["--build-only"]).succeed();
    for package in [
        "tokio",
        "mio",
        "bytes",
        "socket2",
        "tracing-core",
        "site-contract",
    ] {
        let resolved = PROJECTS.map(|(project, _)| {
            let args = ["tree", "--locked", "--edges", "normal", "--depth", "0"];
            let format = ["--format", "{p} {f}", "--invert", package];
            let output = cargo(project, &[&args[..], &format].concat()).output();
            let output = output.expect("cargo starts");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{project}: {errors}");
            String::from_utf8_lossy(&output.stdout).into_owned()
        });
        // The host's notify has mio write to `log`, which changes no type: the loader compares the
        // layouts of mio's types.
        let resolved = resolved.map(|one| one.replace(" default,log,", " "));
        assert!(resolved[0].starts_with(package), "{resolved:?}");
        assert!(
            resolved.iter().all(|other| *other == resolved[0]),
            "{resolved:#?}"
        );
    }
}

/// Each project's own tests, by its own cargo, in which a module's test binary is its own host.
#[test]
fn the_projects_pass_their_own_tests() {
    Site::start(&["--build-only"]).succeed();
    let _building = unpoisoned(BUILDING.write());
    for (project, tests) in PROJECTS {
        let output = cargo(project, &["test", "--locked"])
            .arg("--target-dir")
            .arg(target())
            .output()
            .expect("cargo starts");
        let [output, errors] =
            [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
        let passed = format!("test result: ok. {tests} passed; 0 failed; 0 ignored");
        assert!(output.contains(&passed), "{project}\n{output}\n{errors}");
    }
}
