//! The Mann–Kendall test for a trend.

use statrs::function::erf::erfc;

use super::count_as_f64;

/// Returns the two-sided p-value of the Mann–Kendall test for a trend, given values in the order of time.
///
/// H. B. Mann, "Nonparametric tests against trend", Econometrica 13 (1945); M. G. Kendall, "Rank Correlation
/// Methods", 4th edition (1975). S counts the pairs that rise minus those that fall. The normal approximation
/// is used for every number of values, with the correction for continuity and the variance for tied values:
/// ratings are whole points, so most series have ties, and tables of exact values hold without ties only. The
/// approximation is meant for 7 values or more. The p-value is 1 if S is 0.
pub fn mann_kendall(values: &[f64]) -> f64 {
    let mut s = 0_i64;
    for (n, earlier) in values.iter().enumerate() {
        for later in values.iter().skip(n + 1) {
            s += i64::from(later > earlier) - i64::from(later < earlier);
        }
    }
    let spread = |n: usize| {
        let n = count_as_f64(n);
        n * (n - 1.0) * (2.0 * n + 5.0)
    };
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let ties: f64 = sorted
        .chunk_by(|a, b| a >= b)
        .map(|tied| spread(tied.len()))
        .sum();
    let variance = (spread(values.len()) - ties) / 18.0;
    if s == 0 || variance <= 0.0 {
        return 1.0;
    }
    let z = (super::days_as_f64(s.abs()) - 1.0) / variance.sqrt();
    erfc(z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::insight::tests::history::proptest_config;

    /// The first row is a worked example with S = 54 and Z = 2.9058 (J. Little, "A Mann-Kendall example by
    /// hand", College of the Holy Cross). The other p-values were computed from the definition with 30 decimals
    /// (Python and mpmath).
    #[test]
    fn p_values_equal_those_of_a_worked_example_and_of_other_software() {
        let published = [
            12.9, 14.8, 13.2, 15.7, 13.8, 15.6, 12.9, 11.0, 17.3, 15.9, 19.0, 18.3, 20.1, 21.7,
        ];
        let table: [(&[f64], f64); 7] = [
            (&published, 0.003_662_723_763),
            (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 0.002_666_681_794),
            (
                &[
                    3.0, 3.0, 4.0, 4.0, 5.0, 5.0, 6.0, 6.0, 7.0, 7.0, 8.0, 8.0, 9.0, 9.0,
                ],
                4.384_891_031e-6,
            ),
            (
                &[9.0, 9.0, 8.0, 8.0, 7.0, 7.0, 6.0, 6.0, 5.0, 5.0],
                0.000_370_577_215,
            ),
            (
                &[2.0, 7.0, 1.0, 8.0, 2.0, 8.0, 1.0, 8.0, 2.0, 8.0],
                0.449_016_099_060,
            ),
            (&[6.0, 5.0, 5.0, 5.0, 4.0], 0.096_092_329_456),
            (&[5.0, 6.0, 5.0, 7.0, 6.0, 8.0, 6.0], 0.204_008_163_621),
        ];
        for (values, p) in table {
            let found = mann_kendall(values);
            assert!((found - p).abs() < 1e-9, "{values:?}: {found}, not {p}");
        }
    }

    #[test]
    fn values_without_any_difference_have_no_trend() {
        for values in [vec![], vec![4.0], vec![4.0; 14]] {
            assert!((mann_kendall(&values) - 1.0).abs() < 1e-12);
        }
    }

    proptest! {
        #![proptest_config(proptest_config())]

        /// The p-value is a probability, the same for the series backwards and for another scale.
        #[test]
        fn only_the_order_of_the_values_counts(ys in prop::collection::vec(0_i32..11, 0..15)) {
            let values: Vec<f64> = ys.iter().copied().map(f64::from).collect();
            let p = mann_kendall(&values);
            prop_assert!((0.0..=1.0).contains(&p));
            let backwards: Vec<f64> = values.iter().rev().copied().collect();
            let scaled: Vec<f64> = values.iter().map(|y| y.exp()).collect();
            prop_assert!((p - mann_kendall(&backwards)).abs() < 1e-12);
            prop_assert!((p - mann_kendall(&scaled)).abs() < 1e-12);
        }
    }
}
