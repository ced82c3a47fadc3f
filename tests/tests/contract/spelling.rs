//! Addresses, passwords and locales in the spellings that people, keyboards and phones send.

use chrono::TimeDelta;
use mainstay_tests::{PASSWORD, Response, TestApp, both_engines};
use serde_json::{Value, json};

both_engines!(
    every_spelling_of_an_address_is_one_account,
    an_address_with_something_unseen_is_refused,
    a_password_is_the_same_on_every_keyboard,
    locales_and_countries_are_taken_as_phones_send_them,
    the_country_for_helplines_is_the_region_of_the_locale,
);

/// Spellings of one address: of `jörg@bücher.example`.
const SPELLINGS: [&str; 9] = [
    "j\u{f6}rg@b\u{fc}cher.example",
    "J\u{d6}RG@B\u{dc}CHER.EXAMPLE",
    "jo\u{308}rg@bu\u{308}cher.example",
    "j\u{f6}rg@xn--bcher-kva.example",
    "jo\u{308}rg@XN--BCHER-KVA.Example.",
    "\u{ff4a}\u{f6}\u{ff52}\u{ff47}@b\u{fc}cher.\u{ff45}xample",
    "j\u{f6}rg\u{ff20}b\u{fc}cher\u{3002}example",
    "  j\u{f6}rg@b\u{fc}cher.example\n",
    "J\u{f6}rG@b\u{fc}cher.example.",
];

async fn register(app: &TestApp, members: Value) -> Response {
    let mut body = json!({ "email": "sam@example.org", "password": PASSWORD, "time_zone": "UTC" });
    for (name, value) in members.as_object().expect("an object") {
        body[name] = value.clone();
    }
    app.client().post("/v1/auth/register", &body).await
}

async fn login(app: &TestApp, email: &str, password: &str) -> Response {
    app.client().post("/v1/auth/login", &json!({ "email": email, "password": password })).await
}

async fn every_spelling_of_an_address_is_one_account(app: &TestApp) {
    let mut registered = None;
    for first in SPELLINGS {
        let account = register(app, json!({ "email": first })).await.expect(201).body;
        assert!(account["account"]["email"].as_str().is_some_and(|e| e.ends_with("@xn--bcher-kva.example")));
        assert_ne!(registered, Some(account["account"]["id"].clone()));
        for other in SPELLINGS {
            let again = register(app, json!({ "email": other })).await.expect(409);
            assert_eq!(again.problem(), "email-taken", "{first:?} {other:?}");
        }
        for other in SPELLINGS {
            let found = login(app, other, PASSWORD).await.expect(200).body;
            assert_eq!(found["account"]["id"], account["account"]["id"], "{first:?} {other:?}");
        }
        registered = Some(account["account"]["id"].clone());
        let token = account["tokens"]["access_token"].as_str().expect("a token");
        let erase = json!({ "password": PASSWORD }).to_string().into_bytes();
        app.client().with_token(token).send("DELETE", "/v1/me", &[], Some(erase)).await.expect(204);
    }
    // Wrong passwords count for the address, however it is spelt.
    let mut waits = 0;
    for spelling in SPELLINGS {
        waits += i32::from(login(app, spelling, "not the password").await.status == 429);
    }
    assert!(waits > 0);
}

async fn an_address_with_something_unseen_is_refused(app: &TestApp) {
    app.person_with(json!({ "email": "sam@example.org" })).await;
    for wrong in [
        "sam\u{200b}@example.org",
        "sam@exam\u{ad}ple.org",
        "sam@example\u{2060}.org",
        "\u{202a}sam@example.org\u{202c}",
        "sam\u{0}@example.org",
        "sam@example.org\u{0}",
        "sam@example.org\u{1b}",
        "s\u{3164}am@example.org",
        "sam@exa mple.org",
        "\"sam\"@example.org",
        "sam@[127.0.0.1]",
        "sam@\u{ff0e}",
        "@",
        "\u{301}@example.org",
    ] {
        for response in [register(app, json!({ "email": wrong })).await, login(app, wrong, PASSWORD).await] {
            let response = response.expect(422);
            assert_eq!(response.faults(), [("/email".to_owned(), "format".to_owned())], "{wrong:?}");
        }
    }
}

async fn a_password_is_the_same_on_every_keyboard(app: &TestApp) {
    let (composed, decomposed) =
        ("m\u{fc}de fl\u{fc}sse \u{1ec7}", "mu\u{308}de flu\u{308}sse e\u{302}\u{323}");
    for (n, (at_first, later)) in [(composed, decomposed), (decomposed, composed)].into_iter().enumerate() {
        let email = format!("person{n}@example.org");
        let account = register(app, json!({ "email": email, "password": at_first })).await.expect(201);
        for spelling in [at_first, later] {
            login(app, &email, spelling).await.expect(200);
        }
        login(app, &email, "mude flusse e").await.expect(401);
        let token = account.body["tokens"]["access_token"].as_str().expect("a token");
        let client = app.client().with_token(token);
        // Any character may be part of a password.
        let next = "\u{0}\u{200b} \r any \u{e9}l\u{e8}ve";
        let change = json!({ "current_password": later, "new_password": next });
        client.post("/v1/auth/password/change", &change).await.expect(204);
        login(app, &email, "\u{0}\u{200b} \r any e\u{301}le\u{300}ve").await.expect(200);
        login(app, &email, at_first).await.expect(401);
        app.clock.advance(TimeDelta::minutes(16));
    }
    // Eleven characters are eleven, however many code points they take.
    let short = "u\u{308}".repeat(10) + "x";
    let refused = register(app, json!({ "password": short })).await.expect(422);
    assert_eq!(refused.faults(), [("/password".to_owned(), "length".to_owned())]);
    let long = "m\u{fc}de fl\u{fc}sse ziehen nachts ans meer ".repeat(3) + "und morgen am \u{fc}fer ab x";
    assert_eq!(long.chars().count(), 128);
    let decomposed = long.replace('\u{fc}', "u\u{308}");
    let refused = register(app, json!({ "password": decomposed, "country": "ZZ" })).await.expect(422);
    assert_eq!(refused.pointers(), ["/country"]);
    register(app, json!({ "password": long.replace('\u{fc}', "u\u{308}\u{304}") })).await.expect(201);
}

async fn locales_and_countries_are_taken_as_phones_send_them(app: &TestApp) {
    let sam = app.person_with(json!({ "locale": "en-US-u-hc-h12-x-foo", "country": "uk" })).await;
    assert_eq!(
        (&sam.account["locale"], &sam.account["country"]),
        (&json!("en-US-u-hc-h12-x-foo"), &json!("GB"))
    );
    let mut version = 1;
    for (sent, expected) in [
        ("de-DE-u-co-phonebk", "de-DE"),
        ("sr_Latn_RS", "sr-Latn-RS"),
        ("zh_TW_#Hant", "zh-Hant-TW"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("ca-valencia", "ca-valencia"),
        ("en-GB-u-ca-gregory-fw-mon-hc-h23-mu-celsius-nu-latn", "en-GB-u-ca"),
    ] {
        let profile = json!({ "time_zone": "UTC", "locale": sent, "country": "de" });
        let changed = sam.put("/v1/me", version, &profile).await.expect(200).body;
        assert!(changed["locale"].as_str().is_some_and(|l| l.starts_with(expected)), "{changed}");
        assert_eq!(changed["country"], "DE");
        // An account can be sent back as it was received.
        version += 2;
        sam.put("/v1/me", version - 1, &changed).await.expect(200);
    }
    for (locale, country) in
        [("english please", "ZZ"), ("", ""), ("en-", "XX"), ("\u{0}", "U\u{0}"), ("C", "USA")]
    {
        let profile = json!({ "time_zone": "UTC", "locale": locale, "country": country });
        assert_eq!(
            sam.put("/v1/me", version, &profile).await.expect(422).pointers(),
            ["/country", "/locale"]
        );
    }
}

async fn the_country_for_helplines_is_the_region_of_the_locale(app: &TestApp) {
    for (n, (locale, country)) in [
        ("en-u-hc-h12", "ZZ"),
        ("en-x-gb", "ZZ"),
        ("en_GB", "GB"),
        ("en-UK", "GB"),
        ("de-Latn-DE-u-co-phonebk", "DE"),
    ]
    .into_iter()
    .enumerate()
    {
        let person = json!({ "email": format!("person{n}@example.org"), "locale": locale, "country": null, "time_zone": "UTC" });
        let sam = app.person_with(person).await;
        let help = sam.get("/v1/support").await.expect(200).body;
        assert_eq!(help["helplines"][0]["country"], country, "{locale}");
    }
}
