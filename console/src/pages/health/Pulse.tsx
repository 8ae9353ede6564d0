// A small line of the last two minutes, second by second; what was not listened to is a gap.
interface Props {
	line: readonly (number | null)[];
	label: string;
}

const WIDTH = 160;
const HEIGHT = 36;

export function Pulse({ line, label }: Props) {
	const most = Math.max(1, ...line.map((value) => value ?? 0));
	const at = (index: number) => (index / Math.max(1, line.length - 1)) * WIDTH;
	const up = (value: number) => HEIGHT - 2 - (value / most) * (HEIGHT - 5);
	const runs: [number, number][][] = [];
	line.forEach((value, index) => {
		if (value === null) return;
		const run = runs.at(-1);
		if (run && index > 0 && line[index - 1] !== null) run.push([at(index), up(value)]);
		else runs.push([[at(index), up(value)]]);
	});
	const path = (run: [number, number][]) =>
		run.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
	return (
		<svg
			className="hw-pulse"
			viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
			preserveAspectRatio="none"
			role="img"
			aria-label={label}
		>
			<title>{label}</title>
			{runs.map((run) => (
				<g key={run[0]?.[0]}>
					<path
						className="hw-pulse__area"
						d={`${path(run)}L${run.at(-1)?.[0] ?? 0} ${HEIGHT}L${run[0]?.[0] ?? 0} ${HEIGHT}Z`}
					/>
					<path className="hw-pulse__line" d={path(run)} />
				</g>
			))}
		</svg>
	);
}
