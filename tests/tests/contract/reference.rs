//! Reference data: practices and helplines.

use std::collections::BTreeSet;

use mainstay_tests::{TestApp, both_engines};

both_engines!(
    the_library_has_at_least_forty_practices_in_every_category,
    helplines_need_no_sign_in,
    a_country_and_a_language_are_found_in_any_case,
);

async fn the_library_has_at_least_forty_practices_in_every_category(app: &TestApp) {
    let sam = app.person().await;
    let all = sam.get("/v1/practices").await.expect(200);
    assert!(all.items().len() >= 40);
    let categories: BTreeSet<String> = all.items().iter().map(|p| p["category"].to_string()).collect();
    assert_eq!(categories.len(), 17);
    let breathing = sam.get("/v1/practices?category=breathing").await.expect(200).items();
    assert!(!breathing.is_empty() && breathing.iter().all(|p| p["category"] == "breathing"));
    assert_eq!(sam.get("/v1/practices?category=none").await.expect(422).pointers(), ["/category"]);
    sam.send("GET", "/v1/practices", &[("if-none-match", &all.header("etag"))], None).await.expect(304);
    app.client().get("/v1/practices").await.expect(401);
}

async fn helplines_need_no_sign_in(app: &TestApp) {
    let client = app.client();
    let found = client.get("/v1/helplines?country=US&language=es").await.expect(200).items();
    assert!(found.iter().all(|h| h["country"] == "US"));
    let text = serde_json::to_string(&found).expect("text");
    for number in ["1-800-662-4357", "1-800-487-4889", "988"] {
        assert!(text.contains(number), "{number}");
    }
    assert!(client.get("/v1/helplines").await.expect(200).items().len() > found.len());
    assert_eq!(client.get("/v1/helplines?country=AQ").await.expect(200).items()[0]["country"], "ZZ");
    assert_eq!(
        client.get("/v1/helplines?country=usa&language=English").await.expect(422).pointers(),
        ["/country", "/language"]
    );
}

async fn a_country_and_a_language_are_found_in_any_case(app: &TestApp) {
    let client = app.client();
    let list = async |query: &str| client.get(&format!("/v1/helplines?{query}")).await.expect(200).text;
    assert_eq!(list("country=us&language=ES").await, list("country=US&language=es").await);
    assert_eq!(list("country=uk").await, list("country=GB").await);
    for unknown in ["country=ZZ&language=zz", "country=XX&language=x", "country=%00A&language=%00e"] {
        let refused = client.get(&format!("/v1/helplines?{unknown}")).await.expect(422);
        assert_eq!(refused.pointers(), ["/country", "/language"], "{unknown}");
    }
}
