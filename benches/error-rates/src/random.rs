//! Random numbers that are the same in every run.

/// `SplitMix64`, with the distributions that the simulation draws from.
pub struct Random(u64);

impl Random {
    /// Starts a sequence. Each start value has its own.
    pub const fn new(start: u64) -> Self {
        Self(start)
    }

    const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to 1, neither of them included.
    fn unit(&mut self) -> f64 {
        let bits = u32::try_from(self.bits() >> 32).expect("32 bits");
        (f64::from(bits) + 0.5) / 4_294_967_296.0
    }

    /// Whether something happens that has this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A number of the standard normal distribution (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.unit(), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let mut random = Random::new(1);
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..100_000 {
            let z = random.normal();
            sum += z;
            squares += z * z;
        }
        assert!(
            f64::abs(sum / 1e5) < 0.01 && f64::abs(squares / 1e5 - 1.0) < 0.02,
            "{sum} {squares}"
        );
    }
}
