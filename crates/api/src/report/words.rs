//! Puts values into words for the report: dates, numbers, money, and the inputs of a warning.

use chrono::{Datelike, NaiveDate};
use mainstay_domain::{
    insight::{
        calendar::Span,
        craving::{CravingTrend, Direction},
        limit::{LimitCount, WithinLimits},
        warning::{FiredRule, Level, WarningInput},
    },
    plan::Stage,
    record::Kind,
    value::{decimal::rounded, vocabulary::Substance},
};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Returns the short name of a date's month.
pub fn month(date: NaiveDate) -> &'static str {
    usize::try_from(date.month0())
        .ok()
        .and_then(|n| MONTHS.get(n))
        .copied()
        .unwrap_or_default()
}

/// Returns the short name of a day of the week; Monday is 1.
pub fn weekday(number: u32) -> &'static str {
    usize::try_from(number.saturating_sub(1))
        .ok()
        .and_then(|n| DAYS.get(n))
        .copied()
        .unwrap_or_default()
}

/// Formats a day for an axis, such as `8 Mar`.
pub fn day(date: NaiveDate) -> String {
    format!("{} {}", date.day(), month(date))
}

/// Formats an interval of days.
pub fn span((from, to): Span) -> String {
    if from == to {
        from.to_string()
    } else {
        format!("{from} to {to}")
    }
}

/// Formats a number with one decimal, or none if that is 0.
pub fn number(value: f64) -> String {
    let text = format!("{:.1}", rounded(value, 1));
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" {
        "0".to_owned()
    } else {
        text.replace('-', "−")
    }
}

/// Formats a share, from 0 to 1, in percent.
pub fn percent(share: f64) -> String {
    format!("{} %", rounded(100.0 * share, 0))
}

/// Formats a count with its noun.
pub fn count(n: impl std::fmt::Display, one: &str, many: &str) -> String {
    let n = n.to_string();
    let noun = if n == "1" { one } else { many };
    format!("{n} {noun}")
}

/// Names a goal: by the person's own label if it has one, else by its substance.
pub fn goal(label: Option<&str>, substance: Substance) -> String {
    label.map_or_else(|| plain(substance.as_str()), str::to_owned)
}

/// Formats a word of the API for people to read.
pub fn plain(word: &str) -> String {
    word.replace(['_', '-'], " ")
}

/// Explains the level of the warnings. While muted signs would show, the report does not call anything steady.
pub const fn level(level: Level, silent: usize) -> &'static str {
    match level {
        Level::InsufficientData => {
            "Not enough is written down yet to say anything: from 3 check-ins in 7 days on."
        }
        Level::Steady if silent > 0 => "Of the signs that you want to hear about: few, or none.",
        Level::Steady => "Steady: few signs, or none.",
        Level::Notice => "Notice: some signs. A good moment for a look at your plan.",
        Level::Elevated => "Elevated: several signs. Your plan and the people in it are there for this.",
        Level::High => {
            "High: many signs at once. Please reach out to someone today; you need not carry this alone."
        }
    }
}

/// Says in which direction cravings have gone over the days of the trend.
pub const fn trend(found: &CravingTrend) -> &'static str {
    match found.direction {
        Direction::Falling => "Over the last 14 days your strongest cravings of the day have become weaker.",
        Direction::Steady => {
            "Over the last 14 days your strongest cravings of the day have stayed about the same."
        }
        Direction::Rising => {
            "Over the last 14 days your strongest cravings of the day have become stronger. You need not carry that alone."
        }
        Direction::NotClear => {
            "Over the last 14 days it is not clear yet whether cravings become stronger or weaker: they go up and down, as cravings do. A few more days will tell."
        }
        Direction::InsufficientData => {
            "Whether cravings become stronger or weaker is said from 5 days with a rating in 14 days on."
        }
    }
}

/// The number of decimals of a currency (ISO 4217).
fn decimals(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// Formats money, given in the currency's minor unit, such as `EUR 12.50`.
pub fn money(minor: i64, currency: Option<&str>) -> String {
    let digits = currency.map_or(2, decimals);
    let unit = 10_i64.pow(digits);
    let (whole, part) = (minor / unit, minor % unit);
    let amount = match usize::try_from(digits) {
        Ok(width @ 1..) => format!("{whole}.{part:0width$}"),
        _ => whole.to_string(),
    };
    currency.map_or_else(
        || format!("{amount} in money"),
        |currency| format!("{currency} {amount}"),
    )
}

/// Formats a time that is given in minutes, from 60 on in hours.
pub fn time(minutes: i64) -> String {
    if minutes < 60 {
        count(minutes, "minute", "minutes")
    } else {
        count(minutes / 60, "hour", "hours")
    }
}

/// Says how many days and weeks were within the limits of a goal; `None` if no day or week of it is completed.
pub fn limits(found: &WithinLimits) -> Option<String> {
    let sentence = |counted: Option<LimitCount>, one, many| {
        let counted = counted.filter(|counted| counted.n > 0)?;
        let unknown = match counted.unknown {
            0 => String::new(),
            n => format!("; {n} not known, for an amount is missing or cannot be compared"),
        };
        let of = count(counted.n, one, many);
        Some(format!("{} of {of}{unknown}", counted.within))
    };
    let all = [
        sentence(found.days, "day", "days"),
        sentence(found.weeks, "week", "weeks"),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| format!("Within the limits that you set: {}.", all.join(", and ")))
}

/// Names the stage of relapse that a sign belongs to.
pub const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Emotional => "emotional",
        Stage::Mental => "mental",
        Stage::Physical => "physical",
    }
}

/// Describes the inputs of a rule, each with its value and day.
pub fn inputs(rule: &FiredRule) -> Vec<String> {
    rule.inputs.iter().map(input).collect()
}

fn input(input: &WarningInput) -> String {
    let description = describe(input);
    match input.day() {
        // The figures of a medication are those of the report's moment.
        Some(day) if input.kind != Kind::Medication.path() => format!("{description} on {day}"),
        _ => description,
    }
}

/// Describes a member of a record with its value.
fn describe(input: &WarningInput) -> String {
    let value = number(input.value);
    match (input.kind.as_str(), input.member.as_str()) {
        ("use-events", "ended_at") => "use that ended".to_owned(),
        ("use-events", "occurred_at") => "use".to_owned(),
        ("attendances", _) | (_, "answers.meeting_attended") => "a meeting".to_owned(),
        ("practice-sessions", _) => format!("{} of practice", count(&value, "minute", "minutes")),
        ("craving-events", "count") => count(&value, "craving", "cravings"),
        ("check-ins", "count") => count(&value, "check-in", "check-ins"),
        (_, "warning_sign_ids") => match &input.label {
            Some(label) => format!("your sign “{label}”"),
            None => "a sign of your plan".to_owned(),
        },
        (_, "answers.used") => "use in a check-in".to_owned(),
        (_, "answers.medication") => "all medication taken".to_owned(),
        (_, "answers.support_contacted") if input.at.is_some() => "contact with your people".to_owned(),
        (_, "answers.support_contacted") => count(&value, "contact", "contacts") + " with your people",
        (_, "answers.sleep_minutes") => format!("{} hours of sleep", number(input.value / 60.0)),
        (_, "answers.craving_max") => format!("strongest craving {value}"),
        (_, "answers.self_efficacy") => format!("confidence {value}"),
        (_, "answers.risky_situation_expected") => format!("a risky situation expected, {value}"),
        (_, "peak") => format!("a craving of {value}"),
        (_, "strategy_uses.practice") => "a practice during a craving".to_owned(),
        ("doses", _) => "every dose taken that was due".to_owned(),
        (_, "missed_in_a_row") => count(&value, "due dose", "due doses") + " missed in a row",
        (_, "overdue_days") => format!("a dose overdue for {}", count(&value, "day", "days")),
        (_, "coverage_28_days") => format!("{} of the last 28 days covered", percent(input.value)),
        (_, member) => {
            let member = member
                .trim_start_matches("answers.")
                .trim_start_matches("feelings.");
            format!("{} {value}", plain(member))
        }
    }
}

#[cfg(test)]
mod tests;
