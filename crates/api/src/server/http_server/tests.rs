use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream as Client},
    sync::Arc,
};

use actix_server::{Server, ServerHandle};
use actix_web::{App, HttpRequest, HttpResponse, middleware::from_fn, web};
use tokio::task::spawn_blocking;

use super::*;
use crate::{
    http::{
        admission::{Admission, LoadShedding, Refusals, admission_layer},
        body_pace::read_payload,
        middleware::request_layer,
        priority::PriorityTable,
        problem::HandlerResult,
        route_table::UNMATCHED,
    },
    server::metrics::{Metrics, RouteMetrics},
};

async fn panics(request: HttpRequest) -> HttpResponse {
    panic!("a handler of {} that panics", request.path())
}

async fn reads_and_panics(body: web::Bytes) -> HttpResponse {
    panic!("a handler that has read {} bytes", body.len())
}

async fn fine(request: HttpRequest, payload: web::Payload) -> HandlerResult {
    let body = read_payload(&request, 100, &mut payload.into_inner()).await?;
    Ok(HttpResponse::Ok().body(body.len().to_string()))
}

/// Serves an application with handlers that panic, on one worker, to two connections of a network at a time.
fn serve() -> (SocketAddr, ServerHandle) {
    Metrics::install().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let refusals = Arc::new(Refusals::default());
    let connections = Connections::new(2, 1000, Vec::new());
    let builder = Server::build().workers(1).disable_signals().shutdown_timeout(1);
    let stopping = builder.graceful_shutdown_signal();
    let server = builder.listen("test", listener, move || {
        let admission = Admission::new(LoadShedding::On, PriorityTable::default(), Arc::clone(&refusals));
        let application = App::new()
            .app_data(admission)
            .app_data(RouteMetrics::new(UNMATCHED))
            .wrap(from_fn(request_layer))
            .wrap(from_fn(admission_layer))
            .route("/panics", web::post().to(panics))
            .route("/reads-and-panics", web::post().to(reads_and_panics))
            .route("/fine", web::post().to(fine));
        let parts = Parts {
            connections: connections.clone(),
            routes: Rc::default(),
            allowed_origins: AllowedOrigins::default(),
            stopping: stopping.clone(),
        };
        connection_service(application, parts)
    });
    let server = server.unwrap().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (address, handle)
}

fn connect(address: SocketAddr) -> Client {
    let client = Client::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client
}

/// Sends a request and reads its response, which has a length. Returns the whole text.
fn exchange(client: &mut Client, path: &str, rest: &str) -> String {
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{rest}");
    client.write_all(head.as_bytes()).unwrap();
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if length.is_some_and(|length| length.parse() == Ok(body.len())) {
            return text;
        }
        let read = client.read(&mut buffer).unwrap();
        assert!(read > 0, "the connection ends: {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
}

fn ends(client: &mut Client) -> bool {
    matches!(client.read(&mut [0; 1]), Ok(0))
}

#[actix_web::test]
async fn a_panic_gives_back_the_turn_and_the_connection_can_be_used_again() {
    let (address, server) = serve();
    let run = move || {
        let mut client = connect(address);
        // More than may run at a time.
        for n in 0..150 {
            let response = match n % 2 {
                0 => exchange(&mut client, "/panics", "content-length: 0\r\n\r\n"),
                _ => exchange(&mut client, "/reads-and-panics", "content-length: 2\r\n\r\n{}"),
            };
            assert!(response.starts_with("HTTP/1.1 500 "), "{n} {response}");
            assert!(
                response.contains("/problems/internal") && !response.contains("handler"),
                "{response}"
            );
        }
        let response = exchange(&mut client, "/fine", "content-length: 2\r\n\r\n{}");
        assert!(
            response.starts_with("HTTP/1.1 200 ") && response.ends_with("\r\n2"),
            "{response}"
        );
    };
    spawn_blocking(run).await.unwrap();
    drop(server.stop(false));
}

#[actix_web::test]
async fn a_panic_before_the_body_was_read_ends_the_connection_and_its_place_is_free() {
    let (address, server) = serve();
    let run = move || {
        for framing in [
            "content-length: 9\r\n\r\n{}",
            "transfer-encoding: chunked\r\n\r\n1\r\nx\r\n",
        ] {
            for n in 0..10 {
                let mut client = connect(address);
                let response = exchange(&mut client, "/panics", framing);
                assert!(response.starts_with("HTTP/1.1 500 "), "{framing} {n} {response}");
                assert!(
                    response.contains("connection: close") && ends(&mut client),
                    "{framing} {response}"
                );
            }
        }
        let mut two = [connect(address), connect(address)];
        for client in &mut two {
            let response = exchange(client, "/fine", "content-length: 0\r\n\r\n");
            assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        }
    };
    spawn_blocking(run).await.unwrap();
    drop(server.stop(false));
}

#[actix_web::test]
async fn a_body_that_is_given_up_after_a_panic_elsewhere_is_408_and_its_place_is_free() {
    let (address, server) = serve();
    let run = move || {
        let mut panicking = connect(address);
        let mut slow = connect(address);
        slow.write_all(b"POST /fine HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{")
            .unwrap();
        let response = exchange(&mut panicking, "/panics", "content-length: 0\r\n\r\n");
        assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
        let mut response = String::new();
        slow.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
        assert!(
            response.to_lowercase().contains("connection: close"),
            "{response}"
        );
        drop(slow);
        let response = exchange(&mut connect(address), "/fine", "content-length: 2\r\n\r\n{}");
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    };
    spawn_blocking(run).await.unwrap();
    drop(server.stop(false));
}
