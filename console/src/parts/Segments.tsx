// One of a few that stand side by side, such as how something is shown; arrows go from one to the next.
import { useId } from "react";

interface Props<V extends string> {
	label: string;
	value: V;
	options: readonly { value: V; label: string; title?: string }[];
	onChange: (value: V) => void;
}

export function Segments<V extends string>({ label, value, options, onChange }: Props<V>) {
	const name = useId();
	return (
		<div className="hw-segments" role="radiogroup" aria-label={label}>
			{options.map((option) => (
				<label key={option.value} className="hw-segments__one" title={option.title}>
					<input
						type="radio"
						name={name}
						value={option.value}
						checked={option.value === value}
						onChange={() => onChange(option.value)}
					/>
					<span>{option.label}</span>
				</label>
			))}
		</div>
	);
}
