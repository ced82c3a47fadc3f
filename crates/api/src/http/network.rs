//! The client's address, and the network that it is counted under.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::HttpRequest;
use ipnet::IpNet;

/// Returns the address of the client: that of the peer or, behind trusted proxies, the one that they forward.
pub fn client_address(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let mut address = request.peer_addr()?.ip();
    let forwarded = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|v| v.to_str().ok())
        .collect::<Vec<_>>()
        .join(",");
    // Hops are read from the right, because each trusted hop vouches for the one before it.
    for hop in forwarded.rsplit(',').map(str::trim) {
        if !trusted.iter().any(|net| net.contains(&address)) {
            break;
        }
        let Ok(forwarded) = hop.parse() else { break };
        address = forwarded;
    }
    Some(address)
}

/// Returns the network that an address is counted under: an IPv4 address itself, or the /64 of an IPv6 address.
pub fn network(address: Option<IpAddr>) -> String {
    match address {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(v4)) => v4.to_string(),
        Some(IpAddr::V6(v6)) => v6.to_ipv4_mapped().map_or_else(
            || {
                let [a, b, c, d, ..] = v6.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            },
            |v4| v4.to_string(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn address_behind(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        let request = TestRequest::default()
            .peer_addr(format!("{peer}:1").parse().unwrap())
            .insert_header(("x-forwarded-for", forwarded))
            .to_http_request();
        client_address(&request, &trusted).unwrap().to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(address_behind("198.51.100.9", "203.0.113.5", &[]), "198.51.100.9");
        assert_eq!(
            address_behind("10.0.0.2", "203.0.113.5", &["10.0.0.0/8"]),
            "203.0.113.5"
        );
        // A client controls everything to the left of the first untrusted hop.
        assert_eq!(
            address_behind("10.0.0.2", "192.0.2.1, 203.0.113.5, 10.0.0.3", &["10.0.0.0/8"]),
            "203.0.113.5"
        );
        assert_eq!(address_behind("10.0.0.2", "rubbish", &["10.0.0.0/8"]), "10.0.0.2");
    }

    #[test]
    fn an_ipv6_network_is_its_first_half() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6".parse().ok()), "2001:db8:1:2::/64");
        assert_eq!(network("::ffff:192.0.2.7".parse().ok()), "192.0.2.7");
    }
}
