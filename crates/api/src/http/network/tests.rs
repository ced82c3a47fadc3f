use actix_web::test::TestRequest;
use proptest::prelude::*;

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
fn nothing_that_a_client_sends_hides_the_element_of_the_proxy() {
    let sent = [
        "for=7.7.7.7;x=\"",
        "for=7.7.7.7;x=\"\\",
        "for=7.7.7.7;x=\\",
        "for=7.7.7.7;x=\\\"",
        "\"",
        "for=\"7.7.7.7\";x=\"a\\\\\"\"",
        "for=7.7.7.7;x=\"a,b;c\"",
        "for=7.7.7.7;host=\"\",\"",
        "for=7.7.7.7\u{ff}",
        ",;=,",
        "",
    ];
    let written = [
        "for=198.51.100.77",
        "for=\"198.51.100.77\"",
        "for=\"198.51.100.77:80\";proto=https",
        "proto=https;For=198.51.100.77;host=\"a\\\"b, for=7.7.7.7\\\\\"",
    ];
    for sent in sent {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).unwrap();
        for element in written {
            let joined = format!("{sent}, {element}");
            for lines in [vec![&*joined], vec![sent, element], vec![sent, &joined]] {
                let mut request = TestRequest::default().peer_addr(SocketAddr::from(([10, 0, 0, 2], 1)));
                for line in &lines {
                    request = request.append_header((header::FORWARDED, value(line)));
                }
                let trusted = ["10.0.0.0/8".parse().unwrap()];
                let address = client_address(&request.to_http_request(), &trusted).unwrap();
                assert_eq!(address.to_string(), "198.51.100.77", "{lines:?}");
            }
        }
        let joined = format!("7.7.7.7, {sent}, 198.51.100.77");
        for lines in [vec![&*joined], vec!["7.7.7.7", sent, "198.51.100.77"]] {
            let mut request = TestRequest::default().peer_addr(SocketAddr::from(([10, 0, 0, 2], 1)));
            for line in &lines {
                request = request.append_header((header::X_FORWARDED_FOR, value(line)));
            }
            let trusted = ["10.0.0.0/8".parse().unwrap()];
            let address = client_address(&request.to_http_request(), &trusted).unwrap();
            assert_eq!(address.to_string(), "198.51.100.77", "{lines:?}");
        }
    }
}

#[test]
fn an_element_that_cannot_be_read_counts_for_the_peer() {
    for last in [
        "for=198.51.100.77\"",
        "for=\"198.51.100.77",
        "for=\"198.51.100.77\\\"",
        "for=198.51.100.77;for=7.7.7.7",
        "for=198.51.100.77;x",
        "for=198.51.100.77;x=a\"b\"",
        "for=",
        "for",
        "proto=https",
        "",
    ] {
        let trusted = &["10.0.0.0/8"];
        for headers in [
            vec![("forwarded", last)],
            vec![("forwarded", "for=7.7.7.7"), ("forwarded", last)],
            vec![("forwarded", "for=7.7.7.7;x=\""), ("forwarded", last)],
        ] {
            assert_eq!(address("10.0.0.2", &headers, trusted), "10.0.0.2", "{headers:?}");
        }
        let joined = format!("for=7.7.7.7, {last}");
        let joined = address("10.0.0.2", &[("forwarded", &joined)], trusted);
        assert_eq!(joined, "10.0.0.2", "{last}");
    }
    let x_forwarded_for = [("x-forwarded-for", "7.7.7.7"), ("x-forwarded-for", "unknown")];
    assert_eq!(address("10.0.0.2", &x_forwarded_for, &["10.0.0.0/8"]), "10.0.0.2");
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
    assert_eq!(provider(address), "2001:db8::/32");
}

#[test]
fn an_ipv4_address_is_one_of_its_customer_and_its_provider() {
    for text in ["192.0.2.7", "::ffff:192.0.2.7"] {
        let address = text.parse().ok();
        let found = [network(address), customer(address), provider(address)];
        assert_eq!(found, ["192.0.2.7", "192.0.2.0/24", "192.0.0.0/16"]);
    }
    assert_eq!([network(None), customer(None), provider(None)], ["unknown"; 3]);
}

proptest! {
    #[test]
    fn no_text_to_the_left_changes_the_address_that_the_proxy_wrote(
        sent in "[a-z0-9=;:,.\"\\\\ ]{0,40}",
        host in "[a-z,;= ]{0,8}",
        is_a_line in any::<bool>(),
    ) {
        let element = format!("for=198.51.100.77;host=\"{host}\"");
        let joined = format!("{sent},{element}");
        let lines: &[&str] = if is_a_line { &[&sent, &element] } else { &[&joined] };
        let headers: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
        prop_assert_eq!(address("10.0.0.2", &headers, &["10.0.0.0/8"]), "198.51.100.77");
    }
}

#[test]
fn an_address_that_stands_for_an_ipv4_address_is_counted_as_that() {
    let networks = |address: &str| networks(Some(address.parse().unwrap()));
    for address in [
        "203.0.113.5",
        "::ffff:203.0.113.5",
        "64:ff9b::203.0.113.5",
        "64:FF9B:0:0::cb00:7105",
        "2002:cb00:7105::",
        "2002:cb00:7105:9:1234::1",
    ] {
        assert_eq!(networks(address), ["203.0.113.5"], "{address}");
    }
    for address in [
        // Another prefix, and one of which only the network knows what it holds (RFC 8215).
        "64:ff9b:0:1::203.0.113.5",
        "64:ff9b:1::203.0.113.5",
        "2001:db8::203.0.113.5",
        // Addresses that nobody on the internet has.
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.2",
        "64:ff9b::",
        "2002:7f00:1::1",
        "2002:c0a8:101::1",
        "2002:ffff:ffff::1",
    ] {
        assert_eq!(networks(address).len(), 3, "{address}");
    }
}

#[test]
fn an_address_in_a_prefix_of_translators_is_not_trusted_for_the_one_that_it_stands_for() {
    for peer in ["64:ff9b::10.0.0.2", "2002:a00:2::1", "64:ff9b::192.0.2.9"] {
        let peer: IpAddr = peer.parse().unwrap();
        let trusted = &["10.0.0.0/8", "192.0.2.0/24"];
        assert_eq!(
            address_behind(&peer.to_string(), "203.0.113.5", trusted),
            peer.to_string()
        );
    }
}

proptest! {
    #[test]
    fn every_public_ipv4_address_has_one_network_in_every_form(bits: u32) {
        let v4 = Ipv4Addr::from(bits);
        let plain = networks(Some(IpAddr::V4(v4)));
        prop_assert_eq!(plain.len(), 1);
        prop_assert_eq!(&networks(Some(IpAddr::V6(v4.to_ipv6_mapped()))), &plain);
        let nat64 = Ipv6Addr::from(0x0064_ff9b_u128 << 96 | u128::from(bits));
        let tunnelled = Ipv6Addr::from(0x2002_u128 << 112 | u128::from(bits) << 80 | 0xbeef);
        let is_public = !is_private(IpAddr::V4(v4)) && !v4.is_multicast() && !v4.is_broadcast() && !v4.is_unspecified();
        for form in [nat64, tunnelled] {
            prop_assert_eq!(networks(Some(IpAddr::V6(form))) == plain, is_public);
        }
    }
}
