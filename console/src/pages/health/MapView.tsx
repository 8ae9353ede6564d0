// The map of a domain: edges, the master's addresses, the hot backup's, and what flows between. Boxes are buttons of the
// page; the arrows are one drawing below them, whose numbers the boxes say, too.
import { useLayoutEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { percent } from "../../i18n/format";
import { healthTexts } from "../../i18n/health";
import { useText } from "../../i18n/i18n";
import { Glyph } from "./Glyph";
import { type Arrow, type Box, type Layout, layoutOf } from "./layout";
import type { AddressNode, EdgeNode, MapModel } from "./map";
import { countdown, latency, rate, stateWords } from "./words";

const EDGES_SHOWN = 8;

interface Props {
	name: string;
	model: MapModel;
	/** Whether requests are known, and what is pulled from addresses. */
	hasFlows: boolean;
	hasPulls: boolean;
	/** The edge that alone is looked at. */
	scope?: string;
	onScope: (edge: string | undefined) => void;
	/** The key of the address whose details are shown. */
	selected?: string;
	onSelect: (key: string | undefined) => void;
	/** How long ago, in milliseconds, states were told. */
	ageMs: number;
	hasBucket: boolean;
}

function useWidth(): [React.RefObject<HTMLElement>, number] {
	const ref = useRef<HTMLElement>(null);
	const [width, setWidth] = useState(0);
	useLayoutEffect(() => {
		const element = ref.current;
		if (!element) return;
		setWidth(Math.floor(element.clientWidth));
		const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
		observer.observe(element);
		return () => observer.disconnect();
	}, []);
	return [ref, width];
}

const placed = ({ x, y, width, height }: Box) => ({ left: x, top: y, width, height });
const thickness = (pulls: number) => 1.5 + Math.min(4, Math.log10(1 + pulls) * 1.8);
/** How long a dash takes for its way; a busy arrow is a quick one. */
const pace = (pulls: number) => `${Math.max(0.5, 2.4 - Math.log10(1 + pulls)).toFixed(2)}s`;

function ArrowLine({
	arrow,
	node,
	isActive,
	isStill,
}: {
	arrow: Arrow;
	node: AddressNode;
	isActive: boolean;
	isStill: boolean;
}) {
	const { x, y } = arrow.head;
	const isBlocked = node.view.word === "blocked" && !node.view.on;
	const flows = node.flow.pulls > 0;
	const tone = flows || isBlocked ? node.view.tone : "idle";
	const failing = node.flow.failures > 0 && node.flow.failures >= node.flow.pulls / 2 ? "bad" : tone;
	return (
		<g className={`hw-arrow hw-arrow--${failing}${isActive ? "" : " hw-arrow--standby"}`}>
			<path className="hw-arrow__line" d={arrow.path} strokeWidth={thickness(node.flow.pulls)} />
			{flows && !isStill && (
				<path
					className="hw-arrow__flow"
					d={arrow.path}
					strokeWidth={2}
					style={{ animationDuration: pace(node.flow.pulls) }}
				/>
			)}
			{isBlocked ? (
				<path className="hw-arrow__stop" d={`M${x - 13} ${y - 5}l10 10M${x - 3} ${y - 5}l-10 10`} />
			) : (
				<path className="hw-arrow__head" d={`M${x - 2} ${y}l-9 -5v10z`} />
			)}
		</g>
	);
}

function Pill({ arrow, node, hasFlows }: { arrow: Arrow; node: AddressNode; hasFlows: boolean }) {
	const t = useText(healthTexts);
	const { x, y } = arrow.label;
	const { pulls, failures } = node.flow;
	const tone = pulls === 0 ? "idle" : failures === 0 ? "busy" : failures < pulls / 2 ? "warn" : "bad";
	return (
		<span className={`hw-map__pill hw-map__pill--${tone}`} style={{ left: x, top: y }} aria-hidden="true">
			{hasFlows ? t("perSecond", { rate: rate(node.flow.pulls) }) : "–"}
		</span>
	);
}

function AddressBox({
	node,
	box,
	layout,
	ageMs,
	isSelected,
	onSelect,
}: {
	node: AddressNode;
	box: Box;
	layout: Layout;
	ageMs: number;
	isSelected: boolean;
	onSelect: Props["onSelect"];
}) {
	const t = useText(healthTexts);
	const { view } = node;
	const left = view.leftMs === undefined ? undefined : Math.max(0, view.leftMs - ageMs);
	const whole = node.sinceMs && left !== undefined ? Date.now() - node.sinceMs + left : undefined;
	const state = stateWords(node, t);
	const isBlocked = view.word === "blocked";
	return (
		<button
			type="button"
			className={`hw-map__node hw-map__node--${view.tone}${isSelected ? " hw-map__node--selected" : ""}`}
			style={placed(box)}
			aria-pressed={isSelected}
			title={`${node.address}\n${t(`${view.word}Hint`)}`}
			onClick={() => onSelect(isSelected ? undefined : node.key)}
		>
			<Glyph word={view.word} tone={view.tone} />
			<span className="hw-map__address">{node.address}</span>
			{node.weight !== 1 && <span className="hw-map__weight">×{node.weight}</span>}
			<span className="hw-map__state">
				{/* Where there is little room, the shape and the time that is left say it. */}
				<span className={layout.isDense && isBlocked ? "hw-unseen" : "hw-map__word"}>
					{layout.isDense && view.on ? t(view.word) : state}
				</span>
				{isBlocked && left !== undefined && <span className="hw-map__left hw-number">{countdown(left)}</span>}
				{!isBlocked && view.latencyUs !== undefined && !layout.isDense && (
					<span className="hw-map__latency hw-number">{latency(view.latencyUs)}</span>
				)}
			</span>
			<span className="hw-unseen">
				{t("describeNode", {
					role: t(node.role),
					pulls: rate(node.flow.pulls),
					failures: rate(node.flow.failures),
				})}
			</span>
			{isBlocked && left !== undefined && whole ? (
				<span className="hw-map__rest" style={{ width: `${Math.min(100, (left / whole) * 100)}%` }} />
			) : null}
		</button>
	);
}

function EdgeBox({
	edge,
	box,
	isScope,
	isDimmed,
	isAlone,
	hasFlows,
	onScope,
}: {
	edge: EdgeNode;
	box: Box;
	isScope: boolean;
	isDimmed: boolean;
	isAlone: boolean;
	hasFlows: boolean;
	onScope: Props["onScope"];
}) {
	const t = useText(healthTexts);
	const { flow } = edge;
	const inside = (
		<>
			<span className="hw-map__edge-name">
				<svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true" className="hw-map__edge-icon">
					<rect x="1.5" y="2.5" width="15" height="5.4" rx="1.5" />
					<rect x="1.5" y="10.1" width="15" height="5.4" rx="1.5" />
					<path d="M4.3 5.2h.1M4.3 12.8h.1M8 5.2h5.4M8 12.8h5.4" />
				</svg>
				<span className="hw-map__address">{edge.id}</span>
				{!edge.isConnected && <span className="hw-map__away">{t("away")}</span>}
			</span>
			<span className="hw-map__edge-flow hw-number">
				<span>{hasFlows ? t("reqs", { rate: rate(flow.requests) }) : "–"}</span>
				{!isAlone && edge.exceptional > 0 && (
					<span className="hw-map__edge-bad">{t("edgeExceptional", { count: edge.exceptional })}</span>
				)}
			</span>
			{isAlone && (
				<span className="hw-map__edge-more hw-number">
					{hasFlows && flow.requests > 0 && <span>{t("hits", { ratio: percent(flow.hits / flow.requests, 0) })}</span>}
					{hasFlows && <span>{t("pullsOf", { rate: rate(flow.pulls) })}</span>}
				</span>
			)}
		</>
	);
	const looks = `hw-map__edge${isScope ? " hw-map__edge--selected" : ""}${isDimmed ? " hw-map__edge--dimmed" : ""}${
		edge.isConnected ? "" : " hw-map__edge--away"
	}`;
	if (isAlone) {
		return (
			<div className={looks} style={placed(box)}>
				{inside}
			</div>
		);
	}
	return (
		<button
			type="button"
			className={looks}
			style={placed(box)}
			aria-pressed={isScope}
			title={t("onlyEdge", { edge: edge.id })}
			onClick={() => onScope(isScope ? undefined : edge.id)}
		>
			{inside}
		</button>
	);
}

function GroupBox({ box, title, note, tone }: { box: Box; title: string; note?: string; tone?: string }) {
	return (
		<div className={`hw-map__group${tone ? ` hw-map__group--${tone}` : ""}`} style={placed(box)}>
			<h3>{title}</h3>
			{note && <span className={`hw-tag hw-tag--${tone ?? "idle"}`}>{note}</span>}
		</div>
	);
}

/** The worst ones first, so that what does not fit is what needs no look. */
function shownEdges(edges: readonly EdgeNode[], scope?: string): EdgeNode[] {
	if (edges.length <= EDGES_SHOWN) return [...edges];
	const order = (edge: EdgeNode) => (edge.id === scope ? 0 : edge.exceptional > 0 ? 1 : edge.isConnected ? 3 : 2);
	return [...edges].sort((a, b) => order(a) - order(b) || b.flow.requests - a.flow.requests).slice(0, EDGES_SHOWN);
}

export function MapView({
	name,
	model,
	hasFlows,
	hasPulls,
	scope,
	onScope,
	selected,
	onSelect,
	ageMs,
	hasBucket,
}: Props) {
	const t = useText(healthTexts);
	const [ref, width] = useWidth();
	const edges = shownEdges(model.edges, scope);
	const hidden = model.edges.length - edges.length;
	const layout = layoutOf(width, Math.max(1, edges.length), model.masters.length, model.backups?.length ?? 0);
	const isFailingOver = (model.backups ?? []).some((node) => node.flow.pulls > 0) || model.verdict === "backupAnswers";
	const all = [
		...model.masters.map((node, index) => ({
			node,
			box: layout.master.rows[index],
			arrow: layout.master.arrows[index],
		})),
		...(model.backups ?? []).map((node, index) => ({
			node,
			box: layout.backup.rows[index],
			arrow: layout.backup.arrows[index],
		})),
	];
	return (
		<section
			ref={ref}
			className={`hw-map${layout.isDense ? " hw-map--dense" : ""}${layout.isNarrow ? " hw-map--narrow" : ""}`}
			style={{ height: layout.height }}
			aria-label={t("mapOf", { name })}
		>
			{width > 0 && (
				<>
					<GroupBox box={layout.master.box} title={t("master")} />
					<GroupBox
						box={layout.backup.box}
						title={t("backup")}
						note={
							model.backups
								? t(model.verdict === "backupAnswers" ? "answering" : isFailingOver ? "taking" : "standby")
								: undefined
						}
						tone={model.backups ? (isFailingOver ? "busy" : "idle") : "none"}
					/>
					<svg className="hw-map__arrows" width={layout.width} height={layout.height} aria-hidden="true">
						{layout.joins.map((path, index) => (
							<path
								key={edges[index]?.id}
								d={path}
								className={`hw-arrow__join${scope !== undefined && edges[index]?.id !== scope ? " hw-arrow__join--dimmed" : ""}`}
								strokeWidth={thickness(edges[index]?.flow.pulls ?? 0)}
							/>
						))}
						{layout.hub && <circle cx={layout.hub.x} cy={layout.hub.y} r="5" className="hw-arrow__hub" />}
						{all.map(
							({ node, arrow }) =>
								arrow && (
									<ArrowLine
										key={node.key}
										arrow={arrow}
										node={node}
										isActive={node.role === "master" || isFailingOver}
										isStill={layout.isDense}
									/>
								),
						)}
					</svg>
					{edges.map((edge, index) => {
						const box = layout.edges[index];
						return (
							box && (
								<EdgeBox
									key={edge.id}
									edge={edge}
									box={box}
									isScope={edge.id === scope}
									isDimmed={scope !== undefined && edge.id !== scope}
									isAlone={model.edges.length === 1}
									hasFlows={hasFlows}
									onScope={onScope}
								/>
							)
						);
					})}
					{edges.length === 0 && layout.edges[0] && (
						<div className="hw-map__edge hw-map__edge--away" style={placed(layout.edges[0])}>
							<span className="hw-map__edge-name">{t("away")}</span>
						</div>
					)}
					{all.map(
						({ node, box, arrow }) =>
							box &&
							arrow && (
								<span key={node.key}>
									<AddressBox
										node={node}
										box={box}
										layout={layout}
										ageMs={ageMs}
										isSelected={selected === node.key}
										onSelect={onSelect}
									/>
									<Pill arrow={arrow} node={node} hasFlows={hasPulls} />
								</span>
							),
					)}
					{!model.backups && (
						<div
							className="hw-map__nobackup"
							style={{
								left: layout.backup.box.x + 16,
								top: layout.backup.box.y + 40,
								width: layout.backup.box.width - 32,
							}}
						>
							<p>{t(hasBucket ? "noBackupBucket" : "noBackupHint")}</p>
							{!hasBucket && <Link to="../basic">{t("toBasic")}</Link>}
						</div>
					)}
					{hidden > 0 && (
						<p
							className="hw-map__hidden"
							style={{
								left: 0,
								top: (layout.edges.at(-1)?.y ?? 0) + (layout.edges.at(-1)?.height ?? 0) + 4,
								width: layout.edges[0]?.width,
							}}
						>
							{t("moreEdges", { count: hidden })}
						</p>
					)}
				</>
			)}
		</section>
	);
}
