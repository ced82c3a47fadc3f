//! Rotations that are killed anywhere, and continued by the same command.

use std::{
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use mainstay_tests::{both_engines, database::rand, process};

use super::Keys;

both_engines!(
    a_rotation_that_is_killed_anywhere_goes_on,
    a_rotation_that_is_killed_in_the_middle_makes_no_second_key,
);

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

/// The number of keys, of which a larger one can be set to measure a rotation.
#[expect(clippy::disallowed_methods, reason = "a larger number is passed to the test this way")]
fn keys_to_rotate() -> u128 {
    std::env::var("MAINSTAY_TEST_KEYS").ok().and_then(|keys| keys.parse().ok()).unwrap_or(6_000)
}

/// Prints how long both parts took: `MAINSTAY_TEST_KEYS=100000 cargo nextest run --release --no-capture …`.
async fn a_rotation_that_is_killed_in_the_middle_makes_no_second_key(keys: &Keys) {
    let all = keys_to_rotate();
    drop(keys.serve().await);
    keys.insert(all).await;
    let started = Instant::now();
    let mut child = start(keys);
    let mut rewrapped = 0;
    while rewrapped < all / 2 {
        assert!(child.try_wait().expect("it can be asked").is_none(), "it ended before it was killed");
        tokio::time::sleep(Duration::from_millis(10)).await;
        let done = keys.in_use().count(super::parse(&keys.read_file()).current_id());
        rewrapped = u128::try_from(done).expect("a count");
    }
    child.kill().expect("it was running");
    child.wait().expect("it ends");
    let (killed, rest) = (started.elapsed(), Instant::now());
    keys.succeeds(&["rotate"]);
    let rest = rest.elapsed();
    assert!(keys.is_all_under(&keys.lines()[0]) && keys.lines().len() == 2);
    keys.open_all(&keys.lines()[0], all).await;
    let engine = keys.database.engine;
    eprintln!(
        "{engine:?}: killed after {killed:?} with about {rewrapped} of {all} keys done; the rest took {rest:?}"
    );
}
