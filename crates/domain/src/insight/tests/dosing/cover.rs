//! The oracle of the dates that doses cover: long-acting ones go into stock, and others last until the next is due.

use std::collections::{BTreeSet, VecDeque};

use chrono::NaiveDate;
use uuid::Uuid;

use super::Regimen;
use crate::{
    dose::Dose,
    insight::{
        calendar::add_days,
        facts::{AsOf, WithId},
        tests::day_oracle::{date, each_day, today},
    },
};

impl Regimen {
    /// Leaves out doses that are dated after today.
    pub fn until_today(&self, as_of: &AsOf) -> Self {
        let mut seen = self.clone();
        seen.doses
            .retain(|dose| date(dose.record.occurred_at) <= today(as_of));
        seen
    }

    /// Returns the dates that each given dose covers.
    pub fn cover(&self) -> Vec<(Uuid, Vec<NaiveDate>)> {
        if self.is_long_acting() {
            self.stock()
        } else {
            self.until_next()
        }
    }

    /// Returns the covered dates.
    pub fn covered(&self) -> BTreeSet<NaiveDate> {
        self.cover().into_iter().flat_map(|(_, dates)| dates).collect()
    }

    fn given(&self) -> impl Iterator<Item = &WithId<Dose>> {
        self.doses.iter().filter(|dose| dose.record.status.is_given())
    }

    /// Covers dates with long-acting doses: those of one date, or of two dates in a row, go into stock as one, and each date takes one
    /// day's worth out.
    fn stock(&self) -> Vec<(Uuid, Vec<NaiveDate>)> {
        let all: BTreeSet<NaiveDate> = self.given().map(|dose| date(dose.record.occurred_at)).collect();
        // A dose on the date after one that counts is the same one, written down again after midnight.
        let mut given_on = BTreeSet::new();
        for on in all {
            if !given_on.contains(&add_days(on, -1)) {
                given_on.insert(on);
            }
        }
        let Some(mut day) = given_on.first().copied() else {
            return Vec::new();
        };
        let (mut stock, mut taken_out) = (VecDeque::new(), Vec::new());
        while given_on.iter().any(|on| *on >= day) || !stock.is_empty() {
            if given_on.contains(&day) {
                stock.extend((0..self.rhythm.covers).map(|_| day));
            }
            taken_out.extend(stock.pop_front().map(|from| (from, day)));
            day = day.succ_opt().unwrap();
        }
        // The first record of a date stands for it.
        let first_of_date = |dose: &&WithId<Dose>| {
            let on = date(dose.record.occurred_at);
            self.given()
                .filter(|other| date(other.record.occurred_at) == on)
                .all(|other| dose.id <= other.id)
        };
        let dates_from = |on| {
            taken_out
                .iter()
                .filter(move |(from, _)| *from == on)
                .map(|(_, day)| *day)
                .collect()
        };
        self.given()
            .filter(|dose| given_on.contains(&date(dose.record.occurred_at)))
            .filter(first_of_date)
            .map(|dose| (dose.id, dates_from(date(dose.record.occurred_at))))
            .collect()
    }

    /// Covers dates with other doses: from the date of each to the day before the next due date.
    fn until_next(&self) -> Vec<(Uuid, Vec<NaiveDate>)> {
        let covers = |dose: &WithId<Dose>| {
            let on = date(dose.record.occurred_at);
            let after = dose.record.due_at.map_or(on, |due| date(due).max(on));
            let next = (1..=31)
                .map(|n| add_days(after, n))
                .find(|day| self.is_due_on(*day));
            let last = next.map_or(add_days(on, self.rhythm.covers - 1), |next| add_days(next, -1));
            (dose.id, each_day(on, last).collect())
        };
        self.given().map(covers).collect()
    }
}
