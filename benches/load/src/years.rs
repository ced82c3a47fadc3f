//! W7: the summary that an app asks for at every start, over five years of a record that somebody keeps eagerly.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use clap::Args;
use mainstay_api::{auth::access_token::Tokens, server::clock::Clock};
use mainstay_domain::{
    account::Role, questionnaire_response::QuestionnaireResponse, record::Record,
    reference::questionnaire::SHIPPED,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Outcome,
    arguments::Setting,
    findings::Findings,
    http::{Answer, Connection},
    population::{Copy, Person, Place, Size, active},
    random::Random,
    report, seed,
    server::Server,
};

const PATH: &str = "/v1/insights/summary";
/// The days of the record.
const DAYS: i64 = 5 * 365;
/// The most that sync takes at once.
const AT_ONCE: usize = 500;
/// How often the server is started anew, to ask what it has never been asked.
const STARTS: usize = 5;
/// How often the record changes before it is asked again.
const CHANGES: usize = 50;
/// How often it is asked while nothing changes.
const REPEATS: usize = 500;

/// The options.
#[derive(Debug, Args)]
pub struct Run {
    /// Where and on what.
    #[command(flatten)]
    pub setting: Setting,
    /// How much is seeded.
    #[command(flatten)]
    pub size: Size,
}

/// Measures the summary alone, on each engine.
pub fn run(run: &Run) -> Outcome {
    let _turn = run.setting.take_turn()?;
    for engine in &run.setting.engine {
        let place = run.setting.place(*engine, run.size)?;
        let people = seed::ensure(&place)?;
        place.make_copy(Copy::Served)?;
        let mut findings = Findings::new(*engine);
        measure(&run.setting.binary()?, &place, &people, &mut findings)?;
        println!("{}", report::years(&findings));
    }
    Ok(())
}

/// How long the summary took.
#[derive(Debug, Clone)]
pub struct Years {
    /// The records that it is made of.
    pub records: usize,
    /// Asked for the first time since the server was started.
    pub first: Taken,
    /// Asked after the record changed.
    pub changed: Taken,
    /// Asked again, by a client that has kept no answer.
    pub again: Taken,
    /// Asked again, by a client that has kept the answer: 304.
    pub unchanged: Taken,
}

/// Times of the same request.
#[derive(Debug, Clone, Default)]
pub struct Taken(Vec<Duration>);

impl Taken {
    /// The median.
    pub fn median(&self) -> Duration {
        self.sorted().get(self.0.len() / 2).copied().unwrap_or_default()
    }

    /// The longest.
    pub fn longest(&self) -> Duration {
        self.sorted().last().copied().unwrap_or_default()
    }

    fn sorted(&self) -> Vec<Duration> {
        let mut all = self.0.clone();
        all.sort_unstable();
        all
    }
}

/// A client of one person.
struct Client {
    connection: Connection,
    token: String,
}

impl Client {
    fn open(server: &Server, tokens: &Tokens, person: &Person) -> Outcome<Self> {
        let now = Clock::default().now();
        Ok(Self {
            connection: Connection::open(server.address)?,
            token: tokens.issue(person.account, person.session, Role::Person, now)?,
        })
    }

    fn get(&mut self, tag: Option<&str>, taken: &mut Taken) -> Outcome<Answer> {
        let headers: Vec<(&str, &str)> = tag.map(|tag| ("if-none-match", tag)).into_iter().collect();
        let started = Instant::now();
        let answer = self
            .connection
            .send_with("GET", PATH, &self.token, &headers, None)?;
        taken.0.push(started.elapsed());
        answer.expect(if tag.is_some() { 304 } else { 200 })
    }

    fn post(&mut self, path: &str, body: &Value, status: u16) -> Outcome<Answer> {
        let body = body.to_string();
        let answer = self.connection.send("POST", path, &self.token, Some(&body))?;
        answer.expect(status)
    }
}

/// Fills the record of somebody who is not active otherwise, then asks for its summary in each state.
pub fn measure(
    binary: &std::path::Path,
    place: &Place,
    people: &[Person],
    findings: &mut Findings,
) -> Outcome {
    let tokens = Tokens::new(&std::fs::read_to_string(place.file("signing.pem"))?, "mainstay")?;
    let busy = active(people, 500).people;
    let person = people.iter().find(|person| !busy.contains(person));
    let person = person.ok_or("everyone is active")?;
    let now = Clock::default().now();
    let mut random = Random::new(7);
    let record = five_years(&mut random, now);
    let beside = beside(&mut Random::new(11), now);

    place.is_written_to(Copy::Served)?;
    let server = Server::mainstay(binary, place)?;
    let mut client = Client::open(&server, &tokens, person)?;
    for some in record.chunks(AT_ONCE).chain(beside.chunks(AT_ONCE)) {
        let answer = client.post("/v1/sync", &json!({ "limit": 1, "changes": some }), 200)?;
        let answer: Value = serde_json::from_slice(&answer.body)?;
        let results = answer.get("results").and_then(Value::as_array);
        let refused = results.and_then(|all| {
            all.iter()
                .find(|one| one.get("status") != Some(&json!("applied")))
        });
        if let Some(refused) = refused {
            return Err(format!("a change was not applied: {refused}").into());
        }
    }
    drop(client);
    server.stop()?;

    let [mut first, mut changed, mut again, mut unchanged] = [const { Taken(Vec::new()) }; 4];
    for _ in 0..STARTS {
        let server = Server::mainstay(binary, place)?;
        Client::open(&server, &tokens, person)?.get(None, &mut first)?;
        server.stop()?;
    }
    let server = Server::mainstay(binary, place)?;
    let mut client = Client::open(&server, &tokens, person)?;
    let mut tag = tag_of(&client.get(None, &mut Taken::default())?)?;
    for _ in 0..CHANGES {
        let at = Clock::default().now();
        client.post("/v1/check-ins", &check_in(&mut random, at, "momentary"), 201)?;
        tag = tag_of(&client.get(None, &mut changed)?)?;
    }
    for _ in 0..REPEATS {
        client.get(None, &mut again)?;
        client.get(Some(&tag), &mut unchanged)?;
    }
    findings.years = Some(Years {
        records: record.len(),
        first,
        changed,
        again,
        unchanged,
    });
    server.stop()
}

fn tag_of(answer: &Answer) -> Outcome<String> {
    let tag = answer.headers.iter().find(|(name, _)| name == "etag");
    Ok(tag.ok_or("a summary without ETag")?.1.clone())
}

/// About 8 000 records: up to three check-ins a day, cravings, a dose every other day, practice,
/// meetings, profiles, a few days of use, in the order in which they happened.
fn five_years(random: &mut Random, now: DateTime<Utc>) -> Vec<Value> {
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

/// About 1 600 records that the summary passes over: a journal, commitments, thoughts, appointments, referrals, a
/// transition, answers to a questionnaire, feedback; and few that it reads, a plan and a contact.
fn beside(random: &mut Random, now: DateTime<Utc>) -> Vec<Value> {
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

fn check_in(random: &mut Random, at: DateTime<Utc>, kind: &str) -> Value {
    let mut check_in = serde_json::to_value(crate::content::check_in(random, at)).unwrap_or_default();
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

    #[test]
    fn five_years_are_about_eight_thousand_records() {
        let at = DateTime::from_timestamp_micros(1_772_366_400_000_000).unwrap();
        let all = five_years(&mut Random::new(7), at);
        assert!((7_500..8_500).contains(&all.len()), "{}", all.len());
    }

    #[test]
    fn every_noun_stands_beside_them() {
        let at = DateTime::from_timestamp_micros(1_772_366_400_000_000).unwrap();
        let all = [
            five_years(&mut Random::new(7), at),
            beside(&mut Random::new(11), at),
        ]
        .concat();
        assert!((9_200..9_800).contains(&all.len()), "{}", all.len());
        for kind in Kind::ALL.iter().copied() {
            let there = all.iter().any(|one| one["kind"] == kind.path());
            // A review would have to be that of one day of use.
            assert_eq!(there, kind != Kind::UseEventReview, "{kind:?}");
        }
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        let taken = Taken([5, 1, 9].map(Duration::from_millis).to_vec());
        assert_eq!(taken.median(), Duration::from_millis(5));
        assert_eq!(taken.longest(), Duration::from_millis(9));
    }
}
