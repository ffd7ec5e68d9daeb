use super::*;
use crate::data::DataType as D;

fn schema() -> Schema {
    Schema::new(KeyType::Ipv4, 100).unwrap()
}

#[test]
fn arrays_exclude_the_single_types_that_they_replace() {
    let mut schema = schema();
    schema.store(Stored::array(D::Gpc, 2)).unwrap();
    assert_eq!(
        schema.store(Stored::plain(D::Gpc1)),
        Err(SchemaError::Excluded(D::Gpc, D::Gpc1))
    );
    assert_eq!(schema.store(Stored::rate(D::Gpc0Rate, 10)), Ok(true));
    let rates = Stored {
        data: D::GpcRate,
        elements: 3,
        period_ms: 10,
    };
    assert_eq!(
        schema.store(rates),
        Err(SchemaError::Excluded(D::Gpc0Rate, D::GpcRate))
    );
}

#[test]
fn a_repeated_type_keeps_its_first_period() {
    let mut schema = schema();
    assert_eq!(schema.store(Stored::rate(D::ConnRate, 10)), Ok(true));
    assert_eq!(schema.store(Stored::rate(D::ConnRate, 99)), Ok(false));
    assert_eq!(schema.stored(D::ConnRate).unwrap().period_ms, 10);
}

#[test]
fn wrong_arguments_are_refused() {
    let mut schema = schema();
    for elements in [0, 101] {
        assert_eq!(
            schema.store(Stored::array(D::Gpt, elements)),
            Err(SchemaError::Elements(D::Gpt))
        );
    }
    assert_eq!(
        schema.store(Stored::array(D::Gpc0, 2)),
        Err(SchemaError::Elements(D::Gpc0))
    );
    assert_eq!(
        schema.store(Stored::plain(D::SessRate)),
        Err(SchemaError::Period(D::SessRate))
    );
    assert_eq!(
        schema.store(Stored::rate(D::SessCnt, 5)),
        Err(SchemaError::Period(D::SessCnt))
    );
    assert_eq!(
        Schema::new(KeyType::Ipv4, 0).unwrap_err(),
        SchemaError::Size
    );
    for len in [0, KeyType::MAX_LEN + 1] {
        assert_eq!(
            Schema::new(KeyType::String { len }, 1).unwrap_err(),
            SchemaError::KeyLength(len)
        );
    }
}

#[test]
fn values_lie_side_by_side_in_the_order_of_their_bits() {
    let schema = schema()
        .with(Stored::plain(D::GlitchCnt))
        .and_then(|s| s.with(Stored::array(D::Gpc, 3)))
        .and_then(|s| s.with(Stored::plain(D::BytesInCnt)))
        .unwrap();
    let layout = Layout::new(&schema, 4);
    assert_eq!(layout.at(D::BytesInCnt, 0), Some(5));
    assert_eq!(layout.at(D::Gpc, 0), Some(7));
    assert_eq!(layout.at(D::Gpc, 2), Some(9));
    assert_eq!(layout.at(D::Gpc, 3), None);
    assert_eq!(layout.at(D::Gpt, 0), None);
    assert_eq!(layout.at(D::GlitchCnt, 0), Some(10));
    assert_eq!(layout.stride, 11);
    assert_eq!(schema.bitmap(), 1 << 13 | 1 << 23 | 1 << 25);
}
