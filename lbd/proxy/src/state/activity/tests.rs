use super::*;

#[test]
fn auto_profiles_a_worker_while_its_rounds_are_long() {
    let (activity, switch) = (Activity::default(), ProfilingSwitch::default());
    assert_eq!(switch.get(), TaskProfiling::Auto);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    activity.begin(runtime.metrics(), Arc::default());
    assert!(activity.thread() > 0);
    assert_eq!(activity.runnable(), None);
    let mut span = Span::new(Time::ZERO, Duration::ZERO);
    let now = Time::ZERO + Duration::from_secs(1);
    activity.note(&mut span, now, Duration::from_millis(250), &switch);
    assert_eq!(activity.cpu_percent.get(), 25);
    assert!(!activity.is_profiled());
    let workers = [activity];
    switch.set(TaskProfiling::On, &workers);
    assert!(workers[0].is_profiled());
    switch.set(TaskProfiling::Off, &workers);
    assert!(!workers[0].is_profiled());
    assert_eq!(switch.get(), TaskProfiling::Off);
}

#[test]
fn costs_are_those_since_a_moment() {
    let activity = Activity::default();
    activity.add_turn(TaskKind::Session, Duration::from_micros(3));
    let before = activity.costs(TaskKind::Session);
    activity.add_turn(TaskKind::Session, Duration::from_micros(5));
    activity.add_wait(TaskKind::Session, Duration::from_micros(2));
    let since = activity.costs(TaskKind::Session).since(before);
    assert_eq!((since.turns, since.cpu), (1, Duration::from_micros(5)));
    assert_eq!((since.timed, since.waited), (1, Duration::from_micros(2)));
    assert_eq!(activity.costs(TaskKind::Stream), Costs::default());
    assert_eq!(since.and(before).turns, 2);
}
