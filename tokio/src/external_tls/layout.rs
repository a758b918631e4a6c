//! Layouts of types that host and module share, for the record that `cargo tls-slots fork` adds.
//!
//! Most of what tokio's layouts depend on is compared by name: compiler, versions, features, cfgs.
//! This table is for the rest. Dependencies may have been built with debug assertions where tokio
//! was not, or with a feature or a cfg of their own: mio's `TcpStream` has 32 bytes or 40. So there
//! are mio's, bytes' and socket2's types here, and those of tokio that contain them; tokio's other
//! types follow from what is compared by name, and some stand here as samples.
//!
//! The features named here are those that tokio's users name: one that only brings a dependency in
//! is not compared, unless some source names it.

use tls_keys::record::TypeLayout;
#[allow(unused_imports)] // which features have a type here varies
use tls_keys::type_layout;

/// No layouts: under loom, nothing is shared.
#[cfg(loom)]
pub(crate) const TYPES: &[TypeLayout] = &[];

/// The layouts, as far as features and platform have them.
#[cfg(not(loom))]
pub(crate) const TYPES: &[TypeLayout] = &[
    #[cfg(any(feature = "io-util", feature = "process"))]
    type_layout!(bytes::Bytes),
    #[cfg(any(feature = "io-util", feature = "process"))]
    type_layout!(bytes::BytesMut),
    #[cfg(all(any(feature = "net", feature = "process", feature = "signal"), unix))]
    type_layout!(mio::Poll),
    #[cfg(all(any(feature = "net", feature = "process", feature = "signal"), unix))]
    type_layout!(mio::Registry),
    #[cfg(all(any(feature = "net", feature = "process", feature = "signal"), unix))]
    type_layout!(mio::Waker),
    #[cfg(all(any(feature = "net", feature = "process", feature = "signal"), unix))]
    type_layout!(mio::Events),
    #[cfg(all(any(feature = "net", feature = "process", feature = "signal"), unix))]
    type_layout!(mio::event::Event),
    #[cfg(feature = "net")]
    type_layout!(mio::net::TcpListener),
    #[cfg(feature = "net")]
    type_layout!(mio::net::TcpStream),
    #[cfg(feature = "net")]
    type_layout!(mio::net::UdpSocket),
    #[cfg(all(feature = "net", unix))]
    type_layout!(mio::net::UnixStream),
    #[cfg(all(feature = "net", unix))]
    type_layout!(mio::unix::pipe::Sender),
    #[cfg(all(feature = "net", not(target_family = "wasm")))]
    type_layout!(socket2::Socket),
    #[cfg(feature = "net")]
    type_layout!(crate::net::TcpListener),
    #[cfg(feature = "net")]
    type_layout!(crate::net::TcpStream),
    #[cfg(feature = "net")]
    type_layout!(crate::net::UdpSocket),
    #[cfg(all(feature = "net", unix))]
    type_layout!(crate::net::UnixStream),
    #[cfg(all(feature = "process", unix))]
    type_layout!(crate::process::Child),
    #[cfg(feature = "fs")]
    type_layout!(crate::fs::File),
    #[cfg(feature = "io-util")]
    type_layout!(crate::io::DuplexStream),
    #[cfg(feature = "time")]
    type_layout!(crate::time::Sleep),
    #[cfg(feature = "time")]
    type_layout!(crate::time::Interval),
    #[cfg(feature = "sync")]
    type_layout!(crate::sync::Mutex<u64>),
    #[cfg(feature = "sync")]
    type_layout!(crate::sync::RwLock<u64>),
    #[cfg(feature = "sync")]
    type_layout!(crate::sync::Semaphore),
    #[cfg(feature = "sync")]
    type_layout!(crate::sync::Notify),
    #[cfg(feature = "rt")]
    type_layout!(crate::runtime::Runtime),
    #[cfg(feature = "rt")]
    type_layout!(crate::runtime::Handle),
    #[cfg(feature = "rt")]
    type_layout!(crate::runtime::Builder),
    #[cfg(feature = "rt")]
    type_layout!(crate::task::LocalSet),
    #[cfg(all(tokio_unstable, feature = "tracing"))]
    type_layout!(tracing::Span),
];
