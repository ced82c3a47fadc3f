//! Restrictions: what a person keeps from others.

use mainstay_tests::{TestApp, both_engines, samples::sample_id, sharing::helper_of};
use serde_json::json;

const PATH: &str = "/v1/restrictions";

both_engines!(
    a_restriction_is_agreed_at_once_and_ends_when_the_person_says_so,
    a_restriction_that_is_sent_again_is_stored_once,
    whatever_is_wrong_with_a_restriction_is_named,
    nobody_else_reaches_a_restriction,
    a_hundred_restrictions_are_kept_and_one_that_has_ended_makes_room,
);

async fn a_restriction_is_agreed_at_once_and_ends_when_the_person_says_so(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let restriction = json!({ "data_classes": ["use", "cravings"], "recipients": [robin.account["id"]], "reason": "Not yet." });
    let stored = sam.post(PATH, &restriction).await.expect(201);
    assert_eq!((&stored.body["status"], &stored.body["version"]), (&json!("agreed"), &json!(1)));
    for (name, value) in restriction.as_object().expect("an object") {
        assert_eq!(&stored.body[name], value);
    }
    let path = stored.header("location");
    assert_eq!(sam.get(&path).await.expect(200).body, stored.body);
    let ended = sam.post_empty(&format!("{path}/end")).await.expect(200);
    assert_eq!((&ended.body["status"], &ended.body["version"]), (&json!("ended"), &json!(2)));
    assert_eq!(ended.body["ended_at"], ended.body["updated_at"]);
    assert_eq!(sam.post_empty(&format!("{path}/end")).await.expect(200).body, ended.body);
    let second = sam.post(PATH, &json!({ "data_classes": ["notes"] })).await.expect(201);
    assert_eq!(second.body["recipients"], json!([]));
    let mut items = sam.get(PATH).await.expect(200).items();
    items.sort_by_key(|item| item["version"].as_i64());
    assert_eq!(items, [second.body, ended.body]);
}

async fn a_restriction_that_is_sent_again_is_stored_once(app: &TestApp) {
    let sam = app.person().await;
    let mut restriction = json!({ "id": sample_id(1), "data_classes": ["use"] });
    let first = sam.post(PATH, &restriction).await.expect(201);
    let path = first.header("location");
    let again = sam.post(PATH, &restriction).await.expect(200);
    assert_eq!((again.header("idempotent-replayed").as_str(), &again.body), ("true", &first.body));
    sam.post_empty(&format!("{path}/end")).await.expect(200);
    assert_eq!(sam.post(PATH, &restriction).await.expect(200).body["status"], "ended");
    restriction["data_classes"] = json!(["use", "goals"]);
    assert_eq!(sam.post(PATH, &restriction).await.expect(409).problem(), "id-conflict");
}

async fn whatever_is_wrong_with_a_restriction_is_named(app: &TestApp) {
    let sam = app.person().await;
    for (body, pointers) in [
        (json!({}), vec!["/data_classes"]),
        (json!({ "data_classes": [] }), vec!["/data_classes"]),
        (json!({ "data_classes": ["use", "use"] }), vec!["/data_classes/1"]),
        (json!({ "data_classes": ["journal"], "reason": "" }), vec!["/data_classes/0", "/reason"]),
        (
            json!({ "data_classes": ["use"], "recipients": [sample_id(1), sam.account["id"]] }),
            vec!["/recipients/0", "/recipients/1"],
        ),
        (json!({ "data_classes": ["use"], "status2": 1 }), vec!["/status2"]),
    ] {
        assert_eq!(sam.post(PATH, &body).await.expect(422).pointers(), pointers, "{body}");
    }
    assert!(sam.get(PATH).await.expect(200).items().is_empty());
}

async fn nobody_else_reaches_a_restriction(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let path = sam.post(PATH, &json!({ "data_classes": ["use"] })).await.expect(201).header("location");
    for path in [path.clone(), format!("{PATH}/{}", sample_id(9)), format!("{PATH}/nothing")] {
        for response in [kim.get(&path).await, kim.post_empty(&format!("{path}/end")).await] {
            assert_eq!((response.status, response.problem().as_str()), (404, "not-found"));
        }
    }
    assert_eq!(sam.get(&path).await.expect(200).body["status"], "agreed");
}

async fn a_hundred_restrictions_are_kept_and_one_that_has_ended_makes_room(app: &TestApp) {
    let sam = app.person().await;
    for n in 1..=100 {
        sam.post(PATH, &json!({ "id": sample_id(n), "data_classes": ["use"] })).await.expect(201);
    }
    let more = json!({ "data_classes": ["use"] });
    assert_eq!(sam.post(PATH, &more).await.expect(409).problem(), "limit-reached");
    sam.post_empty(&format!("{PATH}/{}/end", sample_id(5))).await.expect(200);
    sam.post(PATH, &more).await.expect(201);
    sam.get(&format!("{PATH}/{}", sample_id(5))).await.expect(404);
}
