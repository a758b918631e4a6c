//! Workloads that use sockets.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Messages of 64 bytes to a TCP server on this machine and back.
pub(crate) async fn tcp_echo(n: u64) {
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
