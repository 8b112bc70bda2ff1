//! Exit codes, as DESIGN.md fixes them.

use leaklab_reports::cell::Standing;
use leaklab_reports::compare::Decision;
use std::process::ExitCode;

/// How leaklab ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every verdict as expected and within budget.
    Good,
    /// A leak, a regression, or a variant whose verdict is not the one it declares.
    Bad,
    /// Wrong usage or configuration.
    Usage,
    /// Not enough was seen to say.
    Inconclusive,
    /// The harness or its environment failed.
    Harness,
    /// The program died by itself.
    Died,
    /// A signal of that number stopped it.
    Signal(i32),
}

impl Exit {
    /// The code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Good => 0,
            Exit::Bad => 1,
            Exit::Usage => 2,
            Exit::Inconclusive => 3,
            Exit::Harness => 4,
            Exit::Died => 5,
            Exit::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }

    /// What a code means that another leaklab ended with.
    pub fn of_code(code: i32) -> Self {
        match code {
            0 => Exit::Good,
            1 => Exit::Bad,
            2 => Exit::Usage,
            3 => Exit::Inconclusive,
            5 => Exit::Died,
            128..=255 => Exit::Signal(code - 128),
            _ => Exit::Harness,
        }
    }

    /// The graver of two; of several cells the gravest wins: 4, 5, 1, 3, 0.
    pub fn or_graver(self, other: Exit) -> Exit {
        if other.gravity() > self.gravity() {
            other
        } else {
            self
        }
    }

    fn gravity(self) -> u8 {
        match self {
            Exit::Good => 0,
            Exit::Inconclusive => 1,
            Exit::Bad => 2,
            Exit::Died => 3,
            Exit::Harness => 4,
            Exit::Usage => 5,
            Exit::Signal(_) => 6,
        }
    }
}

impl From<Standing> for Exit {
    fn from(standing: Standing) -> Self {
        match standing.exit_code() {
            0 => Exit::Good,
            1 => Exit::Bad,
            4 => Exit::Harness,
            5 => Exit::Died,
            _ => Exit::Inconclusive,
        }
    }
}

impl From<Decision> for Exit {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Holds => Exit::Good,
            Decision::Refuted => Exit::Bad,
            Decision::Open => Exit::Inconclusive,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// A mistake in how leaklab was called; the message names the way out.
#[derive(Debug)]
pub struct UsageError(pub String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// A [`UsageError`] as an error of any kind.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(UsageError(message.into()))
}

/// The code of an error: usage if somebody called leaklab wrongly, else the environment's.
pub fn of_error(error: &anyhow::Error) -> Exit {
    if error.chain().any(|cause| cause.is::<UsageError>()) {
        Exit::Usage
    } else {
        Exit::Harness
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_of_several_cells_wins() {
        let by_gravity = [
            Exit::Good,
            Exit::Inconclusive,
            Exit::Bad,
            Exit::Died,
            Exit::Harness,
        ];
        for (lesser, pair) in by_gravity.windows(2).enumerate() {
            assert_eq!(pair[0].or_graver(pair[1]), pair[1], "{lesser}");
            assert_eq!(pair[1].or_graver(pair[0]), pair[1], "{lesser}");
        }
        assert_eq!(Exit::Signal(2).code(), 130);
        assert_eq!(Exit::Signal(15).code(), 143);
    }
}
