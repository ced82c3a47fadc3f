//! A person's scores over time.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::response::QuestionnaireResponse;
use crate::timestamp::Timestamp;

/// A score at a time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TrendPoint {
    /// The response.
    pub response_id: Uuid,
    /// When the answers were given.
    pub occurred_at: Timestamp,
    /// The score.
    pub value: f64,
    /// The name of the range that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub band: Option<String>,
    /// The version of the rules that made it.
    #[schema(max_length = 60)]
    pub scoring_version: String,
    /// The change since the point before; left out for the first, and where the rules have changed in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
}

/// One score over time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ScoreTrend {
    /// The score's name for programs.
    #[schema(max_length = 60)]
    pub score_id: String,
    /// Its name for people, as of the latest response.
    #[schema(max_length = 200)]
    pub label: String,
    /// How many points there are.
    #[schema(maximum = 1000)]
    pub n: usize,
    /// The points, oldest first.
    #[schema(max_items = 1000)]
    pub points: Vec<TrendPoint>,
}

/// The scores of a questionnaire over time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QuestionnaireTrend {
    /// The questionnaire.
    pub questionnaire_id: Uuid,
    /// How many completed responses it was made of: the latest 1000 at most.
    #[schema(maximum = 1000)]
    pub n: usize,
    /// Each score that a response has.
    #[schema(max_items = 200)]
    pub scores: Vec<ScoreTrend>,
}

/// Most responses in a trend.
pub const MAX_POINTS: usize = 1000;

/// Puts together the scores of completed responses to one questionnaire, given oldest first.
pub fn trend(questionnaire_id: Uuid, responses: &[(Uuid, QuestionnaireResponse)]) -> QuestionnaireTrend {
    let first = responses.len().saturating_sub(MAX_POINTS);
    let responses = responses.get(first..).unwrap_or_default();
    let mut scores: Vec<ScoreTrend> = Vec::new();
    for (id, response) in responses {
        for score in &response.scores {
            let place = scores.iter().position(|known| known.score_id == score.id);
            let place = place.unwrap_or_else(|| {
                scores.push(ScoreTrend {
                    score_id: score.id.clone(),
                    label: score.label.clone(),
                    n: 0,
                    points: Vec::new(),
                });
                scores.len() - 1
            });
            let (Some(of_score), Some(value)) = (scores.get_mut(place), score.value) else {
                continue;
            };
            let version = response.scoring_version.clone().unwrap_or_default();
            let before = of_score.points.last();
            let change = before
                .filter(|before| before.scoring_version == version)
                .map(|before| ((value - before.value) * 1e6).round() / 1e6);
            of_score.label.clone_from(&score.label);
            of_score.n += 1;
            of_score.points.push(TrendPoint {
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
