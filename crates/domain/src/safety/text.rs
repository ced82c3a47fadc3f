//! The texts of the safety notes, in one table by topic.
//!
//! The words are our own. **No clinician has reviewed them yet.** Whoever reviews a text is named in its `review`; until
//! then responses leave `reviewed_by` and `reviewed_on` out. A change of a text takes its review away.

use chrono::NaiveDate;

use super::SafetyTopic;

/// The review of a text by a clinician.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Review {
    /// Name and profession of the reviewer.
    pub by: &'static str,
    /// Date of the review.
    pub on: NaiveDate,
}

/// The text of a safety note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SafetyText {
    /// The text, in English.
    pub text: &'static str,
    /// The review of this text. `None` as long as there is none.
    pub review: Option<Review>,
}

/// The signs of an overdose, and what to do.
macro_rules! overdose_signs {
    () => {
        "It is an overdose if someone cannot be woken, breathes slowly, with a snore or a gurgle, or not at all, or has \
         blue or grey lips. Then call the emergency number, give naloxone, and stay. Someone who breathes lies on their \
         side; for someone who does not, do what the emergency line says."
    };
}

/// Returns the text of a topic.
pub const fn safety_text(topic: SafetyTopic) -> SafetyText {
    let text = match topic {
        SafetyTopic::Overdose => concat!(
            "You wrote of an overdose. ",
            overdose_signs!(),
            " Naloxone wears off before many opioids do, and the breathing can slow down again. So have someone with \
             medical training look, also after waking up. Calling for help is right, whatever happened before."
        ),
        SafetyTopic::Injury => {
            "You wrote that you were hurt. Call the emergency number for bleeding that does not stop, a blow to the head, \
             trouble breathing, or strong pain. A smaller injury is worth showing to someone today too. If it has to do \
             with not wanting to live, or with someone who hurts you, the crisis line is there for exactly that."
        }
        SafetyTopic::FeelingUnsafe => {
            "Thank you for saying how it is. If you are in danger now, from yourself or from someone else, call the \
             emergency number. The crisis line listens, whatever it is about, and not being sure is reason enough to call. \
             Then go through your safety plan step by step. If you can, let someone be with you, and keep away from what \
             could hurt you."
        }
        SafetyTopic::MixedDepressants => concat!(
            "Opioids, alcohol and sedatives each slow the breathing. Together they slow it much more, also hours apart, \
             and also when one of them is prescribed. Please add nothing to what is prescribed for you, and do not stay \
             alone. Keep naloxone within reach. Do not stop a prescribed medication by yourself: ask your doctor or a \
             pharmacist before the next dose. ",
            overdose_signs!()
        ),
        SafetyTopic::OpioidTolerance => concat!(
            "After days without opioids the body tolerates less than before, and the usual amount can stop the breathing. \
             The same holds in the first weeks after treatment, hospital or jail, and when naltrexone wears off. If you \
             might use: not alone, and with naloxone within reach of someone who can give it. ",
            overdose_signs!()
        ),
        SafetyTopic::StreetSupply => concat!(
            "Powders and pills that do not come from a pharmacy may have fentanyl in them, whatever they are sold as. \
             Nobody can see, smell or taste it, and very little can stop the breathing, above all in someone who is not \
             used to opioids. If you might use: not alone, and with naloxone within reach of someone who can give it. Test \
             strips can find fentanyl, and can miss it. ",
            overdose_signs!()
        ),
        SafetyTopic::AlcoholWithdrawal => {
            "Were you drinking a lot every day until a short while ago? Then stopping from one day to the next can be \
             dangerous for the body, even if it goes well at first. Please see a doctor or a clinic today: under medical \
             care, stopping is much safer. Strong shaking, fever, confusion, seeing or hearing things, or a seizure need the \
             emergency number right away."
        }
        SafetyTopic::SedativeWithdrawal => {
            "Were you taking sedatives every day until a short while ago? Stopping them at once can be dangerous, also when \
             they were prescribed, and the hardest days may come late. Please see a doctor or a clinic today, before you go \
             on without them: they can plan slow steps with you. Strong shaking, confusion or a seizure need the emergency \
             number right away."
        }
    };
    SafetyText { text, review: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::kindness::unkind_words;

    #[test]
    fn every_text_is_kind_and_fits_its_place() {
        for topic in SafetyTopic::ALL {
            let found = safety_text(*topic);
            assert_eq!(unkind_words(found.text), Vec::<&str>::new(), "{topic:?}");
            assert!(
                (100..=1000).contains(&found.text.len()),
                "{topic:?}: {}",
                found.text.len()
            );
            assert!(!found.text.contains("  "), "{topic:?}");
            assert!(found.text.contains("emergency number"), "{topic:?}");
        }
    }

    #[test]
    fn the_texts_about_opioids_say_how_to_tell_an_overdose() {
        use SafetyTopic::{MixedDepressants, OpioidTolerance, Overdose, StreetSupply};
        for topic in [Overdose, MixedDepressants, OpioidTolerance, StreetSupply] {
            let text = safety_text(topic).text;
            for said in ["cannot be woken", "naloxone", "breath"] {
                assert!(text.contains(said), "{topic:?}: {said}");
            }
        }
    }
}
