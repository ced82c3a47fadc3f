//! Measures how the cost of a request grows with the number of records: of everybody, and of one person.

use std::{collections::BTreeMap, fs, path::Path};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::{
    Outcome,
    population::{Engine, SeedCopy, Size, active},
    results::median,
    seed,
    setting::Setting,
    table::Table,
    target::LoadTarget,
    workload::Workload::{self, W1, W2, W3},
};

const CONNECTIONS: u32 = 32;
/// The people who send requests: everyone of the smallest seed, and as many of the larger ones.
const ACTIVE_PEOPLE: u32 = 250;
/// The people in the seeds that have many records for each of them.
const MANY_RECORDS_PEOPLE: u32 = 20;

/// The options of `load growth`.
#[derive(Debug, Args)]
pub struct Options {
    /// The options that every command has.
    #[command(flatten)]
    pub setting: Setting,
    /// The number of rounds in which the sizes take turns.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub pairs: u32,
    /// Leave out the largest seed, which takes most of the time.
    #[arg(long)]
    pub small: bool,
}

/// The cost of a request on the largest seed divided by that on the smallest, for each workload.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Growth {
    factors: BTreeMap<String, f64>,
}

impl Growth {
    /// The sizes of the smallest and the largest seed.
    pub const SPAN: &str = "10^4 to 5·10^6 records";

    /// The factor for a workload.
    pub fn factor(&self, workload: Workload) -> Option<f64> {
        self.factors.get(workload.name()).copied()
    }

    /// The result of the last growth run on an engine, if there was one.
    pub fn last(root: &Path, engine: Engine) -> Option<Self> {
        serde_json::from_slice(&fs::read(file(root, engine)).ok()?).ok()
    }
}

fn file(root: &Path, engine: Engine) -> std::path::PathBuf {
    root.join(format!("growth_{}.json", engine.name().to_lowercase()))
}

/// Measures how the cost of W1 to W3 grows.
pub fn run(options: &Options) -> Outcome {
    let _lock = options.setting.lock()?;
    for engine in &options.setting.engine {
        let mut sizes = vec![size(ACTIVE_PEOPLE, 10_000), size(10_000, 1_000_000)];
        if !options.small {
            sizes.push(size(10_000, 5_000_000));
        }
        let factors = compare(options, *engine, &sizes, ACTIVE_PEOPLE, "records in all")?;
        if !options.small {
            let text = serde_json::to_vec(&Growth { factors })?;
            fs::write(file(&options.setting.data, *engine), text)?;
        }
        let each = [1000, 4000, 16_000].map(|each| size(MANY_RECORDS_PEOPLE, MANY_RECORDS_PEOPLE * each));
        compare(
            options,
            *engine,
            &each,
            MANY_RECORDS_PEOPLE,
            "records in all, a twentieth for each person",
        )?;
    }
    Ok(())
}

const fn size(people: u32, check_ins: u32) -> Size {
    Size { people, check_ins }
}

/// Measures servers on seeds of several sizes in turns. Returns the factor from the first size to the last.
fn compare(
    options: &Options,
    engine: Engine,
    sizes: &[Size],
    count: u32,
    heading: &str,
) -> Outcome<BTreeMap<String, f64>> {
    let binary = options.setting.binary()?;
    let mut targets = Vec::new();
    let mut locations = Vec::new();
    for size in sizes {
        let location = options.setting.location(engine, *size)?;
        let people = seed::ensure(&location)?;
        let mut target = LoadTarget::start(&binary, &location, &active(&people, count))?;
        target.warm_up()?;
        targets.push(target);
        locations.push(location);
    }
    let load_level = options.setting.load_level(CONNECTIONS);
    let mut rates: BTreeMap<(Workload, usize), Vec<f64>> = BTreeMap::new();
    for _ in 0..options.pairs {
        for workload in [W1, W2, W3] {
            for (n, target) in targets.iter_mut().enumerate() {
                let measurement = target.run_workload(workload, load_level)?;
                rates
                    .entry((workload, n))
                    .or_default()
                    .push(measurement.figures.rate());
            }
        }
    }
    for target in targets {
        target.server.stop()?;
    }
    // Only the seeds are needed again, and a copy has millions of rows.
    for location in locations {
        location.remove_copy(SeedCopy::Served)?;
    }
    let last = sizes.len() - 1;
    let mut factors = BTreeMap::new();
    let mut headings = vec![format!("{}, {heading}", engine.name())];
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
