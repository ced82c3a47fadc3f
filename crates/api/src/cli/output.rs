//! What commands share: printing, and running asynchronous work to its end.

use std::io::Write;

/// Prints to standard output.
///
/// # Errors
/// The message of the operating system.
pub fn print(bytes: &[u8]) -> Result<(), String> {
    std::io::stdout().write_all(bytes).map_err(|e| e.to_string())
}

/// Runs one short piece of asynchronous work to its end.
///
/// # Errors
/// The message of the operating system.
pub fn block_on<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    Ok(runtime.block_on(work))
}
