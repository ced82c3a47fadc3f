//! The client's address, and the networks that it is counted under.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderName, HeaderValue},
};
use ipnet::{IpNet, Ipv4Net};

/// Whether the operator was told that a proxy seems to be in front of the server that no setting names.
static PROXY_IS_REPORTED: AtomicBool = AtomicBool::new(false);

/// Returns the address of the client: that of the peer or, behind trusted proxies, the one that they forward. An IPv4
/// address that is written as an IPv6 address is an IPv4 address.
pub fn client_address(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let x_forwarded_for = values(request, &header::X_FORWARDED_FOR);
    let forwarded = values(request, &header::FORWARDED);
    if x_forwarded_for.is_empty() && forwarded.is_empty() {
        return Some(peer);
    }
    if !is_trusted(peer, trusted) {
        report_proxy(peer);
        return Some(peer);
    }
    let by_x_forwarded_for = (!x_forwarded_for.is_empty())
        .then(|| nearest_untrusted(peer, x_forwarded_for.split(',').map(hop), trusted));
    let by_forwarded = (!forwarded.is_empty()).then(|| {
        let elements = outside_quotes(&forwarded, ',');
        nearest_untrusted(
            peer,
            elements.into_iter().map(|element| hop_of(&element)),
            trusted,
        )
    });
    // A proxy writes one of the two headers, and passes on the other as the client sent it. So where they differ, neither is
    // believed.
    Some(match (by_x_forwarded_for, by_forwarded) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(address), _) | (None, Some(address)) => address,
        (None, None) => peer,
    })
}

/// Returns a network in its canonical form: one of IPv4 addresses that are written as IPv6 addresses is one of IPv4.
pub fn canonical_network(network: IpNet) -> IpNet {
    if let IpNet::V6(v6) = network
        && let Some(v4) = v6.network().to_ipv4_mapped()
        && let Some(prefix) = v6.prefix_len().checked_sub(96)
        && let Ok(net) = Ipv4Net::new(v4, prefix)
    {
        return IpNet::V4(net);
    }
    network
}

/// Returns the network that an address is counted under: an IPv4 address itself, or the /64 of an IPv6 address.
pub fn network(address: Option<IpAddr>) -> String {
    networks(address).into_iter().next().unwrap_or_default()
}

/// Returns the widest network that one customer of a provider may have: an IPv4 address itself, or the /48 of an IPv6 address.
pub fn customer(address: Option<IpAddr>) -> String {
    networks(address).into_iter().next_back().unwrap_or_default()
}

/// Returns the networks that an address is counted under, the narrowest first: an IPv4 address itself, or the /64, /56 and
/// /48 of an IPv6 address, since providers give a household or a customer that many addresses.
pub fn networks(address: Option<IpAddr>) -> Vec<String> {
    match address.map(|address| address.to_canonical()) {
        None => vec!["unknown".to_owned()],
        Some(IpAddr::V4(v4)) => vec![v4.to_string()],
        Some(IpAddr::V6(v6)) => [64, 56, 48]
            .into_iter()
            .map(|prefix| {
                let bits = u128::from(v6) & (u128::MAX << (128 - prefix));
                format!("{}/{prefix}", Ipv6Addr::from(bits))
            })
            .collect(),
    }
}

/// The values of a header, joined as one list.
fn values(request: &HttpRequest, name: &HeaderName) -> String {
    let values = request.headers().get_all(name);
    let texts: Vec<&str> = values
        .filter_map(|value: &HeaderValue| value.to_str().ok())
        .collect();
    texts.join(",")
}

/// Follows the hops from the right, because each trusted hop vouches for the one before it.
fn nearest_untrusted(
    peer: IpAddr,
    hops: impl DoubleEndedIterator<Item = Option<IpAddr>>,
    trusted: &[IpNet],
) -> IpAddr {
    let mut address = peer;
    for hop in hops.rev() {
        if !is_trusted(address, trusted) {
            break;
        }
        let Some(hop) = hop else { break };
        address = hop;
    }
    address
}

/// Whether an address belongs to a trusted proxy.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// Reads the address of a hop: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

/// Reads the address in an element of `Forwarded` (RFC 7239), such as `for="[2001:db8::1]:80";proto=https`.
fn hop_of(element: &str) -> Option<IpAddr> {
    outside_quotes(element, ';').iter().find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let is_for = name.trim().eq_ignore_ascii_case("for");
        is_for.then(|| hop(value.trim().trim_matches('"')))?
    })
}

/// Splits a text at the separators that do not stand between quotes.
fn outside_quotes(text: &str, separator: char) -> Vec<String> {
    let mut is_quoted = false;
    let parts = text.split(|c: char| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    });
    parts.map(str::to_owned).collect()
}

/// Warns once if a proxy seems to be in front of the server that no setting names: a peer in a private network forwards
/// requests.
fn report_proxy(peer: IpAddr) {
    let is_private = match peer {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    if is_private && !PROXY_IS_REPORTED.swap(true, Ordering::Relaxed) {
        log::warn!(
            "requests come through a proxy that MAINSTAY_TRUSTED_PROXIES does not name, so all of its clients share one rate limit \
             and one count of wrong passwords"
        );
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn address(peer: &str, headers: &[(&str, &str)], trusted: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted
            .iter()
            .map(|t| canonical_network(t.parse().unwrap()))
            .collect();
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        let mut request = TestRequest::default().peer_addr(peer);
        for header in headers {
            request = request.append_header(*header);
        }
        client_address(&request.to_http_request(), &trusted)
            .unwrap()
            .to_string()
    }

    fn address_behind(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        address(peer, &[("x-forwarded-for", forwarded)], trusted)
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
    fn an_address_is_the_same_however_it_is_written() {
        for trusted in ["10.0.0.0/8", "::ffff:10.0.0.0/104"] {
            for peer in ["10.0.0.2", "::ffff:10.0.0.2"] {
                for hop in [
                    "203.0.113.5",
                    "203.0.113.5:4711",
                    "::ffff:203.0.113.5",
                    "[::ffff:203.0.113.5]:4711",
                    " 203.0.113.5 , ::ffff:10.9.9.9",
                ] {
                    assert_eq!(
                        address_behind(peer, hop, &[trusted]),
                        "203.0.113.5",
                        "{trusted} {peer} {hop}"
                    );
                }
                for hop in [
                    "2001:db8::7",
                    "[2001:db8::7]",
                    "[2001:db8::7]:443",
                    "2001:DB8:0::7",
                ] {
                    assert_eq!(address_behind(peer, hop, &[trusted]), "2001:db8::7", "{hop}");
                }
            }
        }
    }

    #[test]
    fn forwarded_is_read_too() {
        let behind = |forwarded| address("10.0.0.2", &[("forwarded", forwarded)], &["10.0.0.0/8"]);
        assert_eq!(behind("for=203.0.113.5"), "203.0.113.5");
        assert_eq!(behind("proto=https; For=\"203.0.113.5:80\";by=_x"), "203.0.113.5");
        assert_eq!(
            behind("for=192.0.2.1, for=\"[2001:db8::7]:80\";host=\"a,b;for=1.1.1.1\""),
            "2001:db8::7"
        );
        assert_eq!(behind("for=192.0.2.1, for=10.1.1.1;proto=http"), "192.0.2.1");
        assert_eq!(behind("for=192.0.2.1, for=unknown"), "10.0.0.2");
        assert_eq!(behind("for=192.0.2.1, for=_hidden"), "10.0.0.2");
        assert_eq!(behind("proto=https"), "10.0.0.2");
    }

    #[test]
    fn where_the_two_headers_differ_neither_is_believed() {
        let both = |one, other| {
            let headers = [("x-forwarded-for", one), ("forwarded", other)];
            address("10.0.0.2", &headers, &["10.0.0.0/8"])
        };
        assert_eq!(both("203.0.113.5", "for=203.0.113.5"), "203.0.113.5");
        assert_eq!(both("203.0.113.5", "for=192.0.2.1"), "10.0.0.2");
    }

    #[test]
    fn an_ipv6_address_is_counted_under_three_networks() {
        let networks = |address: &str| networks(address.parse().ok());
        assert_eq!(
            networks("2001:db8:1:23ab:3:4:5:6"),
            ["2001:db8:1:23ab::/64", "2001:db8:1:2300::/56", "2001:db8:1::/48"]
        );
        assert_eq!(networks("::ffff:192.0.2.7"), ["192.0.2.7"]);
        assert_eq!(networks("192.0.2.7"), ["192.0.2.7"]);
        let address = "2001:db8:1:2:3:4:5:6".parse().ok();
        assert_eq!(network(address), "2001:db8:1:2::/64");
        assert_eq!(customer(address), "2001:db8:1::/48");
    }
}
