//! Secrets are not recorded: values of command lines that are called like one, or look like
//! one, give way to a placeholder.

use crate::record::CellStatus;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Words of a name whose value is a secret; compared word by word, without regard to case.
const SECRET_WORDS: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "pass",
    "secret",
    "secrets",
    "token",
    "apikey",
    "credential",
    "credentials",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "jwt",
    // Of an address that was signed.
    "sig",
];
/// Ends of words that are secrets whatever stands before them: `PGPASSWORD`, `authtoken`.
const SECRET_ENDS: [&str; 4] = ["password", "passwd", "secret", "token"];
/// Pairs of words that name one together: `api-key`, `ACCESS_KEY`.
const SECRET_KEYS: [&str; 6] = [
    "api",
    "access",
    "private",
    "secret",
    "encryption",
    "signing",
];
/// Flags whose values are secrets, though variables and columns of that name are none.
const SECRET_FLAGS: [&str; 10] = [
    "key",
    "session",
    "session-id",
    "sessionid",
    "sid",
    "psk",
    "account-key",
    "master-key",
    "shared-key",
    "license-key",
];
/// Clients that take a password behind a short flag, in one word with it or in the next.
const CLIENTS: [(&str, &str); 7] = [
    ("mysql", "-p"),
    ("mariadb", "-p"),
    ("mongo", "-p"),
    ("sshpass", "-p"),
    ("redis-cli", "-a"),
    ("valkey-cli", "-a"),
    ("cqlsh", "-p"),
];
/// Beginnings of tokens that services give out, with the least length of the whole.
const TOKEN_SHAPES: [(&str, usize); 12] = [
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("AKIA", 20),
    ("ASIA", 20),
    ("sk-", 24),
    ("sk_live_", 20),
    ("eyJ", 40),
];

/// Flags of programs whose values are headers of HTTP.
const HEADER_FLAGS: [&str; 2] = ["--header", "--headers"];
/// What may stand between the name of a header and its secret.
const SCHEMES: [&str; 6] = ["Bearer", "Basic", "Digest", "Token", "ApiKey", "Negotiate"];

/// Flags of leaklab whose values are variables: their names are recorded, their values never.
const VARIABLE_FLAGS: [&str; 1] = ["--env"];

/// Takes secrets out of what is recorded and shown.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// What the user wants gone beside the common patterns.
    patterns: Vec<String>,
}

impl Redactor {
    /// The common patterns, and those of the user: `*` stands for any characters; a pattern
    /// without one is looked for anywhere.
    pub fn new(patterns: &[String]) -> Self {
        let patterns = patterns.iter().filter(|pattern| !pattern.is_empty());
        Redactor {
            patterns: patterns.cloned().collect(),
        }
    }

    /// A command line without its secrets; program and names of flags stay.
    pub fn command(&self, arguments: &[String]) -> Vec<String> {
        let mut before = "";
        let mut client = None;
        let mut clean = Vec::with_capacity(arguments.len());
        for argument in arguments {
            client = password_flag(argument).or(client);
            // A secret that begins like a flag is not told from the next flag.
            let may_be_value = !argument.starts_with('-') || names_user(before);
            clean.push(if may_be_value && is_secret_behind(before, argument) {
                REDACTED.to_owned()
            } else if let Some(password) = without_password(client, before, argument) {
                password
            } else if VARIABLE_FLAGS.contains(&before) {
                without_value(argument)
            } else {
                self.argument(argument)
            });
            before = argument;
        }
        clean
    }

    fn argument(&self, argument: &str) -> String {
        if let Some((name, value)) = argument.split_once('=') {
            if VARIABLE_FLAGS.contains(&name) {
                return format!("{name}={}", without_value(value));
            }
            let is_name = !name.contains(char::is_whitespace) && !name.contains("://");
            if is_name && is_secret_name(name) {
                return format!("{name}={REDACTED}");
            }
            if HEADER_FLAGS.contains(&name) {
                return format!("{name}={}", self.argument(value));
            }
        }
        if let Some(clean) = without_header_value(argument).or_else(|| self.json(argument)) {
            return clean;
        }
        self.text(argument)
    }

    /// The text of a JSON object without its secrets; `None` if it is none.
    fn json(&self, text: &str) -> Option<String> {
        let mut value: serde_json::Value = (text.starts_with('{').then_some(text))
            .and_then(|text| serde_json::from_str(text).ok())?;
        self.clean_json(&mut value);
        Some(value.to_string())
    }

    fn clean_json(&self, value: &mut serde_json::Value) {
        use serde_json::Value::{Array, Object, String};
        match value {
            Object(members) => {
                for (name, value) in members {
                    match value {
                        String(text) => *text = self.value(name, text),
                        value => self.clean_json(value),
                    }
                }
            }
            Array(values) => values.iter_mut().for_each(|value| self.clean_json(value)),
            String(text) => *text = self.text(text),
            _ => {}
        }
    }

    /// Text without what looks like a secret by its form: tokens of services, passwords in
    /// addresses, headers of authorisation, values that stand behind the name of a secret, and
    /// what the user named.
    pub fn text(&self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = "";
        let mut between = ' ';
        // Whether the next word is the value of a header that is called like a secret.
        let mut is_in_header = false;
        // The flag before a password of the client that is called.
        let mut client = None;
        while !rest.is_empty() {
            let end = rest.find(is_separator).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            // As words of a command line, or as texts of a list of them.
            let is_next = between.is_whitespace() || matches!(between, '"' | '\'');
            let is_behind = is_next
                && match before {
                    "Bearer" => word.len() >= 8,
                    flag => is_secret_behind(flag, word),
                };
            client = match word {
                "&&" | "||" | "|" | "&" => None,
                word => password_flag(word).or(client),
            };
            let is_scheme = SCHEMES.contains(&word);
            let is_behind = is_behind || is_in_header && !is_scheme;
            if (is_behind && !word.is_empty()) || is_token(word) || self.is_wanted(word) {
                clean.push_str(REDACTED);
            } else if let Some(password) =
                without_password(client, before, word).filter(|_| is_next)
            {
                clean.push_str(&password);
            } else if let Some(header) = without_header_value(word) {
                clean.push_str(&header);
            } else {
                clean.push_str(&without_values(&without_user(word)));
            }
            if !word.is_empty() {
                is_in_header = is_in_header && is_scheme
                    || word.strip_suffix(':').is_some_and(is_secret_header);
            }
            let separator = after.chars().next();
            between = separator.unwrap_or(between);
            if matches!(separator, Some(';' | '\n')) {
                client = None;
            }
            let separator = separator.map_or(0, char::len_utf8);
            clean.push_str(&after[..separator]);
            rest = &after[separator..];
            if !word.is_empty() {
                before = word;
            }
        }
        clean
    }

    /// The value of a label, unless that is called like a secret or looks like one.
    pub fn value(&self, name: &str, value: &str) -> String {
        match is_secret_name(name) {
            true => REDACTED.to_owned(),
            false => self.text(value),
        }
    }

    /// What is recorded of a cell, without the secrets in the words of the program and in the
    /// command lines of its load.
    pub fn status(&self, status: &mut CellStatus) {
        status.message = self.text(&status.message);
        status.hint = self.text(&status.hint);
        for load in &mut status.load {
            load.command = self.command(&load.command);
        }
    }

    fn is_wanted(&self, word: &str) -> bool {
        let mut patterns = self.patterns.iter();
        !word.is_empty()
            && patterns.any(|pattern| match pattern.contains('*') {
                true => matches(pattern, word),
                false => word.contains(pattern.as_str()),
            })
    }
}

/// Whether a word is a secret for the flag before it.
fn is_secret_behind(flag: &str, word: &str) -> bool {
    match names_user(flag) {
        true => names_password(word),
        false => flag.starts_with('-') && !flag.contains('=') && is_secret_name(flag),
    }
}

/// The flag behind which a client of that name takes a password; `None` of any other word.
fn password_flag(word: &str) -> Option<&'static str> {
    let name = word.rsplit('/').next().unwrap_or(word);
    let is_called = |client: &str| {
        // `mysqldump`, `mariadb-admin`, `mongosh`.
        let rest = name.strip_prefix(client);
        rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
    };
    let mut clients = CLIENTS.iter();
    clients
        .find(|(client, _)| is_called(client))
        .map(|(_, flag)| *flag)
}

/// A word of a client's command line without the password in it; `None` if there is none.
fn without_password(client: Option<&str>, before: &str, word: &str) -> Option<String> {
    let flag = client?;
    if before == flag && !word.is_empty() && !word.starts_with('-') {
        return Some(REDACTED.to_owned());
    }
    let password = word.strip_prefix(flag)?;
    (!password.is_empty()).then(|| format!("{flag}{REDACTED}"))
}

fn names_user(flag: &str) -> bool {
    matches!(flag, "-u" | "--user")
}

/// Whether a header of HTTP of that name holds a secret.
fn is_secret_header(name: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let lower = name.to_ascii_lowercase();
    let is_header = lower.starts_with("x-")
        || [
            "authorization",
            "proxy-authorization",
            "cookie",
            "set-cookie",
        ]
        .contains(&&*lower);
    is_header && name.chars().all(is_of_name) && is_secret_name(name)
}

/// `Name: value` of a header that holds a secret, without the value; `None` if it is none.
fn without_header_value(text: &str) -> Option<String> {
    let (name, value) = text.split_once(':')?;
    // As curl and wrk take it in one word.
    let bare = name.strip_prefix("-H").unwrap_or(name);
    let gap = if value.starts_with(' ') { " " } else { "" };
    (is_secret_header(bare) && !value.trim().is_empty()).then(|| format!("{name}:{gap}{REDACTED}"))
}

/// Whether a user is named with a password behind a colon, and not with the number of a group.
fn names_password(user: &str) -> bool {
    let password = user.split_once(':').map_or("", |(_, password)| password);
    !password.is_empty() && !password.bytes().all(|byte| byte.is_ascii_digit())
}

/// What ends a word, in command lines, JSON and HTML.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '"' | '\'' | '<' | '>' | '`' | ',' | ';' | '(' | ')' | '[' | ']' | '{' | '}'
        )
}

/// The parts of a word, as of the query of an address, without the values that are called like a
/// secret.
fn without_values(word: &str) -> String {
    let mut clean = String::with_capacity(word.len());
    for part in word.split_inclusive(['&', '?']) {
        let end = part
            .strip_suffix(['&', '?'])
            .map_or("", |_| &part[part.len() - 1..]);
        let part = &part[..part.len() - end.len()];
        match part.split_once('=') {
            // The text of a page, where `=` stands between a name and its quoted value.
            Some((name, value)) if !value.is_empty() && is_secret_name(name) => {
                clean.push_str(&without_value(part));
            }
            _ => clean.push_str(part),
        }
        clean.push_str(end);
    }
    clean
}

/// `NAME=value` without the value.
fn without_value(variable: &str) -> String {
    match variable.split_once('=') {
        Some((name, _)) => format!("{name}={REDACTED}"),
        None => variable.to_owned(),
    }
}

/// Whether the value of a flag or a variable of that name is a secret.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_flag = name.starts_with('-');
    if is_flag && SECRET_FLAGS.contains(&name.trim_start_matches('-')) {
        return true;
    }
    let words: Vec<&str> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let is_secret = |word: &&str| {
        SECRET_WORDS.contains(word) || SECRET_ENDS.iter().any(|end| word.ends_with(end))
    };
    words.iter().any(is_secret)
        || words
            .windows(2)
            .any(|pair| SECRET_KEYS.contains(&pair[0]) && matches!(pair[1], "key" | "keys"))
}

fn is_token(word: &str) -> bool {
    // Behind the name of an argument, or in the path of an address.
    let mut parts = word.split(['=', '/', ':', '@', '&', '?']);
    parts.any(|part| {
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let mut shapes = TOKEN_SHAPES.iter();
        part.chars().all(is_of_token)
            && part.chars().any(|c| c.is_ascii_digit())
            && shapes.any(|(start, length)| part.starts_with(start) && part.len() >= *length)
    })
}

/// An address without the user and the password in it.
fn without_user(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        // `user:password@tcp(host)`, as drivers of databases take it.
        return match word.rsplit_once('@') {
            Some((user, host))
                if names_password(user) && !host.is_empty() && !user.contains('/') =>
            {
                format!("{REDACTED}@{host}")
            }
            _ => word.to_owned(),
        };
    };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority].rsplit_once('@') {
        Some((user, _)) if user.contains(':') => {
            format!("{scheme}://{REDACTED}@{}", &rest[user.len() + 1..])
        }
        _ => word.to_owned(),
    }
}

/// Whether `text` is of the form of `pattern`, in which `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> String {
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Redactor::new(&["hunter*".to_owned(), "zebra".to_owned()])
            .command(&arguments)
            .join(" ")
    }

    #[test]
    fn secrets_of_a_command_line_are_gone_and_the_rest_stays() {
        for (line, expected) in [
            (
                "run --env API_TOKEN=s3cr3t -- x",
                "run --env API_TOKEN=[redacted] -- x",
            ),
            ("run --env=COLOR=blue", "run --env=COLOR=[redacted]"),
            ("run --env HOME -- x", "run --env HOME -- x"),
            (
                "x --password=a --port 80",
                "x --password=[redacted] --port 80",
            ),
            ("x --db-password a b", "x --db-password [redacted] b"),
            ("x --api-key a", "x --api-key [redacted]"),
            ("x --password --verbose", "x --password --verbose"),
            ("SECRET_KEY=abc x", "SECRET_KEY=[redacted] x"),
            (
                "x --max-tokens=5 --author=me",
                "x --max-tokens=5 --author=me",
            ),
            ("x postgres://me:pw@db/x", "x postgres://[redacted]@db/x"),
            ("x http://127.0.0.1:80/a", "x http://127.0.0.1:80/a"),
            ("x ghp_0123456789abcdefghij", "x [redacted]"),
            ("x -u me:pw -u 0:0 -u me", "x -u [redacted] -u 0:0 -u me"),
            ("x PGPASSWORD=pw", "x PGPASSWORD=[redacted]"),
            (
                "x http://a:b@h/?api_key=c&page=2",
                "x http://[redacted]@h/?api_key=[redacted]&page=2",
            ),
            ("x hunter2 azebrab", "x [redacted] [redacted]"),
            (
                "x app:pw@tcp(db) me@host:/a",
                "x [redacted]@tcp(db) me@host:/a",
            ),
            ("x https://h/a?sig=abc", "x https://h/a?sig=[redacted]"),
            (
                "x --key=S1 --session S2",
                "x --key=[redacted] --session [redacted]",
            ),
            (
                "x --jwt S1 --sort-key a key=b",
                "x --jwt [redacted] --sort-key a key=b",
            ),
            (
                "/usr/bin/mysqldump -u me -pS1 -P3306 db",
                "/usr/bin/mysqldump -u me -p[redacted] -P3306 db",
            ),
            ("redis-cli -p 6379 -a S1", "redis-cli -p 6379 -a [redacted]"),
            ("make -pq -j2", "make -pq -j2"),
        ] {
            assert_eq!(command(line), expected);
        }
        let redactor = Redactor::default();
        for (argument, expected) in [
            ("Authorization: Bearer S1", "Authorization: [redacted]"),
            ("X-Auth-Token:S1", "X-Auth-Token:[redacted]"),
            ("Cookie: session=S1; b=S2", "Cookie: [redacted]"),
            ("--header=X-Api-Key: S1", "--header=X-Api-Key: [redacted]"),
            ("Content-Type: text/plain", "Content-Type: text/plain"),
            (
                r#"{"user":"me","password":"S1","of":{"token":"S2"}}"#,
                r#"{"user":"me","password":"[redacted]","of":{"token":"[redacted]"}}"#,
            ),
            (
                "wrk -H 'Authorization: Bearer S1' -H 'X-Api-Key: S2' http://h/",
                "wrk -H 'Authorization: Bearer [redacted]' -H 'X-Api-Key: [redacted]' http://h/",
            ),
        ] {
            assert_eq!(redactor.command(&[argument.to_owned()]), [expected]);
        }
    }

    #[test]
    fn text_is_scanned_by_form() {
        let redactor = Redactor::default();
        for (text, expected) in [
            (
                "<code>Authorization: Bearer abcdef12345</code>",
                "<code>Authorization: Bearer [redacted]</code>",
            ),
            ("{\"k\":\"AKIAABCDEFGHIJKLMNO1\"}", "{\"k\":\"[redacted]\"}"),
            ("the sk-ies are eyJust blue", "the sk-ies are eyJust blue"),
            (
                "cannot reach postgres://app:pw1@db?sslmode=on with password=pw2",
                "cannot reach postgres://[redacted]@db?sslmode=on with password=[redacted]",
            ),
            (
                "GET https://h/?access_token=abc&page=2",
                "GET https://h/?access_token=[redacted]&page=2",
            ),
            (
                "sh -c 'mysql --password pw -u me:pw -u 1:1; PGPASSWORD=pw psql'",
                "sh -c 'mysql --password [redacted] -u [redacted] -u 1:1; \
                 PGPASSWORD=[redacted] psql'",
            ),
            (
                "sh -c 'mysql -h db -pS1 shop | gzip -pq; mysqldump -pS2 a && make -pq'",
                "sh -c 'mysql -h db -p[redacted] shop | gzip -pq; mysqldump -p[redacted] a \
                 && make -pq'",
            ),
            (
                "sh -c 'x --key=S1 --session=S2 --jwt S3; for(const key=a.b)'",
                "sh -c 'x --key=[redacted] --session=[redacted] --jwt [redacted]; \
                 for(const key=a.b)'",
            ),
        ] {
            assert_eq!(redactor.text(text), expected);
        }
    }
}
