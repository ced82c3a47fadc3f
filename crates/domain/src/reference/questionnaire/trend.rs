//! The trend of a person's scores over time.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    questionnaire_response::QuestionnaireResponse,
    value::{decimal::rounded, timestamp::Timestamp},
};

/// A score at one time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TrendPoint {
    /// The response.
    pub response_id: Uuid,
    /// The time at which the questions were answered.
    pub occurred_at: Timestamp,
    /// The score.
    pub value: f64,
    /// The name of the band that contains the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub band: Option<String>,
    /// The version of the rules that produced it.
    #[schema(max_length = 60)]
    pub scoring_version: String,
    /// The change since the previous point. Absent for the first point, and if the rules changed in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
}

/// One score over time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ScoreTrend {
    /// The id of the score.
    #[schema(max_length = 60)]
    pub score_id: String,
    /// The name for people, as of the latest response.
    #[schema(max_length = 200)]
    pub label: String,
    /// The number of points.
    #[schema(maximum = 1000)]
    pub n: usize,
    /// The points in order, oldest first.
    #[schema(max_items = 1000)]
    pub points: Vec<TrendPoint>,
}

/// The trends of all scores of a questionnaire.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QuestionnaireTrend {
    /// The questionnaire.
    pub questionnaire_id: Uuid,
    /// The number of completed responses in the trend: the latest 1000 at most.
    #[schema(maximum = 1000)]
    pub n: usize,
    /// The trend of each score.
    #[schema(max_items = 200)]
    pub scores: Vec<ScoreTrend>,
}

/// The maximum number of responses in a trend.
pub const MAX_POINTS: usize = 1000;

/// Builds the trends from the completed responses to one questionnaire, oldest first.
pub fn trend(questionnaire_id: Uuid, responses: &[(Uuid, QuestionnaireResponse)]) -> QuestionnaireTrend {
    let first = responses.len().saturating_sub(MAX_POINTS);
    let responses = responses.get(first..).unwrap_or_default();
    let mut scores: Vec<ScoreTrend> = Vec::new();
    for (id, response) in responses {
        for score in &response.scores {
            let index = scores.iter().position(|trend| trend.score_id == score.id);
            let index = index.unwrap_or_else(|| {
                scores.push(ScoreTrend {
                    score_id: score.id.clone(),
                    label: score.label.clone(),
                    n: 0,
                    points: Vec::new(),
                });
                scores.len() - 1
            });
            let (Some(trend_of_score), Some(value)) = (scores.get_mut(index), score.value) else {
                continue;
            };
            let version = response.scoring_version.clone().unwrap_or_default();
            let before = trend_of_score.points.last();
            let change = before
                .filter(|before| before.scoring_version == version)
                .map(|before| rounded(value - before.value, 6));
            trend_of_score.label.clone_from(&score.label);
            trend_of_score.n += 1;
            trend_of_score.points.push(TrendPoint {
                response_id: *id,
                occurred_at: response.occurred_at,
                value,
                band: score.band.clone(),
                scoring_version: version,
                change,
            });
        }
    }
    QuestionnaireTrend {
        questionnaire_id,
        n: responses.len(),
        scores,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// For each response the version of its rules, and for each of its scores the name and the value in
    /// quarters.
    type Story = Vec<(u8, Vec<(u8, Option<i16>)>)>;

    fn stories() -> impl Strategy<Value = Story> {
        let scores = prop::collection::btree_map(0..4_u8, prop::option::of(-200..200_i16), 0..4);
        let shuffled = scores
            .prop_map(|scores| scores.into_iter().collect::<Vec<_>>())
            .prop_shuffle();
        prop::collection::vec((0..2_u8, shuffled), 0..12)
    }

    fn responses(story: &Story) -> Vec<(Uuid, QuestionnaireResponse)> {
        let each = story.iter().enumerate().map(|(n, (version, scores))| {
            let scores: Vec<_> = scores
                .iter()
                .map(|(id, value)| {
                    json!({
                        "id": format!("score {id}"), "label": format!("label {id} of {n}"),
                        "value": value.map(|value| f64::from(value) / 4.0),
                        "answered": 3, "asked": 4, "prorated": false,
                    })
                })
                .collect();
            let response = json!({
                "questionnaire_id": Uuid::nil(), "status": "completed",
                "occurred_at": format!("2026-03-{:02}T09:00:00Z", n + 1),
                "scores": scores, "scoring_version": format!("v{version}"),
            });
            (
                Uuid::from_u128(n as u128 + 1),
                serde_json::from_value(response).unwrap(),
            )
        });
        each.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_value_is_a_point_and_changes_are_computed_within_the_same_rules(story in stories()) {
            let found = trend(Uuid::nil(), &responses(&story));
            prop_assert_eq!(found.n, story.len());
            let mut names: Vec<u8> = Vec::new();
            for (_, scores) in &story {
                for (id, _) in scores {
                    if !names.contains(id) {
                        names.push(*id);
                    }
                }
            }
            let score_ids: Vec<String> = found.scores.iter().map(|score| score.score_id.clone()).collect();
            let named: Vec<String> = names.iter().map(|id| format!("score {id}")).collect();
            prop_assert_eq!(score_ids, named);
            for (id, score) in names.iter().zip(&found.scores) {
                let mut expected = Vec::new();
                let mut label = None;
                for (n, (version, scores)) in story.iter().enumerate() {
                    if let Some((_, value)) = scores.iter().find(|(other, _)| other == id) {
                        label = label.or(Some(n));
                        if let Some(value) = value {
                            label = Some(n);
                            expected.push((n, *version, *value));
                        }
                    }
                }
                prop_assert_eq!(score.n, expected.len());
                prop_assert_eq!(score.points.len(), expected.len());
                prop_assert_eq!(&score.label, &format!("label {id} of {}", label.unwrap()));
                for (index, (n, version, value)) in expected.iter().enumerate() {
                    let point = &score.points[index];
                    prop_assert_eq!(point.response_id, Uuid::from_u128(*n as u128 + 1));
                    prop_assert_eq!(point.value.to_bits(), (f64::from(*value) / 4.0).to_bits());
                    prop_assert_eq!(&point.scoring_version, &format!("v{version}"));
                    let change = index.checked_sub(1).map(|before| expected[before])
                        .filter(|(_, rules, _)| rules == version)
                        .map(|(_, _, before)| f64::from(value - before) / 4.0);
                    prop_assert_eq!(point.change, change);
                }
            }
        }
    }
}
