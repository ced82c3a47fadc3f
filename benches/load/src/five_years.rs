//! Five years of a detailed record of one person, as changes for sync.

use chrono::{DateTime, Utc};
use mainstay_domain::{
    questionnaire_response::QuestionnaireResponse, record::Record, reference::questionnaire::SHIPPED,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{content, random::Random};

/// The days of the record.
const DAYS: i64 = 5 * 365;

/// The changes that create some 8 000 records of the collections that the summary reads, in the order of their times:
/// up to three check-ins a day, cravings, a dose every other day, practice, meetings, profiles and a few days of use.
#[expect(clippy::too_many_lines, reason = "a block for each collection")]
pub fn summarized_records(random: &mut Random, now: DateTime<Utc>) -> Vec<Value> {
    let mut all = Vec::new();
    let start = now - chrono::Duration::days(DAYS);
    let mut add = |random: &mut Random, kind: &str, id: Option<Uuid>, record: Value| {
        let id = id.unwrap_or_else(|| random.id(now.timestamp_micros()));
        all.push(json!({ "kind": kind, "op": "upsert", "id": id, "record": record }));
    };
    let date = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let goal = json!({ "substance": "alcohol", "kind": "abstain", "started_on": date(start) });
    add(random, "goals", None, goal);
    let medication = random.id(now.timestamp_micros());
    add(
        random,
        "medications",
        Some(medication),
        json!({
            "name": "Naltrexone", "class": "antagonist", "route": "oral", "schedule": "FREQ=DAILY;INTERVAL=2;BYHOUR=8",
            "covers_days": 2, "started_on": date(start), "status": "active",
        }),
    );
    for day in 0..DAYS {
        let noon = start + chrono::Duration::days(day);
        let at = |hours: i64| noon + chrono::Duration::hours(hours);
        let morning = check_in(random, at(-4), "morning");
        add(random, "check-ins", None, morning);
        let evening = check_in(random, at(-1), "evening");
        add(random, "check-ins", None, evening);
        if day % 5 != 0 {
            let noon = check_in(random, at(-2), "momentary");
            add(random, "check-ins", None, noon);
        }
        if day % 2 == 0 {
            let dose = json!({ "medication_id": medication, "occurred_at": time(at(-3)), "status": "taken", "observed": false });
            add(random, "doses", None, dose);
        }
        let mut happens = |of: u64| random.below(1000) < of;
        let (craving, practice, meeting, used) = (happens(600), happens(250), happens(140), happens(12));
        if craving {
            let event = craving_event(random, at(-6));
            add(random, "craving-events", None, event);
        }
        if practice {
            let session = json!({ "practice": "urge-surfing-wave", "minutes": 10, "guided": true, "occurred_at": time(at(-5)) });
            add(random, "practice-sessions", None, session);
        }
        if meeting {
            let attendance = json!({ "programme": "AA", "mode": "in_person", "role": "attend", "occurred_at": time(at(-2)) });
            add(random, "attendances", None, attendance);
        }
        if used {
            let event = json!({ "substance": "alcohol", "occurred_at": time(at(-7)), "self_label": "slip" });
            add(random, "use-events", None, event);
        }
        if day % 90 == 0 {
            let confidence = json!({
                "unpleasant_emotions": random.below(101), "physical_discomfort": random.below(101),
                "pleasant_emotions": random.below(101), "testing_personal_control": random.below(101),
                "urges_and_temptations": random.below(101), "interpersonal_conflict": random.below(101),
                "social_pressure": random.below(101), "pleasant_times_with_others": random.below(101),
            });
            let profile = json!({ "occurred_at": time(at(-8)), "confidence": confidence });
            add(random, "self-efficacy-profiles", None, profile);
        }
    }
    all
}

/// The changes that create some 1 600 records that the summary hardly reads: a journal, commitments, thought records,
/// appointments, referrals, a transition, questionnaire responses and feedback; also a plan and a contact.
pub fn unrelated_records(random: &mut Random, now: DateTime<Utc>) -> Vec<Value> {
    let mut all = Vec::new();
    let start = now - chrono::Duration::days(DAYS);
    let date = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let mut add = |random: &mut Random, kind: &str, record: Value| {
        let id = random.id(now.timestamp_micros());
        all.push(json!({ "kind": kind, "op": "upsert", "id": id, "record": record }));
        id
    };
    let robin = json!({ "name": "Robin", "relationship": "sponsor", "phone": "+12025550123", "position": 1 });
    let robin = add(random, "support-contacts", robin);
    let content = json!({
        "triggers": [{ "id": random.id(0), "label": "Payday", "kind": "external" }],
        "warning_signs": [{ "id": random.id(0), "label": "Skipping meals", "stage": "emotional" }],
        "strategies": [{ "id": random.id(0), "label": "Walk along the river", "category": "mindful_walking" }],
        "contact_ids": [robin],
    });
    let plan = json!({ "kind": "relapse_prevention", "title": "Staying well", "content": content });
    add(random, "plans", plan);
    let ward = json!({ "from_level": "detox", "to_level": "outpatient", "discharged_on": date(start), "status": "closed" });
    add(random, "transitions", ward);
    let quiet = json!({ "rule": "sleep", "kind": "helpful", "note": "The baby is teething." });
    add(random, "warning-feedback", quiet);
    for day in 0..DAYS {
        let at = |hours: i64| start + chrono::Duration::days(day) + chrono::Duration::hours(hours);
        if day % 3 == 0 {
            let entry = json!({ "occurred_at": time(at(-1)), "text": "Slow day. The river was high.", "mood": random.below(11) });
            add(random, "journal", entry);
        }
        if day % 3 == 1 {
            let commitment =
                json!({ "text": "Call my sister before dinner.", "on": date(at(0)), "outcome": "kept" });
            add(random, "commitments", commitment);
        }
        if day % 14 == 5 {
            let talk = json!({ "kind": "counseling", "starts_at": time(at(-3)), "with": "Dr. Okafor", "status": "kept" });
            let appointment = add(random, "appointments", talk);
            let thought = json!({
                "occurred_at": time(at(-4)), "situation": "My boss asked for a word.", "thought": "I will lose the job.",
                "belief_before": 80, "belief_after": random.below(80), "emotions": [{ "name": "fear", "before": 8, "after": 4 }],
            });
            add(random, "thought-records", thought);
            if day % 140 == 5 {
                let referral = json!({ "kind": "primary_care", "to": "Elm Street", "status": "attended", "appointment_id": appointment });
                add(random, "referrals", referral);
            }
        }
        if day % 28 == 6
            && let Some(own) = SHIPPED.as_ref()
        {
            let mut response = serde_json::to_value(QuestionnaireResponse::example()).unwrap_or_default();
            (response["questionnaire_id"], response["occurred_at"]) = (json!(own.id), json!(time(at(-2))));
            add(random, "questionnaire-responses", response);
        }
    }
    all
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// A check-in of a kind.
pub fn check_in(random: &mut Random, at: DateTime<Utc>, kind: &str) -> Value {
    let mut check_in = serde_json::to_value(content::check_in(random, at)).unwrap_or_default();
    check_in["kind"] = json!(kind);
    check_in
}

fn craving_event(random: &mut Random, at: DateTime<Utc>) -> Value {
    let before = 4 + random.below(7);
    json!({
        "occurred_at": time(at), "ended_at": time(at + chrono::Duration::minutes(25)), "substance": "alcohol",
        "category": "unpleasant_emotions", "peak": before, "outcome": "rode_it_out",
        "ratings": [{ "offset_s": 0, "value": before }, { "offset_s": 1200, "value": random.below(4) }],
        "strategy_uses": [{ "practice": "urge-surfing-wave", "before": before, "after": random.below(5), "helped": true }],
        "note": "It came after work, and it passed on the way home.",
    })
}

#[cfg(test)]
mod tests {
    use mainstay_domain::record::Kind;

    use super::*;

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp_micros(1_772_366_400_000_000).unwrap()
    }

    #[test]
    fn the_summary_reads_about_eight_thousand_records() {
        let all = summarized_records(&mut Random::new(7), noon());
        assert!((7_500..8_500).contains(&all.len()), "{}", all.len());
    }

    #[test]
    fn every_collection_has_records() {
        let all = [
            summarized_records(&mut Random::new(7), noon()),
            unrelated_records(&mut Random::new(11), noon()),
        ]
        .concat();
        assert!((9_200..9_800).contains(&all.len()), "{}", all.len());
        for kind in Kind::ALL.iter().copied() {
            let exists = all.iter().any(|change| change["kind"] == kind.path());
            // A review would need the id of a use event.
            assert_eq!(exists, kind != Kind::UseEventReview, "{kind:?}");
        }
    }
}
