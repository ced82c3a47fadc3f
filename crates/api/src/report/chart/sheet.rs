//! Drawing on a small sheet: few shapes, colours that colour-blind people tell apart, text that stays text.

use std::io::Error;

use plotters::{
    backend::SVGBackend,
    coord::{Shift, ranged1d::Ranged, types::RangedCoordf64},
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle},
    style::{
        Color, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

/// Width of every chart: that of a small phone's screen less its margins, so that text there has its true size.
pub const WIDTH: i32 = 340;

/// Text and outlines.
pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Text that matters less.
pub const GREY: RGBColor = RGBColor(0x55, 0x55, 0x55);
/// Lines of a grid.
pub const PALE: RGBColor = RGBColor(0xD5, 0xD5, 0xD5);
/// The paper.
pub const WHITE: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
/// Blue of the palette of Okabe and Ito ("Color universal design", 2008).
pub const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Its vermilion.
pub const VERMILION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Its bluish green.
pub const GREEN: RGBColor = RGBColor(0x00, 0x9E, 0x73);
/// Its sky blue.
pub const SKY: RGBColor = RGBColor(0x56, 0xB4, 0xE9);

/// Size of text in pixels.
pub const TEXT: f64 = 12.0;
/// Size of small text.
pub const SMALL: f64 = 11.0;
/// The SVG backend divides the size of a font by this.
const FONT_FACTOR: f64 = 1.24;

/// A point on the sheet in pixels.
pub type Point = (i32, i32);

/// Where a text lies from its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It begins there.
    Right,
    /// It ends there.
    Left,
    /// It is centred there.
    Both,
}

/// A sheet to draw on.
pub struct Sheet<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Draws on a sheet of a height, and gives what is inside the `svg` element.
pub fn draw(height: i32, draw: impl FnOnce(&Sheet<'_>)) -> String {
    let mut text = String::new();
    let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
    {
        let sheet = Sheet {
            area: SVGBackend::with_string(&mut text, size).into_drawing_area(),
        };
        noted(sheet.area.fill(&WHITE));
        draw(&sheet);
        noted(sheet.area.present());
    }
    let inside = text.split_once(">\n").map_or("", |(_, inside)| inside);
    inside.trim_end().trim_end_matches("</svg>").to_owned()
}

/// Writing to memory does not go wrong; if it did, the log would say so.
fn noted(drawn: Result<(), DrawingAreaErrorKind<Error>>) {
    if let Err(error) = drawn {
        log::error!("a chart could not be drawn: {error}");
    }
}

impl Sheet<'_> {
    /// A line of one pixel or more through points.
    pub fn line(&self, points: &[Point], color: RGBColor, width: u32) {
        noted(
            self.area
                .draw(&PathElement::new(points.to_vec(), color.stroke_width(width))),
        );
    }

    /// The same line in dashes.
    pub fn dashes(&self, points: &[Point], color: RGBColor, width: u32) {
        let element = DashedPathElement::new(points.to_vec(), 5, 3, color.stroke_width(width));
        noted(self.area.draw(&element));
    }

    /// A filled box.
    pub fn bar(&self, from: Point, to: Point, color: RGBColor) {
        noted(self.area.draw(&Rectangle::new([from, to], color.filled())));
    }

    /// An empty box.
    pub fn frame(&self, from: Point, to: Point, color: RGBColor) {
        noted(
            self.area
                .draw(&Rectangle::new([from, to], ShapeStyle::from(color))),
        );
    }

    /// A box with upright stripes, for what must differ from a filled one without its colour.
    pub fn striped(&self, from: Point, to: Point, color: RGBColor) {
        self.frame(from, to, color);
        for x in (from.0..to.0).step_by(4) {
            self.line(&[(x, from.1), (x, to.1)], color, 2);
        }
    }

    /// A filled disc.
    pub fn disc(&self, at: Point, radius: i32, color: RGBColor) {
        noted(self.area.draw(&Circle::new(at, radius, color.filled())));
    }

    /// A ring.
    pub fn ring(&self, at: Point, radius: i32, color: RGBColor) {
        noted(self.area.draw(&Circle::new(at, radius, WHITE.filled())));
        noted(self.area.draw(&Circle::new(at, radius, color.stroke_width(2))));
    }

    /// A filled diamond.
    pub fn diamond(&self, (x, y): Point, radius: i32, color: RGBColor) {
        let corners = vec![(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)];
        noted(self.area.draw(&Polygon::new(corners, color.filled())));
    }

    /// A filled triangle that points down.
    pub fn wedge(&self, (x, y): Point, color: RGBColor) {
        let corners = vec![(x - 4, y - 7), (x + 4, y - 7), (x, y)];
        noted(self.area.draw(&Polygon::new(corners, color.filled())));
    }

    /// A small empty square.
    pub fn square(&self, (x, y): Point, radius: i32, color: RGBColor) {
        let (from, to) = ((x - radius, y - radius), (x + radius, y + radius));
        self.bar(from, to, WHITE);
        self.frame(from, to, color);
    }

    /// A text whose middle line is at the point's height.
    pub fn text(&self, text: &str, at: Point, side: Side, height: f64, color: RGBColor) {
        let anchor = match side {
            Side::Right => HPos::Left,
            Side::Left => HPos::Right,
            Side::Both => HPos::Center,
        };
        let font = FontDesc::new(FontFamily::SansSerif, height * FONT_FACTOR, FontStyle::Normal);
        let style = TextStyle::from(font)
            .color(&color)
            .pos(Pos::new(anchor, VPos::Center));
        noted(self.area.draw_text(&printable(text), &style, at));
    }
}

/// A text without what XML cannot hold.
fn printable(text: &str) -> String {
    let good = |c: char| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}');
    text.chars().map(|c| if good(c) { c } else { ' ' }).collect()
}

/// A text of at most so many characters; what is left out shows as `…`.
pub fn short(text: &str, most: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= most {
        return text;
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Where values lie on the sheet.
pub struct Scale {
    range: RangedCoordf64,
    pixels: (i32, i32),
}

impl Scale {
    /// From the lowest value to the highest, between two pixels.
    pub fn new(values: (f64, f64), pixels: (i32, i32)) -> Self {
        Self {
            range: RangedCoordf64::from(values.0..values.1),
            pixels,
        }
    }

    /// The pixel of a value; one beyond an end lies at that end.
    pub fn at(&self, value: f64) -> i32 {
        let range = self.range.range();
        self.range.map(&value.clamp(range.start, range.end), self.pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_escaped_and_what_xml_cannot_hold_is_left_out() {
        let inside = draw(40, |sheet| {
            sheet.text("<script>&\"'\u{0}\u{FFFF}", (3, 3), Side::Right, TEXT, INK);
        });
        assert!(inside.contains("&lt;script&gt;&amp;&quot;&apos;  "), "{inside}");
        roxmltree::Document::parse(&format!("<svg>{inside}</svg>")).unwrap();
    }

    #[test]
    fn a_long_label_is_cut_and_a_scale_keeps_to_its_ends() {
        assert_eq!(
            (short("walk", 4), short("walking", 5)),
            ("walk".into(), "walk…".into())
        );
        let scale = Scale::new((0.0, 10.0), (100, 200));
        assert_eq!((scale.at(-3.0), scale.at(5.0), scale.at(99.0)), (100, 150, 200));
    }
}
