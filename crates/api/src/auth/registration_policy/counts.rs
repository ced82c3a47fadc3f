//! Counts of registrations that can be taken back. Times are since the start of the server.

use std::{collections::HashMap, time::Duration};

use crate::auth::turns::Precedence;

/// This part of the registrations of an hour may come at once.
const BURST_PART: u32 = 3;
/// In this time the half of what a sharer has registered is forgotten, in seconds.
const HALF_LIFE_S: f64 = 30.0 * 60.0;
/// The longest time after which a sharer that was refused is asked to come back.
const MAX_SHARE_WAIT: Duration = Duration::from_mins(10);
/// So many times what is left of the bound of all may a customer have registered lately, and a provider. A customer leaves as
/// much to others as it has taken. A provider has many customers, so it leaves them only some room.
const SHARES: [f64; 2] = [1.0, 32.0];

/// How fast a count may grow: so many an hour, and a part of them at once.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// The time for one.
    period: Duration,
    burst: u32,
}

/// A count that goes down with time, by one in each period.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    empty_at: Duration,
}

impl Pace {
    fn per_hour(number: u32) -> Self {
        let number = number.max(1);
        Self {
            period: Duration::from_hours(1) / number,
            burst: (number / BURST_PART).max(1),
        }
    }
}

impl Bucket {
    /// The time until one more fits in.
    fn wait(self, pace: Pace, now: Duration) -> Duration {
        let used = self.empty_at.saturating_sub(now);
        (used + pace.period).saturating_sub(pace.period * pace.burst)
    }

    fn add(&mut self, pace: Pace, now: Duration) {
        self.empty_at = self.empty_at.max(now) + pace.period;
    }

    fn take_back(&mut self, pace: Pace) {
        self.empty_at = self.empty_at.saturating_sub(pace.period);
    }

    /// How many more fit in.
    fn left(self, pace: Pace, now: Duration) -> f64 {
        let used = self.empty_at.saturating_sub(now);
        f64::from(pace.burst) - used.div_duration_f64(pace.period)
    }
}

/// Counts of networks and of the wider ones that they are a part of.
pub struct Networks {
    /// The narrowest networks first.
    steps: Vec<(Pace, HashMap<String, Bucket>)>,
}

impl Networks {
    /// Creates counts with so many an hour for each network, the narrowest first.
    pub fn new(per_hour: &[u32]) -> Self {
        let step = |number: &u32| (Pace::per_hour(*number), HashMap::new());
        Self {
            steps: per_hour.iter().map(step).collect(),
        }
    }

    /// Counts one for a network and for the wider ones, or for none of them.
    ///
    /// # Errors
    /// The time to wait, if one of them has too many.
    pub fn take(&mut self, networks: &[String], now: Duration) -> Result<(), Duration> {
        let waits = self.steps.iter().zip(networks).map(|((pace, buckets), network)| {
            let bucket = buckets.get(network).copied().unwrap_or_default();
            bucket.wait(*pace, now)
        });
        let wait = waits.max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        for ((pace, buckets), network) in self.steps.iter_mut().zip(networks) {
            buckets.entry(network.clone()).or_default().add(*pace, now);
        }
        Ok(())
    }

    /// Takes a count back.
    pub fn give_back(&mut self, networks: &[String]) {
        for ((pace, buckets), network) in self.steps.iter_mut().zip(networks) {
            if let Some(bucket) = buckets.get_mut(network) {
                bucket.take_back(*pace);
            }
        }
    }

    /// Drops counts that are at zero.
    pub fn sweep(&mut self, now: Duration) {
        for (_, buckets) in &mut self.steps {
            buckets.retain(|_, bucket| bucket.empty_at > now);
        }
    }
}

/// Why the bound of all refuses a registration, with the time after which it may be different.
#[derive(Debug, Clone, Copy)]
pub enum Refusal {
    /// All together have too many.
    Full(Duration),
    /// The sharer has as many as are left for all others.
    ShareUsed(Duration),
}

/// The bound of all, and the share that each has of it.
///
/// A sharer may have registered lately no more than so many times what is left. So one that floods leaves half, thirty leave
/// one in thirty-one, and what is left is for those who have registered nothing lately.
pub struct Shares {
    pace: Pace,
    all: Bucket,
    /// Recent registrations of each customer, and of each provider.
    recent: [HashMap<String, Recent>; 2],
}

/// Registrations, each of which counts less as time goes by.
#[derive(Debug, Clone, Copy, Default)]
struct Recent {
    count: f64,
    at: Duration,
}

impl Recent {
    fn count_at(self, now: Duration) -> f64 {
        let since = now.saturating_sub(self.at).as_secs_f64();
        self.count * (-since / HALF_LIFE_S).exp2()
    }

    fn change(&mut self, by: f64, now: Duration) {
        *self = Self {
            count: (self.count_at(now) + by).max(0.0),
            at: now,
        };
    }
}

impl Shares {
    /// Creates a bound of so many an hour.
    pub fn new(per_hour: u32) -> Self {
        Self {
            pace: Pace::per_hour(per_hour),
            all: Bucket::default(),
            recent: [HashMap::new(), HashMap::new()],
        }
    }

    /// Counts one of a customer and its provider. Without them it is counted, and no share is looked at.
    ///
    /// # Errors
    /// Why it is not counted.
    pub fn take(&mut self, sharers: &[String], now: Duration) -> Result<Precedence, Refusal> {
        let wait = self.all.wait(self.pace, now);
        if !wait.is_zero() {
            return Err(Refusal::Full(wait));
        }
        let left = self.all.left(self.pace, now) - 1.0;
        let counts = sharers.iter().zip(&self.recent).map(|(sharer, recent)| {
            let recent = recent.get(sharer).copied().unwrap_or_default();
            recent.count_at(now).round()
        });
        let counts: Vec<f64> = counts.collect();
        let missing = counts
            .iter()
            .zip(SHARES)
            .map(|(count, times)| count / times - left);
        let missing = missing.fold(0.0, f64::max);
        // What remains of a division is not worth a refusal.
        if missing > 1e-6 {
            // Meanwhile what the sharer has registered counts less.
            let wait = self.pace.period.mul_f64(missing);
            return Err(Refusal::ShareUsed(wait.min(MAX_SHARE_WAIT)));
        }
        self.all.add(self.pace, now);
        for (sharer, recent) in sharers.iter().zip(&mut self.recent) {
            recent.entry(sharer.clone()).or_default().change(1.0, now);
        }
        Ok(match counts.first() {
            Some(customer) if *customer < 1.0 => Precedence::First,
            _ => Precedence::Usual,
        })
    }

    /// Takes a count back.
    pub fn give_back(&mut self, sharers: &[String], now: Duration) {
        self.all.take_back(self.pace);
        for (sharer, recent) in sharers.iter().zip(&mut self.recent) {
            if let Some(recent) = recent.get_mut(sharer) {
                recent.change(-1.0, now);
            }
        }
    }

    /// Drops what has been forgotten.
    pub fn sweep(&mut self, now: Duration) {
        for recent in &mut self.recent {
            recent.retain(|_, recent| recent.count_at(now) >= 0.5);
        }
    }

    /// How many customers and providers are counted.
    #[cfg(test)]
    pub fn sizes(&self) -> [usize; 2] {
        self.recent.each_ref().map(HashMap::len)
    }
}
