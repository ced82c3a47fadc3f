//! Safety notes: a lower tolerance for opioids, and medication that was stopped.

use chrono::TimeDelta;
use mainstay_tests::{TestApp, both_engines};
use serde_json::{Value, json};

use super::{
    Stored, ago, assert_hidden, assert_shown, craved, date, days_ago, discharge, dose, every_other_day,
    medication, person_with_records, topics, used, with,
};
use crate::insight::insight;

both_engines!(
    lower_tolerance_brings_its_note_with_every_help,
    a_medication_that_was_stopped_brings_no_note_for_ever,
);

async fn lower_tolerance_brings_its_note_with_every_help(app: &TestApp) {
    let topic = "opioid_tolerance";
    let and =
        |records: Vec<Stored>, last: Stored| -> Vec<Stored> { records.into_iter().chain([last]).collect() };
    let now = || ago(app, 1);
    let tablets = || medication(app, "antagonist", "FREQ=DAILY", 1, 10);
    let injection = || medication(app, "antagonist", "FREQ=DAILY;INTERVAL=28", 28, 56);
    let methadone = |members: Value| with(medication(app, "opioid_agonist", "FREQ=DAILY", 1, 60), members);
    let goal = |substance: &str| {
        ("goals", json!({ "substance": substance, "kind": "abstain", "started_on": date(app, 60) }))
    };
    let four_days_ago = [10, 7, 4].map(|days| used("opioid_heroin", days_ago(app, days))).to_vec();
    for (case, records) in [
        ("craving after three days", and(four_days_ago.clone(), craved("opioid_heroin", now()))),
        ("use after three days", and(four_days_ago, used("opioid_fentanyl", now()))),
        (
            "craving after 72 hours, of which two are whole dates",
            vec![used("opioid_heroin", ago(app, 72 * 60 + 10)), craved("opioid_heroin", now())],
        ),
        ("a first craving", vec![craved("opioid_prescription", now())]),
        ("tablet missed", vec![tablets(), dose("taken", days_ago(app, 2))]),
        ("tablet due, none recorded", vec![tablets()]),
        ("tablets ended", vec![with(tablets(), json!({ "status": "stopped", "ended_on": date(app, 5) }))]),
        ("tablets stopped, nobody knows when", vec![with(tablets(), json!({ "status": "stopped" }))]),
        (
            "an injection that may still have worked two weeks ago, stopped without a date",
            vec![with(injection(), json!({ "status": "stopped" })), dose("taken", days_ago(app, 40))],
        ),
        ("methadone ended", vec![methadone(json!({ "status": "stopped", "ended_on": date(app, 28) }))]),
        ("methadone paused, nobody knows when", vec![methadone(json!({ "status": "paused" }))]),
        (
            "an injection of buprenorphine ended, which works for four weeks",
            vec![with(
                medication(app, "partial_agonist", "FREQ=DAILY;INTERVAL=28", 28, 100),
                json!({ "status": "completed", "ended_on": date(app, 50) }),
            )],
        ),
        ("injection overdue", vec![injection(), dose("taken", days_ago(app, 30))]),
        ("out of jail", and(every_other_day(app), discharge(app, "jail", 3))),
        (
            "a community hospital is no freedom",
            and(every_other_day(app), discharge(app, "community hospital", 3)),
        ),
        ("home detention is no freedom", and(every_other_day(app), discharge(app, "Home Detention", 3))),
        ("nobody knows the level", and(every_other_day(app), discharge(app, "Haus am See", 3))),
        ("out of jail, with a goal about a stimulant", vec![goal("cocaine"), discharge(app, "jail", 3)]),
        (
            "out of a detox for alcohol, with a craving for cocaine",
            vec![goal("alcohol"), craved("cocaine", days_ago(app, 1)), discharge(app, "detox", 3)],
        ),
        ("out of jail, after a cigarette and a drink", {
            vec![used("nicotine", now()), used("alcohol", now()), discharge(app, "jail", 3)]
        }),
        (
            "out of treatment, on buprenorphine",
            vec![medication(app, "partial_agonist", "FREQ=DAILY", 1, 20), discharge(app, "detox", 28)],
        ),
    ] {
        assert_shown(app, topic, case, &records).await;
    }
    let alcohol_goal = || goal("alcohol");
    for (case, records) in [
        (
            "craving after 70 hours",
            [192, 140, 70].map(|hours| used("opioid_heroin", ago(app, hours * 60))).to_vec(),
        ),
        (
            "methadone ended five weeks ago",
            vec![methadone(json!({ "status": "stopped", "ended_on": date(app, 29) }))],
        ),
        (
            "methadone ended, buprenorphine follows",
            vec![
                methadone(json!({ "id": "01950000-0000-7000-8000-0000000000bb", "ended_on": date(app, 2) })),
                medication(app, "partial_agonist", "FREQ=DAILY", 1, 1),
            ],
        ),
        ("kratom after days without", vec![used("kratom", days_ago(app, 9)), craved("kratom", now())]),
        ("a nicotine goal alone, out of jail", vec![goal("nicotine"), discharge(app, "jail", 3)]),
        ("from a hospital's outpatient clinic", {
            and(every_other_day(app), discharge(app, "hospital outpatient clinic", 3))
        }),
        ("craving after two days", and(every_other_day(app), craved("opioid_heroin", now()))),
        ("use after two days", and(every_other_day(app), used("opioid_heroin", now()))),
        ("craving for something else", vec![craved("alcohol", now())]),
        ("tablet taken today", vec![tablets(), dose("taken", ago(app, 0))]),
        (
            "tablets ended long ago",
            vec![with(
                tablets(),
                json!({ "started_on": date(app, 90), "status": "completed", "ended_on": date(app, 29) }),
            )],
        ),
        ("injection given", vec![injection(), dose("taken", days_ago(app, 20))]),
        ("another medication missed", vec![medication(app, "alcohol_anticraving", "FREQ=DAILY", 1, 10)]),
        ("out of jail for five weeks", and(every_other_day(app), discharge(app, "jail", 29))),
        ("from an outpatient program", and(every_other_day(app), discharge(app, "intensive_outpatient", 3))),
        ("alcohol alone, out of treatment", vec![alcohol_goal(), discharge(app, "residential", 3)]),
        (
            "naltrexone against alcohol, taken, out of treatment",
            vec![alcohol_goal(), tablets(), dose("taken", ago(app, 0)), discharge(app, "residential", 3)],
        ),
    ] {
        assert_hidden(app, topic, case, &records).await;
    }
    // Without an event, help is as for a craving: for what the goal is about, or for what nobody knows.
    for records in [vec![goal("opioid_heroin")], vec![discharge(app, "detox", 3)]] {
        let sam = person_with_records(app, &records).await;
        let support = sam.get("/v1/support").await.expect(200).body;
        assert_eq!(topics(&support["safety_notes"]), [topic]);
    }
}

async fn a_medication_that_was_stopped_brings_no_note_for_ever(app: &TestApp) {
    for class in ["antagonist", "opioid_agonist"] {
        let stopped = with(medication(app, class, "FREQ=DAILY", 1, 10), json!({ "status": "stopped" }));
        let sam = person_with_records(app, &[stopped]).await;
        for (days, expected) in [(28, vec!["opioid_tolerance"]), (1, vec![])] {
            app.clock.advance(TimeDelta::days(days));
            let sam = sam.another_device().await;
            assert_eq!(topics(&insight(&sam, "warnings").await["safety"]), expected, "{class}");
            let support = sam.get("/v1/support").await.expect(200).body;
            assert_eq!(topics(&support["safety_notes"]), expected, "{class}");
        }
    }
}
