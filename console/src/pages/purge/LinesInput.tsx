// Values, one on each line, with the numbers of the lines beside them; those that are wrong are marked.
import { useRef } from "react";
import { useWiring } from "../../parts/Field";

interface Props {
	value: string;
	onChange: (value: string) => void;
	/** The numbers of the lines that are wrong. */
	wrong: ReadonlySet<number>;
	placeholder?: string;
	disabled?: boolean;
}

export function LinesInput({ value, onChange, wrong, placeholder, disabled }: Props) {
	const wiring = useWiring();
	const gutter = useRef<HTMLDivElement>(null);
	const count = Math.min(value.split("\n").length, 2000);
	return (
		<div className={`hw-lines${wiring["aria-invalid"] ? " hw-lines--wrong" : ""}`}>
			<div className="hw-lines__gutter" ref={gutter} aria-hidden="true">
				<div>
					{Array.from({ length: count }, (_, index) => (
						// biome-ignore lint/suspicious/noArrayIndexKey: a line is its number
						<span key={index} className={wrong.has(index + 1) ? "hw-lines__wrong" : undefined}>
							{index + 1}
						</span>
					))}
				</div>
			</div>
			<textarea
				{...wiring}
				className="hw-lines__text"
				rows={6}
				wrap="off"
				spellCheck={false}
				autoCapitalize="none"
				autoComplete="off"
				placeholder={placeholder}
				disabled={disabled}
				value={value}
				onChange={(event) => onChange(event.target.value)}
				onScroll={(event) => {
					if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
				}}
			/>
		</div>
	);
}
