//! The comparison of two shares: the interval of their ratio, the exact test, and the choice among many tests.

use statrs::function::factorial::ln_binomial;

use super::{Z_95, count_as_f64};

/// A number of cases with a property, among all cases of a group. `count` is at most `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Number of cases with the property.
    pub count: usize,
    /// Number of all cases.
    pub n: usize,
}

/// Returns the 95 % score interval of the ratio of two shares: `first` divided by `second`. The upper end is
/// `None` if it is infinite, which is so if no case of `second` has the property. `None` if a group is empty or no
/// case has the property.
///
/// P. A. R. Koopman, "Confidence limits for the ratio of two binomial proportions", Biometrics 40 (1984). The
/// interval contains every ratio that a score test of 5 % does not reject. M. W. Fagerland, S. Lydersen and
/// P. Laake, "Recommended confidence intervals for two independent binomial proportions", Statistical Methods in
/// Medical Research 24 (2015), recommend it. It needs no correction for zero cells.
pub fn ratio_interval(first: Group, second: Group) -> Option<(f64, Option<f64>)> {
    if first.n == 0 || second.n == 0 || first.count + second.count == 0 {
        return None;
    }
    let fits = |log_ratio: f64| score(first, second, log_ratio.exp()) <= Z_95 * Z_95;
    let observed = (count_as_f64(first.count) / count_as_f64(first.n)).ln()
        - (count_as_f64(second.count) / count_as_f64(second.n)).ln();
    // Counts are far below e^MAX_LOG, so no end of an interval is beyond it.
    let inside = observed.clamp(-MAX_LOG, MAX_LOG);
    let low = if first.count == 0 {
        0.0
    } else {
        bisect(inside, -MAX_LOG, fits).exp()
    };
    let high = (second.count > 0).then(|| bisect(inside, MAX_LOG, fits).exp());
    Some((low, high))
}

/// The logarithm of the largest ratio that is looked for.
const MAX_LOG: f64 = 40.0;

/// Returns the last value that fits, on the way from one that does to one that does not.
fn bisect(mut inside: f64, mut outside: f64, fits: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..60 {
        let middle = f64::midpoint(inside, outside);
        if fits(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    inside
}

/// Returns the score statistic (chi-squared with one degree of freedom) of the hypothesis that the share of
/// `first` is `ratio` times the share of `second`.
fn score(first: Group, second: Group, ratio: f64) -> f64 {
    let (x1, n1) = (count_as_f64(first.count), count_as_f64(first.n));
    let (x2, n2) = (count_as_f64(second.count), count_as_f64(second.n));
    // The most likely share of `second` under the hypothesis is the smaller root of a quadratic equation.
    let b = ratio * (n1 + x2) + x1 + n2;
    let root = (b * b - 4.0 * ratio * (n1 + n2) * (x1 + x2)).max(0.0).sqrt();
    let share = 2.0 * (x1 + x2) / (b + root);
    part(x1, n1, ratio * share) + part(x2, n2, share)
}

/// Returns the part of one group: the square of observed minus expected, divided by the variance.
fn part(observed: f64, n: f64, share: f64) -> f64 {
    let distance = observed - n * share;
    if distance.abs() < 1e-9 {
        return 0.0;
    }
    distance * distance / (n * share * (1.0 - share)).max(f64::MIN_POSITIVE)
}

/// Returns the two-sided p-value of Fisher's exact test that two shares are equal: the probability of all tables
/// with the same sums that are at most as likely as this one.
///
/// R. A. Fisher, "Statistical Methods for Research Workers", 5th edition (1934). It is exact however rare use is.
/// Tests by approximation call a single use among few cravings significant.
pub fn fisher_exact(first: Group, second: Group) -> f64 {
    let (all, with) = (first.n + second.n, first.count + second.count);
    let likelihood = |count: usize| {
        let log = ln_binomial(as_u64(with), as_u64(count))
            + ln_binomial(as_u64(all - with), as_u64(first.n - count))
            - ln_binomial(as_u64(all), as_u64(first.n));
        log.exp()
    };
    let observed = likelihood(first.count);
    // Tables that are equally likely must not be told apart by their last digits.
    let limit = observed * (1.0 + 1e-7);
    let possible = first.n.saturating_sub(all - with)..=first.n.min(with);
    possible
        .map(likelihood)
        .filter(|p| *p <= limit)
        .sum::<f64>()
        .min(1.0)
}

fn as_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// What a p-value may exceed its limit by and still count as equal to it: a sum of logarithms is exact to about ten
/// digits.
const ROUNDING: f64 = 1.0 + 1e-9;

/// Returns which of several tests pass if at most the share `rate` of those that pass may be there by chance.
///
/// Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society
/// B 57 (1995): of m p-values in ascending order, the largest k whose p-value is at most rate · k / m, and all
/// before it.
pub fn benjamini_hochberg(p_values: &[f64], rate: f64) -> Vec<bool> {
    let mut sorted = p_values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let m = count_as_f64(sorted.len());
    let passes = |(k, p): &(usize, &f64)| **p <= rate * count_as_f64(k + 1) / m * ROUNDING;
    let limit = sorted.iter().enumerate().rfind(passes).map(|(_, p)| *p);
    p_values
        .iter()
        .map(|p| limit.is_some_and(|limit| *p <= limit * ROUNDING))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::insight::tests::history::proptest_config;

    fn groups(x1: usize, n1: usize, x2: usize, n2: usize) -> (Group, Group) {
        (Group { count: x1, n: n1 }, Group { count: x2, n: n2 })
    }

    /// 36 of 40 against 16 of 80 is the example of Koopman (1984), with the interval from 2.94 to 7.15. The other
    /// figures were computed by maximising the likelihood numerically (Python and mpmath).
    #[test]
    fn intervals_of_ratios_equal_the_published_one_and_those_of_other_software() {
        for ((x1, n1, x2, n2), low, high) in [
            ((36, 40, 16, 80), 2.939_569_192, Some(7.152_223_435)),
            ((7, 34, 1, 34), 1.220_852_854, Some(42.575_717_61)),
            ((3, 5, 1, 5), 0.619_382_588_9, Some(17.912_502_77)),
            ((4, 6, 0, 7), 1.645_946_775, None),
            ((0, 6, 4, 7), 0.0, Some(0.803_336_255_9)),
            ((5, 5, 0, 5), 2.301_588_858, None),
            ((5, 5, 5, 5), 0.565_517_535_2, Some(1.768_291_764)),
            ((1, 29, 0, 142), 1.281_822_536, None),
            ((5, 5, 2, 5), 1.066_320_627, Some(8.501_899_486)),
        ] {
            let (first, second) = groups(x1, n1, x2, n2);
            let found = ratio_interval(first, second).unwrap();
            assert!((found.0 - low).abs() < 1e-7 * low.max(1.0), "{first:?} {found:?}");
            assert_eq!(found.1.is_some(), high.is_some(), "{first:?} {found:?}");
            if let Some((found, high)) = found.1.zip(high) {
                assert!((found - high).abs() < 1e-7 * high, "{first:?} {found}");
            }
        }
        let (none, empty) = groups(0, 9, 0, 0);
        assert_eq!(ratio_interval(none, none), None);
        assert_eq!(ratio_interval(none, empty), None);
    }

    /// The first row is Fisher's own example of twins (1934) as R gives it, the second his lady tasting tea (1935).
    /// The other figures were computed from binomial coefficients in whole numbers (Python).
    #[test]
    fn exact_tests_equal_the_published_ones_and_those_of_other_software() {
        for ((x1, n1, x2, n2), p) in [
            ((2, 17, 10, 13), 0.000_536_724_119),
            ((3, 4, 1, 4), 0.485_714_285_714),
            ((3, 5, 1, 5), 0.523_809_523_810),
            ((7, 34, 1, 34), 0.054_400_130_495),
            ((1, 29, 0, 142), 0.169_590_643_275),
            ((36, 40, 16, 80), 7.566_803_985e-14),
            ((5, 5, 5, 5), 1.0),
            ((900, 3000, 2500, 9000), 0.020_554_067_862),
        ] {
            let (first, second) = groups(x1, n1, x2, n2);
            let found = fisher_exact(first, second);
            assert!((found - p).abs() < 1e-9, "{first:?} {second:?}: {found}, not {p}");
        }
    }

    /// The fifteen p-values of Benjamini and Hochberg (1995), section 3.2: at 0.05, four pass.
    #[test]
    fn the_published_choice_among_many_tests_is_made() {
        let p_values = [
            0.4262, 0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        let passed = benjamini_hochberg(&p_values, 0.05);
        assert_eq!(passed.iter().filter(|passed| **passed).count(), 4);
        assert_eq!(passed.get(1..5), Some([true; 4].as_slice()));
        assert!(benjamini_hochberg(&[], 0.1).is_empty());
        // A later p-value takes an earlier one along that would not pass by itself.
        assert_eq!(benjamini_hochberg(&[0.09, 0.08], 0.1), [true, true]);
        assert_eq!(benjamini_hochberg(&[0.2, 0.08], 0.1), [false, false]);
    }

    #[test]
    fn a_p_value_that_equals_its_limit_passes() {
        let group = |count, n| Group { count, n };
        for (first, second, exact) in [
            (group(3, 3), group(0, 3), 0.1),
            (group(2, 2), group(0, 3), 0.1),
            (group(1, 1), group(0, 19), 0.05),
            (group(1, 1), group(0, 39), 0.025),
        ] {
            let p = fisher_exact(first, second);
            assert!((p - exact).abs() < 1e-12);
            for (tests, rate) in [(1, exact), (2, exact * 2.0), (4, exact * 4.0)] {
                let mut p_values = vec![1.0; tests - 1];
                p_values.push(p);
                let passed = benjamini_hochberg(&p_values, rate);
                assert_eq!(
                    passed.last(),
                    Some(&true),
                    "{first:?} {second:?} among {tests}: {p}"
                );
            }
        }
        let above = 0.1 * (1.0 + 1e-6);
        assert_eq!(benjamini_hochberg(&[above], 0.1), [false]);
    }

    fn two_groups() -> impl Strategy<Value = (Group, Group)> {
        let group = || (1_usize..60).prop_flat_map(|n| (0..=n).prop_map(move |count| Group { count, n }));
        (group(), group())
    }

    proptest! {
        #![proptest_config(proptest_config())]

        #[test]
        fn the_interval_of_a_ratio_contains_it_and_turns_with_it((first, second) in two_groups()) {
            let Some((low, high)) = ratio_interval(first, second) else {
                prop_assert_eq!(first.count + second.count, 0);
                return Ok(());
            };
            let share = |group: Group| count_as_f64(group.count) / count_as_f64(group.n);
            let ratio = share(first) / share(second);
            prop_assert!(low <= ratio * (1.0 + 1e-9) && high.unwrap_or(f64::INFINITY) >= ratio * (1.0 - 1e-9));
            let (low_back, high_back) = ratio_interval(second, first).unwrap();
            // Near a share of 1 the score is known to few digits.
            let close = |a: f64, b: f64| (a * b - 1.0).abs() < 1e-4;
            prop_assert!(high.map_or(low_back <= 0.0, |high| close(high, low_back)));
            prop_assert!(high_back.map_or(low <= 0.0, |high_back| close(high_back, low)));
        }

        #[test]
        fn the_exact_test_is_a_probability_the_same_from_either_side((first, second) in two_groups()) {
            let p = fisher_exact(first, second);
            prop_assert!(p > 0.0 && p <= 1.0);
            prop_assert!((p - fisher_exact(second, first)).abs() < 1e-9);
            let rest = |group: Group| Group { count: group.n - group.count, n: group.n };
            prop_assert!((p - fisher_exact(rest(first), rest(second))).abs() < 1e-9);
        }
    }
}
