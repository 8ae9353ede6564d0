// Pure. Where the parts of the map stand: edges, the master's addresses and the backup's in three columns with arrows
// between, or one below another where there is little room. All in pixels.

export interface Box {
	x: number;
	y: number;
	width: number;
	height: number;
}
export interface Arrow {
	/** Of an SVG path, from where it comes to its head. */
	path: string;
	head: { x: number; y: number };
	/** The middle of its label. */
	label: { x: number; y: number };
}
export interface Group {
	box: Box;
	rows: Box[];
	arrows: Arrow[];
}
export interface Layout {
	width: number;
	height: number;
	isNarrow: boolean;
	/** Rows of one line. */
	isDense: boolean;
	edges: Box[];
	/** From each edge to where they come together; none with one edge. */
	joins: string[];
	hub?: { x: number; y: number };
	master: Group;
	/** Also where there is none: room to say so. */
	backup: Group;
}

export const NARROW = 780;
const DENSE = 8;
const HEAD = 40;
const PAD = 12;
const GAP = 8;
const PILL = 68;
/** How far down the edges stand at most, so that they are seen without scrolling. */
const ANCHOR = 190;

const rowHeight = (isDense: boolean) => (isDense ? 32 : 60);
const gapOf = (isDense: boolean) => (isDense ? 6 : GAP);
const groupHeight = (count: number, isDense: boolean) =>
	HEAD + PAD + count * rowHeight(isDense) + Math.max(0, count - 1) * gapOf(isDense) + PAD / 2;

function groupAt(
	x: number,
	y: number,
	width: number,
	count: number,
	isDense: boolean,
	least: number,
): Omit<Group, "arrows"> {
	const height = Math.max(groupHeight(count, isDense), least);
	const rows = Array.from({ length: count }, (_, index) => ({
		x: x + PAD,
		y: y + HEAD + index * (rowHeight(isDense) + gapOf(isDense)),
		width: width - 2 * PAD,
		height: rowHeight(isDense),
	}));
	return { box: { x, y, width, height }, rows };
}

/** A curve that leaves and comes level, its last part straight for the label. */
function curve(fromX: number, fromY: number, toX: number, toY: number): Arrow {
	const straight = toX - PILL - 26;
	const bend = Math.max(18, (straight - fromX) / 2);
	return {
		path: `M${fromX} ${fromY}C${fromX + bend} ${fromY} ${straight - bend} ${toY} ${straight} ${toY}H${toX - 6}`,
		head: { x: toX, y: toY },
		label: { x: toX - 18 - PILL / 2, y: toY },
	};
}

/** The same with corners, so that many of them share one trunk. */
function corner(fromX: number, fromY: number, toX: number, toY: number): Arrow {
	const x = fromX + 22;
	const round = Math.min(10, Math.abs(toY - fromY) / 2);
	const down = toY > fromY ? 1 : -1;
	const way =
		round < 1
			? ""
			: `H${x - round}Q${x} ${fromY} ${x} ${fromY + down * round}V${toY - down * round}Q${x} ${toY} ${x + round} ${toY}`;
	return { ...curve(fromX, fromY, toX, toY), path: `M${fromX} ${fromY}${way}H${toX - 6}` };
}

const middle = (box: Box) => box.y + box.height / 2;

function wide(width: number, edges: number, masters: number, backups: number): Layout {
	const isDense = Math.max(masters, backups) > DENSE;
	const edgeHeight = edges === 1 ? 112 : 62;
	const edgeWidth = Math.min(210, Math.max(168, width * 0.17));
	const hubRoom = edges > 1 ? 44 : 0;
	const gap = Math.min(150, Math.max(124, width * 0.115));
	const column = (width - edgeWidth - hubRoom - 2 * gap) / 2;
	const edgesHeight = edges * edgeHeight + (edges - 1) * GAP;
	const height = Math.max(groupHeight(masters, isDense), backups ? groupHeight(backups, isDense) : 0, edgesHeight, 170);
	const anchor = Math.min(height / 2, ANCHOR);
	const from = (tall: number) => Math.max(0, Math.min(anchor - tall / 2, height - tall));
	const edgesFrom = from(edgesHeight);
	const boxes = Array.from({ length: edges }, (_, index) => ({
		x: 0,
		y: edgesFrom + index * (edgeHeight + GAP),
		width: edgeWidth,
		height: edgeHeight,
	}));
	const hub = edges > 1 ? { x: edgeWidth + hubRoom, y: anchor } : undefined;
	const joins = hub
		? boxes.map((box) => {
				const half = (hub.x - edgeWidth) / 2;
				return `M${edgeWidth} ${middle(box)}C${edgeWidth + half} ${middle(box)} ${hub.x - half} ${hub.y} ${hub.x} ${hub.y}`;
			})
		: [];
	const masterX = edgeWidth + hubRoom + gap;
	const masterTall = groupHeight(masters, isDense);
	const master = groupAt(masterX, from(masterTall), column, masters, isDense, 0);
	const least = backups ? 0 : 148;
	const backupX = masterX + column + gap;
	const backupTall = Math.max(groupHeight(backups, isDense), least);
	const backup = groupAt(backupX, from(backupTall), column, backups, isDense, least);
	const start = hub ?? { x: edgeWidth, y: middle(boxes[0] ?? { x: 0, y: 0, width: 0, height: 2 * anchor }) };
	const side = {
		x: masterX + column,
		y: Math.min(Math.max(anchor, master.box.y + 24), master.box.y + master.box.height - 24),
	};
	const line = isDense ? corner : curve;
	return {
		width,
		height: Math.max(height, backup.box.y + backup.box.height),
		isNarrow: false,
		isDense,
		edges: boxes,
		joins,
		hub,
		master: { ...master, arrows: master.rows.map((row) => line(start.x, start.y, row.x, middle(row))) },
		backup: { ...backup, arrows: backup.rows.map((row) => line(side.x, side.y, row.x, middle(row))) },
	};
}

/** A line that goes down from a trunk and bends into a row. */
function branch(x: number, fromY: number, row: Box): Arrow {
	const y = middle(row);
	return {
		path: `M${x} ${fromY}V${y - 10}Q${x} ${y} ${x + 10} ${y}H${row.x - 6}`,
		head: { x: row.x, y },
		// Beside the state, below the address.
		label: { x: row.x + row.width - PILL / 2 - 8, y: y + 11 },
	};
}

function narrow(width: number, edges: number, masters: number, backups: number): Layout {
	const isDense = false;
	const trunk = 34;
	const edgeHeight = edges === 1 ? 84 : 62;
	const boxes = Array.from({ length: edges }, (_, index) => ({
		x: 0,
		y: index * (edgeHeight + GAP),
		width,
		height: edgeHeight,
	}));
	const edgesEnd = edges * edgeHeight + (edges - 1) * GAP;
	const shift = (group: Omit<Group, "arrows">) => ({
		...group,
		rows: group.rows.map((row) => ({ ...row, x: row.x + trunk - PAD, width: row.width - trunk + PAD })),
	});
	const master = shift(groupAt(0, edgesEnd + 30, width, masters, isDense, 0));
	const masterEnd = master.box.y + master.box.height;
	const backup = shift(groupAt(0, masterEnd + 30, width, backups, isDense, backups ? 0 : 130));
	return {
		width,
		height: backup.box.y + backup.box.height,
		isNarrow: true,
		isDense,
		edges: boxes,
		joins: [],
		master: { ...master, arrows: master.rows.map((row) => branch(14, edgesEnd, row)) },
		backup: { ...backup, arrows: backup.rows.map((row) => branch(14, masterEnd, row)) },
	};
}

/** Where everything stands. `backups` is 0 where there is no hot backup. */
export function layoutOf(width: number, edges: number, masters: number, backups: number): Layout {
	return (width < NARROW ? narrow : wide)(Math.max(width, 280), edges, masters, backups);
}
