//! Texts and API values from which random records are made.

/// Notes of check-ins.
pub const NOTES: &[&str] = &[
    "Slept well, coffee outside.",
    "Long day, but the walk helped.",
    "Argued on the phone, then let it go.",
    "Früh wach – ruhiger Morgen.",
    "Rain all day. Cooked soup.",
    "Payday. Took the other way home.",
    "Called Robin before it got loud in my head.",
    "今日は少し楽だった。",
    "Tired, and it is fine.",
    "Birthday at work, left at six 🎈",
    "Quotes \" and back\\slashes, for once.",
];

/// Notes of craving events.
pub const CRAVING_NOTES: &[&str] = &[
    "It came after the call, and it passed.",
    "Smell from the bar on the corner.",
    "Three waves, each smaller.",
    "Bored more than anything.",
    "Counted trams until it was over.",
    "It was gone before the tea was ready.",
];

/// Notes of corrected records.
pub const CORRECTIONS: &[&str] = &[
    "Looked at it again: it was not as strong.",
    "Entered the wrong number before.",
    "Remembered more in the evening.",
    "Late entry, written down on paper first.",
];

/// Tags.
pub const TAGS: &[&str] = &["work", "family", "weekend", "travel", "money", "夜勤", "health"];

/// Strategies that are in no plan.
pub const OWN_STRATEGIES: &[&str] =
    &["peeled an orange", "sat with the dog", "cleaned the kitchen drawer", "read two pages aloud"];

/// Practices of the library.
pub const PRACTICES: &[&str] = &[
    "urge-surfing-wave",
    "fifteen-minute-delay",
    "five-senses-ground",
    "longer-out-breath",
    "brisk-ten",
    "call-before",
];

/// The eight categories of situations.
pub const CATEGORIES: &[&str] = &[
    "unpleasant_emotions",
    "physical_discomfort",
    "pleasant_emotions",
    "testing_personal_control",
    "urges_and_temptations",
    "interpersonal_conflict",
    "social_pressure",
    "pleasant_times_with_others",
];

/// Places of a craving.
pub const PLACES: &[&str] = &["home", "work", "transit", "venue", "outdoors", "other"];

/// Company during a craving.
pub const COMPANY: &[&str] = &["alone", "with_users", "with_supporters", "with_others"];

/// Reasons for skipped doses.
pub const SKIP_REASONS: &[&str] =
    &["Stomach upset, asked the clinic first.", "Dentist at noon.", "Nachtschicht getauscht."];

/// Commitments for a day.
pub const COMMITMENTS: &[&str] = &[
    "Call before dinner, not after.",
    "Twenty minutes outside before work.",
    "Ask for the other shift.",
    "Frühstück, bevor der Kaffee kommt.",
    "No shop on the way home.",
];

/// Thought records: situation, thought, alternative thought.
pub const THOUGHTS: &[(&str, &str, &str)] = &[
    (
        "A word from the boss, tomorrow at nine.",
        "I will be out by noon.",
        "It is the schedule; it was last time.",
    ),
    ("My brother did not call back.", "Nobody wants to hear from me.", "He works nights this week."),
    ("Everyone stays for one more round.", "Without it I am no company.", "Dana laughed at the tea story."),
    ("Awake at three.", "The whole week is lost.", "One short night, and a nap at noon."),
];

/// Cognitive distortions.
pub const DISTORTIONS: &[&str] =
    &["all_or_nothing_thinking", "mind_reading", "fortune_telling", "permission_giving", "should_statements"];
