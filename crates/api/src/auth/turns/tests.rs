//! Who gets a turn, who waits, and who is refused.

use futures_util::future::join_all;
use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::*;

fn from(network: &str) -> Applicant<'_> {
    Applicant {
        customer: network,
        network,
        account: None,
        precedence: Precedence::Usual,
    }
}

fn of_customer<'a>(customer: &'a str, network: &'a str) -> Applicant<'a> {
    Applicant {
        customer,
        ..from(network)
    }
}

fn known(network: &str, account: u128) -> Applicant<'_> {
    Applicant {
        precedence: Precedence::First,
        ..of_account(network, account)
    }
}

fn of_account(network: &str, account: u128) -> Applicant<'_> {
    Applicant {
        account: Some(Uuid::from_u128(account)),
        ..from(network)
    }
}

/// Lets applicants wait, in this order, for the only turn; returns the order in which they get it.
async fn order(applicants: &[Applicant<'static>]) -> Vec<usize> {
    let turns = Turns::new(1);
    let first = turns.acquire(from("first")).await.unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks: Vec<JoinHandle<()>> = Vec::new();
    for (n, applicant) in applicants.iter().copied().enumerate() {
        let (turns, served) = (turns.clone(), Arc::clone(&served));
        tasks.push(tokio::spawn(async move {
            let turn = turns.acquire(applicant).await.unwrap();
            served.lock().unwrap().push(n);
            drop(turn);
        }));
        tokio::task::yield_now().await;
    }
    drop(first);
    join_all(tasks).await;
    let served = served.lock().unwrap();
    served.clone()
}

#[tokio::test]
async fn networks_take_turns() {
    let (flood, other, third) = (from("flood"), from("other"), from("third"));
    assert_eq!(
        order(&[flood, flood, flood, flood, other, third, other]).await,
        [0, 4, 5, 1, 6, 2, 3],
        "a newcomer waits for one of the flood"
    );
}

#[tokio::test]
async fn a_customer_has_one_turn_in_rotation_however_many_networks_it_has() {
    let flood = |network| of_customer("flood", network);
    let (other, third) = (from("other"), from("third"));
    let applicants = [
        flood("1"),
        flood("1"),
        flood("2"),
        flood("3"),
        flood("4"),
        other,
        third,
        other,
    ];
    assert_eq!(order(&applicants).await, [0, 5, 6, 2, 7, 3, 4, 1]);
}

#[tokio::test]
async fn an_account_has_one_turn_of_its_network_in_rotation_however_often_it_asks() {
    let (flood, other) = (of_account("one", 1), of_account("one", 2));
    let applicants = [flood, flood, flood, other, from("two"), other];
    assert_eq!(order(&applicants).await, [0, 4, 3, 1, 5, 2]);
}

#[tokio::test]
async fn many_accounts_of_one_network_delay_another_network_by_one_turn() {
    let mut applicants: Vec<_> = (0..30).map(|n| of_account("flood", n)).collect();
    applicants.push(of_account("other", 99));
    assert_eq!(order(&applicants).await[..3], [0, 30, 1]);
}

#[tokio::test]
async fn many_accounts_of_one_network_do_not_fill_the_queue_for_another() {
    let turns = Turns::new(1);
    let _under_way = turns.acquire(from("first")).await.unwrap();
    let mut places = Vec::new();
    for account in 0..400 {
        places.extend(turns.enter(of_account("flood", account)).map(Result::unwrap_err));
    }
    assert!(places.len() < 100, "{}", places.len());
    assert!(turns.enter(of_account("flood", 1000)).is_none());
    assert!(turns.enter(of_account("elsewhere", 1001)).is_some());
}

#[tokio::test]
async fn the_networks_of_one_customer_do_not_fill_the_queue() {
    let turns = Turns::new(1);
    let _under_way = turns.acquire(from("first")).await.unwrap();
    let mut places = Vec::new();
    for network in 0..256 {
        while let Some(entered) = turns.enter(of_customer("flood", &network.to_string())) {
            places.push(entered.unwrap_err());
        }
    }
    assert!(turns.enter(of_customer("flood", "another")).is_none());
    let elsewhere = turns.enter(from("elsewhere")).unwrap().unwrap_err();
    assert_eq!(turns.lock().others.before(&from("third").path()), 2);
    drop((places, elsewhere));
    assert_eq!(turns.lock().others.sizes(), (0, 0));
}

#[tokio::test]
async fn who_comes_first_is_served_first_and_others_are_not_forgotten() {
    let other = from("other");
    let device = |n| known("devices", n);
    assert_eq!(order(&[other, other, device(1), device(2)]).await, [2, 3, 0, 1]);
    let devices = [1, 2, 3, 4, 5, 6].map(device);
    assert_eq!(
        order(&[&[other], devices.as_slice()].concat()).await,
        [1, 2, 3, 4, 0, 5, 6],
        "after four devices the one without a token has a turn"
    );
}

#[tokio::test]
async fn whoever_would_wait_too_long_is_refused_at_once_and_other_networks_are_not() {
    let turns = Turns::new(1);
    let _under_way = turns.acquire(from("flood")).await.unwrap();
    let most = usize::try_from(MAX_EXPECTED.as_millis() / FIRST_GUESS.as_millis()).unwrap() + 1;
    let mut places = Vec::new();
    while let Some(entered) = turns.enter(from("flood")) {
        places.push(entered.unwrap_err());
    }
    assert_eq!(places.len(), most);
    let elsewhere = turns.enter(from("elsewhere")).unwrap().unwrap_err();
    assert!(turns.enter(from("flood")).is_none());
    drop(elsewhere);
    // Whoever leaves makes room.
    places.truncate(most - 2);
    assert!(turns.enter(from("flood")).is_some());
    drop(places);
    let queue = turns.lock();
    assert!(queue.others.sizes() == (0, 0));
}

#[tokio::test]
async fn one_account_does_not_fill_the_queue_from_however_many_networks() {
    let turns = Turns::new(1);
    let _under_way = turns.acquire(from("one")).await.unwrap();
    let mut places = Vec::new();
    for network in 0..20 {
        let network = network.to_string();
        for applicant in [known(&network, 1), of_account(&network, 1)] {
            places.extend(turns.enter(applicant).map(Result::unwrap_err));
        }
    }
    assert_eq!(places.len(), MAX_OF_ACCOUNT);
    assert!(turns.enter(known("one", 2)).is_some());
    assert!(turns.enter(of_account("one", 3)).is_some());
}

#[tokio::test]
async fn a_turn_is_never_lost() {
    let turns = Turns::new(2);
    let held = [turns.acquire(from("a")).await, turns.acquire(from("b")).await];
    let mut waiting: Vec<_> = (0..4)
        .map(|_| turns.enter(from("c")).unwrap().unwrap_err())
        .collect();
    // One has left before its turn comes, another one leaves with its turn in hand.
    drop(waiting.remove(1));
    drop(held);
    drop(waiting);
    let queue = turns.lock();
    assert_eq!((queue.free, queue.others.len()), (2, 0));
}

#[tokio::test]
async fn the_expected_wait_follows_what_turns_take() {
    let turns = Turns::new(2);
    for _ in 0..60 {
        turns
            .acquire(from("a"))
            .await
            .unwrap()
            .end(Duration::from_secs(3));
    }
    let _held = [turns.acquire(from("a")).await, turns.acquire(from("b")).await];
    let place = turns.enter(from("a")).unwrap().unwrap_err();
    let second = turns.enter(from("a")).unwrap().unwrap_err();
    assert!(
        turns.enter(from("a")).is_none(),
        "two before it take three seconds"
    );
    drop((place, second));
    assert!(turns.enter(from("a")).is_some(), "somebody may always wait");
}

/// What may happen at the queue.
#[derive(Debug, Clone, Copy)]
enum Event {
    Enter {
        customer: u8,
        network: u8,
        account: Option<u8>,
        precedence: Precedence,
    },
    Leave(usize),
    End(usize),
}

fn precedence() -> impl Strategy<Value = Precedence> {
    prop_oneof![Just(Precedence::First), Just(Precedence::Usual)]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..3_u8, 0..3_u8, proptest::option::of(0..3_u8), precedence()).prop_map(
            |(customer, network, account, precedence)| {
                Event::Enter {
                    customer,
                    network,
                    account,
                    precedence,
                }
            }
        ),
        any::<usize>().prop_map(Event::Leave),
        any::<usize>().prop_map(Event::End),
    ]
}

proptest! {
    /// Whoever comes and goes, no turn is lost or given twice, and nobody waits while one is free.
    #[test]
    fn turns_are_neither_lost_nor_doubled(size in 1..4_usize, events in proptest::collection::vec(event(), 0..200)) {
        let turns = Turns::new(size);
        let (mut held, mut waiting): (Vec<Turn>, Vec<Place>) = Default::default();
        for event in events {
            match event {
                Event::Enter { customer, network, account, precedence } => {
                    let (customer, network) = (customer.to_string(), network.to_string());
                    let account = account.map(|account| Uuid::from_u128(account.into()));
                    match turns.enter(Applicant { customer: &customer, network: &network, account, precedence }) {
                        Some(Ok(turn)) => held.push(turn),
                        Some(Err(place)) => waiting.push(place),
                        None => {}
                    }
                }
                // Also one that has its turn already, and has not taken it yet.
                Event::Leave(n) if !waiting.is_empty() => drop(waiting.swap_remove(n % waiting.len())),
                Event::End(n) if !held.is_empty() => {
                    held.swap_remove(n % held.len()).end(Duration::from_millis(30));
                }
                Event::Leave(_) | Event::End(_) => {}
            }
            for mut place in std::mem::take(&mut waiting) {
                match place.turn.try_recv() {
                    Ok(turn) => held.push(turn),
                    Err(_) => waiting.push(place),
                }
            }
            let queue = turns.lock();
            prop_assert_eq!(queue.free + held.len(), size);
            prop_assert_eq!(queue.first.len() + queue.others.len(), waiting.len());
            prop_assert!(queue.free == 0 || waiting.is_empty());
            for line in [&queue.first, &queue.others] {
                let (order, queues) = line.sizes();
                prop_assert_eq!(order, queues);
            }
        }
    }
}
