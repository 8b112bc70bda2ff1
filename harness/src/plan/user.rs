//! Whom a program runs as.

use std::os::unix::fs::MetadataExt;

/// User and group of a name or number.
///
/// # Errors
///
/// That there is no such user, or that only root may run programs as others.
pub fn find_user(name: &str) -> Result<(u32, u32), String> {
    // The owner of a process's folder is its effective user.
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|data| data.uid() == 0);
    let found = in_passwd(
        &std::fs::read_to_string("/etc/passwd").unwrap_or_default(),
        name,
    )
    .or_else(|| name.parse().ok().map(|number| (number, number)))
    .ok_or_else(|| format!("`--user {name}`: there is no such user in /etc/passwd"))?;
    match is_root {
        true => Ok(found),
        false => Err(format!(
            "`--user {name}`: only root may run a program as somebody else"
        )),
    }
}

fn in_passwd(passwd: &str, name: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (user, _, uid, gid) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        (user == name || uid == name)
            .then(|| Some((uid.parse().ok()?, gid.parse().ok()?)))
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n";
        assert_eq!(in_passwd(passwd, "nobody"), Some((65_534, 65_533)));
        assert_eq!(in_passwd(passwd, "65534"), Some((65_534, 65_533)));
        assert_eq!(in_passwd(passwd, "nosuch"), None);
    }
}
