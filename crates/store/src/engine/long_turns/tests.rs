use std::thread;

use super::*;

const SAM: Uuid = Uuid::from_u128(1);
const KIM: Uuid = Uuid::from_u128(2);
const ALEX: Uuid = Uuid::from_u128(3);
const ENOUGH: Duration = Duration::from_secs(20);

async fn soon(turn: impl Future<Output = Result<LongTurn>>) -> LongTurn {
    timeout(ENOUGH, turn).await.expect("it comes").unwrap()
}

/// Works until its turn pauses. The thread gives how the pause ended, with the turn.
fn until_it_pauses(turn: LongTurn, is_over: bool) -> thread::JoinHandle<(Result<Duration>, LongTurn)> {
    thread::spawn(move || {
        let began = Instant::now();
        loop {
            match turn.pause_for_others(|_length| is_over) {
                Ok(Duration::ZERO) if began.elapsed() < ENOUGH => thread::sleep(Duration::from_millis(5)),
                end => return (end, turn),
            }
        }
    })
}

#[tokio::test]
async fn a_read_pauses_while_others_run_and_goes_on() {
    let turns = LongTurns::new(4);
    let sam = until_it_pauses(soon(turns.wait(SAM)).await, false);
    let kim = until_it_pauses(soon(turns.wait(KIM)).await, false);
    // Both become dear, so one of them pauses at once, and goes on when the other has ended.
    let alex = soon(turns.wait(ALEX)).await;
    drop(alex);
    let wait = tokio::task::spawn_blocking(move || {
        while !sam.is_finished() && !kim.is_finished() {
            thread::sleep(Duration::from_millis(5));
        }
        let (first, second) = if sam.is_finished() { (sam, kim) } else { (kim, sam) };
        let (end, turn) = first.join().unwrap();
        assert!(end.unwrap() > Duration::ZERO);
        drop(turn);
        drop(second.join());
    });
    timeout(ENOUGH, wait).await.expect("it goes on").unwrap();
}

#[tokio::test]
async fn a_pause_ends_when_the_job_is_over() {
    let turns = LongTurns::new(4);
    let sam = until_it_pauses(soon(turns.wait(SAM)).await, true);
    let kim = soon(turns.wait(KIM)).await;
    let (end, turn) = tokio::task::spawn_blocking(move || sam.join().unwrap())
        .await
        .unwrap();
    assert!(matches!(end, Err(StoreError::Busy)));
    drop((turn, kim));
    assert!(turns.schedule().next(Instant::now()).is_none());
    soon(turns.wait(SAM)).await;
}

#[tokio::test]
async fn a_read_that_looks_at_nothing_does_not_keep_a_place_from_those_who_have_taken_little() {
    let turns = LongTurns::new(4);
    let (_sam, _kim) = (soon(turns.wait(SAM)).await, soon(turns.wait(KIM)).await);
    let began = Instant::now();
    soon(turns.wait(ALEX)).await;
    assert!(
        began.elapsed() >= Duration::from_millis(200),
        "both places were taken at first"
    );
}

#[tokio::test]
async fn one_that_gives_up_leaves_nothing() {
    let turns = LongTurns::new(2);
    let (sam, kim) = (soon(turns.wait(SAM)).await, soon(turns.wait(KIM)).await);
    assert!(
        timeout(Duration::from_millis(20), turns.wait(ALEX))
            .await
            .is_err()
    );
    drop((sam, kim));
    assert!(turns.schedule().next(Instant::now()).is_none());
    soon(turns.wait(ALEX)).await;
}
