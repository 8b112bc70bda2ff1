//! A part of a run's cells: what one machine of several does.

/// Which part of how many, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which.
    pub number: u64,
    /// Of how many.
    pub of: u64,
}

impl Shard {
    /// Reads `2/5`; `auto` takes both from the variables of a Slurm array, `auto/5` the number from
    /// those of Slurm or of an Indexed Job of Kubernetes.
    ///
    /// # Errors
    ///
    /// What it must look like, or which variable is missing.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_with(text, &|name| std::env::var(name).ok()?.parse().ok())
    }

    fn parse_with(text: &str, variable: &dyn Fn(&str) -> Option<u64>) -> Result<Self, String> {
        let (number, of) = match text.split_once('/') {
            Some((number, of)) => (number, Some(of)),
            None => (text, None),
        };
        let refused = || format!("`{text}` is no shard: write 2/5, auto or auto/5");
        let given = of.map(|of| of.parse().map_err(|_| refused())).transpose()?;
        let shard = match number {
            "auto" => {
                let first = variable("SLURM_ARRAY_TASK_MIN").unwrap_or(0);
                let in_array = || Some(variable("SLURM_ARRAY_TASK_ID")?.checked_sub(first)? + 1);
                let in_job = || Some(variable("JOB_COMPLETION_INDEX")? + 1);
                let missing = "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set here";
                let of = given.or_else(|| variable("SLURM_ARRAY_TASK_COUNT"));
                Shard {
                    number: in_array().or_else(in_job).ok_or(missing)?,
                    of: of.ok_or("how many shards there are is not set here: write auto/5")?,
                }
            }
            number => Shard {
                number: number.parse().map_err(|_| refused())?,
                of: given.ok_or_else(refused)?,
            },
        };
        let is_one = shard.number >= 1 && shard.number <= shard.of;
        is_one.then_some(shard).ok_or_else(refused)
    }

    /// Keeps the cells that are its own: each `of`th, so that the variants of one scenario are
    /// spread over machines as evenly as repetitions.
    pub fn keep<T>(self, cells: &mut Vec<T>) {
        let mut place = 0;
        cells.retain(|_| {
            place += 1;
            (place - 1) % self.of == self.number - 1
        });
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_given_or_taken_from_slurm_and_kubernetes() {
        let none = |_: &str| None;
        let slurm = |name: &str| match name {
            "SLURM_ARRAY_TASK_ID" => Some(7),
            "SLURM_ARRAY_TASK_MIN" => Some(5),
            "SLURM_ARRAY_TASK_COUNT" => Some(4),
            _ => None,
        };
        let job = |name: &str| (name == "JOB_COMPLETION_INDEX").then_some(0);
        type Variables<'a> = &'a dyn Fn(&str) -> Option<u64>;
        type Case<'a> = (&'a str, Variables<'a>, Option<(u64, u64)>);
        let cases: [Case<'_>; 7] = [
            ("2/5", &none, Some((2, 5))),
            ("auto", &slurm, Some((3, 4))),
            ("auto/6", &job, Some((1, 6))),
            ("auto", &job, None),
            ("auto", &none, None),
            ("0/5", &none, None),
            ("6/5", &none, None),
        ];
        for (text, variables, wanted) in cases {
            let found = Shard::parse_with(text, variables).ok();
            assert_eq!(found.map(|one| (one.number, one.of)), wanted, "{text}");
        }
    }

    #[test]
    fn all_shards_together_are_the_whole() {
        let mut all: Vec<u32> = Vec::new();
        for number in 1..=3 {
            let mut cells: Vec<u32> = (0..10).collect();
            Shard { number, of: 3 }.keep(&mut cells);
            all.extend(cells);
        }
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<u32>>());
    }
}
