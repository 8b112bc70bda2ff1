//! One question put to the judge, and the record of what was looked at to answer it.

use std::cell::RefCell;

use crate::explanation::{Explanation, Note};
use crate::fit::line::Line;
use crate::policy::verdict::REPORTED_CONFIDENCE;
use crate::prepare::Prepared;
use crate::series::JudgeOptions;

/// A prepared series and what is asked of it.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub prepared: &'a Prepared,
    pub options: &'a JudgeOptions,
    /// Confidence of the interval that decides.
    pub confidence: f64,
    notes: Option<RefCell<Vec<Note>>>,
}

impl<'a> Case<'a> {
    pub fn new(prepared: &'a Prepared, options: &'a JudgeOptions, confidence: f64) -> Self {
        Self {
            prepared,
            options,
            confidence,
            notes: None,
        }
    }

    /// A case whose way is recorded.
    pub fn recorded(prepared: &'a Prepared, options: &'a JudgeOptions, confidence: f64) -> Self {
        Self {
            notes: Some(RefCell::default()),
            ..Self::new(prepared, options, confidence)
        }
    }

    /// Records a step, where steps are recorded.
    pub fn note(&self, note: impl FnOnce() -> Note) {
        if let Some(notes) = &self.notes {
            notes.borrow_mut().push(note());
        }
    }

    /// Records a shape that was found.
    pub fn note_shape(&self, name: &str, evidence: impl FnOnce() -> String) {
        self.note(|| Note::Shape {
            name: name.to_owned(),
            evidence: evidence(),
        });
    }

    /// Records a line that was fitted between two places on the axis.
    pub fn note_fit(&self, line: &Line, fitted: (f64, f64), is_straight: bool) {
        let per_hour = 3_600.0 / self.prepared.seconds_per_unit;
        self.note(|| Note::Fit {
            start_s: self.prepared.seconds_at(fitted.0),
            end_s: self.prepared.seconds_at(fitted.1),
            slope_per_hour: line.slope * per_hour,
            half_width_per_hour: line.half_width(REPORTED_CONFIDENCE) * per_hour,
            is_straight,
        });
    }

    /// What was recorded.
    pub fn explanation(self) -> Explanation {
        Explanation {
            notes: self.notes.map(RefCell::into_inner).unwrap_or_default(),
        }
    }
}
