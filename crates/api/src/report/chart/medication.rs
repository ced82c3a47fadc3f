//! How much of the window each medication covered.

use mainstay_domain::insight::{
    medication::{COVERED_ENOUGH, MedicationInsight},
    progress::Progress,
};

use super::{
    Chart, Drawing, Table,
    sheet::{BLUE, GREY, INK, PALE, SMALL, Scale, Sheet, Side, TEXT, draw, short},
};
use crate::report::words::{count, percent};

const MOST: usize = 10;
const ROW: i32 = 38;
const TOP: i32 = 34;

/// Makes the chart.
pub fn chart(progress: &Progress) -> Chart {
    let all = &progress.medication.medications;
    if all.is_empty() {
        return Chart::missing("No medication is written down. If you take none, nothing is missing here.");
    }
    let known: Vec<(&MedicationInsight, f64)> = all
        .iter()
        .filter_map(|medication| Some((medication, medication.proportion?)))
        .take(MOST)
        .collect();
    let table = Table {
        head: vec![
            "Medication",
            "Days covered",
            "Share",
            "Doses: taken, late, skipped, missed",
        ],
        rows: all.iter().take(MOST).map(row).collect(),
    };
    if known.is_empty() {
        return Chart {
            table,
            ..Chart::missing(
                "Not enough yet: the share of days is shown from the first recorded dose and the first completed day on.",
            )
        };
    }
    let told = known.iter().map(|(medication, proportion)| {
        format!(
            "{}: {} of {} covered ({}).",
            medication.name,
            medication.covered_days,
            count(medication.days, "day", "days"),
            percent(*proportion)
        )
    });
    let height = TOP + ROW * i32::try_from(known.len()).unwrap_or(0) + 8;
    Chart {
        says: told.collect::<Vec<_>>().join(" "),
        drawing: Some(Drawing {
            height,
            inside: draw(height, |sheet| on(sheet, &known, height)),
        }),
        notes: vec![
            "The dashed line is 80 %, the usual threshold. A striped bar lies below it: worth a word with whoever prescribes it."
                .to_owned(),
            "Today counts once it is covered. Where no dose is recorded, nothing is known and nothing is shown.".to_owned(),
        ],
        table,
    }
}

fn row(medication: &MedicationInsight) -> Vec<String> {
    let doses = medication.doses;
    let days = format!("{} of {}", medication.covered_days, medication.days);
    let nothing = || "–".to_owned();
    vec![
        medication.name.clone(),
        medication.proportion.map_or_else(nothing, |_| days),
        medication.proportion.map_or_else(nothing, percent),
        format!(
            "{}, {}, {}, {}",
            doses.taken, doses.late, doses.skipped, doses.missed
        ),
    ]
}

fn on(sheet: &Sheet<'_>, known: &[(&MedicationInsight, f64)], height: i32) {
    let scale = Scale::new((0.0, 1.0), (14, 316));
    for tick in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        let x = scale.at(tick);
        sheet.line(&[(x, TOP - 10), (x, height - 6)], PALE, 1);
        sheet.text(&percent(tick), (x, TOP - 20), Side::Both, SMALL, GREY);
    }
    for (top, (medication, proportion)) in (TOP..).step_by(38).zip(known) {
        sheet.text(
            &short(&medication.name, 50),
            (14, top + 2),
            Side::Right,
            TEXT,
            INK,
        );
        let (from, to) = ((scale.at(0.0), top + 14), (scale.at(*proportion), top + 28));
        if medication.covered_enough == Some(true) {
            sheet.bar(from, to, BLUE);
        } else {
            sheet.striped(from, to, BLUE);
        }
    }
    let enough = scale.at(COVERED_ENOUGH);
    sheet.dashes(&[(enough, TOP - 10), (enough, height - 6)], GREY, 2);
}
