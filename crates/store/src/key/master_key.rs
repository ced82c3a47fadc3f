//! The master keys, which wrap the data keys, and their replacement while a server runs.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    error::{Mismatch, Result, StoreError},
    key::seal::{Secret, unwrap, wrap},
};

/// Bytes of a master key's id.
const ID: usize = 8;
/// How often the source of the master keys is looked at for a key that is missing. The first look may have begun before
/// the key was there.
const LOOKS: usize = 2;
/// How long one look may take.
const LOOK_TIME: Duration = Duration::from_secs(2);

/// The master keys. The first is the current one; all of them unwrap. Each has an id that is derived from it.
pub struct MasterKeys {
    all: Vec<MasterKey>,
    current: MasterKey,
}

#[derive(Clone)]
struct MasterKey {
    id: Vec<u8>,
    secret: Secret,
}

impl MasterKeys {
    /// Reads keys from hexadecimal lines. The first is the current one.
    ///
    /// # Errors
    /// Names the wrong line, never its content.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let mut all = Vec::new();
        for (n, line) in text
            .lines()
            .map(str::trim)
            .enumerate()
            .filter(|(_, l)| !l.is_empty())
        {
            let bytes = Zeroizing::new(
                decode_hex(line).ok_or(format!("line {} is not 64 hexadecimal digits", n + 1))?,
            );
            let secret = Secret::from_bytes(*bytes);
            let id = secret.derive("mainstay key id 1").map_err(|e| e.to_string())?;
            let id = id.as_bytes().iter().take(ID).copied().collect();
            all.push(MasterKey { id, secret });
        }
        let current = all.first().ok_or("it holds no key")?.clone();
        Ok(Self { all, current })
    }

    /// Makes a new master key, as a hexadecimal line.
    pub fn generate() -> Result<Zeroizing<String>> {
        let key = Secret::random()?;
        Ok(Zeroizing::new(hex(key.as_bytes())))
    }

    /// The ids of all keys, the current one first.
    pub fn ids(&self) -> Vec<&[u8]> {
        self.all.iter().map(|key| key.id.as_slice()).collect()
    }

    /// The id of the current key.
    pub fn current_id(&self) -> &[u8] {
        &self.current.id
    }

    /// Whether the key with that id is among them.
    pub fn has(&self, id: &[u8]) -> bool {
        self.find(id).is_some()
    }

    fn find(&self, id: &[u8]) -> Option<&MasterKey> {
        self.all.iter().find(|key| key.id == id)
    }

    /// The error of a key that is needed and not among them.
    pub(crate) fn mismatch(&self, needed: &[u8]) -> Mismatch {
        Mismatch::OtherMasterKey {
            needed: hex(needed),
            found: self.ids().into_iter().map(hex).collect::<Vec<_>>().join(", "),
        }
    }

    /// Wraps a data key with the master key of that id. `None` if it is not among them.
    pub(crate) fn wrap(&self, id: &[u8], account: Uuid, data_key: &Secret) -> Result<Option<Vec<u8>>> {
        self.find(id)
            .map(|master| wrap(&master.secret, account, data_key))
            .transpose()
    }

    /// Opens a data key that the master key of that id wraps.
    ///
    /// # Errors
    /// [`StoreError::Sealed`], also if that master key is not among them.
    pub(crate) fn unwrap(&self, id: &[u8], account: Uuid, wrapped: &[u8]) -> Result<Secret> {
        let master = self
            .find(id)
            .ok_or(StoreError::Sealed("the key store (another master key)"))?;
        unwrap(&master.secret, account, wrapped)
    }
}

/// The id of a master key as text.
pub fn hex(id: &[u8]) -> String {
    use std::fmt::Write;
    // The text is as long as it will be from the beginning, so no copy of a key's digits is left behind.
    let text = String::with_capacity(id.len() * 2);
    id.iter().fold(text, |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn decode_hex(line: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if line.len() != 64 || !line.is_ascii() {
        return None;
    }
    for (n, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(line.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(out)
}

/// The master keys of a server, which may be replaced while it runs. Whoever knows where they come from waits in
/// [`Self::wanted`], looks there, and says so with [`Self::replace`] or [`Self::keep`].
pub(crate) struct SharedMasterKeys {
    keys: watch::Sender<Arc<MasterKeys>>,
    wanted: Notify,
}

impl SharedMasterKeys {
    /// Shares these keys.
    pub fn new(keys: MasterKeys) -> Self {
        Self {
            keys: watch::Sender::new(Arc::new(keys)),
            wanted: Notify::new(),
        }
    }

    /// The keys as they are now.
    pub fn get(&self) -> Arc<MasterKeys> {
        Arc::clone(&self.keys.borrow())
    }

    /// The keys, with the one of that id among them. If it is missing, the call waits until their source was looked at.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it is still missing: the source may not have reached this server yet.
    pub async fn with(&self, id: &[u8]) -> Result<Arc<MasterKeys>> {
        let mut looks = self.keys.subscribe();
        for _ in 0..=LOOKS {
            let keys = Arc::clone(&looks.borrow_and_update());
            if keys.has(id) {
                return Ok(keys);
            }
            self.wanted.notify_one();
            let looked = tokio::time::timeout(LOOK_TIME, looks.changed()).await;
            if !matches!(looked, Ok(Ok(()))) {
                break;
            }
        }
        Err(StoreError::Unavailable(format!(
            "a key is wrapped by master key {}, which the file of the master key lacks",
            hex(id)
        )))
    }

    /// Returns when somebody misses a key.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Replaces the keys.
    pub fn replace(&self, keys: MasterKeys) {
        self.keys.send_modify(|shared| *shared = Arc::new(keys));
    }

    /// Says that the source was looked at, and the keys stay as they are.
    pub fn keep(&self) {
        self.keys.send_modify(|_same| ());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_read_back() {
        let text = MasterKeys::generate().unwrap();
        let keys = MasterKeys::parse(&format!("\n{}\n{}\n", *text, "ab".repeat(32))).unwrap();
        assert_eq!(keys.all.len(), 2);
        assert!(keys.has(keys.current_id()));
    }

    #[test]
    fn a_wrong_line_is_named_without_its_content() {
        let error = MasterKeys::parse("secret-words").err().unwrap();
        assert_eq!(error, "line 1 is not 64 hexadecimal digits");
        assert!(MasterKeys::parse("").is_err());
    }

    fn keys(digits: &str) -> MasterKeys {
        MasterKeys::parse(&digits.repeat(32)).unwrap()
    }

    #[tokio::test]
    async fn whoever_misses_a_key_gets_it_once_the_source_was_looked_at() {
        let shared = SharedMasterKeys::new(keys("ab"));
        let (old, new) = (keys("ab").current.id, keys("cd").current.id);
        assert!(shared.with(&old).await.is_ok());
        let source = async {
            // The first look began before the key was there.
            shared.wanted().await;
            shared.keep();
            shared.wanted().await;
            shared.replace(keys("cd"));
        };
        let (found, ()) = tokio::join!(shared.with(&new), source);
        assert_eq!(found.unwrap().current_id(), new);
    }

    #[tokio::test]
    async fn a_key_that_nobody_has_is_a_fault_that_may_pass() {
        let shared = SharedMasterKeys::new(keys("ab"));
        let source = async {
            loop {
                shared.wanted().await;
                shared.keep();
            }
        };
        let id = keys("cd").current.id;
        tokio::select! {
            missing = shared.with(&id) => {
                let Err(StoreError::Unavailable(message)) = missing else { panic!("it is not there") };
                assert!(message.contains(&hex(&id)));
            }
            () = source => {}
        }
    }
}
