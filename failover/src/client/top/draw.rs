//! The screen.
//!
//! It changes nothing but how much of the list is visible.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line as Text;
use ratatui::widgets::{Block, Clear, Padding, Paragraph, Widget};

use super::sample::Row;
use super::state::{Line, Node, Popup, Top};
use super::views::{Column, View, duration};

/// Draws everything.
pub(super) fn draw(top: &mut Top, frame: &mut Frame<'_>) {
    let area = frame.area();
    let heads = u16::try_from(top.nodes.len()).unwrap_or(u16::MAX);
    // Nodes, views, titles above; one line of keys or of the last answer below.
    let above = heads.saturating_add(2).min(area.height);
    top.page = usize::from(area.height.saturating_sub(above + 1));
    top.keep_visible();
    let mut pen = Pen {
        area,
        buffer: frame.buffer_mut(),
    };
    for (node, y) in top.nodes.iter().zip(0..) {
        pen.node(node, y);
    }
    pen.views(top, heads);
    let layout = Layout::new(top, area.width);
    pen.titles(&layout, heads + 1);
    let visible = top.lines.iter().enumerate().skip(top.first).take(top.page);
    for ((at, line), y) in visible.zip(above..) {
        match line {
            Line::Proxy(name) => pen.put(0, y, name, style(Modifier::BOLD)),
            Line::Object { node, row } => {
                if let Some(row) = top.row(*node, *row) {
                    let is_chosen = at == top.selected;
                    pen.object(&layout, row, *node, is_chosen, y);
                }
            }
        }
    }
    let bottom = area.height.saturating_sub(1);
    if top.message.is_empty() {
        pen.put(0, bottom, KEYS, style(Modifier::DIM));
    } else {
        pen.put(0, bottom, &top.message, style(Modifier::BOLD));
    }
    match top.popup {
        None => {}
        Some(Popup::Help) => popup(frame, " keys ", HELP),
        Some(Popup::Menu) => {
            let name = top.chosen().map_or_else(String::new, |(_, row)| {
                format!(" {}/{} ", row.proxy(), row.service())
            });
            popup(frame, &name, MENU);
        }
    }
}

/// Which columns there is room for.
struct Layout {
    name_width: u16,
    /// The place of the node's number, when there are two.
    node: Option<u16>,
    columns: Vec<(u16, &'static Column)>,
}

impl Layout {
    fn new(top: &Top, width: u16) -> Self {
        let has_nodes = top.nodes.len() > 1;
        let node_width = if has_nodes { NODE_WIDTH } else { 0 };
        let all = top.view.columns();
        let wanted: u16 = all.iter().map(|column| column.width + 1).sum();
        let name_width = width
            .saturating_sub(wanted + node_width)
            .clamp(MIN_NAME, MAX_NAME);
        let mut x = name_width + node_width;
        let mut columns = Vec::new();
        for column in all {
            if x + 1 + column.width > width {
                break;
            }
            columns.push((x + 1, column));
            x += 1 + column.width;
        }
        Self {
            name_width,
            node: has_nodes.then_some(name_width + 1),
            columns,
        }
    }
}

struct Pen<'b> {
    area: Rect,
    buffer: &'b mut Buffer,
}

impl Pen<'_> {
    /// A text, as far as there is room; letters that steer terminals are left out by the buffer.
    fn put(&mut self, x: u16, y: u16, text: &str, style: Style) {
        self.put_in(x, y, self.area.width.saturating_sub(x), text, style);
    }

    fn put_in(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) {
        if x < self.area.width && y < self.area.height {
            let width = width.min(self.area.width - x);
            self.buffer
                .set_stringn(x, y, text, usize::from(width), style);
        }
    }

    /// What a node says of itself.
    fn node(&mut self, node: &Node, y: u16) {
        let number = y + 1;
        if let Some(fault) = &node.fault {
            let text = format!("{number} {}: {fault}", node.place);
            let red = style(Modifier::BOLD).fg(Color::Red);
            return self.put(0, y, &text, red);
        }
        let Some(sample) = &node.sample else {
            let text = format!("{number} {}: asking", node.place);
            return self.put(0, y, &text, style(Modifier::DIM));
        };
        let name = match sample.fact("node") {
            "-" => &node.place,
            name => name,
        };
        let up = sample.fact("Uptime_sec").parse().unwrap_or(0);
        let (servers, down) = sample.servers();
        let begin = format!(
            "{number} {name}  {} {}  up {}  conns {}/{}  {}/s  requests {}  {}  ",
            sample.fact("Name"),
            sample.fact("Version"),
            duration(up),
            sample.fact("CurrConns"),
            sample.fact("Maxconn"),
            sample.fact("ConnRate"),
            sample.fact("CumReq"),
            sample.level,
        );
        self.put(0, y, &begin, style(Modifier::BOLD));
        let x = u16::try_from(begin.chars().count()).unwrap_or(u16::MAX);
        let (told, color) = match down {
            0 => (format!("{servers} servers, none down"), Color::Green),
            _ => (format!("{down} of {servers} servers down"), Color::Red),
        };
        self.put(x, y, &told, style(Modifier::BOLD).fg(color));
    }

    fn views(&mut self, top: &Top, y: u16) {
        let mut x = 0;
        for (view, number) in View::ALL.into_iter().zip(1..) {
            let text = format!(" {number} {} ", view.name());
            let look = match view == top.view {
                true => style(Modifier::REVERSED | Modifier::BOLD),
                false => Style::new(),
            };
            self.put(x, y, &text, look);
            x += u16::try_from(text.len()).unwrap_or(0) + 1;
        }
        if let Some(only) = top.only {
            self.put(x, y, &format!(" node {} only ", only + 1), Style::new());
        }
    }

    fn titles(&mut self, layout: &Layout, y: u16) {
        let look = style(Modifier::UNDERLINED);
        let line = " ".repeat(usize::from(self.area.width));
        self.put(0, y, &line, look);
        self.put(1, y, "NAME", look);
        if let Some(x) = layout.node {
            self.put(x, y, "N", look);
        }
        for (x, column) in &layout.columns {
            let text = format!("{:>1$}", column.title, usize::from(column.width));
            self.put(*x, y, &text, look);
        }
    }

    fn object(&mut self, layout: &Layout, row: &Row, node: usize, is_chosen: bool, y: u16) {
        let look = match is_chosen {
            true => style(Modifier::REVERSED),
            false => Style::new(),
        };
        let color = color(row.get("status"));
        let line = " ".repeat(usize::from(self.area.width));
        self.put(0, y, &line, look);
        self.put_in(1, y, layout.name_width - 1, row.service(), look.fg(color));
        if let Some(x) = layout.node {
            self.put(x, y, &(node + 1).to_string(), look);
        }
        for (x, column) in &layout.columns {
            let width = usize::from(column.width);
            let text = format!("{:>width$}", (column.cell)(row));
            let look = match column.title {
                "STATUS" => look.fg(color),
                _ => look,
            };
            self.put_in(*x, y, column.width, &text, look);
        }
    }
}

/// What a state looks like beside its name.
fn color(status: &str) -> Color {
    let word = status.split(' ').next().unwrap_or_default();
    match word {
        "UP" | "OPEN" => Color::Green,
        "DOWN" | "STOP" | "NOLB" | "FULL" => Color::Red,
        "MAINT" | "PAUSED" => Color::Yellow,
        "DRAIN" => Color::Cyan,
        _ => Color::Reset,
    }
}

fn style(modifier: Modifier) -> Style {
    Style::new().add_modifier(modifier)
}

/// Lines in a frame in the middle.
fn popup(frame: &mut Frame<'_>, title: &str, lines: &[&str]) {
    let area = frame.area();
    let longest = lines.iter().map(|line| line.chars().count()).max();
    let width = longest.unwrap_or(0).max(title.chars().count()) + 4;
    let width = u16::try_from(width).unwrap_or(u16::MAX).min(area.width);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let height = height.min(area.height);
    let place = Rect {
        x: (area.width - width) / 2,
        y: (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(place, frame.buffer_mut());
    let text: Vec<_> = lines.iter().map(|line| Text::raw(*line)).collect();
    let frame_of = Block::bordered().padding(Padding::horizontal(1));
    let framed = Paragraph::new(text).block(frame_of.title(title.to_owned()));
    framed.render(place, frame.buffer_mut());
}

const KEYS: &str = "TAB view  ENTER keys of a server  F9 enable  F10 disable  F4-F8 weight  n node  h help  q quit";

const HELP: &[&str] = &[
    "h H ?          these keys",
    "q Q            quit",
    "TAB, S-TAB     next view, view before",
    "1 2 3 4        status, traffic, http, errors (ESC-1 to ESC-4, too)",
    "ESC            the view of before",
    "n              both nodes, the first, the second",
    "arrows         choose a service; PGUP, PGDOWN, HOME, END",
    "ENTER          the keys for it",
    "F4             weight as configured",
    "F5 F6 F7 F8    weight -10, -1, +1, +10",
    "F9             enable the server",
    "F10            disable the server: maintenance",
];

const MENU: &[&str] = &[
    "F4   weight as configured",
    "F5   weight -10",
    "F6   weight -1",
    "F7   weight +1",
    "F8   weight +10",
    "F9   enable: out of maintenance",
    "F10  disable: into maintenance",
];

const NODE_WIDTH: u16 = 3;
const MIN_NAME: u16 = 12;
const MAX_NAME: u16 = 40;
