//! The file of a filter: a header, a table with the place and checksum of each part, and the parts.
//!
//! Numbers are little-endian. A part has the descriptor of its filter and then the fingerprints; a part without passwords is
//! empty.

use std::{
    fs::File,
    io::{Read, Write},
    os::unix::fs::FileExt,
};

use sha2::{Digest, Sha256};
use xorf::{BinaryFuse16, Descriptor};

/// The first bytes of every filter.
const MAGIC: [u8; 16] = *b"mainstay-leaks-1";
/// The length of the header: magic bytes, entries, time, and the bits that name a part.
const HEADER: usize = 16 + 8 + 8 + 4;
/// The length of an entry of the table: place, length and checksum.
const ENTRY: usize = 8 + 4 + 8;
/// The most parts: 2 to the power of this.
pub const MAX_PART_BITS: u32 = 20;
/// The largest part in bytes.
const MAX_PART: u32 = 16 * 1024 * 1024;

/// A part of a filter.
pub type Part = BinaryFuse16;

/// The header of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The number of passwords.
    pub entries: u64,
    /// When it was made, in seconds since 1970.
    pub made_at: i64,
    /// So many of the first bits of a key name its part.
    pub part_bits: u32,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// If these are not the first bytes of a filter.
    pub fn read(from: &mut impl Read) -> Result<Self, String> {
        let mut bytes = [0; HEADER];
        from.read_exact(&mut bytes)
            .map_err(|_short| "is no filter of leaked passwords")?;
        let mut fields = Fields(&bytes);
        let is_filter = fields.take::<16>() == Some(MAGIC);
        let header = Self {
            entries: u64::from_le_bytes(fields.take().unwrap_or_default()),
            made_at: i64::from_le_bytes(fields.take().unwrap_or_default()),
            part_bits: u32::from_le_bytes(fields.take().unwrap_or_default()),
        };
        if !is_filter || header.part_bits > MAX_PART_BITS {
            return Err("is no filter of leaked passwords".to_owned());
        }
        Ok(header)
    }

    /// Writes the header.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        to.write_all(&MAGIC)?;
        to.write_all(&self.entries.to_le_bytes())?;
        to.write_all(&self.made_at.to_le_bytes())?;
        to.write_all(&self.part_bits.to_le_bytes())
    }

    /// The number of parts.
    pub const fn parts(&self) -> usize {
        1 << self.part_bits
    }

    /// The length of the table in bytes.
    pub const fn table_length(&self) -> usize {
        self.parts() * ENTRY
    }

    /// The part that a key belongs to.
    pub const fn part_of(&self, key: u64) -> u64 {
        match self.part_bits {
            0 => 0,
            bits => key >> (64 - bits),
        }
    }

    /// Reads the table. Each part must begin where the one before it ends.
    ///
    /// # Errors
    /// If the table is damaged.
    pub fn places(&self, table: &[u8]) -> Result<Vec<PartPlace>, String> {
        let mut start = u64::try_from(HEADER + self.table_length()).unwrap_or(u64::MAX);
        table
            .chunks(ENTRY)
            .map(|entry| {
                let mut fields = Fields(entry);
                let place = PartPlace {
                    start: u64::from_le_bytes(fields.take().unwrap_or_default()),
                    length: u32::from_le_bytes(fields.take().unwrap_or_default()),
                    checksum: fields.take().unwrap_or_default(),
                };
                if place.start != start || place.length > MAX_PART {
                    return Err("is damaged; import the list again".to_owned());
                }
                start = place.end();
                Ok(place)
            })
            .collect()
    }
}

/// Where a part is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartPlace {
    start: u64,
    length: u32,
    checksum: [u8; 8],
}

impl PartPlace {
    /// The place of the first part of a file.
    pub fn first(header: &Header, bytes: &[u8]) -> Self {
        let start = u64::try_from(HEADER + header.table_length()).unwrap_or(u64::MAX);
        Self::at(start, bytes)
    }

    /// The place of the part after this one.
    pub fn next(&self, bytes: &[u8]) -> Self {
        Self::at(self.end(), bytes)
    }

    fn at(start: u64, bytes: &[u8]) -> Self {
        Self {
            start,
            length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            checksum: checksum(bytes),
        }
    }

    /// Where it ends.
    pub const fn end(&self) -> u64 {
        self.start + self.length as u64
    }

    /// Writes its entry of the table.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        to.write_all(&self.start.to_le_bytes())?;
        to.write_all(&self.length.to_le_bytes())?;
        to.write_all(&self.checksum)
    }

    /// Reads the bytes of the part.
    ///
    /// # Errors
    /// A message, if the file cannot be read.
    pub fn read(&self, file: &File) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; usize::try_from(self.length).unwrap_or_default()];
        file.read_exact_at(&mut bytes, self.start)
            .map_err(|e| e.to_string())?;
        Ok(bytes)
    }

    /// Reads the filter of a part from its bytes. `None` if no password belongs to it.
    ///
    /// # Errors
    /// If the bytes are not those that were written.
    pub fn parse(&self, bytes: &[u8]) -> Result<Option<Part>, String> {
        if checksum(bytes) != self.checksum {
            return Err(format!(
                "the part at byte {} is damaged; import the list again",
                self.start
            ));
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut fields = Fields(bytes);
        let descriptor = Descriptor {
            seed: u64::from_le_bytes(fields.take().unwrap_or_default()),
            segment_length: u32::from_le_bytes(fields.take().unwrap_or_default()),
            segment_length_mask: u32::from_le_bytes(fields.take().unwrap_or_default()),
            segment_count_length: u32::from_le_bytes(fields.take().unwrap_or_default()),
        };
        let fingerprints = fields
            .0
            .chunks_exact(2)
            .map(|pair| {
                pair.iter()
                    .rev()
                    .fold(0, |value, byte| value << 8 | u16::from(*byte))
            })
            .collect();
        Ok(Some(BinaryFuse16 {
            descriptor,
            fingerprints,
        }))
    }
}

/// The bytes of a part.
pub fn part_bytes(part: &Part) -> Vec<u8> {
    let descriptor = &part.descriptor;
    let mut bytes = descriptor.seed.to_le_bytes().to_vec();
    for number in [
        descriptor.segment_length,
        descriptor.segment_length_mask,
        descriptor.segment_count_length,
    ] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(part.fingerprints.iter().flat_map(|print| print.to_le_bytes()));
    bytes
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    Fields(&Sha256::digest(bytes)).take().unwrap_or_default()
}

/// Bytes from which fields are taken one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }
}
