//! Intervals of differences between means whose variances differ.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{Interval, count_as_f64, mean};

/// An independent mean that a difference is made of: the variance of this mean, and its degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanVariance {
    /// Variance of the mean: that of the values, divided by their number.
    pub variance: f64,
    /// Degrees of freedom: the number of values minus 1.
    pub freedom: f64,
}

impl MeanVariance {
    /// Returns the variance of the mean of values. Where the values differ by less than `floor`, as a variance,
    /// `floor` is their variance. `None` with fewer than two values.
    pub fn of(values: &[f64], floor: f64) -> Option<Self> {
        if values.len() < 2 {
            return None;
        }
        let (n, centre) = (count_as_f64(values.len()), mean(values)?);
        let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
        Some(Self {
            variance: (squares / (n - 1.0)).max(floor) / n,
            freedom: n - 1.0,
        })
    }

    /// Returns the variance of the mean times a weight.
    #[must_use]
    pub fn weighted(self, weight: f64) -> Self {
        Self {
            variance: self.variance * weight * weight,
            ..self
        }
    }
}

/// Returns the 95 % interval of a sum or difference of independent means around its value. `None` if no mean
/// varies.
///
/// B. L. Welch, "The generalization of Student's problem when several different population variances are
/// involved", Biometrika 34 (1947), with the degrees of freedom of F. E. Satterthwaite, "An approximate
/// distribution of estimates of variance components", Biometrics Bulletin 2 (1946). The method assumes independent
/// draws. Ratings of one person fulfil this at best approximately.
pub fn welch_interval(centre: f64, means: &[MeanVariance]) -> Option<Interval> {
    let variance: f64 = means.iter().map(|mean| mean.variance).sum();
    if variance <= 0.0 {
        return None;
    }
    let squares: f64 = means
        .iter()
        .map(|mean| mean.variance * mean.variance / mean.freedom)
        .sum();
    let t = StudentsT::new(0.0, 1.0, variance * variance / squares)
        .ok()?
        .inverse_cdf(0.975);
    let half = t * variance.sqrt();
    Some(Interval {
        low: centre - half,
        high: centre + half,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "The probable error of a mean", Student (1908): hours of sleep gained with two medicines. The interval is
    /// that of `t.test(extra ~ group, data = sleep)` in R: −3.3654832 to 0.2054832 with 17.776 degrees of freedom.
    #[test]
    fn the_interval_of_two_means_equals_the_published_one() {
        let first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let centre = mean(&first).unwrap() - mean(&second).unwrap();
        let means = [&first, &second].map(|values| MeanVariance::of(values, 0.0).unwrap());
        let interval = welch_interval(centre, &means).unwrap();
        assert!((interval.low + 3.365_483_230_7).abs() < 1e-6, "{interval:?}");
        assert!((interval.high - 0.205_483_230_7).abs() < 1e-6, "{interval:?}");
    }

    /// With one mean, the interval is Student's. The points of t are those of printed tables; that for 2.5 degrees
    /// of freedom was computed by inverting the incomplete beta function (Python and mpmath).
    #[test]
    fn the_points_of_t_are_those_of_the_tables() {
        for (freedom, t) in [
            (1.0, 12.706_204_736),
            (2.0, 4.302_652_730),
            (2.5, 3.574_654_842),
            (4.7, 2.620_726_075),
            (30.0, 2.042_272_456),
            (60.0, 2.000_297_822),
        ] {
            let one = MeanVariance {
                variance: 4.0,
                freedom,
            };
            let interval = welch_interval(1.0, &[one]).unwrap();
            assert!(
                (interval.high - 1.0 - 2.0 * t).abs() < 1e-5 && (interval.low - 1.0 + 2.0 * t).abs() < 1e-5,
                "{freedom}: {interval:?}"
            );
        }
    }

    #[test]
    fn values_that_do_not_differ_have_the_floor_as_their_variance() {
        let equal = MeanVariance::of(&[2.0, 2.0, 2.0, 2.0], 0.5).unwrap();
        assert!((equal.variance - 0.125).abs() < 1e-12 && (equal.freedom - 3.0).abs() < 1e-12);
        assert!((equal.weighted(0.5).variance - 0.031_25).abs() < 1e-12);
        assert_eq!(MeanVariance::of(&[2.0], 0.5), None);
        assert_eq!(welch_interval(1.0, &[]), None);
    }
}
