// One chart with its legend, as a table where that is wished, and as CSV.
import { useCallback, useState } from "react";
import { ChartLineIcon, DownloadIcon, TableIcon } from "tdesign-icons-react";
import { useText } from "../../i18n/i18n";
import { monitoringTexts } from "../../i18n/monitoring";
import { Card } from "../../parts/Card";
import { csvLine, saveFile } from "../../parts/csv";
import { useIsDark } from "../../shell/theme";
import { type Chart, hasAnything, type Line, rowsOf, type Sheet } from "./charts";
import { colourOf } from "./option";
import { Plot } from "./Plot";
import { reasonWords } from "./reasons";
import { rawValue, stepText, stepTime, unitName, valueText } from "./units";

type Say = (key: keyof typeof monitoringTexts, words?: Record<string, string | number>) => string;

const TITLES = {
	requests: ["requestsChart", "requestsHint"],
	bandwidth: ["bandwidthChart", ""],
	hit: ["hitChart", "hitHint"],
	status: ["statusChart", "statusHint"],
	pulls: ["pullsChart", "pullsHint"],
	failures: ["failuresChart", "failuresHint"],
	latency: ["latencyChart", ""],
} as const;

/** A line is named by the texts, a failure by its role and reason. */
function nameLine(line: Line, t: Say): string {
	if (!line.key.includes(" ")) return t(line.key as keyof typeof monitoringTexts);
	const [role, reason] = line.key.split(" ") as [string, string];
	return t("failureOf", { role: t(role === "master" ? "roleMaster" : "roleBackup"), reason: reasonWords(reason) });
}

/** The last value that is known. */
function latest(line: Line): number | undefined {
	return line.values.findLast((value) => value !== null) ?? undefined;
}

function LegendMark({ line, isBar, isDark }: { line: Line; isBar: boolean; isDark: boolean }) {
	const colour = colourOf(line.colour, isDark);
	const dashes = { dashed: "5 3", dotted: "2 3" };
	return (
		<svg width="18" height="10" viewBox="0 0 18 10" aria-hidden="true">
			{isBar ? (
				<rect x="3" width="12" height="10" rx="2" fill={colour} />
			) : (
				<path d="M0 5h18" stroke={colour} strokeWidth="2.5" strokeDasharray={line.dash && dashes[line.dash]} />
			)}
		</svg>
	);
}

interface Props {
	chart: Chart;
	sheet: Sheet;
	/** What the file is called, before the chart's name. */
	fileName: string;
	/** Beside the heading, such as a choice of what is shown. */
	choice?: React.ReactNode;
}

export function ChartCard({ chart, sheet, fileName, choice }: Props) {
	const t = useText(monitoringTexts);
	const isDark = useIsDark();
	const [isTable, setIsTable] = useState(false);
	const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
	const nameOf = useCallback((line: Line) => nameLine(line, t), [t]);
	const [titleKey, hintKey] = TITLES[chart.name];
	const title = t(titleKey);
	const span = sheet.times.length * sheet.stepMs;
	const isEmpty = !hasAnything(chart);

	function toggle(key: string) {
		const next = new Set(hidden);
		if (!next.delete(key)) next.add(key);
		setHidden(next);
	}
	function save() {
		const unit = unitName(chart.unit);
		const head = [t("time"), ...chart.lines.map((line) => (unit ? `${nameOf(line)} (${unit})` : nameOf(line)))];
		const rows = rowsOf(sheet, chart).map(([ms, ...values]) =>
			csvLine([
				new Date(ms).toISOString(),
				...values.map((value) => (value === null ? "" : rawValue(value, chart.unit))),
			]),
		);
		saveFile(`${fileName}-${chart.name}.csv`, [csvLine(head), ...rows]);
	}

	const spoken = chart.lines
		.map((line) => {
			const value = latest(line);
			return value === undefined ? "" : `${nameOf(line)} ${valueText(value, chart.unit)}`;
		})
		.filter(Boolean)
		.join(", ");
	return (
		<Card
			id={`chart-${chart.name}`}
			title={title}
			note={
				<>
					{hintKey && <span className="hw-chart__hint">{t(hintKey, { step: stepText(sheet.stepMs) })}</span>}
					{choice}
				</>
			}
			actions={
				<>
					<button
						type="button"
						className="hw-icon-button"
						aria-label={t(isTable ? "asChart" : "asTable", { chart: title })}
						title={t(isTable ? "chart" : "table")}
						onClick={() => setIsTable(!isTable)}
					>
						{isTable ? <ChartLineIcon /> : <TableIcon />}
					</button>
					<button
						type="button"
						className="hw-icon-button"
						aria-label={t("csv", { chart: title })}
						title="CSV"
						onClick={save}
					>
						<DownloadIcon />
					</button>
				</>
			}
		>
			{isTable ? (
				<ChartTable chart={chart} sheet={sheet} nameOf={nameOf} title={title} span={span} />
			) : (
				<>
					<ul className="hw-legend">
						{chart.lines.map((line) => (
							<li key={line.key}>
								<button type="button" aria-pressed={!hidden.has(line.key)} onClick={() => toggle(line.key)}>
									<LegendMark line={line} isBar={chart.hasBars === true} isDark={isDark} />
									<span>{nameOf(line)}</span>
								</button>
							</li>
						))}
					</ul>
					<div className="hw-chart__body">
						{isEmpty && (
							<p className="hw-chart__empty">
								{t(chart.name === "failures" && sheet.times.length > 0 ? "noFailures" : "nothing")}
							</p>
						)}
						<Plot
							chart={chart}
							sheet={sheet}
							hidden={hidden}
							nameOf={nameOf}
							label={t("describe", { chart: title, values: spoken || t("nothing") })}
						/>
					</div>
				</>
			)}
		</Card>
	);
}

function ChartTable({
	chart,
	sheet,
	nameOf,
	title,
	span,
}: Pick<Props, "chart" | "sheet"> & { nameOf: (line: Line) => string; title: string; span: number }) {
	const t = useText(monitoringTexts);
	const rows = rowsOf(sheet, chart).reverse();
	return (
		// biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is to be scrolled by keyboard
		<section className="hw-chart__table" tabIndex={0} aria-label={`${title}, ${t("table")}`}>
			<table className="hw-table">
				<thead>
					<tr>
						<th scope="col">{t("time")}</th>
						{chart.lines.map((line) => (
							<th key={line.key} scope="col" className="hw-number">
								{nameOf(line)}
							</th>
						))}
					</tr>
				</thead>
				<tbody>
					{rows.map(([ms, ...values]) => (
						<tr key={ms}>
							<th scope="row">{stepTime(ms, span)}</th>
							{values.map((value, index) => (
								<td key={chart.lines[index]?.key} className="hw-number">
									{value === null ? (
										<span className="hw-quiet" title={t("gap")}>
											–
										</span>
									) : (
										valueText(value, chart.unit)
									)}
								</td>
							))}
						</tr>
					))}
				</tbody>
			</table>
		</section>
	);
}
