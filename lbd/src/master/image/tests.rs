use super::*;

#[test]
fn a_picture_is_read_as_it_was_written() {
    let image = Image {
        age: Duration::from_millis(1234),
        reloads: 7,
        failures: 2,
        log: "[NOTICE]   (1) : ä\n".to_owned(),
        doors: vec![
            DoorImage {
                fd: 5,
                file: Some((u64::MAX, 9)),
            },
            DoorImage { fd: 6, file: None },
        ],
        workers: vec![WorkerImage {
            pid: 77,
            age: Duration::from_secs(3),
            version: "3.4.0".to_owned(),
            survived: 1,
            code: Some(137),
            link: 8,
            heard: vec![0, 255],
            errors: Some(9),
            printed: b"half".to_vec(),
        }],
        waiting: vec![10],
        queue: vec![(true, None), (false, Some(11))],
    };
    assert_eq!(Image::decode(&image.encode()), Some(image.clone()));
    let mut numbers = image.descriptors();
    numbers.sort_unstable();
    assert_eq!(numbers, [5, 6, 8, 9, 10, 11]);
}

#[test]
fn a_picture_of_another_version_is_not_read() {
    let text = Image::default().encode();
    assert!(Image::decode(&text).is_some());
    assert_eq!(
        Image::decode(&text.replace("\"lbd-master\":1", "\"lbd-master\":2")),
        None
    );
    assert_eq!(Image::decode(""), None);
    assert_eq!(
        Image::decode(&text.replace("\"reloads\":0", "\"reloads\":-1")),
        None
    );
}
