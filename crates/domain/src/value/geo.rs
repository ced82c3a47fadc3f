//! Geographic points, distances between them, and bounding boxes around a circle. The Earth is treated as a
//! sphere; distances are wrong by at most 0.6 %.

/// The mean radius of the Earth in kilometres (IUGG).
const EARTH_KM: f64 = 6_371.008_8;

/// Half the circumference of the Earth in kilometres: the largest possible distance.
pub const FARTHEST_KM: f64 = 20_016.0;

/// A point by its latitude (−90 to 90) and longitude (−180 to 180), in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    latitude: f64,
    longitude: f64,
}

impl Point {
    /// Creates a point; `None` if a coordinate is out of range.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let is_there = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        is_there.then_some(Self { latitude, longitude })
    }

    /// Degrees north of the equator.
    pub const fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich.
    pub const fn longitude(self) -> f64 {
        self.longitude
    }

    /// Computes the great-circle distance to another point in kilometres by the haversine formula (Sinnott,
    /// 1984).
    pub fn distance_km(self, other: Self) -> f64 {
        let (from, to) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half_north = (to - from) / 2.0;
        let half_east = (other.longitude - self.longitude).to_radians() / 2.0;
        let h = half_north.sin().powi(2) + from.cos() * to.cos() * half_east.sin().powi(2);
        2.0 * EARTH_KM * h.clamp(0.0, 1.0).sqrt().asin()
    }

    /// Computes a bounding box of all points within a distance. A box that crosses the date line has two
    /// ranges of longitudes. A box that reaches a pole spans all longitudes.
    pub fn box_around(self, radius_km: f64) -> GeoBox {
        // A small margin, so that rounding excludes no point that is just within the distance.
        let angle = (radius_km / EARTH_KM) * (1.0 + 1e-9) + 1e-9;
        let (south, north) = (
            self.latitude - angle.to_degrees(),
            self.latitude + angle.to_degrees(),
        );
        let all_around = ((-180.0, 180.0), EMPTY);
        let longitudes = if south <= -90.0 || north >= 90.0 {
            all_around
        } else {
            // The circle reaches farthest east and west where a meridian is tangent to it.
            let reach = (angle.sin() / self.latitude.to_radians().cos())
                .asin()
                .to_degrees();
            let (west, east) = (self.longitude - reach, self.longitude + reach);
            if west < -180.0 {
                ((-180.0, east), (west + 360.0, 180.0))
            } else if east > 180.0 {
                ((west, 180.0), (-180.0, east - 360.0))
            } else {
                ((west, east), EMPTY)
            }
        };
        GeoBox {
            latitudes: (south.max(-90.0), north.min(90.0)),
            longitudes,
        }
    }
}

/// An empty range.
const EMPTY: (f64, f64) = (1.0, -1.0);

/// A region bounded by one range of latitudes and two ranges of longitudes. All bounds are inclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeoBox {
    /// From south to north.
    pub latitudes: (f64, f64),
    /// Two ranges from west to east; the second may be empty.
    pub longitudes: ((f64, f64), (f64, f64)),
}

impl GeoBox {
    /// Whether the box contains a point.
    pub fn contains(&self, point: Point) -> bool {
        let within = |(from, to): (f64, f64), value: f64| (from..=to).contains(&value);
        within(self.latitudes, point.latitude)
            && (within(self.longitudes.0, point.longitude) || within(self.longitudes.1, point.longitude))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(latitude: f64, longitude: f64) -> Point {
        Point::new(latitude, longitude).unwrap()
    }

    #[test]
    fn distances_match_published_ones() {
        let (berlin, paris) = (at(52.52, 13.405), at(48.8566, 2.3522));
        assert!((berlin.distance_km(paris) - 877.5).abs() < 1.0);
        assert!((at(0.0, 0.0).distance_km(at(0.0, 180.0)) - 20_015.1).abs() < 1.0);
        // Fiji's islands lie on both sides of the date line.
        assert!((at(-16.8, 179.9).distance_km(at(-16.8, -179.9)) - 21.3).abs() < 0.1);
    }

    #[test]
    fn coordinates_out_of_range_are_no_point() {
        for (latitude, longitude) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(Point::new(latitude, longitude), None);
        }
    }

    /// Computes the distance from the angle between two vectors from the centre of the Earth, as an
    /// independent check.
    fn distance_by_vectors(a: Point, b: Point) -> f64 {
        let vector = |p: Point| {
            let (lat, lon) = (p.latitude.to_radians(), p.longitude.to_radians());
            [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
        };
        let ([a1, a2, a3], [b1, b2, b3]) = (vector(a), vector(b));
        let cross = [a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1];
        let sine = cross.iter().map(|c| c * c).sum::<f64>().sqrt();
        EARTH_KM * sine.atan2(a1 * b1 + a2 * b2 + a3 * b3)
    }

    fn points() -> impl Strategy<Value = Point> {
        let edges = prop_oneof![
            Just(-180.0),
            Just(180.0),
            Just(0.0),
            -180.0..=180.0,
            178.0..=180.0
        ];
        let latitudes = prop_oneof![Just(-90.0), Just(90.0), -90.0..=90.0, 85.0..=90.0, -90.0..=-85.0];
        (latitudes, edges).prop_map(|(latitude, longitude)| at(latitude, longitude))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn distances_are_those_of_vectors(a in points(), b in points()) {
            let expected = distance_by_vectors(a, b);
            prop_assert!((a.distance_km(b) - expected).abs() < 0.01, "{} {expected}", a.distance_km(b));
        }

        #[test]
        fn a_box_holds_every_point_within_its_distance(
            centre in points(), any in points(), north in -1.0..1.0_f64, east in -3.0..3.0_f64, radius in 0.1..20_016.0_f64,
        ) {
            let longitude = centre.longitude + east;
            let wrapped = longitude - 360.0 * ((longitude + 180.0) / 360.0).floor();
            let nearby = at((centre.latitude + north).clamp(-90.0, 90.0), wrapped);
            for point in [any, nearby] {
                for radius in [radius, centre.distance_km(point)] {
                    let is_near = centre.distance_km(point) <= radius;
                    prop_assert!(!is_near || centre.box_around(radius).contains(point), "{centre:?} {point:?} {radius}");
                }
            }
        }

        #[test]
        fn a_box_is_not_much_larger_than_it_must_be(latitude in -80.0..80.0_f64, longitude in -180.0..180.0_f64) {
            let centre = at(latitude, longitude);
            let around = centre.box_around(100.0);
            let south = at(around.latitudes.0, longitude);
            prop_assert!(centre.distance_km(south) < 100.01);
            let distant_longitude = if longitude > 0.0 { longitude - 100.0 } else { longitude + 100.0 };
            prop_assert!(!around.contains(at(latitude, distant_longitude)));
        }
    }
}
