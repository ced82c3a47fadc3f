//! Safety notes: what a drug may hold, stopping at once, and depressants together.

use mainstay_tests::{TestApp, both_engines};
use serde_json::{Value, json};

use super::{
    Stored, ago, assert_hidden, assert_shown, craved, date, days_ago, dose, medication,
    minutes_since_midnight, person_with_records, topics, used, with,
};
use crate::insight::insight;

both_engines!(
    a_drug_that_may_hold_fentanyl_brings_its_note_with_every_help,
    stopping_at_once_brings_its_note_with_every_help,
    depressants_together_bring_their_note_with_every_help,
);

async fn a_drug_that_may_hold_fentanyl_brings_its_note_with_every_help(app: &TestApp) {
    let topic = "street_supply";
    let pill = json!({ "amount": 1, "unit": "pill" });
    for (case, records) in [
        ("use of a stimulant", vec![used("cocaine", days_ago(app, 1))]),
        ("craving for a stimulant", vec![craved("methamphetamine", ago(app, 1))]),
        ("a sedative", vec![used("sedative", ago(app, 1))]),
        ("a pill from the street", vec![with(used("opioid_prescription", ago(app, 1)), pill.clone())]),
        ("another pill", vec![with(used("hallucinogen", ago(app, 1)), pill.clone())]),
        (
            "a pill in the person's own word",
            vec![with(
                used("other", ago(app, 1)),
                json!({ "amount": 1, "unit": "other", "unit_label": "Blue tabs" }),
            )],
        ),
    ] {
        assert_shown(app, topic, case, &records).await;
    }
    for (case, records) in [
        ("a stimulant five weeks ago", vec![used("cocaine", days_ago(app, 36))]),
        (
            "something else than pills",
            vec![with(
                used("other", ago(app, 1)),
                json!({ "amount": 1, "unit": "other", "unit_label": "bags" }),
            )],
        ),
        ("cannabis", vec![used("cannabis", ago(app, 1)), craved("cannabis", ago(app, 1))]),
        (
            "a prescribed sedative",
            vec![with(used("sedative", ago(app, 1)), json!({ "as_prescribed": true }))],
        ),
        (
            "a prescribed pill",
            vec![with(
                with(used("opioid_prescription", ago(app, 1)), pill),
                json!({ "as_prescribed": true }),
            )],
        ),
    ] {
        assert_hidden(app, topic, case, &records).await;
    }
    // A craving without a substance, and a request for help, are for what the record is about.
    let goal = ("goals", json!({ "substance": "sedative", "kind": "abstain", "started_on": date(app, 400) }));
    for record in [used("cocaine", days_ago(app, 8)), goal] {
        let sam = person_with_records(app, &[record]).await;
        let warnings = insight(&sam, "warnings").await;
        assert_eq!(topics(&warnings["safety"]), Vec::<String>::new(), "nothing of the last week");
        let support = sam.get("/v1/support").await.expect(200).body;
        assert_eq!(topics(&support["safety_notes"]), [topic]);
        let craving = json!({ "occurred_at": ago(app, 1), "ratings": [{ "offset_s": 0, "value": 5 }] });
        let craving = sam.post("/v1/craving-events", &craving).await.expect(201);
        assert_eq!(topics(&craving.body["support"]["safety_notes"]), [topic]);
        assert_eq!(topics(&insight(&sam, "warnings").await["safety"]), [topic]);
    }
}

async fn stopping_at_once_brings_its_note_with_every_help(app: &TestApp) {
    let daily =
        |substance: &'static str, days: std::ops::RangeInclusive<i64>, members: Value| -> Vec<Stored> {
            days.map(|days| with(used(substance, days_ago(app, days)), members.clone())).collect()
        };
    let drinks = |n: i64| json!({ "amount": n, "unit": "standard_drink" });
    let goal = |members: Value| {
        let goal = json!({ "substance": "alcohol", "kind": "abstain", "started_on": date(app, 2) });
        vec![with(("goals", goal), members)]
    };
    let bottles = json!({ "amount": 1, "unit": "other", "unit_label": "bottles" });
    for (case, records) in [
        ("four drinks a day", daily("alcohol", 1..=5, drinks(4))),
        (
            "wine by the millilitre",
            daily("alcohol", 3..=8, json!({ "amount": 750, "unit": "ml", "abv": 12.5 })),
        ),
        ("a bottle a day, which is no drink", daily("alcohol", 1..=5, bottles)),
        ("nobody knows how much", daily("alcohol", 1..=5, json!({}))),
        ("a light day among heavy ones", {
            daily("alcohol", 1..=4, drinks(9)).into_iter().chain(daily("alcohol", 5..=7, drinks(1))).collect()
        }),
        ("little since the heavy days", {
            daily("alcohol", 3..=7, drinks(9)).into_iter().chain(daily("alcohol", 0..=1, drinks(1))).collect()
        }),
        ("evenings that last over midnight", {
            let session = |days: i64| {
                let start = days * 24 * 60 + minutes_since_midnight(app) + 60;
                let members = json!({ "occurred_at": ago(app, start), "ended_at": ago(app, start - 120) });
                with(with(used("alcohol", String::new()), drinks(5)), members)
            };
            (1..=5).map(session).collect()
        }),
        ("one record of many days", {
            let members = json!({ "amount": 600, "unit": "g", "ended_at": days_ago(app, 1) });
            vec![with(used("alcohol", days_ago(app, 10)), members)]
        }),
        ("a drink at breakfast of the first day", {
            let first = with(used("alcohol", days_ago(app, 2)), drinks(1));
            goal(json!({ "unit": "g", "baseline": { "units_per_day": 60 } }))
                .into_iter()
                .chain([first])
                .collect()
        }),
        ("much on the first day, and little today", {
            let uses = [
                with(used("alcohol", days_ago(app, 2)), drinks(9)),
                with(used("alcohol", ago(app, 1)), drinks(1)),
            ];
            goal(json!({ "unit": "g", "baseline": { "units_per_day": 60 } }))
                .into_iter()
                .chain(uses)
                .collect()
        }),
        ("a new goal", goal(json!({ "unit": "g", "baseline": { "units_per_day": 60 } }))),
        (
            "a new goal in bottles",
            goal(json!({ "unit": "other", "unit_label": "bottles", "baseline": { "units_per_day": 1 } })),
        ),
    ] {
        assert_shown(app, "alcohol_withdrawal", case, &records).await;
    }
    for (case, records) in [
        ("three drinks a day", daily("alcohol", 1..=5, drinks(3))),
        ("four days of seven", daily("alcohol", 1..=4, drinks(9))),
        ("a beer a day", daily("alcohol", 1..=5, json!({ "amount": 500, "unit": "ml", "abv": 5 }))),
        ("three heavy days of seven", {
            daily("alcohol", 1..=3, drinks(5)).into_iter().chain(daily("alcohol", 4..=7, drinks(1))).collect()
        }),
        ("one record of many light days", {
            let members = json!({ "amount": 500, "unit": "g", "ended_at": days_ago(app, 1) });
            vec![with(used("alcohol", days_ago(app, 10)), members)]
        }),
        ("a new goal, and as much as before today", {
            let today = with(used("alcohol", ago(app, 1)), drinks(9));
            goal(json!({ "unit": "g", "baseline": { "units_per_day": 60 } }))
                .into_iter()
                .chain([today])
                .collect()
        }),
        ("still drinking", daily("alcohol", 0..=5, drinks(9))),
        ("stopped eight days ago", daily("alcohol", 8..=12, drinks(9))),
        ("a new goal after little", goal(json!({ "unit": "g", "baseline": { "units_per_day": 50 } }))),
    ] {
        assert_hidden(app, "alcohol_withdrawal", case, &records).await;
    }
    let prescribed = json!({ "as_prescribed": true });
    assert_shown(app, "sedative_withdrawal", "prescribed", &daily("sedative", 10..=14, prescribed.clone()))
        .await;
    assert_hidden(app, "sedative_withdrawal", "long ago", &daily("sedative", 15..=19, prescribed)).await;
}

async fn depressants_together_bring_their_note_with_every_help(app: &TestApp) {
    let topic = "mixed_depressants";
    let sedative = |at: String| with(used("sedative", at), json!({ "as_prescribed": true }));
    let methadone = |started| medication(app, "opioid_agonist", "FREQ=DAILY", 1, started);
    let goal = |substance: &str| {
        ("goals", json!({ "substance": substance, "kind": "abstain", "started_on": date(app, 60) }))
    };
    for (case, records) in [
        ("alcohol and a prescribed sedative", vec![used("alcohol", ago(app, 60)), sedative(ago(app, 120))]),
        (
            "an opioid and a sedative",
            vec![used("opioid_heroin", ago(app, 60)), used("sedative", ago(app, 600))],
        ),
        ("a craving after a sedative", vec![sedative(ago(app, 60)), craved("alcohol", ago(app, 1))]),
        (
            "kratom, which acts as an opioid, and alcohol",
            vec![used("kratom", ago(app, 60)), used("alcohol", ago(app, 120))],
        ),
        (
            "a craving without a substance, which is for alcohol",
            vec![goal("alcohol"), sedative(ago(app, 60)), {
                (
                    "craving-events",
                    json!({ "occurred_at": ago(app, 1), "ratings": [{ "offset_s": 0, "value": 5 }] }),
                )
            }],
        ),
        ("a craving for alcohol on methadone", vec![methadone(40), craved("alcohol", ago(app, 1))]),
        ("a craving for a sedative on methadone", vec![methadone(40), craved("sedative", ago(app, 1))]),
        ("alcohol on methadone", vec![methadone(40), used("alcohol", ago(app, 60))]),
        (
            "a sedative on methadone, taken",
            vec![methadone(40), dose("taken", ago(app, 60)), sedative(ago(app, 60))],
        ),
    ] {
        assert_shown(app, topic, case, &records).await;
    }
    for (case, records) in [
        ("alcohol alone", vec![used("alcohol", ago(app, 60)), used("alcohol", ago(app, 120))]),
        ("a sedative two days before", vec![used("alcohol", ago(app, 60)), sedative(days_ago(app, 2))]),
        ("both three days ago", vec![used("alcohol", days_ago(app, 3)), sedative(days_ago(app, 3))]),
        ("two cravings", vec![craved("sedative", ago(app, 60)), craved("alcohol", ago(app, 1))]),
        ("a craving for cannabis on methadone", vec![methadone(40), craved("cannabis", ago(app, 1))]),
        ("methadone without alcohol", vec![methadone(40), used("cannabis", ago(app, 60))]),
        (
            "methadone left out today",
            vec![methadone(40), dose("missed", ago(app, 0)), used("alcohol", ago(app, 0))],
        ),
        (
            "methadone ended",
            vec![
                with(methadone(40), json!({ "ended_on": date(app, 9), "status": "stopped" })),
                used("alcohol", ago(app, 60)),
            ],
        ),
    ] {
        assert_hidden(app, topic, case, &records).await;
    }
    // A request for help is as a craving for what the record is about.
    for (records, expected) in [
        (vec![goal("alcohol"), methadone(40)], vec![topic]),
        (vec![goal("alcohol"), sedative(ago(app, 60))], vec![topic]),
        (vec![goal("cannabis"), methadone(40)], vec![]),
    ] {
        let sam = person_with_records(app, &records).await;
        let support = sam.get("/v1/support").await.expect(200).body;
        assert_eq!(topics(&support["safety_notes"]), expected, "{records:?}");
        assert_eq!(topics(&insight(&sam, "warnings").await["safety"]), Vec::<String>::new());
    }
}
