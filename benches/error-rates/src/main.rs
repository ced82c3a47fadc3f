//! Prints how often the trend, the triggers and the strategies of insights say something that is not so (their error
//! rates, under no effect), and how often they see an effect that is there. Beside the rules of today stand those that
//! Mainstay had before, which are kept here alone.
//!
//! `cargo run --release --package mainstay-error-rates`. Every run prints the same figures. The first argument is the
//! number of simulated histories of each row, 4000 if left out.

mod person;
mod random;
mod strategy;
mod trend;
mod trigger;

/// Whether a figure is there, in histories of one kind.
#[derive(Default)]
struct Rate {
    hits: u32,
    all: u32,
}

impl Rate {
    /// Counts a history.
    fn add(&mut self, hit: bool) {
        self.hits += u32::from(hit);
        self.all += 1;
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.all == 0 {
            return f.write_str("–");
        }
        write!(f, "{:.1} %", 100.0 * f64::from(self.hits) / f64::from(self.all))
    }
}

/// Prints the head of a table.
fn head(title: &str, columns: &[&str]) {
    println!(
        "\n{title}\n\n| {} |\n|{}",
        columns.join(" | "),
        "---|".repeat(columns.len())
    );
}

/// Prints a row of a table.
fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

fn main() {
    let histories = std::env::args()
        .nth(1)
        .map_or(4000, |n| n.parse().expect("a number of histories"));
    println!("{histories} histories a row.");
    trend::simulate(histories);
    trigger::simulate(histories);
    strategy::simulate(histories);
}
