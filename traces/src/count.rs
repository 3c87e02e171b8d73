//! Numbers of schedules, which can be larger than any machine word.

use std::borrow::Cow;
use std::fmt;
use std::ops::AddAssign;

use num_bigint::BigUint;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many schedules: in JSON a number, or its digits in a string if it does not fit 64 bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Count(pub BigUint);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl AddAssign<&Count> for Count {
    fn add_assign(&mut self, other: &Count) {
        self.0 += &other.0;
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(&self.0) {
            Ok(small) => serializer.serialize_u64(small),
            Err(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Digits(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Count(number.into())),
            Written::Digits(digits) => match digits.parse() {
                Ok(number) => Ok(Count(number)),
                Err(_) => Err(D::Error::custom(format!("'{digits}' is not a number of schedules"))),
            },
        }
    }
}

impl JsonSchema for Count {
    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of schedules; its digits in a string if it does not fit 64 bits.",
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+$" }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_a_number_is_written_as_digits() {
        let json = |count: BigUint| {
            let text = serde_json::to_string(&Count(count.clone())).unwrap();
            assert_eq!(serde_json::from_str::<Count>(&text).unwrap(), Count(count), "and is read again");
            text
        };
        assert_eq!(json(BigUint::from(7_u8)), "7");
        assert_eq!(json(BigUint::from(u64::MAX)), "18446744073709551615");
        assert_eq!(json(BigUint::from(u64::MAX) + 1_u8), "\"18446744073709551616\"");
        serde_json::from_str::<Count>("\"seven\"").unwrap_err();
    }
}
