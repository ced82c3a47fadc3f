//! Encouragements: kind words that come, thanks that go back, and words that are hidden.

use mainstay_domain::{account::Role, encouragement::EncouragementText};
use mainstay_store::{Contributed, ContributionRange, ContributionRefusal, StoreError};
use mainstay_tests::{Helper, TestApp, both_engines, samples::sample_id};
use serde_json::json;

both_engines!(
    kind_words_are_read_and_answered,
    hidden_words_leave_the_list_and_their_writer_is_not_told,
    a_day_has_room_for_five,
    the_same_words_sent_again_are_stored_once,
    words_to_others_are_not_there,
);

const NEWEST: ContributionRange = ContributionRange { after: None, limit: 10 };

async fn kind_words_are_read_and_answered(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let helper = Helper::new(app, &robin, Role::Supporter).await;
    helper.encourage(&sam, "One step.").await.expect("it is stored");
    app.clock.advance(chrono::TimeDelta::seconds(1));
    let second = helper.encourage(&sam, "And another.").await.expect("it is stored");
    let words = sam.get("/v1/encouragements").await.expect(200).items();
    let texts: Vec<_> = words.iter().map(|one| &one["text"]).collect();
    assert_eq!(texts, ["And another.", "One step."]);
    assert_eq!((&words[0]["by"], &words[0]["by_role"]), (&robin.account["id"], &json!("supporter")));
    assert!(words[0].get("thanks").is_none());
    let path = format!("/v1/encouragements/{second}/thanks");
    let thanked = sam.post(&path, &json!({})).await.expect(200);
    assert!(thanked.body["thanks"]["at"].is_string() && thanked.body["thanks"].get("text").is_none());
    let again = sam.post(&path, &json!({})).await.expect(200);
    assert_eq!(again.body, thanked.body);
    let with_words = sam.post(&path, &json!({ "text": "That meant a lot." })).await.expect(200);
    assert_eq!(with_words.body["thanks"]["text"], "That meant a lot.");
    let own = helper
        .write(&sam, |writer, author| writer.records().own_encouragements(author, NEWEST))
        .await
        .expect("a page");
    let thanks = own.items[0].thanks.as_ref().expect("thanks");
    assert_eq!(thanks.text.as_deref(), Some("That meant a lot."));
    let long = json!({ "text": "a".repeat(201) });
    assert_eq!(sam.post(&path, &long).await.expect(422).pointers(), ["/text"]);
}

async fn hidden_words_leave_the_list_and_their_writer_is_not_told(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let helper = Helper::new(app, &robin, Role::Supporter).await;
    let id = helper.encourage(&sam, "You must try harder.").await.expect("it is stored");
    let path = format!("/v1/encouragements/{id}");
    sam.send("DELETE", &path, &[], None).await.expect(204);
    sam.send("DELETE", &path, &[], None).await.expect(404);
    sam.post(&format!("{path}/thanks"), &json!({})).await.expect(404);
    assert!(sam.get("/v1/encouragements").await.items().is_empty());
    let own = helper.write(&sam, |writer, author| writer.records().own_encouragements(author, NEWEST)).await;
    assert_eq!(own.expect("a page").items.len(), 1);
}

async fn a_day_has_room_for_five(app: &TestApp) {
    let (sam, robin, kim) = (app.person().await, app.person().await, app.person().await);
    let helper = Helper::new(app, &robin, Role::Supporter).await;
    // Noon of a later day in New York, where the people of the tests live.
    let now = app.clock.now();
    let noon =
        (now.date_naive() + chrono::TimeDelta::days(2)).and_hms_opt(17, 0, 0).expect("a time").and_utc();
    app.clock.advance(noon - now);
    let (sam, robin) = (sam.another_device().await, robin.another_device().await);
    for n in 0..5 {
        helper.encourage(&sam, &format!("Kind words {n}.")).await.expect("it is stored");
    }
    let refused = helper.encourage(&sam, "One more.").await;
    let Err(StoreError::Contribution(ContributionRefusal::EnoughToday { retry_after })) = refused else {
        panic!("{refused:?}");
    };
    assert!((10 * 3600..=12 * 3600).contains(&retry_after), "{retry_after}");
    // Another person, and another supporter, have days of their own.
    let kim = kim.another_device().await;
    helper.encourage(&kim, "For you.").await.expect("it is stored");
    let other = Helper::new(app, &kim, Role::Supporter).await;
    other.encourage(&sam, "From me.").await.expect("it is stored");
    app.clock.advance(chrono::TimeDelta::seconds(retry_after));
    let sam = sam.another_device().await;
    helper.encourage(&sam, "A new day.").await.expect("it is stored");
    assert_eq!(sam.get("/v1/encouragements?limit=3").await.expect(200).items().len(), 3);
    drop(robin);
}

async fn the_same_words_sent_again_are_stored_once(app: &TestApp) {
    let (sam, robin, kim) = (app.person().await, app.person().await, app.person().await);
    let send = async |helper: &Helper<'_>, text: &str| {
        let text = EncouragementText::new(text).expect("a text");
        helper.write(&sam, move |writer, author| writer.encourage(author, (sample_id(1), text))).await
    };
    let helper = Helper::new(app, &robin, Role::Supporter).await;
    assert!(matches!(send(&helper, "One step.").await, Ok(Contributed::New(_))));
    assert!(matches!(send(&helper, "One step.").await, Ok(Contributed::Replayed(_))));
    assert!(matches!(send(&helper, "Another.").await, Err(StoreError::IdConflict)));
    let other = Helper::new(app, &kim, Role::Supporter).await;
    assert!(matches!(send(&other, "One step.").await, Err(StoreError::IdConflict)));
    assert_eq!(sam.get("/v1/encouragements").await.items().len(), 1);
}

async fn words_to_others_are_not_there(app: &TestApp) {
    let (sam, robin, kim) = (app.person().await, app.person().await, app.person().await);
    let helper = Helper::new(app, &robin, Role::Supporter).await;
    let id = helper.encourage(&sam, "For Sam.").await.expect("it is stored");
    for person in [&kim, &robin] {
        for body in ["{}", "{", r#"{"text":3}"#] {
            let path = format!("/v1/encouragements/{id}/thanks");
            person.send("POST", &path, &[], Some(body.as_bytes().to_vec())).await.expect(404);
        }
        person.send("DELETE", &format!("/v1/encouragements/{id}"), &[], None).await.expect(404);
        assert!(person.get("/v1/encouragements").await.items().is_empty());
    }
}
