//! Stopping, panics, and what an essential task takes with it.

use std::future::pending;

use tokio::{sync::oneshot, task::yield_now};

use super::*;

#[tokio::test]
async fn everyone_learns_of_the_shutdown_whenever_they_ask() {
    let shutdown = Shutdown::default();
    let other = shutdown.clone();
    let early = tokio::spawn(async move { other.triggered().await });
    yield_now().await;
    assert!(!shutdown.is_triggered());
    shutdown.trigger();
    shutdown.trigger();
    early.await.unwrap();
    shutdown.triggered().await;
    assert!(shutdown.is_triggered());
}

#[tokio::test]
async fn a_drain_waits_for_the_tasks_and_knows_their_names() {
    let tasks = Tasks::new(Shutdown::default());
    tasks.empty().await;
    let (end, ended) = oneshot::channel::<()>();
    tasks.spawn("push to one", async move { ended.await.unwrap() });
    let stuck = tasks.spawn("push to two", pending::<()>());
    assert_eq!(tasks.names(), ["push to one", "push to two"]);
    end.send(()).unwrap();
    stuck.abort();
    tasks.empty().await;
    assert!(tasks.names().is_empty());
}

#[tokio::test]
async fn a_panic_costs_one_task_and_is_counted() {
    let tasks = Tasks::new(Shutdown::default());
    let panics = tasks.spawn("one", async { panic!("on purpose") });
    let other = tasks.spawn("two", async { 2 });
    assert!(panics.await.unwrap_err().is_panic());
    assert_eq!(other.await.unwrap(), 2);
    tasks.empty().await;
    assert_eq!(tasks.panics().get(), 1);
}

#[tokio::test]
async fn an_essential_task_that_ends_is_told_unless_the_daemon_stops() {
    let shutdown = Shutdown::default();
    let tasks = Tasks::new(shutdown.clone());
    tasks.spawn_essential("accept loop", async {});
    assert_eq!(tasks.essential_ended().await, "accept loop");

    let tasks = Tasks::new(shutdown.clone());
    let until = shutdown.clone();
    tasks.spawn_essential("accept loop", async move { until.triggered().await });
    shutdown.trigger();
    tasks.empty().await;
    assert!(tasks.0.failed.borrow().is_none());
}
