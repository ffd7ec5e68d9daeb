use super::*;

#[test]
fn a_file_of_the_reference_is_read() {
    // As HAProxy 3.4.0 printed it, cut to a few columns as an older version has them.
    let text = "#fe guid,stot,bin,hrsp_2xx,\nfe:web,3,246,3,\nli,4,247,0,\n\n\
                #be guid,stot,lbtot,\nsrv:good,12,10,\nli,3,9,\n\n";
    let file = StatsFile::parse(text.as_bytes()).expect("a file");
    let pairs = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect()
    };
    assert_eq!(
        file.frontends["fe:web"],
        pairs(&[("stot", 3), ("bin", 246), ("hrsp_2xx", 3)])
    );
    // One name may be of a frontend and of a backend: those of a listen section.
    assert_eq!(file.frontends["li"][0], ("stot".to_owned(), 4));
    assert_eq!(file.backends["li"], pairs(&[("stot", 3), ("lbtot", 9)]));
    assert_eq!(file.backends.len(), 2);
}

#[test]
fn what_another_version_says_is_left_out() {
    let text = "#li guid,stot,\na,1,\n#fe guid,stot,new_column,\nfe,5,6,\n#zz other\n";
    // A section of another kind has a header of the same form.
    assert!(StatsFile::parse(text.as_bytes()).is_err());
    let text = text.replace("#zz other\n", "#zz guid,\n");
    let file = StatsFile::parse(text.as_bytes()).expect("a file");
    assert_eq!(file.frontends["fe"].len(), 2);
    assert!(file.backends.is_empty());
    assert_eq!(StatsFile::parse(b""), Ok(StatsFile::default()));
}

#[test]
fn cut_and_foreign_files_are_refused_whole() {
    for (text, why) in [
        ("fe,5,\n", "line 1: a header is missing"),
        ("# pxname,svname\nfe,5,\n", "line 1: this is no header"),
        ("#fe guid,stot\nfe,5,\n", "line 1: this is no header"),
        (
            "#fe guid,stot,bin,\nfe,5,6,\nfe,5",
            "its last line has no end",
        ),
        (
            "#fe guid,stot,bin,\nfe,5,\n",
            "line 2: 1 values for 2 columns",
        ),
        (
            "#fe guid,stot,bin,\nfe,5,6,7,\n",
            "line 2: 3 values for 2 columns",
        ),
        ("#fe guid,stot,bin,\nfe,5,x,\n", "line 2: 'x' is no number"),
        (
            "#fe guid,stot,bin,\nfe,5,-6,\n",
            "line 2: '-6' is no number",
        ),
        ("#fe guid,stot,bin,\nfe\n", "line 2: there is no value"),
        ("\u{0}\u{1}\n", "line 1: a header is missing"),
    ] {
        assert_eq!(
            StatsFile::parse(text.as_bytes()),
            Err(why.to_owned()),
            "{text}"
        );
    }
    assert_eq!(StatsFile::parse(b"\xff\n"), Err("it is no text".to_owned()));
}

#[test]
fn headers_name_the_columns_that_rows_have() {
    for part in Part::ALL {
        let mut text = String::new();
        part.begin(&mut text);
        assert_eq!(part.readers().len(), part.columns().len());
        let header = Header::parse(text.trim_end().trim_start_matches('#')).expect("a header");
        assert_eq!(header.columns, part.columns());
    }
}
