//! What a program's file is: its digest and its build id, so that two nights or two sides can be
//! told to have run the same bytes.

use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Most bytes of a file that are digested: an image of a file system is no program.
const MOST_BYTES: u64 = 4 << 30;

/// SHA-256 of a file in hexadecimal; `None` if it cannot be read.
pub fn sha256_of(path: &Path) -> Option<String> {
    let mut hash = Sha256::new();
    let mut reader = File::open(path).ok()?.take(MOST_BYTES);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer).ok()? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    Some(hexadecimal(&hash.finalize()))
}

/// The build id that the linker wrote into a program.
pub fn build_id_of(path: &Path) -> Option<String> {
    // A program larger than this is not read for the sake of its name.
    const MOST: u64 = 1 << 30;
    if std::fs::metadata(path).ok()?.len() > MOST {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let file = object::File::parse(&*bytes).ok()?;
    let id = object::Object::build_id(&file).ok()??;
    Some(hexadecimal(id))
}

/// A digest of what a command runs: the bytes of its program, and its arguments, of which those
/// that name files stand for what is in them. Two commands with one digest do the same.
pub fn command_digest(program: &Path, arguments: &[OsString], folder: Option<&Path>) -> String {
    let mut hash = Sha256::new();
    hash.update(sha256_of(program).unwrap_or_default());
    for argument in arguments {
        let path = folder.unwrap_or(Path::new("")).join(argument);
        let content = if path.is_file() {
            sha256_of(&path)
        } else {
            None
        };
        hash.update([0]);
        match content {
            Some(content) => hash.update(content),
            None => hash.update(argument.as_encoded_bytes()),
        }
    }
    hexadecimal(&hash.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_digest_of_sha256sum_and_commands_that_do_the_same_are_equal() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let (old, new) = (write("old.sh", "abc"), write("new.sh", "abc"));
        // printf abc | sha256sum
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of(&old).as_deref(), Some(expected));
        let shell = Path::new("/bin/sh");
        let digest = |path: &Path| command_digest(shell, &[path.into()], None);
        assert_eq!(digest(&old), digest(&new));
        std::fs::write(&new, "abcd").expect("a file");
        assert_ne!(digest(&old), digest(&new));
        assert_eq!(build_id_of(&old), None);
    }
}
