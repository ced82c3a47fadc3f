//! The application: what it is made of, and how it is put together and run.

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    middleware::Compress,
    web,
};
use ipnet::IpNet;
use mainstay_store::{Locations, MasterKeys, Store};
use tokio::sync::Semaphore;

use crate::{
    auth::{
        access_token::Tokens, live_sessions::Sessions, password::Passwords, refresh_token::RefreshTokens,
    },
    http::{
        body, middleware,
        rate_limit::{LimitMode, Limits},
    },
    insight::facts_cache::FactsCache,
    openapi::endpoint::Endpoint,
    routes,
    server::{
        clock::Clock,
        metrics::{Metrics, RouteFigures},
        state::{Parts, State},
        worker,
    },
    sync::CONCURRENT_PUSHES,
};

/// How long requests in flight may take after the signal to stop, in seconds.
const SHUTDOWN_S: u64 = 30;

/// What an application is built from.
pub struct Configuration {
    /// Where the databases are.
    pub locations: Locations,
    /// The master keys.
    pub master: MasterKeys,
    /// Private keys of the access tokens, in PEM.
    pub signing_keys: String,
    /// Who issues the tokens.
    pub issuer: String,
    /// Whether requests are counted.
    pub limits: LimitMode,
    /// Proxies whose word on the client's address counts.
    pub trusted_proxies: Vec<IpNet>,
    /// How long deletions are told of, in days.
    pub tombstone_days: i64,
    /// Threads that serve requests.
    pub workers: usize,
    /// The time.
    pub clock: Clock,
}

/// An application that is ready to serve.
pub struct Application {
    state: State,
    workers: usize,
}

impl Application {
    /// Opens everything. The databases must be migrated.
    ///
    /// # Errors
    /// Says what does not work.
    pub fn build(configuration: Configuration) -> Result<Self, String> {
        let tokens = Tokens::new(&configuration.signing_keys, &configuration.issuer)
            .map_err(|e| format!("the signing key: {e}"))?;
        let store = Store::open(&configuration.locations, configuration.master).map_err(|e| e.to_string())?;
        let derived = |purpose| store.derive_key(purpose).map_err(|e| e.to_string());
        let passwords = Passwords::new(derived("mainstay pepper 1")?, configuration.workers)?;
        let refresh = RefreshTokens::new(derived("mainstay refresh 1")?);
        let parts = Parts {
            store,
            tokens,
            refresh,
            passwords,
            sessions: Sessions::default(),
            facts_cache: FactsCache::default(),
            pushes: Arc::new(Semaphore::new(CONCURRENT_PUSHES)),
            limits: Limits::new(configuration.limits),
            metrics: Metrics::install()?,
            tombstone_days: configuration.tombstone_days,
            clock: configuration.clock,
            trusted_proxies: configuration.trusted_proxies,
        };
        Ok(Self {
            state: State::new(parts),
            workers: configuration.workers,
        })
    }

    /// What the application is made of.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Serves on a listener until it is told to stop. A second listener serves the figures.
    ///
    /// # Errors
    /// What the system says.
    pub fn serve(self, listener: TcpListener, metrics: Option<TcpListener>) -> std::io::Result<Server> {
        if let Some(metrics) = metrics {
            crate::server::metrics::serve(metrics, self.state.metrics.clone())?;
        }
        worker::start(self.state.clone());
        let state = self.state;
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .app_data(body::config())
                .app_data(RouteFigures::new("unmatched"))
                .wrap(Compress::default())
                .wrap(actix_web::middleware::from_fn(middleware::request_layer))
                .configure(|config| configure(config, routes::endpoints()))
                .default_service(web::to(middleware::no_such_path))
        });
        Ok(server
            .workers(self.workers)
            .shutdown_timeout(SHUTDOWN_S)
            .keep_alive(Duration::from_secs(75))
            // A compressed answer is written in parts, and the last must not wait until the client confirms those before it.
            .tcp_nodelay(true)
            .client_request_timeout(Duration::from_secs(20))
            .listen(listener)?
            .run())
    }
}

/// An application that serves in a thread of its own until it is dropped.
pub struct Running {
    state: State,
    handle: ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    /// Builds and serves an application on a listener.
    ///
    /// # Errors
    /// Says what does not work.
    pub fn start(configuration: Configuration, listener: TcpListener) -> Result<Self, String> {
        let (started, starting) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let built = Application::build(configuration).and_then(|application| {
                    let state = application.state.clone();
                    let server = application.serve(listener, None).map_err(|e| e.to_string())?;
                    Ok((state, server))
                });
                match built {
                    Ok((state, server)) => {
                        // Whoever waits takes the answer, or has gone.
                        let _ = started.send(Ok((state, server.handle())));
                        if let Err(error) = server.await {
                            log::error!("serving ended: {error}");
                        }
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
        });
        let (state, handle) = starting.recv().map_err(|e| e.to_string())??;
        Ok(Self {
            state,
            handle,
            thread: Some(thread),
        })
    }

    /// What the application is made of.
    pub fn state(&self) -> &State {
        &self.state
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The command is sent at once; the future only waits for it to be carried out.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Routes each path once, with its methods; any other method of a known path is 405.
fn configure(config: &mut web::ServiceConfig, endpoints: Vec<Endpoint>) {
    let mut paths: Vec<(String, Vec<Endpoint>)> = Vec::new();
    for endpoint in endpoints {
        match paths.iter_mut().find(|(path, _)| *path == endpoint.path) {
            Some((_, list)) => list.push(endpoint),
            None => paths.push((endpoint.path.clone(), vec![endpoint])),
        }
    }
    // Paths are tried in their order, and one that names things is the dearer to try.
    paths.sort_by_key(|(path, _)| path.contains('{'));
    for (path, list) in paths {
        let allow = crate::openapi::endpoint::allow(&list);
        let mut resource = web::resource(path.as_str()).app_data(RouteFigures::new(path.as_str()));
        for endpoint in list {
            resource = resource.route(endpoint.into_route());
        }
        config.service(resource.default_service(web::to(move || middleware::no_such_method(allow.clone()))));
    }
}
