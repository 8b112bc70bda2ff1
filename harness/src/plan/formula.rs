//! Bytes per operation as an expression of a scenario's parameters; also the conditions of rules.
//!
//! `96 * sessions / 100`, `64KiB + if(rate > 20, payload, 0)`. Numbers may bear a unit of
//! size. Names are the scenario's parameters (sizes in bytes, times in seconds), `rate`,
//! `duration` (in seconds) and `operations`. Known are `+ - * / %`, `< <= > >= == !=`, `&&`, `||`,
//! parentheses, and `min`, `max`, `floor`, `ceil`, `round`, `sqrt`, `log2`, `if(test, a, b)`.
//! A comparison is 1 where it holds and 0 where it does not.

use crate::text::nearest;
use std::fmt;

/// An expression that was read; its names are known to exist.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    text: String,
    root: Node,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Number(f64),
    Name(String),
    Negated(Box<Node>),
    Operation(Operator, Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Min,
    Max,
    Floor,
    Ceil,
    Round,
    Sqrt,
    Log2,
    If,
}

const FUNCTIONS: [(&str, Function, usize); 8] = [
    ("min", Function::Min, 2),
    ("max", Function::Max, 2),
    ("floor", Function::Floor, 1),
    ("ceil", Function::Ceil, 1),
    ("round", Function::Round, 1),
    ("sqrt", Function::Sqrt, 1),
    ("log2", Function::Log2, 1),
    ("if", Function::If, 3),
];

/// Operators by how tightly they bind, the loosest first; longer signs before their beginnings.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[
        ("*", Operator::Multiply),
        ("/", Operator::Divide),
        ("%", Operator::Remainder),
    ],
];

/// Deepest nesting of parentheses: a file must not end the process.
const DEEPEST: usize = 64;

impl Formula {
    /// Reads an expression over the given names.
    ///
    /// # Errors
    ///
    /// What is wrong, and the nearest name for one that is not known.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        let mut parser = Parser {
            rest: text,
            names,
            depth: 0,
        };
        let root = parser.level(0)?;
        match parser.rest.trim_start() {
            "" => Ok(Formula {
                text: text.trim().to_owned(),
                root,
            }),
            rest => Err(format!("`{text}`: `{rest}` is not expected here")),
        }
    }

    /// Its value; `None` if a name has none (a rate that was not given) or the result is not a
    /// finite number.
    pub fn value(&self, of: &dyn Fn(&str) -> Option<f64>) -> Option<f64> {
        value(&self.root, of).filter(|value| value.is_finite())
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn value(node: &Node, of: &dyn Fn(&str) -> Option<f64>) -> Option<f64> {
    let truth = |holds: bool| f64::from(u8::from(holds));
    Some(match node {
        Node::Number(number) => *number,
        Node::Name(name) => of(name)?,
        Node::Negated(inner) => -value(inner, of)?,
        Node::Operation(operator, left, right) => {
            let (left, right) = (value(left, of)?, value(right, of)?);
            match operator {
                Operator::Add => left + right,
                Operator::Subtract => left - right,
                Operator::Multiply => left * right,
                Operator::Divide => left / right,
                Operator::Remainder => left % right,
                Operator::Less => truth(left < right),
                Operator::LessOrEqual => truth(left <= right),
                Operator::Greater => truth(left > right),
                Operator::GreaterOrEqual => truth(left >= right),
                Operator::Equal => truth((left - right).abs() < f64::EPSILON),
                Operator::NotEqual => truth((left - right).abs() >= f64::EPSILON),
                Operator::And => truth(left != 0.0 && right != 0.0),
                Operator::Or => truth(left != 0.0 || right != 0.0),
            }
        }
        Node::Call(Function::If, arguments) => {
            let chosen = if value(&arguments[0], of)? != 0.0 {
                1
            } else {
                2
            };
            value(&arguments[chosen], of)?
        }
        Node::Call(function, arguments) => {
            let first = value(&arguments[0], of)?;
            match function {
                Function::Min => first.min(value(&arguments[1], of)?),
                Function::Max => first.max(value(&arguments[1], of)?),
                Function::Floor => first.floor(),
                Function::Ceil => first.ceil(),
                Function::Round => first.round(),
                Function::Sqrt => first.sqrt(),
                Function::Log2 => first.log2(),
                Function::If => return None,
            }
        }
    })
}

struct Parser<'a> {
    rest: &'a str,
    names: &'a [&'a str],
    depth: usize,
}

impl<'a> Parser<'a> {
    fn eat(&mut self, sign: &str) -> bool {
        match self.rest.trim_start().strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn level(&mut self, level: usize) -> Result<Node, String> {
        let Some(operators) = LEVELS.get(level) else {
            return self.factor();
        };
        let mut left = self.level(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.eat(sign)) {
            let right = self.level(level + 1)?;
            left = Node::Operation(*operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn factor(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("is nested deeper than {DEEPEST}"));
        }
        let node = self.factor_inside();
        self.depth -= 1;
        node
    }

    fn factor_inside(&mut self) -> Result<Node, String> {
        if self.eat("-") {
            return Ok(Node::Negated(Box::new(self.factor()?)));
        }
        if self.eat("(") {
            let inner = self.level(0)?;
            return match self.eat(")") {
                true => Ok(inner),
                false => Err("a `(` is not closed".to_owned()),
            };
        }
        let rest = self.rest.trim_start();
        match rest.chars().next() {
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(rest),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => self.name(rest),
            Some(c) => Err(format!("`{c}` is not expected here")),
            None => Err("something is missing at its end".to_owned()),
        }
    }

    fn number(&mut self, rest: &'a str) -> Result<Node, String> {
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'))
            .unwrap_or(rest.len());
        let (written, after) = rest.split_at(end);
        self.rest = after;
        let number = written
            .parse::<f64>()
            .ok()
            .or_else(|| leaklab_judge::parse_amount(written));
        let refused = || format!("`{written}` is not a number; a size is written 64KiB");
        number.ok_or_else(refused).map(Node::Number)
    }

    fn name(&mut self, rest: &'a str) -> Result<Node, String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        // `a-b` is one name where there is one, and a difference otherwise.
        let mut word = &rest[..end];
        loop {
            if self.names.contains(&word) {
                self.rest = &rest[word.len()..];
                return Ok(Node::Name(word.to_owned()));
            }
            if let Some(found) = FUNCTIONS.iter().find(|(name, _, _)| *name == word) {
                self.rest = &rest[word.len()..];
                return self.call(*found);
            }
            match word.rfind('-') {
                Some(cut) => word = &word[..cut],
                None => break,
            }
        }
        let word = &rest[..end];
        let functions = FUNCTIONS.iter().map(|(name, _, _)| *name);
        let hint = match nearest(word, self.names.iter().copied().chain(functions)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", self.names.join(", ")),
        };
        Err(format!("there is no parameter `{word}` ({hint})"))
    }

    fn call(&mut self, (name, function, count): (&str, Function, usize)) -> Result<Node, String> {
        let wrong = || format!("`{name}` takes {count} values in parentheses");
        if !self.eat("(") {
            return Err(wrong());
        }
        let mut arguments = vec![self.level(0)?];
        while self.eat(",") {
            arguments.push(self.level(0)?);
        }
        if self.eat(")") && arguments.len() == count {
            Ok(Node::Call(function, arguments))
        } else {
            Err(wrong())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(text: &str) -> Result<Option<f64>, String> {
        let names = ["sessions", "pay-load", "rate"];
        let formula = Formula::parse(text, &names)?;
        Ok(formula.value(&|name| match name {
            "sessions" => Some(250.0),
            "pay-load" => Some(65_536.0),
            _ => None,
        }))
    }

    #[test]
    fn expressions_have_the_value_that_arithmetic_gives_them() {
        for (text, expected) in [
            ("96 * sessions / 100", 240.0),
            ("1 + 2 * 3 - 4 / 2", 5.0),
            ("2 - 3 - 4", -5.0),
            ("-(1 + 2) * 3", -9.0),
            ("64KiB + 1", 65_537.0),
            ("1.5e3", 1_500.0),
            ("pay-load - 6", 65_530.0),
            ("sessions-50", 200.0),
            ("if(sessions > 200, 8, 16)", 8.0),
            ("if(sessions <= 200, 8, 16)", 16.0),
            ("max(ceil(sessions / 100), log2(16))", 4.0),
            ("7 % 4 == 3", 1.0),
            ("1 > 2 || 2 > 1 && 3 > 2", 1.0),
            ("1 && 0", 0.0),
        ] {
            assert_eq!(value_of(text), Ok(Some(expected)), "{text}");
        }
    }

    #[test]
    fn what_has_no_value_is_none_and_no_number() {
        assert_eq!(value_of("16 * rate"), Ok(None));
        assert_eq!(value_of("1 / 0"), Ok(None));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, part) in [
            ("96 * sesions", "did you mean `sessions`?"),
            ("(1 + 2", "a `(` is not closed"),
            ("1 +", "missing at its end"),
            ("1 2", "`2` is not expected here"),
            ("64XiB", "not a number"),
            ("min(1)", "`min` takes 2 values"),
            ("#", "`#` is not expected"),
        ] {
            let error = value_of(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
        let deep = "(".repeat(10_000);
        assert!(value_of(&deep).expect_err("deep").contains("nested"));
    }
}
