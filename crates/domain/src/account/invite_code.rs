//! Codes that a person types or opens as a link: those of invites to register, and those of invitations to help.

use std::fmt;

/// The digits of a code: Crockford's base 32, which has no letters that look like a digit or like each other.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The bits of a digit.
const BITS: u32 = 5;
/// The digits of a group, as a code is written.
const GROUP: usize = 4;

/// A code of so many random digits, written in groups of four digits, such as `7QK2-M9XA-04TF-ZB6H`.
#[derive(Clone, PartialEq, Eq)]
pub struct Code<const LENGTH: usize>([u8; LENGTH]);

/// The code of an invite to register: 80 random bits.
pub type InviteCode = Code<16>;
/// The code of an invitation to help: 128 random bits.
pub type InvitationCode = Code<26>;

impl<const LENGTH: usize> Code<LENGTH> {
    /// Creates the code of random bits. The lowest five for each digit count.
    pub fn from_bits(bits: u128) -> Self {
        let mut digits = [b'0'; LENGTH];
        let mut rest = bits;
        for digit in digits.iter_mut().rev() {
            let value = rest % (1 << BITS);
            *digit = usize::try_from(value)
                .ok()
                .and_then(|value| DIGITS.get(value))
                .map_or(b'0', |digit| *digit);
            rest >>= BITS;
        }
        Self(digits)
    }

    /// Reads a code as people write it: in small letters, with any spaces and dashes, and with the letters O, I and L for
    /// the digits that they look like. `None` if it is no code.
    pub fn parse(text: &str) -> Option<Self> {
        let mut digits = [b'0'; LENGTH];
        let mut places = digits.iter_mut();
        for c in text.chars().filter(|c| !is_separator(*c)) {
            let digit = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            *places.next()? = u8::try_from(digit).ok().filter(|digit| DIGITS.contains(digit))?;
        }
        match places.next() {
            None => Some(Self(digits)),
            Some(_missing) => None,
        }
    }

    /// The digits without separators.
    pub const fn digits(&self) -> &[u8] {
        &self.0
    }
}

/// Whether a character only separates groups: a space, or a dash or hyphen in any of its forms.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '_' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Writes the code in groups.
impl<const LENGTH: usize> fmt::Display for Code<LENGTH> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, digit) in self.0.iter().enumerate() {
            if place > 0 && place % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*digit))?;
        }
        Ok(())
    }
}

/// Never shows the code.
impl<const LENGTH: usize> fmt::Debug for Code<LENGTH> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let code = InviteCode::from_bits(0x0123_4567_89ab_cdef_0123);
        assert_eq!(code.to_string(), "04HM-ASW9-NF6Y-Y093");
        for written in [
            "04HM-ASW9-NF6Y-Y093",
            "04hmasw9nf6yy093",
            " o4hm asw9\tnf6y yo93\n",
            "O4HM\u{2013}ASW9\u{2011}NF6Y--Y093",
        ] {
            assert_eq!(InviteCode::parse(written), Some(code.clone()), "{written:?}");
        }
        assert_eq!(
            InviteCode::parse("il1I-0000-0000-0000"),
            InviteCode::parse("1111-0000-0000-0000")
        );
        for wrong in [
            "",
            "-",
            "04HM-ASW9-NF6Y-Y09",
            "04HM-ASW9-NF6Y-Y0933",
            "U4HM-ASW9-NF6Y-Y093",
            "04HM-ASW9-NF6Y-Y09\u{663}",
        ] {
            assert_eq!(InviteCode::parse(wrong), None, "{wrong:?}");
        }
        assert!(!format!("{code:?}").contains("04HM"));
    }

    proptest! {
        #[test]
        fn every_code_is_read_as_it_was_written(bits: u128, other: u128) {
            let code = InviteCode::from_bits(bits);
            prop_assert_eq!(InviteCode::parse(&code.to_string()), Some(code.clone()));
            prop_assert_eq!(InviteCode::parse(&code.to_string().to_lowercase().replace('-', " ")), Some(code.clone()));
            let differs = (bits ^ other) << 48 != 0;
            prop_assert_eq!(code != InviteCode::from_bits(other), differs);
            let code = InvitationCode::from_bits(bits);
            prop_assert_eq!(InvitationCode::parse(&code.to_string()), Some(code.clone()));
            prop_assert_eq!(code != InvitationCode::from_bits(other), bits != other, "all 128 bits count");
        }

        #[test]
        fn no_text_makes_a_code_that_is_written_otherwise(text in ".{0,40}") {
            if let Some(code) = InviteCode::parse(&text) {
                prop_assert_eq!(InviteCode::parse(&code.to_string()), Some(code));
            }
        }
    }
}
