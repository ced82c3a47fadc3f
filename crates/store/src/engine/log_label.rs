//! The label that log lines carry while a piece of work runs, on whichever thread it runs.
//!
//! The caller of the store chooses the label and what it means. The engine hands the label of the task that submits a
//! job to the thread that runs the job, so that a line logged there carries it as well.

use std::sync::Arc;

use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static LABEL: Arc<str>;
}

/// Runs a future under a label.
pub fn with_label<F: Future>(label: Arc<str>, work: F) -> TaskLocalFuture<Arc<str>, F> {
    LABEL.scope(label, work)
}

/// Returns the label of the work that runs on this thread now, if it has one.
pub fn current_label() -> Option<Arc<str>> {
    LABEL.try_with(Arc::clone).ok()
}

/// Runs a closure under a label on the calling thread.
pub fn run_labelled<T>(label: Arc<str>, work: impl FnOnce() -> T) -> T {
    LABEL.sync_scope(label, work)
}

/// Returns a closure that runs under the label that is current now, on whichever thread it is called.
pub fn keep_label<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let label = current_label();
    move || match label {
        Some(label) => run_labelled(label, work),
        None => work(),
    }
}

/// Returns a future that runs under the label that is current now, in whichever task it is polled.
pub fn keep_label_in<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let label = current_label();
    async move {
        match label {
            Some(label) => LABEL.scope(label, work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_label_goes_along_to_another_thread_and_ends_with_its_work() {
        let label = || current_label().as_deref().map(str::to_owned);
        let work = async {
            let kept = keep_label(label);
            let on_another_thread = tokio::task::spawn_blocking(move || (kept(), label())).await;
            (label(), on_another_thread.unwrap())
        };
        let (in_the_task, (kept, afterwards)) = with_label("first".into(), work).await;
        assert_eq!(in_the_task.as_deref(), Some("first"));
        assert_eq!((kept.as_deref(), afterwards), (Some("first"), None));
        assert_eq!(label(), None);
    }
}
