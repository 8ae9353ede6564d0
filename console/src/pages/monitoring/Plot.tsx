// A chart, drawn by ECharts, which comes when the first one is needed.
import { useEffect, useRef, useState } from "react";
import { useLanguage, useText } from "../../i18n/i18n";
import { monitoringTexts } from "../../i18n/monitoring";
import type { EChartsType } from "../../parts/echarts";
import { useIsDark } from "../../shell/theme";
import type { Chart, Line, Sheet } from "./charts";
import { optionOf } from "./option";

const GROUP = "monitoring";
const NARROW = 480;

interface Props {
	chart: Chart;
	sheet: Sheet;
	hidden: ReadonlySet<string>;
	nameOf: (line: Line) => string;
	/** What it shows, in words. */
	label: string;
}

export function Plot({ chart, sheet, hidden, nameOf, label }: Props) {
	const t = useText(monitoringTexts);
	const language = useLanguage();
	const isDark = useIsDark();
	const place = useRef<HTMLDivElement>(null);
	const [drawn, setDrawn] = useState<EChartsType>();
	const [isNarrow, setIsNarrow] = useState(false);
	const isUnderPointer = useRef(false);
	const [hasFailed, setHasFailed] = useState(false);

	useEffect(() => {
		const element = place.current;
		if (!element) return;
		let made: EChartsType | undefined;
		let isGone = false;
		const observer = new ResizeObserver(() => {
			setIsNarrow(element.clientWidth < NARROW);
			made?.resize();
		});
		import("../../parts/echarts").then(
			({ connect, init }) => {
				if (isGone) return;
				made = init(element, null, { renderer: "canvas" });
				made.group = GROUP;
				connect(GROUP);
				observer.observe(element);
				setDrawn(made);
			},
			() => setHasFailed(true),
		);
		return () => {
			isGone = true;
			observer.disconnect();
			made?.dispose();
		};
	}, []);

	// biome-ignore lint/correctness/useExhaustiveDependencies: another language is another text of everything
	useEffect(() => {
		if (!drawn || drawn.isDisposed()) return;
		const looks = {
			isDark,
			isNarrow,
			isUnderPointer: isUnderPointer.current,
			nameOf,
			hasPatterns: matchMedia("(prefers-contrast: more)").matches,
			hasMotion: !matchMedia("(prefers-reduced-motion: reduce)").matches,
			font: getComputedStyle(document.body).fontFamily,
		};
		drawn.setOption(optionOf(chart, sheet, hidden, looks) as Parameters<EChartsType["setOption"]>[0], {
			notMerge: false,
			replaceMerge: ["series"],
		});
	}, [drawn, chart, sheet, hidden, isDark, isNarrow, nameOf, language]);

	function point(isOver: boolean) {
		isUnderPointer.current = isOver;
		if (drawn && !drawn.isDisposed()) drawn.setOption({ tooltip: { show: isOver } });
	}
	return (
		<div className="hw-plot" onPointerEnter={() => point(true)} onPointerLeave={() => point(false)}>
			<div ref={place} className="hw-plot__place" role="img" aria-label={label} />
			{hasFailed && <p className="hw-plot__note">{t("notDrawn")}</p>}
		</div>
	);
}
