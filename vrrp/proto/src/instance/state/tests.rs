use super::Decision as D;
use super::State as S;
use super::Trigger as T;
use super::*;

const TRIGGERS: [Trigger; 14] = [
    T::Start,
    T::Stop,
    T::FaultRaised,
    T::FaultCleared,
    T::AdvertTimer,
    T::DownTimer,
    T::Lead,
    T::Follow,
    T::Release,
    T::Heard(Rank::Release),
    T::Heard(Rank::Lower),
    T::Heard(Rank::EqualBelow),
    T::Heard(Rank::EqualAbove),
    T::Heard(Rank::Higher),
];

const TO_BACKUP: Decision = D::ToBackup(Goodbye::Nothing);
const TO_FAULT: Decision = D::ToFault(Goodbye::Nothing);
const TO_INIT: Decision = D::ToInit(Goodbye::Nothing);
const YIELD: Decision = D::ToBackup(Goodbye::Release);

fn row(state: State, facts: Facts) -> [Decision; 14] {
    TRIGGERS.map(|trigger| decide(state, trigger, facts))
}

fn facts(set: impl Fn(&mut Facts)) -> Facts {
    let mut facts = Facts::default();
    set(&mut facts);
    facts
}

#[test]
fn every_state_and_trigger_with_default_facts() {
    let stay = D::Stay;
    let none = Facts::default();
    #[rustfmt::skip]
    let table = [
        // start      stop     fault     cleared    advert        down         lead         follow  release  heard 0    lower       equal below  above     higher
        (S::Init,   [TO_BACKUP, stay,    TO_FAULT, stay,      stay,         stay,        stay,        stay,  stay,  stay,      stay,       stay,        stay,      stay]),
        (S::Backup, [stay,      TO_INIT, TO_FAULT, stay,      stay,         D::ToMaster, D::ToMaster, stay,  stay,  D::Hurry,  D::Discard, D::Follow,   D::Follow, D::Follow]),
        (S::Master, [stay,      D::ToInit(Goodbye::Release), D::ToFault(Goodbye::Release), stay, D::Advertise, stay, stay, YIELD, YIELD, D::Answer, D::Assert, D::Assert, TO_BACKUP, TO_BACKUP]),
        (S::Fault,  [stay,      TO_INIT, stay,     TO_BACKUP, stay,         stay,        stay,        stay,  stay,  stay,      stay,       stay,        stay,      stay]),
    ];
    for (state, expected) in table {
        assert_eq!(row(state, none), expected, "{state:?}");
    }
}

#[test]
fn each_fact_changes_only_what_it_is_about() {
    type Changes = &'static [(State, Trigger, Decision)];
    let cases: [(Facts, Changes); 7] = [
        (
            facts(|f| f.is_owner = true),
            &[
                (S::Init, T::Start, D::ToMaster),
                (S::Fault, T::FaultCleared, D::ToMaster),
            ],
        ),
        (
            facts(|f| f.is_grouped = true),
            &[(S::Backup, T::DownTimer, D::AskGroup)],
        ),
        (
            facts(|f| (f.is_owner, f.is_grouped) = (true, true)),
            &[(S::Backup, T::DownTimer, D::AskGroup)],
        ),
        (
            facts(|f| f.accepts_lower = true),
            &[(S::Backup, T::Heard(Rank::Lower), D::Follow)],
        ),
        (
            facts(|f| f.is_expected = true),
            &[
                (S::Master, T::Heard(Rank::Lower), TO_BACKUP),
                (S::Master, T::Heard(Rank::EqualBelow), TO_BACKUP),
            ],
        ),
        (
            facts(|f| f.may_skip_skew = true),
            &[(S::Backup, T::Heard(Rank::Release), D::ToMaster)],
        ),
        (
            facts(|f| f.says_goodbye = true),
            &[
                (
                    S::Master,
                    T::Heard(Rank::Higher),
                    D::ToBackup(Goodbye::OwnPriority),
                ),
                (
                    S::Master,
                    T::Heard(Rank::EqualAbove),
                    D::ToBackup(Goodbye::OwnPriority),
                ),
            ],
        ),
    ];
    for (facts, changes) in cases {
        for state in [S::Init, S::Backup, S::Master, S::Fault] {
            for trigger in TRIGGERS {
                let changed = changes
                    .iter()
                    .find(|(s, t, _)| (*s, *t) == (state, trigger));
                let expected = changed
                    .map_or_else(|| decide(state, trigger, Facts::default()), |(_, _, d)| *d);
                assert_eq!(
                    decide(state, trigger, facts),
                    expected,
                    "{state:?} {trigger:?} {facts:?}"
                );
            }
        }
    }
}

#[test]
fn no_facts_lead_from_a_fault_to_mastership_but_by_its_end() {
    for bits in 0u8..64 {
        let facts = Facts {
            is_owner: bits & 1 != 0,
            is_grouped: bits & 2 != 0,
            accepts_lower: bits & 4 != 0,
            is_expected: bits & 8 != 0,
            may_skip_skew: bits & 16 != 0,
            says_goodbye: bits & 32 != 0,
        };
        for trigger in TRIGGERS.into_iter().filter(|t| *t != T::FaultCleared) {
            assert_ne!(decide(S::Fault, trigger, facts), D::ToMaster);
            if facts.is_grouped && trigger != T::Lead {
                assert_ne!(
                    decide(S::Backup, trigger, facts),
                    D::ToMaster,
                    "{trigger:?}"
                );
            }
        }
    }
}
