//! A column of readings to come: what it counts, and what it is beside the others.

use super::number::{amount, resolution};
use super::role::{self, Role};
use super::unit::ValueUnit;

/// A metric to come.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub name: String,
    /// Unit of plain numbers, where tool, name or user say it.
    pub unit: Option<ValueUnit>,
    pub role: Role,
    /// The unit that fields themselves said.
    pub from_field: Option<ValueUnit>,
    /// Whether it is of a table that anybody may have written, and not of a known tool.
    pub is_of_table: bool,
    /// Whether the name alone says the unit, so that the readings may belie it.
    pub is_by_name: bool,
    /// The least difference that the numbers can show, in their unit; infinite until one is
    /// looked at.
    pub grain: f64,
    /// A number that may be a thousand times as large, as the file writes it.
    pub two_numbers: Option<String>,
    /// The column of swap that was added to it.
    pub swap: Option<String>,
    /// Where it is memory that is left: the column that says how much there is in all.
    pub total: Option<usize>,
    /// Where it is memory that is free: the columns of caches that are given back when needed.
    pub given_back: Vec<usize>,
    /// Whether it was read to say how much there is in all or what is given back, and for nothing
    /// else.
    pub is_total: bool,
    /// Whether it is memory in use that was had from what is left of a total.
    pub is_less_what_is_left: bool,
    /// Readings that are -1, as of one that was not taken.
    pub minus_ones: u64,
    /// Whether it counts things beside the memory that is judged.
    pub is_beside: bool,
    /// Whether part of it may be caches that the kernel gives back.
    pub holds_caches: bool,
}

impl Column {
    pub fn new(name: &str, unit: Option<ValueUnit>, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            unit,
            role,
            from_field: None,
            is_of_table: false,
            is_by_name: false,
            grain: f64::INFINITY,
            two_numbers: None,
            swap: None,
            total: None,
            given_back: Vec::new(),
            is_total: false,
            is_less_what_is_left: false,
            minus_ones: 0,
            is_beside: false,
            holds_caches: false,
        }
    }

    /// Whether column or fields say what it counts, so that its readings are bytes by now.
    pub fn says_its_unit(&self) -> bool {
        self.unit.or(self.from_field).is_some()
    }

    /// Whether it counts shares or things, and no bytes.
    pub fn is_share(&self) -> bool {
        let unit = self.unit.or(self.from_field);
        matches!(unit, Some(ValueUnit::Percent | ValueUnit::Count))
    }

    /// The column in the rows of one metric, whose name says what the column's does not.
    pub fn of_metric(&self, name: &str) -> Self {
        let unit = self.unit.or_else(|| ValueUnit::of_name(name));
        let factor = match self.unit {
            Some(_) => 1.0,
            None => unit.map_or(1.0, ValueUnit::factor),
        };
        Self {
            unit,
            role: role::role_of(name),
            grain: self.grain * factor,
            ..self.clone()
        }
    }

    /// Looks at how fine a number is written.
    pub fn look_at(&mut self, field: &[u8], comma_is_point: bool) {
        let factor = self.unit.map_or(1.0, ValueUnit::factor);
        let resolution = |unit: Option<ValueUnit>| {
            Some(resolution(field, comma_is_point)? * unit.map_or(factor, ValueUnit::factor))
        };
        let finest = match amount(field, comma_is_point) {
            None => return,
            // Powers of ten may hide any number of digits.
            Some(amount) => resolution(amount.unit).unwrap_or(0.0),
        };
        self.grain = self.grain.min(finest);
    }
}
