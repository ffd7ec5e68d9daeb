use super::*;

fn outputs(group: &mut Group) -> Vec<GroupOutput> {
    std::iter::from_fn(|| group.poll_output()).collect()
}

fn order(member: usize, order: Order) -> GroupOutput {
    GroupOutput::Order { member, order }
}

fn changed(from: State, to: State) -> GroupOutput {
    GroupOutput::Changed { from, to }
}

fn running() -> Group {
    let mut group = Group::new(2);
    group.handle(0, Report::Well);
    assert_eq!(outputs(&mut group), []);
    group.handle(1, Report::Well);
    assert_eq!(
        outputs(&mut group),
        [
            order(0, Order::Run),
            order(1, Order::Run),
            changed(State::Init, State::Backup)
        ]
    );
    group
}

fn leading() -> Group {
    let mut group = running();
    group.handle(0, Report::WantsToLead);
    assert_eq!(outputs(&mut group), []);
    group.handle(1, Report::WantsToLead);
    assert_eq!(
        outputs(&mut group),
        [
            order(0, Order::Lead),
            order(1, Order::Lead),
            changed(State::Backup, State::Master)
        ]
    );
    group.handle(0, Report::Leads);
    group.handle(1, Report::Leads);
    assert_eq!(outputs(&mut group), []);
    group
}

#[test]
fn a_group_leads_when_all_members_want_to() {
    assert_eq!(leading().state(), State::Master);
}

#[test]
fn a_member_that_hears_a_master_again_no_longer_wants() {
    let mut group = running();
    group.handle(0, Report::WantsToLead);
    group.handle(0, Report::Follows);
    group.handle(1, Report::WantsToLead);
    assert_eq!(outputs(&mut group), []);
    assert_eq!(group.state(), State::Backup);
}

#[test]
fn one_member_that_follows_takes_the_others_along() {
    let mut group = leading();
    group.handle(1, Report::Follows);
    assert_eq!(
        outputs(&mut group),
        [
            order(0, Order::Follow),
            changed(State::Master, State::Backup)
        ]
    );
}

#[test]
fn one_fault_is_everybodys_until_all_are_well() {
    let mut group = leading();
    group.handle(0, Report::Faulty);
    assert_eq!(
        outputs(&mut group),
        [
            order(0, Order::Fault),
            order(1, Order::Fault),
            changed(State::Master, State::Fault)
        ]
    );
    group.handle(1, Report::Faulty);
    group.handle(0, Report::Well);
    assert_eq!(outputs(&mut group), []);
    group.handle(1, Report::Well);
    assert_eq!(outputs(&mut group)[2], changed(State::Fault, State::Backup));
}

#[test]
fn one_member_that_takes_over_takes_the_others_along() {
    let mut group = running();
    group.handle(1, Report::Leads);
    assert_eq!(
        outputs(&mut group),
        [order(0, Order::Lead), changed(State::Backup, State::Master)]
    );
}

#[test]
fn a_dispute_is_about_every_members_addresses() {
    let mut group = leading();
    group.handle(0, Report::LowerHeard);
    assert_eq!(outputs(&mut group), [GroupOutput::Doubt { member: 1 }]);
}

#[test]
fn a_group_waits_for_members_that_are_not_ready() {
    let mut group = Group::new(2);
    group.handle(0, Report::Well);
    group.handle(1, Report::Stopped);
    group.handle(7, Report::Faulty);
    assert_eq!(outputs(&mut group), []);
    assert_eq!(group.state(), State::Init);
}

#[test]
fn a_resumed_group_leads_if_all_that_run_do() {
    use State::{Backup, Fault, Init, Master};
    let cases: [(&[State], State, &[Order]); 5] = [
        (&[Master, Master], Master, &[Order::Run, Order::Run]),
        (&[Master, Init], Master, &[Order::Run]),
        (
            &[Master, Backup],
            Backup,
            &[Order::Run, Order::Follow, Order::Run],
        ),
        (&[Backup, Fault], Backup, &[Order::Run, Order::Run]),
        (&[Init, Init], Init, &[]),
    ];
    for (states, expected, orders) in cases {
        let mut group = Group::resume(states);
        assert_eq!(group.state(), expected, "{states:?}");
        let given: Vec<_> = outputs(&mut group)
            .into_iter()
            .filter_map(|output| match output {
                GroupOutput::Order { order, .. } => Some(order),
                _ => None,
            })
            .collect();
        assert_eq!(given, orders, "{states:?}");
    }
}

#[test]
fn a_group_ends_when_its_last_member_stops() {
    let mut group = running();
    group.handle(0, Report::Stopped);
    assert_eq!(group.state(), State::Backup);
    group.handle(1, Report::Stopped);
    assert_eq!(group.state(), State::Init);
}
