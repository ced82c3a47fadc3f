//! Rotation of the keys that sign access tokens. It changes their file; running servers take it over.

use std::{fs, path::Path};

use chrono::{DateTime, Utc};
use mainstay_store::engine::process_lock::ProcessLock;
use zeroize::Zeroizing;

use super::{counted, say};
use crate::{
    auth::{
        access_token::LIFETIME_S,
        signing_key::{SigningKeys, generate_signing_key, private_keys},
    },
    cli::secret_file::{read_secret, replace_secret},
    server::clock::Clock,
};

/// The last line of a file whose last key is staged.
const STAGED: &str = "# The last key is staged: it verifies access tokens, and does not sign yet.";
/// How long after the last change of the file its old keys may be needed, in seconds: the lifetime of a token, and the time
/// until every server has taken the change over.
const NEEDED_S: i64 = LIFETIME_S + 60;

/// The blocks of a file of signing keys.
struct SigningFile {
    keys: Vec<Zeroizing<String>>,
    is_staged: bool,
    _lock: ProcessLock,
}

impl SigningFile {
    /// Reads a file that nobody else changes meanwhile.
    fn open(path: &Path) -> Result<Self, String> {
        let named = |e: &dyn std::fmt::Display| format!("the signing key {}: {e}", path.display());
        let text = read_secret(path)?;
        SigningKeys::parse(&text).map_err(|e| named(&e))?;
        let lock = ProcessLock::beside(path).map_err(|e| unwritable(path, &e))?;
        let lock = lock.ok_or_else(|| named(&"another command is changing it; wait until it has ended"))?;
        // Again, now that nobody else changes it.
        let text = read_secret(path)?;
        SigningKeys::parse(&text).map_err(|e| named(&e))?;
        let keys = private_keys(&text).into_iter();
        Ok(Self {
            keys: keys.map(|key| Zeroizing::new(key.to_owned())).collect(),
            is_staged: text.trim_end().ends_with(STAGED),
            _lock: lock,
        })
    }

    /// Writes the file, and prints what it holds now.
    fn store(&self, path: &Path) -> Result<(), String> {
        let mut text = Zeroizing::new(String::new());
        for key in &self.keys {
            text.push_str(key);
            text.push('\n');
        }
        if self.is_staged {
            text.push_str(STAGED);
            text.push('\n');
        }
        let keys = SigningKeys::parse(&text)?;
        replace_secret(path, &text).map_err(|e| unwritable(path, &e))?;
        say(&path.display().to_string())?;
        for (n, id) in keys.ids().into_iter().enumerate() {
            say(&format!("  {id}  {}", if n == 0 { "signs" } else { "verifies" }))?;
        }
        Ok(())
    }
}

/// Makes a new key that signs from now on. Tokens of the old ones stay valid.
pub fn rotate(path: &Path) -> Result<(), String> {
    let mut file = SigningFile::open(path)?;
    if file.is_staged {
        return Err(
            "a signing key is staged; let it sign with `mainstay keys rotate --signing-key --promote`"
                .to_owned(),
        );
    }
    file.keys.insert(0, new_key()?);
    file.store(path)?;
    say(&format!(
        "Running servers sign with the new key within seconds. After {} minutes run `mainstay keys retire --signing-key`.",
        NEEDED_S / 60
    ))
}

/// Adds a new key that verifies only, for servers that take over the file at different times.
pub fn stage(path: &Path) -> Result<(), String> {
    let mut file = SigningFile::open(path)?;
    if file.is_staged {
        return Err(
            "a signing key is staged already; once every server has the file, let it sign with \
             `mainstay keys rotate --signing-key --promote`"
                .to_owned(),
        );
    }
    file.keys.push(new_key()?);
    file.is_staged = true;
    file.store(path)?;
    say(
        "Give the file to every server. If other services verify tokens with /.well-known/jwks.json, wait five minutes more, \
         since they may cache it. Then run `mainstay keys rotate --signing-key --promote`, and give the file to every \
         server again.",
    )
}

/// Lets the staged key sign.
pub fn promote(path: &Path) -> Result<(), String> {
    let mut file = SigningFile::open(path)?;
    if !file.is_staged {
        return Err(
            "no signing key is staged; begin with `mainstay keys rotate --signing-key --stage`".to_owned(),
        );
    }
    file.keys.rotate_right(1);
    file.is_staged = false;
    file.store(path)?;
    say(&format!(
        "Running servers sign with the new key once they have the file. After {} minutes run \
         `mainstay keys retire --signing-key`.",
        NEEDED_S / 60
    ))
}

/// Removes every key but the first, once no token of the others is valid any more.
pub fn retire(path: &Path) -> Result<(), String> {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified());
    let changed: DateTime<Utc> = changed.map_err(|e| format!("{}: {e}", path.display()))?.into();
    let left = NEEDED_S - (Clock::default().now() - changed).num_seconds();
    if left > 0 && private_keys(&read_secret(path)?).len() > 1 {
        return Err(format!(
            "tokens of the old signing keys may be valid for {} more; wait, or run the command with --now, which makes apps \
             refresh their tokens",
            counted(left, "second")
        ));
    }
    retire_at_once(path)
}

/// Removes every key but the first. Tokens of the others are refused from then on.
pub fn retire_at_once(path: &Path) -> Result<(), String> {
    let mut file = SigningFile::open(path)?;
    if file.is_staged {
        return Err(
            "a signing key is staged; let it sign with `mainstay keys rotate --signing-key --promote` first"
                .to_owned(),
        );
    }
    let retired = file.keys.len().saturating_sub(1);
    if retired == 0 {
        return say(&format!(
            "{} holds one signing key: there is nothing to retire",
            path.display()
        ));
    }
    file.keys.truncate(1);
    file.store(path)?;
    say(&format!("retired {}", counted(retired, "signing key")))
}

fn new_key() -> Result<Zeroizing<String>, String> {
    generate_signing_key().map(|key| Zeroizing::new(key.trim().to_owned()))
}

/// What to do if the file cannot be written, as with a secret that is mounted.
fn unwritable(path: &Path, error: &std::io::Error) -> String {
    let path = path.display();
    format!(
        "{path} cannot be changed ({error}), so nothing was changed. Do it where the file comes from: copy the file to a \
         folder that can be written, run the same command there with --signing-key-file, and put the result back"
    )
}
