//! What is on the screen and what keys make of it.
//!
//! It knows no terminal and no socket: samples and keys come in, orders go out.

use std::collections::HashMap;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::sample::{Row, Sample};
use super::views::View;

/// Everything.
#[derive(Debug)]
pub(super) struct Top {
    /// This node's balancer, then the partner's.
    pub(super) nodes: Vec<Node>,
    pub(super) view: View,
    previous: View,
    /// The one node that is shown; none for all.
    pub(super) only: Option<usize>,
    /// What is listed, in order.
    pub(super) lines: Vec<Line>,
    /// Where the bar stands in the list; on a heading only when there is nothing else.
    pub(super) selected: usize,
    /// The first line on the screen.
    pub(super) first: usize,
    /// How many lines the screen had room for.
    pub(super) page: usize,
    pub(super) popup: Option<Popup>,
    /// What was told last.
    pub(super) message: String,
    /// No order is given (`--read-only`).
    is_read_only: bool,
}

/// A balancer.
#[derive(Debug)]
pub(super) struct Node {
    /// Its runtime socket.
    pub(super) place: String,
    /// What it said last.
    pub(super) sample: Option<Sample>,
    /// Why it does not say anything now.
    pub(super) fault: Option<String>,
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// The name of a proxy.
    Proxy(String),
    /// A row of a node's sample.
    Object {
        /// Which node.
        node: usize,
        /// Which of its rows.
        row: usize,
    },
}

/// What lies over the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Popup {
    /// All keys.
    Help,
    /// The keys for the chosen service.
    Menu,
}

/// What keys lead to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A change of the screen at most.
    Stay,
    /// The end.
    Quit,
    /// A command for a node.
    Order(usize, String),
}

impl Top {
    /// For these runtime sockets.
    pub(super) fn new(places: Vec<String>, is_read_only: bool) -> Self {
        let nodes = places.into_iter().map(|place| Node {
            place,
            sample: None,
            fault: None,
        });
        Self {
            nodes: nodes.collect(),
            view: View::Status,
            previous: View::Status,
            only: None,
            lines: Vec::new(),
            selected: 0,
            first: 0,
            page: 1,
            popup: None,
            message: String::new(),
            is_read_only,
        }
    }

    /// Takes what a node said, or why it said nothing; the bar stays on its service.
    pub(super) fn take(&mut self, node: usize, said: Result<Sample, String>) {
        let before = self.chosen().map(|(node, row)| Id::of(node, row));
        match said {
            Ok(sample) => {
                self.nodes[node].sample = Some(sample);
                self.nodes[node].fault = None;
            }
            // What was last known stays on the screen, under the fault.
            Err(why) => self.nodes[node].fault = Some(why),
        }
        self.list(before);
    }

    /// Takes the answer to an order.
    pub(super) fn answer(&mut self, answer: &Result<String, String>) {
        self.message = match answer {
            Ok(text) if text.trim().is_empty() => "done".to_owned(),
            Ok(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            Err(why) => why.clone(),
        };
    }

    /// The service under the bar, and its node.
    pub(super) fn chosen(&self) -> Option<(usize, &Row)> {
        match self.lines.get(self.selected)? {
            Line::Proxy(_) => None,
            Line::Object { node, row } => Some((*node, self.row(*node, *row)?)),
        }
    }

    /// A row of a node.
    pub(super) fn row(&self, node: usize, row: usize) -> Option<&Row> {
        self.nodes.get(node)?.sample.as_ref()?.rows.get(row)
    }

    /// Makes the list anew with the bar on that service.
    fn list(&mut self, wanted: Option<Id>) {
        self.lines = merged(&self.nodes, self.only);
        let place = wanted.and_then(|wanted| {
            self.lines.iter().position(|line| match line {
                Line::Proxy(_) => false,
                Line::Object { node, row } => self
                    .row(*node, *row)
                    .is_some_and(|row| Id::of(*node, row) == wanted),
            })
        });
        self.select(place.unwrap_or(self.selected), true);
    }

    /// Puts the bar there, or on the next service in that direction, and makes it visible.
    fn select(&mut self, at: usize, is_down: bool) {
        let last = self.lines.len().saturating_sub(1);
        let at = at.min(last);
        let is_object = |line: &Line| matches!(line, Line::Object { .. });
        let below = (at..self.lines.len()).find(|at| is_object(&self.lines[*at]));
        let above = (0..=at)
            .rev()
            .find(|at| self.lines.get(*at).is_some_and(is_object));
        let (near, far) = if is_down {
            (below, above)
        } else {
            (above, below)
        };
        self.selected = near.or(far).unwrap_or(0);
        self.keep_visible();
    }

    /// Moves the list so that the bar is on the screen, with its heading where that is next to it.
    pub(super) fn keep_visible(&mut self) {
        let page = self.page.max(1);
        let heading = self.selected.checked_sub(1);
        let top = heading
            .filter(|at| page > 1 && matches!(self.lines.get(*at), Some(Line::Proxy(_))))
            .unwrap_or(self.selected);
        if top < self.first {
            self.first = top;
        }
        if self.selected >= self.first + page {
            self.first = self.selected + 1 - page;
        }
        self.first = self.first.min(self.lines.len().saturating_sub(page));
    }

    /// Does what a key says.
    pub(super) fn key(&mut self, key: KeyEvent) -> Outcome {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && key.code == KeyCode::Char('c') {
            return Outcome::Quit;
        }
        let popup = self.popup.take();
        self.message.clear();
        match key.code {
            KeyCode::Char('q' | 'Q') if popup.is_none() => return Outcome::Quit,
            KeyCode::F(number) if popup != Some(Popup::Help) => return self.change(number),
            // Any other key takes away what lies over the list.
            _ if popup.is_some() => {}
            KeyCode::Char('h' | 'H' | '?') => self.popup = Some(Popup::Help),
            KeyCode::Enter if self.chosen().is_some() => self.popup = Some(Popup::Menu),
            KeyCode::Esc => self.show(self.previous),
            KeyCode::Tab => self.show(self.view.step(1)),
            KeyCode::BackTab => self.show(self.view.step(View::ALL.len() - 1)),
            KeyCode::Char('n' | 'N') => self.next_node(),
            KeyCode::Char(letter) => {
                if let Some(view) = View::of(letter) {
                    self.show(view);
                }
            }
            code => self.go(code),
        }
        Outcome::Stay
    }

    fn show(&mut self, view: View) {
        self.previous = self.view;
        self.view = view;
    }

    /// Both, the first, the second, both.
    fn next_node(&mut self) {
        let before = self.chosen().map(|(node, row)| Id::of(node, row));
        self.only = match self.only {
            _ if self.nodes.len() < 2 => None,
            None => Some(0),
            Some(node) => (node + 1 < self.nodes.len()).then_some(node + 1),
        };
        self.list(before);
    }

    fn go(&mut self, code: KeyCode) {
        let (at, page) = (self.selected, self.page.max(1));
        match code {
            KeyCode::Up => self.select(at.saturating_sub(1), false),
            KeyCode::Down => self.select(at + 1, true),
            KeyCode::PageUp => self.select(at.saturating_sub(page), false),
            KeyCode::PageDown => self.select(at + page, true),
            KeyCode::Home => self.select(0, true),
            KeyCode::End => self.select(usize::MAX, false),
            _ => {}
        }
    }

    /// The order of a function key, or why there is none.
    fn change(&mut self, number: u8) -> Outcome {
        let ordered = self.order(number);
        match ordered {
            Ok(Some((node, command))) => {
                self.message = format!("{command} …");
                Outcome::Order(node, command)
            }
            Ok(None) => Outcome::Stay,
            Err(why) => {
                self.message = why;
                Outcome::Stay
            }
        }
    }

    fn order(&self, number: u8) -> Result<Option<(usize, String)>, String> {
        if !(4..=10).contains(&number) {
            return Ok(None);
        }
        let (node, row) = self.chosen().ok_or("no server is chosen")?;
        if !row.is_server() {
            return Err(format!("{} is no server", row.service()));
        }
        if self.is_read_only {
            return Err("--read-only: nothing is changed".to_owned());
        }
        let level = self.nodes[node].sample.as_ref().map(|s| s.level.as_str());
        if level != Some("admin") {
            return Err(format!(
                "this socket's level is {}; changes need 'level admin'",
                level.unwrap_or("unknown")
            ));
        }
        let name = format!("{}/{}", row.proxy(), row.service());
        // Older programs do not tell the weight that was set, only the one in use.
        let weight = row.number("uweight");
        let weight = weight.or_else(|| row.number("weight")).unwrap_or(0);
        let set = |weight: u64| format!("set weight {name} {}", weight.min(MAX_WEIGHT));
        Ok(Some((
            node,
            match number {
                4 => format!("set weight {name} 100%"),
                5 => set(weight.saturating_sub(10)),
                6 => set(weight.saturating_sub(1)),
                7 => set(weight + 1),
                8 => set(weight + 10),
                9 => format!("enable server {name}"),
                _ => format!("disable server {name}"),
            },
        )))
    }
}

/// What the bar stays on when rows come and go.
#[derive(Debug, PartialEq, Eq)]
struct Id {
    node: usize,
    proxy: String,
    service: String,
}

impl Id {
    fn of(node: usize, row: &Row) -> Self {
        Self {
            node,
            proxy: row.proxy().to_owned(),
            service: row.service().to_owned(),
        }
    }
}

/// The rows of all nodes that are shown, those of one service beside each other, below the names of
/// their proxies. The order is the first node's.
fn merged(nodes: &[Node], only: Option<usize>) -> Vec<Line> {
    let mut proxies: Vec<(&str, Vec<Vec<Line>>)> = Vec::new();
    let mut proxy_places = HashMap::new();
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    for (node, at) in nodes.iter().zip(0..) {
        if only.is_some_and(|only| only != at) {
            continue;
        }
        for (row, index) in node.sample.iter().flat_map(|s| &s.rows).zip(0..) {
            let proxy = *proxy_places.entry(row.proxy()).or_insert_with(|| {
                proxies.push((row.proxy(), Vec::new()));
                proxies.len() - 1
            });
            let services = &mut proxies[proxy].1;
            let service = *places
                .entry((row.proxy(), row.service()))
                .or_insert_with(|| {
                    services.push(Vec::new());
                    services.len() - 1
                });
            services[service].push(Line::Object {
                node: at,
                row: index,
            });
        }
    }
    let lines = proxies.into_iter().flat_map(|(name, services)| {
        std::iter::once(Line::Proxy(name.to_owned())).chain(services.into_iter().flatten())
    });
    lines.collect()
}

/// What a server's weight may be at most.
const MAX_WEIGHT: u64 = 256;
