//! The medication chart: the share of days that each medication covered.

use mainstay_domain::insight::{
    medication::{COVERED_ENOUGH, MedicationInsight},
    progress::Progress,
};

use super::{
    Chart, Drawing, Table,
    sheet::{Anchor, BLUE, GREY, INK, PALE, SMALL, Scale, Sheet, TEXT, draw, short},
};
use crate::report::words::{count, percent};

/// The number of medications in the chart and the table.
const MAX_MEDICATIONS: usize = 10;
const ROW: i32 = 38;
const TOP: i32 = 34;

/// Draws the chart.
pub fn chart(progress: &Progress) -> Chart {
    let all = &progress.medication.medications;
    if all.is_empty() {
        return Chart::missing("No medication is written down. If you take none, nothing is missing here.");
    }
    let covered: Vec<(&MedicationInsight, f64)> = all
        .iter()
        .filter_map(|medication| Some((medication, medication.proportion?)))
        .take(MAX_MEDICATIONS)
        .collect();
    let table = Table {
        head: vec![
            "Medication",
            "Days covered",
            "Share",
            "Doses: taken, late, skipped, missed",
        ],
        rows: all.iter().take(MAX_MEDICATIONS).map(row).collect(),
    };
    if covered.is_empty() {
        return Chart {
            table,
            ..Chart::missing(
                "Not enough yet: the share of days is shown from the first recorded dose and the first completed day on.",
            )
        };
    }
    let sentences = covered.iter().map(|(medication, proportion)| {
        format!(
            "{}: {} of {} covered ({}).",
            medication.name,
            medication.covered_days,
            count(medication.days, "day", "days"),
            percent(*proportion)
        )
    });
    let height = TOP + ROW * i32::try_from(covered.len()).unwrap_or(0) + 8;
    Chart {
        summary: sentences.collect::<Vec<_>>().join(" "),
        drawing: Some(Drawing {
            height,
            content: draw(height, |sheet| draw_bars(sheet, &covered, height)),
        }),
        notes: vec![
            "The dashed line is 80 %, the usual threshold. A striped bar lies below it: worth a word with whoever prescribes it. \
             A grey bar has fewer than 28 days, too few to compare."
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

fn draw_bars(sheet: &Sheet<'_>, covered: &[(&MedicationInsight, f64)], height: i32) {
    let scale = Scale::new((0.0, 1.0), (14, 316));
    for tick in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        let x = scale.at(tick);
        sheet.line(&[(x, TOP - 10), (x, height - 6)], PALE, 1);
        sheet.text(&percent(tick), (x, TOP - 20), Anchor::Middle, SMALL, GREY);
    }
    for (top, (medication, proportion)) in (TOP..).step_by(38).zip(covered) {
        sheet.text(
            &short(&medication.name, 50),
            (14, top + 2),
            Anchor::Start,
            TEXT,
            INK,
        );
        let (from, to) = ((scale.at(0.0), top + 14), (scale.at(*proportion), top + 28));
        match medication.covered_enough {
            Some(false) => sheet.striped(from, to, BLUE),
            Some(true) => sheet.bar(from, to, BLUE),
            // Too few days to compare with the line.
            None => sheet.bar(from, to, GREY),
        }
    }
    let threshold = scale.at(COVERED_ENOUGH);
    sheet.dashes(&[(threshold, TOP - 10), (threshold, height - 6)], GREY, 2);
}
