//! Rounding in decimals, as people round on paper.

/// Number of significant digits that are looked at. A floating-point number has 15 to 17; what differs in the last ones
/// is an artefact of binary computation: 4.1 × 0.25 is 1.0249999999999999 in binary.
const DIGITS: usize = 15;

/// Rounds a number to a number of decimals, halves away from zero. It is the decimal number that is rounded, not its
/// binary form: 1.025 becomes 1.03.
///
/// ```
/// use mainstay_domain::value::decimal::rounded;
/// assert_eq!(rounded(1.025, 2), 1.03);
/// assert_eq!(rounded(-2.5, 0), -3.0);
/// ```
pub fn rounded(value: f64, decimals: u8) -> f64 {
    if !value.is_finite() {
        return value;
    }
    let written = format!("{:.*e}", DIGITS - 1, value.abs());
    let magnitude = written
        .split_once('e')
        .and_then(|(digits, exponent)| rounded_digits(digits, exponent.parse().ok()?, decimals));
    match magnitude {
        // Never minus zero.
        Some(magnitude) if value < 0.0 && magnitude > 0.0 => -magnitude,
        Some(magnitude) => magnitude,
        None => value,
    }
}

/// Rounds a number that is written with one digit before the point and an exponent of 10. `None` if it has no more than
/// the wanted decimals anyway.
fn rounded_digits(digits: &str, exponent: i32, decimals: u8) -> Option<f64> {
    let last_place = i32::try_from(DIGITS).ok()? - 1 - exponent;
    let surplus = u32::try_from(last_place - i32::from(decimals)).ok()?;
    let number: i128 = digits.replace('.', "").parse().ok()?;
    // Beyond the range of the divisor, the number is far below half of the last wanted decimal.
    let nearest = 10_i128
        .checked_pow(surplus)
        .map_or(0, |unit| (number + unit / 2) / unit);
    format!("{nearest}e-{decimals}").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_go_away_from_zero_in_decimals() {
        for (value, decimals, expected) in [
            (1.025, 2, 1.03),
            (1.005, 2, 1.01),
            (2.675, 2, 2.68),
            (4.1 * 0.25, 2, 1.03),
            (0.1 + 0.2, 1, 0.3),
            (0.25, 1, 0.3),
            (0.05, 1, 0.1),
            (12.5, 0, 13.0),
            (-12.5, 0, -13.0),
            (-1.025, 2, -1.03),
            (1.024_999, 2, 1.02),
            (0.0, 3, 0.0),
            (12_345_678.5, 0, 12_345_679.0),
            (1e-300, 2, 0.0),
            (123_456_789.0, 6, 123_456_789.0),
            (1e300, 2, 1e300),
        ] {
            assert_eq!(
                rounded(value, decimals).to_bits(),
                f64::to_bits(expected),
                "{value}"
            );
        }
        assert_eq!(rounded(-0.001, 2).to_bits(), 0.0_f64.to_bits());
        assert!(rounded(f64::NAN, 2).is_nan() && rounded(f64::INFINITY, 2).is_infinite());
    }

    proptest! {
        /// Decimal digits are written by hand, and rounded by their digits.
        #[test]
        fn every_decimal_is_rounded_by_its_digits(
            whole in 0_u32..1000, digits in prop::collection::vec(0_u8..10, 6), decimals in 0_u8..6, is_negative in any::<bool>()
        ) {
            let written: String = digits.iter().map(|d| char::from(b'0' + d)).collect();
            let sign = if is_negative { "-" } else { "" };
            let value: f64 = format!("{sign}{whole}.{written}").parse().unwrap();
            let kept = usize::from(decimals);
            let mut number: u64 = format!("{whole}{}", &written[..kept]).parse().unwrap();
            number += u64::from(digits[kept] >= 5);
            let expected: f64 = format!("{sign}{number}e-{decimals}").parse().unwrap();
            prop_assert!((rounded(value, decimals) - expected).abs() == 0.0, "{value} {decimals}");
        }
    }
}
