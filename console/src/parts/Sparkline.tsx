// A little line of numbers over time, with the words for those who do not see it.

const WIDTH = 96;
const HEIGHT = 26;

export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
	const most = Math.max(...values, 1);
	const step = WIDTH / Math.max(1, values.length - 1);
	const points = values.map(
		(value, at) => `${(at * step).toFixed(1)},${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`,
	);
	return (
		<svg
			className={`hw-spark${most === 1 && !values.some(Boolean) ? " hw-spark--none" : ""}`}
			width={WIDTH}
			height={HEIGHT}
			viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
			role="img"
			aria-label={label}
		>
			<title>{label}</title>
			<polygon className="hw-spark__area" points={`0,${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`} />
			<polyline className="hw-spark__line" points={points.join(" ")} />
		</svg>
	);
}
