use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::task::{LocalSet, spawn_local};

use super::{Counted, RunQueue};

/// Runs `work` and what it spawns to the end.
fn run(work: impl Future<Output = ()> + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    LocalSet::new().block_on(&runtime, work);
}

/// A task whose waits nobody measures.
fn counted<F: Future<Output = ()>>(
    queue: &Arc<RunQueue>,
    task: F,
) -> Counted<F, impl Fn(Duration) + use<F>> {
    Counted::new(queue, None, |_| {}, task)
}

#[test]
fn tasks_that_are_runnable_at_once_are_the_load() {
    run(async {
        let queue = Arc::<RunQueue>::default();
        let seen = Rc::new(Cell::new(0));
        let mut tasks = Vec::new();
        for _ in 0..40 {
            let (inner, seen) = (Arc::clone(&queue), Rc::clone(&seen));
            let task = async move { seen.set(seen.get().max(inner.load())) };
            tasks.push(spawn_local(counted(&queue, task)));
        }
        for task in tasks {
            task.await.expect("no panic");
        }
        assert_eq!(seen.get(), 40);
        queue.rest();
        assert_eq!(queue.load(), 0);
    });
}

#[test]
fn what_tasks_wake_counts_with_them() {
    run(async {
        let queue = Arc::<RunQueue>::default();
        let seen = Rc::new(Cell::new(0));
        let mut tasks = Vec::new();
        for _ in 0..10 {
            let (outer, seen) = (Arc::clone(&queue), Rc::clone(&seen));
            tasks.push(spawn_local(counted(&queue, async move {
                let streams: Vec<_> = (0..5)
                    .map(|_| {
                        let (inner, seen) = (Arc::clone(&outer), Rc::clone(&seen));
                        let stream = async move { seen.set(seen.get().max(inner.load())) };
                        spawn_local(counted(&outer, stream))
                    })
                    .collect();
                for stream in streams {
                    stream.await.expect("no panic");
                }
            })));
        }
        for task in tasks {
            task.await.expect("no panic");
        }
        assert!((60..=70).contains(&seen.get()), "{}", seen.get());
    });
}

#[test]
fn a_task_is_counted_once_however_often_it_is_woken_and_not_after_its_end() {
    run(async {
        let queue = Arc::<RunQueue>::default();
        let mut turns = 0;
        let task = poll_fn(move |cx| {
            turns += 1;
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            match turns {
                5 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        });
        spawn_local(counted(&queue, task)).await.expect("no panic");
        assert_eq!(queue.runnable.load(super::Relaxed), 0);
        // One round after the other of one task.
        assert_eq!(queue.load(), 2);
    });
}

#[test]
fn a_task_that_is_dropped_before_its_turn_is_not_counted_any_more() {
    run(async {
        let queue = Arc::<RunQueue>::default();
        let task = counted(&queue, async {});
        assert_eq!(queue.runnable.load(super::Relaxed), 1);
        drop(task);
        assert_eq!(queue.runnable.load(super::Relaxed), 0);
    });
}

#[test]
fn a_wait_is_measured_from_the_waking_to_the_turn() {
    run(async {
        let queue = Arc::<RunQueue>::default();
        let waits = Rc::new(Cell::new((0, Duration::ZERO)));
        let noted = Rc::clone(&waits);
        let note = move |wait| noted.set((noted.get().0 + 1, wait));
        let clock = Instant::now() - Duration::from_secs(1);
        let task = Counted::new(&queue, Some(clock), note, async {});
        // What is between the waking and the turn is the wait, however long it is.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(3) {
            std::hint::spin_loop();
        }
        spawn_local(task).await.expect("no panic");
        let (count, wait) = waits.get();
        assert_eq!(count, 1);
        assert!(wait >= Duration::from_millis(3), "{wait:?}");
    });
}
