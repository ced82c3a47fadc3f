//! The oracle of statistics: tests and intervals written again, plainly, from their definitions.
//!
//! Shares and exact tests are computed in whole numbers. Points of distributions are found by a series or by numerical
//! integration.

use std::{
    f64::consts::{FRAC_PI_2, PI},
    sync::LazyLock,
};

use crate::insight::statistics::{Interval, Share};

/// Converts a small whole number.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub fn float(n: usize) -> f64 {
    n as f64
}

/// Finds where a condition that first holds ceases to hold.
pub fn boundary(mut holds_at: f64, mut ends_before: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..100 {
        let middle = f64::midpoint(holds_at, ends_before);
        if holds(middle) {
            holds_at = middle;
        } else {
            ends_before = middle;
        }
    }
    holds_at
}

/// Returns the probability that a standard normal value is above `z`, by the series of the integral:
/// 1/2 − density · (z + z³/3 + z⁵/(3 · 5) + …).
pub fn normal_above(z: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while term.abs() > sum.abs() * 1e-17 {
        odd += 2.0;
        term *= z * z / odd;
        sum += term;
    }
    0.5 - (-z * z / 2.0).exp() / (2.0 * PI).sqrt() * sum
}

/// The square of the 97.5 % point of the normal distribution.
static CHI_SQUARED_POINT: LazyLock<f64> = LazyLock::new(|| {
    let z = boundary(0.0, 5.0, |z| normal_above(z) > 0.025);
    z * z
});

/// Returns the p-value of the Mann–Kendall test: pairs that rise minus pairs that fall, groups of equal values, and the
/// correction for continuity.
pub fn mann_kendall(values: &[i64]) -> f64 {
    let mut s = 0_i64;
    for (n, earlier) in values.iter().enumerate() {
        s += values[n + 1..]
            .iter()
            .map(|later| (later - earlier).signum())
            .sum::<i64>();
    }
    if s == 0 {
        return 1.0;
    }
    let term = |n: usize| float(n) * (float(n) - 1.0) * (2.0 * float(n) + 5.0);
    let mut distinct = values.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let groups = distinct
        .iter()
        .map(|value| term(values.iter().filter(|other| *other == value).count()));
    let variance = (term(values.len()) - groups.sum::<f64>()) / 18.0;
    let distance = float(usize::try_from(s.abs()).unwrap()) - 1.0;
    2.0 * normal_above(distance / variance.sqrt())
}

/// Checks a p-value that is shown: four decimals, at least 0.0001.
pub fn is_shown_p_value(shown: f64, exact: f64) -> bool {
    let decimals = shown * 10_000.0;
    (decimals - decimals.round()).abs() < 1e-9
        && (0.0001..=1.0).contains(&shown)
        && (shown - exact.max(0.0001)).abs() < 0.000_05 + 1e-9
}

/// Checks a share and its Wilson interval: the shares whose distance from the observed one is at most z standard
/// deviations, z being the 97.5 % point.
pub fn assert_share(share: &Share, count: usize, n: usize) {
    assert_eq!((share.count, share.n), (count, n));
    let (observed, point) = (float(count) / float(n), *CHI_SQUARED_POINT);
    assert!((share.value - observed).abs() < 1e-12, "{share:?}");
    let fits = |p: f64| (observed - p) * (observed - p) * float(n) <= point * p * (1.0 - p);
    let low = if count == 0 {
        0.0
    } else {
        boundary(0.0, observed, |p| !fits(p))
    };
    let high = if count == n {
        1.0
    } else {
        boundary(1.0, observed, |p| !fits(p))
    };
    let Interval { low: l, high: h } = share.interval;
    assert!((l - low).abs() < 1e-7 && (h - high).abs() < 1e-7, "{share:?}");
}

/// Cases with use and all cases, of a group.
pub type Cases = (usize, usize);

/// Returns the score statistic of the hypothesis that the first share is `ratio` times the second. The shares under
/// the hypothesis are the most likely ones: where the derivative of the log-likelihood is 0, or at the end of the range.
fn score(ratio: f64, (x1, n1): Cases, (x2, n2): Cases) -> f64 {
    let slope =
        |p: f64| float(x1 + x2) / p - ratio * float(n1 - x1) / (1.0 - ratio * p) - float(n2 - x2) / (1.0 - p);
    let share = boundary(0.0, 1.0_f64.min(1.0 / ratio), |p| slope(p) > 0.0);
    let part = |x: usize, n: usize, p: f64| {
        let off = float(x) - float(n) * p;
        if off.abs() < 1e-12 {
            0.0
        } else {
            off * off / (float(n) * p * (1.0 - p))
        }
    };
    part(x1, n1, ratio * share) + part(x2, n2, share)
}

/// Returns whether a positive ratio is an end of the score interval: the statistic passes the 95 % point there.
pub fn is_end_of_ratio_interval(ratio: f64, first: Cases, second: Cases) -> bool {
    let is_rejected = |ratio: f64| score(ratio, first, second) > *CHI_SQUARED_POINT;
    is_rejected(ratio * (1.0 - 1e-6)) != is_rejected(ratio * (1.0 + 1e-6))
}

/// Returns the number of ways to choose `k` of `n`.
fn choose(n: usize, k: usize) -> u128 {
    (0..k).fold(1, |ways, i| ways * (n - i) as u128 / (i + 1) as u128)
}

/// A probability as a number of tables, and of all tables.
pub type Exact = (u128, u128);

/// Returns the p-value of Fisher's exact test: the share of the tables with the same sums that are at most as likely.
pub fn fisher((x1, n1): Cases, (x2, n2): Cases) -> Exact {
    let used = x1 + x2;
    let tables = |x: usize| {
        if x > n1 || used - x > n2 {
            0
        } else {
            choose(n1, x) * choose(n2, used - x)
        }
    };
    let own = tables(x1);
    let rare = (0..=used).map(tables).filter(|n| *n <= own).sum();
    (rare, choose(n1 + n2, used))
}

#[expect(clippy::cast_precision_loss, reason = "fifteen digits are enough")]
pub fn probability((tables, all): Exact) -> f64 {
    tables as f64 / all as f64
}

/// Returns the largest number of tables with which a p-value passes the procedure of Benjamini and Hochberg at 0.1. All
/// p-values are shares of the same number of tables.
pub fn largest_that_passes(p_values: &[Exact]) -> Option<u128> {
    let mut sorted = p_values.to_vec();
    sorted.sort_unstable();
    let m = sorted.len() as u128;
    let passing = (1_u128..)
        .zip(sorted)
        .filter(|(k, (tables, all))| 10 * m * tables <= k * all);
    passing.map(|(_, (tables, _))| tables).last()
}

/// Returns the integral of a function by Simpson's rule.
fn integral(from: f64, to: f64, of: impl Fn(f64) -> f64) -> f64 {
    let width = (to - from) / 800.0;
    let at = |n: u16| of(from + f64::from(n) * width);
    let inner = |odd: u16| (0..400 - (1 - odd)).map(move |n| 2 * n + 2 - odd);
    let odd: f64 = inner(1).map(at).sum();
    let even: f64 = inner(0).map(at).sum();
    (at(0) + 4.0 * odd + 2.0 * even + at(800)) * width / 3.0
}

/// Returns the probability that Student's t is between −`t` and `t`. With t = √freedom · tan θ, the density is
/// proportional to a power of cos θ.
pub fn student_within(t: f64, freedom: f64) -> f64 {
    let angle = (t / freedom.sqrt()).atan();
    let density = |theta: f64| theta.cos().max(0.0).powf(freedom - 1.0);
    let (within, beyond) = (integral(0.0, angle, density), integral(angle, FRAC_PI_2, density));
    within / (within + beyond)
}

#[test]
fn the_oracle_of_statistics_knows_published_points() {
    assert!((*CHI_SQUARED_POINT - 3.841_458_820_694).abs() < 1e-9);
    for (t, freedom) in [
        (4.302_653, 2.0),
        (2.776_445, 4.0),
        (2.228_139, 10.0),
        (2.042_272, 30.0),
    ] {
        assert!((student_within(t, freedom) - 0.95).abs() < 1e-6, "{freedom}");
    }
    // Koopman (1984): 36 of 40 against 16 of 80, from 2.94 to 7.15. Fisher (1935): a lady tasting tea.
    assert!(score(2.94, (36, 40), (16, 80)) > 3.8 && score(2.95, (36, 40), (16, 80)) < 3.9);
    assert_eq!(fisher((3, 4), (1, 4)), (34, 70));
    assert!((mann_kendall(&[1, 2, 3, 4, 5]) - 0.027_486).abs() < 1e-6);
}
