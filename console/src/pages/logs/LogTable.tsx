// Requests, the newest first. Only rows that are seen are there; whoever has scrolled down stays where they are while new
// ones come.
// biome-ignore-all lint/a11y/useSemanticElements: rows of a <table> cannot be placed, so they are what their roles say
// biome-ignore-all lint/a11y/useFocusableInteractive: each row has a button
import { memo, useLayoutEffect, useRef, useState } from "react";
import { ArrowUpIcon } from "tdesign-icons-react";
import { bytes, number } from "../../i18n/format";
import { useLanguage, useText } from "../../i18n/i18n";
import { logTexts } from "../../i18n/logs";
import { Tag } from "../../parts/Tag";
import { AttemptMarks } from "./Attempts";
import { type LogLine, toneOfStatus } from "./lines";
import { timeOf, took } from "./words";

const ROW = 38;
const OVERSCAN = 6;
const COLUMNS = ["time", "status", "method", "request", "cache", "attempts", "edge", "size", "took"] as const;

const Row = memo(function Row({
	line,
	top,
	index,
	hasDomain,
	onOpen,
}: {
	line: LogLine;
	top: number;
	index: number;
	hasDomain: boolean;
	onOpen: (line: LogLine) => void;
}) {
	const t = useText(logTexts);
	useLanguage();
	return (
		// biome-ignore lint/a11y/useKeyWithClickEvents: the button in it is for the keyboard
		<div
			role="row"
			aria-rowindex={index + 2}
			className={`hw-log__row${line.fault !== "none" ? " hw-log__row--bad" : ""}`}
			style={{ transform: `translateY(${top}px)` }}
			onClick={() => onOpen(line)}
		>
			<span role="cell" className="hw-log__time hw-number" title={line.time}>
				{timeOf(line.time).slice(0, 8)}
				<span className="hw-log__ms">{timeOf(line.time).slice(8)}</span>
			</span>
			<span role="cell">
				<Tag tone={toneOfStatus(line.status)}>{line.status || "—"}</Tag>
			</span>
			<span role="cell" className="hw-log__method">
				{line.method}
			</span>
			<span role="cell" className="hw-log__request">
				<button
					type="button"
					className="hw-log__open"
					title={`${line.host}${line.path}`}
					aria-label={t("open", { method: line.method, path: `${line.host}${line.path}`, status: line.status })}
					onClick={(event) => {
						event.stopPropagation();
						onOpen(line);
					}}
				>
					{hasDomain && <span className="hw-quiet hw-log__host">{line.host}</span>}
					{line.path}
				</button>
			</span>
			<span role="cell" className="hw-log__cache">
				{line.cache}
			</span>
			<span role="cell">
				<AttemptMarks line={line} />
			</span>
			<span role="cell" className="hw-log__edge" title={line.edge}>
				{line.edge}
			</span>
			<span role="cell" className="hw-log__end hw-log__size">
				{bytes(line.bytes_out)}
			</span>
			<span role="cell" className="hw-log__end">
				{took(line.ms)}
			</span>
		</div>
	);
});

interface Props {
	/** The oldest first. */
	lines: readonly LogLine[];
	/** Whether the host is shown. */
	hasDomain: boolean;
	onOpen: (line: LogLine) => void;
	/** In place of rows, where there are none. */
	children: React.ReactNode;
}

export function LogTable({ lines, hasDomain, onOpen, children }: Props) {
	const t = useText(logTexts);
	const box = useRef<HTMLDivElement>(null);
	const [top, setTop] = useState(0);
	const [height, setHeight] = useState(600);
	const newest = lines.at(-1)?.seq ?? 0;
	const isEmpty = lines.length === 0;
	const before = useRef(newest);
	/** The newest line that was seen at the top. */
	const seen = useRef(newest);

	useLayoutEffect(() => {
		const element = box.current;
		if (!element || isEmpty) return setTop(0);
		const watch = new ResizeObserver(() => setHeight(element.clientHeight));
		watch.observe(element);
		return () => watch.disconnect();
	}, [isEmpty]);

	useLayoutEffect(() => {
		const element = box.current;
		const was = before.current;
		before.current = newest;
		if (!element || newest === was || element.scrollTop < ROW) return;
		let fresh = 0;
		for (let at = lines.length - 1; at >= 0 && (lines[at]?.seq ?? 0) > was; at--) fresh++;
		element.scrollTop += fresh * ROW;
	}, [lines, newest]);

	const isAtTop = top < ROW;
	if (isAtTop) seen.current = newest;
	let unseen = 0;
	if (!isAtTop) for (let at = lines.length - 1; at >= 0 && (lines[at]?.seq ?? 0) > seen.current; at--) unseen++;

	const count = lines.length;
	const from = Math.max(0, Math.floor(top / ROW) - OVERSCAN);
	const to = Math.min(count, Math.ceil((top + height) / ROW) + OVERSCAN);
	const shown: { line: LogLine; index: number }[] = [];
	for (let index = from; index < to; index++) {
		const line = lines[count - 1 - index];
		if (line) shown.push({ line, index });
	}

	const names = COLUMNS.map((column) => (
		<span key={column} role={isEmpty ? undefined : "columnheader"} className={`hw-log__col-${column}`}>
			{t(column)}
		</span>
	));
	const looks = `hw-log${hasDomain ? "" : " hw-log--one"}`;
	if (isEmpty) {
		return (
			<div className={looks}>
				<div className="hw-log__top" aria-hidden="true">
					<div className="hw-log__row hw-log__row--head">{names}</div>
				</div>
				<div className="hw-log__box">{children}</div>
			</div>
		);
	}
	return (
		<div className={looks}>
			<div role="table" aria-label={t("table")} aria-rowcount={count + 1}>
				<div role="rowgroup" className="hw-log__top">
					<div role="row" aria-rowindex={1} className="hw-log__row hw-log__row--head">
						{names}
					</div>
				</div>
				<div
					className="hw-log__box"
					role="rowgroup"
					ref={box}
					// biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keyboard
					tabIndex={0}
					onScroll={(event) => setTop(event.currentTarget.scrollTop)}
				>
					<div role="presentation" className="hw-log__all" style={{ height: count * ROW }}>
						{shown.map(({ line, index }) => (
							<Row key={line.seq} line={line} top={index * ROW} index={index} hasDomain={hasDomain} onOpen={onOpen} />
						))}
					</div>
				</div>
			</div>
			{unseen > 0 && (
				<button type="button" className="hw-log__newer" onClick={() => box.current?.scrollTo({ top: 0 })}>
					<ArrowUpIcon aria-hidden="true" />
					{t("toNewest", { count: number(unseen) })}
				</button>
			)}
		</div>
	);
}
