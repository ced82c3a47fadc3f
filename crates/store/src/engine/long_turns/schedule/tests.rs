use proptest::prelude::*;

use super::*;

const STEP: Duration = Duration::from_millis(10);

/// An account that asks for one read after the other.
#[derive(Clone)]
struct Asker {
    /// How long each of its reads has to run.
    length: Duration,
    /// How long it runs between two looks at the record.
    stride: Duration,
    /// How long it rests after a read.
    rest: Duration,
    state: State,
    /// The longest time that it waited for a read to begin, in each second.
    waits: Vec<Duration>,
    ran: Duration,
    served: usize,
    refused: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Rests { until: Instant },
    Waits { ticket: Ticket, since: Instant },
    Runs { ticket: Ticket, left: Duration },
    Pauses { ticket: Ticket, left: Duration },
}

/// Long reads over time, each of which has a processor for itself.
struct Simulation {
    schedule: Schedule<usize>,
    start: Instant,
    now: Instant,
    askers: Vec<Asker>,
}

impl Simulation {
    fn new(max_begun: usize) -> Self {
        let start = Instant::now();
        Self {
            schedule: Schedule::new(max_begun),
            start,
            now: start,
            askers: Vec::new(),
        }
    }

    /// Adds an account with reads of a length, that looks at the record each so many milliseconds.
    fn add(&mut self, length_ms: u64, stride_ms: u64, rest_ms: u64, first_at_ms: u64) -> usize {
        self.askers.push(Asker {
            length: Duration::from_millis(length_ms),
            stride: Duration::from_millis(stride_ms),
            rest: Duration::from_millis(rest_ms),
            state: State::Rests {
                until: self.now + Duration::from_millis(first_at_ms),
            },
            waits: Vec::new(),
            ran: Duration::ZERO,
            served: 0,
            refused: 0,
        });
        self.askers.len() - 1
    }

    fn run(&mut self, length: Duration) {
        let end = self.now + length;
        while self.now < end {
            for n in 0..self.askers.len() {
                self.step(n);
            }
            while let Some(told) = self.schedule.next(self.now) {
                self.tell(&told);
            }
            assert!(self.schedule.begun() <= self.schedule.max_begun);
            self.now += STEP;
        }
    }

    fn step(&mut self, n: usize) {
        let (now, asker) = (self.now, &mut self.askers[n]);
        match asker.state {
            State::Rests { until } if until <= now => {
                let ticket = self.schedule.join(account(n), n);
                asker.state = State::Waits { ticket, since: now };
            }
            State::Runs { ticket, left } if left <= STEP => {
                self.schedule.end(ticket, now);
                asker.ran += left;
                asker.served += 1;
                asker.state = State::Rests {
                    until: now + asker.rest,
                };
            }
            State::Runs { ticket, left } => {
                let left = left.saturating_sub(STEP);
                asker.ran += STEP;
                asker.state = State::Runs { ticket, left };
                let run = asker.length.saturating_sub(left).as_millis();
                if run.is_multiple_of(asker.stride.as_millis()) && self.schedule.must_pause(ticket, now) {
                    self.schedule.pause(ticket, n, now);
                    asker.state = State::Pauses { ticket, left };
                }
            }
            State::Rests { .. } | State::Waits { .. } | State::Pauses { .. } => {}
        }
    }

    fn tell(&mut self, told: &Told<usize>) {
        let second = usize::try_from(self.now.duration_since(self.start).as_secs()).unwrap();
        match *told {
            Told::Run(n) => {
                let asker = &mut self.askers[n];
                asker.state = match asker.state {
                    State::Waits { ticket, since } => {
                        asker.waits.resize(second + 1, Duration::ZERO);
                        asker.waits[second] = asker.waits[second].max(self.now.duration_since(since));
                        State::Runs {
                            ticket,
                            left: asker.length,
                        }
                    }
                    State::Pauses { ticket, left } => State::Runs { ticket, left },
                    State::Rests { .. } | State::Runs { .. } => panic!("it does not wait"),
                };
            }
            Told::End(n) => {
                let asker = &mut self.askers[n];
                assert!(
                    matches!(asker.state, State::Pauses { .. }),
                    "only what pauses is ended"
                );
                asker.refused += 1;
                asker.state = State::Rests {
                    until: self.now + asker.rest,
                };
            }
        }
    }

    fn longest_wait(&self, n: usize, from_second: usize) -> Duration {
        let waits = self.askers[n].waits.iter().skip(from_second);
        waits.copied().max().unwrap_or_default()
    }
}

fn account(n: usize) -> Uuid {
    Uuid::from_u128(n as u128 + 1)
}

#[test]
fn a_person_with_short_reads_hardly_waits_for_many_whose_reads_are_dear() {
    // Dear reads that look at the record now and then, often, and never.
    for stride in [100, 20, 100_000] {
        for max_begun in [3, 4, 8] {
            let mut simulation = Simulation::new(max_begun);
            for _ in 0..6 {
                simulation.add(2000, stride, 0, 0);
            }
            // One who comes at the worst moment, and one who comes later.
            let early = simulation.add(10, 10, 500, 10);
            let late = simulation.add(10, 10, 500, 20_000);
            simulation.run(Duration::from_mins(1));
            let text = format!("{stride} {max_begun}");
            for person in [early, late] {
                assert_eq!(simulation.askers[person].refused, 0, "{text}");
                assert!(simulation.askers[person].served > 70, "{text}");
                let wait = simulation.longest_wait(person, 20);
                assert!(wait <= Duration::from_millis(20), "{text}: {wait:?}");
            }
            let wait = simulation.longest_wait(early, 0);
            if stride < 1000 {
                assert!(wait <= Duration::from_secs(1), "{text}: {wait:?}");
            }
        }
    }
}

#[test]
fn a_person_with_a_long_record_is_served_while_others_ask_for_dear_reads_all_the_time() {
    let mut simulation = Simulation::new(4);
    for _ in 0..6 {
        simulation.add(5000, 20, 0, 0);
    }
    let person = simulation.add(1000, 20, 15_000, 5000);
    simulation.run(Duration::from_mins(2));
    let Asker { served, refused, .. } = simulation.askers[person];
    assert_eq!(refused, 0);
    assert!(served >= 6, "{served}");
    let wait = simulation.longest_wait(person, 0);
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
}

#[test]
fn accounts_with_dear_reads_get_equal_time() {
    let mut simulation = Simulation::new(4);
    for length in [1000, 2000, 4000] {
        simulation.add(length, 20, 0, 0);
    }
    simulation.run(Duration::from_mins(1));
    let ran: Vec<f64> = simulation
        .askers
        .iter()
        .map(|asker| asker.ran.as_secs_f64())
        .collect();
    for seconds in &ran {
        assert!((seconds - ran[0]).abs() < 2.0, "{ran:?}");
    }
    // One place is kept for those who have taken little, so they share the other.
    let sum: f64 = ran.iter().sum();
    assert!((55.0..70.0).contains(&sum), "{ran:?}");
    assert!(simulation.askers.iter().all(|asker| asker.refused == 0));
}

#[test]
fn short_reads_use_every_place() {
    let mut simulation = Simulation::new(4);
    for _ in 0..8 {
        simulation.add(50, 10, 0, 0);
    }
    simulation.run(Duration::from_secs(20));
    let sum: f64 = simulation
        .askers
        .iter()
        .map(|asker| asker.ran.as_secs_f64())
        .sum();
    assert!(sum > 30.0, "{sum}");
    assert!(
        simulation
            .askers
            .iter()
            .all(|asker| asker.refused == 0 && asker.served > 40)
    );
}

#[test]
fn what_pauses_makes_room_for_those_who_have_taken_less() {
    let (mut schedule, start) = (Schedule::new(3), Instant::now());
    let at = |ms| start + Duration::from_millis(ms);
    let one = schedule.join(account(1), "one");
    let two = schedule.join(account(2), "two");
    assert_eq!(schedule.next(at(0)), Some(Told::Run("one")));
    assert_eq!(schedule.next(at(0)), Some(Told::Run("two")));
    assert_eq!(schedule.next(at(0)), None);
    schedule.join(account(3), "three");
    assert_eq!(schedule.next(at(100)), None, "both places are taken");
    assert!(!schedule.must_pause(two, at(100)), "it is light");
    // Both are dear: one place is free again for one that is not.
    assert_eq!(schedule.next(at(300)), Some(Told::Run("three")));
    assert!(schedule.must_pause(one, at(310)));
    schedule.pause(one, "one", at(310));
    assert_eq!(schedule.next(at(310)), None);
    // The third is dear by now, and all that may have begun have.
    schedule.join(account(4), "four");
    assert_eq!(schedule.next(at(600)), Some(Told::End("one")));
    assert_eq!(schedule.next(at(600)), Some(Told::Run("four")));
    assert_eq!(schedule.next(at(600)), None);
    schedule.end(two, at(610));
    assert_eq!(schedule.next(at(610)), None);
    assert_eq!(schedule.begun(), 2);
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Join(usize),
    Look(usize),
    End(usize),
    Wait(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        (0..8_usize).prop_map(Event::Join),
        (0..8_usize).prop_map(Event::Look),
        (0..8_usize).prop_map(Event::End),
        (0..600_u64).prop_map(Event::Wait),
    ];
    prop::collection::vec(event, 0..200)
}

proptest! {
    #[test]
    fn whatever_happens_nobody_is_lost_and_some_run_while_any_wait(events in events(), max_begun in 2..6_usize) {
        let (mut schedule, mut now) = (Schedule::new(max_begun), Instant::now());
        let mut tickets = std::collections::HashMap::new();
        let mut running = std::collections::HashSet::new();
        for event in events {
            match event {
                Event::Join(n) => {
                    tickets.entry(n).or_insert_with(|| schedule.join(account(n), n));
                }
                Event::Look(n) => {
                    if let Some(ticket) = tickets.get(&n)
                        && running.contains(&n)
                        && schedule.must_pause(*ticket, now)
                    {
                        schedule.pause(*ticket, n, now);
                        running.remove(&n);
                    }
                }
                Event::End(n) => {
                    if let Some(ticket) = tickets.remove(&n) {
                        schedule.end(ticket, now);
                        running.remove(&n);
                    }
                }
                Event::Wait(ms) => now += Duration::from_millis(ms),
            }
            while let Some(told) = schedule.next(now) {
                match told {
                    Told::Run(n) => prop_assert!(running.insert(n), "{} ran already", n),
                    Told::End(n) => {
                        prop_assert!(!running.contains(&n));
                        tickets.remove(&n);
                    }
                }
            }
            prop_assert!(schedule.begun() <= max_begun);
            prop_assert_eq!(schedule.running.len(), running.len());
            prop_assert_eq!(schedule.waiting.len() + running.len(), tickets.len());
            prop_assert!(schedule.waiting.is_empty() || !running.is_empty());
        }
    }
}
