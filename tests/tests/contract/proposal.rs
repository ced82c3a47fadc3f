//! Proposals to a plan: what the person sees of them, and what accepting and declining do.

use mainstay_domain::account::Role;
use mainstay_store::{ContributionRange, ContributionRefusal, StoreError};
use mainstay_tests::{Helper, Person, Response, TestApp, both_engines, samples::sample_id};
use serde_json::{Value, json};

both_engines!(
    a_proposal_is_shown_with_what_it_would_change,
    an_accepted_proposal_is_the_next_number_of_the_plan,
    a_proposal_can_be_accepted_with_changes,
    an_active_plan_keeps_what_it_needs,
    a_proposal_for_an_earlier_number_is_outdated,
    a_proposal_is_decided_once,
    accepting_needs_the_version_of_the_plan_that_was_seen,
    of_many_answers_at_once_one_counts,
    proposals_of_others_are_not_there,
    what_is_not_there_is_told_of_before_what_is_wrong,
    open_proposals_to_a_plan_are_bounded,
    lists_have_pages,
    an_erased_helper_leaves_their_proposal_without_a_name,
);

/// The content of a plan with a walk of that name.
fn content(walk: &str) -> Value {
    json!({
        "triggers": [{ "id": sample_id(1), "label": "Payday", "kind": "external" }],
        "strategies": [{ "id": sample_id(3), "label": walk, "category": "mindful_walking", "trigger_ids": [sample_id(1)] }],
    })
}

/// Creates a plan. Returns its id and its path.
async fn plan(person: &Person) -> (String, String) {
    let body = json!({ "kind": "relapse_prevention", "title": "Staying well", "content": content("Walk") });
    let id = person.post("/v1/plans", &body).await.expect(201).id();
    let path = format!("/v1/plans/{id}");
    (id, path)
}

async fn accept(person: &Person, path: &str, version: i64, body: &Value) -> Response {
    let tag = format!("\"{version}\"");
    let headers = [("if-match", tag.as_str())];
    person.send("POST", &format!("{path}/accept"), &headers, Some(body.to_string().into_bytes())).await
}

async fn a_proposal_is_shown_with_what_it_would_change(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (id, path) = plan(&sam).await;
    let helper = Helper::new(app, &robin, Role::Clinician).await;
    let mut better = content("Walk before breakfast");
    better["routines"] = json!([{ "text": "Up at seven." }]);
    let proposal = helper.propose(&sam, &id, &better, "Mornings?").await;
    let listed = sam.get(&format!("{path}/proposals")).await.expect(200).items();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0]["status"], &listed[0]["by_role"], &listed[0]["note"], &listed[0]["by"]),
        (&json!("open"), &json!("clinician"), &json!("Mornings?"), &robin.account["id"])
    );
    assert!(listed[0].get("content").is_none() && listed[0].get("difference").is_none());
    let shown = sam.get(&format!("{path}/proposals/{proposal}")).await.expect(200).body;
    assert_eq!((&shown["plan_number"], &shown["plan_id"]), (&json!(1), &json!(id)));
    assert_eq!(shown["content"]["strategies"][0]["label"], "Walk before breakfast");
    let difference = &shown["difference"];
    assert_eq!(difference["compare_to"], 1);
    assert_eq!(difference["changed"][0]["before"]["label"], "Walk");
    assert_eq!(difference["changed"][0]["after"]["label"], "Walk before breakfast");
    assert_eq!(difference["added"][0]["section"], "routines");
    // The plan stays as it is.
    assert_eq!(sam.get(&path).await.body["number"], 1);
    assert!(!sam.get(&format!("{path}/proposals")).await.text.contains(&robin.email));
}

async fn an_accepted_proposal_is_the_next_number_of_the_plan(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (id, path) = plan(&sam).await;
    let helper = Helper::new(app, &robin, Role::Clinician).await;
    let proposal = helper.propose(&sam, &id, &content("Walk early"), "Mornings?").await;
    let proposal = format!("{path}/proposals/{proposal}");
    let accepted = accept(&sam, &proposal, 1, &json!({})).await.expect(200);
    assert_eq!((&accepted.body["number"], &accepted.body["version"]), (&json!(2), &json!(2)));
    assert_eq!(accepted.body["title"], "Staying well");
    assert_eq!(accepted.body["content"]["strategies"][0]["id"], json!(sample_id(3)));
    assert_eq!(accepted.header("etag"), "\"2\"");
    assert_eq!(sam.get(&path).await.body, accepted.body);
    let shown = sam.get(&proposal).await.expect(200).body;
    assert_eq!((&shown["status"], &shown["accepted_number"]), (&json!("accepted"), &json!(2)));
    assert!(shown["decided_at"].is_string());
    // It is compared with the number that it was made for.
    assert_eq!(shown["difference"]["compare_to"], 1);
    assert_eq!(shown["difference"]["changed"][0]["before"]["label"], "Walk");
    let second = sam.get(&format!("{path}/numbers/2?compare_to=1")).await.expect(200);
    assert_eq!(second.body["difference"]["changed"][0]["after"]["label"], "Walk early");
    assert_eq!(sam.get(&format!("{path}/numbers/1")).await.body["content"]["strategies"][0]["label"], "Walk");
}

async fn a_proposal_can_be_accepted_with_changes(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (id, path) = plan(&sam).await;
    let helper = Helper::new(app, &robin, Role::Supporter).await;
    let proposal = helper.propose(&sam, &id, &content("Walk early"), "Mornings?").await;
    let proposal = format!("{path}/proposals/{proposal}");
    let mut wrong = content("Walk late");
    wrong["strategies"][0]["trigger_ids"] = json!([sample_id(9)]);
    wrong["contact_ids"] = json!([sample_id(8)]);
    let refused = accept(&sam, &proposal, 1, &json!({ "edited_content": wrong })).await.expect(422);
    assert_eq!(refused.pointers(), ["/edited_content/strategies/0/trigger_ids/0"]);
    let mut unknown = content("Walk late");
    unknown["contact_ids"] = json!([sample_id(8)]);
    let refused = accept(&sam, &proposal, 1, &json!({ "edited_content": unknown })).await.expect(422);
    assert_eq!(refused.pointers(), ["/edited_content/contact_ids/0"]);
    assert_eq!(sam.get(&proposal).await.body["status"], "open");
    let edited = json!({ "edited_content": content("Walk late") });
    let accepted = accept(&sam, &proposal, 1, &edited).await.expect(200);
    assert_eq!(accepted.body["content"]["strategies"][0]["label"], "Walk late");
    let shown = sam.get(&proposal).await.body;
    assert_eq!(shown["accepted_number"], 2);
    assert_eq!(shown["content"]["strategies"][0]["label"], "Walk early", "what was suggested stays");
}

async fn an_active_plan_keeps_what_it_needs(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (id, path) = plan(&sam).await;
    sam.post_empty(&format!("{path}/activate")).await.expect(200);
    let helper = Helper::new(app, &robin, Role::Clinician).await;
    let empty = helper.propose(&sam, &id, &json!({}), "Begin anew?").await;
    let refused = accept(&sam, &format!("{path}/proposals/{empty}"), 2, &json!({})).await.expect(422);
    assert_eq!(refused.pointers(), ["/content/strategies", "/content/triggers"]);
    let good = helper.propose(&sam, &id, &content("Walk early"), "Mornings?").await;
    let accepted = accept(&sam, &format!("{path}/proposals/{good}"), 2, &json!({})).await.expect(200);
    assert_eq!((&accepted.body["status"], &accepted.body["number"]), (&json!("active"), &json!(2)));
    assert_eq!(
        sam.get("/v1/plans/active").await.body["content"]["strategies"][0]["label"],
        "Walk early",
        "the active plan is not one from a cache"
    );
}

async fn a_proposal_for_an_earlier_number_is_outdated(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (id, path) = plan(&sam).await;
    let helper = Helper::new(app, &robin, Role::Clinician).await;
    let first = helper.propose(&sam, &id, &content("Walk early"), "Mornings?").await;
    let other = helper.propose(&sam, &id, &content("Walk late"), "Evenings?").await;
    let mut changed = sam.get(&path).await.body;
    changed["content"] = content("Walk by the river");
    sam.put(&path, 1, &changed).await.expect(200);
    let first = format!("{path}/proposals/{first}");
    let shown = sam.get(&first).await.body;
    assert_eq!((&shown["status"], &shown["plan_number"]), (&json!("outdated"), &json!(1)));
    assert_eq!(shown["difference"]["compare_to"], 2);
    assert_eq!(shown["difference"]["changed"][0]["before"]["label"], "Walk by the river");
    let refused = accept(&sam, &first, 2, &json!({})).await.expect(409);
    assert_eq!(refused.problem(), "plan-number");
    assert_eq!(sam.get(&path).await.body["number"], 2);
    let edited = json!({ "edited_content": content("Walk early by the river") });
    assert_eq!(accept(&sam, &first, 2, &edited).await.expect(200).body["number"], 3);
    let other = format!("{path}/proposals/{other}/decline");
    let declined = sam.post(&other, &json!({ "reason": "Evenings are hard." })).await.expect(200);
    assert_eq!(
        (&declined.body["status"], &declined.body["reason"]),
        (&json!("declined"), &json!("Evenings are hard."))
    );
    // What a helper has seen must be the latest.
    let seen = json!({ "content": content("Walk"), "plan_number": 1 });
    let seen: mainstay_domain::proposal::NewProposal = serde_json::from_value(seen).expect("a proposal");
    let (draft, plan) = (seen.into_draft(&mut mainstay_api::server::id::new_id), id.parse().expect("an id"));
    let refused = helper.write(&sam, move |writer, author| writer.propose(author, plan, draft)).await;
    let other_number = ContributionRefusal::OtherNumber { latest: 3 };
    assert!(matches!(refused, Err(StoreError::Contribution(refusal)) if refusal == other_number));
}

async fn a_proposal_is_decided_once(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (id, path) = plan(&sam).await;
    let helper = Helper::new(app, &robin, Role::Clinician).await;
    let one = helper.propose(&sam, &id, &content("Walk early"), "Mornings?").await;
    let declined_path = format!("{path}/proposals/{one}");
    sam.post(&format!("{declined_path}/decline"), &json!({})).await.expect(200);
    let withdrawn = helper.propose(&sam, &id, &content("Walk late"), "Evenings?").await;
    let plan_id = id.parse().expect("an id");
    let back = helper.write(&sam, move |writer, author| writer.withdraw(author, plan_id, withdrawn)).await;
    assert!(back.is_ok());
    for proposal in [one, withdrawn] {
        let proposal = format!("{path}/proposals/{proposal}");
        for refused in [
            accept(&sam, &proposal, 1, &json!({})).await,
            accept(&sam, &proposal, 1, &json!({ "edited_content": content("Walk") })).await,
            sam.post(&format!("{proposal}/decline"), &json!({})).await,
        ] {
            assert_eq!(refused.expect(409).problem(), "proposal-decided");
        }
    }
    assert_eq!(sam.get(&format!("{path}/proposals/{withdrawn}")).await.body["status"], "withdrawn");
    assert_eq!(sam.get(&path).await.body["number"], 1);
}

async fn accepting_needs_the_version_of_the_plan_that_was_seen(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (id, path) = plan(&sam).await;
    let helper = Helper::new(app, &robin, Role::Clinician).await;
    let proposal = helper.propose(&sam, &id, &content("Walk early"), "Mornings?").await;
    let proposal = format!("{path}/proposals/{proposal}");
    assert_eq!(sam.post(&format!("{proposal}/accept"), &json!({})).await.expect(428).status, 428);
    accept(&sam, &proposal, 7, &json!({})).await.expect(412);
    // The same key gets the same answer, although the plan has another version by then.
    let headers = [("if-match", "\"1\""), ("idempotency-key", "accept it")];
    let path = format!("{proposal}/accept");
    let first = sam.send("POST", &path, &headers, Some(b"{}".to_vec())).await.expect(200);
    let again = sam.send("POST", &path, &headers, Some(b"{}".to_vec())).await.expect(200);
    assert_eq!(first.body, again.body);
}

async fn of_many_answers_at_once_one_counts(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (id, path) = plan(&sam).await;
    let helper = Helper::new(app, &robin, Role::Clinician).await;
    let proposal = helper.propose(&sam, &id, &content("Walk early"), "Mornings?").await;
    let proposal = format!("{path}/proposals/{proposal}");
    let mut answers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (sam, proposal) = (sam.clone(), proposal.clone());
        answers.spawn(async move {
            if n % 2 == 0 {
                accept(&sam, &proposal, 1, &json!({})).await.status
            } else {
                sam.post(&format!("{proposal}/decline"), &json!({})).await.status
            }
        });
    }
    let statuses = answers.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 409, 412].contains(status)), "{statuses:?}");
    let is_accepted = sam.get(&proposal).await.body["status"] == "accepted";
    assert_eq!(sam.get(&path).await.body["number"], if is_accepted { 2 } else { 1 });
}

async fn proposals_of_others_are_not_there(app: &TestApp) {
    let (sam, robin, kim) = (app.person().await, app.person().await, app.person().await);
    let ((id, path), (_, other_plan), (_, plan_of_kim)) =
        (plan(&sam).await, plan(&sam).await, plan(&kim).await);
    let helper = Helper::new(app, &robin, Role::Clinician).await;
    let proposal = helper.propose(&sam, &id, &content("Walk early"), "Mornings?").await;
    for (person, path) in [(&kim, &path), (&robin, &path), (&sam, &other_plan), (&kim, &plan_of_kim)] {
        let proposal = format!("{path}/proposals/{proposal}");
        person.get(&proposal).await.expect(404);
        accept(person, &proposal, 1, &json!({})).await.expect(404);
        person.post(&format!("{proposal}/decline"), &json!({})).await.expect(404);
    }
    kim.get(&format!("{path}/proposals")).await.expect(404);
    // Another helper does not see it either, and cannot take it back.
    let (other, plan_id) = (Helper::new(app, &kim, Role::Clinician).await, id.parse().expect("an id"));
    let range = ContributionRange { after: None, limit: 10 };
    let work = move |writer: &mut mainstay_store::LockedWriter<'_, '_>, author: &mainstay_store::Author| {
        assert!(writer.records().own_proposals(author, plan_id, range)?.items.is_empty());
        writer.withdraw(author, plan_id, proposal)
    };
    assert!(matches!(other.write(&sam, work).await, Err(StoreError::NotFound)));
    // A plan that is deleted takes its proposals out of sight.
    sam.delete(&path, 1).await.expect(204);
    sam.get(&format!("{path}/proposals")).await.expect(404);
    sam.get(&format!("{path}/proposals/{proposal}")).await.expect(404);
}

async fn what_is_not_there_is_told_of_before_what_is_wrong(app: &TestApp) {
    let sam = app.person().await;
    let (_, path) = plan(&sam).await;
    for proposal in [format!("{path}/proposals/{}", sample_id(9)), format!("{path}/proposals/x")] {
        for action in ["accept", "decline"] {
            for body in ["{", "[]", "{}", r#"{"nothing":1}"#] {
                let path = format!("{proposal}/{action}");
                sam.send("POST", &path, &[], Some(body.as_bytes().to_vec())).await.expect(404);
                sam.send("POST", &path, &[("if-match", "\"7\"")], Some(body.as_bytes().to_vec()))
                    .await
                    .expect(404);
            }
        }
    }
}

async fn open_proposals_to_a_plan_are_bounded(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (id, path) = plan(&sam).await;
    let helper = Helper::new(app, &robin, Role::Clinician).await;
    for n in 0..20 {
        helper.propose(&sam, &id, &content(&format!("Walk {n}")), "One of many.").await;
    }
    let new = json!({ "content": content("Walk 21") });
    let new: mainstay_domain::proposal::NewProposal = serde_json::from_value(new).expect("a proposal");
    let (draft, plan) = (new.into_draft(&mut mainstay_api::server::id::new_id), id.parse().expect("an id"));
    let refused = helper.write(&sam, move |writer, author| writer.propose(author, plan, draft)).await;
    assert!(matches!(refused, Err(StoreError::Contribution(ContributionRefusal::TooMany))));
    let first = sam.get(&format!("{path}/proposals?limit=1")).await.items()[0]["id"].clone();
    let first = first.as_str().expect("an id");
    sam.post(&format!("{path}/proposals/{first}/decline"), &json!({})).await.expect(200);
    helper.propose(&sam, &id, &content("Walk 21"), "Now there is room.").await;
}

async fn lists_have_pages(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (id, path) = plan(&sam).await;
    let helper = Helper::new(app, &robin, Role::Clinician).await;
    let mut all = Vec::new();
    for n in 0..5 {
        all.push(json!(helper.propose(&sam, &id, &content(&format!("Walk {n}")), "One of some.").await));
    }
    all.reverse();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = sam.get(&format!("{path}/proposals?limit=2{cursor}")).await.expect(200);
        seen.extend(page.items().into_iter().map(|item| item["id"].clone()));
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), all.len());
    assert!(all.iter().all(|id| seen.contains(id)));
    for wrong in ["limit=0", "cursor=x", "order=asc"] {
        sam.get(&format!("{path}/proposals?{wrong}")).await.expect(422);
    }
}

async fn an_erased_helper_leaves_their_proposal_without_a_name(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (id, path) = plan(&sam).await;
    let helper = Helper::new(app, &robin, Role::Clinician).await;
    let proposal = helper.propose(&sam, &id, &content("Walk early"), "Mornings?").await;
    let erasure = json!({ "password": mainstay_tests::PASSWORD }).to_string().into_bytes();
    robin.send("DELETE", "/v1/me", &[], Some(erasure.clone())).await.expect(204);
    let shown = sam.get(&format!("{path}/proposals/{proposal}")).await.expect(200).body;
    assert!(shown.get("by").is_none());
    accept(&sam, &format!("{path}/proposals/{proposal}"), 1, &json!({})).await.expect(200);
    // An account that is gone gives nothing any more.
    let late = helper.write(&sam, move |writer, author| {
        let text = mainstay_domain::encouragement::EncouragementText::new("Late.").expect("a text");
        writer.encourage(author, (sample_id(5), text))
    });
    assert!(matches!(late.await, Err(StoreError::PersonGone)));
    sam.send("DELETE", "/v1/me", &[], Some(erasure)).await.expect(204);
}
