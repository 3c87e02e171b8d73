//! Numbers of schedules and of entries, which can be larger than any machine word.

use std::borrow::Cow;
use std::fmt;
use std::ops::AddAssign;

use num_bigint::BigUint;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of schedules or entries: in JSON a number, or a string of its digits if it does not fit 64 bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Count(pub BigUint);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Count {
    /// Returns the number in digits, or about, as `8.7e411`, if it has more than twenty.
    pub(crate) fn short(&self) -> String {
        const MOST_DIGITS: usize = 20;
        let digits = self.0.to_string();
        match digits.split_at_checked(1) {
            Some((first, rest)) if digits.len() > MOST_DIGITS => {
                format!("about {first}.{}e{}", &rest[..1], rest.len())
            }
            _ => digits,
        }
    }

    /// Returns the number as a sum and difference of at most four powers of two.
    ///
    /// `None` if the number is below 1024 or needs more powers.
    pub(crate) fn in_powers_of_two(&self) -> Option<String> {
        const MOST: usize = 4;
        const SMALL: u32 = 1024;
        if self.0 < BigUint::from(SMALL) {
            return None;
        }
        // The shortest such sum (the non-adjacent form): no two exponents are neighbours.
        let mut terms: Vec<(char, u32)> = Vec::new();
        let (mut rest, mut power) = (self.0.clone(), 0);
        while rest > BigUint::ZERO {
            if rest.bit(0) {
                if rest.bit(1) {
                    terms.push(('-', power));
                    rest += 1_u8;
                } else {
                    terms.push(('+', power));
                    rest -= 1_u8;
                }
            }
            rest >>= 1_u8;
            power += 1;
        }
        if terms.len() > MOST {
            return None;
        }
        let text = terms.iter().rev().enumerate().map(|(n, (sign, power))| match n {
            0 => format!("2^{power}"),
            _ => format!(" {sign} 2^{power}"),
        });
        Some(text.collect())
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
    fn numbers_are_sums_of_few_powers_of_two() {
        let powers = |number: u128| Count(BigUint::from(number)).in_powers_of_two();
        assert_eq!(powers(1 << 55).as_deref(), Some("2^55"));
        assert_eq!(powers((1 << 55) - 1).as_deref(), Some("2^55 - 2^0"));
        assert_eq!(powers(29 << 50).as_deref(), Some("2^55 - 2^52 + 2^50"));
        assert_eq!(powers(1000), None);
        assert_eq!(powers(0x5555_5555), None);
    }

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
