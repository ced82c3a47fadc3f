//! The part of the record that each insight is computed from.

use mainstay_domain::{
    insight::{
        calendar::add_days,
        craving::TREND_DAYS,
        series::{Metric, source_collection},
        warning,
    },
    record::Kind,
};

use super::{
    facts::{Need, Needs},
    request::InsightRequest,
};

/// Days of doses that the early-warning rules read: an injection may last for 190 days and be overdue for more.
const MEDICATION_DAYS: i64 = 600;
/// Days of transitions that the safety notes read.
const TRANSITION_DAYS: i64 = 31;

/// What days without use are computed from.
pub fn abstinence() -> Needs {
    Needs {
        goals: true,
        uses: true,
        check_ins: Need::All,
        ..Needs::default()
    }
}

/// What milestones are computed from.
pub fn milestones() -> Needs {
    Needs {
        goals: true,
        uses: true,
        cravings: Need::All,
        ..Needs::default()
    }
}

/// What a series is computed from.
pub fn series(metric: Metric, request: &InsightRequest) -> Needs {
    let (kind, since) = (source_collection(metric), Need::since(request.first_day()));
    let needed = |of: Kind| if kind == of { since } else { Need::None };
    Needs {
        check_ins: needed(Kind::CheckIn),
        cravings: needed(Kind::CravingEvent),
        uses: kind == Kind::UseEvent,
        ..Needs::default()
    }
}

/// What the course of cravings is computed from.
pub fn cravings(request: &InsightRequest) -> Needs {
    let trend_from = add_days(request.as_of.today(), 1 - TREND_DAYS);
    let since = Need::since(request.first_day().map(|first| first.min(trend_from)));
    Needs {
        check_ins: since,
        cravings: since,
        ..Needs::default()
    }
}

/// What the figures of triggers are computed from.
pub fn triggers(request: &InsightRequest) -> Needs {
    let since = Need::since(request.first_day());
    Needs {
        plans: true,
        check_ins: since,
        cravings: since,
        uses: true,
        ..Needs::default()
    }
}

/// What the effectiveness of strategies is computed from.
pub fn strategies(request: &InsightRequest) -> Needs {
    Needs {
        plans: true,
        cravings: Need::since(request.first_day()),
        ..Needs::default()
    }
}

/// What confidence by kind of situation is computed from.
pub fn self_efficacy(request: &InsightRequest) -> Needs {
    Needs {
        profiles: Need::since(request.first_day()),
        ..Needs::default()
    }
}

/// What the cover of medication is computed from.
pub fn medication() -> Needs {
    Needs {
        // Cover may be carried forward from doses of long ago.
        medications: Need::All,
        ..Needs::default()
    }
}

/// What the early-warning rules read.
pub fn warnings(request: &InsightRequest) -> Needs {
    let today = request.as_of.today();
    let recent = Need::From(warning::earliest_day(today));
    Needs {
        goals: true,
        plans: true,
        check_ins: recent,
        cravings: recent,
        uses: true,
        medications: Need::From(add_days(today, -MEDICATION_DAYS)),
        protective: Need::From(add_days(today, -4)),
        feedback: true,
        contacts: true,
        profiles: Need::None,
        transitions: Need::From(add_days(today, -TRANSITION_DAYS)),
        responses: Need::From(add_days(today, -1)),
    }
}

/// What the summary is computed from.
pub fn summary(request: &InsightRequest) -> Needs {
    Needs {
        // Days confirmed by check-ins, and urges ridden out, are counted from the first record on.
        check_ins: Need::All,
        cravings: Need::All,
        medications: Need::All,
        profiles: Need::All,
        // Contacts are part of the response to a warning, not of the summary.
        contacts: false,
        ..warnings(request)
    }
}

/// What is read of somebody else's record: of `needs` what may be read, and what the level of early warnings takes if it is
/// shown.
pub fn for_others(
    needs: Needs,
    request: &InsightRequest,
    shows_level: bool,
    may_read: impl Fn(Kind) -> bool,
) -> Needs {
    let limited = needs.limited_to(may_read);
    if shows_level {
        limited.or(warnings(request))
    } else {
        limited
    }
}

/// What the progress report is computed from.
pub fn report(request: &InsightRequest) -> Needs {
    let earliest = warning::earliest_day(request.as_of.today());
    Needs {
        // Days confirmed by check-ins count from the beginning of a goal.
        check_ins: Need::All,
        cravings: Need::since(request.first_day().map(|first| first.min(earliest))),
        medications: Need::All,
        profiles: Need::since(request.first_day()),
        ..warnings(request)
    }
}
