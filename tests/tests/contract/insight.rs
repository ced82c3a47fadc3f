//! Insights: figures that were computed by hand, days in the time zone of the person, and wrong parameters.

use mainstay_tests::{Person, TestApp, both_engines, samples::sample_id};
use serde_json::{Value, json};

/// Every insight, with its required parameters.
pub const PATHS: [&str; 10] = [
    "abstinence",
    "milestones",
    "series?metric=craving",
    "cravings",
    "triggers",
    "strategies",
    "self-efficacy",
    "medication",
    "warnings",
    "summary",
];

/// Fetches an insight.
pub async fn insight(sam: &Person, path: &str) -> Value {
    sam.get(&format!("/v1/insights/{path}")).await.expect(200).body
}

/// Activates a plan with a trigger, a physical warning sign, two strategies and a contact.
pub async fn activate_plan(sam: &Person) {
    let robin = json!({ "name": "Robin", "relationship": "sponsor", "phone": "+12025550123", "preferred_channel": "call", "position": 1 });
    let contact = sam.post("/v1/support-contacts", &robin).await.expect(201).id();
    let plan = json!({ "kind": "relapse_prevention", "title": "Staying well", "content": {
        "triggers": [{ "id": sample_id(1), "label": "Payday", "kind": "external" }],
        "warning_signs": [{ "id": sample_id(2), "label": "Driving past the shop", "stage": "physical" }],
        "strategies": [
            { "id": sample_id(3), "label": "Walk", "category": "mindful_walking", "trigger_ids": [sample_id(1)] },
            { "id": sample_id(4), "label": "Breathe", "category": "breathing" },
        ],
        "lapse_response": [{ "id": sample_id(5), "text": "Call Robin." }],
        "contact_ids": [contact],
    } });
    let path = sam.post("/v1/plans", &plan).await.expect(201).header("location");
    sam.post_empty(&format!("{path}/activate")).await.expect(200);
}

both_engines!(
    days_and_runs_of_a_month_equal_those_computed_by_hand,
    milestones_equal_those_computed_by_hand_and_a_lapse_takes_none_away,
    today_is_the_date_where_the_person_lives,
    cravings_equal_those_computed_by_hand,
    triggers_and_strategies_equal_those_computed_by_hand,
    a_strategy_is_compared_with_cravings_without_one,
    medication_names_its_basis_and_makes_no_claim_without_records,
    an_empty_record_gives_insufficient_data,
    wrong_parameters_are_named,
    insights_of_centuries_and_odd_records_do_not_fail,
);

/// Records a March with one night of use. Returns the id of the goal.
async fn record_march(sam: &Person) -> String {
    let goal = json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2026-03-01",
        "baseline": { "cost_minor_per_day": 1000, "currency": "EUR", "minutes_per_day": 90 } });
    let goal = sam.post("/v1/goals", &goal).await.expect(201).id();
    // A night over midnight on the 10th and 11th, two days after the clocks went forward.
    let night = json!({ "substance": "alcohol", "occurred_at": "2026-03-10T22:00:00-04:00", "ended_at": "2026-03-11T01:00:00-04:00" });
    sam.post("/v1/use-events", &night).await.expect(201);
    let prescribed =
        json!({ "substance": "alcohol", "occurred_at": "2026-03-20T22:00:00-04:00", "as_prescribed": true });
    sam.post("/v1/use-events", &prescribed).await.expect(201);
    let mistaken = json!({ "substance": "alcohol", "occurred_at": "2026-03-25T22:00:00-04:00" });
    let mistaken = sam.post("/v1/use-events", &mistaken).await.expect(201);
    sam.delete(&mistaken.header("location"), 1).await.expect(204);
    for day in ["29", "30"] {
        let answers = json!({ "kind": "evening", "occurred_at": format!("2026-03-{day}T21:00:00-04:00"), "answers": { "used": "no" } });
        sam.post("/v1/check-ins", &answers).await.expect(201);
    }
    goal
}

async fn days_and_runs_of_a_month_equal_those_computed_by_hand(app: &TestApp) {
    let sam = app.person().await;
    let goal = record_march(&sam).await;
    // Still 31 March in New York.
    let found = insight(&sam, "abstinence?as_of=2026-04-01T03:30:00Z").await;
    assert_eq!(
        (&found["today"], &found["as_of"]),
        (&json!("2026-03-31"), &json!("2026-03-31T23:30:00.000-04:00"))
    );
    assert_eq!((&found["window"], &found["n"]), (&json!("all"), &json!(3)));
    // The window starts on the first day of the goal. Four of its days have a record.
    assert_eq!((&found["from"], &found["coverage"]), (&json!("2026-03-01"), &json!(4.0 / 31.0)));
    let own = &found["goals"][0];
    assert_eq!(own["goal_id"], json!(goal));
    for (member, expected) in [
        ("run_from", json!("2026-03-12")),
        ("days_completed", json!(19)),
        ("day_number", json!(20)),
        ("longest_days", json!(19)),
        ("previous", json!({ "from": "2026-03-01", "to": "2026-03-09", "days": 9, "open": false })),
        ("closed_runs", json!(1)),
        ("mean_closed_days", json!(9.0)),
        ("cumulative_abstinent_days", json!(28)),
        ("saved", json!({ "days": 28, "cost_minor": 28_000, "currency": "EUR", "minutes": 2520 })),
    ] {
        assert_eq!(own[member], expected, "{member}");
    }
    // Two evenings in a row cover the first of them; the end of the second is still open.
    let week = &own["shares"][0];
    assert_eq!(
        (&week["days"], &week["assumed_days"], &week["confirmed_days"]),
        (&json!(7), &json!(7), &json!(1))
    );
    let all = &own["shares"][3];
    assert_eq!((&all["days"], &all["use_days"], &all["assumed_days"]), (&json!(30), &json!(2), &json!(28)));
}

async fn milestones_equal_those_computed_by_hand_and_a_lapse_takes_none_away(app: &TestApp) {
    let sam = app.person().await;
    record_march(&sam).await;
    let reached = insight(&sam, "milestones?as_of=2026-04-01T03:30:00Z").await;
    let run = &reached["goals"][0]["run"];
    let seven = run["earned"].as_array().unwrap().iter().find(|m| m["count"] == 7).unwrap();
    assert_eq!(
        (&seven["earned_on"], &seven["last_earned_on"], &seven["times"]),
        (&json!("2026-03-08"), &json!("2026-03-19"), &json!(2))
    );
    assert_eq!(run["next"], json!({ "unit": "days", "count": 21, "on": "2026-04-02", "remaining": 2 }));
    assert_eq!(reached["goals"][0]["cumulative"]["next"]["remaining"], 2);

    // A lapse on the 31st takes nothing away: the earlier run keeps its days.
    let lapse = json!({ "substance": "alcohol", "occurred_at": "2026-03-31T20:00:00-04:00" });
    sam.post("/v1/use-events", &lapse).await.expect(201);
    let after = insight(&sam, "abstinence?as_of=2026-04-01T03:30:00Z").await;
    assert_eq!(after["goals"][0]["previous"]["days"], 19);
    assert_eq!(
        (&after["goals"][0]["cumulative_abstinent_days"], &after["goals"][0]["days_completed"]),
        (&json!(28), &json!(0))
    );
    let still = insight(&sam, "milestones?as_of=2026-04-01T03:30:00Z").await;
    assert_eq!(still["goals"][0]["run"]["earned"], run["earned"]);
    // As of the day before, there was no lapse.
    assert_eq!(
        insight(&sam, "abstinence?as_of=2026-03-30T23:30:00-04:00").await["goals"][0]["days_completed"],
        18
    );
}

/// The query for the thirty days that end with the ten cravings.
const TEN_CRAVINGS: &str = "as_of=2026-03-10T23:00:00-04:00&window=30d";

/// Activates a plan and records ten cravings on ten days.
async fn record_ten_cravings(sam: &Person) {
    activate_plan(sam).await;
    for n in 0..10 {
        // The first five have the trigger, three of them with use; of the others, one. Two walks, one tea.
        let used = [0, 1, 2, 5].contains(&n);
        let tried = match n {
            3 => json!([{ "strategy_id": sample_id(3), "before": 8, "after": 2, "helped": true }]),
            4 => json!([{ "strategy_id": sample_id(3), "before": 9, "after": 5 }]),
            6 => json!([{ "label": "Tea", "before": 5, "after": 4 }, { "practice": "feet-on-the-floor" }]),
            _ => json!([]),
        };
        sam.post("/v1/craving-events", &json!({
            "occurred_at": format!("2026-03-{:02}T18:05:00-05:00", n + 1), "ended_at": format!("2026-03-{:02}T18:35:00-05:00", n + 1),
            "ratings": [{ "offset_s": 0, "value": 9 - n / 2 }], "trigger_ids": if n < 5 { json!([sample_id(1)]) } else { json!([]) },
            "outcome": if used { "used" } else { "rode_it_out" }, "strategy_uses": tried,
        })).await.expect(201);
    }
}

async fn cravings_equal_those_computed_by_hand(app: &TestApp) {
    let sam = app.person().await;
    record_ten_cravings(&sam).await;
    let cravings = insight(&sam, &format!("cravings?{TEN_CRAVINGS}")).await;
    assert_eq!(
        (&cravings["events"], &cravings["n"], &cravings["coverage"]),
        (&json!(10), &json!(10), &json!(10.0 / 30.0))
    );
    // Peaks 9 9 8 8 7 7 6 6 5 5: the median slope of all pairs is half a point a day.
    assert_eq!(
        (&cravings["trend"]["direction"], &cravings["trend"]["slope_per_day"], &cravings["trend"]["p_value"]),
        (&json!("falling"), &json!(-0.5), &json!(0.0004))
    );
    assert_eq!(
        (&cravings["durations"]["median_minutes"], &cravings["outcomes"]["used"]),
        (&json!(30.0), &json!(4))
    );
    // 1 and 8 March 2026 are Sundays.
    assert_eq!(cravings["heat_map"][6]["hours"][18], 2);
    assert_eq!(insight(&sam, "milestones?as_of=2026-03-10T23:00:00-04:00").await["urges_ridden_out"], 6);
}

async fn a_strategy_is_compared_with_cravings_without_one(app: &TestApp) {
    let sam = app.person().await;
    let strategies =
        async || insight(&sam, &format!("strategies?{TEN_CRAVINGS}")).await["strategies"][0].clone();
    let record = async |n: usize, last: i64, tried: Value| {
        sam.post("/v1/craving-events", &json!({
            "occurred_at": format!("2026-03-{:02}T18:05:00-05:00", n + 1), "outcome": "rode_it_out", "strategy_uses": tried,
            "ratings": [{ "offset_s": 0, "value": 8 }, { "offset_s": 900, "value": last }],
        })).await.expect(201);
    };
    // Three cravings with tea, in the first one twice: 8 to 3, 8 to 4, 8 to 2.
    record(
        0,
        3,
        json!([{ "label": "Tea", "before": 8, "after": 6 }, { "label": "tea", "before": 6, "after": 3 }]),
    )
    .await;
    record(1, 4, json!([{ "label": "Tea", "before": 8, "after": 4 }])).await;
    record(2, 2, json!([{ "label": "Tea", "before": 8, "after": 2 }])).await;
    let found = strategies().await;
    assert_eq!((&found["uses"], &found["rated"], &found["compared"]), (&json!(4), &json!(3), &json!(0)));
    assert_eq!((&found["raw_mean_drop"], &found["comparison"]), (&json!(5.0), &json!("not_yet_comparable")));
    assert!(
        found["adjusted_drop"].is_null() && found["interval"].is_null() && found["score"].is_null(),
        "{found}"
    );
    // Without a strategy, cravings of this strength fell by 1, 2, 3, 2 and 2.
    for (n, last) in [7, 6, 5, 6, 6].into_iter().enumerate() {
        record(n + 3, last, json!([])).await;
    }
    let found = strategies().await;
    assert_eq!((&found["adjusted_drop"], &found["comparison"]), (&json!(3.0), &json!("compared")));
    assert_eq!((&found["compared"], &found["score"]), (&json!(3), &json!(3.0)));
    // Welch: variances 1 of 3 and 0.5 of 5, with 3.234 degrees of freedom.
    let end = |name: &str| found["interval"][name].as_f64().unwrap();
    assert!((end("low") - 0.988_4).abs() < 1e-4 && (end("high") - 5.011_6).abs() < 1e-4, "{found}");
    let help = sam.get("/v1/support").await.expect(200).body["strategies"][0].clone();
    assert_eq!((&help["label"], &help["n"], &help["adjusted_drop"]), (&json!("Tea"), &json!(3), &json!(3.0)));
}

async fn triggers_and_strategies_equal_those_computed_by_hand(app: &TestApp) {
    let sam = app.person().await;
    record_ten_cravings(&sam).await;
    let triggers = insight(&sam, &format!("triggers?{TEN_CRAVINGS}")).await;
    let payday = &triggers["triggers"][0];
    assert_eq!((&payday["label"], &payday["figures"]["events"]), (&json!("Payday"), &json!(5)));
    assert_eq!(
        (&payday["figures"]["share"]["value"], &payday["figures"]["use_share"]["value"]),
        (&json!(0.5), &json!(0.6))
    );
    // Three of five with it, one of five without it. By Fisher's exact test: 132 of 252 tables are no more likely.
    let ratio = &payday["figures"]["use_ratio"];
    let number = |value: &Value| value.as_f64().unwrap();
    assert_eq!(payday["figures"]["use_share_without"]["value"], 0.2);
    assert!((number(&ratio["value"]) - 3.0).abs() < 1e-9, "{ratio}");
    assert_eq!((&ratio["p_value"], &ratio["may_be_chance"]), (&json!(0.5238), &json!(true)));
    // Koopman's interval, by maximising the likelihood numerically.
    assert!((number(&ratio["interval"]["low"]) - 0.619_382_589).abs() < 1e-6, "{ratio}");
    assert!((number(&ratio["interval"]["high"]) - 17.912_502_77).abs() < 1e-6, "{ratio}");

    let strategies = insight(&sam, &format!("strategies?{TEN_CRAVINGS}")).await;
    let walk = &strategies["strategies"][0];
    assert_eq!(
        (&walk["strategy"]["label"], &walk["rated"], &walk["raw_mean_drop"]),
        (&json!("Walk"), &json!(2), &json!(5.0))
    );
    // No craving without a strategy was rated twice, so nothing can be compared.
    assert_eq!((&walk["comparison"], &walk["compared"]), (&json!("too_few_ratings"), &json!(0)));
    assert!(walk["adjusted_drop"].is_null() && walk["score"].is_null(), "{walk}");
    assert_eq!(strategies["unrated"][0]["strategy"]["practice"], "feet-on-the-floor");

    let series = insight(&sam, &format!("series?metric=craving_peak&bucket=week&{TEN_CRAVINGS}")).await;
    let points: Vec<(&Value, &Value)> =
        series["points"].as_array().unwrap().iter().map(|p| (&p["from"], &p["n"])).collect();
    assert_eq!(
        points,
        [
            (&json!("2026-02-23"), &json!(1)),
            (&json!("2026-03-02"), &json!(7)),
            (&json!("2026-03-09"), &json!(2))
        ]
    );
    assert_eq!(insight(&sam, "cravings?as_of=2026-03-10T23:00:00-04:00&window=7d").await["events"], 7);
}

async fn today_is_the_date_where_the_person_lives(app: &TestApp) {
    for (email, zone, today) in [
        ("east@example.org", "Pacific/Kiritimati", "2026-03-02"),
        ("west@example.org", "Etc/GMT+12", "2026-02-28"),
        ("nepal@example.org", "Asia/Kathmandu", "2026-03-01"),
    ] {
        let sam = app.person_with(json!({ "email": email, "time_zone": zone })).await;
        assert_eq!(insight(&sam, "abstinence?as_of=2026-03-01T10:30:00Z").await["today"], today, "{zone}");
    }
}

async fn medication_names_its_basis_and_makes_no_claim_without_records(app: &TestApp) {
    let sam = app.person_with(json!({ "email": "sam@example.org", "time_zone": "UTC" })).await;
    let medication = |name: &str| {
        json!({ "name": name, "class": "antagonist", "route": "oral", "schedule": "FREQ=DAILY",
        "covers_days": 1, "started_on": "2026-03-01" })
    };
    let taken = sam.post("/v1/medications", &medication("Naltrexone")).await.expect(201);
    let silent = sam.post("/v1/medications", &medication("Acamprosate")).await.expect(201).id();
    let gone = sam.post("/v1/medications", &medication("Disulfiram")).await.expect(201);
    for (id, day) in [(taken.id(), 6), (taken.id(), 7), (gone.id(), 8)] {
        let at = format!("2026-03-{day:02}T08:00:00Z");
        sam.post("/v1/doses", &json!({ "medication_id": id, "occurred_at": at, "status": "taken" }))
            .await
            .expect(201);
    }
    sam.delete(&gone.header("location"), 1).await.expect(204);
    // On the morning of the 8th its own dose may still come.
    let found = insight(&sam, "medication?as_of=2026-03-08T06:00:00Z&window=7d").await;
    assert_eq!(
        (&found["n"], &found["from"], &found["coverage"]),
        (&json!(2), &json!("2026-03-02"), &json!(2.0 / 7.0))
    );
    for own in found["medications"].as_array().unwrap() {
        if own["medication_id"] == json!(silent) {
            assert_eq!((own.get("proportion"), own.get("covered_enough")), (None, None), "{own}");
        } else {
            assert_eq!(
                (&own["days"], &own["covered_days"], &own["proportion"]),
                (&json!(6), &json!(2), &json!(2.0 / 6.0))
            );
        }
    }
    assert_eq!(found["medications"].as_array().unwrap().len(), 2);
}

async fn an_empty_record_gives_insufficient_data(app: &TestApp) {
    let sam = app.person().await;
    for path in PATHS {
        let found = insight(&sam, path).await;
        assert_eq!((&found["n"], &found["coverage"]), (&json!(0), &json!(0.0)), "{path}");
        for member in ["as_of", "today", "window", "from", "to", "computed_from"] {
            assert!(!found[member].is_null(), "{path} {member}");
        }
    }
    let warnings = insight(&sam, "warnings").await;
    assert_eq!((&warnings["level"], &warnings["fired"]), (&json!("insufficient_data"), &json!([])));
    assert_eq!(insight(&sam, "cravings").await["trend"]["direction"], "insufficient_data");
}

async fn wrong_parameters_are_named(app: &TestApp) {
    let sam = app.person().await;
    for (path, expected) in [
        ("abstinence?as_of=yesterday", vec!["/as_of"]),
        ("abstinence?window=7d", vec!["/window"]),
        ("abstinence?as_of=2999-01-01T00:00:00Z", vec!["/as_of"]),
        ("abstinence?as_of=0001-01-01T00:00:00Z", vec!["/as_of"]),
        ("cravings?window=8d&limit=3", vec!["/limit", "/window"]),
        ("series", vec!["/metric"]),
        ("series?metric=luck&bucket=year&as_of=x", vec!["/as_of", "/bucket", "/metric"]),
        ("warnings?window=7d", vec!["/window"]),
    ] {
        let refused = sam.get(&format!("/v1/insights/{path}")).await.expect(422);
        assert_eq!(refused.pointers(), expected, "{path}");
    }
    assert_eq!(insight(&sam, "abstinence?as_of=1900-01-01T00:00:00Z").await["today"], "1899-12-31");
}

async fn insights_of_centuries_and_odd_records_do_not_fail(app: &TestApp) {
    let sam = app.person().await;
    let goal = json!({ "substance": "other", "kind": "reduce", "started_on": "1900-01-01", "limits": { "units_per_day": 2, "units_per_week": 5, "heavy_day_units": 4 } });
    sam.post("/v1/goals", &goal).await.expect(201);
    sam.post("/v1/use-events", &json!({ "substance": "other", "occurred_at": "0001-01-01T00:00:00Z", "ended_at": "2020-01-01T00:00:00Z" })).await.expect(201);
    let first = json!({ "kind": "momentary", "occurred_at": "0001-01-01T00:00:00+14:00", "answers": { "craving": 1, "used": "yes" } });
    sam.post("/v1/check-ins", &first).await;
    for path in PATHS {
        for window in ["", "&window=all"] {
            let path = if path.contains('?') { path.to_owned() } else { format!("{path}?") };
            let path = if matches!(path.split('?').next(), Some("abstinence" | "milestones" | "warnings")) {
                path
            } else {
                format!("{path}{window}")
            };
            insight(&sam, &path).await;
        }
    }
    insight(&sam, "series?metric=use_days&window=all").await;
    insight(&sam, "series?metric=use_days&bucket=month&window=all").await;
}
