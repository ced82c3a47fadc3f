//! How values are said: dates, numbers, and the words of the report.

use chrono::{Datelike, NaiveDate};
use mainstay_domain::{
    insight::{
        calendar::Span,
        warning::{FiredRule, Level, WarningInput},
    },
    plan::Stage,
    vocabulary::Substance,
};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// The short name of a date's month.
pub fn month(date: NaiveDate) -> &'static str {
    usize::try_from(date.month0())
        .ok()
        .and_then(|n| MONTHS.get(n))
        .copied()
        .unwrap_or_default()
}

/// The short name of a day of the week; Monday is 1.
pub fn weekday(number: u32) -> &'static str {
    usize::try_from(number.saturating_sub(1))
        .ok()
        .and_then(|n| DAYS.get(n))
        .copied()
        .unwrap_or_default()
}

/// A day on an axis, such as `8 Mar`.
pub fn day(date: NaiveDate) -> String {
    format!("{} {}", date.day(), month(date))
}

/// An interval of days.
pub fn span((from, to): Span) -> String {
    if from == to {
        from.to_string()
    } else {
        format!("{from} to {to}")
    }
}

/// A number with one digit behind the point, or none if that is 0.
pub fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" {
        "0".to_owned()
    } else {
        text.replace('-', "−")
    }
}

/// A share in percent.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// A count with its noun.
pub fn count(n: impl std::fmt::Display, one: &str, many: &str) -> String {
    let n = n.to_string();
    let noun = if n == "1" { one } else { many };
    format!("{n} {noun}")
}

/// What a goal is about: the person's own name for it first.
pub fn goal(label: Option<&str>, substance: Substance) -> String {
    label.map_or_else(|| plain(substance.word()), str::to_owned)
}

/// A word of the wire in plain letters.
pub fn plain(word: &str) -> String {
    word.replace(['_', '-'], " ")
}

/// What the level of the warnings means.
pub const fn level(level: Level) -> &'static str {
    match level {
        Level::InsufficientData => {
            "Not enough is written down yet to say anything: from 3 check-ins in 7 days on."
        }
        Level::Steady => "Steady: few signs, or none.",
        Level::Notice => "Notice: some signs. A good moment for a look at your plan.",
        Level::Elevated => "Elevated: several signs. Your plan and the people in it are there for this.",
        Level::High => {
            "High: many signs at once. Please reach out to someone today; you need not carry this alone."
        }
    }
}

/// The stage that a sign belongs to.
pub const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Emotional => "emotional",
        Stage::Mental => "mental",
        Stage::Physical => "physical",
    }
}

/// What a rule looked at, each with its value and day.
pub fn inputs(rule: &FiredRule) -> Vec<String> {
    rule.inputs.iter().map(input).collect()
}

fn input(input: &WarningInput) -> String {
    let member = plain(input.member.trim_start_matches("answers."));
    let value = number(input.value);
    match input.day() {
        Some(day) => format!("{member} {value} on {day}"),
        None => format!("{}, {member}: {value}", plain(&input.kind)),
    }
}
