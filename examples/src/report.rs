// SPDX-License-Identifier: MIT OR Apache-2.0
//! An HTML page about a call that needs nothing but itself: plots as SVG, sound as data.

use std::fmt::Write;
use std::path::Path;

use ale_media::leg::LegStats;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plotters::prelude::*;

use crate::hearing::Hearing;
use crate::{Context, Failure};

/// What a leg was like at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Seconds since the start.
    pub at: f32,
    /// Statistics since the start.
    pub stats: LegStats,
}

/// What the page says of one party.
#[derive(Debug)]
pub struct Party {
    /// Name.
    pub name: String,
    /// Codec and suite.
    pub description: String,
    /// What the bridge saw of the party, over time.
    pub samples: Vec<Sample>,
    /// What the party heard of each other one, by name.
    pub heard: Vec<(String, Hearing)>,
    /// A WAV file of all that the party heard.
    pub wav: Vec<u8>,
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:62em;margin:2em auto;\
    padding:0 1em;color:#222}h2{margin-top:2em;border-bottom:1px solid #ccc}\
    table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;text-align:right}\
    th{border-bottom:1px solid #999}td:first-child,th:first-child{text-align:left}\
    .good{color:#176b2c}.bad{color:#b3261e;font-weight:bold}audio{width:100%}svg{max-width:100%}";

/// Writes the page.
///
/// # Errors
/// When a plot or the file can't be written.
pub fn write(path: &Path, title: &str, subtitle: &str, parties: &[Party]) -> Result<(), Failure> {
    let mut html = String::new();
    write!(
        html,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style><h1>{title}</h1><p>{}</p>",
        escape(subtitle)
    )?;
    hearing_table(&mut html, parties)?;
    statistics_table(&mut html, parties)?;
    for party in parties {
        write!(html, "<h2>{}</h2><p>{}</p>", escape(&party.name), escape(&party.description))?;
        write!(
            html,
            "<p>What {} heard:</p><audio controls src=\"data:audio/wav;base64,{}\"></audio>",
            escape(&party.name),
            STANDARD.encode(&party.wav)
        )?;
        html.push_str(&plots(&party.samples)?);
    }
    html.push_str("</html>\n");
    std::fs::write(path, html).context(path.display())
}

fn hearing_table(html: &mut String, parties: &[Party]) -> Result<(), Failure> {
    html.push_str(
        "<h2>Who heard whom</h2><p>The part of what each one said alone that was found again, by \
         correlation, in what each other one heard; and how late.</p><table><tr><th>listener</th>",
    );
    for party in parties {
        write!(html, "<th>{}</th>", escape(&party.name))?;
    }
    for listener in parties {
        write!(html, "<tr><td>{}</td>", escape(&listener.name))?;
        for talker in parties {
            match listener.heard.iter().find(|(name, _)| *name == talker.name) {
                Some((_, hearing)) => write!(
                    html,
                    "<td class=\"{}\">{:.0} %, {:.0} ms</td>",
                    if hearing.share() >= 0.5 { "good" } else { "bad" },
                    hearing.share() * 100.0,
                    hearing.delay_ms
                )?,
                None => html.push_str("<td>-</td>"),
            }
        }
    }
    html.push_str("</table>");
    Ok(())
}

fn statistics_table(html: &mut String, parties: &[Party]) -> Result<(), Failure> {
    html.push_str(
        "<h2>What the bridge received</h2><table><tr><th>from</th><th>packets</th><th>lost</th>\
         <th>late</th><th>duplicate</th><th>concealed</th><th>jitter</th><th>buffer delay</th>\
         <th>round trip</th><th>MOS</th>",
    );
    for party in parties {
        let Some(Sample { stats, .. }) = party.samples.last() else { continue };
        write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{:.1} %</td><td>{}</td><td>{}</td><td>{:.1} %</td>\
             <td>{:.1} ms</td><td>{:.0} ms</td><td>{:.0} ms</td><td>{:.2}</td>",
            escape(&party.name),
            stats.receiver.packets,
            stats.loss_percent,
            stats.jitter.late,
            stats.jitter.duplicate,
            stats.concealed_percent,
            stats.jitter_ms,
            stats.jitter.mean_delay_us as f32 * 1e-3,
            stats.round_trip_ms,
            stats.quality.map_or(0.0, |quality| quality.mos)
        )?;
    }
    html.push_str("</table>");
    Ok(())
}

/// Delay, buffer level, loss and concealment over time.
fn plots(samples: &[Sample]) -> Result<String, Failure> {
    let delay = |sample: &Sample| sample.stats.jitter.delay_us as f32 * 1e-3;
    let target = |sample: &Sample| sample.stats.jitter.target_delay_us as f32 * 1e-3;
    let waiting = |sample: &Sample| sample.stats.jitter.waiting as f32;
    let mut out = plot(
        "Delay in the jitter buffer (blue) and its aim (grey), ms",
        samples,
        &[(&target, RGBColor(170, 170, 170)), (&delay, RGBColor(30, 90, 200))],
    )?;
    out.push_str(&plot(
        "Packets that wait in the jitter buffer",
        samples,
        &[(&waiting, RGBColor(30, 130, 70))],
    )?);
    let interval: Vec<Sample> = samples.to_vec();
    let rate = |now: &Sample, part: fn(&LegStats) -> u64, whole: fn(&LegStats) -> u64| {
        let before = interval.iter().rev().find(|before| before.at < now.at - 0.9);
        let (part_before, whole_before) =
            before.map_or((0, 0), |before| (part(&before.stats), whole(&before.stats)));
        let whole = whole(&now.stats).saturating_sub(whole_before).max(1);
        part(&now.stats).saturating_sub(part_before) as f32 * 100.0 / whole as f32
    };
    let lost = |sample: &Sample| {
        rate(
            sample,
            |stats| stats.receiver.expected.saturating_sub(stats.receiver.received),
            |stats| stats.receiver.expected,
        )
    };
    let concealed = |sample: &Sample| {
        rate(sample, |stats| stats.jitter.concealed_samples, |stats| stats.jitter.samples)
    };
    let title = "Packets lost (red) and sound made up (orange) in the last second, percent";
    out.push_str(&plot(
        title,
        samples,
        &[(&lost, RGBColor(190, 40, 30)), (&concealed, RGBColor(230, 140, 20))],
    )?);
    Ok(out)
}

type Curve<'a> = (&'a dyn Fn(&Sample) -> f32, RGBColor);

fn plot(title: &str, samples: &[Sample], curves: &[Curve<'_>]) -> Result<String, Failure> {
    let mut svg = String::new();
    let end = samples.last().map_or(1.0, |sample| sample.at).max(1.0);
    let highest =
        curves.iter().flat_map(|(value, _)| samples.iter().map(value)).fold(5.0_f32, f32::max);
    {
        let area = SVGBackend::with_string(&mut svg, (900, 220)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 15))
            .margin(8)
            .x_label_area_size(24)
            .y_label_area_size(44)
            .build_cartesian_2d(0.0..end, 0.0..highest * 1.1)?;
        chart.configure_mesh().light_line_style(TRANSPARENT).x_desc("s").draw()?;
        for (value, colour) in curves {
            let points = samples.iter().map(|sample| (sample.at, value(sample)));
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
        }
        area.present()?;
    }
    Ok(svg)
}

/// Text as HTML shows it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
