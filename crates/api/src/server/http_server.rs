//! The HTTP server: actix-web's parts, put together so that connections keep their pace.
//!
//! The server that actix-web puts together takes plain TCP streams only, says `100 Continue` to every request that asks, and
//! tells nobody how a connection ended.

use std::{future::ready, rc::Rc, time::Duration};

use actix_http::{
    HttpService, Request,
    error::{DispatchError, ParseError},
};
use actix_server::GracefulShutdownSignal;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    Error,
    body::MessageBody,
    dev::{AppConfig, ServiceResponse},
    rt::net::TcpStream,
};

use crate::{
    http::{
        connections::Connections,
        cors::AllowedOrigins,
        expectation,
        paced_stream::{Pace, PacedStream},
        route_table::RouteTable,
    },
    server::metrics::{ConnectionEnd, count_connection_end},
};

/// How slowly clients may send heads and read responses.
const PACE: Pace = Pace {
    head: Duration::from_secs(20),
    grace: Duration::from_secs(30),
    min_rate: 1024,
};
/// How long a connection may be without a request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long the end of a connection may take.
const DISCONNECT: Duration = Duration::from_secs(1);

/// What a worker serves connections with, beside the application.
pub struct Parts {
    /// Counts the connections.
    pub connections: Connections,
    /// The routes of the application.
    pub routes: Rc<RouteTable>,
    /// The origins whose pages may use the API.
    pub allowed_origins: AllowedOrigins,
    /// Tells that the server stops.
    pub stopping: GracefulShutdownSignal,
}

/// Returns the service that serves the connections of one worker by an application.
pub fn connection_service<I, S, B>(
    application: I,
    parts: Parts,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = (), InitError = ()>
where
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let Parts {
        connections,
        routes,
        allowed_origins,
        stopping,
    } = parts;
    let application = application.into_factory().map_err(|error| error.error_response());
    let expects = move |request| ready(expectation::judge(request, &routes, &allowed_origins));
    let http = HttpService::build()
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .keep_alive(KEEP_ALIVE)
        // The stream bounds the time of every head, also of the first.
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(DISCONNECT)
        // Work on a request ends once its client has closed the connection.
        .h1_allow_half_closed(false)
        .expect(fn_service(expects))
        .on_connect_ext(move |stream: &PacedStream, data| connections.on_connect(stream, data))
        .h1(map_config(application, |()| AppConfig::default()))
        .map_err(|error| on_end(&error));
    fn_service(|stream: TcpStream| {
        // A compressed response is written in parts, and the last one must not wait until the client has acknowledged
        // those before it. If this fails, the connection is gone.
        let _ = stream.set_nodelay(true);
        let peer = stream.peer_addr().ok();
        ready(Ok((PacedStream::new(stream, PACE), peer)))
    })
    .and_then(http)
}

/// Counts a connection that ended with an error. Nothing that the client sent is logged.
fn on_end(error: &DispatchError) {
    match error {
        DispatchError::Parse(ParseError::TooLarge) => count_connection_end(ConnectionEnd::LargeHead),
        DispatchError::Parse(ParseError::Incomplete | ParseError::Io(_)) => {}
        DispatchError::Parse(_) => count_connection_end(ConnectionEnd::Malformed),
        DispatchError::Service(_) | DispatchError::Body(_) | DispatchError::InternalError => {
            log::error!("a connection ended by a fault of the server");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
