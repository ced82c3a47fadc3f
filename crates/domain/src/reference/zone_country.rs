//! The countries of time zones, so that a person who named no country still gets the numbers of where they are.
//!
//! The table follows `zone.tab` of the time zone database of IANA, which is in the public domain. Earlier names of zones are
//! in it too.

use std::{collections::HashMap, sync::LazyLock};

use chrono_tz::Tz;

/// A country on each line, followed by its zones.
const TABLE: &str = include_str!("../../data/zone_countries.txt");

static COUNTRIES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let mut countries = HashMap::new();
    for line in TABLE.lines() {
        let mut words = line.split(' ');
        if let Some(country) = words.next() {
            countries.extend(words.map(|zone| (zone, country)));
        }
    }
    countries
});

/// Returns the country of a zone by its code (ISO 3166-1). `None` for zones of no country, such as `UTC`.
///
/// ```
/// use mainstay_domain::reference::zone_country::country_of;
///
/// assert_eq!(country_of(chrono_tz::Asia::Tokyo), Some("JP"));
/// assert_eq!(country_of(chrono_tz::UTC), None);
/// ```
pub fn country_of(zone: Tz) -> Option<&'static str> {
    COUNTRIES.get(zone.name()).copied()
}

#[cfg(test)]
mod tests {
    use chrono_tz::TZ_VARIANTS;

    use super::*;
    use crate::value::place::Country;

    /// Zones that belong to no country: offsets, abbreviations, and the like.
    fn is_placeless(name: &str) -> bool {
        name.starts_with("Etc/") || !name.contains('/')
    }

    #[test]
    fn every_zone_with_a_place_has_a_country_that_exists() {
        for zone in TZ_VARIANTS {
            match country_of(zone) {
                Some(country) => assert!(Country::new(country).is_some(), "{country}"),
                None => assert!(is_placeless(zone.name()), "{zone}"),
            }
        }
    }

    #[test]
    fn earlier_names_and_zones_that_share_their_rules_keep_their_own_country() {
        for (zone, country) in [
            ("Asia/Calcutta", "IN"),
            ("US/Eastern", "US"),
            ("Europe/Kiev", "UA"),
            ("Europe/Vaduz", "LI"),
            ("Atlantic/Reykjavik", "IS"),
            ("Africa/Johannesburg", "ZA"),
            ("America/Mexico_City", "MX"),
            ("Pacific/Auckland", "NZ"),
        ] {
            assert_eq!(country_of(zone.parse().unwrap()), Some(country), "{zone}");
        }
    }
}
