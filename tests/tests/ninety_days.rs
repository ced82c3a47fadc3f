//! Three people live ninety days with Mainstay: nothing that was acknowledged is ever lost, nothing is there twice.

use std::time::{Duration, Instant};

use mainstay_tests::{
    Client, Database, Engine, Process, TestApp, both_engines,
    ninety_days::{self, Counts, Played, Player, Pulse, random::Random},
};

both_engines!(three_people_live_ninety_days_and_all_of_it_can_be_read_back);

async fn three_people_live_ninety_days_and_all_of_it_can_be_read_back(app: &TestApp) {
    let [one, two, three] = ninety_days::people();
    let live = async |program| {
        let mut player = Player::register(&app.url, program).await;
        assert_eq!(player.play(None).await, Played::Finished);
        assert_eq!((player.tally.lost, player.tally.turned_away), (0, 0));
        assert!(player.tally.unheard > 20 && player.tally.renewed > 0, "{:?}", player.tally);
        complete(player.verify().await);
    };
    tokio::join!(live(one), live(two), live(three));
}

/// How often the server is killed.
const KILLS: u64 = 20;

#[tokio::test]
async fn a_server_that_is_killed_again_and_again_loses_nothing_on_sqlite() {
    live_through_kills(Engine::Sqlite, 0x5eed_0001).await;
}

#[tokio::test]
async fn a_server_that_is_killed_again_and_again_loses_nothing_on_postgres() {
    live_through_kills(Engine::Postgres, 0x5eed_0002).await;
}

/// Three people live their ninety days while the server is killed with requests in flight, and started again.
async fn live_through_kills(engine: Engine, seed: u64) {
    let database = Database::create(engine);
    let server = Process::start(&database, None, &[]).await;
    let (url, port) = (server.url.clone(), server.port());
    let pulse = Pulse::default();
    let programs = ninety_days::people();
    let steps: usize = programs.iter().map(|program| program.steps.len()).sum();

    let kills = async {
        let mut random = Random::new(seed);
        let mut server = server;
        let share = u64::try_from(steps).unwrap() / (KILLS + 1);
        for n in 1..=KILLS {
            pulse.reached(n * share + random.number() % (share / 2)).await;
            // Some turns later, so that it does not always happen at the same point of a request.
            for _ in 0..random.number() % 60 {
                tokio::task::yield_now().await;
            }
            server.kill();
            server = Process::start(&database, Some(port), &[]).await;
        }
        server
    };
    let live = async |program| {
        let mut player = Player::register(&url, program).await;
        while player.play(Some(&pulse)).await == Played::Interrupted {
            until_ready(&url).await;
        }
        player
    };
    let [one, two, three] = programs;
    let (_server, one, two, three) = tokio::join!(kills, live(one), live(two), live(three));

    let mut lost = 0;
    for mut player in [one, two, three] {
        lost += player.tally.lost;
        complete(player.verify().await);
    }
    assert!(
        lost >= usize::try_from(KILLS).unwrap(),
        "each kill breaks at least one request, not {lost} in all"
    );
}

#[track_caller]
fn complete(counts: Counts) {
    assert!(counts.listed >= 1400 && counts.deleted >= 10 && counts.numbers >= 2, "{counts:?}");
}

/// Waits for the process that is being started.
async fn until_ready(url: &str) {
    let client = Client::new(url);
    let started = Instant::now();
    while client.try_send("GET", "/health/ready", &[], None).await.is_none_or(|answer| answer.status != 200) {
        assert!(started.elapsed() < Duration::from_mins(1), "the server does not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
