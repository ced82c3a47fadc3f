//! Connections of each network, so that no single network can hold all that the server has.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, Shutdown},
    rc::Rc,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::dev::Extensions;
use ipnet::IpNet;
use socket2::SockRef;

use crate::http::{
    network::{counted_as, is_trusted},
    paced_stream::PacedStream,
};

/// Counts connections. Clones share the counts.
#[derive(Clone)]
pub struct Connections(Arc<Shared>);

struct Shared {
    all: AtomicUsize,
    networks: Mutex<HashMap<(IpAddr, u8), u32>>,
    per_network: u32,
    /// So many connections in all are a crowd.
    crowd: usize,
    trusted: Vec<IpNet>,
}

/// One connection, which counts until it is dropped.
pub struct Connection {
    shared: Arc<Shared>,
    /// The address that it counts for; `None` for a trusted proxy, which has the connections of many people.
    address: Option<IpAddr>,
    is_one_too_many: bool,
}

impl Connections {
    /// Counts connections: so many per network are allowed, and from so many in all the server needs room.
    pub fn new(per_network: u32, crowd: usize, trusted: Vec<IpNet>) -> Self {
        Self(Arc::new(Shared {
            all: AtomicUsize::new(0),
            networks: Mutex::default(),
            per_network,
            crowd,
            trusted,
        }))
    }

    /// Counts a connection that was just accepted. If its network has too many, its first request is refused. If it has
    /// twice as many, the connection is closed at once.
    pub fn on_connect(&self, stream: &PacedStream, data: &mut Extensions) {
        data.insert(Rc::clone(stream.activity()));
        let stream = stream.tcp();
        let peer = stream.peer_addr().ok().map(|peer| peer.ip().to_canonical());
        let counted = peer.filter(|peer| !is_trusted(*peer, &self.0.trusted));
        let (connection, excess) = self.count(counted);
        if excess >= 2 {
            // It may be closed already.
            let _ = SockRef::from(stream).shutdown(Shutdown::Both);
        }
        data.insert(connection);
    }

    /// Counts a connection from an address. Returns it with how many times the connections of one of its networks exceed
    /// what the network may have: 0 if none does.
    fn count(&self, address: Option<IpAddr>) -> (Connection, u32) {
        self.0.all.fetch_add(1, Ordering::Relaxed);
        let address = address.map(counted_as);
        let mut excess = 0;
        if let Some(address) = address {
            let mut networks = self.0.networks();
            for &(prefix, times) in widths(address) {
                let count = networks.entry((masked(address, prefix), prefix)).or_insert(0);
                *count = count.saturating_add(1);
                let most = self.0.per_network.saturating_mul(times);
                excess = excess.max(count.saturating_sub(1) / most.max(1));
            }
        }
        let connection = Connection {
            shared: Arc::clone(&self.0),
            address,
            is_one_too_many: excess > 0,
        };
        (connection, excess)
    }
}

impl Connection {
    /// Whether its network had too many connections when it was accepted.
    pub fn is_one_too_many(&self) -> bool {
        self.is_one_too_many
    }

    /// Whether there are so many connections that each should close after its response.
    pub fn is_in_crowd(&self) -> bool {
        self.shared.all.load(Ordering::Relaxed) > self.shared.crowd
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.all.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = self.address else { return };
        let mut networks = self.shared.networks();
        for &(prefix, _) in widths(address) {
            let network = (masked(address, prefix), prefix);
            if let Some(count) = networks.get_mut(&network) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    networks.remove(&network);
                }
            }
        }
    }
}

impl Shared {
    fn networks(&self) -> MutexGuard<'_, HashMap<(IpAddr, u8), u32>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lengths of the prefixes of an address's networks, each with how many times as many connections it may have. A
/// customer may have a whole /48 of IPv6.
fn widths(address: IpAddr) -> &'static [(u8, u32)] {
    match address {
        IpAddr::V4(_) => &[(32, 1)],
        IpAddr::V6(_) => &[(64, 1), (56, 4), (48, 16)],
    }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(
            u128::from(v6) & (u128::MAX << (128 - u32::from(prefix))),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_has_connections_of_its_own_until_they_are_closed() {
        let connections = Connections::new(2, 4, Vec::new());
        let open = |address: &str| connections.count(Some(address.parse().unwrap())).0;
        let first = open("192.0.2.1");
        let _second = open("192.0.2.1");
        assert!(open("192.0.2.1").is_one_too_many());
        assert!(!open("192.0.2.2").is_one_too_many());
        drop(first);
        let fourth = open("192.0.2.1");
        assert!(!fourth.is_one_too_many());

        let _v6 = [open("2001:db8::1"), open("2001:db8::2")];
        assert!(open("2001:db8::ffff:1").is_one_too_many());
        assert!(!open("2001:db8:0:1::1").is_one_too_many());
        // Four times as many from a /56, however many networks it has.
        let wider: Vec<Connection> = (2..12).map(|n| open(&format!("2001:db8:0:{n}::1"))).collect();
        assert_eq!(wider.iter().filter(|one| !one.is_one_too_many()).count(), 6);
        drop(wider);
        assert!(!fourth.is_in_crowd());
        let proxied = [connections.count(None).0, connections.count(None).0];
        assert!(fourth.is_in_crowd() && !proxied.iter().any(Connection::is_one_too_many));
        drop(proxied);
        assert!(!fourth.is_in_crowd());

        // An address that stands for an IPv4 address has no connections of its own.
        let one_more = |address: &str| open(address).is_one_too_many();
        assert!(one_more("64:ff9b::c000:201") && one_more("2002:c000:201:7::9"));
        assert!(!one_more("64:ff9b::c000:203") && !one_more("2002:c000:204::9"));
    }
}
