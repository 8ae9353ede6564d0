// A chart as ECharts wants it, in the colours of the theme.
import type { Chart, Colour, Line, Sheet } from "./charts";
import { axisTime, stepTime, valueText } from "./units";

const LIGHT: Record<Colour, string> = {
	blue: "#0052d9",
	green: "#1b9e5a",
	orange: "#e37318",
	red: "#d5303e",
	purple: "#7b4fd6",
	teal: "#0e8a9c",
	pink: "#d4478f",
	grey: "#8b95a5",
};
const DARK: Record<Colour, string> = {
	blue: "#5590ff",
	green: "#2fb675",
	orange: "#f08c3c",
	red: "#ee4d59",
	purple: "#a883f5",
	teal: "#2fb5c9",
	pink: "#ef7ab5",
	grey: "#7d8796",
};

export const colourOf = (colour: Colour, isDark: boolean) => (isDark ? DARK : LIGHT)[colour];

export interface Looks {
	isDark: boolean;
	/** Patterns besides colours. */
	hasPatterns: boolean;
	hasMotion: boolean;
	isNarrow: boolean;
	isUnderPointer: boolean;
	nameOf: (line: Line) => string;
	font: string;
}

/** `hidden` has the keys of lines that are not drawn. */
export function optionOf(chart: Chart, sheet: Sheet, hidden: ReadonlySet<string>, looks: Looks) {
	const { isDark } = looks;
	const text = isDark ? "#b3bac6" : "#4a5160";
	const grid = isDark ? "#2a303b" : "#e8ebf0";
	const back = isDark ? "#20252e" : "#ffffff";
	const span = sheet.times.length * sheet.stepMs;
	const from = sheet.times[0] ?? 0;
	// A value stands in the middle of its step.
	const half = sheet.stepMs / 2;
	const lines = chart.lines.filter((line) => !hidden.has(line.key));
	const isBar = chart.hasBars === true;
	const isLog = chart.unit === "us";
	return {
		backgroundColor: "transparent",
		animation: looks.hasMotion,
		animationDuration: 250,
		animationDurationUpdate: 250,
		textStyle: { fontFamily: looks.font, fontSize: 12, color: text },
		aria: { enabled: false, decal: { show: looks.hasPatterns } },
		grid: { left: 4, right: 14, top: 14, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
		xAxis: {
			type: "time",
			min: from,
			max: from + span,
			axisLine: { lineStyle: { color: isDark ? "#4a5260" : "#c5ccd6" } },
			axisTick: { show: false },
			splitNumber: looks.isNarrow ? 3 : 5,
			axisLabel: { color: text, hideOverlap: true, formatter: (ms: number) => axisTime(ms, span) },
			axisPointer: {
				show: true,
				...(isBar
					? { type: "shadow", shadowStyle: { color: isDark ? "rgba(255,255,255,0.06)" : "rgba(15,30,60,0.05)" } }
					: { type: "line", lineStyle: { color: isDark ? "#6d7787" : "#8b95a5", type: "solid" } }),
				label: { show: false, formatter: ({ value }: { value: number }) => stepTime(value - half, span) },
			},
		},
		yAxis: {
			...scaleOf(chart, lines),
			axisLabel: { color: text, formatter: (value: number) => valueText(value, chart.unit) },
			splitLine: { lineStyle: { color: grid } },
		},
		// The chart under the pointer has it; the others, which are connected, have the line alone.
		tooltip: {
			show: looks.isUnderPointer,
			trigger: "axis",
			renderMode: "richText",
			confine: true,
			transitionDuration: 0,
			backgroundColor: back,
			borderColor: isDark ? "#3a4250" : "#dfe4ea",
			borderWidth: 1,
			padding: [10, 12],
			textStyle: { color: isDark ? "#eceef2" : "#16191f", fontSize: 12, fontFamily: looks.font },
			valueFormatter: (value: unknown) => (typeof value === "number" ? valueText(value, chart.unit) : "–"),
		},
		series: lines.map((line, index) => {
			const colour = colourOf(line.colour, isDark);
			const gaps = index === 0 && sheet.gaps.length > 0;
			return {
				id: line.key,
				name: looks.nameOf(line),
				type: isBar ? "bar" : "line",
				stack: chart.isStacked ? "all" : undefined,
				data: line.values.map((value, at) => [
					(sheet.times[at] ?? 0) + half,
					isLog && value !== null ? Math.max(1, value) : value,
				]),
				color: colour,
				connectNulls: false,
				// A step that stands alone is a point, or it would not be seen.
				showSymbol: !isBar,
				showAllSymbol: true,
				symbol: "circle",
				symbolSize: (_: unknown, { dataIndex }: { dataIndex: number }) => (isAlone(line.values, dataIndex) ? 5 : 0),
				barMaxWidth: 18,
				barCategoryGap: "25%",
				lineStyle: isBar ? undefined : { width: 2, type: line.dash ?? "solid" },
				areaStyle: line.isFilled && !isBar ? { opacity: isDark ? 0.16 : 0.1 } : undefined,
				emphasis: { disabled: true },
				markArea: gaps
					? {
							silent: true,
							itemStyle: { color: isDark ? "rgba(255,255,255,0.07)" : "rgba(15,30,60,0.06)" },
							data: sheet.gaps.map(([gapFrom, gapTo]) => [{ xAxis: gapFrom }, { xAxis: gapTo }]),
						}
					: undefined,
			};
		}),
	};
}

/** From 0 up; of latencies, whose percentiles are far apart, by powers of ten. */
function scaleOf(chart: Chart, lines: readonly Line[]) {
	if (chart.unit === "ratio") return { type: "value", min: 0, max: 1, interval: 0.25 };
	const values = lines.flatMap((line) => line.values.filter((value) => value !== null && value > 0)) as number[];
	if (chart.unit === "us" && values.length > 0) {
		return { type: "log", min: 10 ** Math.floor(Math.log10(Math.min(...values))) };
	}
	return { type: "value", min: 0, minInterval: chart.unit === "count" ? 1 : undefined, splitNumber: 4 };
}

/** Whether a step has a value and neither neighbour has. */
function isAlone(values: readonly (number | null)[], at: number): boolean {
	return values[at] !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;
}
