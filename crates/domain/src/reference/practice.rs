//! The strategy library: short practices, written for this project.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::value::{
    validation::{FindingCode, Findings},
    vocabulary::{SituationCategory, StrategyCategory},
};

/// A practice of the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Practice {
    /// The name in references. It never changes.
    #[schema(max_length = 60, example = "urge-surfing-wave")]
    pub slug: String,
    /// The name for people.
    #[schema(max_length = 200)]
    pub title: String,
    /// The family of strategies.
    pub category: StrategyCategory,
    /// The duration in minutes.
    #[schema(minimum = 1, maximum = 60)]
    pub minutes: u8,
    /// A summary in one sentence.
    #[schema(max_length = 200)]
    pub summary: String,
    /// Instructions in 50 to 150 words.
    #[schema(max_length = 4000)]
    pub instructions: String,
    /// The instructions step by step.
    #[schema(max_items = 20, max_length = 200)]
    pub steps: Vec<String>,
    /// The kinds of situations for which it is good.
    #[schema(max_items = 8)]
    pub good_for: Vec<SituationCategory>,
}

/// All practices of the library, ordered by category and title.
pub static LIBRARY: LazyLock<Vec<Practice>> = LazyLock::new(|| {
    // The file is part of the binary; a test proves that it parses.
    let mut all: Vec<Practice> =
        serde_json::from_str(include_str!("../../data/practices.json")).unwrap_or_default();
    all.sort_by(|a, b| (a.category, &a.title).cmp(&(b.category, &b.title)));
    all
});

/// Finds a practice by its slug.
pub fn find(slug: &str) -> Option<&'static Practice> {
    LIBRARY.iter().find(|p| p.slug == slug)
}

/// Adds a finding if the library has no practice with a slug.
pub(crate) fn check(slug: &str, pointer: &str, findings: &mut Findings) {
    if find(slug).is_none() {
        findings.add(
            pointer,
            FindingCode::UnknownReference,
            "is no practice of the library; GET /v1/practices lists them",
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_library_covers_every_category_with_at_least_forty_practices() {
        assert!(LIBRARY.len() >= 40);
        for category in StrategyCategory::ALL.iter().copied() {
            assert!(LIBRARY.iter().any(|p| p.category == category), "{category:?}");
        }
        let slugs: BTreeSet<_> = LIBRARY.iter().map(|p| &p.slug).collect();
        assert_eq!(slugs.len(), LIBRARY.len());
    }

    #[test]
    fn instructions_have_fifty_to_a_hundred_and_fifty_words() {
        for p in LIBRARY.iter() {
            let words = p.instructions.split_whitespace().count();
            assert!((50..=150).contains(&words), "{}: {words}", p.slug);
            assert!((1..=60).contains(&p.minutes) && p.steps.len() >= 3, "{}", p.slug);
        }
    }

    #[test]
    fn no_practice_blames() {
        for p in LIBRARY.iter() {
            let text = format!(
                "{} {} {} {}",
                p.title,
                p.summary,
                p.instructions,
                p.steps.join(" ")
            );
            assert_eq!(
                crate::value::kindness::unkind_words(&text),
                Vec::<&str>::new(),
                "{}",
                p.slug
            );
        }
    }
}
