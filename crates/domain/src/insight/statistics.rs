//! The statistics used by insights, each with its source.

mod trend_test;
mod two_shares;
mod welch;

use serde::Serialize;
use utoipa::ToSchema;

pub use self::{
    trend_test::mann_kendall,
    two_shares::{Group, benjamini_hochberg, fisher_exact, ratio_interval},
    welch::{MeanVariance, welch_interval},
};

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = InsightInterval)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A share with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = InsightShare)]
pub struct Share {
    /// The share, 0–1.
    #[schema(minimum = 0, maximum = 1)]
    pub value: f64,
    /// Number of cases with the property.
    #[schema(minimum = 0)]
    pub count: usize,
    /// Number of all cases.
    #[schema(minimum = 1)]
    pub n: usize,
    /// 95 % Wilson score interval.
    pub interval: Interval,
}

/// Converts a count to a floating-point number.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub const fn count_as_f64(n: usize) -> f64 {
    n as f64
}

/// Converts a number of days to a floating-point number.
#[expect(clippy::cast_precision_loss, reason = "days are far below 2^53")]
pub const fn days_as_f64(n: i64) -> f64 {
    n as f64
}

/// Returns the mean. `None` if there are no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / count_as_f64(values.len()))
}

/// Returns the median: the middle value, or the mean of the two middle values. `None` if there are no values.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

/// Rounds a p-value for a response: to four decimals, and never to less than 0.0001.
pub fn shown_p_value(p: f64) -> f64 {
    ((p * 10_000.0).round() / 10_000.0).max(0.0001)
}

/// The 97.5 % point of the standard normal distribution, for intervals of 95 %.
const Z_95: f64 = 1.959_963_984_540_054;

/// Returns the share of `count` in `n` with its Wilson score interval at 95 %. `None` if `n` is 0.
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
/// American Statistical Association 22 (1927). Unlike the normal approximation, it stays within 0 and 1 and
/// holds for small `n`.
pub fn share(count: usize, n: usize) -> Option<Share> {
    if n == 0 {
        return None;
    }
    let (z, total, p) = (Z_95, count_as_f64(n), count_as_f64(count) / count_as_f64(n));
    let z2 = z * z;
    let centre = (p + z2 / (2.0 * total)) / (1.0 + z2 / total);
    let half = z / (1.0 + z2 / total) * (p * (1.0 - p) / total + z2 / (4.0 * total * total)).sqrt();
    Some(Share {
        value: p,
        count,
        n,
        interval: Interval {
            low: if count == 0 { 0.0 } else { (centre - half).max(0.0) },
            high: if count == n { 1.0 } else { (centre + half).min(1.0) },
        },
    })
}

/// Returns the Theil–Sen slope: the median of the slopes of all pairs of points whose `x` differ. `None` if
/// there is no such pair.
///
/// P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", Journal of the American
/// Statistical Association 63 (1968). A single outlier does not change its direction.
pub fn theil_sen(points: &[(f64, f64)]) -> Option<f64> {
    let mut slopes = Vec::new();
    for (n, (x1, y1)) in points.iter().enumerate() {
        for (x2, y2) in points.iter().skip(n + 1) {
            if (x2 - x1).abs() > f64::EPSILON {
                slopes.push((y2 - y1) / (x2 - x1));
            }
        }
    }
    median(&slopes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::insight::tests::history::proptest_config;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    /// Compares with a Wilson interval computed by hand.
    #[test]
    fn the_interval_of_a_share_equals_one_by_hand() {
        let interval = share(1, 10).unwrap().interval;
        assert!(
            (interval.low - 0.017_876).abs() < 1e-5 && (interval.high - 0.404_150).abs() < 1e-5,
            "{interval:?}"
        );
        assert!(share(0, 5).unwrap().interval.low.abs() < 1e-12);
        assert!((share(5, 5).unwrap().interval.high - 1.0).abs() < 1e-12);
    }

    /// Finds the Wilson interval by its definition: every p at which the z score of the observed share is at
    /// most z.
    fn wilson_by_search(count: usize, n: usize) -> (f64, f64) {
        let observed = count_as_f64(count) / count_as_f64(n);
        let fits =
            |p: f64| (observed - p).abs() <= 1.959_963_984_540_054 * (p * (1.0 - p) / count_as_f64(n)).sqrt();
        let bisect = |mut inside: f64, mut outside: f64| {
            for _ in 0..100 {
                let middle = f64::midpoint(inside, outside);
                if fits(middle) {
                    inside = middle;
                } else {
                    outside = middle;
                }
            }
            inside
        };
        // The observed share itself always fits. At 0 and 1 it is also the end of the interval.
        (bisect(observed, 0.0), bisect(observed, 1.0))
    }

    proptest! {
        #![proptest_config(proptest_config())]

        #[test]
        fn the_median_splits_the_values_in_half(values in prop::collection::vec(-20_i32..20, 1..30)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let middle = median(&values).unwrap();
            let below = values.iter().filter(|v| **v < middle).count();
            let above = values.iter().filter(|v| **v > middle).count();
            prop_assert!(below * 2 <= values.len() && above * 2 <= values.len());
        }

        #[test]
        fn the_wilson_interval_is_found_by_its_definition(n in 1_usize..60, k in 0_usize..60) {
            let count = k.min(n);
            let actual = share(count, n).unwrap().interval;
            let (low, high) = wilson_by_search(count, n);
            prop_assert!(close(actual.low, low) && close(actual.high, high), "{actual:?} {low} {high}");
        }

        #[test]
        fn theil_sen_splits_the_pairs_in_half(ys in prop::collection::vec(prop::option::of(0_i32..11), 0..16)) {
            let points: Vec<(f64, f64)> = ys.iter().enumerate()
                .filter_map(|(x, y)| Some((count_as_f64(x), f64::from((*y)?)))).collect();
            let slope = theil_sen(&points);
            prop_assert_eq!(slope.is_some(), points.len() > 1);
            if let Some(slope) = slope {
                // By the definition with Kendall's tau: as many pairs lie above the line as below it.
                let (mut above, mut below, mut pairs) = (0, 0, 0);
                for (i, a) in points.iter().enumerate() {
                    for b in points.iter().take(i) {
                        let residual = (a.1 - b.1) - slope * (a.0 - b.0);
                        pairs += 1;
                        if residual > 1e-9 { above += 1 } else if residual < -1e-9 { below += 1 }
                    }
                }
                prop_assert!(above * 2 <= pairs && below * 2 <= pairs);
            }
        }
    }
}
