//! Working together, from the side of those who help: proposals, sign-offs, kind words, commitments of their own.

use mainstay_tests::{
    Person, Response, TestApp, both_engines,
    samples::sample_id,
    sharing::{as_helper, disclosed, give_consent, invite_as, share, told_of_others},
};
use serde_json::{Value, json};

use crate::break_glass;

both_engines!(
    a_counselor_proposes_after_a_lapse_and_the_person_accepts_with_a_change,
    a_proposal_leaves_what_its_helper_does_not_see_as_it_is,
    a_proposal_is_declined_withdrawn_or_outdated,
    who_may_not_propose_finds_nothing,
    five_kind_words_a_day_and_the_thanks_for_them,
    a_commitment_is_shared_told_of_and_taken_back,
    a_clinician_signs_the_whole_plan_off,
    a_request_with_a_key_takes_effect_once_and_is_judged_again,
    wrong_fields_are_named_only_to_those_who_may,
    the_person_reads_who_did_what,
    who_took_an_invitation_introduces_themselves,
);

/// Every class that a plan has something of.
const WHOLE_PLAN: [&str; 3] = ["plans", "support_contacts", "safety"];
/// The longest answer to wait for a record that nobody has.
const UNKNOWN: &str = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a99";

fn id_of(person: &Person) -> &str {
    person.account["id"].as_str().expect("an id")
}

fn base(person: &Person) -> String {
    format!("/v1/shared/{}", id_of(person))
}

/// The content of a plan with a walk of that name.
fn content(walk: &str) -> Value {
    json!({
        "triggers": [{ "id": sample_id(1), "label": "Payday", "kind": "external" }],
        "strategies": [{ "id": sample_id(3), "label": walk, "category": "mindful_walking", "trigger_ids": [sample_id(1)] }],
    })
}

/// Creates a plan. Returns its path for its person, and for others.
async fn plan_of(person: &Person, content: Value) -> (String, String) {
    let body = json!({ "kind": "relapse_prevention", "title": "Staying well", "content": content });
    let id = person.post("/v1/plans", &body).await.expect(201).id();
    (format!("/v1/plans/{id}"), format!("{}/plans/{id}", base(person)))
}

/// Creates a plan with a contact in its list and in a step, and something about overdoses.
async fn plan_with_contact(person: &Person) -> (String, String, String) {
    let contact = json!({ "name": "Robin", "relationship": "friend", "phone": "+12025550143" });
    let contact = person.post("/v1/support-contacts", &contact).await.expect(201).id();
    let mut content = content("Walk");
    content["contact_ids"] = json!([contact]);
    content["overdose_safety"] = json!({ "naloxone_at_hand": true, "note": "In the drawer" });
    content["situations"] = json!([{
        "id": sample_id(5), "label": "Alone on payday", "category": "unpleasant_emotions",
        "steps": [{ "text": "Breathe" }, { "contact_id": contact }, { "text": "Call", "contact_id": contact }],
    }]);
    let (own, shared) = plan_of(person, content).await;
    (own, shared, contact)
}

async fn accept(person: &Person, path: &str, version: i64, body: &Value) -> Response {
    let tag = format!("\"{version}\"");
    let headers = [("if-match", tag.as_str())];
    person.send("POST", &format!("{path}/accept"), &headers, Some(body.to_string().into_bytes())).await
}

/// An answer about somebody else's record, with the notice.
fn with_notice(response: Response) -> Response {
    assert!(response.header("x-part2-notice").contains("42 CFR"), "{}", response.text);
    assert!(response.header("link").contains("rel=\"part2-notice\""));
    assert_eq!(response.header("cache-control"), "private, no-store");
    assert!(response.body["disclosure"]["consent_id"].is_string(), "{}", response.text);
    response
}

/// A problem without the id of its request and its path.
fn bare(response: &Response) -> Value {
    let mut body = response.body.clone();
    let members = body.as_object_mut().expect("a problem");
    members.remove("request_id");
    members.remove("instance");
    body
}

async fn a_counselor_proposes_after_a_lapse_and_the_person_accepts_with_a_change(app: &TestApp) {
    let (sam, lee) = (app.person().await, as_helper(app, "clinician").await);
    let (own, shared) = plan_of(&sam, content("Walk")).await;
    share(&sam, &lee, "clinician", &[WHOLE_PLAN.as_slice(), &["use"]].concat()).await;
    let lapse = json!({ "substance": "alcohol", "occurred_at": "2026-02-10T20:00:00-05:00", "harm": "none" });
    sam.post("/v1/use-events", &lapse).await.expect(201);
    lee.get(&format!("{}/use-events", base(&sam))).await.expect(200);
    let mut seen = lee.get(&shared).await.expect(200).body["content"].clone();
    seen["strategies"][0]["label"] = json!("Walk with someone");
    let new =
        json!({ "id": sample_id(20), "plan_number": 1, "content": seen, "note": "What about company?" });
    let path = format!("{shared}/proposals");
    let made = with_notice(lee.post(&path, &new).await.expect(201));
    assert_eq!((&made.body["status"], &made.body["by_role"]), (&json!("open"), &json!("clinician")));
    assert_eq!(made.body["difference"]["changed"][0]["before"]["label"], "Walk");
    assert_eq!(made.body["difference"]["changed"][0]["after"]["label"], "Walk with someone");
    let again = with_notice(lee.post(&path, &new).await.expect(200));
    assert_eq!((again.header("idempotent-replayed").as_str(), &again.body), ("true", &made.body));
    let other = json!({ "id": sample_id(20), "content": content("Run") });
    assert_eq!(lee.post(&path, &other).await.expect(409).problem(), "id-conflict");
    // The person sees what would change, and wants it a little otherwise.
    let proposal = format!("{own}/proposals/{}", sample_id(20));
    let told = sam.get(&proposal).await.expect(200).body;
    assert_eq!((&told["by"], &told["note"]), (&lee.account["id"], &json!("What about company?")));
    assert_eq!(told["difference"], made.body["difference"]);
    let edited = json!({ "edited_content": content("Walk with my brother") });
    let accepted = accept(&sam, &proposal, 1, &edited).await.expect(200);
    assert_eq!(accepted.body["number"], 2);
    let seen = with_notice(lee.get(&format!("{path}/{}", sample_id(20))).await.expect(200));
    assert_eq!((&seen.body["status"], &seen.body["accepted_number"]), (&json!("accepted"), &json!(2)));
    let plan = lee.get(&shared).await.expect(200).body;
    assert_eq!(plan["content"]["strategies"][0]["label"], "Walk with my brother");
    let listed = with_notice(lee.get(&path).await.expect(200)).items();
    assert_eq!((listed.len(), &listed[0]["status"]), (1, &json!("accepted")));
    assert!(listed[0].get("content").is_none() && listed[0].get("difference").is_none());
}

async fn a_proposal_leaves_what_its_helper_does_not_see_as_it_is(app: &TestApp) {
    let (sam, lee) = (app.person().await, as_helper(app, "clinician").await);
    let (own, shared, contact) = plan_with_contact(&sam).await;
    share(&sam, &lee, "clinician", &["plans"]).await;
    // A change that nobody else sees, so that the plan is at another number than the one that is shown.
    let mut body = sam.get(&own).await.body;
    body["content"]["overdose_safety"]["note"] = json!("In the hall");
    sam.put(&own, 1, &body).await.expect(200);
    let mut seen = lee.get(&shared).await.expect(200).body;
    assert_eq!(seen["number"], 1);
    seen["content"]["strategies"][0]["label"] = json!("Walk with someone");
    let new = json!({ "id": sample_id(20), "plan_number": 1, "content": seen["content"] });
    let made = lee.post(&format!("{shared}/proposals"), &new).await.expect(201);
    for hidden in [contact.as_str(), "drawer", "hall", "naloxone"] {
        assert!(!made.text.contains(hidden), "{hidden}: {}", made.text);
    }
    let count = |body: &Value, member: &str| body["difference"][member].as_array().map_or(9, Vec::len);
    assert_eq!((&made.body["plan_number"], &made.body["difference"]["compare_to"]), (&json!(1), &json!(1)));
    for body in [&made.body, &sam.get(&format!("{own}/proposals/{}", sample_id(20))).await.body] {
        assert_eq!(
            (count(body, "added"), count(body, "removed"), count(body, "changed")),
            (0, 0, 1),
            "{body}"
        );
    }
    // Another change that is hidden is told neither as a difference nor as a status.
    body["content"]["overdose_safety"]["note"] = json!("In the kitchen");
    sam.put(&own, 2, &body).await.expect(200);
    let mine = format!("{shared}/proposals/{}", sample_id(20));
    assert_eq!(lee.get(&mine).await.expect(200).body, made.body);
    assert_eq!(lee.get(&format!("{shared}/proposals")).await.items()[0]["status"], "open");
    assert_eq!(sam.get(&format!("{own}/proposals/{}", sample_id(20))).await.body["status"], "outdated");
    let mut edited = body["content"].clone();
    edited["strategies"][0]["label"] = json!("Walk with someone");
    let proposal = format!("{own}/proposals/{}", sample_id(20));
    let accepted = accept(&sam, &proposal, 3, &json!({ "edited_content": edited })).await.expect(200).body;
    assert_eq!(accepted["content"]["contact_ids"], json!([contact]));
    assert_eq!(accepted["content"]["situations"], body["content"]["situations"]);
    let decided = lee.get(&mine).await.expect(200).body;
    assert_eq!((&decided["status"], decided.get("accepted_number")), (&json!("accepted"), None));
    // With a consent for the rest the numbers are shown too.
    give_consent(&sam, &lee, &["support_contacts", "safety"]).await;
    let whole = lee.get(&mine).await.expect(200).body;
    assert_eq!((&whole["plan_number"], &whole["accepted_number"]), (&json!(2), &json!(4)));
}

async fn a_proposal_is_declined_withdrawn_or_outdated(app: &TestApp) {
    let (sam, lee) = (app.person().await, as_helper(app, "clinician").await);
    let (own, shared) = plan_of(&sam, content("Walk")).await;
    share(&sam, &lee, "clinician", &WHOLE_PLAN).await;
    let path = format!("{shared}/proposals");
    let propose = async |n: u128, walk: &str| {
        app.clock.advance(chrono::TimeDelta::seconds(1));
        let new = json!({ "id": sample_id(n), "content": content(walk) });
        lee.post(&path, &new).await.expect(201);
        sample_id(n)
    };
    let declined = propose(20, "Walk early").await;
    let reason = json!({ "reason": "Mornings are for my daughter." });
    sam.post(&format!("{own}/proposals/{declined}/decline"), &reason).await.expect(200);
    let seen = lee.get(&format!("{path}/{declined}")).await.expect(200).body;
    assert_eq!((&seen["status"], &seen["reason"]), (&json!("declined"), &reason["reason"]));
    let withdrawn = propose(21, "Walk late").await;
    let withdraw = format!("{path}/{withdrawn}/withdraw");
    let back = with_notice(lee.post_empty(&withdraw).await.expect(200));
    assert_eq!((&back.body["status"], back.body.get("content")), (&json!("withdrawn"), None));
    assert_eq!(lee.post_empty(&withdraw).await.expect(409).problem(), "proposal-decided");
    assert_eq!(
        lee.post_empty(&format!("{path}/{declined}/withdraw")).await.expect(409).problem(),
        "proposal-decided"
    );
    assert_eq!(sam.get(&format!("{own}/proposals/{withdrawn}")).await.body["status"], "withdrawn");
    let outdated = propose(22, "Walk by night").await;
    let mut body = sam.get(&own).await.body;
    body["content"] = content("Walk by the river");
    sam.put(&own, 1, &body).await.expect(200);
    let seen = lee.get(&format!("{path}/{outdated}")).await.expect(200).body;
    assert_eq!((&seen["status"], &seen["difference"]["compare_to"]), (&json!("outdated"), &json!(2)));
    let before = disclosed(app, &sam).await.len();
    let late = json!({ "plan_number": 1, "content": content("Run") });
    assert_eq!(lee.post(&path, &late).await.expect(409).problem(), "plan-number");
    // The refusal tells the number of the plan.
    assert_eq!(disclosed(app, &sam).await.len(), before + 1);
    let ids: Vec<_> = lee.get(&path).await.items().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, [json!(outdated), json!(withdrawn), json!(declined)]);
    let first = lee.get(&format!("{path}?limit=2")).await.expect(200).body;
    let next = first["next_cursor"].as_str().expect("another page");
    let second = lee.get(&format!("{path}?limit=2&cursor={next}")).await.expect(200);
    assert_eq!(second.items()[0]["id"], json!(declined));
    lee.get(&format!("{path}?limit=0")).await.expect(422);
}

async fn who_may_not_propose_finds_nothing(app: &TestApp) {
    let sam = app.person().await;
    let (own, shared) = plan_of(&sam, content("Walk")).await;
    let (robin, kim, peer, stranger) = (
        as_helper(app, "supporter").await,
        as_helper(app, "supporter").await,
        as_helper(app, "supporter").await,
        app.person().await,
    );
    let lee = as_helper(app, "clinician").await;
    share(&sam, &robin, "supporter", &["abstinence", "warnings"]).await;
    invite_as(&sam, &kim, "supporter", "family").await;
    give_consent(&sam, &kim, &["plans"]).await;
    break_glass::opened(&lee, &sam).await;
    lee.get(&shared).await.expect(200);
    let consent = share(&sam, &peer, "supporter", &["plans"]).await;
    let new = json!({ "content": content("Walk early") });
    let path = format!("{shared}/proposals");
    let mine = peer.post(&path, &new).await.expect(201);
    assert_eq!(mine.body["by_role"], "supporter");
    let mine = format!("{path}/{}", mine.id());
    let nobody = stranger.post(&format!("/v1/shared/{UNKNOWN}/plans/{UNKNOWN}/proposals"), &new).await;
    let refused = async |who: &Person| {
        for response in [
            who.post(&path, &new).await,
            who.send("POST", &path, &[], Some(b"{".to_vec())).await,
            who.post(&path, &json!({ "nothing": 1 })).await,
            who.get(&path).await,
            who.get(&mine).await,
            who.post_empty(&format!("{mine}/withdraw")).await,
        ] {
            assert_eq!(bare(&response.expect(404)), bare(&nobody));
        }
    };
    for who in [&robin, &kim, &lee, &stranger, &sam] {
        refused(who).await;
    }
    // A plan that is not there, and one that is another person's.
    let (_, others) = plan_of(&stranger, content("Walk")).await;
    let others = others.rsplit('/').next().expect("an id");
    for plan in [UNKNOWN, others, "x"] {
        let path = format!("{}/plans/{plan}/proposals", base(&sam));
        for response in [peer.post(&path, &new).await, peer.get(&path).await] {
            assert_eq!(bare(&response.expect(404)), bare(&nobody), "{plan}");
        }
    }
    // Another helper does not see the proposals of this one.
    let sponsor = as_helper(app, "supporter").await;
    share(&sam, &sponsor, "supporter", &["plans"]).await;
    assert!(sponsor.get(&path).await.expect(200).items().is_empty());
    sponsor.get(&mine).await.expect(404);
    sponsor.post_empty(&format!("{mine}/withdraw")).await.expect(404);
    sam.post(&format!("/v1/consents/{consent}/revoke"), &json!({})).await.expect(200);
    refused(&peer).await;
    let stored = sam.get(&format!("{own}/proposals")).await.expect(200).items();
    assert_eq!((stored.len(), &stored[0]["status"]), (1, &json!("open")));
}

/// Noon of a later day in New York, where the people of the tests live. Everybody has to sign in again.
fn go_to_noon(app: &TestApp) {
    let now = app.clock.now();
    let day = now.date_naive() + chrono::TimeDelta::days(2);
    app.clock.advance(day.and_hms_opt(17, 0, 0).expect("a time").and_utc() - now);
}

async fn five_kind_words_a_day_and_the_thanks_for_them(app: &TestApp) {
    let (sam, robin) = (app.person().await, as_helper(app, "supporter").await);
    let consent = share(&sam, &robin, "supporter", &["abstinence"]).await;
    go_to_noon(app);
    let (sam, robin) = (sam.another_device().await, robin.another_device().await);
    let path = format!("{}/encouragements", base(&sam));
    let first = json!({ "id": sample_id(30), "text": "One step." });
    let sent = with_notice(robin.post(&path, &first).await.expect(201));
    assert_eq!((&sent.body["text"], &sent.body["by_role"]), (&json!("One step."), &json!("supporter")));
    assert_eq!(robin.post(&path, &first).await.expect(200).header("idempotent-replayed"), "true");
    let other = json!({ "id": sample_id(30), "text": "Two steps." });
    assert_eq!(robin.post(&path, &other).await.expect(409).problem(), "id-conflict");
    for n in 2..=5 {
        app.clock.advance(chrono::TimeDelta::seconds(1));
        robin.post(&path, &json!({ "text": format!("Kind words {n}.") })).await.expect(201);
    }
    let refused = robin.post(&path, &json!({ "text": "One more." })).await.expect(429);
    assert_eq!(refused.problem(), "enough-encouragements");
    let wait: i64 = refused.header("retry-after").parse().expect("seconds");
    assert!((10 * 3600..=12 * 3600).contains(&wait), "{wait}");
    assert_eq!(sam.get("/v1/encouragements").await.expect(200).items().len(), 5);
    // Nothing of the person's was given out so far.
    assert!(disclosed(app, &sam).await.is_empty());
    let thanks = format!("/v1/encouragements/{}/thanks", sample_id(30));
    sam.post(&thanks, &json!({ "text": "That meant a lot." })).await.expect(200);
    let listed = with_notice(robin.get(&path).await.expect(200)).items();
    assert_eq!(listed.len(), 5);
    assert_eq!(listed[4]["thanks"]["text"], "That meant a lot.");
    assert!(listed[0].get("thanks").is_none());
    let given = disclosed(app, &sam).await;
    assert_eq!((given.len(), given[0].classes.len()), (1, 0));
    assert_eq!(given[0].description, "the thanks for words of encouragement");
    app.clock.advance(chrono::TimeDelta::seconds(wait));
    let (sam, robin) = (sam.another_device().await, robin.another_device().await);
    robin.post(&path, &json!({ "text": "A new day." })).await.expect(201);
    sam.post(&format!("/v1/consents/{consent}/revoke"), &json!({})).await.expect(200);
    robin.post(&path, &json!({ "text": "Still here." })).await.expect(404);
    robin.post(&path, &first).await.expect(404);
    robin.get(&path).await.expect(404);
    let lee = as_helper(app, "clinician").await;
    break_glass::opened(&lee, &sam).await;
    lee.post(&path, &json!({ "text": "An emergency is no reason." })).await.expect(404);
    assert_eq!(sam.get("/v1/encouragements").await.items().len(), 6);
}

async fn a_commitment_is_shared_told_of_and_taken_back(app: &TestApp) {
    let (sam, robin, kim) =
        (app.person().await, as_helper(app, "supporter").await, as_helper(app, "supporter").await);
    share(&sam, &robin, "supporter", &["abstinence"]).await;
    share(&sam, &kim, "supporter", &["abstinence"]).await;
    let path = format!("{}/commitments", base(&sam));
    let new = json!({ "id": sample_id(40), "text": "I go to bed before eleven.", "on": "2026-03-02" });
    with_notice(robin.post(&path, &new).await.expect(201));
    robin.post(&path, &new).await.expect(200);
    let other = json!({ "id": sample_id(40), "text": "I sleep.", "on": "2026-03-02" });
    assert_eq!(robin.post(&path, &other).await.expect(409).problem(), "id-conflict");
    let one = format!("{path}/{}", sample_id(40));
    for (outcome, shown) in
        [(json!("kept"), json!("kept")), (Value::Null, Value::Null), (json!("unsure"), json!("unsure"))]
    {
        let said = robin.post(&format!("{one}/outcome"), &json!({ "outcome": outcome })).await.expect(200);
        assert_eq!(with_notice(said).body["outcome"], shown);
        assert_eq!(sam.get("/v1/shared-commitments").await.expect(200).items()[0]["outcome"], shown);
    }
    assert_eq!(robin.get(&path).await.expect(200).items().len(), 1);
    // It is the supporter's own.
    assert!(kim.get(&path).await.expect(200).items().is_empty());
    for body in ["{", r#"{"outcome":"kept"}"#, r#"{"nothing":1}"#] {
        let body = Some(body.as_bytes().to_vec());
        kim.send("POST", &format!("{one}/outcome"), &[], body).await.expect(404);
    }
    kim.send("DELETE", &one, &[], None).await.expect(404);
    assert!(disclosed(app, &sam).await.is_empty());
    robin.send("DELETE", &one, &[], None).await.expect(204);
    robin.send("DELETE", &one, &[], None).await.expect(404);
    assert!(sam.get("/v1/shared-commitments").await.items().is_empty());
    let stranger = app.person().await;
    stranger.post(&path, &new).await.expect(404);
    stranger.get(&path).await.expect(404);
}

async fn a_clinician_signs_the_whole_plan_off(app: &TestApp) {
    let (sam, lee) = (app.person().await, as_helper(app, "clinician").await);
    let (own, shared, _) = plan_with_contact(&sam).await;
    let path = format!("{shared}/sign-off");
    share(&sam, &lee, "clinician", &["plans"]).await;
    let number = json!({ "number": 1 });
    lee.post(&path, &number).await.expect(404);
    give_consent(&sam, &lee, &["support_contacts", "safety"]).await;
    let signed = with_notice(lee.post(&path, &number).await.expect(201));
    assert_eq!((&signed.body["number"], &signed.body["by_role"]), (&json!(1), &json!("clinician")));
    let again = lee.post(&path, &number).await.expect(200);
    assert_eq!((again.header("idempotent-replayed").as_str(), again.id()), ("true", signed.id()));
    let all = sam.get(&format!("{own}/sign-offs")).await.expect(200).items();
    assert_eq!((all.len(), &all[0]["by"]), (1, &lee.account["id"]));
    assert_eq!(lee.post(&path, &json!({ "number": 2 })).await.expect(409).problem(), "plan-number");
    assert_eq!(lee.post(&path, &json!({ "number": 0 })).await.expect(422).pointers(), ["/number"]);
    // Others do not sign, whatever they see.
    let robin = as_helper(app, "supporter").await;
    share(&sam, &robin, "supporter", &WHOLE_PLAN).await;
    assert_eq!(robin.post(&path, &number).await.expect(403).problem(), "role-not-allowed");
    let friend = as_helper(app, "clinician").await;
    share(&sam, &friend, "supporter", &WHOLE_PLAN).await;
    for body in ["{", r#"{"number":0}"#, r#"{"number":1}"#] {
        friend.send("POST", &path, &[], Some(body.as_bytes().to_vec())).await.expect(404);
    }
    assert_eq!(sam.get(&format!("{own}/sign-offs")).await.items().len(), 1);
}

async fn a_request_with_a_key_takes_effect_once_and_is_judged_again(app: &TestApp) {
    let (sam, lee) = (app.person().await, as_helper(app, "clinician").await);
    let (own, shared) = plan_of(&sam, content("Walk")).await;
    let consent = share(&sam, &lee, "clinician", &WHOLE_PLAN).await;
    let base = base(&sam);
    let proposals = format!("{shared}/proposals");
    let requests = [
        (proposals.clone(), json!({ "content": content("Walk early") })),
        (format!("{shared}/sign-off"), json!({ "number": 1 })),
        (format!("{base}/encouragements"), json!({ "text": "One step." })),
        (format!("{base}/commitments"), json!({ "text": "I sleep.", "on": "2026-03-02" })),
    ];
    for (n, (path, body)) in requests.iter().enumerate() {
        let key = format!("key {n}");
        let first = lee.post_with_key(path, &key, body).await.expect(201);
        let before = told_of_others(app, &sam, "Lee").await.len();
        let again = with_notice(lee.post_with_key(path, &key, body).await.expect(201));
        assert_eq!(again.body, first.body, "{path}");
        assert_eq!(
            told_of_others(app, &sam, "Lee").await.len(),
            before + 1,
            "{path}: it is accounted for again"
        );
        let mut other = body.clone();
        other["id"] = json!(sample_id(90));
        if path.ends_with("sign-off") {
            other = json!({ "number": 7 });
        }
        let reused = lee.post_with_key(path, &key, &other).await.expect(422);
        assert_eq!(reused.problem(), "idempotency-key-reused", "{path}");
    }
    // Requests without a body, and those whose second time would be refused.
    let mine = lee.get(&proposals).await.items()[0]["id"].as_str().expect("an id").to_owned();
    let withdraw = format!("{proposals}/{mine}/withdraw");
    for _ in 0..2 {
        let back = lee.send("POST", &withdraw, &[("idempotency-key", "back")], None).await.expect(200);
        assert_eq!(back.body["status"], "withdrawn");
    }
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (lee, path) = (lee.clone(), format!("{base}/commitments"));
        posts.spawn(async move {
            let new = json!({ "text": "I call my mother.", "on": "2026-03-03" });
            lee.post_with_key(&path, "at once", &new).await.expect(201).id()
        });
    }
    let mut ids = posts.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(sam.get("/v1/shared-commitments").await.items().len(), 2);
    // What was refused may be sent again with its key.
    let late = json!({ "plan_number": 9, "content": content("Run") });
    lee.post_with_key(&proposals, "late", &late).await.expect(409);
    lee.post_with_key(&proposals, "late", &json!({ "content": content("Run") })).await.expect(201);
    // A retry shows nothing any more once the consent is revoked.
    sam.post(&format!("/v1/consents/{consent}/revoke"), &json!({})).await.expect(200);
    for (n, (path, body)) in requests.iter().enumerate() {
        lee.post_with_key(path, &format!("key {n}"), body).await.expect(404);
    }
    lee.send("POST", &withdraw, &[("idempotency-key", "back")], None).await.expect(404);
    assert_eq!(sam.get(&format!("{own}/proposals")).await.items().len(), 2);
}

async fn wrong_fields_are_named_only_to_those_who_may(app: &TestApp) {
    let (sam, robin, stranger) = (app.person().await, as_helper(app, "supporter").await, app.person().await);
    let (_, shared) = plan_of(&sam, content("Walk")).await;
    share(&sam, &robin, "supporter", &["plans"]).await;
    let mut wrong_content = content("Walk");
    wrong_content["strategies"][0]["trigger_ids"] = json!([sample_id(9)]);
    let long = "a".repeat(2001);
    for (path, body, pointers) in [
        (
            format!("{shared}/proposals"),
            json!({ "content": wrong_content, "note": long, "nothing": 1 }),
            vec!["/content/strategies/0/trigger_ids/0", "/note", "/nothing"],
        ),
        (
            format!("{}/encouragements", base(&sam)),
            json!({ "text": "", "nothing": 1 }),
            vec!["/nothing", "/text"],
        ),
        (
            format!("{}/commitments", base(&sam)),
            json!({ "text": "a".repeat(501), "on": "2026-13-01" }),
            vec!["/on", "/text"],
        ),
    ] {
        let mut named = robin.post(&path, &body).await.expect(422).pointers();
        named.sort();
        assert_eq!(named, pointers, "{path}");
        stranger.post(&path, &body).await.expect(404);
    }
}

async fn the_person_reads_who_did_what(app: &TestApp) {
    let (sam, lee) = (app.person().await, as_helper(app, "clinician").await);
    let (own, shared) = plan_of(&sam, content("Walk")).await;
    let consent = share(&sam, &lee, "clinician", &WHOLE_PLAN).await;
    let base = base(&sam);
    let new = json!({ "id": sample_id(20), "content": content("Walk early") });
    let proposal = format!("{shared}/proposals/{}", sample_id(20));
    lee.post(&format!("{shared}/proposals"), &new).await.expect(201);
    lee.get(&proposal).await.expect(200);
    lee.get(&format!("{shared}/proposals")).await.expect(200);
    lee.post_empty(&format!("{proposal}/withdraw")).await.expect(200);
    lee.post(&format!("{shared}/sign-off"), &json!({ "number": 1 })).await.expect(201);
    lee.post(&format!("{base}/encouragements"), &json!({ "text": "One step." })).await.expect(201);
    lee.get(&format!("{base}/encouragements")).await.expect(200);
    let commitment = json!({ "id": sample_id(40), "text": "I sleep.", "on": "2026-03-02" });
    let commitments = format!("{base}/commitments");
    lee.post(&commitments, &commitment).await.expect(201);
    let one = format!("{commitments}/{}", sample_id(40));
    lee.post(&format!("{one}/outcome"), &json!({ "outcome": "kept" })).await.expect(200);
    lee.send("DELETE", &one, &[], None).await.expect(204);
    assert_eq!(
        told_of_others(app, &sam, "Lee").await,
        [
            "Lee made a proposal about your plans (1).",
            "Lee looked at your plans (1) and proposals.",
            "Lee looked at your proposals.",
            "Lee wrote to your proposals.",
            "Lee signed off your plans (1).",
            "Lee sent you words of encouragement.",
            "Lee looked at your encouragements.",
            "Lee told you of a commitment of their own.",
            "Lee wrote to your list of what others promise themselves.",
            "Lee wrote to your list of what others promise themselves.",
        ]
    );
    // What tells nothing of the person is no disclosure.
    let given = disclosed(app, &sam).await;
    assert_eq!(given.len(), 5, "{given:?}");
    for disclosure in &given {
        assert_eq!(disclosure.consent.expect("a consent").id.to_string(), consent);
    }
    assert_eq!(sam.get(&format!("{own}/proposals")).await.items().len(), 1);
}

async fn who_took_an_invitation_introduces_themselves(app: &TestApp) {
    let (sam, robin, kim) = (app.person().await, app.person().await, app.person().await);
    let new = json!({ "role": "supporter", "relationship": "sponsor" });
    let made = sam.post("/v1/invitations", &new).await.expect(201);
    let path = format!("/v1/invitations/{}/peer-profile", made.id());
    let profile = json!({ "about": "I like long walks.", "languages": ["en"] });
    let body = profile.to_string().into_bytes();
    robin.send("PUT", "/v1/me/peer-profile", &[], Some(body.clone())).await.expect(200);
    sam.get(&path).await.expect(404);
    let acceptance = json!({ "code": made.body["code"], "display_name": "Robin" });
    robin.post("/v1/invitations/accept", &acceptance).await.expect(200);
    assert_eq!(sam.get(&path).await.expect(200).body, profile);
    sam.post_empty(&format!("/v1/invitations/{}/confirm", made.id())).await.expect(200);
    assert_eq!(sam.get(&path).await.expect(200).body, profile);
    kim.get(&path).await.expect(404);
    robin.get(&path).await.expect(404);
    robin.send("DELETE", "/v1/me/peer-profile", &[], None).await.expect(204);
    sam.get(&path).await.expect(404);
    robin.send("PUT", "/v1/me/peer-profile", &[], Some(body)).await.expect(200);
    sam.post_empty(&format!("/v1/invitations/{}/revoke", made.id())).await.expect(200);
    sam.get(&path).await.expect(404);
}
