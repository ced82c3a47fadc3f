//! Who may call what: every operation of the document by every kind of caller, and the answer that was decided for it.
//!
//! [`class`] says of each operation what it is about; an operation without a class fails the test. [`principal`] lists the
//! callers. [`decided`] is the rule, from which each cell of the matrix follows.

mod class;
mod principal;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use mainstay_api::{openapi::document::document, routes};
use mainstay_domain::account::Role;
use mainstay_tests::{Client, Response, TestApp, both_engines};
use serde_json::Value;

use self::{
    class::{Class, classes},
    principal::{Principal, Principals},
};
use crate::document::{Operation, operations, own_one_of_each};

/// An answer, as far as it depends on who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// 401: nobody is signed in.
    SignInNeeded,
    /// 403: the operation is not for the caller's role.
    RoleNotAllowed,
    /// 404: what the path names is not the caller's.
    NotFound,
    /// The caller may call the operation. What comes then depends on the request.
    Allowed,
}

impl Answer {
    fn of(response: &Response) -> Self {
        match (response.status, response.problem().as_str()) {
            (401, "unauthenticated") => Self::SignInNeeded,
            (403, "role-not-allowed") => Self::RoleNotAllowed,
            (404, "not-found") => Self::NotFound,
            _ => Self::Allowed,
        }
    }
}

/// Whether a path names something that belongs to the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// It has the id of something of the owner's.
    TheOwners,
    /// It names nothing of anybody's.
    Nobodys,
}

/// The answer that was decided.
fn decided(class: Class, names: Names, principal: Principal) -> Answer {
    let Some(role) = principal.role() else {
        return if class == Class::Public { Answer::Allowed } else { Answer::SignInNeeded };
    };
    if !class.roles().is_none_or(|roles| roles.contains(role)) {
        return Answer::RoleNotAllowed;
    }
    // Nobody in the matrix has a consent of the owner, who does not reach their own record this way either.
    if class == Class::SharedWithCaller {
        return Answer::NotFound;
    }
    match names {
        Names::TheOwners if principal != Principal::Owner => Answer::NotFound,
        _ => Answer::Allowed,
    }
}

/// The id of the owner that stands for the parameter of a path, if there is one.
fn owners_id<'a>(
    operation: &Operation,
    class: Class,
    owned: &'a BTreeMap<String, String>,
) -> Option<&'a str> {
    if operation.path.contains("{person_id}") {
        return owned.get("/v1/shared").map(String::as_str);
    }
    let (collection, _) = operation.path.split_once("/{id}")?;
    if class == Class::Public || class::REFERENCE_COLLECTIONS.contains(&collection) {
        return None;
    }
    let id = owned.get(collection);
    Some(id.unwrap_or_else(|| panic!("the owner has nothing in {collection}")))
}

#[test]
fn every_operation_has_one_class_and_the_roles_of_it() {
    let classes = classes();
    let mut named = BTreeSet::new();
    for (id, _) in &classes {
        assert!(named.insert(*id), "{id} twice");
    }
    for operation in operations(&document(&routes::endpoints())) {
        let id = operation.id();
        let class = classes.iter().find(|(name, _)| *name == id).map(|(_, class)| *class);
        let class = class.unwrap_or_else(|| panic!("{id} has no class: add it to matrix/class.rs"));
        named.remove(id);
        assert_eq!(operation.needs_sign_in(), class != Class::Public, "{id}");
        let roles = class.roles().map(|roles| roles.iter().map(Role::as_str).collect::<Value>());
        assert_eq!(operation.value.get("x-roles"), roles.as_ref(), "{id}");
        let is_for_all = class.roles().is_none_or(|roles| roles.contains(Role::Operator));
        let problems = operation.value["x-problem-types"].as_array().expect("problems");
        assert_eq!(problems.contains(&"role-not-allowed".into()), !is_for_all, "{id}");
        assert!(is_for_all || operation.value["responses"].get("403").is_some(), "{id}");
    }
    assert!(named.is_empty(), "there is no {named:?}");
}

both_engines!(
    every_caller_gets_the_decided_answer_of_every_operation,
    an_operator_reaches_no_record_whatever_the_path_names,
);

async fn every_caller_gets_the_decided_answer_of_every_operation(app: &TestApp) {
    let document = app.document().await;
    let principals = Principals::create(app).await;
    let owned = own_one_of_each(app, &document, &principals.owner).await;
    let classes: BTreeMap<&str, Class> = classes().into_iter().collect();
    let mut all = operations(&document);
    // What reads comes before what deletes.
    all.sort_by_key(|operation| operation.method == "DELETE");
    let mut wrong = Vec::new();
    for operation in &all {
        let class = classes[operation.id()];
        let id = owners_id(operation, class, &owned);
        let names = if id.is_some() { Names::TheOwners } else { Names::Nobodys };
        let cells = Principal::ALL.iter().map(async |principal| {
            let client = principals.client(app, *principal, operation).await;
            let answer = call(operation, &client, id.unwrap_or(principal::UNKNOWN_ID)).await;
            (*principal, answer)
        });
        for (principal, response) in join_all(cells).await {
            let expected = decided(class, names, principal);
            let answer = Answer::of(&response);
            // What names nothing of anybody's may be missing, and an owner need not have everything.
            let may_miss = names == Names::Nobodys || class::MAY_BE_EMPTY.contains(&operation.id());
            // A wrong query is told before anything is looked for, and tells nothing.
            let is_wrong_query = class == Class::SharedWithCaller && response.status == 422;
            let is_right = answer == expected
                || is_wrong_query
                || expected == Answer::Allowed && may_miss && answer == Answer::NotFound;
            if !is_right {
                wrong.push(format!(
                    "{} by {principal:?}: {} {}, decided was {expected:?}",
                    operation.id(),
                    response.status,
                    response.problem()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn call(operation: &Operation, client: &Client, id: &str) -> Response {
    operation.call(client, id).await
}

async fn an_operator_reaches_no_record_whatever_the_path_names(app: &TestApp) {
    let operator = app.account_of(Role::Operator).await;
    let classes: BTreeMap<&str, Class> = classes().into_iter().collect();
    let mut tried = 0;
    for operation in operations(&app.document().await) {
        if !matches!(classes[operation.id()], Class::OwnRecord | Class::SharedWithCaller) {
            continue;
        }
        for id in [principal::UNKNOWN_ID, "not-an-id"] {
            let path =
                operation.path.replace("{id}", id).replace("{proposal_id}", id).replace("{person_id}", id);
            let path = path.replace("{n}", "0").replace("{name}", "nothing");
            // Neither a body nor a precondition is looked at.
            let mut methods = vec![operation.method.as_str()];
            if operation.method == "GET" {
                methods.push("HEAD");
            }
            for method in methods {
                let response = operator.send(method, &path, &[], None).await;
                assert_eq!(response.status, 403, "{method} {path}: {}", response.text);
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
}
