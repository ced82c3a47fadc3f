//! Rotations that are killed anywhere, and continued by the same command.

use std::{
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use mainstay_tests::{Engine, Fixture, both_engines, database::rand, process};

use super::Keys;

both_engines!(a_rotation_that_is_killed_anywhere_goes_on);

fn start(keys: &Keys) -> Child {
    process::command(&keys.database)
        .args(["keys", "rotate"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts")
}

async fn a_rotation_that_is_killed_anywhere_goes_on(keys: &Keys) {
    const KEYS: u128 = 3_000;
    drop(keys.serve().await);
    keys.insert(KEYS).await;
    let first = keys.read_file();
    let whole = Instant::now();
    keys.succeeds(&["rotate"]);
    let whole = u128::max(whole.elapsed().as_millis(), 1);
    for _ in 0..8 {
        let mut child = start(keys);
        let after = u64::try_from(rand() % whole).expect("a short time");
        tokio::time::sleep(Duration::from_millis(after)).await;
        // It may have ended already.
        let _ = child.kill();
        child.wait().expect("it ends");
        // Whatever was done, everything opens with the keys of the file, and those from before are still in it.
        assert!(keys.read_file().ends_with(&first));
        keys.open_all(&keys.read_file(), KEYS).await;
    }
    let (newest, lines) = (keys.lines()[0].clone(), keys.lines().len());
    let is_complete = keys.is_all_under(&newest);
    keys.succeeds(&["rotate"]);
    assert_eq!(
        keys.lines().len(),
        lines + usize::from(is_complete),
        "a key is made only after a whole rotation"
    );
    assert!(keys.is_all_under(&keys.lines()[0]));
    keys.succeeds(&["retire"]);
    keys.open_all(&keys.lines()[0], KEYS).await;
}

/// Prints how long a rotation of 100 000 keys takes that is killed in the middle, and the one that goes on.
#[tokio::test]
#[ignore = "a measurement, not a check"]
async fn measure_a_rotation_of_100_000_keys() {
    const KEYS: u128 = 100_000;
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let keys = Keys::create_on(engine).await;
        drop(keys.serve().await);
        keys.insert(KEYS).await;
        let started = Instant::now();
        let mut child = start(&keys);
        let mut rewrapped = 0;
        while rewrapped < 50_000 {
            assert!(child.try_wait().expect("it can be asked").is_none(), "it ended before it was killed");
            tokio::time::sleep(Duration::from_millis(50)).await;
            rewrapped = keys.in_use().count(super::parse(&keys.read_file()).current_id());
        }
        child.kill().expect("it was running");
        child.wait().expect("it ends");
        let (killed, rest) = (started.elapsed(), Instant::now());
        keys.succeeds(&["rotate"]);
        let rest = rest.elapsed();
        assert!(keys.is_all_under(&keys.lines()[0]) && keys.lines().len() == 2);
        println!(
            "{engine:?}: killed after {killed:?} with about {rewrapped} keys done; the rest took {rest:?}"
        );
    }
}
