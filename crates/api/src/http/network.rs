//! The client's address, and the networks that it is counted under.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
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
    let x_forwarded_for = lines(request, &header::X_FORWARDED_FOR);
    let forwarded = lines(request, &header::FORWARDED);
    if x_forwarded_for.is_empty() && forwarded.is_empty() {
        return Some(peer);
    }
    if !is_trusted(peer, trusted) {
        report_proxy(peer);
        return Some(peer);
    }
    let by_x_forwarded_for = (!x_forwarded_for.is_empty()).then(|| {
        let hops = from_the_right(&x_forwarded_for, |line| line.rsplit(',').map(hop));
        nearest_untrusted(peer, hops, trusted)
    });
    let by_forwarded = (!forwarded.is_empty()).then(|| {
        let hops = from_the_right(&forwarded, |line| Elements { rest: Some(line) });
        nearest_untrusted(peer, hops, trusted)
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

/// Returns the widest network that one customer of a provider usually has: the /24 of an IPv4 address, or the /48 of an IPv6
/// address.
pub fn customer(address: Option<IpAddr>) -> String {
    around(address, 24, 48)
}

/// Returns a network that only a provider has, or a very large customer: the /16 of an IPv4 address, or the /32 of an IPv6
/// address.
pub fn provider(address: Option<IpAddr>) -> String {
    around(address, 16, 32)
}

/// Returns the network of a request as it is named in what an account keeps: that of the provider. It is the widest that tells
/// one's own connection from that of somebody elsewhere, and it names no home. None if it is not known.
pub fn coarse_network(request: &HttpRequest, trusted: &[IpNet]) -> Option<String> {
    let address = client_address(request, trusted)?;
    Some(provider(Some(counted_as(address))))
}

/// Returns the address that an address is counted as. An IPv6 address that stands for an IPv4 address is that one, whether it
/// is written so (`::ffff:192.0.2.1`), translated (NAT64, `64:ff9b::/96`, RFC 6052) or tunnelled (6to4, `2002::/16`, RFC 3056).
///
/// Without this all clients behind a translator would share one limit, and a client with a tunnel would have two. Addresses
/// that are not public are not taken out of a prefix: only a network itself can say what it means by them. Whether a proxy is
/// trusted is decided by the address as it is.
pub fn counted_as(address: IpAddr) -> IpAddr {
    let address = address.to_canonical();
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let v4 = match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
        }
        _ => return address,
    };
    if is_private(IpAddr::V4(v4)) || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast() {
        return address;
    }
    IpAddr::V4(v4)
}

/// Returns the networks that an address is counted under, the narrowest first: an IPv4 address itself, or the /64, /56 and
/// /48 of an IPv6 address, since providers give a household or a customer that many addresses.
pub fn networks(address: Option<IpAddr>) -> Vec<String> {
    match address.map(counted_as) {
        None => vec!["unknown".to_owned()],
        Some(IpAddr::V4(v4)) => vec![v4.to_string()],
        Some(IpAddr::V6(v6)) => [64, 56, 48]
            .into_iter()
            .map(|prefix| v6_network(v6, prefix))
            .collect(),
    }
}

/// The network around an address, of that many bits of an IPv4 or of an IPv6 address.
fn around(address: Option<IpAddr>, v4_bits: u32, v6_bits: u32) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(v4)) => {
            let bits = u32::from(v4) & (u32::MAX << (32 - v4_bits));
            format!("{}/{v4_bits}", Ipv4Addr::from(bits))
        }
        Some(IpAddr::V6(v6)) => v6_network(v6, v6_bits),
    }
}

/// The network of an IPv6 address with a prefix of 1 to 128 bits.
fn v6_network(address: Ipv6Addr, prefix: u32) -> String {
    let bits = u128::from(address) & (u128::MAX << (128 - prefix));
    format!("{}/{prefix}", Ipv6Addr::from(bits))
}

/// The lines of a header, in their order. Bytes that are no text stay as a mark, so that no line is lost that a proxy wrote to.
fn lines<'a>(request: &'a HttpRequest, name: &HeaderName) -> Vec<Cow<'a, str>> {
    let values = request.headers().get_all(name);
    values
        .map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()))
        .collect()
}

/// The hops of all lines, the last one of the last line first. Each line is read by itself: a proxy adds its element at the
/// end of the last line or in a line of its own, and nothing before it may change how it is read.
fn from_the_right<'a, I>(
    lines: &'a [Cow<'_, str>],
    hops: impl Fn(&'a str) -> I + 'a,
) -> impl Iterator<Item = Option<IpAddr>> + 'a
where
    I: Iterator<Item = Option<IpAddr>> + 'a,
{
    lines.iter().rev().flat_map(move |line| hops(line))
}

/// Follows the hops from the right, because each trusted hop vouches for the one before it. It stops at one that cannot be
/// read.
fn nearest_untrusted(peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>, trusted: &[IpNet]) -> IpAddr {
    let mut address = peer;
    for hop in hops {
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

/// The addresses in a line of `Forwarded` (RFC 7239), from the right. The last one is `None` if a quote is open at the
/// beginning of the line.
struct Elements<'a> {
    rest: Option<&'a str>,
}

impl Iterator for Elements<'_> {
    type Item = Option<IpAddr>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest.take()?;
        let Some((rest, element)) = split_last(text, ',') else {
            return Some(None);
        };
        self.rest = rest;
        Some(hop_of(element))
    }
}

/// Splits a text at the last separator that does not stand between quotes. `None` if the quotes do not pair.
///
/// It is read from the right, where nothing but a pair of quotes hides a separator. So an open quote further left hides
/// nothing.
fn split_last(text: &str, separator: char) -> Option<(Option<&str>, &str)> {
    let mut is_quoted = false;
    for (at, c) in text.char_indices().rev() {
        let before = text.get(..at)?;
        if c == '"' {
            // Between quotes, a quote after a backslash is a part of the text. The closing quote follows an even number.
            let backslashes = before.bytes().rev().take_while(|byte| *byte == b'\\').count();
            is_quoted = !is_quoted || backslashes % 2 == 1;
        } else if c == separator && !is_quoted {
            return Some((Some(before), text.get(at + c.len_utf8()..)?));
        }
    }
    (!is_quoted).then_some((None, text))
}

/// Reads the address in an element of `Forwarded`, such as `for="[2001:db8::1]:80";proto=https`. `None` unless every pair
/// can be read and exactly one is of the address.
fn hop_of(element: &str) -> Option<IpAddr> {
    let mut rest = Some(element);
    let mut found = None;
    while let Some(text) = rest {
        let (before, pair) = split_last(text, ';')?;
        rest = before;
        let (name, value) = pair.split_once('=')?;
        let value = unquoted(value.trim())?;
        if name.trim().eq_ignore_ascii_case("for") && found.replace(hop(&value)?).is_some() {
            return None;
        }
    }
    found
}

/// Reads the value of a pair: a word, or a text between quotes in which a backslash stands before a quote or backslash.
fn unquoted(value: &str) -> Option<Cow<'_, str>> {
    if !value.contains(['"', '\\']) {
        return Some(Cow::Borrowed(value));
    }
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    let (mut text, mut chars) = (String::new(), inner.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => text.push(chars.next()?),
            _ => text.push(c),
        }
    }
    Some(Cow::Owned(text))
}

/// Warns once if a proxy seems to be in front of the server that no setting names: a peer in a private network forwards
/// requests.
fn report_proxy(peer: IpAddr) {
    if is_private(peer) && !PROXY_IS_REPORTED.swap(true, Ordering::Relaxed) {
        log::warn!(
            "requests come through a proxy that MAINSTAY_TRUSTED_PROXIES does not name, so all of its clients share one rate limit \
             and one count of wrong passwords"
        );
    }
}

/// Whether an address has a meaning in its own network only.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
