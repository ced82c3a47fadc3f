//! Checks that the OpenAPI document is complete and that the server behaves as it says.

use std::collections::{BTreeMap, BTreeSet};

use mainstay_api::{openapi::document::document, routes};
use mainstay_domain::account::Role;
use mainstay_tests::{Client, Helper, Person, Response, TestApp, both_engines};
use serde_json::{Value, json};

use crate::break_glass;

const COMMITTED: &str = include_str!("../../../openapi/openapi.json");
const ROLES: &str = include_str!("../../../docs/roles.md");

/// Collections of reference data, which belong to nobody.
const REFERENCE: [&str; 2] = ["/v1/meetings", "/v1/questionnaires"];

/// Operations that need no sign-in.
const PUBLIC: [&str; 15] = [
    "getDocs",
    "getJwks",
    "getLiveness",
    "getMeeting",
    "getOpenapi",
    "getPart2Notice",
    "getProblemPage",
    "getReadiness",
    "getSecurityTxt",
    "listHelplines",
    "listMeetings",
    "login",
    "refresh",
    "register",
    "getMetrics",
];

/// An operation of the document.
pub struct Operation {
    /// The HTTP method.
    pub method: String,
    /// The path template.
    pub path: String,
    /// What the document says of it.
    pub value: Value,
}

impl Operation {
    /// The operation id.
    pub fn id(&self) -> &str {
        self.value["operationId"].as_str().expect("every operation has an id")
    }

    /// Whether it needs sign-in.
    pub fn needs_sign_in(&self) -> bool {
        self.value.get("security").is_none()
    }

    /// The path with values in place of its parameters.
    fn path_for(&self, id: &str) -> String {
        self.path
            .replace("{id}", id)
            .replace("{proposal_id}", id)
            .replace("{person_id}", id)
            .replace("{n}", "1")
            .replace("{slug}", "validation")
            .replace("{name}", "calendar")
    }

    /// The media type of the body with its schema and example.
    fn content(&self) -> Option<(&str, &Value)> {
        let (media_type, content) = self.value["requestBody"]["content"].as_object()?.iter().next()?;
        Some((media_type, content))
    }

    /// The example of the body; null if there is none.
    fn example(&self) -> Value {
        self.content().map_or(Value::Null, |(_, content)| content["examples"]["example"]["value"].clone())
    }

    /// Sends the example to the path with that id.
    pub async fn call(&self, client: &Client, id: &str) -> Response {
        let mut headers = vec![("if-match", "\"1\"")];
        let body = self.content().map(|(media_type, content)| {
            headers.push(("content-type", media_type));
            content["examples"]["example"]["value"].to_string().into_bytes()
        });
        client.send(&self.method, &self.path_for(id), &headers, body).await
    }
}

/// Lists the operations of a document.
pub fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().expect("a path item").iter().map(|(method, value)| Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                value: value.clone(),
            })
        })
        .collect()
}

#[test]
fn the_committed_document_is_the_generated_one() {
    let committed: Value = serde_json::from_str(COMMITTED).expect("JSON");
    assert!(
        committed == document(&routes::endpoints()),
        "refresh it: cargo run -- openapi > openapi/openapi.json"
    );
}

#[test]
fn the_committed_table_of_roles_is_the_generated_one() {
    assert!(ROLES == routes::roles_text(), "refresh it: cargo run -- openapi --roles > docs/roles.md");
}

#[test]
fn every_operation_is_named_described_and_exemplified() {
    let document = document(&routes::endpoints());
    let mut ids = BTreeSet::new();
    for operation in operations(&document) {
        assert!(ids.insert(operation.id().to_owned()), "{} twice", operation.id());
        for member in ["summary", "description"] {
            assert!(
                operation.value[member].as_str().is_some_and(|text| !text.is_empty()),
                "{} {member}",
                operation.id()
            );
        }
        let responses = operation.value["responses"].as_object().expect("responses");
        for (status, response) in responses.iter().filter(|(_, r)| r.get("content").is_some()) {
            for content in response["content"].as_object().expect("content").values() {
                assert!(
                    !content["examples"]["example"]["value"].is_null(),
                    "{} {status} has no example",
                    operation.id()
                );
            }
        }
    }
}

/// Validates examples against their schemas.
#[test]
fn every_example_is_valid() {
    let document = document(&routes::endpoints());
    let check = |name: String, schema: &Value, example: &Value| {
        let mut schemas = json!({ "components": document["components"] });
        schemas["allOf"] = json!([schema]);
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&schemas)
            .expect("a good schema");
        let errors: Vec<String> =
            validator.iter_errors(example).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    };
    for operation in operations(&document) {
        // A patch need not have what a record must have.
        if let Some((_, content)) = operation.content().filter(|_| operation.method != "PATCH") {
            check(
                format!("{} request", operation.id()),
                &content["schema"],
                &content["examples"]["example"]["value"],
            );
        }
        for (status, response) in operation.value["responses"].as_object().expect("responses") {
            for content in response["content"].as_object().into_iter().flat_map(|c| c.values()) {
                check(
                    format!("{} {status}", operation.id()),
                    &content["schema"],
                    &content["examples"]["example"]["value"],
                );
            }
        }
    }
    for response in document["components"]["responses"].as_object().expect("responses").values() {
        let content = &response["content"]["application/problem+json"];
        for (name, example) in content["examples"].as_object().expect("examples") {
            check(name.clone(), &content["schema"], &example["value"]);
        }
    }
}

both_engines!(
    every_operation_but_a_named_few_requires_sign_in,
    no_operation_reaches_a_record_of_another_person,
    every_operation_of_the_document_is_routed,
);

async fn every_operation_but_a_named_few_requires_sign_in(app: &TestApp) {
    let document = app.document().await;
    let mut public = BTreeSet::new();
    for operation in operations(&document) {
        for client in [app.client(), app.client().with_token("nonsense")] {
            let response = operation.call(&client, "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47").await;
            if operation.needs_sign_in() {
                assert_eq!(
                    (response.status, response.problem().as_str()),
                    (401, "unauthenticated"),
                    "{}",
                    operation.id()
                );
                assert!(response.header("www-authenticate").starts_with("Bearer"), "{}", operation.id());
            } else {
                assert_ne!(response.problem(), "unauthenticated", "{}", operation.id());
                public.insert(operation.id().to_owned());
            }
        }
    }
    assert!(public.iter().all(|id| PUBLIC.contains(&id.as_str())), "{public:?}");
}

/// Gives a person a record of each collection, and of what else has an id that only its owner may use. Returns the ids by the
/// path of the collection.
pub async fn own_one_of_each(app: &TestApp, document: &Value, sam: &Person) -> BTreeMap<String, String> {
    let mut owned: BTreeMap<String, String> = BTreeMap::new();
    let all = operations(document);
    let mut creating: Vec<&Operation> = all.iter().filter(|o| o.id().starts_with("create")).collect();
    // A dose refers to a medication, which therefore comes first.
    creating.sort_by_key(|o| o.example().get("medication_id").is_some());
    for operation in creating {
        let mut example = operation.example();
        if example.get("medication_id").is_some() {
            example["medication_id"] = json!(owned["/v1/medications"]);
        }
        let response = sam.post(&operation.path, &example).await.expect(201);
        let id = response.header("location").rsplit('/').next().unwrap_or_default().to_owned();
        owned.insert(operation.path.clone(), id);
        // The example can be tried again, unless only one such record may exist.
        let again = sam.post(&operation.path, &example).await;
        let is_fine = again.status == 201 || (again.status, again.problem().as_str()) == (409, "goal-exists");
        assert!(is_fine, "{}: {}", operation.id(), again.text);
    }
    let another = sam.another_device().await;
    owned.insert(
        "/v1/auth/sessions".to_owned(),
        another.tokens["session_id"].as_str().expect("an id").to_owned(),
    );
    let lee = app.account_of(Role::Clinician).await;
    owned.insert("/v1/break-glass".to_owned(), break_glass::opened(&lee, sam).await.id());
    // Whose record it is, for what others may see of it.
    owned.insert("/v1/shared".to_owned(), sam.account["id"].as_str().expect("an id").to_owned());
    // Somebody else takes it. Here nobody has.
    owned.insert("/v1/invitations/accepted".to_owned(), owned["/v1/invitations"].clone());
    let robin = Helper::new(app, &app.person().await, Role::Supporter).await;
    let words = robin.encourage(sam, "I think of you.").await.expect("they are stored");
    owned.insert("/v1/encouragements".to_owned(), words.to_string());
    owned
}

async fn no_operation_reaches_a_record_of_another_person(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let document = app.document().await;
    let owned = own_one_of_each(app, &document, &sam).await;
    let mut tried = 0;
    for operation in operations(&document).iter().filter(|o| o.path.contains("{id}")) {
        // What somebody else shares has tests of its own.
        if operation.path.contains("{person_id}") {
            continue;
        }
        let collection = operation.path.split("/{id}").next().expect("a collection");
        if REFERENCE.contains(&collection) {
            continue;
        }
        let id = owned.get(collection).unwrap_or_else(|| panic!("nothing was created in {collection}"));
        let response = operation.call(&kim.client, id).await;
        assert_eq!(
            (response.status, response.problem().as_str()),
            (404, "not-found"),
            "{} {}",
            operation.method,
            operation.path
        );
        tried += 1;
    }
    assert!(tried >= 20, "{tried}");
    for operation in operations(&document)
        .iter()
        .filter(|o| o.id().starts_with("list") && o.needs_sign_in() && !o.path.contains('{'))
    {
        let text = operation.call(&kim.client, "").await.expect(200).text;
        assert!(owned.values().all(|id| !text.contains(id)), "{}", operation.id());
    }
}

async fn every_operation_of_the_document_is_routed(app: &TestApp) {
    let sam = app.person().await;
    for operation in operations(&app.document().await) {
        // Signing out would end the walk.
        if operation.id() != "logout" {
            let response = operation.call(&sam.client, "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47").await;
            let described = operation.value["responses"].get(response.status.to_string()).is_some();
            assert!(described, "{} answers {}: {}", operation.id(), response.status, response.text);
        }
    }
}
