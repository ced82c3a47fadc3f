//! The parts of the report that are on the page.

use mainstay_domain::sharing::insight::progress::{ReportPart, SharedProgress};

/// The parts of the report that are on the page. The person's own has all of them.
#[derive(Debug, Clone)]
pub struct Parts(Vec<ReportPart>);

impl Parts {
    /// All of them.
    pub fn all() -> Self {
        Self(ReportPart::ALL.to_vec())
    }

    /// Those that are shared.
    pub fn shared(progress: &SharedProgress) -> Self {
        let shown = ReportPart::ALL.into_iter().filter(|part| progress.shows(*part));
        Self(shown.collect())
    }

    /// Whether a part is on the page.
    pub fn shows(&self, part: ReportPart) -> bool {
        self.0.contains(&part)
    }
}
