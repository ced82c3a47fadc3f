//! The filter of leaked passwords: answers whether a password is in a list that an operator has imported.
//!
//! The list itself is not stored. Its passwords are divided by their SHA-1 into small parts, and each part is a binary fuse
//! filter: it knows every password of the list, and takes about one other of 65 000 for one of them. A question reads one part
//! of the file, some ten kilobytes, so the filter takes hardly any memory however long the list was. Each part has a checksum.

pub mod build;
mod format;

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use mainstay_domain::account::{Password, password::Weakness};
use sha1::{Digest, Sha1};
use xorf::Filter;

use crate::{
    auth::password_filter::format::{Header, Part, PartPlace},
    http::problem::{HandlerResult, Problem},
};

/// A filter whose parts are read when they are needed.
pub struct PasswordFilter {
    path: PathBuf,
    file: File,
    header: Header,
    places: Vec<PartPlace>,
}

impl PasswordFilter {
    /// Opens a filter.
    ///
    /// # Errors
    /// A message if it cannot be read, is no filter, or is cut.
    pub fn open(path: &Path) -> Result<Self, String> {
        let at = |error: std::io::Error| format!("{}: {error}", path.display());
        let fault = |fault: &str| format!("{}: {fault}", path.display());
        let mut file = File::open(path).map_err(at)?;
        let length = file.metadata().map_err(at)?.len();
        let header = Header::read(&mut file).map_err(|e| fault(&e))?;
        let mut table = vec![0; header.table_length()];
        file.read_exact(&mut table)
            .map_err(|_short| fault("is not complete; import the list again"))?;
        let places = header.places(&table).map_err(|e| fault(&e))?;
        if places.last().map(PartPlace::end) != Some(length) {
            return Err(fault("is not complete; import the list again"));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            header,
            places,
        })
    }

    /// The number of passwords in the list.
    pub fn entries(&self) -> u64 {
        self.header.entries
    }

    /// When it was made, in seconds since 1970.
    pub fn made_at(&self) -> i64 {
        self.header.made_at
    }

    /// Whether a password, in its composed form, was in the list. If its part of the file cannot be read any more, the answer is
    /// no, and that is logged: nobody can do anything about it who only wants to register.
    pub fn has_leaked(&self, password: &str) -> bool {
        let key = key(&Sha1::digest(password.as_bytes()));
        match self.part(key) {
            Ok(part) => part.is_some_and(|part| part.contains(&key)),
            Err(error) => {
                log::error!("the filter of leaked passwords cannot be read: {error}");
                false
            }
        }
    }

    /// Reads every part.
    ///
    /// # Errors
    /// A message that names the first part that is damaged.
    pub fn check(&self) -> Result<(), String> {
        self.places
            .iter()
            .try_for_each(|place| self.read(place).map(drop))
    }

    fn part(&self, key: u64) -> Result<Option<Part>, String> {
        let place = usize::try_from(self.header.part_of(key)).ok();
        let place = place.and_then(|place| self.places.get(place));
        place.map_or(Ok(None), |place| self.read(place))
    }

    fn read(&self, place: &PartPlace) -> Result<Option<Part>, String> {
        let bytes = place.read(&self.file);
        bytes
            .and_then(|bytes| place.parse(&bytes))
            .map_err(|e| format!("{}: {e}", self.path.display()))
    }
}

/// Refuses a new password that is known from a leak.
///
/// # Errors
/// 422 with a pointer to the member.
pub fn refuse_leaked(
    filter: Option<&PasswordFilter>,
    password: &Password,
    pointer: &str,
) -> HandlerResult<()> {
    if filter.is_some_and(|filter| filter.has_leaked(password.composed())) {
        let weakness = Weakness::Leaked;
        return Err(Problem::invalid(pointer, weakness.code(), weakness.message()));
    }
    Ok(())
}

/// The number by which a filter knows a password: the beginning of its SHA-1, which is what lists of leaked passwords give.
fn key(hash: &[u8]) -> u64 {
    hash.iter()
        .take(8)
        .fold(0, |key, byte| key << 8 | u64::from(*byte))
}
