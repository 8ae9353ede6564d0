// The state of an address as a shape, so that it is told apart without its colour.
import type { StateWord } from "../origin/states";

const SHAPES: Record<StateWord, React.ReactNode> = {
	serving: (
		<>
			<circle cx="8" cy="8" r="7" className="hw-glyph__fill" />
			<path d="M4.8 8.2l2.2 2.2 4.2-4.6" className="hw-glyph__mark" />
		</>
	),
	blocked: (
		<>
			<path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" className="hw-glyph__fill" />
			<path d="M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2" className="hw-glyph__mark" />
		</>
	),
	probing: (
		<>
			<path d="M8 1.2l7.2 13.3H.8z" className="hw-glyph__fill" strokeLinejoin="round" />
			<path d="M8 6v4M8 12.2v.2" className="hw-glyph__mark" />
		</>
	),
	trial: (
		<>
			<path d="M8 .8L15.2 8 8 15.2.8 8z" className="hw-glyph__fill" />
			<path d="M6.4 6.4a1.7 1.7 0 113 1.2c-.8.6-1.3.9-1.3 1.5M8.1 11.2v.2" className="hw-glyph__mark" />
		</>
	),
	ramping: (
		<>
			<circle cx="8" cy="8" r="6.2" className="hw-glyph__ring" />
			<path d="M8 11V5.2M5.4 7.4L8 4.9l2.6 2.5" className="hw-glyph__line" />
		</>
	),
	drained: (
		<>
			<circle cx="8" cy="8" r="6.2" className="hw-glyph__ring" />
			<path d="M5.2 8h5.6" className="hw-glyph__line" />
		</>
	),
	unused: <circle cx="8" cy="8" r="6.2" className="hw-glyph__ring" />,
	unknown: <circle cx="8" cy="8" r="6.2" className="hw-glyph__ring" strokeDasharray="2.4 2.4" />,
};

export function Glyph({ word, tone }: { word: StateWord; tone: string }) {
	return (
		<svg className={`hw-glyph hw-glyph--${tone}`} width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
			{SHAPES[word]}
		</svg>
	);
}
