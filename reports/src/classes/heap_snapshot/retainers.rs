//! What keeps objects of a constructor alive: of the shortest ways from a root to each of them, the
//! one that most of them have.

use super::scan::{Fields, Visitor, scan};
use super::{Naming, key, naming};
use std::collections::{HashMap, HashSet, VecDeque};
use std::io::BufRead;

/// Most nodes and edges that are held.
const MOST_NODES: usize = 16 << 20;
const MOST_EDGES: usize = 32 << 20;
/// Most constructors that are looked for.
const MOST_WANTED: usize = 64;
/// Longest way that is told.
const LONGEST_WAY: usize = 24;
/// Most names of entries of weak maps that are told from others.
const MOST_WEAK_NAMES: usize = 1 << 20;
/// What V8 calls the references from the key and from the table of a weak map to a value: the value
/// lives as long as the key does.
const WEAK_ENTRY: &str = " pair in WeakMap (table @";
/// No node.
const NOWHERE: u32 = u32::MAX;

/// The way from a root to an object of a constructor.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Retained {
    /// The constructor.
    pub key: String,
    /// Who holds it, from the object outwards: `sessions of Server`.
    pub path: Vec<String>,
}

/// The ways by which most objects of the wanted constructors are kept whose ids are above `after`:
/// that came later than the snapshot with that largest id. A few that something nearer to a root
/// holds too, such as the last ones that were used, say nothing of the others. Of objects that hold
/// each other in long chains it is the way to the first. The file is opened twice.
///
/// # Errors
///
/// Words on what is wrong with the file, or that it is too large to be held.
pub fn retainers<'a>(
    open: &dyn Fn() -> Result<Box<dyn BufRead + 'a>, String>,
    wanted: &[String],
    after: u64,
) -> Result<Vec<Retained>, String> {
    let wanted = &wanted[..wanted.len().min(MOST_WANTED)];
    let mut names = Names {
        wanted,
        found: HashMap::new(),
        namings: Vec::new(),
        weak_names: HashSet::new(),
    };
    scan(open()?, &mut names)?;
    let mut graph = Graph {
        namings: names.namings,
        wanted_names: names.found,
        weak_names: names.weak_names,
        found: vec![Vec::new(); wanted.len()],
        kinds: wanted.iter().map(|key| key.starts_with('(')).collect(),
        wanted,
        after,
        nodes: Vec::new(),
        edges: Vec::new(),
        next_edge: 0,
        ways: Vec::new(),
        texts: HashMap::new(),
    };
    scan(open()?, &mut graph)?;
    Ok(graph.told())
}

/// `retainers` of a snapshot that is in memory.
///
/// # Errors
///
/// As for `retainers`.
pub fn retainers_of(bytes: &[u8], wanted: &[String], after: u64) -> Result<Vec<Retained>, String> {
    retainers(&|| Ok(Box::new(bytes)), wanted, after)
}

/// First round: the numbers of the names that are looked for.
struct Names<'a> {
    wanted: &'a [String],
    /// By the number of a name, and whether it is a function's, the place in `wanted`.
    found: HashMap<(bool, u64), usize>,
    namings: Vec<Naming>,
    /// Names of the entries of weak maps.
    weak_names: HashSet<u32>,
}

impl Visitor for Names<'_> {
    fn node(&mut self, _fields: &Fields, _numbers: &[u64]) -> Result<(), String> {
        Ok(())
    }

    fn edge(&mut self, _fields: &Fields, _numbers: &[u64]) -> Result<(), String> {
        Ok(())
    }

    fn strings_begin(&mut self, fields: &Fields) -> Result<(), String> {
        self.namings = fields.node_types.iter().map(|kind| naming(kind)).collect();
        Ok(())
    }

    fn string(&mut self, number: usize, text: &str) -> Result<(), String> {
        if text.contains(WEAK_ENTRY) && self.weak_names.len() < MOST_WEAK_NAMES {
            self.weak_names.insert(short(number as u64));
        }
        for (is_function, naming) in [(false, Naming::Name), (true, Naming::Function)] {
            let key = key(naming, text);
            let at = self.wanted.iter().position(|one| Some(one) == key.as_ref());
            if let Some(at) = at {
                self.found.insert((is_function, number as u64), at);
            }
        }
        Ok(())
    }
}

/// A node, as far as it is held.
#[derive(Clone, Copy)]
struct Node {
    first_edge: u32,
    name: u32,
    kind: u8,
    /// Place of the wanted constructor that it is an object of, or 255.
    wanted: u8,
}

/// An edge; its parts lie apart so that each takes 9 bytes.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Edge {
    to: u32,
    name: u32,
    kind: u8,
}

/// Second round: nodes and edges, the ways through them, and the names along these.
struct Graph<'a> {
    namings: Vec<Naming>,
    wanted_names: HashMap<(bool, u64), usize>,
    wanted: &'a [String],
    /// Whether a wanted key is a kind of objects, without a name of its own.
    kinds: Vec<bool>,
    weak_names: HashSet<u32>,
    /// The objects of each that came later, the nearest to a root first.
    found: Vec<Vec<u32>>,
    after: u64,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    next_edge: u64,
    /// For each chosen object, holders and edges: node, edge.
    ways: Vec<(usize, Vec<(u32, u32)>)>,
    texts: HashMap<u64, String>,
}

/// No wanted constructor.
const UNWANTED: u8 = u8::MAX;

fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(NOWHERE)
}

impl Visitor for Graph<'_> {
    fn wants_edges(&self) -> bool {
        true
    }

    fn node(&mut self, fields: &Fields, numbers: &[u64]) -> Result<(), String> {
        if self.nodes.len() >= MOST_NODES {
            return Err("it has too many objects to look for what keeps them".to_owned());
        }
        let kind = u8::try_from(numbers[fields.node_type]).unwrap_or(u8::MAX);
        let naming = self.namings.get(usize::from(kind)).copied();
        let name = numbers[fields.node_name];
        let wanted = match naming {
            _ if numbers[fields.node_id] <= self.after => None,
            Some(Naming::Kind(kind)) => {
                let mut keys = self.wanted.iter().zip(&self.kinds);
                keys.position(|(key, is_kind)| *is_kind && key == kind)
            }
            Some(Naming::None) | None => None,
            Some(naming) => {
                let place = (naming == Naming::Function, name);
                self.wanted_names.get(&place).copied()
            }
        };
        self.nodes.push(Node {
            first_edge: short(self.next_edge),
            name: short(name),
            kind,
            wanted: wanted.map_or(UNWANTED, |at| at as u8),
        });
        self.next_edge = self.next_edge.saturating_add(numbers[fields.node_edges]);
        Ok(())
    }

    fn edge(&mut self, fields: &Fields, numbers: &[u64]) -> Result<(), String> {
        if self.edges.len() >= MOST_EDGES {
            return Err("it has too many references to look for what keeps objects".to_owned());
        }
        let to = numbers[fields.edge_to] / fields.node_width.max(1) as u64;
        self.edges.push(Edge {
            to: short(to),
            name: short(numbers[fields.edge_name]),
            kind: u8::try_from(numbers[fields.edge_type]).unwrap_or(u8::MAX),
        });
        Ok(())
    }

    fn strings_begin(&mut self, fields: &Fields) -> Result<(), String> {
        let reached_from = self.reach(fields);
        self.choose(&reached_from, fields);
        Ok(())
    }

    fn string(&mut self, number: usize, text: &str) -> Result<(), String> {
        if let Some(place) = self.texts.get_mut(&(number as u64)) {
            *place = text.to_owned();
        }
        Ok(())
    }
}

impl Graph<'_> {
    fn edges_of(&self, node: u32) -> std::ops::Range<usize> {
        let at = node as usize;
        let first = |at: usize| {
            self.nodes
                .get(at)
                .map_or(self.edges.len(), |n| n.first_edge as usize)
        };
        let (from, to) = (first(at), first(at + 1));
        from.min(self.edges.len())..to.min(self.edges.len()).max(from.min(self.edges.len()))
    }

    /// From which node, by which edge, each node is reached first; the program's own globals
    /// before the engine's roots. Finds the objects of each wanted constructor.
    fn reach(&mut self, fields: &Fields) -> Vec<(u32, u32)> {
        let kind_of = |name: &str| {
            let at = fields.edge_types.iter().position(|kind| kind == name);
            at.and_then(|at| u8::try_from(at).ok())
        };
        let (weak, shortcut) = (kind_of("weak"), kind_of("shortcut"));
        let mut from = vec![(NOWHERE, NOWHERE); self.nodes.len()];
        let mut queue = VecDeque::new();
        let is_shortcut = |edge: &Edge| Some(edge.kind) == shortcut;
        for globals in [true, false] {
            for at in self.edges_of(0) {
                let edge = self.edges[at];
                if is_shortcut(&edge) == globals {
                    self.visit(0, at, &mut from, &mut queue, weak);
                }
            }
            while let Some(node) = queue.pop_front() {
                for at in self.edges_of(node) {
                    self.visit(node, at, &mut from, &mut queue, weak);
                }
            }
        }
        from
    }

    fn visit(
        &mut self,
        node: u32,
        edge_at: usize,
        from: &mut [(u32, u32)],
        queue: &mut VecDeque<u32>,
        weak: Option<u8>,
    ) {
        let edge = self.edges[edge_at];
        let to = edge.to;
        let is_new =
            |from: &[(u32, u32)]| from.get(to as usize).is_some_and(|way| way.0 == NOWHERE);
        if Some(edge.kind) == weak || to == 0 || !is_new(from) || self.is_weak_table(node, edge) {
            return;
        }
        from[to as usize] = (node, short(edge_at as u64));
        queue.push_back(to);
        let wanted = self.nodes[to as usize].wanted;
        if let Some(found) = self.found.get_mut(usize::from(wanted)) {
            found.push(to);
        }
    }

    /// Whether an edge leads from the table of a weak map to a value of it.
    fn is_weak_table(&self, node: u32, edge: Edge) -> bool {
        let naming = self
            .namings
            .get(usize::from(self.nodes[node as usize].kind));
        self.weak_names.contains(&{ edge.name }) && naming == Some(&Naming::Kind("(array)"))
    }

    /// Of objects, one that is kept as most of them are: step by step away from the objects, those
    /// with the same holder by the same reference. The nearest to a root, where that does not come to
    /// one.
    fn usual(&self, objects: &[u32], from: &[(u32, u32)], fields: &Fields) -> Option<u32> {
        // Each with where its way has come to.
        let mut alike: Vec<(u32, u32)> = objects.iter().map(|object| (*object, *object)).collect();
        for _ in 0..LONGEST_WAY {
            let mut by_step: HashMap<_, Vec<(u32, u32)>> = HashMap::new();
            for (object, at) in alike {
                let (holder, edge) = from[at as usize];
                let step = self.step(holder, edge, fields);
                by_step.entry(step).or_default().push((object, holder));
            }
            let largest = |(step, of): &(_, Vec<(u32, u32)>)| (of.len(), *step);
            let (step, most) = by_step.into_iter().max_by_key(largest)?;
            if step.is_none() {
                return most.first().map(|(object, _)| *object);
            }
            alike = most;
        }
        objects.first().copied()
    }

    /// A holder and its reference: kind and name of the one, kind of the other and its name unless
    /// that is an index. `None` at a root.
    fn step(&self, holder: u32, edge: u32, fields: &Fields) -> Option<(u8, u32, u8, u32)> {
        let node = self.nodes.get(holder as usize)?;
        let edge = self.edges[edge as usize];
        let is_one_of_many = is_index(fields, edge.kind)
            || self.weak_names.contains(&{ edge.name })
            || self.namings.get(usize::from(node.kind)) == Some(&Naming::Kind("(array)"));
        let name = if is_one_of_many { NOWHERE } else { edge.name };
        Some((node.kind, node.name, edge.kind, name))
    }

    /// The ways to the chosen objects, and which names must be read for them.
    fn choose(&mut self, from: &[(u32, u32)], fields: &Fields) {
        let found = std::mem::take(&mut self.found);
        for (at, objects) in found.iter().enumerate() {
            let Some(mut node) = self.usual(objects, from, fields) else {
                continue;
            };
            let mut way = Vec::new();
            while way.len() < LONGEST_WAY
                && let Some(&(holder, edge)) = from.get(node as usize)
                && holder != NOWHERE
            {
                way.push((holder, edge));
                let name = self.edges[edge as usize].name;
                if !is_index(fields, self.edges[edge as usize].kind) {
                    self.texts.insert(u64::from(name), String::new());
                }
                self.texts
                    .insert(u64::from(self.nodes[holder as usize].name), String::new());
                node = holder;
            }
            self.ways.push((at, way));
        }
        self.index_kinds(fields);
    }

    /// Marks edges whose names are indices, for the telling.
    fn index_kinds(&mut self, fields: &Fields) {
        for (_, way) in &self.ways {
            for (_, edge) in way {
                let edge = &mut self.edges[*edge as usize];
                edge.kind = u8::from(is_index(fields, edge.kind));
            }
        }
    }

    fn told(self) -> Vec<Retained> {
        let text = |number: u32| {
            let text = self.texts.get(&u64::from(number));
            text.map(String::as_str).unwrap_or_default()
        };
        let ways = self.ways.iter().map(|(at, way)| Retained {
            key: self.wanted[*at].clone(),
            path: (way.iter())
                .map(|(holder, edge)| {
                    let edge = self.edges[*edge as usize];
                    let holder = self.nodes[*holder as usize];
                    let naming = self.namings.get(usize::from(holder.kind)).copied();
                    let name = key(naming.unwrap_or(Naming::None), text(holder.name));
                    let name = name.unwrap_or_else(|| match text(holder.name) {
                        "" => "(root)".to_owned(),
                        name => name.to_owned(),
                    });
                    let by = edge.name;
                    match edge.kind {
                        _ if self.weak_names.contains(&by) => {
                            format!("value in a WeakMap of {name}")
                        }
                        1 => format!("[{by}] of {name}"),
                        _ => format!("{} of {name}", text(by)),
                    }
                })
                .collect(),
        });
        ways.collect()
    }
}

/// Whether edges of a kind have an index for a name.
fn is_index(fields: &Fields, kind: u8) -> bool {
    let kind = fields.edge_types.get(usize::from(kind)).map(String::as_str);
    matches!(kind, Some("element" | "hidden"))
}
