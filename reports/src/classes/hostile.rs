//! Snapshots of every form with bytes changed, cut out and doubled: whatever comes is read or
//! refused, never more.

use super::heap_snapshot::retainers_of;
use super::{FORMATS, Format};

const CHANGES: usize = 3_000;

fn seed(format: Format) -> Vec<u8> {
    match format {
        Format::ClassHistogram => b"   1:   12345   1234567  [B (java.base@17)\n   2:  1  24  a.B\n".to_vec(),
        Format::HeapSnapshot => br#"{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["synthetic","object","array"]],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["element","property","weak","shortcut"]]}},"nodes":[0,0,1,0,2,1,1,3,40,1,2,2,5,32,0],"edges":[3,3,5,0,1,10,1,3,10],"strings":["","Server","x","list"]}"#.to_vec(),
        // Strings, a type, a function, a place and a sample of one value.
        Format::Pprof => b"\x32\x00\x32\x05count\x32\x06main.f\x0a\x04\x08\x01\x10\x01\x2a\x04\x08\x01\x10\x02\x22\x08\x08\x01\x22\x04\x08\x01\x10\x09\x12\x06\x0a\x01\x01\x12\x01\x07".to_vec(),
        Format::Tracemalloc => b"/app/shop.py\t12\t3\t900\n".to_vec(),
        Format::Folded => b"main;serve;handle 4096\nmain 1\n".to_vec(),
        Format::Csv => b"key,count,bytes\n\"a,b\",1,10\n".to_vec(),
    }
}

#[test]
fn changed_snapshots_are_read_or_refused() {
    let mut random = fastrand::Rng::with_seed(15);
    for (format, name) in FORMATS {
        let seed = seed(format);
        assert!(format.read(&seed[..]).is_ok(), "{name}");
        let mut refused = 0;
        for _ in 0..CHANGES {
            let mut bytes = seed.clone();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(0..bytes.len().max(1));
                match random.u8(0..4) {
                    0 if at < bytes.len() => bytes[at] = random.u8(..),
                    1 if at < bytes.len() => drop(bytes.remove(at)),
                    2 => bytes.truncate(at),
                    _ => {
                        let part = bytes[at.min(bytes.len())..].to_vec();
                        bytes.extend(part);
                    }
                }
            }
            refused += usize::from(format.read(&bytes[..]).is_err());
            if format == Format::HeapSnapshot {
                let _ = retainers_of(&bytes, &["Server".to_owned(), "(array)".to_owned()], 0);
            }
        }
        assert!(refused > 0, "{name}: everything was read");
    }
}
