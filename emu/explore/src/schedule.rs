//! Schedules: orders of accesses, and their text form.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// The order in which the vCPUs made their accesses: written as `W3 K2 W1`, three accesses of the
/// writer, two of the walker, one of the writer. Further vCPUs are `A`, `B`, and so on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Schedule(pub Vec<u8>);

impl Schedule {
    /// Returns the number of switches from one vCPU to another.
    pub fn switches(&self) -> usize {
        self.0.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }
}

/// The letters of the vCPUs.
const LETTERS: &[u8] = b"WKABCDEF";

/// The largest number of vCPUs.
pub const MOST_CPUS: usize = LETTERS.len();

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, turn) in self.0.chunk_by(|a, b| a == b).enumerate() {
            let letter = LETTERS.get(usize::from(turn[0])).map_or('?', |letter| char::from(*letter));
            write!(f, "{}{letter}{}", if n == 0 { "" } else { " " }, turn.len())?;
        }
        Ok(())
    }
}

/// A text that is not a schedule, and the part of it at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSchedule(String);

impl fmt::Display for NoSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' in a schedule: write it as W3 K2 W1, the writer's accesses, then the walker's, ...",
            self.0
        )
    }
}

impl Error for NoSchedule {}

impl FromStr for Schedule {
    type Err = NoSchedule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        /// More accesses than any routine makes.
        const MOST_TURNS: usize = 1 << 20;
        let mut turns = Vec::new();
        // Blanks between the turns are optional.
        let compact: String = text.split_whitespace().collect();
        let mut rest = compact.as_str();
        while let Some(letter) = rest.chars().next() {
            let after = &rest[letter.len_utf8()..];
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (count, next) = after.split_at(digits);
            let refused = || NoSchedule(format!("{letter}{count}"));
            let cpu = LETTERS.iter().position(|known| char::from(*known) == letter).ok_or_else(refused)?;
            let count: usize = count.parse().map_err(|_| refused())?;
            if count == 0 || count > MOST_TURNS - turns.len() {
                return Err(refused());
            }
            turns.extend(std::iter::repeat_n(u8::try_from(cpu).map_err(|_| refused())?, count));
            rest = next;
        }
        if turns.is_empty() { Err(NoSchedule(text.to_owned())) } else { Ok(Schedule(turns)) }
    }
}

/// Lists the letters of vCPUs for a message: `W or K`.
pub fn letters(cpus: &[u8]) -> String {
    let letter =
        |cpu: &u8| LETTERS.get(usize::from(*cpu)).map_or('?', |letter| char::from(*letter)).to_string();
    let letters: Vec<_> = cpus.iter().map(letter).collect();
    if letters.is_empty() { "nothing".to_owned() } else { letters.join(" or ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_written_as_turns() {
        assert_eq!(Schedule(vec![0, 0, 0, 1, 1, 0]).to_string(), "W3 K2 W1");
        assert_eq!(Schedule(Vec::new()).to_string(), "");
        assert_eq!("W3 K2  W1".parse(), Ok(Schedule(vec![0, 0, 0, 1, 1, 0])));
        assert_eq!("W1K2A1".parse(), Ok(Schedule(vec![0, 1, 1, 2])));
        assert_eq!("W1Kx".parse::<Schedule>(), Err(NoSchedule("K".to_owned())));
        for bad in
            ["", " ", "W", "3W", "W0", "W-1", "W+1", "X1", "W99999999999999999999", "w1", "W1,K1", "é1", "1"]
        {
            assert!(bad.parse::<Schedule>().is_err(), "{bad}");
        }
    }
}
