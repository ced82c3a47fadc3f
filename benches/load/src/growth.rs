//! How cost grows with what is stored: in the whole table, and for one person.

use std::{collections::BTreeMap, fs, path::Path};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::{
    Outcome,
    arguments::Setting,
    findings::median,
    population::{Copy, Engine, Size, active},
    seed,
    subject::Subject,
    table::Table,
    workload::Workload::{self, W1, W2, W3},
};

const CONNECTIONS: u32 = 32;
/// Everyone of the smallest seed, and as many of the larger ones.
const ACTIVE: u32 = 250;
/// People in the seeds with much for each of them.
const FEW: u32 = 20;

/// What a growth run is made of.
#[derive(Debug, Args)]
pub struct Run {
    /// Where and on what.
    #[command(flatten)]
    pub setting: Setting,
    /// How often the sizes take turns.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub pairs: u32,
    /// Leave out the largest seed, which takes most of the time.
    #[arg(long)]
    pub small: bool,
}

/// What the largest seed costs, measured in the cost of the smallest.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Growth {
    factors: BTreeMap<String, f64>,
}

impl Growth {
    /// What it is about.
    pub const SPAN: &str = "10^4 to 5·10^6 records";

    /// The factor for a workload.
    pub fn factor(&self, workload: Workload) -> Option<f64> {
        self.factors.get(workload.name()).copied()
    }

    /// What the last growth run on an engine found.
    pub fn last(root: &Path, engine: Engine) -> Option<Self> {
        serde_json::from_slice(&fs::read(file(root, engine)).ok()?).ok()
    }
}

fn file(root: &Path, engine: Engine) -> std::path::PathBuf {
    root.join(format!("growth_{}.json", engine.name().to_lowercase()))
}

/// Measures how the cost of W1 to W3 grows.
pub fn run(run: &Run) -> Outcome {
    let _turn = run.setting.take_turn()?;
    for engine in &run.setting.engine {
        let mut sizes = vec![size(ACTIVE, 10_000), size(10_000, 1_000_000)];
        if !run.small {
            sizes.push(size(10_000, 5_000_000));
        }
        let factors = compare(run, *engine, &sizes, ACTIVE, "records in all")?;
        if !run.small {
            let text = serde_json::to_vec(&Growth { factors })?;
            fs::write(file(&run.setting.data, *engine), text)?;
        }
        let each = [1000, 4000, 16_000].map(|each| size(FEW, FEW * each));
        compare(
            run,
            *engine,
            &each,
            FEW,
            "records in all, a twentieth for each person",
        )?;
    }
    Ok(())
}

const fn size(people: u32, check_ins: u32) -> Size {
    Size { people, check_ins }
}

/// Lets servers on seeds of several sizes take turns. Gives the factor from the first to the last.
fn compare(
    run: &Run,
    engine: Engine,
    sizes: &[Size],
    count: u32,
    what: &str,
) -> Outcome<BTreeMap<String, f64>> {
    let binary = run.setting.binary()?;
    let mut subjects = Vec::new();
    let mut places = Vec::new();
    for size in sizes {
        let place = run.setting.place(engine, *size)?;
        let people = seed::ensure(&place)?;
        let mut subject = Subject::start(&binary, &place, &active(&people, count))?;
        subject.warm_up()?;
        subjects.push(subject);
        places.push(place);
    }
    let pressure = run.setting.pressure(CONNECTIONS);
    let mut rates: BTreeMap<(Workload, usize), Vec<f64>> = BTreeMap::new();
    for _ in 0..run.pairs {
        for workload in [W1, W2, W3] {
            for (n, subject) in subjects.iter_mut().enumerate() {
                let found = subject.press(workload, pressure)?;
                rates.entry((workload, n)).or_default().push(found.seen.rate());
            }
        }
    }
    for subject in subjects {
        subject.server.stop()?;
    }
    // The seeds stay; copies of millions of rows need not.
    for place in places {
        place.remove_copy(Copy::Served)?;
    }
    let last = sizes.len() - 1;
    let mut factors = BTreeMap::new();
    let mut headings = vec![format!("{}, {what}", engine.name())];
    headings.extend(sizes.iter().map(|size| size.check_ins.to_string()));
    headings.push("cost grows".to_owned());
    let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for workload in [W1, W2, W3] {
        let of = |n: usize| rates.get(&(workload, n)).cloned().unwrap_or_default();
        let pairs = of(0).into_iter().zip(of(last));
        let factor = median(pairs.map(|(first, last)| first / last).collect());
        let mut row = vec![workload.title().to_owned()];
        row.extend((0..=last).map(|n| format!("{:.0}/s", median(of(n)).unwrap_or_default())));
        row.push(factor.map_or(String::new(), |factor| format!("{factor:.2} times")));
        table.add(row);
        factors.extend(factor.map(|factor| (workload.name().to_owned(), factor)));
    }
    println!("\n{table}");
    Ok(factors)
}
