//! The items of a person's plans that check-ins and events may refer to.

use uuid::Uuid;

/// The ids of plan items.
#[derive(Debug, Clone, Default)]
pub struct PlanItems {
    /// The triggers.
    pub triggers: Vec<Uuid>,
    /// The warning signs.
    pub signs: Vec<Uuid>,
    /// The strategies.
    pub strategies: Vec<Uuid>,
}
