//! Makes a filter from a list of any length in bounded memory.
//!
//! The keys of the passwords are first divided into 256 files beside the filter, by their first byte. Then each file is sorted by
//! itself and becomes some parts of the filter. This takes the memory for one file: 28 MB for a list of 900 million, which also
//! needs 7 GB on the disk for the time of the import. The filter gets its name when it is whole.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
};

use mainstay_domain::account::password::Password;
use sha1::{Digest, Sha1};
use tempfile::{NamedTempFile, TempDir};

use crate::auth::password_filter::{
    format::{Header, MAX_PART_BITS, Part, PartPlace, part_bytes},
    key,
};

/// The files into which keys are divided.
const FILES: usize = 256;
/// A list may have so many passwords.
pub const MAX_ENTRIES: u64 = 4_000_000_000;
/// A part should have at most so many passwords. It is read whole for each question.
const PER_PART: u64 = 8192;
/// A longer line is no password that can be set, and no hash.
const MAX_LINE: usize = 2048;

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListForm {
    /// A password on each line.
    Plain,
    /// The SHA-1 of a password in hexadecimal digits on each line, perhaps with a colon and a count.
    Sha1,
}

/// What an import found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The form of the list.
    pub form: ListForm,
    /// The lines that are not empty.
    pub lines: u64,
    /// The different passwords in the filter.
    pub entries: u64,
    /// Lines whose password is too short or too long to be set, which are left out.
    pub other_length: u64,
    /// Lines that are not UTF-8 or longer than any password, which are left out.
    pub unreadable: u64,
}

/// Reads a list and writes its filter. Without a form, the first line decides.
///
/// # Errors
/// A message that names the file, or the line that is no hash in a list of hashes.
pub fn build(
    list: impl Read,
    form: Option<ListForm>,
    target: &Path,
    made_at: i64,
) -> Result<Imported, String> {
    let at = |error: std::io::Error| format!("{}: {error}", target.display());
    let directory = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let work = TempDir::with_prefix_in(".passwords-", directory).map_err(at)?;
    let mut keys = Keys::create(work.path()).map_err(at)?;
    let mut imported = read_list(list, form, &mut keys)?;
    if imported.lines == imported.unreadable + imported.other_length {
        return Err("the list has no password that anybody could set here; nothing was changed".to_owned());
    }
    let header = Header {
        entries: 0,
        made_at,
        part_bits: part_bits(keys.count),
    };
    let mut file = NamedTempFile::with_prefix_in(".passwords-", directory).map_err(at)?;
    imported.entries = write_filter(header, keys, file.as_file_mut()).map_err(at)?;
    file.as_file().sync_all().map_err(at)?;
    file.persist(target).map_err(|e| at(e.error))?;
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(at)?;
    Ok(imported)
}

/// So many bits name a part, so that parts have at most [`PER_PART`] passwords on average.
fn part_bits(entries: u64) -> u32 {
    // At least one part for each file, so that a part never crosses files.
    let least = FILES.ilog2();
    (least..MAX_PART_BITS)
        .find(|bits| entries >> bits <= PER_PART)
        .unwrap_or(MAX_PART_BITS)
}

/// The files of keys.
struct Keys {
    files: Vec<BufWriter<File>>,
    count: u64,
}

impl Keys {
    fn create(directory: &Path) -> std::io::Result<Self> {
        let create = |n| {
            let options = File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(directory.join(format!("{n}")));
            options.map(BufWriter::new)
        };
        Ok(Self {
            files: (0..FILES).map(create).collect::<Result<_, _>>()?,
            count: 0,
        })
    }

    fn add(&mut self, key: u64) -> std::io::Result<()> {
        self.count += 1;
        let file = usize::try_from(key >> 56)
            .ok()
            .and_then(|n| self.files.get_mut(n));
        file.map_or(Ok(()), |file| file.write_all(&key.to_be_bytes()))
    }
}

fn read_list(list: impl Read, form: Option<ListForm>, keys: &mut Keys) -> Result<Imported, String> {
    let mut list = BufReader::with_capacity(256 * 1024, list);
    let mut imported = Imported {
        form: form.unwrap_or(ListForm::Plain),
        lines: 0,
        entries: 0,
        other_length: 0,
        unreadable: 0,
    };
    let (mut form, mut number, mut line) = (form, 0_u64, Vec::new());
    while read_line(&mut list, &mut line).map_err(|e| format!("the list: {e}"))? {
        number += 1;
        while line.last().is_some_and(|end| matches!(end, b'\r' | b'\n')) {
            line.pop();
        }
        if line.is_empty() {
            continue;
        }
        imported.lines += 1;
        let found = *form.get_or_insert_with(|| {
            if hash_of_line(&line).is_some() {
                ListForm::Sha1
            } else {
                ListForm::Plain
            }
        });
        imported.form = found;
        let entry = match found {
            ListForm::Sha1 => Some(hash_of_line(&line).ok_or_else(|| {
                format!("line {number} of the list is no SHA-1 in hexadecimal digits; nothing was changed")
            })?),
            ListForm::Plain => match std::str::from_utf8(&line).ok().filter(|_| line.len() < MAX_LINE) {
                None => {
                    imported.unreadable += 1;
                    None
                }
                Some(text) => match Password::parse(text) {
                    Ok(password) => Some(key(&Sha1::digest(password.composed().as_bytes()))),
                    Err(_length) => {
                        imported.other_length += 1;
                        None
                    }
                },
            },
        };
        if let Some(entry) = entry {
            if keys.count >= MAX_ENTRIES {
                return Err(format!(
                    "the list has more than {MAX_ENTRIES} passwords; nothing was changed"
                ));
            }
            keys.add(entry)
                .map_err(|e| format!("a file for the import: {e}"))?;
        }
    }
    Ok(imported)
}

/// Reads a line into the buffer, in the place of what it holds. What a line has beyond [`MAX_LINE`] is passed over. False at the
/// end.
fn read_line(list: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    if list.by_ref().take(limit).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    let mut is_whole = line.ends_with(b"\n") || line.len() < MAX_LINE;
    while !is_whole {
        let buffer = list.fill_buf()?;
        let (end, length) = (buffer.iter().position(|byte| *byte == b'\n'), buffer.len());
        list.consume(end.map_or(length, |end| end + 1));
        is_whole = end.is_some() || length == 0;
    }
    Ok(true)
}

/// The key of a line with a SHA-1, perhaps with a colon and a count.
fn hash_of_line(line: &[u8]) -> Option<u64> {
    let (hash, rest) = line.split_at_checked(40)?;
    let is_end = match rest.split_first() {
        None => true,
        Some((colon, count)) => *colon == b':' && count.iter().all(u8::is_ascii_digit),
    };
    let digits = std::str::from_utf8(hash).ok()?;
    let is_hash = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_end || !is_hash {
        return None;
    }
    u64::from_str_radix(digits.get(..16)?, 16).ok()
}

/// Writes header, table and parts. Gives the number of different keys.
fn write_filter(mut header: Header, keys: Keys, file: &mut File) -> std::io::Result<u64> {
    let mut out = BufWriter::new(file);
    header.write(&mut out)?;
    out.write_all(&vec![0; header.table_length()])?;
    let mut places: Vec<PartPlace> = Vec::with_capacity(header.parts());
    let per_file = header.parts() / FILES;
    for (n, keys) in (0_u64..).zip(keys.files) {
        let sorted = read_sorted(keys)?;
        let mut rest = sorted.as_slice();
        for part in (0..).take(per_file) {
            let number = n * u64::try_from(per_file).unwrap_or(1) + part;
            let end = rest.partition_point(|key| header.part_of(*key) <= number);
            let (own, after) = rest.split_at(end);
            rest = after;
            let bytes = if own.is_empty() {
                Vec::new()
            } else {
                part_bytes(&filter_of(own)?)
            };
            out.write_all(&bytes)?;
            header.entries += u64::try_from(own.len()).unwrap_or_default();
            places.push(match places.last() {
                Some(before) => before.next(&bytes),
                None => PartPlace::first(&header, &bytes),
            });
        }
    }
    out.seek(SeekFrom::Start(0))?;
    header.write(&mut out)?;
    for place in &places {
        place.write(&mut out)?;
    }
    out.flush()?;
    Ok(header.entries)
}

fn filter_of(keys: &[u64]) -> std::io::Result<Part> {
    Part::try_from(keys).map_err(std::io::Error::other)
}

/// Reads the keys of a file, each once and in order. The file is emptied.
fn read_sorted(keys: BufWriter<File>) -> std::io::Result<Vec<u64>> {
    let mut file = keys.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let mut sorted: Vec<u64> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|key| u64::from_be_bytes(*key))
        .collect();
    sorted.sort_unstable();
    sorted.dedup();
    file.set_len(0)?;
    Ok(sorted)
}

#[cfg(test)]
mod tests;
