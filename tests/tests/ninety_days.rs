//! Three people use Mainstay for ninety days: no acknowledged record is ever lost, and none is doubled.

use std::time::{Duration, Instant};

use mainstay_tests::{
    Backup, Client, Database, Engine, Process, TestApp, both_engines,
    ninety_days::{self, Counts, Played, Player, Pulse, random::Random},
};

/// The number of kills of the server.
const KILLS: u64 = 20;
/// The number of restores.
const RESTORES: u64 = 4;

both_engines!(
    ninety_days_of_three_people_can_be_read_back,
    a_server_that_is_killed_again_and_again_loses_nothing,
    a_server_that_is_restored_from_backups_again_and_again_loses_nothing,
);

async fn ninety_days_of_three_people_can_be_read_back(app: &TestApp) {
    let [one, two, three] = ninety_days::people();
    let play = async |program| {
        let mut player = Player::register(&app.url, program).await;
        assert_eq!(player.play(None).await, Played::Finished);
        assert_eq!((player.tally.broken_connections, player.tally.unavailable), (0, 0));
        assert!(player.tally.ignored_responses > 20 && player.tally.token_renewals > 0, "{:?}", player.tally);
        assert_complete(player.verify().await);
    };
    tokio::join!(play(one), play(two), play(three));
}

/// The server is killed with requests in flight, and started again.
async fn a_server_that_is_killed_again_and_again_loses_nothing(database: &Database) {
    let server = Process::start(database, None, &[]).await;
    let (url, port) = (server.url.clone(), server.port());
    let pulse = Pulse::default();
    let programs = ninety_days::people();
    let steps: usize = programs.iter().map(|program| program.steps.len()).sum();

    let kills = async {
        let mut random = Random::new(match database.engine {
            Engine::Sqlite => 0x5eed_0001,
            Engine::Postgres => 0x5eed_0002,
        });
        let mut server = server;
        let share = u64::try_from(steps).unwrap() / (KILLS + 1);
        for n in 1..=KILLS {
            pulse.reached(n * share + random.number() % (share / 2)).await;
            // A random delay, so that kills happen at different points of a request.
            for _ in 0..random.number() % 60 {
                tokio::task::yield_now().await;
            }
            server.kill();
            server = Process::start(database, Some(port), &[]).await;
        }
        server
    };
    let play = async |program| {
        let mut player = Player::register(&url, program).await;
        while player.play(Some(&pulse)).await == Played::Interrupted {
            wait_until_ready(&url).await;
        }
        player
    };
    let [one, two, three] = programs;
    let (_server, one, two, three) = tokio::join!(kills, play(one), play(two), play(three));

    let mut broken = 0;
    for mut player in [one, two, three] {
        broken += player.tally.broken_connections;
        assert_complete(player.verify().await);
    }
    assert!(
        broken >= usize::try_from(KILLS).unwrap(),
        "each kill breaks at least one connection, not {broken} in all"
    );
}

/// The server is killed with requests in flight, and goes on from a backup of what it left.
async fn a_server_that_is_restored_from_backups_again_and_again_loses_nothing(database: &Database) {
    let server = Process::start(database, None, &[]).await;
    let (url, port) = (server.url.clone(), server.port());
    let pulse = Pulse::default();
    let programs = ninety_days::people();
    let steps: usize = programs.iter().map(|program| program.steps.len()).sum();
    let restores = async {
        let (mut random, mut server) = (Random::new(0x5eed_0003), server);
        let share = u64::try_from(steps).unwrap() / (RESTORES + 1);
        for n in 1..=RESTORES {
            pulse.reached(n * share + random.number() % (share / 2)).await;
            server.kill();
            let backup = Backup::take(database).await;
            backup.restore().await;
            server = Process::start(database, Some(port), &[]).await;
        }
        server
    };
    let play = async |program| {
        let mut player = Player::register(&url, program).await;
        while player.play(Some(&pulse)).await == Played::Interrupted {
            wait_until_ready(&url).await;
        }
        player
    };
    let [one, two, three] = programs;
    let (_server, one, two, three) = tokio::join!(restores, play(one), play(two), play(three));
    for mut player in [one, two, three] {
        let refused = player.tally.tags_from_before;
        assert!(refused >= usize::try_from(RESTORES - 1).unwrap(), "{:?}", player.tally);
        assert_complete(player.verify().await);
    }
}

#[track_caller]
fn assert_complete(counts: Counts) {
    assert!(counts.listed >= 1400 && counts.deleted >= 10 && counts.numbers >= 2, "{counts:?}");
}

/// Waits until a server that is being started is ready.
async fn wait_until_ready(url: &str) {
    let client = Client::new(url);
    let started = Instant::now();
    while client
        .try_send("GET", "/health/ready", &[], None)
        .await
        .is_none_or(|response| response.status != 200)
    {
        assert!(started.elapsed() < Duration::from_mins(1), "the server does not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
