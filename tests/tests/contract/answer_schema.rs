//! Checks that the server always gives what its answer schemas require, and sometimes leaves out what they do not.
//!
//! Each noun is created from its example and from ever smaller parts of it, down to the least that the server takes.

use std::collections::BTreeSet;

use mainstay_api::cli::import::QuestionnairesImport;
use mainstay_domain::record::{
    Kind, Record,
    registry::{ForNoun, for_noun},
};
use mainstay_tests::{Conformance, Person, Response, TestApp, both_engines};
use serde_json::{Value, json};

use super::questionnaire::{FIXTURE, id_of, import};

both_engines!(every_noun_is_answered_as_its_schema_says, every_other_answer_is_as_its_schema_says,);

/// The insights of a long diary, which another test compares with the responses of the server.
const INSIGHTS: &str = include_str!("../../fixtures/ninety_days_insights.json");

/// Inputs beside the example of a noun, for members of which at least one is needed and for those that the example
/// lacks. `questionnaire` is the id of the one that [`import_with_plain_score`] imports.
fn further_inputs(kind: Kind, questionnaire: &str) -> Vec<Value> {
    let safety = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a77";
    match kind {
        Kind::Goal => vec![json!({
            "substance": "alcohol", "kind": "reduce", "started_on": "2026-01-15", "unit": "standard_drink",
            "limits": { "units_per_day": 2, "units_per_week": 8, "heavy_day_units": 4 },
            "taper": [{ "from": "2026-01-15", "max_units_per_day": 3 }],
        })],
        Kind::UseEvent => vec![json!({
            "substance": "opioid_heroin", "occurred_at": "2026-03-01T12:00:00Z", "harm": "overdose",
        })],
        Kind::Transition => vec![json!({
            "from_level": "residential", "to_level": "outpatient", "discharged_on": "2026-03-01", "follow_ups": [],
        })],
        Kind::SupportContact => {
            vec![json!({ "name": "Robin", "relationship": "sponsor", "email": "robin@example.org" })]
        }
        Kind::CravingEvent => vec![json!({
            "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 5 }],
            "strategy_uses": [{ "label": "A walk", "before": 5 }, { "practice": "urge-surfing-wave" }],
        })],
        Kind::Plan => vec![json!({
            "kind": "safety", "title": "Safe", "content": {
                "reasons": [{ "text": "My daughter." }],
                "triggers": [{ "label": "Payday", "kind": "external" }],
                "warning_signs": [{ "label": "Short sleep", "stage": "emotional" }],
                "strategies": [{ "id": safety, "label": "Walk", "category": "exercise" }],
                "situations": [{ "label": "A party", "category": "social_pressure",
                    "steps": [{ "text": "Leave." }, { "strategy_id": safety }] }],
                "overdose_safety": { "naloxone_at_hand": true, "note": "In the hall." },
                "safety_steps": [{ "step": 1, "text": "I stop answering messages." }],
            },
        })],
        Kind::QuestionnaireResponse => responses(questionnaire),
        _ => Vec::new(),
    }
}

/// Responses with answers of several types, and with a score that has its value and one that lacks it.
fn responses(questionnaire: &str) -> Vec<Value> {
    let code = |item: &str, code: &str| json!({ "link_id": item, "value_coding": { "code": code } });
    let response = |questionnaire: &str, status: &str, answers: &[Value]| {
        json!({
            "questionnaire_id": questionnaire, "status": status, "occurred_at": "2026-03-01T12:00:00Z",
            "answers": answers,
        })
    };
    let needed = [code("calm", "some"), code("joy", "much"), code("dark", "some")];
    let weighed = [needed.as_slice(), &[json!({ "link_id": "weight", "value_decimal": 70.5 })]].concat();
    vec![
        response("b12f75b8-83fb-83f5-89eb-f4218a8459d9", "in_progress", &[code("too-much", "every-day")]),
        response(questionnaire, "completed", &needed),
        response(questionnaire, "completed", &weighed),
    ]
}

/// Imports the invented questionnaire with a score of an item that needs no answer and has no bounds.
async fn import_with_plain_score(app: &TestApp) -> String {
    let scoring = app.database.path().join("scoring.json");
    let rules =
        json!({ "version": "1", "scores": [{ "id": "weight", "label": "Weight", "items": ["weight"] }] });
    std::fs::write(&scoring, rules.to_string()).expect("the file is written");
    let more = QuestionnairesImport { scoring: Some(scoring), ..QuestionnairesImport::default() };
    id_of(&import(app, FIXTURE, more).await.expect("the import succeeds"))
}

/// Stores what a noun refers to, and what its answers are derived from.
async fn prepare(kind: Kind, person: &Person, inputs: &mut [Value]) {
    if kind == Kind::Dose {
        let medication = for_noun(Kind::Medication, Describe).example;
        let id = person.post("/v1/medications", &medication).await.expect(201).id();
        for input in inputs {
            input["medication_id"] = json!(id);
        }
    } else if kind == Kind::CravingEvent {
        let mut contacts = Vec::new();
        for (member, value) in [("phone", "+12025550143"), ("email", "robin@example.org")] {
            let contact = json!({ "name": "Robin", "relationship": "friend", member: value });
            contacts.push(person.post("/v1/support-contacts", &contact).await.expect(201).id());
        }
        let plan = json!({ "kind": "relapse_prevention", "title": "Mine", "content": {
            "triggers": [{ "label": "Payday", "kind": "external" }],
            "strategies": [{ "label": "A walk", "category": "exercise" }], "contact_ids": contacts,
        }});
        let id = person.post("/v1/plans", &plan).await.expect(201).id();
        person.post_empty(&format!("/v1/plans/{id}/activate")).await.expect(200);
    }
}

/// The requests of one noun.
struct Noun {
    kind: Kind,
    name: String,
    example: Value,
}

struct Describe;

impl ForNoun for Describe {
    type Output = Noun;

    fn run<T: Record>(self) -> Noun {
        let mut example = serde_json::to_value(T::example()).expect("JSON");
        for name in T::READ_ONLY {
            example.as_object_mut().expect("an object").remove(*name);
        }
        Noun { kind: T::KIND, name: T::name().into_owned(), example }
    }
}

/// A person who stores inputs of one noun, and takes them away again.
struct Author<'a> {
    person: &'a Person,
    noun: &'a Noun,
    /// The use event that is reviewed, with the version of its review.
    reviewed: Option<(String, i64)>,
}

impl Author<'_> {
    /// The operation that creates a record, and the member of its response that has the record.
    fn operation(&self) -> (String, Option<&'static str>) {
        match self.noun.kind {
            Kind::UseEventReview => ("putUseEventReview".to_owned(), None),
            Kind::CravingEvent => ("createCravingEvent".to_owned(), Some("craving_event")),
            Kind::UseEvent => ("createUseEvent".to_owned(), Some("use_event")),
            _ => (format!("create{}", self.noun.name), None),
        }
    }

    async fn store(&mut self, input: &Value) -> Response {
        if let Some((event, version)) = &mut self.reviewed {
            let path = format!("/v1/use-events/{event}/review");
            let response = self.person.put(&path, *version, input).await;
            *version += i64::from(response.status == 200);
            return response;
        }
        self.person.post(&format!("/v1/{}", self.noun.kind.path()), input).await
    }

    /// Sends an answer back as it came, and deletes the record.
    async fn send_back(&self, answer: &Value) {
        let Some(id) = answer["id"].as_str().filter(|_| self.reviewed.is_none()) else { return };
        let path = format!("/v1/{}/{id}", self.noun.kind.path());
        let version = answer["version"].as_i64().expect("a version");
        let replaced = self.person.put(&path, version, answer).await.expect(200);
        let version = replaced.body["version"].as_i64().expect("a version");
        self.person.delete(&path, version).await.expect(204);
    }
}

/// Returns the JSON pointer of every member inside a value, those inside an object before the object.
fn pointers(at: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| pointers(&format!("{at}/{n}"), item, found));
        }
        Value::Object(members) => {
            for (name, member) in members {
                let inner = format!("{at}/{name}");
                pointers(&inner, member, found);
                found.push(inner);
            }
        }
        _ => {}
    }
}

/// Returns a value without the member at a pointer, if it has it.
fn without(value: &Value, pointer: &str) -> Option<Value> {
    let (parent, name) = pointer.rsplit_once('/')?;
    let mut rest = value.clone();
    rest.pointer_mut(parent)?.as_object_mut()?.remove(name)?;
    Some(rest)
}

/// Stores an input and ever smaller parts of it, taking its members away in this order.
async fn explore(author: &mut Author<'_>, input: &Value, order: &[String], conformance: &mut Conformance) {
    let (operation, member) = author.operation();
    let mut smallest: Option<Value> = None;
    let candidates = std::iter::once(None).chain(order.iter().map(Some));
    for pointer in candidates {
        let before = smallest.as_ref().unwrap_or(input);
        let candidate = match pointer {
            None => Some(before.clone()),
            Some(pointer) => without(before, pointer),
        };
        let Some(candidate) = candidate else { continue };
        let response = author.store(&candidate).await;
        if response.status >= 300 {
            assert!(pointer.is_some(), "{}: {}", operation, response.text);
            assert!([409, 422].contains(&response.status), "{operation}: {}", response.text);
            continue;
        }
        conformance.compare(&operation, response.status, &response.body);
        author.send_back(member.map_or(&response.body, |member| &response.body[member])).await;
        smallest = Some(candidate);
    }
}

/// Schemas inside nouns that these inputs do not bring about: the invented questionnaire asks for no quantity.
const NOT_SEEN: [&str; 1] = ["AnswerQuantity"];

async fn every_noun_is_answered_as_its_schema_says(app: &TestApp) {
    let mut conformance = Conformance::new(app.document().await);
    let mut schemas = BTreeSet::new();
    let questionnaire = import_with_plain_score(app).await;
    for kind in Kind::ALL.iter().copied() {
        let noun = for_noun(kind, Describe);
        // Helplines of this country have not been reviewed.
        let elsewhere = json!({ "email": "jun@example.org", "country": "JP", "time_zone": "Asia/Tokyo" });
        let person =
            if kind == Kind::UseEvent { app.person_with(elsewhere).await } else { app.person().await };
        let mut inputs = vec![noun.example.clone()];
        inputs.extend(further_inputs(kind, &questionnaire));
        prepare(kind, &person, &mut inputs).await;
        let mut author = Author { person: &person, noun: &noun, reviewed: None };
        if kind == Kind::UseEventReview {
            let event = for_noun(Kind::UseEvent, Describe).example;
            let stored = person.post("/v1/use-events", &event).await.expect(201);
            let event = stored.body["use_event"]["id"].as_str().expect("an id").to_owned();
            let review = format!("/v1/use-events/{event}/review");
            let body = noun.example.to_string().into_bytes();
            let first = person.send("PUT", &review, &[], Some(body)).await.expect(201);
            conformance.compare("putUseEventReview", 201, &first.body);
            author.reviewed = Some((event, 1));
        }
        for input in inputs {
            let mut order = Vec::new();
            pointers("", &input, &mut order);
            explore(&mut author, &input, &order, &mut conformance).await;
            order.reverse();
            explore(&mut author, &input, &order, &mut conformance).await;
        }
        schemas.insert(noun.name.clone());
        schemas.extend(conformance.inside(&json!({ "$ref": format!("#/components/schemas/{}", noun.name) })));
    }
    assert_eq!(conformance.faults(), Vec::<String>::new());
    let unseen: Vec<String> =
        conformance.unseen(&schemas).into_iter().filter(|name| !NOT_SEEN.contains(&name.as_str())).collect();
    assert_eq!(unseen, Vec::<String>::new());
    let always = conformance.never_absent(&schemas);
    assert_eq!(always, Vec::<String>::new(), "optional members that the server always gives");
}

/// Operations that read and need no id.
fn reads(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().expect("paths");
    let reads = paths.iter().filter_map(|(path, item)| {
        let id = item["get"]["operationId"].as_str()?;
        let is_json = item["get"]["responses"]["200"]["content"].get("application/json").is_some();
        (is_json && !path.contains('{')).then(|| (id.to_owned(), path.clone()))
    });
    reads.collect()
}

async fn every_other_answer_is_as_its_schema_says(app: &TestApp) {
    let document = app.document().await;
    let mut conformance = Conformance::new(document.clone());
    let (new, known) = (app.person().await, app.person().await);
    store_examples(&known, &mut conformance).await;
    for (operation, path) in reads(&document) {
        for person in [&new, &known] {
            let query = if operation == "getSeries" { "?metric=craving" } else { "" };
            let response = person.get(&format!("{path}{query}")).await;
            if response.status == 200 {
                conformance.compare(&operation, 200, &response.body);
            }
        }
    }
    let insights: Value = serde_json::from_str(INSIGHTS).expect("JSON");
    for (request, body) in insights.as_object().expect("an object") {
        let path = format!("/v1/insights/{}", request.split('?').next().unwrap_or_default());
        let operation = document["paths"][path.as_str()]["get"]["operationId"].as_str().expect("an id");
        let schema = conformance.response_schema(operation, 200);
        conformance.compare_shape(operation, &schema, body);
    }
    assert_eq!(conformance.faults(), Vec::<String>::new());
}

/// Stores the example of every noun, reads each in every way, and sends what the account can send.
async fn store_examples(person: &Person, conformance: &mut Conformance) {
    let mut medication = Value::Null;
    for kind in Kind::ALL.iter().copied().filter(|kind| *kind != Kind::UseEventReview) {
        let mut noun = for_noun(kind, Describe);
        if kind == Kind::Dose {
            noun.example["medication_id"] = medication.clone();
        }
        let path = format!("/v1/{}", kind.path());
        let stored = person.post(&path, &noun.example).await.expect(201);
        let one = stored.header("location");
        let read = person.get(&one).await.expect(200);
        if kind == Kind::Medication {
            medication = read.body["id"].clone();
        }
        conformance.compare(&format!("get{}", noun.name), 200, &read.body);
        let replaced = person.put(&one, 1, &read.body).await.expect(200);
        conformance.compare(&format!("replace{}", noun.name), 200, &replaced.body);
        let history = person.get(&format!("{one}/history")).await.expect(200);
        conformance.compare(&format!("list{}History", noun.name), 200, &history.body);
        match kind {
            Kind::Plan => {
                let active = person.post_empty(&format!("{one}/activate")).await.expect(200);
                conformance.compare("activatePlan", 200, &active.body);
                let numbers = person.get(&format!("{one}/numbers")).await.expect(200);
                conformance.compare("listPlanNumbers", 200, &numbers.body);
                let compared = person.get(&format!("{one}/numbers/2?compare_to=1")).await.expect(200);
                conformance.compare("getPlanNumber", 200, &compared.body);
            }
            Kind::Medication => {
                let due = person.get(&format!("{one}/due")).await.expect(200);
                conformance.compare("listDueDoses", 200, &due.body);
            }
            Kind::UseEvent | Kind::CravingEvent => {
                let help = person.get(&format!("{one}/support")).await.expect(200);
                conformance.compare(&format!("get{}Support", noun.name), 200, &help.body);
            }
            _ => {}
        }
    }
    let unknown = json!({ "kind": "momentary", "occurred_at": "x", "answers": {}, "more": 1 });
    let problem = person.post("/v1/check-ins", &unknown).await.expect(422);
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    conformance.compare_shape("Problem", &schema, &problem.body);
    let push = json!({ "changes": [
        { "kind": "check-ins", "op": "upsert", "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a4f", "record": unknown },
    ]});
    let synchronized = person.post("/v1/sync", &push).await.expect(200);
    conformance.compare("synchronize", 200, &synchronized.body);
}
