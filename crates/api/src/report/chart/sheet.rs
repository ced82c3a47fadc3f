//! A small sheet to draw charts on: a few shapes, colours that colour-blind people can tell apart, and real text.

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

/// The width of every chart in pixels: a small phone's screen without its margins, so that text is not scaled there.
pub const WIDTH: i32 = 340;

/// Text and outlines.
pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Secondary text.
pub const GREY: RGBColor = RGBColor(0x55, 0x55, 0x55);
/// Lines of a grid.
pub const PALE: RGBColor = RGBColor(0xD5, 0xD5, 0xD5);
/// The background.
pub const WHITE: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
/// Blue of the palette of Okabe and Ito ("Color universal design", 2008).
pub const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Vermilion of the same palette.
pub const VERMILION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Bluish green of the same palette.
pub const GREEN: RGBColor = RGBColor(0x00, 0x9E, 0x73);
/// Sky blue of the same palette.
pub const SKY: RGBColor = RGBColor(0x56, 0xB4, 0xE9);

/// The size of text in pixels.
pub const TEXT: f64 = 12.0;
/// The size of small text in pixels.
pub const SMALL: f64 = 11.0;
/// The SVG backend divides the size of a font by this factor.
const FONT_FACTOR: f64 = 1.24;

/// A point on the sheet in pixels.
pub type Point = (i32, i32);

/// The part of a text that lies at its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Its beginning.
    Start,
    /// Its end.
    End,
    /// Its middle.
    Middle,
}

/// A sheet to draw on.
pub struct Sheet<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Calls `draw` with a sheet of a height in pixels, and returns the content of the `svg` element.
pub fn draw(height: i32, draw: impl FnOnce(&Sheet<'_>)) -> String {
    let mut text = String::new();
    let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
    {
        let sheet = Sheet {
            area: SVGBackend::with_string(&mut text, size).into_drawing_area(),
        };
        log_failure(sheet.area.fill(&WHITE));
        draw(&sheet);
        log_failure(sheet.area.present());
    }
    let content = text.split_once(">\n").map_or("", |(_, content)| content);
    content.trim_end().trim_end_matches("</svg>").to_owned()
}

/// Logs a failure to draw. Drawing to memory should never fail.
fn log_failure(drawn: Result<(), DrawingAreaErrorKind<Error>>) {
    if let Err(error) = drawn {
        log::error!("a chart could not be drawn: {error}");
    }
}

impl Sheet<'_> {
    /// Draws a line through points.
    pub fn line(&self, points: &[Point], color: RGBColor, width: u32) {
        log_failure(
            self.area
                .draw(&PathElement::new(points.to_vec(), color.stroke_width(width))),
        );
    }

    /// Draws a dashed line through points.
    pub fn dashes(&self, points: &[Point], color: RGBColor, width: u32) {
        let element = DashedPathElement::new(points.to_vec(), 5, 3, color.stroke_width(width));
        log_failure(self.area.draw(&element));
    }

    /// Draws a filled box.
    pub fn bar(&self, from: Point, to: Point, color: RGBColor) {
        log_failure(self.area.draw(&Rectangle::new([from, to], color.filled())));
    }

    /// Draws an empty box.
    pub fn frame(&self, from: Point, to: Point, color: RGBColor) {
        log_failure(
            self.area
                .draw(&Rectangle::new([from, to], ShapeStyle::from(color))),
        );
    }

    /// Draws a box with vertical stripes, which can be told from a filled one without colours.
    pub fn striped(&self, from: Point, to: Point, color: RGBColor) {
        self.frame(from, to, color);
        for x in (from.0..to.0).step_by(4) {
            self.line(&[(x, from.1), (x, to.1)], color, 2);
        }
    }

    /// Draws a filled disc.
    pub fn disc(&self, at: Point, radius: i32, color: RGBColor) {
        log_failure(self.area.draw(&Circle::new(at, radius, color.filled())));
    }

    /// Draws a ring.
    pub fn ring(&self, at: Point, radius: i32, color: RGBColor) {
        log_failure(self.area.draw(&Circle::new(at, radius, WHITE.filled())));
        log_failure(self.area.draw(&Circle::new(at, radius, color.stroke_width(2))));
    }

    /// Draws a filled diamond.
    pub fn diamond(&self, (x, y): Point, radius: i32, color: RGBColor) {
        let corners = vec![(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)];
        log_failure(self.area.draw(&Polygon::new(corners, color.filled())));
    }

    /// Draws a filled triangle that points down.
    pub fn wedge(&self, (x, y): Point, color: RGBColor) {
        let corners = vec![(x - 4, y - 7), (x + 4, y - 7), (x, y)];
        log_failure(self.area.draw(&Polygon::new(corners, color.filled())));
    }

    /// Draws an empty square.
    pub fn square(&self, (x, y): Point, radius: i32, color: RGBColor) {
        let (from, to) = ((x - radius, y - radius), (x + radius, y + radius));
        self.bar(from, to, WHITE);
        self.frame(from, to, color);
    }

    /// Draws a text. The point is at half its height.
    pub fn text(&self, text: &str, at: Point, anchor: Anchor, height: f64, color: RGBColor) {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::End => HPos::Right,
            Anchor::Middle => HPos::Center,
        };
        let font = FontDesc::new(FontFamily::SansSerif, height * FONT_FACTOR, FontStyle::Normal);
        let style = TextStyle::from(font)
            .color(&color)
            .pos(Pos::new(horizontal, VPos::Center));
        log_failure(self.area.draw_text(&printable(text), &style, at));
    }
}

/// Replaces characters that XML cannot hold by spaces.
fn printable(text: &str) -> String {
    let is_allowed = |c: char| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}');
    text.chars()
        .map(|c| if is_allowed(c) { c } else { ' ' })
        .collect()
}

/// Shortens a text to at most `max` characters; a shortened text ends with `…`.
pub fn short(text: &str, max: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= max {
        return text;
    }
    let beginning: String = text.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", beginning.trim_end())
}

/// Maps values to pixels.
pub struct Scale {
    range: RangedCoordf64,
    pixels: (i32, i32),
}

impl Scale {
    /// Maps the range from the lowest to the highest value to the pixels between two ends.
    pub fn new(values: (f64, f64), pixels: (i32, i32)) -> Self {
        Self {
            range: RangedCoordf64::from(values.0..values.1),
            pixels,
        }
    }

    /// Returns the pixel of a value. A value beyond an end is at that end.
    pub fn at(&self, value: f64) -> i32 {
        let range = self.range.range();
        self.range.map(&value.clamp(range.start, range.end), self.pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_characters_that_xml_cannot_hold_are_left_out() {
        let inside = draw(40, |sheet| {
            sheet.text("<script>&\"'\u{0}\u{FFFF}", (3, 3), Anchor::Start, TEXT, INK);
        });
        assert!(inside.contains("&lt;script&gt;&amp;&quot;&apos;  "), "{inside}");
        roxmltree::Document::parse(&format!("<svg>{inside}</svg>")).unwrap();
    }

    #[test]
    fn a_long_label_is_shortened_and_a_scale_clamps_to_its_ends() {
        assert_eq!(
            (short("walk", 4), short("walking", 5)),
            ("walk".into(), "walk…".into())
        );
        let scale = Scale::new((0.0, 10.0), (100, 200));
        assert_eq!((scale.at(-3.0), scale.at(5.0), scale.at(99.0)), (100, 150, 200));
    }
}
