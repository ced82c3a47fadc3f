//! The names of the type codes of meetings. A code means what its fellowship says: `S` is Spanish in one and a speaker
//! in another. So each table belongs to a programme, and a programme without a table has no names for its codes. The
//! codes are those of the Meeting Guide format (github.com/code4recovery/spec) and of the plugin from which most feeds
//! come (github.com/code4recovery/12-step-meeting-list). The words are ours.

use super::kinds::Programme;

/// The codes of the format itself, which mean the same in every programme.
const FORMAT: [(&str, &str); 2] = [(ONLINE, "Online"), (CLOSED_LOCATION, "Location closed for now")];

/// The code of a meeting that takes place online.
pub(super) const ONLINE: &str = "ONL";
/// The code of a meeting whose location is closed for now.
pub(super) const CLOSED_LOCATION: &str = "TC";

/// Finds a code of a programme with its name, whatever the case of the code.
pub(super) fn find(code: &str, programme: Programme) -> Option<(&'static str, &'static str)> {
    let all = table(programme).iter().chain(&FORMAT);
    let mut found = all.filter(|(known, _)| known.eq_ignore_ascii_case(code));
    found.next().copied()
}

/// The codes of a programme; empty if none are known.
fn table(programme: Programme) -> &'static [(&'static str, &'static str)] {
    match programme {
        Programme::Aa => &AA,
        Programme::AlAnon => &AL_ANON,
        Programme::Ca => &CA,
        Programme::Cma => &CMA,
        Programme::Ga => &GA,
        Programme::Ha => &HA,
        Programme::Ma => &MA,
        Programme::Na => &NA,
        Programme::RecoveryDharma => &RECOVERY_DHARMA,
        Programme::RefugeRecovery => &REFUGE_RECOVERY,
        _ => &[],
    }
}

/// Alcoholics Anonymous: the codes that the format reserves, and a few others in wide use.
const AA: [(&str, &str); 80] = [
    ("11", "Eleventh-step meditation"),
    ("12x12", "Steps and traditions text"),
    ("A", "Secular"),
    ("ABSI", "As Bill Sees It"),
    ("AL", "Alateen at the same time"),
    ("AL-AN", "Al-Anon at the same time"),
    ("AM", "In Amharic"),
    ("ASL", "American Sign Language"),
    ("B", "Big Book"),
    ("BA", "Child care on site"),
    ("BE", "For newcomers"),
    ("BI", "For bisexual people"),
    ("BRK", "With breakfast"),
    ("BV-I", "For blind and partially sighted people"),
    ("C", "Closed: for those who want to stop"),
    ("CAN", "By candlelight"),
    ("CF", "Children welcome"),
    ("D", "Discussion"),
    ("D-HOH", "For deaf and hard-of-hearing people"),
    ("DA", "In Danish"),
    ("DB", "Digital collection"),
    ("DD", "Dual diagnosis"),
    ("DE", "In German"),
    ("DR", "Daily Reflections"),
    ("EL", "In Greek"),
    ("EN", "In English"),
    ("FA", "In Persian"),
    ("FF", "Without fragrances"),
    ("FR", "In French"),
    ("G", "For gay people"),
    ("GR", "Grapevine"),
    ("H", "Anniversaries"),
    ("HE", "In Hebrew"),
    ("HI", "In Hindi"),
    ("HR", "In Croatian"),
    ("HU", "In Hungarian"),
    ("ITA", "In Italian"),
    ("JA", "In Japanese"),
    ("KOR", "In Korean"),
    ("L", "For lesbian people"),
    ("LGBTQ", "LGBTQ"),
    ("LIT", "Literature"),
    ("LO-I", "For people who live far off or alone"),
    ("LS", "Living Sober"),
    ("LT", "In Lithuanian"),
    ("M", "For men"),
    ("MED", "Meditation"),
    ("ML", "In Malayalam"),
    ("N", "For Native Americans"),
    ("NB", "For non-binary people"),
    ("NDG", "For Indigenous people"),
    ("NO", "In Norwegian"),
    ("O", "Open: everyone welcome"),
    ("OUT", "Outdoors"),
    ("P", "For professionals"),
    ("POA", "Proof of attendance given"),
    ("POC", "For people of colour"),
    ("POL", "In Polish"),
    ("POR", "In Portuguese"),
    ("PUN", "In Punjabi"),
    ("QSL", "Quebec Sign Language"),
    ("RSL", "Russian Sign Language"),
    ("RUS", "In Russian"),
    ("S", "In Spanish"),
    ("SEN", "For seniors"),
    ("SK", "In Slovak"),
    ("SM", "Smoking allowed"),
    ("SP", "With a speaker"),
    ("ST", "Step study"),
    ("SV", "In Swedish"),
    ("T", "For transgender people"),
    ("TH", "In Thai"),
    ("TL", "In Tagalog"),
    ("TR", "Tradition study"),
    ("UK", "In Ukrainian"),
    ("W", "For women"),
    ("X", "Wheelchair access"),
    ("XB", "Wheelchair-accessible bathroom"),
    ("XT", "Cross talk allowed"),
    ("Y", "For young people"),
];

/// Al-Anon.
const AL_ANON: [(&str, &str); 24] = [
    ("A", "Secular"),
    ("AA", "AA at the same time"),
    ("AC", "For adult children"),
    ("AL", "Alateen at the same time"),
    ("ASL", "American Sign Language"),
    ("BA", "Child care on site"),
    ("BE", "For newcomers"),
    ("C", "Closed: for families and friends"),
    ("FF", "Without fragrances"),
    ("G", "For gay people"),
    ("L", "For lesbian people"),
    ("LGBTQIA", "LGBTQIA+"),
    ("M", "For men"),
    ("O", "Open: observers welcome"),
    ("POA", "For parents"),
    ("POC", "For people of colour"),
    ("SM", "Smoking allowed"),
    ("SP", "With a speaker"),
    ("ST", "Step study"),
    ("T", "For transgender people"),
    ("W", "For women"),
    ("X", "Wheelchair access"),
    ("Y", "Alateen"),
    ("YA", "For young adults"),
];

/// Cocaine Anonymous.
const CA: [(&str, &str); 39] = [
    ("11", "Eleventh-step meditation"),
    ("12x12", "Steps and traditions text"),
    ("A", "Secular"),
    ("ABSI", "As Bill Sees It"),
    ("AL", "Alateen at the same time"),
    ("AL-AN", "Al-Anon at the same time"),
    ("ASL", "American Sign Language"),
    ("B", "Big Book"),
    ("BA", "Child care on site"),
    ("BE", "For newcomers"),
    ("BRK", "With breakfast"),
    ("BUS", "Business meeting"),
    ("C", "Closed: for those who want to stop"),
    ("CAN", "By candlelight"),
    ("CF", "Children welcome"),
    ("D", "Discussion"),
    ("DD", "Dual diagnosis"),
    ("DR", "Daily Reflections"),
    ("FF", "Without fragrances"),
    ("G", "For gay people"),
    ("GR", "Grapevine"),
    ("H", "Anniversaries"),
    ("L", "For lesbian people"),
    ("LGBTQ", "LGBTQ"),
    ("LIT", "Literature"),
    ("LS", "Living Sober"),
    ("M", "For men"),
    ("MED", "Meditation"),
    ("N", "For Native Americans"),
    ("O", "Open: everyone welcome"),
    ("SM", "Smoking allowed"),
    ("SP", "With a speaker"),
    ("ST", "Step study"),
    ("T", "For transgender people"),
    ("TR", "Tradition study"),
    ("W", "For women"),
    ("X", "Wheelchair access"),
    ("XT", "Cross talk allowed"),
    ("Y", "For young people"),
];

/// Crystal Meth Anonymous.
const CMA: [(&str, &str); 17] = [
    ("ASL", "American Sign Language"),
    ("BE", "For newcomers"),
    ("C", "Closed: for those who want to stop"),
    ("LGBTQ", "LGBTQ"),
    ("LIT", "Literature"),
    ("M", "For men"),
    ("O", "Open: everyone welcome"),
    ("OUT", "Outdoors"),
    ("POC", "For people of colour"),
    ("SM", "Smoking allowed"),
    ("SP", "With a speaker"),
    ("ST", "Step study"),
    ("T", "For transgender people"),
    ("W", "For women"),
    ("X", "Wheelchair access"),
    ("XB", "Wheelchair-accessible bathroom"),
    ("Y", "For young people"),
];

/// Gamblers Anonymous.
const GA: [(&str, &str); 28] = [
    ("20", "Twenty questions, for newcomers"),
    ("ASL", "American Sign Language"),
    ("B", "Big Book"),
    ("BA", "Child care on site"),
    ("BE", "For newcomers"),
    ("C", "Closed: for those who want to stop"),
    ("CAN", "By candlelight"),
    ("CF", "Children welcome"),
    ("COM", "Comments"),
    ("CRC", "Cross comments"),
    ("D", "Discussion"),
    ("DR", "Daily Reflections"),
    ("GAA", "GA and Gam-Anon together"),
    ("GAM", "Gam-Anon"),
    ("LGBTQ", "LGBTQ"),
    ("LIT", "Literature"),
    ("M", "For men"),
    ("MED", "Meditation"),
    ("O", "Open: everyone welcome"),
    ("PAR", "Paid parking near"),
    ("SM", "Smoking allowed"),
    ("SP", "With a speaker"),
    ("ST", "Step study"),
    ("TOP", "Topic"),
    ("TR", "Tradition study"),
    ("W", "For women"),
    ("X", "Wheelchair access"),
    ("Y", "For young people"),
];

/// Heroin Anonymous.
const HA: [(&str, &str); 29] = [
    ("BEG", "For newcomers"),
    ("BT", "Basic Text"),
    ("C", "Closed: for those who want to stop"),
    ("CAN", "By candlelight"),
    ("CPT", "Twelve concepts"),
    ("CW", "Children welcome"),
    ("DISC", "Discussion"),
    ("GL", "For gay and lesbian people"),
    ("IP", "Information pamphlet study"),
    ("IW", "It Works study"),
    ("JFT", "Just for Today study"),
    ("LC", "Study of the book on living in recovery"),
    ("LIT", "Literature"),
    ("M", "For men"),
    ("MED", "Meditation"),
    ("NS", "No smoking"),
    ("O", "Open: everyone welcome"),
    ("QA", "Questions and answers"),
    ("RA", "Restricted access"),
    ("SMOK", "Smoking allowed"),
    ("SPK", "With a speaker"),
    ("STEP", "Step study"),
    ("SWG", "Step working guide study"),
    ("TOP", "Topic"),
    ("TRAD", "Tradition study"),
    ("VAR", "Format varies"),
    ("W", "For women"),
    ("X", "Wheelchair access"),
    ("Y", "For young people"),
];

/// Marijuana Anonymous.
const MA: [(&str, &str); 16] = [
    ("BB", "Book study"),
    ("BE", "For newcomers"),
    ("CCAP", "Closed captions"),
    ("D", "Discussion"),
    ("H", "Anniversaries"),
    ("M", "For men"),
    ("MED", "Meditation"),
    ("NB", "For non-binary people"),
    ("O", "Open: everyone welcome"),
    ("OUT", "Outdoors"),
    ("POC", "For people of colour"),
    ("SP", "With a speaker"),
    ("T", "For transgender people"),
    ("W", "For women"),
    ("X", "Wheelchair access"),
    ("Y", "For young people"),
];

/// Narcotics Anonymous.
const NA: [(&str, &str); 30] = [
    ("BEG", "For newcomers"),
    ("BT", "Basic Text"),
    ("C", "Closed: for those who want to stop"),
    ("CAN", "By candlelight"),
    ("CPT", "Twelve concepts"),
    ("CW", "Children welcome"),
    ("DISC", "Discussion"),
    ("GL", "For gay and lesbian people"),
    ("IP", "Information pamphlet study"),
    ("IW", "It Works study"),
    ("JFT", "Just for Today study"),
    ("LC", "Study of the book on living in recovery"),
    ("LIT", "Literature"),
    ("M", "For men"),
    ("MED", "Meditation"),
    ("NS", "No smoking"),
    ("O", "Open: everyone welcome"),
    ("QA", "Questions and answers"),
    ("RA", "Restricted access"),
    ("SMOK", "Smoking allowed"),
    ("SPAD", "Spiritual Principle a Day"),
    ("SPK", "With a speaker"),
    ("STEP", "Step study"),
    ("SWG", "Step working guide study"),
    ("TOP", "Topic"),
    ("TRAD", "Tradition study"),
    ("VAR", "Format varies"),
    ("W", "For women"),
    ("X", "Wheelchair access"),
    ("Y", "For young people"),
];

/// Recovery Dharma.
const RECOVERY_DHARMA: [(&str, &str); 15] = [
    ("8F", "Eightfold path study"),
    ("BB", "Book study"),
    ("BE", "For newcomers"),
    ("C", "Closed: for members"),
    ("CC", "Child care on site"),
    ("DF", "Dogs welcome"),
    ("IS", "Inquiry study"),
    ("IW", "Inquiry writing"),
    ("LGBTQ", "LGBTQ"),
    ("M", "For men"),
    ("MI", "Mindfulness practice"),
    ("O", "Open: everyone welcome"),
    ("PR", "Process addictions"),
    ("W", "For women"),
    ("WA", "Wheelchair access"),
];

/// Refuge Recovery.
const REFUGE_RECOVERY: [(&str, &str); 15] = [
    ("8F", "Eightfold path study"),
    ("BB", "Book study"),
    ("BE", "For newcomers"),
    ("C", "Closed: for members"),
    ("CC", "Child care on site"),
    ("DF", "Dogs welcome"),
    ("IS", "Inventory study"),
    ("IW", "Inventory writing"),
    ("LGBTQ", "LGBTQ"),
    ("M", "For men"),
    ("MI", "Mindfulness practice"),
    ("O", "Open: everyone welcome"),
    ("PR", "Process addictions"),
    ("W", "For women"),
    ("WA", "Wheelchair access"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_is_listed_twice_and_every_name_is_kind() {
        for programme in Programme::ALL {
            let codes: Vec<&str> = table(*programme).iter().map(|(code, _)| *code).collect();
            let mut distinct: Vec<String> = codes.iter().map(|code| code.to_ascii_uppercase()).collect();
            distinct.extend(FORMAT.map(|(code, _)| code.to_owned()));
            distinct.sort();
            distinct.dedup();
            assert_eq!(distinct.len(), codes.len() + FORMAT.len(), "{programme:?}");
            assert!(codes.is_sorted(), "{programme:?}");
            for (_, name) in table(*programme) {
                assert_eq!(
                    crate::value::kindness::unkind_words(name),
                    Vec::<&str>::new(),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn a_code_means_what_its_programme_says() {
        let name = |code, programme| find(code, programme).map(|(_, name)| name);
        assert_eq!(name("A", Programme::Aa), Some("Secular"));
        assert_eq!(name("Y", Programme::AlAnon), Some("Alateen"));
        assert_eq!(name("Y", Programme::Na), Some("For young people"));
        assert_eq!(name("IW", Programme::Na), Some("It Works study"));
        assert_eq!(name("IW", Programme::RecoveryDharma), Some("Inquiry writing"));
        assert_eq!(name("B", Programme::Na), None);
        for programme in Programme::ALL {
            assert_eq!(name("tc", *programme), Some("Location closed for now"));
            assert_eq!(name("ONL", *programme), Some("Online"));
        }
        assert_eq!(name("O", Programme::Smart), None);
    }
}
