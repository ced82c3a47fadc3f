//! Sums up disclosures: the first, the last and how many, for each recipient, class and purpose.

use std::collections::BTreeMap;

use mainstay_domain::{
    audit::Disclosure,
    sharing::{DataClass, Purpose},
    value::timestamp::Timestamp,
};
use uuid::Uuid;

use super::{DisclosureSummary, csv::Table};

type Key = (Uuid, Option<DataClass>, Option<Purpose>);

/// The sums so far. There are at most as many for a recipient as there are classes times purposes.
#[derive(Default)]
pub struct Sums {
    rows: BTreeMap<Key, Sum>,
    /// The newest name of each recipient.
    names: BTreeMap<Uuid, String>,
}

struct Sum {
    first_at: i64,
    last_at: i64,
    count: u64,
}

/// A row of the summed accounting.
pub struct SummaryRow {
    key: Key,
    name: Option<String>,
    sum: Sum,
}

impl Sums {
    /// Adds a disclosure. Newer ones are added first.
    pub fn add(&mut self, disclosure: &Disclosure) {
        if let Some(name) = &disclosure.recipient_name {
            self.names
                .entry(disclosure.recipient)
                .or_insert_with(|| name.clone());
        }
        let classes = or_none(disclosure.classes.keys().copied());
        let purposes = or_none(disclosure.purposes.iter().copied());
        for class in &classes {
            for purpose in &purposes {
                let sum = self
                    .rows
                    .entry((disclosure.recipient, *class, *purpose))
                    .or_insert(Sum {
                        first_at: disclosure.at,
                        last_at: disclosure.at,
                        count: 0,
                    });
                sum.first_at = sum.first_at.min(disclosure.at);
                sum.last_at = sum.last_at.max(disclosure.at);
                sum.count += 1;
            }
        }
    }
}

fn or_none<T>(values: impl Iterator<Item = T>) -> Vec<Option<T>> {
    let mut values: Vec<Option<T>> = values.map(Some).collect();
    if values.is_empty() {
        values.push(None);
    }
    values
}

/// The rows of all sums, those with the latest disclosure first.
pub fn summed(sums: Sums) -> Vec<SummaryRow> {
    let Sums { rows, names } = sums;
    let mut rows: Vec<SummaryRow> = rows
        .into_iter()
        .map(|(key, sum)| SummaryRow {
            name: names.get(&key.0).cloned(),
            key,
            sum,
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.sum.last_at));
    rows
}

impl From<SummaryRow> for DisclosureSummary {
    fn from(row: SummaryRow) -> Self {
        let (recipient_id, class, purpose) = row.key;
        Self {
            recipient_id,
            recipient: row.name,
            class,
            purpose,
            first_at: Timestamp::from_micros(row.sum.first_at),
            last_at: Timestamp::from_micros(row.sum.last_at),
            count: row.sum.count,
        }
    }
}

/// The table of the sums.
pub fn table(rows: &[SummaryRow]) -> Table {
    let mut table = Table::new(&[
        "recipient",
        "recipient_id",
        "class",
        "purpose",
        "first_at",
        "last_at",
        "count",
    ]);
    for SummaryRow { key, name, sum } in rows {
        let (recipient, class, purpose) = key;
        table.row([
            name.clone().unwrap_or_default(),
            recipient.to_string(),
            class.map_or("", DataClass::as_str).to_owned(),
            purpose.map_or("", Purpose::as_str).to_owned(),
            Timestamp::from_micros(sum.first_at).to_string(),
            Timestamp::from_micros(sum.last_at).to_string(),
            sum.count.to_string(),
        ]);
    }
    table
}
