//! Answers with the code of the demo's modules.
//!
//! The problem: how long does it take until an edit of a module's source has an effect?
//!
//! The way: as a host, this program goes on running and loads what was built. Its arguments are
//! the files of the modules markdown, math and style, and each line of its input names another file
//! of the math module. With the feature `static` the modules are linked in, and the program is
//! built and started anew. Either way it prints one line, which a change of the math module's
//! source changes.

use std::future::Future;

use site_contract::Formula;
use tls_slots as _;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

fn main() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be started");
    #[cfg(feature = "static")]
    {
        // The others are linked as well.
        std::hint::black_box((site_markdown::markdown_tasks(), site_style::style_tasks()));
        println!("{}", runtime.block_on(ask(site_math::math_serve)));
    }
    #[cfg(not(feature = "static"))]
    {
        let files: Vec<_> = std::env::args_os().skip(1).collect();
        let modules: Vec<_> = files.iter().map(load).collect();
        println!("{}", runtime.block_on(ask(serve(&modules[1]))));
        for line in std::io::stdin().lines() {
            let module = load(&line.expect("a line of text").into());
            println!("{}", runtime.block_on(ask(serve(&module))));
        }
    }
}

#[cfg(not(feature = "static"))]
fn load(file: &std::ffi::OsString) -> tls_slots_load::Module {
    // SAFETY: the driver has built the file from this repository, by the compiler and with the fork
    // and the profile of this program.
    unsafe { tls_slots_load::Module::load(file) }.unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(not(feature = "static"))]
fn serve(
    module: &tls_slots_load::Module,
) -> impl FnOnce(mpsc::Receiver<Formula>) -> std::pin::Pin<Box<dyn Future<Output = Result<u64, String>>>>
{
    let entry = module
        .entry::<fn(mpsc::Receiver<Formula>) -> Result<u64, String>>("math_serve")
        .unwrap_or_else(|error| panic!("{error}"));
    move |receiver| Box::pin(async move { entry.call((receiver,)).await.expect("no panic") })
}

/// The answer to a formula that is too long: a sentence of the module's source.
async fn ask<F: Future<Output = Result<u64, String>>>(
    serve: impl FnOnce(mpsc::Receiver<Formula>) -> F,
) -> String {
    let (sender, receiver) = mpsc::channel(1);
    let (reply, answer) = oneshot::channel();
    let formula = Formula {
        latex: "x".repeat(20_000),
        display: false,
        span: tracing::Span::none(),
        reply,
    };
    sender.send(formula).await.expect("there is room");
    drop(sender);
    serve(receiver).await.expect("it serves");
    match answer.await.expect("an answer") {
        Ok(mathml) => mathml,
        Err(message) => message,
    }
}
