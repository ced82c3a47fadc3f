use std::{
    future::poll_fn,
    io::{Read, Write},
    net::{TcpListener, TcpStream as Client},
};

use socket2::SockRef;
use tokio::time::timeout;

use super::*;

const PACE: Pace = Pace {
    head: Duration::from_millis(100),
    grace: Duration::from_millis(200),
    min_rate: 1_000_000_000,
};
/// Longer than everything that the pace allows.
const LONG: Duration = Duration::from_secs(10);

/// A client, and the server's end of its connection.
fn connection(pace: Pace) -> (Client, PacedStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    SockRef::from(&server).set_send_buffer_size(4096).unwrap();
    server.set_nonblocking(true).unwrap();
    (
        client,
        PacedStream::new(TcpStream::from_std(server).unwrap(), pace),
    )
}

/// Reads until the connection ends or nothing comes for a while. Returns the number of bytes if it has ended.
async fn read_to_end(stream: &mut PacedStream) -> Option<io::Result<usize>> {
    let mut all = 0;
    let read = async {
        loop {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut buffer)).await;
            match read {
                Ok(()) if buffer.filled().is_empty() => return Ok(all),
                Ok(()) => all += buffer.filled().len(),
                Err(error) => return Err(error),
            }
        }
    };
    timeout(4 * (PACE.head + PACE.grace), read).await.ok()
}

/// Writes that many bytes. Returns the error if they cannot be written.
async fn write(stream: &mut PacedStream, count: usize) -> io::Result<()> {
    let bytes = vec![7; count];
    let mut written = 0;
    while written < count {
        written += poll_fn(|context| Pin::new(&mut *stream).poll_write(context, &bytes[written..])).await?;
    }
    poll_fn(|context| Pin::new(&mut *stream).poll_flush(context)).await
}

#[actix_web::test]
async fn a_connection_that_stays_silent_ends_with_408() {
    let (mut client, mut server) = connection(PACE);
    assert_eq!(read_to_end(&mut server).await.unwrap().unwrap(), 0);
    drop(server);
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
}

#[actix_web::test]
async fn a_later_head_has_its_time_from_its_first_byte() {
    let (mut client, mut server) = connection(PACE);
    for _ in 0..3 {
        client.write_all(b"a head").unwrap();
        let mut bytes = [0; 64];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|context| Pin::new(&mut server).poll_read(context, &mut buffer))
            .await
            .unwrap();
        let serving = server.activity().begin();
        // Neither a request that is being served nor a pause between two ends the connection.
        assert!(read_to_end(&mut server).await.is_none());
        drop(serving);
        assert!(read_to_end(&mut server).await.is_none());
        assert!(server.timer.is_none(), "an idle connection keeps no timer");
    }
    client.write_all(b"half a he").unwrap();
    assert_eq!(read_to_end(&mut server).await.unwrap().unwrap(), 9);
}

#[actix_web::test]
async fn a_head_that_comes_a_byte_now_and_then_ends_the_connection() {
    let (mut client, mut server) = connection(PACE);
    drop(server.activity().begin());
    let drip = std::thread::spawn(move || {
        while client.write_all(b"x").is_ok() {
            std::thread::sleep(PACE.head / 10);
        }
    });
    let read = timeout(LONG, read_to_end(&mut server)).await.unwrap();
    assert!(read.unwrap().unwrap() > 2);
    drop(server);
    drip.join().unwrap();
}

#[actix_web::test]
async fn a_response_that_nobody_reads_ends_the_connection() {
    let (client, mut server) = connection(PACE);
    drop(server.activity().begin());
    let written = timeout(LONG, write(&mut server, 32 * 1024 * 1024)).await.unwrap();
    assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
    drop(client);
}

#[actix_web::test]
async fn a_response_that_is_read_at_its_pace_does_not_end_the_connection() {
    let pace = Pace {
        grace: Duration::from_secs(1),
        min_rate: 1024 * 1024,
        ..PACE
    };
    let (mut client, mut server) = connection(pace);
    drop(server.activity().begin());
    let count = 16 * 1024 * 1024;
    let reader = std::thread::spawn(move || {
        let (mut all, mut bytes) = (0, vec![0; 256 * 1024]);
        while all < count {
            all += client.read(&mut bytes).unwrap();
            std::thread::sleep(Duration::from_millis(25));
        }
        client
    });
    // A head behind it waits for it.
    server.activity.on_bytes();
    let begun = Instant::now();
    timeout(2 * LONG, write(&mut server, count))
        .await
        .unwrap()
        .unwrap();
    assert!(begun.elapsed() > pace.grace);
    let mut client = reader.join().unwrap();
    drop(server.activity().begin());
    assert!(read_to_end(&mut server).await.is_none());
    client.write_all(b"half a he").unwrap();
    assert_eq!(read_to_end(&mut server).await.unwrap().unwrap(), 9);
}
