//! The HTTP server: each page is rendered in the modules when it is asked for.
//!
//! The problem: what comes over a socket may be anything.
//!
//! The way: a page is looked up in the catalogue and never in the file system, so a path leads to
//! no other file. A path that tries gets a 400 all the same. All that a request can take is
//! bounded:
//!
//! | request | answer |
//! | --- | --- |
//! | `GET` or `HEAD` of a page or of the style sheet | 200 |
//! | the same, and a module fails or panics | 500 with what it said |
//! | no page's path | 404 |
//! | a path with `..`, an encoded `/`, `\` or NUL, or broken encoding | 400 |
//! | another method | 405 |
//! | a body | 413 |
//! | more header than `MAX_HEADER` bytes or `MAX_HEADERS` fields | 431 (from hyper) |
//! | no HTTP | 400 (from hyper) |
//! | a header that is not complete in time | the connection ends |
//!
//! Connections beyond `MAX_CONNECTIONS` wait in the listener's backlog. SIGINT and SIGTERM end the
//! server: requests in progress are answered, and then the program goes on to its end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use hyper::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::output::say;
use crate::render::{self, Renderer, STYLE};

/// The longest head of a request.
const MAX_HEADER: usize = 16 * 1024;
/// The most fields of a head.
const MAX_HEADERS: usize = 64;
/// How long a head may take to arrive.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// How long a page may take.
const PAGE_TIME: Duration = Duration::from_secs(30);
/// How long requests in progress may take after the signal.
const GRACE: Duration = Duration::from_secs(3);
/// The most connections at a time.
const MAX_CONNECTIONS: usize = 256;

/// What a page may load: nothing but the site's own style sheet and images. The attributes are the
/// alignment of tables and formulas.
const POLICY: &str = "default-src 'none'; img-src 'self' data:; style-src 'self'; \
                      style-src-attr 'unsafe-inline'";

/// Serves until a signal ends it.
pub(crate) async fn serve(renderer: Arc<Renderer>, port: u16) -> Result<(), String> {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| format!("cannot bind 127.0.0.1:{port}: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let ended = ended();
    tokio::pin!(ended);

    println!(
        "serving {} pages on http://{address}/",
        renderer.catalogue().pages().len()
    );
    println!(
        "see http://{address}/{} for a module that panics; Ctrl-C ends",
        render::PANIC
    );

    let connecting = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let signal = loop {
        let accept = async {
            // Never closed, so always a permit in the end.
            let permit = connecting.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accept => accepted,
            signal = &mut ended => break signal?,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely; a connection that ends gives one back.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let renderer = renderer.clone();
        let service = service_fn(move |request| {
            let renderer = renderer.clone();
            async move { Ok::<_, Infallible>(respond(&renderer, request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .max_buf_size(MAX_HEADER)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // What goes wrong on a connection is the client's affair.
            let _ = connection.await;
            drop(permit);
        });
    };
    drop(listener);
    say(&format!("{signal}: the server ends\n"));
    if timeout(GRACE, graceful.shutdown()).await.is_err() {
        say(&format!(
            "requests that took longer than {GRACE:?} were given up\n"
        ));
    }
    connections.shutdown().await;
    Ok(())
}

/// Waits for a signal that asks the program to end, and returns its name.
///
/// The handlers stand when this function returns, before its future is polled: a signal that comes
/// right after the address was printed finds them.
fn ended() -> impl Future<Output = Result<&'static str, String>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error| format!("cannot listen for signals: {error}");
        let interrupt = signal(SignalKind::interrupt()).map_err(failed);
        let terminate = signal(SignalKind::terminate()).map_err(failed);
        async move {
            let (mut interrupt, mut terminate) = (interrupt?, terminate?);
            Ok(tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            })
        }
    }
    #[cfg(not(unix))]
    async {
        tokio::signal::ctrl_c()
            .await
            .map_err(|error| error.to_string())?;
        Ok("Ctrl-C")
    }
}

/// An answer, whose body is at hand as a whole.
type Answer = Response<Full<Bytes>>;

/// Answers one request.
async fn respond(renderer: &Renderer, request: Request<Incoming>) -> Answer {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut answer = failure(StatusCode::METHOD_NOT_ALLOWED, "this site is read-only");
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    if !request.body().is_end_stream() {
        return failure(StatusCode::PAYLOAD_TOO_LARGE, "a page takes no body");
    }
    let Some(path) = decode(request.uri().path()) else {
        return failure(StatusCode::BAD_REQUEST, "this is no path");
    };
    let page = match path.as_str() {
        "" => "index.html",
        path => path,
    };
    timeout(PAGE_TIME, content(renderer, page))
        .await
        .unwrap_or_else(|_| failure(StatusCode::GATEWAY_TIMEOUT, "the page took too long"))
}

/// The page or style sheet at `url`, or an answer that says why there is none.
async fn content(renderer: &Renderer, url: &str) -> Answer {
    if url == STYLE {
        return match renderer.style().await {
            Ok(css) => answer(StatusCode::OK, "text/css; charset=utf-8", css),
            Err(error) => failure(StatusCode::INTERNAL_SERVER_ERROR, &error),
        };
    }
    match renderer.page(url).await {
        Some(Ok(page)) => html(StatusCode::OK, renderer.document(url, &page)),
        Some(Err(error)) => failure(StatusCode::INTERNAL_SERVER_ERROR, &error),
        None => failure(StatusCode::NOT_FOUND, "there is no such page"),
    }
}

/// The path of a request without its first slash and its percent-encoding; `None` if no page could
/// have such a path.
fn decode(path: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut bytes = path.strip_prefix('/')?.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?].map(|b| (b as char).to_digit(16));
                match (digits[0]? * 16 + digits[1]?) as u8 {
                    0 | b'/' | b'\\' | b'%' => return None,
                    byte => byte,
                }
            }
            byte => byte,
        });
    }
    let path = String::from_utf8(decoded).ok()?;
    let climbs = path.split(['/', '\\']).any(|part| part == "..");
    (!climbs && !path.contains(char::is_control)).then_some(path)
}

/// An error as a page with a message.
fn failure(status: StatusCode, message: &str) -> Answer {
    let message = render::escape(message);
    let document = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{status}</title>\n\
         <link rel=\"stylesheet\" href=\"/{STYLE}\"><main><h1>{status}</h1>\n\
         <p>{message}</p>\n<p><a href=\"/\">To the first page</a></p></main></html>\n"
    );
    html(status, document)
}

/// A page.
fn html(status: StatusCode, document: String) -> Answer {
    answer(status, "text/html; charset=utf-8", document)
}

/// An answer with the headers that all answers have.
fn answer(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-cache"),
    ] {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_climb_are_none() {
        assert_eq!(decode("/").as_deref(), Some(""));
        assert_eq!(decode("/a%20b.html").as_deref(), Some("a b.html"));
        assert_eq!(decode("/a..b/...").as_deref(), Some("a..b/..."));
        for path in [
            "",
            "x",
            "*",
            "/..",
            "/../../etc/passwd",
            "/a/../b",
            "/%2e%2e/x",
            "/.%2E/x",
            "/..%2fx",
            "/..%5cx",
            "/..\\x",
            "/%00",
            "/%",
            "/%2",
            "/%zz",
            "/%ff",
            "/%252e%252e",
            "/a%0d%0ab",
        ] {
            assert_eq!(decode(path), None, "{path}");
        }
    }
}
