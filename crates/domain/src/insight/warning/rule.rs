//! The early-warning rules of version 2: names, stages, weights, messages, thresholds, and fitting
//! strategies.

pub use crate::value::warning_rule::Rule;
use crate::{plan::Stage, value::vocabulary::StrategyCategory};

/// Version of the rules, their thresholds and the level.
pub const RULES_VERSION: u32 = 2;

impl Rule {
    /// Every rule, in the order of responses.
    pub const ALL: [Self; 18] = [
        Self::RecentUse,
        Self::PhysicalSign,
        Self::LowEfficacy,
        Self::CravingPeak,
        Self::CravingRise,
        Self::CravingFrequency,
        Self::RiskySituation,
        Self::MentalSign,
        Self::AfterLapse,
        Self::MedicationGap,
        Self::Stress,
        Self::LowMood,
        Self::Halt,
        Self::Sleep,
        Self::Isolation,
        Self::EmotionalSigns,
        Self::GoneQuiet,
        Self::Protective,
    ];

    /// Returns the weight that the rule adds to the score.
    pub const fn weight(self) -> i64 {
        match self {
            Self::RecentUse | Self::PhysicalSign | Self::LowEfficacy => 3,
            Self::CravingPeak
            | Self::CravingRise
            | Self::RiskySituation
            | Self::MentalSign
            | Self::AfterLapse
            | Self::MedicationGap => 2,
            Self::CravingFrequency
            | Self::Stress
            | Self::LowMood
            | Self::Halt
            | Self::Sleep
            | Self::Isolation
            | Self::EmotionalSigns
            | Self::GoneQuiet => 1,
            Self::Protective => -1,
        }
    }

    /// Returns the stage of relapse that the rule belongs to (Gorski; Melemis 2015), if any.
    pub const fn stage(self) -> Option<Stage> {
        match self {
            Self::RecentUse | Self::PhysicalSign | Self::MedicationGap => Some(Stage::Physical),
            Self::LowEfficacy
            | Self::CravingPeak
            | Self::CravingRise
            | Self::CravingFrequency
            | Self::RiskySituation
            | Self::MentalSign
            | Self::AfterLapse => Some(Stage::Mental),
            Self::Stress
            | Self::LowMood
            | Self::Halt
            | Self::Sleep
            | Self::Isolation
            | Self::EmotionalSigns => Some(Stage::Emotional),
            Self::GoneQuiet | Self::Protective => None,
        }
    }

    /// Returns the message to the person when the rule fires.
    pub const fn message(self) -> &'static str {
        match self {
            Self::RecentUse => {
                "There was use in the last seven days. What you have built is still yours, and company and your plan carry \
                 well through days like these."
            }
            Self::PhysicalSign => {
                "You noticed a sign that use feels close. Reaching someone now, before anything else, is a strong step."
            }
            Self::LowEfficacy => {
                "Staying with your goal feels harder than it did. That is worth telling someone, and a small plan for today \
                 can bring some of the confidence back."
            }
            Self::CravingPeak => {
                "A strong craving came up. It rose, and it can pass again; what helped before is close at hand."
            }
            Self::CravingRise => {
                "Cravings have been stronger than is usual for you these days. It may be a good time to lean on what works."
            }
            Self::CravingFrequency => {
                "Cravings have come more often than is usual for you. Each one that you write down shows what sets it off."
            }
            Self::RiskySituation => {
                "You expect a risky situation. Going through your if-then steps beforehand makes it easier when it comes."
            }
            Self::MentalSign => {
                "You noticed thoughts of use among your own warning signs. Saying them aloud to someone takes away some of \
                 their pull."
            }
            Self::AfterLapse => {
                "After the use you wrote of heavy feelings and little control. Many people feel so for a while, and it eases; \
                 you need not carry it alone."
            }
            Self::MedicationGap => {
                "Some doses of your medication seem to be missing. A call to whoever prescribes it can sort that out."
            }
            Self::Stress => "Stress has been high lately. A short pause counts as looking after yourself.",
            Self::LowMood => {
                "Your mood has been low for some days. Be gentle with yourself, and let someone near you know."
            }
            Self::Halt => {
                "Hunger, anger, loneliness or tiredness have been strong. Seeing to one of them first often makes the rest \
                 lighter."
            }
            Self::Sleep => {
                "Your nights have been short or restless. Rest is one of the best things you can do for your plan."
            }
            Self::Isolation => {
                "It has been a week without contact to the people who support you. A short message is enough to begin."
            }
            Self::EmotionalSigns => {
                "You noticed several of your own early signs. They come long before anything else, so there is time to take \
                 care of yourself."
            }
            Self::GoneQuiet => {
                "You have written less than usual. That is all right; whenever you like, a short check-in is enough."
            }
            Self::Protective => "You have done things that protect you in the last two days. They count.",
        }
    }

    /// Message of `low_efficacy` when the record does not show that confidence was higher before.
    pub(super) const LOW_EFFICACY_WITHOUT_BASELINE: &str = "Staying with your goal feels hard right now. That is worth telling someone, and a small plan for \
         today can bring some confidence.";

    /// Returns the categories of strategies that help with the rule.
    pub(super) const fn strategy_categories(self) -> &'static [StrategyCategory] {
        use StrategyCategory as S;
        match self {
            Self::RecentUse | Self::PhysicalSign => &[S::CallSomeone, S::Meeting, S::ChangeScene],
            Self::LowEfficacy => &[S::CallSomeone, S::ProblemSolving, S::CognitiveReframing],
            Self::CravingPeak | Self::CravingRise | Self::CravingFrequency => {
                &[S::UrgeSurfing, S::Delay, S::Distract]
            }
            Self::RiskySituation => &[S::ProblemSolving, S::ChangeScene, S::CallSomeone],
            Self::MentalSign => &[S::CognitiveReframing, S::CallSomeone, S::UrgeSurfing],
            Self::AfterLapse => &[S::CallSomeone, S::CognitiveReframing, S::Meditation],
            Self::MedicationGap => &[S::CallSomeone],
            Self::Stress => &[S::Breathing, S::Relaxation, S::Exercise],
            Self::LowMood => &[S::Exercise, S::CallSomeone, S::MindfulWalking],
            Self::Halt => &[S::SelfCare, S::Breathing, S::CallSomeone],
            Self::Sleep => &[S::SelfCare, S::BodyScan, S::Relaxation],
            Self::Isolation => &[S::CallSomeone, S::Meeting],
            Self::EmotionalSigns => &[S::SelfCare, S::Meditation, S::CallSomeone],
            Self::GoneQuiet | Self::Protective => &[],
        }
    }

    /// Returns the slugs of the library practices that help with the rule.
    pub(super) const fn practices(self) -> &'static [&'static str] {
        match self {
            Self::RecentUse => &["two-line-text", "find-a-meeting-today", "step-outside"],
            Self::PhysicalSign => &["call-before", "find-a-meeting-today", "step-outside"],
            Self::LowEfficacy => &["call-before", "if-then-plan", "words-for-a-friend"],
            Self::CravingPeak | Self::CravingRise | Self::CravingFrequency => {
                &["urge-surfing-wave", "fifteen-minute-delay", "busy-hands"]
            }
            Self::RiskySituation => &["if-then-plan", "exit-plan", "call-before"],
            Self::MentalSign => &["play-it-forward", "call-before", "urge-surfing-wave"],
            Self::AfterLapse => &["two-line-text", "words-for-a-friend", "warm-wishes"],
            Self::MedicationGap => &["two-line-text"],
            Self::Stress => &["longer-out-breath", "tense-and-release", "easy-stretch"],
            Self::LowMood => &["brisk-ten", "two-line-text", "color-walk"],
            Self::Halt => &["halt-check", "longer-out-breath", "two-line-text"],
            Self::Sleep => &["evening-wind-down", "head-to-toe-scan", "tense-and-release"],
            Self::Isolation => &["two-line-text", "meeting-buddy"],
            Self::EmotionalSigns => &["halt-check", "count-ten-breaths", "two-line-text"],
            Self::GoneQuiet | Self::Protective => &[],
        }
    }
}

/// The thresholds of the rules. The defaults of version 2 are chosen from the field's literature and
/// practice, and are not validated. They are not settings of the server, so that a level means the same
/// everywhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Number of days in which use is recent.
    pub recent_use_days: i64,
    /// Number of days in which a physical or mental sign counts.
    pub sign_days: i64,
    /// Number of days in which emotional signs count; minimum number of different signs.
    pub emotional_signs: (i64, usize),
    /// Maximum self-efficacy that is low by itself; minimum distance below the baseline.
    pub low_efficacy: (f64, f64),
    /// Minimum rating of a single strong craving; hours in which it counts.
    pub craving_peak: (f64, i64),
    /// Minimum rating of cravings that count if there are two; hours in which they count.
    pub craving_twice: (f64, i64),
    /// Minimum rise of cravings above the baseline.
    pub craving_rise: f64,
    /// Minimum number of craving events in 3 days; minimum multiple of the usual rate.
    pub craving_frequency: (f64, f64),
    /// Minimum rating of an expected risky situation.
    pub risky_situation: f64,
    /// Minimum rating of heavy shame or guilt; maximum rating of little felt control.
    pub after_lapse: (f64, f64),
    /// Minimum number of due doses missed in a row; days that a long-acting dose may be overdue; minimum
    /// proportion of 28 days covered.
    pub medication_gap: (f64, f64, f64),
    /// Minimum rating of high stress.
    pub stress: f64,
    /// Maximum rating of low mood.
    pub low_mood: f64,
    /// Minimum rating of strong hunger, anger, loneliness or tiredness.
    pub halt: f64,
    /// Minutes below which sleep is short; maximum rating of low quality.
    pub sleep: (f64, f64),
    /// Minimum number of usual support contacts a week.
    pub isolation: f64,
    /// Maximum share of the usual number of check-ins that is quiet.
    pub gone_quiet: f64,
    /// Minimum number of different protective activities in 48 hours.
    pub protective: usize,
    /// Minimum number of values for a baseline.
    pub baseline_values: usize,
    /// Minimum number of check-ins in 7 days for a level.
    pub enough_check_ins: usize,
}

impl Thresholds {
    /// Version 2. It has the thresholds of version 1; `docs/insights.md` lists what changed.
    pub const V2: Self = Self {
        recent_use_days: 7,
        sign_days: 3,
        emotional_signs: (7, 2),
        low_efficacy: (4.0, 3.0),
        craving_peak: (8.0, 24),
        craving_twice: (7.0, 48),
        craving_rise: 2.0,
        craving_frequency: (3.0, 2.0),
        risky_situation: 7.0,
        after_lapse: (7.0, 3.0),
        medication_gap: (2.0, 7.0, 0.80),
        stress: 7.0,
        low_mood: 3.0,
        halt: 7.0,
        sleep: (300.0, 3.0),
        isolation: 2.0,
        gone_quiet: 0.5,
        protective: 2,
        baseline_values: 7,
        enough_check_ins: 3,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::kindness::unkind_words;

    #[test]
    fn no_message_blames() {
        for rule in Rule::ALL {
            assert_eq!(unkind_words(rule.message()), Vec::<&str>::new(), "{rule:?}");
        }
        assert_eq!(
            unkind_words(Rule::LOW_EFFICACY_WITHOUT_BASELINE),
            Vec::<&str>::new()
        );
    }

    /// The practices of a rule have its strategy categories, one each, in the same order. Each practice is
    /// good for a hard situation. `risky_situation` is exempt, because the expected situation may be a
    /// pleasant one.
    #[test]
    fn the_practices_fit_the_rule() {
        use crate::{reference::practice::find, value::vocabulary::SituationCategory as C};
        for rule in Rule::ALL {
            let categories: Vec<_> = (rule.practices().iter())
                .map(|slug| find(slug).unwrap().category)
                .collect();
            assert_eq!(categories, rule.strategy_categories(), "{rule:?}");
            for slug in rule.practices() {
                let good_for = &find(slug).unwrap().good_for;
                let hard = [
                    C::UnpleasantEmotions,
                    C::UrgesAndTemptations,
                    C::PhysicalDiscomfort,
                ];
                let fits = hard.iter().any(|kind| good_for.contains(kind));
                assert!(fits || rule == Rule::RiskySituation, "{rule:?} {slug}");
            }
        }
    }
}
