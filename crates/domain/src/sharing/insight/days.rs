//! What days without use and milestones are computed from, which means more than the other classes of a recipient.

use crate::{
    goal::Goal,
    insight::facts::Facts,
    sharing::{Covered, DataClass, facts::covered_facts},
    value::list::List,
};

/// Returns the records that days without use and milestones are computed from: all use, all answers about it, and the
/// goals. Without their own classes, nothing of a goal is there but what its days need. Cravings are there if they and their
/// outcomes are covered. Nothing is there unless the class of days without use is covered.
pub(super) fn days_facts(facts: &Facts, covered: Covered) -> Facts {
    use DataClass::{Abstinence, CheckIns, Cravings, Goals, Use};
    if !covered.contains(Abstinence) {
        return Facts::default();
    }
    let cravings = [Cravings]
        .into_iter()
        .filter(|_| covered.contains_all(&[Cravings, Use]));
    let meant: Covered = [CheckIns, Goals, Use].into_iter().chain(cravings).collect();
    let mut found = covered_facts(facts, meant);
    for goal in found.goals.iter_mut().map(|goal| &mut goal.record) {
        withhold(goal, covered);
    }
    found
}

/// Unsets the name, the baseline and the limits of a goal, unless goals are covered. To keep within limits tells of the
/// amounts of use, so it needs that class as well.
fn withhold(goal: &mut Goal, covered: Covered) {
    let shows_goals = covered.contains(DataClass::Goals);
    if !shows_goals {
        goal.label = None;
        goal.baseline = None;
    }
    if !shows_goals || !covered.contains(DataClass::Use) {
        goal.limits = None;
        goal.taper = List::default();
    }
}
