use super::*;

fn secret(byte: u8) -> Vec<u8> {
    vec![byte; 80]
}

#[test]
fn a_ticket_is_read_by_every_key_that_is_still_there() {
    let tickets = Tickets::with(&[secret(1), secret(2), secret(3)], 300).expect("keys");
    let ticket = tickets.encrypt(b"session").expect("made");
    assert_eq!(&ticket[..16], &[2; 16], "the last but one makes tickets");
    assert_eq!(tickets.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
    assert!(tickets.push(&secret(4)));
    assert_eq!(tickets.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
    assert!(tickets.push(&secret(5)));
    assert_eq!(tickets.decrypt(&ticket), None, "its key is gone");
}

#[test]
fn tickets_that_were_touched_are_no_tickets() {
    let tickets = Tickets::random(300).expect("random");
    let ticket = tickets.encrypt(b"session").expect("made");
    for at in 0..ticket.len() {
        let mut other = ticket.clone();
        other[at] ^= 1;
        assert_eq!(tickets.decrypt(&other), None);
        assert_eq!(tickets.decrypt(&ticket[..at]), None);
    }
}

#[test]
fn keys_of_other_sizes_are_refused() {
    assert!(Tickets::with(&[vec![0; 47]], 300).is_none());
    assert!(Tickets::with(&[], 300).is_none());
    let tickets = Tickets::random(300).expect("random");
    assert!(!tickets.push(&[0; 16]));
}

#[test]
fn keys_of_another_node_take_the_place_of_all() {
    let key = |byte: u8| vec![byte; 48];
    let tickets = Tickets::with(&[key(1), key(2)], 300).unwrap();
    assert!(tickets.replace(&[key(3), key(4), key(5)]));
    let names: Vec<_> = tickets.secrets().iter().map(|secret| secret[0]).collect();
    assert_eq!(names, [3, 4, 5]);
    for bad in [
        vec![],
        vec![vec![1; 47]],
        vec![vec![1; 80]],
        vec![key(1), vec![1; 80]],
        vec![key(1), key(2), key(3), key(4)],
    ] {
        assert!(!tickets.replace(&bad), "{bad:?}");
    }
    assert_eq!(tickets.secrets().len(), 3);
}

fn shared(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.iter().map(|byte| vec![*byte; SECRET]).collect()
}

#[test]
fn nodes_that_share_secrets_read_each_others_tickets_of_the_same_line() {
    let label = [7; 32];
    let (a, b) = (Tickets::random(300).unwrap(), Tickets::random(300).unwrap());
    let own = a.encrypt(b"own").unwrap();
    for tickets in [&a, &b] {
        assert!(tickets.share(&shared(&[1, 2, 3]), &label));
    }
    let ticket = a.encrypt(b"session").unwrap();
    assert_eq!(b.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
    assert_eq!(a.decrypt(&own).as_deref(), Some(&b"own"[..]), "made before");
    assert_eq!(b.decrypt(&own), None);
    // A line of another kind.
    let other = Tickets::random(300).unwrap();
    assert!(other.share(&shared(&[1, 2, 3]), &[8; 32]));
    assert_eq!(other.decrypt(&ticket), None);
}

#[test]
fn a_shared_secret_makes_tickets_one_step_after_it_is_known_and_reads_them_one_step_longer() {
    let label = [7; 32];
    let (a, b) = (Tickets::random(300).unwrap(), Tickets::random(300).unwrap());
    assert!(a.share(&shared(&[1, 2, 3]), &label) && b.share(&shared(&[1, 2, 3]), &label));
    let first = a.encrypt(b"session").unwrap();
    // One node is told before the other.
    assert!(a.share(&shared(&[2, 3, 4]), &label));
    let second = a.encrypt(b"session").unwrap();
    assert_ne!(first[..16], second[..16]);
    for ticket in [&first, &second] {
        assert!(a.decrypt(ticket).is_some() && b.decrypt(ticket).is_some());
    }
    assert!(a.share(&shared(&[3, 4, 5]), &label));
    assert!(a.decrypt(&first).is_none() && a.decrypt(&second).is_some());
}

#[test]
fn secrets_of_other_sizes_are_not_shared() {
    let tickets = Tickets::random(300).unwrap();
    let ticket = tickets.encrypt(b"session").unwrap();
    for bad in [
        vec![],
        shared(&[1, 2, 3, 4]),
        vec![vec![1; 31]],
        vec![vec![1; 32], vec![2; 48]],
    ] {
        assert!(!tickets.share(&bad, &[7; 32]), "{bad:?}");
    }
    assert!(tickets.decrypt(&ticket).is_some());
}
