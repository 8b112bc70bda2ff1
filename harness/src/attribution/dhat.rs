//! The form of DHAT, which Firefox Profiler opens (it reads no pprof): a file of version 2, as
//! `dhat/dh_main.c` of valgrind describes it.

use leaklab_reports::attribution::{Answer, Place};
use serde_json::{Value, json};

/// The stacks of an answer: what grew stands as the total bytes, what lives at the end as the others.
/// Blocks are not counted by stack.
pub fn dhat(answer: &Answer, cell: &str) -> Value {
    // The first frame is the root, by the form.
    let root = "[root]".to_owned();
    let frames: Vec<String> = [root]
        .into_iter()
        .chain(answer.places.iter().map(frame))
        .collect();
    let points = answer.stacks.iter().map(|stack| {
        let frames: Vec<usize> = stack.places.iter().map(|place| place + 1).collect();
        let [grew, lives] = [stack.growth_bytes.max(0.0), stack.live_bytes].map(f64::round);
        let [grew, lives] = [grew as u64, lives as u64];
        json!({
            "tb": grew, "tbk": 0, "tl": 0,
            "mb": lives, "mbk": 0, "gb": lives, "gbk": 0, "eb": lives, "ebk": 0,
            "fs": frames,
        })
    });
    let end_us = (answer.seconds * 1e6).round() as u64;
    json!({
        "dhatFileVersion": 2,
        "mode": "leaklab: total bytes are those that grew, the others live",
        "verb": "Allocated",
        "bklt": true,
        "bkacc": false,
        "tu": "µs",
        "Mtu": "s",
        "tuth": 0,
        "cmd": cell,
        "pid": 0,
        "tg": end_us,
        "te": end_us,
        "pps": points.collect::<Vec<Value>>(),
        "ftbl": frames,
    })
}

/// `0xADDRESS: FUNCTION (FILE:LINE)`; addresses are not told apart.
fn frame(place: &Place) -> String {
    let file = place.file.as_deref().unwrap_or(&place.module);
    match place.line {
        Some(line) => format!("0x0: {} ({file}:{line})", place.function),
        None => format!("0x0: {} (in {file})", place.function),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_reports::attribution::NamedStack;

    #[test]
    fn stacks_lead_from_the_innermost_out_and_bytes_are_whole() {
        let place = |function: &str, line| Place {
            function: function.to_owned(),
            file: Some("src/shop.rs".to_owned()),
            line,
            ..Place::default()
        };
        let answer = Answer {
            places: vec![place("keep", Some(7)), place("main", None)],
            stacks: vec![NamedStack {
                places: vec![0, 1],
                growth_bytes: -2.0,
                live_bytes: 41.6,
            }],
            ..Answer::default()
        };
        let file = dhat(&answer, "shop");
        assert_eq!(file["ftbl"][1], "0x0: keep (src/shop.rs:7)");
        assert_eq!(file["ftbl"][2], "0x0: main (in src/shop.rs)");
        let point = &file["pps"][0];
        assert_eq!(point["fs"], json!([1, 2]));
        assert_eq!((&point["tb"], &point["eb"]), (&json!(0), &json!(42)));
    }
}
