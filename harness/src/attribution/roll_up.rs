//! Which stacks are one row of the answer: those of one owner that do the same, and those that
//! leak what is kept for one thing.

use leaklab_reports::attribution::{Behaviour, Group, Place};
use leaklab_run::StackHistory;
use std::collections::BTreeMap;

/// Frames of the program, from the owner of a way outwards, in which ways are looked for that meet.
const ROLL_UP_FRAMES: usize = 4;
/// Frames between an owner and where it meets another, at most, where lines are not known: the
/// function in which they meet makes one of the two itself or calls who does.
const NEAREST_FRAMES: usize = 1;
/// Blocks that come and go through the function in which ways meet, at most, for each that comes by
/// the ways: a loop or an executor has most of the program's work inside, a function that keeps
/// something makes little else.
const MOST_PASSING: f64 = 1.0;

/// Stacks that come the same way through the program's own code.
pub struct Way<'a> {
    /// The program's own functions of one of them, the innermost first.
    pub own: Vec<Place>,
    /// The stacks.
    pub group: Group<'a>,
    /// Who owns their blocks.
    pub owner: Place,
    /// What the blocks do.
    pub behaviour: Behaviour,
}

impl Way<'_> {
    /// Whether its blocks come and stay.
    pub fn leaks(&self) -> bool {
        self.behaviour == Behaviour::Leaks
    }

    fn goes_through(&self, function: &Place) -> bool {
        self.own.iter().any(|place| is_same(place, function))
    }

    /// Where its owner stands among its functions.
    pub fn owner_at(&self) -> usize {
        let mut own = self.own.iter();
        own.position(|place| is_same(place, &self.owner))
            .unwrap_or(0)
    }

    /// The sum of a count over its stacks of blocks.
    pub fn count(&self, of: fn(&StackHistory) -> u64) -> u64 {
        self.group.blocks.iter().map(|stack| of(stack)).sum()
    }
}

/// Samples of a stack that were born.
pub fn births(stack: &StackHistory) -> u64 {
    let last = stack.snapshots.last();
    last.map_or(0, |snapshot| snapshot.born.iter().sum())
}

/// Samples of a stack that live at the end.
pub fn live(stack: &StackHistory) -> u64 {
    let last = stack.snapshots.last();
    last.map_or(0, |snapshot| snapshot.live.iter().sum())
}

/// Ways that are one row: of one owner, and all leaking or all doing the same. The growth of
/// containers goes to what their owner leaks.
pub fn rolled_up<'a, 'b>(ways: &'b mut [Way<'a>]) -> Vec<Vec<&'b Way<'a>>> {
    roll_up_leaks(ways);
    let leaking: Vec<Place> = ways
        .iter()
        .filter(|way| way.leaks() && !way.group.blocks.is_empty())
        .map(|way| way.owner.clone())
        .collect();
    for way in ways.iter_mut() {
        if way.group.blocks.is_empty() {
            let near = way.own.iter().take(ROLL_UP_FRAMES);
            let mut owners = near.filter_map(|place| leaking.iter().find(|o| is_same(o, place)));
            if let Some(owner) = owners.next_back() {
                way.owner = owner.clone();
                way.behaviour = Behaviour::Leaks;
            }
        }
    }
    let mut rows: BTreeMap<_, Vec<&Way<'a>>> = BTreeMap::new();
    for way in ways.iter() {
        let owner = (way.owner.function.as_str(), way.owner.module.as_str());
        let key = (owner, way.behaviour.to_string());
        rows.entry(key).or_default().push(way);
    }
    rows.into_values().collect()
}

/// Whether two places are in one function.
pub fn is_same(one: &Place, other: &Place) -> bool {
    one.function == other.function && one.module == other.module
}

/// Gives leaking ways that meet a few frames further out the one owner in which they do: what is
/// kept for one thing is often several blocks. Not where the function in which they meet is a
/// program's main function, calls both from one line as an executor does with its tasks, or has
/// more blocks inside that come and go than blocks of what leaks.
fn roll_up_leaks(ways: &mut [Way<'_>]) {
    let leaking: Vec<usize> = (0..ways.len()).filter(|at| ways[*at].leaks()).collect();
    // Each round gives at least one way an owner further out.
    for _ in 0..leaking.len() {
        let pairs = leaking.iter().enumerate().flat_map(|(number, one)| {
            let others = leaking[number + 1..].iter();
            others.map(move |other| (*one, *other))
        });
        let met = pairs
            .filter_map(|(one, other)| {
                let place = meeting(&ways[one], &ways[other])?;
                keeps(place, ways).then(|| (one, other, place.clone()))
            })
            .next();
        let Some((one, other, place)) = met else {
            return;
        };
        let owners = [one, other].map(|at| ways[at].owner.clone());
        for way in ways.iter_mut().filter(|way| way.leaks()) {
            if owners.iter().any(|owner| is_same(owner, &way.owner)) {
                way.owner = place.clone();
            }
        }
    }
}

/// The innermost function in which two ways of different owners meet, as the first goes through it.
fn meeting<'a>(one: &'a Way<'_>, other: &Way<'_>) -> Option<&'a Place> {
    if is_same(&one.owner, &other.owner) {
        return None;
    }
    let (first, second) = ((&*one.own, one.owner_at()), (&*other.own, other.owner_at()));
    let met = met(first, second)?;
    (!only_passes_on(first, second, met)).then(|| &first.0[met.0])
}

/// A chain of functions, the innermost first, and where in it the owner stands.
pub type FromOwner<'a> = (&'a [Place], usize);

/// Where two chains meet first, each from its owner on; `None` if that is too far out.
pub fn met(
    (first, from): FromOwner<'_>,
    (second, other_from): FromOwner<'_>,
) -> Option<(usize, usize)> {
    let mut near = (from..first.len()).take(ROLL_UP_FRAMES);
    near.find_map(|at| {
        let mut others = (other_from..second.len()).take(ROLL_UP_FRAMES);
        let found = others.find(|other| is_same(&first[at], &second[*other]))?;
        Some((at, found))
    })
}

/// Whether the function in which two chains meet leads to both by one call, which leads further to
/// whatever is asked for; where lines are not known, whether it is far from both.
pub fn only_passes_on(
    (first, from): FromOwner<'_>,
    (second, other_from): FromOwner<'_>,
    (at, other_at): (usize, usize),
) -> bool {
    let called = |own: &[Place], at: usize| Some(own[at.checked_sub(1)?].function.clone());
    match (first[at].line, second[other_at].line) {
        (Some(line), Some(other_line)) => {
            line == other_line && called(first, at) != called(second, other_at)
        }
        _ => (at - from).min(other_at - other_from) > NEAREST_FRAMES,
    }
}

/// Whether it is a program's main function, which everything comes through.
pub fn is_main(function: &Place) -> bool {
    function.function.rsplit("::").next() == Some("main")
}

/// Whether a function keeps something rather than runs everything.
fn keeps(function: &Place, ways: &[Way<'_>]) -> bool {
    let inside = || ways.iter().filter(|way| way.goes_through(function));
    let (leaking, passing) = inside().fold((0, 0), |(leaking, passing), way| match way.leaks() {
        true => (leaking + way.count(births), passing),
        false => (
            leaking,
            passing + way.count(|stack| births(stack).saturating_sub(live(stack))),
        ),
    });
    !is_main(function) && passing as f64 <= MOST_PASSING * leaking as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use leaklab_run::StackSnapshot;

    /// Samples of a stack that leaks, born and alive.
    pub const ALL_STAY: [u64; 2] = [40, 40];
    const HALF_STAY: [u64; 2] = [40, 20];

    /// `function:line`, the innermost first; without a line the file is not known either.
    fn places(text: &str) -> Vec<Place> {
        let place = |text: &str| {
            let (function, line) = match text.rsplit_once(':') {
                Some((function, line)) if line.parse::<u32>().is_ok() => (function, line),
                _ => (text, ""),
            };
            let line: Option<u32> = line.parse().ok();
            Place {
                function: function.to_owned(),
                file: line.map(|_| "/home/a/shop/src/shop.rs".to_owned()),
                line,
                module: "/home/a/shop".to_owned(),
                named: true,
            }
        };
        text.split(" < ").map(place).collect()
    }

    /// Samples born and alive at the end.
    fn stack([born, live]: [u64; 2]) -> StackHistory {
        let snapshot = StackSnapshot {
            born: vec![born],
            live: vec![live],
            ..StackSnapshot::default()
        };
        StackHistory {
            snapshots: vec![snapshot],
            ..StackHistory::default()
        }
    }

    /// A stack as `function:line < …`, what its blocks do, and how many were born and live.
    pub type Said<'a> = (&'a str, Behaviour, [u64; 2]);

    /// What is found in ways of those stacks, each owned by its innermost function.
    pub fn with_ways<T>(stacks: &[Said<'_>], find: impl FnOnce(&mut [Way<'_>]) -> T) -> T {
        let histories: Vec<StackHistory> =
            stacks.iter().map(|(.., counts)| stack(*counts)).collect();
        let way = |((text, behaviour, _), history): (&Said<'_>, _)| {
            let own = places(text);
            Way {
                owner: own[0].clone(),
                group: Group {
                    blocks: vec![history],
                    ..Group::default()
                },
                own,
                behaviour: *behaviour,
            }
        };
        find(&mut stacks.iter().zip(&histories).map(way).collect::<Vec<_>>())
    }

    /// The owners of the rows that leak, with how many ways they have.
    fn leaking_rows(stacks: &[Said<'_>]) -> Vec<(String, usize)> {
        with_ways(stacks, |ways| {
            let rows = rolled_up(ways);
            let leaking = rows.iter().filter(|row| row[0].leaks());
            let mut rows: Vec<_> = leaking
                .map(|row| (row[0].owner.function.clone(), row.len()))
                .collect();
            rows.sort();
            rows
        })
    }

    #[test]
    fn one_leak_of_several_blocks_is_one_row_of_who_makes_them() {
        // A task with its stack and its message, some of which are received, and what waits.
        for lines in [true, false] {
            let stacks = [
                (
                    "Message::new:9 < send:20 < load:40 < main:3",
                    Behaviour::Leaks,
                    HALF_STAY,
                ),
                (
                    "Task::new:7 < spawn:5 < send:22 < load:40 < main:3",
                    Behaviour::Leaks,
                    HALF_STAY,
                ),
                (
                    "Stack::new:8 < spawn:5 < send:22 < load:40 < main:3",
                    Behaviour::Leaks,
                    HALF_STAY,
                ),
                (
                    "Waiter::new:6 < turn:11 < send:23 < load:40 < main:3",
                    Behaviour::Leaks,
                    ALL_STAY,
                ),
                (
                    "receive:4 < turn:12 < send:23 < load:40 < main:3",
                    Behaviour::Churns,
                    [9, 0],
                ),
            ];
            let bare = stacks.map(|(text, ..)| {
                let kept = text.chars().filter(|c| !c.is_ascii_digit() && *c != ':');
                kept.collect::<String>()
            });
            let stacks = [0, 1, 2, 3, 4].map(|at| {
                let (text, behaviour, counts) = stacks[at];
                (if lines { text } else { &bare[at] }, behaviour, counts)
            });
            let rows = leaking_rows(&stacks);
            assert_eq!(rows, [("send".to_owned(), 4)], "lines: {lines}");
        }
    }

    #[test]
    fn two_leaks_that_share_an_executor_or_a_loop_stay_two_rows() {
        let leaks = Behaviour::Leaks;
        let two = |stacks: &[Said<'_>]| {
            let rows = leaking_rows(stacks);
            let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["log", "session"], "{stacks:?}");
        };
        // An executor calls whatever task from one line.
        two(&[
            (
                "session:4 < Executor::poll:9 < run:5 < main:3",
                leaks,
                ALL_STAY,
            ),
            ("log:6 < Executor::poll:9 < run:5 < main:3", leaks, ALL_STAY),
        ]);
        // Without lines it is too far from either.
        two(&[
            ("session < login < poll < main", leaks, ALL_STAY),
            ("log < answer < poll < main", leaks, ALL_STAY),
        ]);
        two(&[
            ("session:4 < main:9", leaks, ALL_STAY),
            ("log:6 < main:8", leaks, ALL_STAY),
        ]);
        // A loop in which most of what is made goes again.
        two(&[
            ("session:4 < login:12 < serve:9 < main:3", leaks, ALL_STAY),
            ("log:6 < answer:13 < serve:8 < main:3", leaks, ALL_STAY),
            (
                "page:7 < answer:14 < serve:8 < main:3",
                Behaviour::Churns,
                [500, 2],
            ),
        ]);
    }
}
