//! `pg_dump` and `pg_restore`, which copy PostgreSQL databases.
//!
//! A password is never an argument, since every user of a machine can read the arguments of a program.

use std::{
    io::ErrorKind,
    path::Path,
    process::{Command, Stdio},
};

/// The most characters of a program's own message that are repeated.
const MAX_MESSAGE: usize = 2000;

/// The reason why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The program is not on the path.
    #[error("{0} is not on the PATH")]
    Missing(&'static str),
    /// The URL holds what would be seen in the list of processes.
    #[error(
        "the URL of the database has the parameter sslpassword, which {0} would show in the list of processes"
    )]
    HasKeyPassword(&'static str),
    /// The program failed.
    #[error("{0} failed: {1}")]
    Failed(&'static str, String),
}

impl ToolError {
    /// Whether there was no room for what a program wrote, as far as its message tells.
    pub fn is_full(&self) -> bool {
        let texts = ["No space left", "File too large", "quota exceeded"];
        matches!(self, Self::Failed(_, message) if texts.iter().any(|text| message.contains(text)))
    }
}

/// Whether a program is there.
pub fn is_there(tool: &'static str) -> bool {
    let mut command = Command::new(tool);
    command.arg("--version").stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Dumps a database, as the exported snapshot shows it, to a file.
///
/// # Errors
/// [`ToolError`].
pub fn dump(url: &str, snapshot: &str, file: &Path) -> Result<(), ToolError> {
    let address = Address::of(url);
    let mut command = address.command("pg_dump")?;
    command
        .args(["--format=custom", "--compress=1", "--no-owner", "--no-privileges"])
        .arg(format!("--snapshot={snapshot}"))
        .arg("--file")
        .arg(file);
    address.run("pg_dump", command).map(drop)
}

/// Restores a dump into a database, in one transaction.
///
/// # Errors
/// [`ToolError`].
pub fn restore(url: &str, file: &Path) -> Result<(), ToolError> {
    let address = Address::of(url);
    let mut command = address.command("pg_restore")?;
    command
        .args(["--exit-on-error", "--single-transaction"])
        .args(["--no-owner", "--no-privileges"])
        .arg(file);
    address.run("pg_restore", command).map(drop)
}

/// The table of contents of a dump.
///
/// # Errors
/// [`ToolError`].
pub fn list(file: &Path) -> Result<String, ToolError> {
    let mut command = Command::new("pg_restore");
    command.arg("--list").arg(file);
    Address::default().run("pg_restore", command)
}

/// The address of a database, with its password apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Address {
    url: String,
    password: Option<String>,
    has_key_password: bool,
}

impl Address {
    /// Takes a URL apart. It may name several hosts, as libpq allows.
    fn of(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        let mut password = None;
        let user = user.map(|user| match user.split_once(':') {
            Some((name, text)) => {
                password = Some(decode(text));
                format!("{name}@")
            }
            None => format!("{user}@"),
        });
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut kept = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("password", text)) => password = Some(decode(text)),
                _ => kept.push(parameter),
            }
        }
        let query = if kept.is_empty() {
            String::new()
        } else {
            format!("?{}", kept.join("&"))
        };
        Self {
            url: format!("{scheme}://{}{hosts}{path}{query}", user.unwrap_or_default()),
            password: password.filter(|password| !password.is_empty()),
            has_key_password: kept.iter().any(|parameter| parameter.starts_with("sslpassword=")),
        }
    }

    fn command(&self, tool: &'static str) -> Result<Command, ToolError> {
        if self.has_key_password {
            return Err(ToolError::HasKeyPassword(tool));
        }
        let mut command = Command::new(tool);
        command.arg("--dbname").arg(&self.url).arg("--no-password");
        if let Some(password) = &self.password {
            command.env("PGPASSWORD", password);
        }
        Ok(command)
    }

    /// Runs a program to its end. Gives what it printed.
    fn run(&self, tool: &'static str, mut command: Command) -> Result<String, ToolError> {
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|error| match error.kind() {
            ErrorKind::NotFound => ToolError::Missing(tool),
            _ => ToolError::Failed(tool, error.to_string()),
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let mut message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if let Some(password) = &self.password {
            message = message.replace(password, "…");
        }
        if message.is_empty() {
            message = output.status.to_string();
        }
        Err(ToolError::Failed(
            tool,
            message.chars().take(MAX_MESSAGE).collect(),
        ))
    }
}

/// Decodes `%` escapes.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let escaped = match (byte, ahead.next(), ahead.next()) {
            (b'%', Some(high), Some(low)) => char::from(high)
                .to_digit(16)
                .zip(char::from(low).to_digit(16))
                .and_then(|(high, low)| u8::try_from(16 * high + low).ok()),
            _ => None,
        };
        if escaped.is_some() {
            rest = ahead;
        }
        bytes.push(escaped.unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_taken_out_of_a_url_wherever_it_is() {
        for (url, expected, password) in [
            ("postgres://h/d", "postgres://h/d", None),
            ("postgres://u@h/d", "postgres://u@h/d", None),
            ("postgres://u:p%40%3Aä@h:5/d", "postgres://u@h:5/d", Some("p@:ä")),
            (
                "postgresql://u:p@a:1,b:2/d?sslmode=require&password=q&connect_timeout=3",
                "postgresql://u@a:1,b:2/d?sslmode=require&connect_timeout=3",
                Some("q"),
            ),
            ("postgres:///d?password=100%", "postgres:///d", Some("100%")),
            ("postgres://u:@h?host=/tmp", "postgres://u@h?host=/tmp", None),
        ] {
            let address = Address::of(url);
            assert_eq!(
                (address.url.as_str(), address.password.as_deref()),
                (expected, password)
            );
        }
    }

    #[test]
    fn the_password_of_a_key_is_not_shown_to_other_users() {
        let refused = restore("postgres://h/d?sslpassword=x", Path::new("none"));
        assert!(matches!(refused, Err(ToolError::HasKeyPassword(_))));
    }
}
