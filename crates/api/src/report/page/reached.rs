//! What was reached, for each goal. It begins with what stays, never with a zero.

use chrono::NaiveDate;
use mainstay_domain::insight::{abstinence::GoalAbstinence, facts::Window, progress::Progress};
use maud::{Markup, html};

use super::super::words::{count, goal, limits, money, number, time};

/// The largest number of goals on the page.
const MAX_GOALS: usize = 10;

/// Renders a box for each goal.
pub(super) fn reached(progress: &Progress) -> Markup {
    let today = progress.as_of.today();
    html! {
        section.long id="reached" {
            h2 { "What was reached" }
            @if progress.abstinence.goals.is_empty() {
                div.box { p { "Your goals show here, from the first one on." } }
            }
            @for found in progress.abstinence.goals.iter().take(MAX_GOALS) {
                div.box {
                    h3 { (goal(found.label.as_deref(), found.substance)) }
                    p { (days_without_use(found, today)) }
                    @if let Some(said) = found.within_limits.as_ref().and_then(limits) { p { (said) } }
                    @for said in [share(found, progress.window), saved(found)].into_iter().flatten() { p.soft { (said) } }
                }
            }
        }
    }
}

/// Describes the days without use of a goal. On a day of use, and before the first completed day, it says what stays
/// and names no date: the next run begins on a day that is yet to come.
fn days_without_use(found: &GoalAbstinence, today: NaiveDate) -> String {
    let days = |n: i64| count(n, "full day", "full days");
    let all = found.cumulative_abstinent_days;
    if found.days_completed > 0 {
        return format!(
            "{} without use since {}. Longest run: {}. All together: {} without use. Every one of them stays yours.",
            days(found.days_completed),
            found.run_from,
            days(found.longest_days),
            days(all),
        );
    }
    let has_ended = found.ended_on.is_some_and(|end| end < today);
    if all == 0 {
        let kind = if has_ended {
            "This goal has ended. What you learned with it stays yours."
        } else if found.started_on > today {
            "This goal is planned and has not begun yet."
        } else if found.run_from > today {
            "You wrote down how today is. That takes courage. Every day without use will count from now on."
        } else if found.started_on == today {
            "Today is the first day of this goal. Every day without use will count, and stays yours."
        } else {
            "Today can be the first day without use. Every one will count, and stays yours."
        };
        return kind.to_owned();
    }
    let (counts, them) = if all == 1 {
        ("It still counts", "it")
    } else {
        ("They still count", "them")
    };
    let stays = format!("{} without use so far. {counts}.", count(all, "day", "days"));
    if has_ended {
        stays
    } else {
        format!("{stays} The next day without use adds to {them}.")
    }
}

/// Describes the share of days without use in the window, or of all days if the window has no share. `None` as long
/// as there is no such day.
fn share(found: &GoalAbstinence, window: Window) -> Option<String> {
    let of = |window| found.shares.iter().find(|share| share.window == window);
    let share = of(window).or_else(|| of(Window::All))?;
    let percent = share.assumed_percent.filter(|_| share.assumed_days > 0)?;
    Some(format!(
        "{} of {} completed {} without use ({} %); {} confirmed by a check-in.",
        share.assumed_days,
        share.days,
        if share.days == 1 { "day" } else { "days" },
        number(percent),
        share.confirmed_days,
    ))
}

/// Describes the money and time saved. `None` as long as no day without use is completed.
fn saved(found: &GoalAbstinence) -> Option<String> {
    let saved = found.saved.as_ref().filter(|saved| saved.days > 0)?;
    let cost = saved
        .cost_minor
        .map(|minor| money(minor, saved.currency.as_deref()));
    let parts: Vec<String> = cost.into_iter().chain(saved.minutes.map(time)).collect();
    (!parts.is_empty()).then(|| format!("Yours again so far: about {}.", parts.join(" and ")))
}

#[cfg(test)]
mod tests;
