//! Run format, statistics, verdict, comparison, charts and pages of leaklab.
