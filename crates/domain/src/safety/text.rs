//! The texts of the safety notes, in one table by topic.
//!
//! A text depends on what is there for the person: it speaks of a crisis line only if their country has one, and of their
//! safety plan only if one is active. In a response the signs of an overdose are said once, in the first note that needs
//! them.
//!
//! The words are our own. **No clinician has reviewed them yet.** Whoever reviews a text is named in its `review`; until
//! then responses leave `reviewed_by` and `reviewed_on` out. A change of a text takes its review away.
//!
//! Sources beside those of the rules, for a second dose of naloxone after two to three minutes and for too much of a
//! stimulant: Substance Abuse and Mental Health Services Administration, "Overdose Prevention and Response Toolkit", 2025;
//! Washington State Department of Health, "Overdose Prevention, Recognition, and Response".

use chrono::NaiveDate;

use super::SafetyTopic;
use crate::{insight::facts::Facts, reference::helpline::Helpline};

/// The review of a text by a clinician.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Review {
    /// Name and profession of the reviewer.
    pub by: &'static str,
    /// Date of the review.
    pub on: NaiveDate,
}

/// The text of a safety note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetyText {
    /// The text, in English.
    pub text: String,
    /// The review of this text. `None` as long as there is none.
    pub review: Option<Review>,
}

/// A circumstance that the words of a note depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circumstance {
    /// A crisis line is among the helplines of the note.
    CrisisLine,
    /// A helpline of the note can be reached by text or chat.
    WrittenLine,
    /// The country is not known, so its emergency number is not either.
    UnknownCountry,
    /// A safety plan is active.
    SafetyPlan,
    /// The overdose was, or may have been, one of a stimulant.
    Stimulant,
    /// An earlier note of the response has the signs of an overdose.
    SignsAbove,
}

/// What is there for a person who gets safety notes.
#[derive(Debug, Clone, Copy)]
pub struct NoteContext<'a> {
    /// The record.
    pub facts: &'a Facts,
    /// The helplines of the person's country.
    pub helplines: &'a [Helpline],
    /// [`Circumstance::SafetyPlan`] if a safety plan is active.
    pub safety_plan: Option<Circumstance>,
}

/// The signs of an overdose, and what to do.
const SIGNS: &str = "Signs of an overdose of opioids: someone cannot be woken, breathes slowly, with a snore or a gurgle, or \
    not at all, or has blue or grey lips. Then call the emergency number, give naloxone, and stay. If the breathing has not \
    come back after 2 to 3 minutes, give a second dose. Someone who breathes lies on their side; for someone who does not, do what the \
    emergency line says.";
/// Refers to the signs in an earlier note.
const SIGNS_ABOVE: &str = "The signs of an overdose are further up. If you see one, call the emergency number, give \
    naloxone, and stay.";
/// The signs of too much of a stimulant, and what to do.
const STIMULANT: &str = "Too much of a stimulant can look different: very hot, chest pain, very agitated, a seizure. That is an \
    emergency too: call, go where it is cool, and cool the skin with water. Give naloxone as well, as fentanyl may be in it.";
/// Says which number is meant where the country is not known.
const UNKNOWN_COUNTRY: &str = "The emergency number is that of where you are: 112 works in most countries' mobile networks, \
    911 in the Americas.";

/// Whether a note about the topic says how to tell an overdose.
pub const fn has_overdose_signs(topic: SafetyTopic) -> bool {
    matches!(
        topic,
        SafetyTopic::Overdose
            | SafetyTopic::MixedDepressants
            | SafetyTopic::OpioidTolerance
            | SafetyTopic::StreetSupply
    )
}

/// Returns the text of a topic in some circumstances.
pub fn safety_text(topic: SafetyTopic, circumstances: &[Circumstance]) -> SafetyText {
    let is = |circumstance| circumstances.contains(&circumstance);
    let mut parts = match topic {
        SafetyTopic::Overdose => overdose(circumstances),
        SafetyTopic::Injury => injury(circumstances),
        SafetyTopic::FeelingUnsafe => feeling_unsafe(circumstances),
        SafetyTopic::MixedDepressants => vec![MIXED_DEPRESSANTS, SIGNS],
        SafetyTopic::OpioidTolerance => vec![OPIOID_TOLERANCE, SIGNS],
        SafetyTopic::StreetSupply => vec![STREET_SUPPLY, SIGNS],
        SafetyTopic::AlcoholWithdrawal => vec![ALCOHOL_WITHDRAWAL],
        SafetyTopic::SedativeWithdrawal => vec![SEDATIVE_WITHDRAWAL],
    };
    if is(Circumstance::SignsAbove) {
        for part in parts.iter_mut().filter(|part| **part == SIGNS) {
            *part = SIGNS_ABOVE;
        }
    }
    if is(Circumstance::UnknownCountry) {
        parts.push(UNKNOWN_COUNTRY);
    }
    SafetyText {
        text: parts.join(" "),
        review: None,
    }
}

fn overdose(circumstances: &[Circumstance]) -> Vec<&'static str> {
    let is = |circumstance| circumstances.contains(&circumstance);
    let mut parts = vec![
        "You wrote of an overdose. If it was a short while ago, or more than you meant to take, call the emergency number now, \
         also while you feel well: some of it works late. Do not stay alone.",
    ];
    parts.push(if is(Circumstance::CrisisLine) {
        "If a part of you did not want to live, the crisis line is there for exactly that."
    } else {
        "If a part of you did not want to live, please tell them, or someone you trust."
    });
    if is(Circumstance::SafetyPlan) {
        parts.push("Your safety plan is for this too.");
    }
    parts.push(SIGNS);
    if is(Circumstance::Stimulant) {
        parts.push(STIMULANT);
    }
    parts.push(
        "Naloxone wears off before many opioids do, so let someone with medical training look. Calling for help is right, \
         whatever happened before.",
    );
    parts
}

fn injury(circumstances: &[Circumstance]) -> Vec<&'static str> {
    let listener = if circumstances.contains(&Circumstance::CrisisLine) {
        "If it has to do with not wanting to live, the crisis line is there for exactly that."
    } else {
        "If it has to do with not wanting to live, please tell a doctor, or someone you trust, today."
    };
    vec![
        "You wrote that you were hurt. Call the emergency number for bleeding that does not stop, a blow to the head, trouble \
         breathing, or strong pain. A smaller injury is worth showing to someone today too.",
        listener,
        violence(circumstances),
    ]
}

fn feeling_unsafe(circumstances: &[Circumstance]) -> Vec<&'static str> {
    let listener = if circumstances.contains(&Circumstance::CrisisLine) {
        "The crisis line listens, and not being sure is reason enough."
    } else {
        "A doctor, an emergency room or someone you trust will listen, whatever it is about, and not being sure is reason \
         enough."
    };
    let plan = if circumstances.contains(&Circumstance::SafetyPlan) {
        "Then go through your safety plan step by step."
    } else {
        "When it is calmer, you can make a safety plan together with someone: what to do, and whom to call."
    };
    vec![
        "Thank you for saying how it is. If you are in danger now, from yourself or from someone else, call the emergency \
         number.",
        listener,
        violence(circumstances),
        plan,
        "If you can, let someone you feel safe with be with you, and keep away from what could hurt you.",
    ]
}

/// What to think of before a call, if the danger is a person nearby.
fn violence(circumstances: &[Circumstance]) -> &'static str {
    if circumstances.contains(&Circumstance::WrittenLine) {
        "If someone at home is the danger: is it safe to call here? If not, writing to a line that takes messages makes no sound, \
         and a call can wait until you are somewhere else."
    } else {
        "If someone at home is the danger: is it safe to call here? If not, go to a neighbour or another place first, if you can."
    }
}

const MIXED_DEPRESSANTS: &str = "Opioids, alcohol and sedatives each slow the breathing. Together they slow it much more, \
    also hours apart, and also when one of them is prescribed. Please add nothing to what is prescribed for you, and do not \
    stay alone. Keep naloxone within reach. Do not stop a prescribed medication by yourself: ask your doctor or a pharmacist \
    before the next dose.";
const OPIOID_TOLERANCE: &str = "After days without opioids the body tolerates less than before, and the usual amount can \
    stop the breathing. The same holds in the first weeks after treatment, hospital or jail, when naltrexone wears off, and \
    after methadone or buprenorphine has ended. If you might use: not alone, and with naloxone within reach of someone who can give it.";
const STREET_SUPPLY: &str = "Powders and pills that do not come from a pharmacy may have fentanyl in them, whatever they are \
    sold as. Nobody can see, smell or taste it, and very little can stop the breathing, above all in someone who is not used \
    to opioids. If you might use: not alone, and with naloxone within reach of someone who can give it. Test strips can find \
    fentanyl, and can miss it.";
const ALCOHOL_WITHDRAWAL: &str = "Were you drinking a lot every day until a short while ago? Then stopping from one day to \
    the next can be dangerous for the body, even if it goes well at first. Please see a doctor or a clinic today: under \
    medical care, stopping is much safer, and there is medicine that helps. Until then do not stay alone, and do not drive: \
    let someone take you there. Please do not treat it by drinking a lot again, or with tablets that are not yours; medical \
    staff can say what is safe. Strong shaking, fever, confusion, seeing or hearing things, or a seizure need the emergency \
    number right away.";
const SEDATIVE_WITHDRAWAL: &str = "Were you taking sedatives every day until a short while ago? Stopping them at once can be \
    dangerous, also when they were prescribed, and the hardest days may come late. Please see a doctor or a clinic today, \
    before you go on without them: they can plan slow steps with you and watch over them. Until then do not stay alone, do \
    not drive, and do not put alcohol or other tablets in their place. Strong shaking, confusion or a seizure need the \
    emergency number right away.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::kindness::unkind_words;

    const CIRCUMSTANCES: [Circumstance; 6] = [
        Circumstance::CrisisLine,
        Circumstance::WrittenLine,
        Circumstance::UnknownCountry,
        Circumstance::SafetyPlan,
        Circumstance::Stimulant,
        Circumstance::SignsAbove,
    ];

    /// The text of every topic in every set of circumstances.
    fn every_text() -> impl Iterator<Item = (SafetyTopic, Vec<Circumstance>, String)> {
        let sets = (0..1_u32 << CIRCUMSTANCES.len()).map(|set| {
            let chosen = CIRCUMSTANCES
                .iter()
                .enumerate()
                .filter(move |(n, _)| set >> n & 1 == 1);
            chosen.map(|(_, one)| *one).collect::<Vec<_>>()
        });
        sets.flat_map(|set| {
            SafetyTopic::ALL.iter().map(move |topic| {
                let text = safety_text(*topic, &set).text;
                (*topic, set.clone(), text)
            })
        })
    }

    #[test]
    fn every_text_is_kind_and_fits_its_place() {
        for (topic, set, text) in every_text() {
            assert_eq!(unkind_words(&text), Vec::<&str>::new(), "{topic:?} {set:?}");
            assert!(
                (100..=1200).contains(&text.len()),
                "{topic:?} {set:?}: {}",
                text.len()
            );
            assert!(!text.contains("  "), "{topic:?} {set:?}");
            assert!(text.contains("emergency number"), "{topic:?} {set:?}");
        }
    }

    #[test]
    fn a_text_speaks_of_nothing_that_is_not_there() {
        use Circumstance::{CrisisLine, SafetyPlan, Stimulant, UnknownCountry};
        let mut said = [0; 4];
        for (topic, set, text) in every_text() {
            for (n, (words, needs)) in [
                ("crisis line", CrisisLine),
                ("your safety plan", SafetyPlan),
                ("stimulant", Stimulant),
                ("112", UnknownCountry),
            ]
            .into_iter()
            .enumerate()
            {
                if text.contains(words) {
                    said[n] += 1;
                    assert!(set.contains(&needs), "{topic:?} {set:?}: {text}");
                }
            }
        }
        assert!(said.iter().all(|times| *times > 0), "{said:?}");
    }

    #[test]
    fn the_texts_about_opioids_say_how_to_tell_an_overdose_or_where_it_is_said() {
        for topic in SafetyTopic::ALL {
            let alone = safety_text(*topic, &[]).text;
            let further_down = safety_text(*topic, &[Circumstance::SignsAbove]).text;
            let says_signs = has_overdose_signs(*topic);
            for sign in [
                "cannot be woken",
                "second dose",
                "2 to 3 minutes",
                "on their side",
            ] {
                assert_eq!(alone.contains(sign), says_signs, "{topic:?}: {sign}");
                assert!(!further_down.contains(sign), "{topic:?}: {sign}");
            }
            assert_eq!(further_down.contains("further up"), says_signs, "{topic:?}");
            assert!(!says_signs || further_down.contains("naloxone"), "{topic:?}");
        }
    }

    #[test]
    fn withdrawal_is_for_medical_care_and_nobody_drives_or_stays_alone() {
        for topic in [SafetyTopic::AlcoholWithdrawal, SafetyTopic::SedativeWithdrawal] {
            let text = safety_text(topic, &[]).text;
            for said in ["doctor", "do not stay alone", "not drive"] {
                assert!(text.contains(said), "{topic:?}: {said}");
            }
        }
    }
}
