//! A service on tokio that keeps 1000 bytes of each request in its leaking form.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let leaks = arguments[2] == "leaking";
    let listener = TcpListener::bind(format!("127.0.0.1:{}", arguments[1])).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, leaks));
    }
}

async fn serve(mut stream: TcpStream, leaks: bool) {
    let mut request = Vec::new();
    loop {
        let mut block = [0; 1024];
        match stream.read(&mut block).await {
            Ok(length) if length > 0 => request.extend_from_slice(&block[..length]),
            _ => return,
        }
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        request.clear();
        let payload = vec![1_u8; 1000];
        if leaks {
            std::mem::forget(payload);
        }
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}
