// SPDX-License-Identifier: MIT OR Apache-2.0
//! A drawing of what a jitter buffer did: delay and target over time, operations, arrival delays.

use std::error::Error;

use ale_media::jitter::{Operation, PullInfo};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Draws the delay and the target over time, and what each pull did as a band below; beside it, how late packets came.
///
/// # Errors
/// What the drawing library says, when the file can't be written.
pub fn draw(
    path: &std::path::Path,
    history: &[PullInfo],
    histogram: &[(f32, f32)],
) -> Result<(), Box<dyn Error>> {
    let seconds = (history.len().max(1) as f32) * 0.01;
    let highest = history.iter().map(|i| i.delay_ms.max(i.target_delay_ms)).fold(50.0, f32::max);
    let root = SVGBackend::new(path, (1200, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(if histogram.is_empty() { 1200 } else { 900 });
    if !histogram.is_empty() {
        draw_histogram(&right, histogram)?;
    }
    let mut chart = ChartBuilder::on(&left)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..seconds, -0.08 * highest..1.1 * highest)?;
    chart
        .configure_mesh()
        .x_desc("receiver time, s")
        .y_desc("delay over the fastest packets, ms")
        .light_line_style(WHITE)
        .draw()?;
    let at = |n: usize| n as f32 * 0.01;
    let mut from = 0;
    for n in 1..=history.len() {
        if n < history.len() && history[n].operation == history[from].operation {
            continue;
        }
        if let Some(color) = color(history[from].operation) {
            let band = [(at(from), -0.06 * highest), (at(n), -0.01 * highest)];
            chart.draw_series([Rectangle::new(band, color.filled())])?;
        }
        from = n;
    }
    let points =
        |f: fn(&PullInfo) -> f32| history.iter().enumerate().map(move |(n, info)| (at(n), f(info)));
    let grey = RGBColor(150, 150, 150);
    chart
        .draw_series(LineSeries::new(points(|i| i.target_delay_ms), grey))?
        .label("target")
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], grey));
    chart
        .draw_series(LineSeries::new(points(|i| i.delay_ms), BLUE.stroke_width(2)))?
        .label(
            "delay; below: concealed (red), accelerated (green), expanded (orange), noise (grey)",
        )
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], BLUE));
    chart.configure_series_labels().border_style(BLACK).background_style(WHITE).draw()?;
    root.present()?;
    Ok(())
}

/// Steps of the histogram that is drawn, and how many.
const STEP_MS: f32 = 10.0;
const STEPS: usize = 30;

fn draw_histogram(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    histogram: &[(f32, f32)],
) -> Result<(), Box<dyn Error>> {
    let mut percent = [0.0_f32; STEPS];
    for &(edge_ms, share) in histogram {
        percent[((edge_ms / STEP_MS) as usize).min(STEPS - 1)] += 100.0 * share;
    }
    let last_ms = STEP_MS * STEPS as f32;
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(36)
        .build_cartesian_2d(0.0..last_ms, 0.0..100.0_f32)?;
    chart
        .configure_mesh()
        .x_desc("arrival over the fastest, ms")
        .y_desc("packets, %")
        .x_labels(4)
        .light_line_style(WHITE)
        .draw()?;
    chart.draw_series(percent.iter().enumerate().map(|(n, &percent)| {
        let from_ms = n as f32 * STEP_MS;
        Rectangle::new([(from_ms, 0.0), (from_ms + STEP_MS, percent)], BLUE.mix(0.6).filled())
    }))?;
    Ok(())
}

fn color(operation: Operation) -> Option<RGBColor> {
    match operation {
        Operation::Conceal => Some(RED),
        Operation::Accelerate => Some(RGBColor(0, 150, 60)),
        Operation::Expand => Some(RGBColor(240, 150, 0)),
        Operation::ComfortNoise => Some(RGBColor(190, 190, 190)),
        _ => None,
    }
}
