//! The trend of cravings over 14 days: how often days that differ by chance alone are called rising or falling.

use mainstay_domain::insight::craving::{Direction, TREND_SLOPE, trend};

use crate::{
    Rate, head,
    person::{craving, facts, rating, today},
    random::Random,
    row,
};

/// Simulates days with and without a trend.
pub fn simulate(histories: u32) {
    head(
        "Trend: days around 5 without any trend that are called rising or falling",
        &[
            "Days",
            "SD",
            "Slope alone (before)",
            "With the test (now)",
            "Not clear (now)",
        ],
    );
    for days in [5, 7, 10, 14] {
        for sd in [1.0, 1.5, 2.5] {
            let [before, now, unclear] = rates(days, sd, 0.0, histories);
            row(&[
                days.to_string(),
                sd.to_string(),
                before.to_string(),
                now.to_string(),
                unclear.to_string(),
            ]);
        }
    }
    head(
        "Trend: days that rise by 0.25 a day and are called rising",
        &[
            "Days",
            "SD",
            "Slope alone (before)",
            "With the test (now)",
            "Not clear (now)",
        ],
    );
    for days in [7, 10, 14] {
        for sd in [1.0, 1.5, 2.5] {
            let [before, now, unclear] = rates(days, sd, 0.25, histories);
            row(&[
                days.to_string(),
                sd.to_string(),
                before.to_string(),
                now.to_string(),
                unclear.to_string(),
            ]);
        }
    }
}

/// Returns how often a direction is named by the slope alone and by today's rule, and how often it is not clear. With
/// a slope, only its own direction counts.
fn rates(days: u8, sd: f64, slope: f64, histories: u32) -> [Rate; 3] {
    let mut random = Random::new(u64::from(days) * 1000);
    let [mut before, mut now, mut unclear] = <[Rate; 3]>::default();
    for _ in 0..histories {
        // The last days of the 14, around 5 in their middle.
        let cravings = (0..days).map(|ago| {
            let from_middle = f64::from(days - 1) / 2.0 - f64::from(ago);
            let value = 5.0 + slope * from_middle + sd * random.normal();
            craving(i64::from(ago), &[rating(value)])
        });
        let found = trend(&facts(cravings.collect()), today());
        let steepness = found.slope_per_day.expect("five days");
        let counts = |rises: bool, falls: bool| rises || (falls && slope == 0.0);
        before.add(counts(
            steepness >= TREND_SLOPE - 1e-9,
            steepness <= 1e-9 - TREND_SLOPE,
        ));
        now.add(counts(
            found.direction == Direction::Rising,
            found.direction == Direction::Falling,
        ));
        unclear.add(found.direction == Direction::NotClear);
    }
    [before, now, unclear]
}
