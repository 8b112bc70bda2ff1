//! Long packed files, read by two threads with half of the columns each.

use super::{Reader, SampleTable};
use crate::columns;
use crate::packed::{Inflater, PackedFile};
use std::path::Path;

/// Rows of packed hours from which on two threads read them: two days at a row a second, which
/// one reads in some hundredths of a second.
const ROWS_FOR_TWO: usize = 172_800;

/// Values of columns of a packed file, and its rows; `None` if anything is damaged.
fn read_columns(
    path: &Path,
    names: &[String],
    expected_rows: usize,
) -> Option<(Vec<Vec<f64>>, usize)> {
    let mut packed = PackedFile::open(path).ok()??;
    let mut inflater = Inflater::default();
    let mut columns = vec![Vec::new(); names.len()];
    let mut rows = 0;
    while let Some(block) = packed.next_block().ok()? {
        for (name, values) in names.iter().zip(&mut columns) {
            let Some(index) = block.names().position(|known| known == name) else {
                continue;
            };
            if values.capacity() == 0 {
                let _ = values.try_reserve_exact(expected_rows);
            }
            block.append_numbers(index, &mut inflater, rows, values)?;
        }
        rows += block.rows;
    }
    (!packed.damaged).then_some((columns, rows))
}

impl Reader<'_> {
    /// Reads all blocks of a long file with half of its columns on another thread: inflating them
    /// and putting them into memory is most of what a judgement of a month takes. False if it was
    /// not done, and nothing was read: a file with any damage is read in one piece, so that what
    /// is left out of it is known.
    pub(super) fn packed_by_two(
        &mut self,
        path: &Path,
        packed: &mut PackedFile,
    ) -> std::io::Result<bool> {
        if self.each.is_some() || self.expected_rows < ROWS_FOR_TWO {
            return Ok(false);
        }
        let Some(first) = packed.next_block()? else {
            return Ok(false);
        };
        let names: Vec<String> = first.names().map(str::to_owned).collect();
        packed.rewind()?;
        let is_value = |name: &String| {
            ![columns::ELAPSED_MS, columns::PHASE].contains(&name.as_str()) && (self.wanted)(name)
        };
        // Time and phase are read here.
        let (mut works, mut of_here) = (Vec::new(), 0);
        for (index, name) in names.iter().enumerate() {
            match is_value(name) {
                true => works.push((first.work(index), name)),
                false if name == columns::ELAPSED_MS || name == columns::PHASE => {
                    of_here += first.work(index);
                }
                false => {}
            }
        }
        let apart = halved(works, of_here);
        let is_known = names
            .iter()
            .all(|name| names.iter().filter(|n| *n == name).count() == 1);
        if apart.is_empty() || !is_known {
            return Ok(false);
        }
        let expected_rows = self.expected_rows;
        let (read, values) = std::thread::scope(|scope| {
            let other = || read_columns(path, &apart, expected_rows);
            let other = std::thread::Builder::new().spawn_scoped(scope, other).ok();
            let read = self.packed(packed, &apart);
            // It panics as little as what is called here.
            (read, other.and_then(|other| other.join().ok().flatten()))
        });
        read?;
        let is_whole = self.table.damaged_rows == 0 && !packed.damaged;
        match values.filter(|(_, rows)| is_whole && *rows == self.rows) {
            Some((values, _)) => {
                for (name, values) in apart.iter().zip(values) {
                    self.table.insert(name, values, &names);
                }
                Ok(true)
            }
            None => {
                packed.damaged = false;
                (self.table, self.rows) = (SampleTable::default(), 0);
                self.blocks.clear();
                Ok(false)
            }
        }
    }
}

/// The columns that another thread reads, so that both have about as much to do; `of_here` is
/// work of this one beside them.
fn halved(mut works: Vec<(usize, &String)>, of_here: usize) -> Vec<String> {
    works.sort_by_key(|(work, _)| std::cmp::Reverse(*work));
    let (mut here, mut other) = (of_here, 0);
    let mut apart = Vec::new();
    for (work, name) in works {
        match here <= other {
            true => here += work,
            false => {
                other += work;
                apart.push(name.clone());
            }
        }
    }
    apart
}

impl SampleTable {
    /// Puts a column in that was read elsewhere, where it stands in `order`.
    fn insert(&mut self, name: &str, values: Vec<f64>, order: &[String]) {
        let rank = |name: &str| order.iter().position(|known| known == name);
        let rank = |name: &str| rank(name).unwrap_or(usize::MAX);
        let place = self.names.partition_point(|known| rank(known) < rank(name));
        self.names.insert(place, name.to_owned());
        self.values.insert(place, values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed::{CLOSING, PACKED};

    #[test]
    fn both_threads_get_as_much_to_do() {
        let names = ["a", "b", "c", "d", "e"].map(str::to_owned);
        let works = [3, 9, 4, 5, 1].into_iter().zip(&names).collect();
        let apart = halved(works, 2);
        // 9 and 3 there; 2 of its own, 5, 4 and 1 here.
        assert_eq!(apart, ["b", "a"]);
    }

    #[test]
    fn two_threads_read_what_one_reads() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        let rows = 10_000;
        let mut text = "elapsed_ms,phase,a,b,c,d,e\n".to_owned();
        for i in 0..rows {
            // One that is never there, one that comes late, and one that is text.
            let late = if i > 7_000 {
                i.to_string()
            } else {
                String::new()
            };
            text.push_str(&format!("{i}.5,load,{i},,{late},1e3,-{i}.25\n"));
        }
        std::fs::write(path(CLOSING), &text).expect("a file");
        crate::packed::pack(&path(CLOSING), &path(PACKED)).expect("packed");
        std::fs::remove_file(path(CLOSING)).expect("removed");
        let wanted = |name: &str| name != "d";
        let by = |expected_rows: usize| {
            let mut packed = PackedFile::open(&path(PACKED))
                .expect("a file")
                .expect("one");
            let mut reader = Reader::new(&wanted, None);
            reader.expected_rows = expected_rows;
            let is_read = reader.packed_by_two(&path(PACKED), &mut packed);
            let is_read = is_read.expect("it can be read");
            if !is_read {
                assert_eq!((reader.rows, reader.table.len()), (0, 0));
                packed.rewind().expect("a file");
                reader.packed(&mut packed, &[]).expect("it can be read");
            }
            (is_read, reader.finish())
        };
        let same = |one: &SampleTable, two: &SampleTable| {
            assert_eq!(one.names, two.names);
            assert_eq!(one.elapsed_ms, two.elapsed_ms);
            assert_eq!(one.phase, two.phase);
            for name in &one.names {
                let text = |table: &SampleTable| format!("{:?}", table.column(name));
                assert_eq!(text(one), text(two), "{name}");
            }
        };
        let (by_one, by_two) = (by(rows), by(ROWS_FOR_TWO));
        assert_eq!((by_one.0, by_two.0), (false, true));
        assert_eq!(by_one.1.names, ["a", "b", "c", "e"]);
        same(&by_one.1, &by_two.1);
        // With a damaged block, the rows of the others are read by one.
        let mut bytes = std::fs::read(path(PACKED)).expect("a file");
        let end = bytes.len() - 9;
        bytes[end] ^= 1;
        std::fs::write(path(PACKED), bytes).expect("a file");
        let (by_one, by_two) = (by(rows), by(ROWS_FOR_TWO));
        assert_eq!((by_one.0, by_two.0), (false, false));
        assert_eq!(by_two.1.len(), 7_200);
        same(&by_one.1, &by_two.1);
    }
}
