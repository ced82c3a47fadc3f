//! Builds the application from its configuration and serves it.

use std::{net::TcpListener, rc::Rc, sync::Arc, time::Duration};

use actix_server::{Server, ServerHandle};
use actix_web::{App, middleware::Compress, web};
use ipnet::IpNet;
use mainstay_domain::{account::quota::Quota, audit::Notice};
use mainstay_store::{Locations, MasterKeys, Store, erasure_ledger::ErasureLedger};
use socket2::SockRef;
use zeroize::Zeroizing;

use crate::{
    auth::{
        access_token::Tokens,
        device_token::DeviceTokens,
        failed_tries::FailedTries,
        live_sessions::Sessions,
        password::{Passwords, cost::HashCost},
        password_filter::PasswordFilter,
        refresh_token::RefreshTokens,
        registration_policy::{RegistrationPolicy, RegistrationSettings},
    },
    http::{
        admission::{Admission, LoadShedding, Refusals, admission_layer},
        connections::Connections,
        cors::AllowedOrigins,
        large_body::LargeBodies,
        middleware,
        priority::PriorityTable,
        rate_limit::{LimitMode, Limits},
        role::RouteRoles,
        route_table::{RouteTable, UNMATCHED},
        running_keys::RunningKeys,
    },
    openapi::endpoint::{self, Endpoint},
    routes,
    server::{
        checkpoints::{CheckpointTarget, Checkpoints},
        clock::Clock,
        http_server,
        key_watch::{KeyFiles, KeyWatch},
        metrics::{self, Metrics, RouteMetrics},
        open_files,
        operations::OpenapiDocument,
        own_accesses::OwnAccesses,
        push_turns::PushTurns,
        state::{Parts, State},
        worker,
    },
};

/// How long requests in flight may still take after the signal to stop, in seconds.
const SHUTDOWN_S: u64 = 30;

/// How many connections may wait to be accepted. A burst of clients must find room while the server has little time.
const BACKLOG: i32 = 1024;

/// Everything that an application is built from.
pub struct Configuration {
    /// Locations and pool sizes of the databases.
    pub locations: Locations,
    /// The master keys.
    pub master: MasterKeys,
    /// Private keys that sign access tokens, in PEM.
    pub signing_keys: Zeroizing<String>,
    /// The issuer that access tokens name.
    pub issuer: String,
    /// Where to report a fault that endangers people, as URIs.
    pub security_contact: Vec<String>,
    /// The URL under which clients reach the server, if it is known.
    pub public_url: Option<String>,
    /// Whether rate limits apply.
    pub limits: LimitMode,
    /// Who may register, and how many.
    pub registration: RegistrationSettings,
    /// The cost of password hashes.
    pub password_cost: HashCost,
    /// The filter of leaked passwords, if there is one.
    pub password_filter: Option<PasswordFilter>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose web pages may use the API, each as browsers send it.
    pub cors_origins: Vec<String>,
    /// Whether requests are refused when there is more to do than the server can do.
    pub load_shedding: LoadShedding,
    /// The most connections of a network that is no trusted proxy.
    pub connections_per_network: u32,
    /// The file that erasures are entered into.
    pub erasure_ledger: ErasureLedger,
    /// The limits of accounts that have none of their own.
    pub quota: Quota,
    /// Where checkpoints of the audit go, and the notice that goes with disclosures.
    pub audit: AuditSettings,
    /// How long sync reports a deletion, in days.
    pub tombstone_days: i64,
    /// Number of threads that serve requests.
    pub workers: usize,
    /// The clock.
    pub clock: Clock,
    /// The files of the keys, which are read again when they change. Without them the keys stay as they are.
    pub key_files: Option<KeyFiles>,
}

/// Settings of the audit.
#[derive(Debug, Clone, Default)]
pub struct AuditSettings {
    /// Where checkpoints go.
    pub checkpoints: CheckpointTarget,
    /// The notice that goes with disclosures.
    pub notice: Notice,
}

/// An application that is ready to serve.
pub struct Application {
    state: State,
    allowed_origins: AllowedOrigins,
    load_shedding: LoadShedding,
    connections_per_network: u32,
    workers: usize,
}

impl Application {
    /// Opens the databases, which must be migrated, and creates the shared state.
    ///
    /// # Errors
    /// A message that names the key or database that cannot be used.
    pub fn build(configuration: Configuration) -> Result<Self, String> {
        let tokens = Tokens::new(&configuration.signing_keys, &configuration.issuer)
            .map_err(|e| format!("the signing key: {e}"))?;
        let store = Store::open(&configuration.locations, configuration.master).map_err(|e| e.to_string())?;
        let store = store
            .with_erasure_ledger(configuration.erasure_ledger)
            .with_quota(configuration.quota);
        let derive = |purpose| store.derive_key(purpose).map_err(|e| e.to_string());
        let (pepper, cost) = (derive("mainstay pepper 1")?, configuration.password_cost);
        let passwords = Passwords::new(pepper, cost, configuration.workers)?;
        let refresh = RefreshTokens::new(derive("mainstay refresh 1")?);
        let devices = DeviceTokens::new(derive("mainstay device 1")?);
        let parts = Parts {
            store,
            tokens,
            refresh,
            devices,
            passwords,
            password_filter: configuration.password_filter,
            sessions: Sessions::default(),
            pushes: PushTurns::default(),
            running_keys: RunningKeys::default(),
            large_bodies: LargeBodies::new(configuration.workers),
            limits: Limits::new(configuration.limits),
            registration: RegistrationPolicy::new(configuration.registration, configuration.limits),
            own_accesses: OwnAccesses::default(),
            failed_tries: FailedTries::default(),
            checkpoints: Checkpoints::new(configuration.audit.checkpoints),
            notice: configuration.audit.notice,
            metrics: Metrics::install()?,
            security_contact: configuration.security_contact,
            public_url: configuration.public_url,
            tombstone_days: configuration.tombstone_days,
            clock: configuration.clock,
            key_watch: configuration.key_files.map(KeyWatch::new),
            trusted_proxies: configuration.trusted_proxies,
        };
        Ok(Self {
            state: State::new(parts),
            allowed_origins: AllowedOrigins::new(configuration.cors_origins),
            load_shedding: configuration.load_shedding,
            connections_per_network: configuration.connections_per_network,
            workers: configuration.workers,
        })
    }

    /// The shared state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Serves on a listener until it is told to stop. The second listener, if there is one, serves the metrics.
    ///
    /// # Errors
    /// The error of the operating system, if a server cannot start.
    pub fn serve(
        self,
        listener: TcpListener,
        metrics_listener: Option<TcpListener>,
    ) -> std::io::Result<Server> {
        if let Some(listener) = metrics_listener {
            metrics::serve(listener, self.state.metrics.clone())?;
        }
        worker::start(&self.state);
        let max_connections = open_files::max_connections(self.workers);
        let connections = Connections::new(
            self.connections_per_network,
            max_connections * self.workers / 4 * 3,
            self.state.trusted_proxies.clone(),
        );
        let refusals = Arc::new(Refusals::default());
        actix_web::rt::spawn(report_refusals(Arc::clone(&refusals)));
        // The standard library asks for a short queue of connections that wait to be accepted.
        SockRef::from(&listener).listen(BACKLOG)?;
        let (state, allowed_origins, load_shedding) = (self.state, self.allowed_origins, self.load_shedding);
        let document = Arc::new(OpenapiDocument::new(routes::document_text));
        let builder = Server::build();
        let stopping = builder.graceful_shutdown_signal();
        let server = builder
            .workers(self.workers)
            .shutdown_timeout(SHUTDOWN_S)
            .max_concurrent_connections(max_connections)
            .listen("mainstay", listener, move || {
                let endpoints = routes::endpoints();
                let routes = Rc::new(route_table(&endpoints));
                let admission = Admission::new(load_shedding, priorities(&endpoints), Arc::clone(&refusals));
                let application = App::new()
                    .app_data(admission)
                    .app_data(state.clone())
                    .app_data(document.clone())
                    .app_data(allowed_origins.clone())
                    .app_data(Rc::clone(&routes))
                    .app_data(RouteMetrics::new(UNMATCHED))
                    .wrap(Compress::default())
                    .wrap(actix_web::middleware::from_fn(middleware::request_layer))
                    // The layer that is added last is the outermost.
                    .wrap(actix_web::middleware::from_fn(admission_layer))
                    .configure(|config| configure(config, endpoints))
                    .default_service(web::to(|request| middleware::no_such_path(&request)));
                let parts = http_server::Parts {
                    connections: connections.clone(),
                    routes,
                    allowed_origins: allowed_origins.clone(),
                    stopping: stopping.clone(),
                };
                http_server::connection_service(application, parts)
            })?;
        Ok(server.run())
    }
}

/// An application that serves in a thread of its own, until it is dropped.
pub struct Running {
    state: State,
    handle: ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    /// Builds an application and serves it on a listener.
    ///
    /// # Errors
    /// A message that says why it cannot be built or served.
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
                        // Sending fails only if the caller is gone, and then nobody misses the handle.
                        let _ = started.send(Ok((state, server.handle())));
                        if let Err(error) = server.await {
                            log::error!("the server stopped with an error: {error}");
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

    /// The shared state.
    pub fn state(&self) -> &State {
        &self.state
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The call sends the command at once; the future would only wait until the server has stopped.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Lists the priorities of the endpoints.
fn priorities(endpoints: &[Endpoint]) -> PriorityTable {
    let mut table = PriorityTable::default();
    for endpoint in endpoints {
        table.insert(&endpoint.method, &endpoint.path, endpoint.priority);
    }
    table
}

/// Lists the paths of the endpoints.
fn route_table(endpoints: &[Endpoint]) -> RouteTable {
    let mut table = RouteTable::default();
    for endpoint in endpoints {
        table.insert(&endpoint.method, &endpoint.path, endpoint.public);
    }
    table
}

/// Reports refusals once a second, as long as the process runs.
async fn report_refusals(refusals: Arc<Refusals>) {
    loop {
        actix_web::rt::time::sleep(Duration::from_secs(1)).await;
        refusals.report();
    }
}

/// Registers each path once, with all its methods. `OPTIONS` names them, and any other method of the path gets a 405.
fn configure(config: &mut web::ServiceConfig, endpoints: Vec<Endpoint>) {
    let mut paths: Vec<(String, Vec<Endpoint>)> = Vec::new();
    for endpoint in endpoints {
        match paths.iter_mut().find(|(path, _)| *path == endpoint.path) {
            Some((_, list)) => list.push(endpoint),
            None => paths.push((endpoint.path.clone(), vec![endpoint])),
        }
    }
    // The router tries paths in this order, and one with parameters takes longer to try.
    paths.sort_by_key(|(path, _)| path.contains('{'));
    for (path, list) in paths {
        let supported = endpoint::supported(&list);
        let mut roles = RouteRoles::default();
        for endpoint in &list {
            roles.insert(&endpoint.method, endpoint.roles);
        }
        let mut resource = web::resource(path.as_str())
            .app_data(RouteMetrics::new(path.as_str()))
            .app_data(roles);
        for endpoint in list {
            resource = resource.route(endpoint.into_route());
        }
        let other = move |request| middleware::other_method(&request, &supported);
        config.service(resource.default_service(web::to(other)));
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::*;
    use crate::http::priority::Priority;

    #[test]
    fn help_comes_first_and_what_can_wait_comes_last() {
        let table = priorities(&routes::endpoints());
        for (method, path, priority) in [
            (Method::POST, "/v1/craving-events", Priority::Urgent),
            (Method::POST, "/v1/use-events", Priority::Urgent),
            (Method::GET, "/v1/craving-events/0195/support", Priority::Urgent),
            (Method::GET, "/v1/support", Priority::Urgent),
            (Method::GET, "/v1/plans/active", Priority::Urgent),
            (Method::GET, "/v1/helplines", Priority::Urgent),
            (Method::GET, "/health/live", Priority::Urgent),
            (Method::GET, "/health/ready", Priority::Urgent),
            (Method::POST, "/v1/auth/refresh", Priority::Urgent),
            (Method::POST, "/v1/check-ins", Priority::Ordinary),
            (Method::POST, "/v1/sync", Priority::Ordinary),
            (Method::POST, "/v1/auth/login", Priority::SignIn),
            (Method::POST, "/v1/auth/register", Priority::Deferrable),
            (Method::GET, "/v1/insights/summary", Priority::Deferrable),
            (Method::GET, "/v1/reports/progress", Priority::Deferrable),
            (
                Method::GET,
                "/v1/reports/charts/calendar.svg",
                Priority::Deferrable,
            ),
            (Method::GET, "/v1/check-ins/0195/history", Priority::Deferrable),
            (Method::GET, "/v1/meetings", Priority::Deferrable),
            (Method::GET, "/nowhere", Priority::Deferrable),
        ] {
            assert_eq!(table.find(&method, path), priority, "{method} {path}");
        }
    }
}
